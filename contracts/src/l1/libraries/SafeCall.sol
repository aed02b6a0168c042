// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Calls that a stranger pays gas for
library SafeCall {
    /// @notice Less than the promised gas would reach the target.
    error SafeCallTooLittleGas(uint256 minGas);

    /// @dev Most that CALL itself takes before it passes gas on: 2,600 for a cold account, 9,000 for value, 25,000 for
    /// a new account, 2,600 for a delegation of EIP-7702, and what this library spends in between.
    uint256 internal constant CALL_OVERHEAD = 40_000;

    /// @notice Calls `target` with all gas and ignores what it returns.
    /// @dev The answer is not copied, so that a large one costs the caller nothing.
    function callWithAllGas(address target, uint256 value, bytes memory data) internal returns (bool) {
        return callWithGas(target, gasleft(), value, data);
    }

    /// @notice Calls `target` with at most `gas_` and ignores what it returns.
    function callWithGas(address target, uint256 gas_, uint256 value, bytes memory data)
        internal
        returns (bool success)
    {
        assembly ("memory-safe") {
            success := call(gas_, target, value, add(data, 0x20), mload(data), 0, 0)
        }
    }

    /// @notice Calls `target` with at least `minGas`, or reverts.
    /// @dev Whoever pays for the transaction therefore cannot make a call fail by giving it less than was promised.
    function callWithMinGas(address target, uint256 minGas, uint256 value, bytes memory data) internal returns (bool) {
        if (!hasMinGas(minGas, 0)) revert SafeCallTooLittleGas(minGas);
        return callWithAllGas(target, value, data);
    }

    /// @notice Whether a call made now would pass on at least `minGas` and leave `reserved` beside it.
    /// @dev A call passes on at most 63/64 of what is left after its own cost (EIP-150).
    function hasMinGas(uint256 minGas, uint256 reserved) internal view returns (bool) {
        // No transaction has that much, and below it nothing overflows.
        if (minGas > type(uint64).max) return false;
        unchecked {
            return gasleft() * 63 >= minGas * 64 + (CALL_OVERHEAD + reserved) * 63;
        }
    }
}
