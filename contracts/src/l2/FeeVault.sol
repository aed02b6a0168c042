// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFeeVault} from "./interfaces/IFeeVault.sol";

/// @title FeeVault
/// @notice Predeploys 0x42...11 (sequencer), 0x42...19 (base), 0x42...1A (L1) and 0x42...1B (operator), one code each
/// with its recipient and minimum.
contract FeeVault is IFeeVault {
    /* IMMUTABLES */

    /// @inheritdoc IFeeVault
    uint256 public immutable MIN_WITHDRAWAL_AMOUNT;
    /// @inheritdoc IFeeVault
    address public immutable RECIPIENT;

    /* STORAGE */

    /// @inheritdoc IFeeVault
    uint256 public totalProcessed;

    constructor(address recipient_, uint256 minimum) {
        RECIPIENT = recipient_;
        MIN_WITHDRAWAL_AMOUNT = minimum;
    }

    /* STATE-CHANGING */

    /// @notice Takes ether from anyone.
    receive() external payable {}

    /// @inheritdoc IFeeVault
    function withdraw() external returns (uint256 value) {
        value = address(this).balance;
        if (value < MIN_WITHDRAWAL_AMOUNT) revert FeeVaultBelowMinimum(value, MIN_WITHDRAWAL_AMOUNT);

        totalProcessed += value;
        emit Withdrawal(value, RECIPIENT, msg.sender, WithdrawalNetwork.L2);
        (bool sent,) = RECIPIENT.call{value: value}("");
        if (!sent) revert FeeVaultRefused(RECIPIENT, value);
    }

    /* VIEW */

    /// @inheritdoc IFeeVault
    function WITHDRAWAL_NETWORK() public pure returns (WithdrawalNetwork) {
        return WithdrawalNetwork.L2;
    }

    /// @inheritdoc IFeeVault
    function minWithdrawalAmount() external view returns (uint256) {
        return MIN_WITHDRAWAL_AMOUNT;
    }

    /// @inheritdoc IFeeVault
    function recipient() external view returns (address) {
        return RECIPIENT;
    }

    /// @inheritdoc IFeeVault
    function withdrawalNetwork() external pure returns (WithdrawalNetwork) {
        return WITHDRAWAL_NETWORK();
    }

    /// @inheritdoc IFeeVault
    function version() external pure returns (string memory) {
        return "1.5.0";
    }
}
