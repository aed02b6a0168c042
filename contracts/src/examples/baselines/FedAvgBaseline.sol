// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title FedAvgBaseline
/// @notice What a weighted mean of updates costs without the AI operations, in assembly. For comparison with
/// FedAvgRound; nobody should use it.
/// @dev The same as `mean` of i32 with the sum of the weights as divisor. The loops are written by hand and go element
/// by element, without unrolling. Elements are big-endian here: without the operations, that is what the EVM is
/// quickest with.
contract FedAvgBaseline {
    /// @notice Weighted mean, packed big-endian i32.
    /// @param d Elements of an update.
    /// @param weights One per client, positive.
    /// @param updates [clients][d] packed big-endian i32.
    function average(uint256 d, uint256[] calldata weights, bytes calldata updates)
        external
        pure
        returns (bytes memory result)
    {
        require(updates.length == 4 * d * weights.length, "size");
        uint256 total = 0;
        for (uint256 c = 0; c < weights.length; ++c) {
            total += weights[c];
        }
        require(total > 0 && total < 1 << 32, "weights");
        result = new bytes(4 * d + 28);
        assembly ("memory-safe") {
            let step := shl(2, d)
            // Room behind it for the last word that is written.
            mstore(result, step)
            for { let i := 0 } lt(i, step) { i := add(i, 4) } {
                let sum := 0
                let from := add(updates.offset, i)
                let weight := weights.offset
                for { let end := add(weight, shl(5, weights.length)) } lt(weight, end) { weight := add(weight, 32) } {
                    sum := add(sum, mul(sar(224, calldataload(from)), calldataload(weight)))
                    from := add(from, step)
                }
                // To the nearest, halves away from zero.
                let sign := sar(255, sum)
                sum := sub(xor(sum, sign), sign)
                let quotient := div(sum, total)
                let rest := mod(sum, total)
                quotient := add(quotient, iszero(lt(rest, sub(total, rest))))
                quotient := sub(xor(quotient, sign), sign)
                mstore(add(add(result, 32), i), shl(224, quotient))
            }
        }
    }
}
