// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Ether and tokens between L1 and L2
/// @notice A token of this side is locked here and its stand-in minted on the other side; a stand-in is burnt here and
/// its token freed there.
/// @dev Warning: a pair of tokens is whatever its makers say. Tokens whose balances change by themselves leave their
/// gains here. Source: OP specification, bridges.
interface IStandardBridge {
    /// @notice The caller is a contract, which would be paid at an address that it may not hold on the other side.
    error BridgeOnlyAccounts(address caller);

    /// @notice The caller is not the bridge of the other side through the messenger.
    error BridgeOnlyOtherBridge(address caller);

    /// @notice Finishing is paused.
    error BridgePaused();

    /// @notice The ether sent along is not the amount.
    error BridgeWrongValue(uint256 got, uint256 expected);

    /// @notice Ether cannot go to the bridge or to the messenger.
    error BridgeBadRecipient(address to);

    /// @notice The recipient refused the ether.
    error BridgeRefused(address to, uint256 amount);

    /// @notice The stand-in is not one of this token.
    error BridgeWrongPair(address localToken, address remoteToken);

    /// @notice Ether left this side.
    event ETHBridgeInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);

    /// @notice Ether came to this side.
    event ETHBridgeFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);

    /// @notice Tokens left this side.
    event ERC20BridgeInitiated(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Tokens came to this side.
    event ERC20BridgeFinalized(
        address indexed localToken,
        address indexed remoteToken,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Sends the ether sent along to the caller's own address on the other side; not for contracts.
    function bridgeETH(uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice Sends the ether sent along to `to` on the other side.
    function bridgeETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice Sends tokens to the caller's own address on the other side; not for contracts.
    function bridgeERC20(
        address localToken,
        address remoteToken,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice Sends tokens to `to` on the other side. Of a token that takes a fee, what arrives here is sent.
    function bridgeERC20To(
        address localToken,
        address remoteToken,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice Pays out ether. Only for the other bridge.
    function finalizeBridgeETH(address from, address to, uint256 amount, bytes calldata extraData) external payable;

    /// @notice Frees or mints tokens. Only for the other bridge.
    function finalizeBridgeERC20(
        address localToken,
        address remoteToken,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external;

    /// @notice Amount of a token locked here for a stand-in on the other side.
    function deposits(address localToken, address remoteToken) external view returns (uint256);

    /// @notice The messenger of this side.
    function messenger() external view returns (address);

    /// @notice The same as `messenger`.
    function MESSENGER() external view returns (address);

    /// @notice The bridge on the other side.
    function otherBridge() external view returns (address);

    /// @notice The same as `otherBridge`.
    function OTHER_BRIDGE() external view returns (address);

    /// @notice Whether finishing is paused.
    function paused() external view returns (bool);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
