// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Size of a FastLZ level 1 compression
/// @notice The L1 fee charges for the size that a transaction would have after FastLZ, so only the size is made,
/// never the bytes. Node and contract must agree on it to the byte.
/// @dev The format knows three instructions: a run of 1 to 32 literals costs one byte and the literals; a match of
/// 3 to 8 bytes, at most 8,192 back, costs two bytes; one of 9 to 264 bytes costs three. The search keeps, for each
/// 13-bit hash of three bytes, the last position seen.
library FastLz {
    /// @dev Entries of the hash table; a match must begin less than as many bytes back.
    uint256 internal constant TABLE_ENTRIES = 8192;
    /// @dev Bytes at the end in which no match may begin.
    uint256 internal constant TAIL_BYTES = 13;
    /// @dev Bytes that a match may reach past the last position where it can begin.
    uint256 internal constant REACH_BYTES = 9;
    /// @dev Longest run of literals of one instruction.
    uint256 internal constant LITERALS_MAX = 32;
    /// @dev Longest match of one instruction, less the two bytes that every match has.
    uint256 internal constant MATCH_MAX = 262;

    /// @notice Size in bytes of `data` after compression.
    /// @dev Time is linear in the data; uses 32 KiB of memory for the table.
    function compressedSize(bytes memory data) internal pure returns (uint256 size) {
        unchecked {
            uint256 limit = data.length < TAIL_BYTES ? 0 : data.length - TAIL_BYTES;
            uint256 table = _newTable();
            uint256 anchor; // first byte not yet covered by an instruction
            uint256 pos = 2;

            while (pos + 1 < limit) {
                uint256 candidate;
                (pos, candidate) = _nextMatch(data, table, pos, limit);
                if (pos >= limit) break;

                if (pos > anchor) size += _literals(pos - anchor);
                uint256 extra = _extension(data, candidate + 3, pos + 3, limit + REACH_BYTES);
                size += _match(extra);

                pos += extra;
                _remember(table, _three(data, pos), pos);
                _remember(table, _three(data, pos + 1), pos + 1);
                pos += 2;
                anchor = pos;
            }
            size += _literals(data.length - anchor);
        }
    }

    /// @dev First position from `pos` on, and at least two before `limit`, whose three bytes were seen less than 8,192
    /// bytes before, and where; `limit` when there is none.
    function _nextMatch(bytes memory data, uint256 table, uint256 pos, uint256 limit)
        private
        pure
        returns (uint256, uint256)
    {
        unchecked {
            while (pos + 1 < limit) {
                uint256 three = _three(data, pos);
                uint256 seen = _remember(table, three, pos);
                if (pos - seen < TABLE_ENTRIES && three == _three(data, seen)) return (pos, seen);
                ++pos;
            }
            return (limit, 0);
        }
    }

    /// @dev Bytes by which a match of three goes on, the first unequal byte counted; `end` is not passed.
    function _extension(bytes memory data, uint256 from, uint256 to, uint256 end) private pure returns (uint256 count) {
        unchecked {
            while (to + count < end) {
                bool equal = data[from + count] == data[to + count];
                ++count;
                if (!equal) break;
            }
        }
    }

    /// @dev Cost of `count` literals.
    function _literals(uint256 count) private pure returns (uint256) {
        unchecked {
            return count + (count + LITERALS_MAX - 1) / LITERALS_MAX;
        }
    }

    /// @dev Cost of a match that goes on for `extra` bytes, the first unequal one counted.
    function _match(uint256 extra) private pure returns (uint256) {
        unchecked {
            // A match begins at least eight bytes before the end of its reach, so `extra` is never zero.
            uint256 more = extra - 1;
            return 3 * (more / MATCH_MAX) + (more % MATCH_MAX >= 6 ? 3 : 2);
        }
    }

    /// @dev Three bytes at `pos`, the first one lowest.
    function _three(bytes memory data, uint256 pos) private pure returns (uint256 three) {
        assembly ("memory-safe") {
            let word := mload(add(add(data, 0x20), pos))
            three := or(or(byte(0, word), shl(8, byte(1, word))), shl(16, byte(2, word)))
        }
    }

    /// @dev A zeroed table of 8,192 entries of four bytes, with a spare word behind it.
    function _newTable() private pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            calldatacopy(table, calldatasize(), 0x8020)
            mstore(0x40, add(table, 0x8020))
        }
    }

    /// @dev Notes that `three` stands at `pos`; returns where it, or another of the same hash, stood before.
    function _remember(uint256 table, uint256 three, uint256 pos) private pure returns (uint256 before) {
        assembly ("memory-safe") {
            let entry := add(table, shl(2, and(shr(19, mul(three, 2654435769)), 0x1fff)))
            let word := mload(entry)
            before := shr(224, word)
            mstore(entry, or(shl(224, pos), shr(32, shl(32, word))))
        }
    }
}
