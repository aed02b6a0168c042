// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Bonds on their way back
/// @notice A game pays bonds in here, and their owners get them after a delay: a flaw in a game that is found within
/// it costs time, not funds. What a refused game paid in stays here for ever.
interface IDelayedBonds {
    /// @notice Nothing is due to this owner from this game.
    error DelayedBondsNothing(address game, address owner);

    /// @notice The bond may leave at `readyAt`, in unix seconds.
    error DelayedBondsNotReady(uint256 readyAt);

    /// @notice Withdrawals of the chain are paused, or the guardian refused the game.
    error DelayedBondsStopped(address game);

    /// @notice The owner refused the ether.
    error DelayedBondsRefused(address owner, uint256 amount);

    /// @notice A game paid in for an owner.
    event Deposited(address indexed game, address indexed owner, uint256 amount);

    /// @notice A bond left to its owner.
    event Withdrawn(address indexed game, address indexed owner, uint256 amount);

    /// @notice Pays in for `owner`; the caller is the game, and the delay starts anew for what it owes this owner.
    function deposit(address owner) external payable;

    /// @notice Sends `owner` what `game` paid in for it. Anyone, after the delay.
    function withdraw(address game, address owner) external;

    /// @notice What a game paid in for an owner, in wei, and when that may leave, in unix seconds.
    function bonds(address game, address owner) external view returns (uint128 amount, uint64 readyAt);

    /// @notice The delay in seconds.
    function delaySeconds() external view returns (uint256);
}
