// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Storage tries, written from the yellow paper and not from the verifier
/// @notice All values are the byte 1, as the message passer stores them. Slow.
library TrieBuilder {
    /// @notice Root of the trie that maps the hash of each key to 1.
    function root(bytes32[] memory keys) internal pure returns (bytes32) {
        return keccak256(node(hashed(keys), 0));
    }

    /// @notice Nodes from the root to the value of `key`. Nodes inside others become elements only if `inlined`.
    function prove(bytes32[] memory keys, bytes32 key, bool inlined) internal pure returns (bytes[] memory proof) {
        bytes32[] memory paths = hashed(keys);
        bytes32 path = keccak256(abi.encode(key));
        bytes[] memory found = new bytes[](130);
        uint256 count;
        for (uint256 depth = 0; paths.length > 0;) {
            bytes memory encoded = node(paths, depth);
            if (encoded.length >= 32 || count == 0 || inlined) found[count++] = encoded;
            if (paths.length == 1) break;
            uint256 common = shared(paths, depth);
            if (common > 0) {
                depth += common;
                continue;
            }
            paths = below(paths, depth, nibble(path, depth));
            ++depth;
        }
        proof = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            proof[i] = found[i];
        }
    }

    /* NODES */

    /// @dev The node over `paths`, which agree in their first `depth` nibbles.
    function node(bytes32[] memory paths, uint256 depth) internal pure returns (bytes memory) {
        if (paths.length == 0) return hex"80";
        if (paths.length == 1) return list(bytes.concat(text(compact(paths[0], depth, 64 - depth, true)), hex"01"));
        uint256 common = shared(paths, depth);
        if (common > 0) {
            bytes memory child = node(paths, depth + common);
            return list(bytes.concat(text(compact(paths[0], depth, common, false)), named(child)));
        }
        bytes memory content;
        for (uint256 i; i < 16; ++i) {
            bytes32[] memory some = below(paths, depth, i);
            content = bytes.concat(content, some.length == 0 ? bytes(hex"80") : named(node(some, depth + 1)));
        }
        return list(bytes.concat(content, hex"80"));
    }

    /// @dev How a parent names a child: by hash, or in full if that is shorter.
    function named(bytes memory child) internal pure returns (bytes memory) {
        return child.length < 32 ? child : text(abi.encodePacked(keccak256(child)));
    }

    /// @dev `count` nibbles of `path` from `depth` in hex-prefix form.
    function compact(bytes32 path, uint256 depth, uint256 count, bool leaf) internal pure returns (bytes memory out) {
        out = new bytes(count / 2 + 1);
        uint256 flags = (leaf ? 2 : 0) + count % 2;
        out[0] = bytes1(uint8(flags << 4));
        uint256 position = 2 - count % 2;
        for (uint256 i; i < count; ++i) {
            uint256 value = nibble(path, depth + i);
            out[position / 2] |= bytes1(uint8(position % 2 == 0 ? value << 4 : value));
            ++position;
        }
    }

    function nibble(bytes32 path, uint256 index) internal pure returns (uint256) {
        return (uint256(path) >> (252 - 4 * index)) & 15;
    }

    /// @dev How many nibbles from `depth` on all paths share.
    function shared(bytes32[] memory paths, uint256 depth) internal pure returns (uint256 count) {
        for (; depth + count < 64; ++count) {
            for (uint256 i = 1; i < paths.length; ++i) {
                if (nibble(paths[i], depth + count) != nibble(paths[0], depth + count)) return count;
            }
        }
    }

    /// @dev The paths that have `value` at `depth`.
    function below(bytes32[] memory paths, uint256 depth, uint256 value) internal pure returns (bytes32[] memory some) {
        uint256 count;
        some = new bytes32[](paths.length);
        for (uint256 i; i < paths.length; ++i) {
            if (nibble(paths[i], depth) == value) some[count++] = paths[i];
        }
        assembly ("memory-safe") {
            mstore(some, count)
        }
    }

    function hashed(bytes32[] memory keys) internal pure returns (bytes32[] memory paths) {
        paths = new bytes32[](keys.length);
        for (uint256 i; i < keys.length; ++i) {
            paths[i] = keccak256(abi.encode(keys[i]));
        }
    }

    /* RLP */

    function text(bytes memory content) internal pure returns (bytes memory) {
        if (content.length == 1 && uint8(content[0]) < 0x80) return content;
        return bytes.concat(header(content.length, 0x80), content);
    }

    function list(bytes memory content) internal pure returns (bytes memory) {
        return bytes.concat(header(content.length, 0xc0), content);
    }

    function header(uint256 size, uint256 base) internal pure returns (bytes memory) {
        if (size < 56) return abi.encodePacked(uint8(base + size));
        if (size < 256) return abi.encodePacked(uint8(base + 56), uint8(size));
        return abi.encodePacked(uint8(base + 57), uint16(size));
    }
}
