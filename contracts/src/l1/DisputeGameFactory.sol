// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "./interfaces/IDisputeGameFactory.sol";

/// @title DisputeGameFactory
/// @notice Behind a proxy.
contract DisputeGameFactory is IDisputeGameFactory, Ownable, Initializable {
    /* STORAGE, slot 0 is the owner's */

    /// @inheritdoc IDisputeGameFactory
    mapping(uint32 gameType => address implementation) public gameImpls;
    /// @inheritdoc IDisputeGameFactory
    mapping(uint32 gameType => uint256 bond) public initBonds;

    /// @dev Kind, time and address of a game in 4, 8 and 20 bytes.
    mapping(bytes32 uuid => bytes32 game) private _games;
    bytes32[] private _list;

    constructor() Ownable(address(this)) {
        _disableInitializers();
    }

    /// @inheritdoc IDisputeGameFactory
    function initialize(address owner_) external initializer {
        _transferOwnership(owner_);
    }

    /* ADMIN */

    /// @inheritdoc IDisputeGameFactory
    function setImplementation(uint32 gameType, address impl) external onlyOwner {
        gameImpls[gameType] = impl;
        emit ImplementationSet(impl, gameType);
    }

    /// @inheritdoc IDisputeGameFactory
    function setInitBond(uint32 gameType, uint256 bond) external onlyOwner {
        initBonds[gameType] = bond;
        emit InitBondUpdated(gameType, bond);
    }

    /* STATE-CHANGING */

    /// @inheritdoc IDisputeGameFactory
    function create(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        payable
        returns (address proxy)
    {
        address implementation = gameImpls[gameType];
        if (implementation == address(0)) revert NoImplementation(gameType);
        if (msg.value != initBonds[gameType]) revert IncorrectBondAmount();
        bytes32 uuid = getGameUUID(gameType, rootClaim, extraData);
        if (_games[uuid] != 0) revert GameAlreadyExists(uuid);

        // What the game reads from its own code: creator, root, hash of the parent L1 block, extra data.
        bytes memory args = abi.encodePacked(msg.sender, rootClaim, blockhash(block.number - 1), extraData);
        proxy = Clones.cloneWithImmutableArgs(implementation, args);
        bytes32 game = bytes32((uint256(gameType) << 224) | (uint256(uint64(block.timestamp)) << 160) | uint160(proxy));
        _games[uuid] = game;
        _list.push(game);
        emit DisputeGameCreated(proxy, gameType, rootClaim);
        IDisputeGame(proxy).initialize{value: msg.value}();
    }

    /* VIEW */

    /// @inheritdoc IDisputeGameFactory
    function gameCount() external view returns (uint256) {
        return _list.length;
    }

    /// @inheritdoc IDisputeGameFactory
    function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        view
        returns (address proxy, uint64 timestamp)
    {
        (, timestamp, proxy) = _unpack(_games[getGameUUID(gameType, rootClaim, extraData)]);
    }

    /// @inheritdoc IDisputeGameFactory
    function gameAtIndex(uint256 index) external view returns (uint32 gameType, uint64 timestamp, address proxy) {
        return _unpack(_list[index]);
    }

    /// @inheritdoc IDisputeGameFactory
    function findLatestGames(uint32 gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory found)
    {
        uint256 length = _list.length;
        if (start >= length || n == 0) return found;
        found = new GameSearchResult[](n > start ? start + 1 : n);
        uint256 count;
        for (uint256 i = start + 1; i > 0 && count < found.length; --i) {
            bytes32 game = _list[i - 1];
            (uint32 kind, uint64 timestamp, address proxy) = _unpack(game);
            if (kind != gameType) continue;
            found[count++] = GameSearchResult({
                index: i - 1,
                metadata: game,
                timestamp: timestamp,
                rootClaim: IDisputeGame(proxy).rootClaim(),
                extraData: IDisputeGame(proxy).extraData()
            });
        }
        assembly ("memory-safe") {
            mstore(found, count)
        }
    }

    /// @inheritdoc IDisputeGameFactory
    function gameArgs(uint32) external pure returns (bytes memory) {
        return "";
    }

    /// @inheritdoc IDisputeGameFactory
    function getGameUUID(uint32 gameType, bytes32 rootClaim, bytes calldata extraData) public pure returns (bytes32) {
        return keccak256(abi.encode(gameType, rootClaim, extraData));
    }

    /// @inheritdoc IDisputeGameFactory
    function version() external pure returns (string memory) {
        return "1.2.0";
    }

    /* INTERNAL */

    function _unpack(bytes32 game) private pure returns (uint32 gameType, uint64 timestamp, address proxy) {
        return (uint32(uint256(game) >> 224), uint64(uint256(game) >> 160), address(uint160(uint256(game))));
    }
}
