// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Maker of tokens that stand for those of the other side
/// @dev Warning: anyone may make any number for the same token, under any name.
interface IOptimismMintableERC20Factory {
    /// @notice The token of the other side is zero.
    error MintableFactoryNoRemoteToken();

    /// @notice A token was made; the older name of the event below.
    event StandardL2TokenCreated(address indexed remoteToken, address indexed localToken);

    /// @notice A token was made.
    event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer);

    /// @notice The same as `createOptimismMintableERC20`.
    function createStandardL2Token(address remoteToken, string memory name, string memory symbol)
        external
        returns (address);

    /// @notice Makes a token of 18 decimals.
    function createOptimismMintableERC20(address remoteToken, string memory name, string memory symbol)
        external
        returns (address);

    /// @notice Makes a token; its address depends on all arguments, so each can be made once.
    function createOptimismMintableERC20WithDecimals(
        address remoteToken,
        string memory name,
        string memory symbol,
        uint8 decimals
    ) external returns (address);

    /// @notice The token of the other side of one made here; zero for others.
    function deployments(address localToken) external view returns (address remoteToken);

    /// @notice The bridge of this side.
    function bridge() external view returns (address);

    /// @notice The same as `bridge`.
    function BRIDGE() external view returns (address);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
