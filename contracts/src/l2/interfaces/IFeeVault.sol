// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Where one kind of fee collects
/// @notice Credited by the protocol without a call. Anyone may send the balance on to the fixed recipient.
interface IFeeVault {
    /// @notice Where a withdrawal goes. Only L2 is made so far.
    enum WithdrawalNetwork {
        L1,
        L2
    }

    /// @notice The balance has not yet reached the least amount of a withdrawal.
    error FeeVaultBelowMinimum(uint256 balance, uint256 minimum);

    /// @notice The recipient refused the ether.
    error FeeVaultRefused(address recipient, uint256 amount);

    /// @notice The whole balance went to `to`; `from` made the call.
    event Withdrawal(uint256 value, address to, address from, WithdrawalNetwork withdrawalNetwork);

    /// @notice Sends the whole balance to the recipient.
    function withdraw() external returns (uint256 value);

    /// @notice Least balance in wei that can be withdrawn.
    function MIN_WITHDRAWAL_AMOUNT() external view returns (uint256);

    /// @notice Who gets the fees.
    function RECIPIENT() external view returns (address);

    /// @notice Where a withdrawal goes.
    function WITHDRAWAL_NETWORK() external view returns (WithdrawalNetwork);

    /// @notice The same as `MIN_WITHDRAWAL_AMOUNT`.
    function minWithdrawalAmount() external view returns (uint256);

    /// @notice The same as `RECIPIENT`.
    function recipient() external view returns (address);

    /// @notice The same as `WITHDRAWAL_NETWORK`.
    function withdrawalNetwork() external view returns (WithdrawalNetwork);

    /// @notice Sum of all withdrawals so far in wei.
    function totalProcessed() external view returns (uint256);

    /// @notice Semantic version of the OP interface that is answered.
    function version() external pure returns (string memory);
}
