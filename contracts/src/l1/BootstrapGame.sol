// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAnchorStateRegistry} from "./interfaces/IAnchorStateRegistry.sol";
import {IBootstrapGame} from "./interfaces/IBootstrapGame.sol";
import {IBootstrapOperators} from "./interfaces/IBootstrapOperators.sol";
import {IDelayedBonds} from "./interfaces/IDelayedBonds.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";
import {GameStatus} from "./types/Types.sol";

/// @title BootstrapGame
/// @notice The factory makes a clone for each claim. Behind the 45 bytes of a clone its code holds creator (20), root
/// (32), hash of the parent L1 block (32) and the extra data.
contract BootstrapGame is IBootstrapGame {
    /* CONSTANTS */

    /// @dev "FOGP".
    uint32 private constant GAME_TYPE = 0x464F4750;

    /// @dev Where in the code of a clone the arguments begin, and each after that.
    uint256 private constant CREATOR = 0x2d;
    uint256 private constant ROOT = CREATOR + 20;
    uint256 private constant L1_HEAD = ROOT + 32;
    uint256 private constant EXTRA_DATA = L1_HEAD + 32;

    /// @dev How many games are looked at for one that was not cancelled, when a stranger wants to propose.
    uint256 private constant SILENCE_GAMES = 8;

    /* IMMUTABLES */

    /// @inheritdoc IBootstrapGame
    uint64 public immutable maxClockDuration;
    /// @inheritdoc IBootstrapGame
    uint64 public immutable proposalTimeout;
    IDisputeGameFactory private immutable _factory;
    IAnchorStateRegistry private immutable _registry;
    IBootstrapOperators private immutable _operators;
    IDelayedBonds private immutable _bonds;

    /* STORAGE, one slot */

    /// @inheritdoc IDisputeGame
    uint64 public createdAt;
    /// @inheritdoc IDisputeGame
    uint64 public resolvedAt;
    /// @inheritdoc IDisputeGame
    GameStatus public status;
    /// @inheritdoc IDisputeGame
    bool public wasRespectedGameTypeWhenCreated;

    /// @param registry Proxy of the registry.
    /// @param operators Lists of proposers and challengers.
    /// @param bonds Where bonds go back through.
    /// @param clockSeconds Seconds within which a challenger may cancel.
    /// @param timeoutSeconds Seconds of silence after which anyone may propose.
    constructor(
        IAnchorStateRegistry registry,
        IBootstrapOperators operators,
        IDelayedBonds bonds,
        uint64 clockSeconds,
        uint64 timeoutSeconds
    ) {
        _factory = IDisputeGameFactory(registry.disputeGameFactory());
        _registry = registry;
        _operators = operators;
        _bonds = bonds;
        maxClockDuration = clockSeconds;
        proposalTimeout = timeoutSeconds;
    }

    /* STATE-CHANGING */

    /// @inheritdoc IDisputeGame
    function initialize() external payable {
        if (createdAt != 0 || msg.sender != address(_factory)) revert GameNotInitializable();
        if (rootClaim() == 0) revert GameRootZero();
        uint256 size = address(this).code.length - EXTRA_DATA;
        uint256 l2Block = l2BlockNumber();
        if ((size != 32 && size != 64) || l2Block > type(uint64).max) revert GameBadExtraData();

        (uint32 respected, uint64 anchorBlock) = _registry.gameContext();
        if (l2Block <= anchorBlock) revert GameBlockNotNew(l2Block, anchorBlock);
        address creator = gameCreator();
        if (!_operators.isProposer(creator) && !_silent()) revert GameProposerNotListed(creator);

        createdAt = uint64(block.timestamp);
        wasRespectedGameTypeWhenCreated = respected == GAME_TYPE;
    }

    /// @inheritdoc IBootstrapGame
    function cancel() external {
        if (!_operators.isChallenger(msg.sender)) revert GameChallengerNotListed(msg.sender);
        if (createdAt == 0 || status != GameStatus.IN_PROGRESS) revert GameNotInProgress();
        uint64 end = createdAt + maxClockDuration;
        if (block.timestamp >= end) revert GameClockExpired(end);
        _end(GameStatus.CHALLENGER_WINS);
        // Nobody gains by a claim that is cancelled, so nobody has a reason to make one or to cancel a right one.
        (bool burnt,) = address(0).call{value: address(this).balance}("");
        assert(burnt);
    }

    /// @inheritdoc IDisputeGame
    function resolve() external returns (GameStatus) {
        if (createdAt == 0 || status != GameStatus.IN_PROGRESS) revert GameNotInProgress();
        uint64 end = createdAt + maxClockDuration;
        if (block.timestamp < end) revert GameClockNotExpired(end);
        _end(GameStatus.DEFENDER_WINS);
        return GameStatus.DEFENDER_WINS;
    }

    /// @inheritdoc IBootstrapGame
    function claimCredit(address recipient) external {
        uint256 amount = credit(recipient);
        if (amount == 0) revert NoCreditToClaim();
        _bonds.deposit{value: amount}(recipient);
    }

    /* VIEW */

    /// @inheritdoc IBootstrapGame
    function credit(address recipient) public view returns (uint256) {
        return status == GameStatus.DEFENDER_WINS && recipient == gameCreator() ? address(this).balance : 0;
    }

    /// @inheritdoc IDisputeGame
    function gameType() public pure returns (uint32) {
        return GAME_TYPE;
    }

    /// @inheritdoc IDisputeGame
    function gameCreator() public view returns (address) {
        return address(uint160(uint256(_argument(CREATOR)) >> 96));
    }

    /// @inheritdoc IDisputeGame
    function rootClaim() public view returns (bytes32) {
        return _argument(ROOT);
    }

    /// @inheritdoc IDisputeGame
    function l1Head() external view returns (bytes32) {
        return _argument(L1_HEAD);
    }

    /// @inheritdoc IDisputeGame
    function extraData() public view returns (bytes memory data) {
        uint256 size = address(this).code.length - EXTRA_DATA;
        data = new bytes(size);
        uint256 start = EXTRA_DATA;
        assembly ("memory-safe") {
            extcodecopy(address(), add(data, 0x20), start, size)
        }
    }

    /// @inheritdoc IDisputeGame
    function gameData() external view returns (uint32, bytes32, bytes memory) {
        return (GAME_TYPE, rootClaim(), extraData());
    }

    /// @inheritdoc IDisputeGame
    function l2BlockNumber() public view returns (uint256) {
        return uint256(_argument(EXTRA_DATA));
    }

    /// @inheritdoc IDisputeGame
    function l2SequenceNumber() external view returns (uint256) {
        return l2BlockNumber();
    }

    /// @inheritdoc IDisputeGame
    function finalCursor() external pure returns (bytes32) {
        return 0;
    }

    /// @inheritdoc IBootstrapGame
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /* INTERNAL */

    /// @dev 32 bytes of this clone's code.
    function _argument(uint256 offset) private view returns (bytes32 word) {
        assembly ("memory-safe") {
            extcodecopy(address(), 0, offset, 32)
            word := mload(0)
        }
    }

    function _end(GameStatus result) private {
        status = result;
        resolvedAt = uint64(block.timestamp);
        emit Resolved(result);
    }

    /// @dev Whether none of the newest games is both younger than the timeout and not cancelled. The time before games
    /// counted at all is no silence.
    function _silent() private view returns (bool) {
        if (block.timestamp - _registry.retirementTimestamp() < proposalTimeout) return false;
        uint256 count = _factory.gameCount();
        for (uint256 looked; count > 0 && looked < SILENCE_GAMES; --count) {
            (, uint64 timestamp, address game) = _factory.gameAtIndex(count - 1);
            if (game == address(this)) continue;
            if (block.timestamp - timestamp >= proposalTimeout) return true;
            if (IDisputeGame(game).status() != GameStatus.CHALLENGER_WINS) return false;
            ++looked;
        }
        return true;
    }
}
