// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IAnchorStateRegistry} from "./interfaces/IAnchorStateRegistry.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";
import {GameStatus} from "./types/Types.sol";

/// @title AnchorStateRegistry
/// @notice Behind a proxy.
contract AnchorStateRegistry is IAnchorStateRegistry, Ownable, Initializable {
    /* CONSTANTS */

    uint64 private constant PAUSE_SECONDS = 7 days;
    uint64 private constant PAUSE_PERIOD_SECONDS = 90 days;

    /* IMMUTABLES */

    /// @inheritdoc IAnchorStateRegistry
    address public immutable disputeGameFactory;
    /// @inheritdoc IAnchorStateRegistry
    uint256 public immutable disputeGameFinalityDelaySeconds;

    /* STORAGE, slot 0 is the owner's */

    /// @dev Slot 1, which every withdrawal and every new game reads.
    uint64 private _anchorBlock;
    /// @inheritdoc IAnchorStateRegistry
    uint64 public retirementTimestamp;
    uint48 private _pausedAt;
    uint48 private _pausedUntil;
    /// @inheritdoc IAnchorStateRegistry
    uint32 public respectedGameType;

    /// @inheritdoc IAnchorStateRegistry
    mapping(address game => bool refused) public disputeGameBlacklist;
    /// @inheritdoc IAnchorStateRegistry
    address public guardian;
    bool private _startSet;
    /// @inheritdoc IAnchorStateRegistry
    address public anchorGame;
    bytes32 private _anchorRoot;
    /// @inheritdoc IAnchorStateRegistry
    bytes32 public anchorCursor;

    /// @param factory Proxy of the factory whose games count.
    /// @param finalityDelaySeconds Seconds between the end of a game and the first withdrawal by it.
    constructor(address factory, uint256 finalityDelaySeconds) Ownable(address(this)) {
        disputeGameFactory = factory;
        disputeGameFinalityDelaySeconds = finalityDelaySeconds;
        _disableInitializers();
    }

    /// @inheritdoc IAnchorStateRegistry
    function initialize(address owner_, address guardian_, uint32 gameType, Start calldata start) external initializer {
        _transferOwnership(owner_);
        _setGuardian(guardian_);
        _setRespectedGameType(gameType);
        _retire();
        _setStart(start);
    }

    /* ADMIN */

    /// @inheritdoc IAnchorStateRegistry
    function setStart(Start calldata start) external onlyOwner {
        if (_startSet) revert AnchorStateRegistryInvalidStart();
        _startSet = true;
        _setStart(start);
    }

    /// @inheritdoc IAnchorStateRegistry
    function setRespectedGameType(uint32 gameType) external onlyOwner {
        _setRespectedGameType(gameType);
    }

    /// @inheritdoc IAnchorStateRegistry
    function updateRetirementTimestamp() external onlyOwner {
        _retire();
    }

    /// @inheritdoc IAnchorStateRegistry
    function setGuardian(address guardian_) external onlyOwner {
        _setGuardian(guardian_);
    }

    /// @inheritdoc IAnchorStateRegistry
    function pause() external onlyGuardian {
        uint64 again = _pausedAt + PAUSE_PERIOD_SECONDS;
        if (_pausedAt != 0 && block.timestamp < again) revert AnchorStateRegistryPauseUsed(again);
        uint64 until = uint64(block.timestamp) + PAUSE_SECONDS;
        _pausedAt = uint48(block.timestamp);
        _pausedUntil = uint48(until);
        emit Paused(until);
    }

    /// @inheritdoc IAnchorStateRegistry
    function unpause() external onlyGuardian {
        if (!paused()) revert AnchorStateRegistryNotPaused();
        _pausedUntil = uint48(block.timestamp);
        emit Unpaused();
    }

    /// @inheritdoc IAnchorStateRegistry
    function blacklistDisputeGame(address game) external onlyGuardian {
        if (!paused()) revert AnchorStateRegistryNotPaused();
        disputeGameBlacklist[game] = true;
        emit DisputeGameBlacklisted(game);
    }

    /* STATE-CHANGING */

    /// @inheritdoc IAnchorStateRegistry
    function setAnchorState(address game) external {
        if (!isGameClaimValid(game) || IDisputeGame(game).l2SequenceNumber() <= _anchorBlock) {
            revert AnchorStateRegistryInvalidAnchorGame(game);
        }
        anchorGame = game;
        // A valid claim is of a game that took the number as 64 bits.
        _anchorBlock = uint64(IDisputeGame(game).l2SequenceNumber());
        _anchorRoot = IDisputeGame(game).rootClaim();
        anchorCursor = IDisputeGame(game).finalCursor();
        emit AnchorUpdated(game);
    }

    /* VIEW */

    /// @inheritdoc IAnchorStateRegistry
    function paused() public view returns (bool) {
        return block.timestamp < _pausedUntil;
    }

    /// @inheritdoc IAnchorStateRegistry
    function pausedUntil() external view returns (uint64) {
        return _pausedUntil;
    }

    /// @inheritdoc IAnchorStateRegistry
    function getAnchorRoot() public view returns (bytes32 root, uint256 l2BlockNumber) {
        return (_anchorRoot, _anchorBlock);
    }

    /// @inheritdoc IAnchorStateRegistry
    function anchors(uint32) external view returns (bytes32 root, uint256 l2BlockNumber) {
        return getAnchorRoot();
    }

    /// @inheritdoc IAnchorStateRegistry
    function gameContext() external view returns (uint32 gameType, uint64 anchorBlock) {
        return (respectedGameType, _anchorBlock);
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRegistered(address game) public view returns (bool) {
        (uint32 gameType, bytes32 rootClaim, bytes memory extraData) = IDisputeGame(game).gameData();
        (address registered,) = IDisputeGameFactory(disputeGameFactory).games(gameType, rootClaim, extraData);
        return registered == game;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRespected(address game) public view returns (bool) {
        return IDisputeGame(game).wasRespectedGameTypeWhenCreated();
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameBlacklisted(address game) public view returns (bool) {
        return disputeGameBlacklist[game];
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameRetired(address game) public view returns (bool) {
        return IDisputeGame(game).createdAt() <= retirementTimestamp;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameResolved(address game) public view returns (bool) {
        return IDisputeGame(game).resolvedAt() != 0 && IDisputeGame(game).status() != GameStatus.IN_PROGRESS;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameProper(address game) public view returns (bool) {
        return isGameRegistered(game) && !isGameBlacklisted(game) && !isGameRetired(game) && !paused();
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameFinalized(address game) public view returns (bool) {
        return
            isGameResolved(game) && block.timestamp - IDisputeGame(game).resolvedAt() > disputeGameFinalityDelaySeconds;
    }

    /// @inheritdoc IAnchorStateRegistry
    function isGameClaimValid(address game) public view returns (bool) {
        return isGameProper(game) && isGameRespected(game) && isGameFinalized(game)
            && IDisputeGame(game).status() == GameStatus.DEFENDER_WINS;
    }

    /// @inheritdoc IAnchorStateRegistry
    function version() external pure returns (string memory) {
        return "3.5.0";
    }

    /* INTERNAL */

    modifier onlyGuardian() {
        if (msg.sender != guardian) revert AnchorStateRegistryNotGuardian(msg.sender);
        _;
    }

    function _setStart(Start calldata start) private {
        if (start.root == 0) revert AnchorStateRegistryInvalidStart();
        anchorGame = address(0);
        _anchorRoot = start.root;
        _anchorBlock = start.l2BlockNumber;
        anchorCursor = start.cursor;
        emit StartSet(start.root, start.l2BlockNumber, start.cursor);
    }

    function _setRespectedGameType(uint32 gameType) private {
        respectedGameType = gameType;
        emit RespectedGameTypeSet(gameType);
    }

    function _setGuardian(address guardian_) private {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    function _retire() private {
        retirementTimestamp = uint64(block.timestamp);
        emit RetirementTimestampSet(block.timestamp);
    }
}
