// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IDisputeGame} from "./IDisputeGame.sol";

/// @title The game of stage 0: challenger and guardian, no fault proof on L1 yet
/// @notice A listed proposer claims under a bond. Until the clock ends a listed challenger may cancel the claim, which
/// burns the bond; after it anyone may resolve it in favour of the claim. Once the listed proposers have been silent
/// for `proposalTimeout`, anyone may propose.
/// @dev Warning: nothing on L1 says whether the root is right. That rests on one listed challenger who derives the
/// chain and is awake within the clock. A challenger cannot confirm anything and cannot act after the clock.
interface IBootstrapGame is IDisputeGame {
    /// @notice Already initialized, or not by the factory.
    error GameNotInitializable();

    /// @notice The claimed root is zero, which no output has.
    error GameRootZero();

    /// @notice The extra data is not one word, or one word and a salt, or the block number has more than 64 bits.
    error GameBadExtraData();

    /// @notice The claimed block is not above the anchor.
    error GameBlockNotNew(uint256 l2Block, uint256 anchorBlock);

    /// @notice The creator is not a listed proposer, and these have not been silent long enough.
    error GameProposerNotListed(address proposer);

    /// @notice The caller is not a listed challenger.
    error GameChallengerNotListed(address challenger);

    /// @notice The game has ended.
    error GameNotInProgress();

    /// @notice The clock ended at `end`.
    error GameClockExpired(uint64 end);

    /// @notice The clock ends only at `end`.
    error GameClockNotExpired(uint64 end);

    /// @notice There is nothing to claim: the game was not won, the bond has left, or it is not the recipient's.
    error NoCreditToClaim();

    /// @notice Refuses the claim and burns the bond. Only a listed challenger, before the clock ends.
    function cancel() external;

    /// @notice Moves the bond of a game that the claim won into `DelayedBonds`, from where the creator gets it.
    /// @param recipient The creator of the game.
    function claimCredit(address recipient) external;

    /// @notice Wei that `claimCredit` would move.
    function credit(address recipient) external view returns (uint256);

    /// @notice Seconds within which a challenger may cancel.
    function maxClockDuration() external view returns (uint64);

    /// @notice Seconds of silence after which anyone may propose.
    function proposalTimeout() external view returns (uint64);

    /// @notice Semantic version of this kind of game.
    function version() external pure returns (string memory);
}
