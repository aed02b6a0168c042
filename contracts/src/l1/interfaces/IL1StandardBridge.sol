// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IStandardBridge} from "../../bridge/interfaces/IStandardBridge.sol";

/// @title The bridge on L1, with the names it had first
interface IL1StandardBridge is IStandardBridge {
    /// @notice Ether left for L2.
    event ETHDepositInitiated(address indexed from, address indexed to, uint256 amount, bytes extraData);

    /// @notice Ether came from L2.
    event ETHWithdrawalFinalized(address indexed from, address indexed to, uint256 amount, bytes extraData);

    /// @notice Tokens left for L2.
    event ERC20DepositInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Tokens came from L2.
    event ERC20WithdrawalFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice The same as `bridgeETH`.
    function depositETH(uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice The same as `bridgeETHTo`.
    function depositETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice The same as `bridgeERC20`.
    function depositERC20(
        address l1Token,
        address l2Token,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice The same as `bridgeERC20To`.
    function depositERC20To(
        address l1Token,
        address l2Token,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external;

    /// @notice The same as `finalizeBridgeETH`.
    function finalizeETHWithdrawal(address from, address to, uint256 amount, bytes calldata extraData) external payable;

    /// @notice The same as `finalizeBridgeERC20`.
    function finalizeERC20Withdrawal(
        address l1Token,
        address l2Token,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external;

    /// @notice The same as `otherBridge`.
    function l2TokenBridge() external view returns (address);
}
