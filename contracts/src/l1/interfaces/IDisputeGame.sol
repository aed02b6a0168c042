// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {GameStatus} from "../types/Types.sol";

/// @title A claim of an output root that can be disputed
/// @notice A clone made by the factory; what it claims stands in its code.
/// Source: OP specification, dispute game interface.
interface IDisputeGame {
    /// @notice The game ended with `status`.
    event Resolved(GameStatus indexed status);

    /// @notice Starts the game with the bond sent along; once, called by the factory which made it.
    function initialize() external payable;

    /// @notice Ends the game once its rules allow it; anyone may call.
    function resolve() external returns (GameStatus status);

    /// @notice Kind of game.
    function gameType() external view returns (uint32);

    /// @notice Who claims.
    function gameCreator() external view returns (address);

    /// @notice The output root that is claimed.
    function rootClaim() external view returns (bytes32);

    /// @notice Hash of the L1 block up to which the claim derives.
    function l1Head() external view returns (bytes32);

    /// @notice What the creator gave beside the root: the L2 block number as one ABI word, then possibly a salt.
    function extraData() external view returns (bytes memory);

    /// @notice Kind, root and extra data, by which the factory knows the game.
    function gameData() external view returns (uint32 gameType, bytes32 rootClaim, bytes memory extraData);

    /// @notice L2 block that the root is claimed of.
    function l2BlockNumber() external view returns (uint256);

    /// @notice The same as `l2BlockNumber`.
    function l2SequenceNumber() external view returns (uint256);

    /// @notice Where the game stands.
    function status() external view returns (GameStatus);

    /// @notice Unix seconds of creation; zero before.
    function createdAt() external view returns (uint64);

    /// @notice Unix seconds of the end; zero before.
    function resolvedAt() external view returns (uint64);

    /// @notice Whether withdrawals could be proven by games of this kind when it was made.
    function wasRespectedGameTypeWhenCreated() external view returns (bool);

    /// @notice Hash of the derivation cursor after the block, zero if this kind of game does not claim one.
    function finalCursor() external view returns (bytes32);
}
