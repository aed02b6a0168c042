// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {StandardBridge} from "../bridge/StandardBridge.sol";
import {ILegacyMintableERC20} from "../bridge/interfaces/IMintableERC20.sol";
import {IStandardBridge} from "../bridge/interfaces/IStandardBridge.sol";
import {Predeploys} from "../bridge/libraries/Predeploys.sol";
import {IL2StandardBridge} from "./interfaces/IL2StandardBridge.sol";

/// @title L2StandardBridge
/// @notice Predeploy 0x4200000000000000000000000000000000000010.
contract L2StandardBridge is IL2StandardBridge, StandardBridge {
    /// @param l1Bridge Proxy of the bridge on L1.
    constructor(address l1Bridge) StandardBridge(Predeploys.L2_CROSS_DOMAIN_MESSENGER, l1Bridge) {}

    /* STATE-CHANGING */

    /// @notice A plain transfer goes to the sender's own address on L1.
    receive() external payable onlyAccounts {
        _bridgeEth(msg.sender, msg.sender, RECEIVE_DEFAULT_GAS_LIMIT, "");
    }

    /// @inheritdoc IL2StandardBridge
    function withdraw(address l2Token, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable
        onlyAccounts
    {
        _withdraw(l2Token, msg.sender, amount, minGasLimit, extraData);
    }

    /// @inheritdoc IL2StandardBridge
    function withdrawTo(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable
    {
        _withdraw(l2Token, to, amount, minGasLimit, extraData);
    }

    /* VIEW */

    /// @inheritdoc IL2StandardBridge
    function l1TokenBridge() external view returns (address) {
        return otherBridge;
    }

    /// @inheritdoc IStandardBridge
    function version() external pure returns (string memory) {
        return "1.13.0";
    }

    /* INTERNAL */

    function _withdraw(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes memory extraData)
        private
    {
        bool isEther = l2Token == Predeploys.LEGACY_ERC20_ETH;
        if (msg.value != (isEther ? amount : 0)) revert BridgeWrongValue(msg.value, isEther ? amount : 0);
        if (isEther) {
            _bridgeEth(msg.sender, to, minGasLimit, extraData);
        } else {
            address l1Token = ILegacyMintableERC20(l2Token).l1Token();
            _bridgeErc20(Transfer(l2Token, l1Token, msg.sender, to, amount), minGasLimit, extraData);
        }
    }

    function _emitEthInitiated(address from, address to, uint256 amount, bytes memory extraData) internal override {
        emit WithdrawalInitiated(address(0), Predeploys.LEGACY_ERC20_ETH, from, to, amount, extraData);
        super._emitEthInitiated(from, to, amount, extraData);
    }

    function _emitEthFinalized(address from, address to, uint256 amount, bytes memory extraData) internal override {
        emit DepositFinalized(address(0), Predeploys.LEGACY_ERC20_ETH, from, to, amount, extraData);
        super._emitEthFinalized(from, to, amount, extraData);
    }

    function _emitErc20Initiated(Transfer memory t, bytes memory extraData) internal override {
        emit WithdrawalInitiated(t.remoteToken, t.localToken, t.from, t.to, t.amount, extraData);
        super._emitErc20Initiated(t, extraData);
    }

    function _emitErc20Finalized(Transfer memory t, bytes memory extraData) internal override {
        emit DepositFinalized(t.remoteToken, t.localToken, t.from, t.to, t.amount, extraData);
        super._emitErc20Finalized(t, extraData);
    }
}
