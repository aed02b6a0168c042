// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title MlpBaseline
/// @notice What a network of two int8 layers costs without the AI operations: 784-32-10, inner products in assembly.
/// For comparison with MlpClassifier; nobody should use it.
/// @dev The same as LINEARQ kind 0 and mode 0 with one scale and zero points of 0, a ReLU between, and an argmax. The
/// inner loop is written by hand and takes two elements at a time; `count` is even.
///
/// Code of the accounts, behind a first byte of zero: W1 rows 0-15; W1 rows 16-31, W2 [10][32], 42 biases i32.
contract MlpBaseline {
    address private immutable _account1;
    address private immutable _account2;
    uint256 private immutable _multiplier1;
    uint256 private immutable _shift1;
    uint256 private immutable _multiplier2;
    uint256 private immutable _shift2;

    constructor(address account1, address account2, uint256[2] memory multipliers, uint256[2] memory shifts) {
        (_account1, _account2) = (account1, account2);
        (_multiplier1, _multiplier2) = (multipliers[0], multipliers[1]);
        (_shift1, _shift2) = (shifts[0], shifts[1]);
    }

    /// @notice The class of `x`, 784 packed i8.
    function predict(bytes calldata x) external view returns (uint256 class) {
        int256[10] memory y = logits(x);
        for (uint256 j = 1; j < 10; ++j) {
            if (y[j] > y[class]) class = j;
        }
    }

    /// @notice The logits of `x`.
    function logits(bytes calldata x) public view returns (int256[10] memory y) {
        require(x.length == 784, "size");
        // Both codes behind each other: W1 whole, W2, biases.
        bytes memory weights = new bytes(25_088 + 320 + 168);
        (address account1, address account2) = (_account1, _account2);
        uint256 values;
        assembly ("memory-safe") {
            extcodecopy(account1, add(weights, 32), 1, 12544)
            extcodecopy(account2, add(weights, 12576), 1, 13032)
            // The input and then the hidden values, one word each.
            values := mload(0x40)
            mstore(0x40, add(values, 25088))
            for { let i := 0 } lt(i, 784) { i := add(i, 1) } {
                mstore(add(values, shl(5, i)), sar(248, calldataload(add(x.offset, i))))
            }
        }
        (uint256 w, uint256 b) = (_start(weights), _start(weights) + 25_408);
        uint256[32] memory hidden;
        for (uint256 j = 0; j < 32; ++j) {
            hidden[j] = uint256(_output(values, w + 784 * j, 784, b + 4 * j, _multiplier1, _shift1, 0));
        }
        assembly ("memory-safe") {
            values := hidden
        }
        for (uint256 j = 0; j < 10; ++j) {
            y[j] = _output(values, w + 25_088 + 32 * j, 32, b + 128 + 4 * j, _multiplier2, _shift2, -128);
        }
    }

    function _start(bytes memory data) private pure returns (uint256 pointer) {
        assembly ("memory-safe") {
            pointer := add(data, 32)
        }
    }

    /// @dev `sat((sum of value * weight + bias) * multiplier / 2^shift)`, halves upward.
    function _output(
        uint256 values,
        uint256 weights,
        uint256 count,
        uint256 bias,
        uint256 multiplier,
        uint256 shift,
        int256 lowest
    ) private pure returns (int256 y) {
        assembly ("memory-safe") {
            let b := mload(bias)
            y := or(or(byte(0, b), shl(8, byte(1, b))), or(shl(16, byte(2, b)), shl(24, signextend(0, byte(3, b)))))
            for { let end := add(weights, count) } lt(weights, end) { weights := add(weights, 2) } {
                let pair := mload(weights)
                y := add(y, mul(mload(values), sar(248, pair)))
                y := add(y, mul(mload(add(values, 32)), signextend(0, byte(1, pair))))
                values := add(values, 64)
            }
            y := sar(shift, add(mul(y, multiplier), shl(sub(shift, 1), 1)))
            if slt(y, lowest) { y := lowest }
            if sgt(y, 127) { y := 127 }
        }
    }
}
