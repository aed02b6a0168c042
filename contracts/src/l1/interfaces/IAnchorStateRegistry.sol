// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Which claims count
/// @notice Says of a game whether its claim may pay withdrawals, keeps the newest claim that does (the anchor), and
/// holds what the guardian may do: pause, once in 90 days and for at most 7, and refuse single games while paused.
/// Source: OP specification, anchor state registry; limits of the guardian are our own.
/// @dev Warning: the guardian can delay and cannot confirm. The owner decides which kind of game counts; it must be a
/// timelock.
interface IAnchorStateRegistry {
    /// @notice Where dispute games start before any claim has become the anchor.
    /// @param root Output root.
    /// @param l2BlockNumber L2 block of the root.
    /// @param cursor Hash of the derivation cursor after that block; zero while no game claims one.
    struct Start {
        bytes32 root;
        uint64 l2BlockNumber;
        bytes32 cursor;
    }

    /// @notice The caller is not the guardian.
    error AnchorStateRegistryNotGuardian(address caller);

    /// @notice The guardian has paused less than 90 days ago; it may again at `allowedAt`, in unix seconds.
    error AnchorStateRegistryPauseUsed(uint64 allowedAt);

    /// @notice Games may be refused only while withdrawals are paused.
    error AnchorStateRegistryNotPaused();

    /// @notice The game is not a valid claim, or not newer than the anchor.
    error AnchorStateRegistryInvalidAnchorGame(address game);

    /// @notice The start was set before, or has a zero root.
    error AnchorStateRegistryInvalidStart();

    /// @notice The anchor moved to the claim of `game`.
    event AnchorUpdated(address indexed game);

    /// @notice The owner set a new start.
    event StartSet(bytes32 indexed root, uint64 indexed l2BlockNumber, bytes32 cursor);

    /// @notice Another kind of game counts from now on.
    event RespectedGameTypeSet(uint32 gameType);

    /// @notice Games made at or before `timestamp` no longer count.
    event RetirementTimestampSet(uint256 timestamp);

    /// @notice The guardian refused a game.
    event DisputeGameBlacklisted(address indexed disputeGame);

    /// @notice Withdrawals are paused until `until`, in unix seconds.
    event Paused(uint64 until);

    /// @notice Withdrawals are no longer paused.
    event Unpaused();

    /// @notice There is a new guardian.
    event GuardianSet(address indexed guardian);

    /// @notice Sets everything once, behind a proxy. Games made up to now do not count.
    function initialize(address owner, address guardian, uint32 respectedGameType, Start calldata start) external;

    /// @notice Makes the claim of `game` the anchor. Anyone, if it is valid and of a newer L2 block.
    function setAnchorState(address game) external;

    /// @notice Sets root, block and cursor from which games of the next kind start. Only the owner, and once.
    function setStart(Start calldata start) external;

    /// @notice Sets the kind of game that counts. Only the owner.
    function setRespectedGameType(uint32 gameType) external;

    /// @notice Makes all games made up to now count no more. Only the owner.
    function updateRetirementTimestamp() external;

    /// @notice Sets the guardian. Only the owner.
    function setGuardian(address guardian) external;

    /// @notice Pauses proving and finalizing for 7 days. Only the guardian, once in 90 days.
    function pause() external;

    /// @notice Ends a pause early. Only the guardian.
    function unpause() external;

    /// @notice Refuses a game for good. Only the guardian, and only while paused: so a guardian, however hostile,
    /// holds up an exit for at most the pause and the time of one new game.
    function blacklistDisputeGame(address game) external;

    /// @notice Whether proving and finalizing are paused now.
    function paused() external view returns (bool);

    /// @notice Unix seconds at which the last pause ends or ended.
    function pausedUntil() external view returns (uint64);

    /// @notice Who may pause and refuse games.
    function guardian() external view returns (address);

    /// @notice The factory whose games count.
    function disputeGameFactory() external view returns (address);

    /// @notice Seconds between the end of a game and the first withdrawal by it.
    function disputeGameFinalityDelaySeconds() external view returns (uint256);

    /// @notice Kind of game that counts.
    function respectedGameType() external view returns (uint32);

    /// @notice Games made at or before this time do not count.
    function retirementTimestamp() external view returns (uint64);

    /// @notice Whether the guardian refused the game.
    function disputeGameBlacklist(address game) external view returns (bool);

    /// @notice The game whose claim is the anchor; zero while the start is.
    function anchorGame() external view returns (address);

    /// @notice Root and L2 block of the anchor.
    function getAnchorRoot() external view returns (bytes32 root, uint256 l2BlockNumber);

    /// @notice The same for every kind of game.
    function anchors(uint32 gameType) external view returns (bytes32 root, uint256 l2BlockNumber);

    /// @notice Hash of the derivation cursor after the anchor; zero while no game claims one.
    function anchorCursor() external view returns (bytes32);

    /// @notice What a new game checks itself against, in one read: the kind that counts, and the anchor's block.
    function gameContext() external view returns (uint32 respectedGameType, uint64 anchorBlock);

    /// @notice The factory made this game.
    function isGameRegistered(address game) external view returns (bool);

    /// @notice Games of its kind counted when it was made.
    function isGameRespected(address game) external view returns (bool);

    /// @notice The guardian refused it.
    function isGameBlacklisted(address game) external view returns (bool);

    /// @notice It was made too early.
    function isGameRetired(address game) external view returns (bool);

    /// @notice It has ended.
    function isGameResolved(address game) external view returns (bool);

    /// @notice Registered, neither refused nor retired, and there is no pause.
    function isGameProper(address game) external view returns (bool);

    /// @notice It has ended longer ago than the finality delay.
    function isGameFinalized(address game) external view returns (bool);

    /// @notice Proper, respected, finalized and won by the claim: it may pay.
    function isGameClaimValid(address game) external view returns (bool);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
