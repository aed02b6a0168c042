// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title MedianBaseline
/// @notice What a coordinate-wise median of updates costs without the AI operations, in assembly. For comparison with
/// MedianRound; nobody should use it.
/// @dev The same as `median` of i32. Each coordinate is sorted whole by exchanging neighbours, so the cost hardly
/// depends on what clients send: a contract has to provide for the worst. Elements are big-endian here: without the
/// operations, that is what the EVM is quickest with.
contract MedianBaseline {
    /// @notice Median of each coordinate, packed big-endian i32.
    /// @param clients Number of updates, at least 1.
    /// @param d Elements of an update.
    /// @param updates [clients][d] packed big-endian i32.
    function median(uint256 clients, uint256 d, bytes calldata updates) external pure returns (bytes memory result) {
        require(clients > 0 && updates.length == 4 * d * clients, "size");
        result = new bytes(4 * d + 28);
        assembly ("memory-safe") {
            let step := shl(2, d)
            // Room behind it for the last word that is written.
            mstore(result, step)
            let values := mload(0x40)
            let last := add(values, shl(5, sub(clients, 1)))
            mstore(0x40, add(last, 32))
            for { let i := 0 } lt(i, step) { i := add(i, 4) } {
                let from := add(updates.offset, i)
                for { let to := values } iszero(gt(to, last)) { to := add(to, 32) } {
                    mstore(to, sar(224, calldataload(from)))
                    from := add(from, step)
                }
                for { let end := last } gt(end, values) { end := sub(end, 32) } {
                    for { let p := values } lt(p, end) { p := add(p, 32) } {
                        let next := add(p, 32)
                        let a := mload(p)
                        let b := mload(next)
                        if sgt(a, b) {
                            mstore(p, b)
                            mstore(next, a)
                        }
                    }
                }
                let middle := mload(add(values, shl(5, shr(1, clients))))
                if iszero(and(clients, 1)) {
                    // Half the sum of both middles, away from zero.
                    middle := add(middle, mload(add(values, shl(5, sub(shr(1, clients), 1)))))
                    let sign := sar(255, middle)
                    middle := shr(1, add(sub(xor(middle, sign), sign), 1))
                    middle := sub(xor(middle, sign), sign)
                }
                mstore(add(add(result, 32), i), shl(224, middle))
            }
        }
    }
}
