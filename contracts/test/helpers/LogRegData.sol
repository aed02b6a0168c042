// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice Points of four features: two informative ones, one of noise, and a constant for the bias. The class is yes
/// where `2 * x0 - x1 > 16`, with a margin.
library LogRegData {
    int32 internal constant RATE = 65_536;

    /// @return x i8 [count][4].
    /// @return labels i8 [count], 0 or 127.
    function batch(uint256 count, uint256 seed) internal pure returns (bytes memory x, bytes memory labels) {
        (x, labels) = (new bytes(4 * count), new bytes(count));
        uint256 draw = 0;
        for (uint256 i = 0; i < count; ++i) {
            int8 x0;
            int8 x1;
            int256 margin;
            do {
                bytes32 word = keccak256(abi.encode(seed, draw++));
                (x0, x1) = (int8(uint8(word[0])) / 2, int8(uint8(word[1])) / 2);
                margin = 2 * int256(x0) - x1 - 16;
                x[4 * i + 2] = bytes1(uint8(int8(uint8(word[2])) / 4));
            } while (margin > -24 && margin < 24);
            (x[4 * i], x[4 * i + 1], x[4 * i + 3]) = (bytes1(uint8(x0)), bytes1(uint8(x1)), 0x40);
            labels[i] = margin > 0 ? bytes1(0x7f) : bytes1(0x00);
        }
    }
}
