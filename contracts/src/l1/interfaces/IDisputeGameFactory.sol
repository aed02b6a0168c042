// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Where claims are made and listed
/// @notice Anyone may create a game of a kind that has an implementation; the game itself may refuse its creator.
/// Source: OP specification, dispute game interface.
/// @dev Warning: the owner chooses implementations and with them what a claim is worth; it must be a timelock.
interface IDisputeGameFactory {
    /// @notice One found game.
    /// @param index Index in the list.
    /// @param metadata Kind, time and address of the game in 4, 8 and 20 bytes.
    /// @param timestamp Unix seconds of creation.
    /// @param rootClaim Output root claimed.
    /// @param extraData What the creator gave beside it.
    struct GameSearchResult {
        uint256 index;
        bytes32 metadata;
        uint64 timestamp;
        bytes32 rootClaim;
        bytes extraData;
    }

    /// @notice There is no implementation for this kind of game.
    error NoImplementation(uint32 gameType);

    /// @notice The value sent is not the bond of this kind of game.
    error IncorrectBondAmount();

    /// @notice A game with this kind, root and extra data exists.
    error GameAlreadyExists(bytes32 uuid);

    /// @notice A game was created.
    event DisputeGameCreated(address indexed disputeProxy, uint32 indexed gameType, bytes32 indexed rootClaim);

    /// @notice The implementation of a kind of game changed.
    event ImplementationSet(address indexed impl, uint32 indexed gameType);

    /// @notice The bond of a kind of game changed.
    event InitBondUpdated(uint32 indexed gameType, uint256 indexed newBond);

    /// @notice Sets the owner once, behind a proxy.
    function initialize(address owner) external;

    /// @notice Creates the game (`gameType`, `rootClaim`, `extraData`); the value must be its bond.
    /// @return proxy Address of the game.
    function create(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        payable
        returns (address proxy);

    /// @notice Sets the implementation that new games of a kind get. Only the owner.
    function setImplementation(uint32 gameType, address impl) external;

    /// @notice Sets the bond in wei of new games of a kind. Only the owner.
    function setInitBond(uint32 gameType, uint256 bond) external;

    /// @notice Number of games.
    function gameCount() external view returns (uint256);

    /// @notice The game with this kind, root and extra data; zero if there is none.
    function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        view
        returns (address proxy, uint64 timestamp);

    /// @notice The game at an index, in order of creation.
    function gameAtIndex(uint256 index) external view returns (uint32 gameType, uint64 timestamp, address proxy);

    /// @notice At most `n` games of a kind, from index `start` downwards.
    function findLatestGames(uint32 gameType, uint256 start, uint256 n)
        external
        view
        returns (GameSearchResult[] memory);

    /// @notice Implementation of a kind of game.
    function gameImpls(uint32 gameType) external view returns (address);

    /// @notice Arguments added to each clone of a kind; none of ours has any.
    function gameArgs(uint32 gameType) external view returns (bytes memory);

    /// @notice Bond in wei of a kind of game.
    function initBonds(uint32 gameType) external view returns (uint256);

    /// @notice Key of a game.
    function getGameUUID(uint32 gameType, bytes32 rootClaim, bytes calldata extraData) external pure returns (bytes32);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
