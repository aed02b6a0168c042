// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {StandardBridge} from "../bridge/StandardBridge.sol";
import {IStandardBridge} from "../bridge/interfaces/IStandardBridge.sol";
import {Predeploys} from "../bridge/libraries/Predeploys.sol";
import {IL1StandardBridge} from "./interfaces/IL1StandardBridge.sol";

/// @title L1StandardBridge
/// @notice Behind a proxy; holds the tokens of L2. The ether is in the portal.
contract L1StandardBridge is IL1StandardBridge, StandardBridge {
    /// @param messenger_ Proxy of the messenger on L1.
    constructor(address messenger_) StandardBridge(messenger_, Predeploys.L2_STANDARD_BRIDGE) {}

    /* STATE-CHANGING */

    /// @notice A plain transfer goes to the sender's own address on L2.
    receive() external payable onlyAccounts {
        _bridgeEth(msg.sender, msg.sender, RECEIVE_DEFAULT_GAS_LIMIT, "");
    }

    /// @inheritdoc IL1StandardBridge
    function depositETH(uint32 minGasLimit, bytes calldata extraData) external payable onlyAccounts {
        _bridgeEth(msg.sender, msg.sender, minGasLimit, extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function depositETHTo(address to, uint32 minGasLimit, bytes calldata extraData) external payable {
        _bridgeEth(msg.sender, to, minGasLimit, extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function depositERC20(
        address l1Token,
        address l2Token,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external onlyAccounts {
        _bridgeErc20(Transfer(l1Token, l2Token, msg.sender, msg.sender, amount), minGasLimit, extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function depositERC20To(
        address l1Token,
        address l2Token,
        address to,
        uint256 amount,
        uint32 minGasLimit,
        bytes calldata extraData
    ) external {
        _bridgeErc20(Transfer(l1Token, l2Token, msg.sender, to, amount), minGasLimit, extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function finalizeETHWithdrawal(address from, address to, uint256 amount, bytes calldata extraData)
        external
        payable
    {
        finalizeBridgeETH(from, to, amount, extraData);
    }

    /// @inheritdoc IL1StandardBridge
    function finalizeERC20Withdrawal(
        address l1Token,
        address l2Token,
        address from,
        address to,
        uint256 amount,
        bytes calldata extraData
    ) external {
        finalizeBridgeERC20(l1Token, l2Token, from, to, amount, extraData);
    }

    /* VIEW */

    /// @inheritdoc IL1StandardBridge
    function l2TokenBridge() external view returns (address) {
        return otherBridge;
    }

    /// @inheritdoc IStandardBridge
    function version() external pure returns (string memory) {
        return "2.6.0";
    }

    /* INTERNAL */

    function _emitEthInitiated(address from, address to, uint256 amount, bytes memory extraData) internal override {
        emit ETHDepositInitiated(from, to, amount, extraData);
        super._emitEthInitiated(from, to, amount, extraData);
    }

    function _emitEthFinalized(address from, address to, uint256 amount, bytes memory extraData) internal override {
        emit ETHWithdrawalFinalized(from, to, amount, extraData);
        super._emitEthFinalized(from, to, amount, extraData);
    }

    function _emitErc20Initiated(Transfer memory t, bytes memory extraData) internal override {
        emit ERC20DepositInitiated(t.localToken, t.remoteToken, t.from, t.to, t.amount, extraData);
        super._emitErc20Initiated(t, extraData);
    }

    function _emitErc20Finalized(Transfer memory t, bytes memory extraData) internal override {
        emit ERC20WithdrawalFinalized(t.localToken, t.remoteToken, t.from, t.to, t.amount, extraData);
        super._emitErc20Finalized(t, extraData);
    }
}
