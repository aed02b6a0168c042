// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IStandardBridge} from "../../bridge/interfaces/IStandardBridge.sol";

/// @title The bridge on L2, with the names it had first
/// @notice Where a token is asked for, 0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000 stands for ether.
interface IL2StandardBridge is IStandardBridge {
    /// @notice Ether or tokens left for L1.
    event WithdrawalInitiated(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Ether or tokens came from L1.
    event DepositFinalized(
        address indexed l1Token,
        address indexed l2Token,
        address indexed from,
        address to,
        uint256 amount,
        bytes extraData
    );

    /// @notice Sends ether or a stand-in to the caller's own address on L1; not for contracts.
    function withdraw(address l2Token, uint256 amount, uint32 minGasLimit, bytes calldata extraData) external payable;

    /// @notice Sends ether or a stand-in to `to` on L1.
    function withdrawTo(address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes calldata extraData)
        external
        payable;

    /// @notice The same as `otherBridge`.
    function l1TokenBridge() external view returns (address);
}
