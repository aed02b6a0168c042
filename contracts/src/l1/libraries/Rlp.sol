// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Reading RLP in memory
/// @notice Strict: every value has one encoding, and no item reaches beyond the bytes it stands in.
/// Source: Ethereum yellow paper, appendix B.
library Rlp {
    /// @notice The bytes are not canonical RLP.
    error RlpMalformed();

    /// @notice Reads the item at `start`, which must end at or before `end`.
    /// @dev All positions are addresses in memory.
    /// @return content Where the content begins.
    /// @return size Bytes of content; the item ends at `content + size`.
    /// @return isList Whether the content is a list of items.
    function item(uint256 start, uint256 end) internal pure returns (uint256 content, uint256 size, bool isList) {
        if (start >= end) revert RlpMalformed();
        uint256 prefix = byteAt(start);
        unchecked {
            if (prefix < 0x80) return (start, 1, false);
            isList = prefix >= 0xc0;
            size = prefix - (isList ? 0xc0 : 0x80);
            content = start + 1;
            if (size > 55) {
                uint256 width = size - 55;
                if (content + width > end) revert RlpMalformed();
                size = word(content) >> (256 - 8 * width);
                // Neither leading zeros, nor a long form for what fits the short one.
                if (byteAt(content) == 0 || size < 56) revert RlpMalformed();
                content += width;
            }
            if (size > end - content) revert RlpMalformed();
            if (!isList && size == 1 && prefix == 0x81 && byteAt(content) < 0x80) revert RlpMalformed();
        }
    }

    /// @notice The byte at an address in memory.
    function byteAt(uint256 position) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(0, mload(position))
        }
    }

    /// @notice The 32 bytes at an address in memory.
    function word(uint256 position) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(position)
        }
    }
}
