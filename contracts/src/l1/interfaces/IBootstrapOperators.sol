// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Who may claim and who may cancel in bootstrap games
/// @dev Warning: the owner could add a proposer or remove challengers; it must be a timelock. One challenger remains
/// always.
interface IBootstrapOperators {
    /// @notice There would be no challenger left.
    error BootstrapOperatorsNoChallenger();

    /// @notice An account was put on or taken off the list of proposers.
    event ProposerSet(address indexed proposer, bool listed);

    /// @notice An account was put on or taken off the list of challengers.
    event ChallengerSet(address indexed challenger, bool listed);

    /// @notice Puts an account on the list of proposers, or takes it off. Only the owner.
    function setProposer(address proposer, bool listed) external;

    /// @notice Puts an account on the list of challengers, or takes it off. Only the owner.
    function setChallenger(address challenger, bool listed) external;

    /// @notice Whether the account may claim at any time.
    function isProposer(address account) external view returns (bool);

    /// @notice Whether the account may cancel claims.
    function isChallenger(address account) external view returns (bool);

    /// @notice Number of listed challengers, at least one.
    function challengerCount() external view returns (uint256);
}
