// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @notice Bytes that look random and are the same in every run.
library Random {
    /// @notice `size` bytes from `seed`.
    function data(uint256 size, string memory seed) internal pure returns (bytes memory result) {
        result = new bytes(size);
        bytes32 word = keccak256(bytes(seed));
        for (uint256 i = 0; i < size; i += 32) {
            word = keccak256(abi.encode(word));
            for (uint256 j = 0; j < 32 && i + j < size; ++j) {
                result[i + j] = word[j];
            }
        }
    }

    /// @notice `count` packed i32 from -2^(bits-1) to 2^(bits-1) - 1.
    function i32s(uint256 count, uint256 bits, string memory seed) internal pure returns (bytes memory result) {
        result = new bytes(4 * count);
        bytes32 word = keccak256(bytes(seed));
        for (uint256 i = 0; i < count; ++i) {
            word = keccak256(abi.encode(word));
            uint32 value = uint32(int32(int256(uint256(word) >> (256 - bits)) - int256(1 << (bits - 1))));
            for (uint256 j = 0; j < 4; ++j) {
                result[4 * i + j] = bytes1(uint8(value >> (8 * j)));
            }
        }
    }
}
