// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {Rlp} from "./Rlp.sol";

/// @title Values of a storage trie, by proof
/// @notice Walks a Merkle-Patricia trie whose keys are hashed, from the root to one value.
/// Source: Ethereum yellow paper, appendix D.
library SecureTrie {
    /// @notice The proof does not lead from the root to a value; `node` is the index of the element that fails.
    error SecureTrieBadProof(uint256 node);

    uint256 private constant PATH_NIBBLES = 64;
    uint256 private constant BRANCH_ITEMS = 17;

    /// @dev One node in memory and how far the walk has come.
    /// @param path Hash of the key; its nibbles are the way.
    /// @param depth Nibbles gone.
    /// @param used Elements of the proof taken.
    /// @param start Where the RLP of the node begins.
    /// @param end Where it ends.
    struct Walk {
        uint256 path;
        uint256 depth;
        uint256 used;
        uint256 start;
        uint256 end;
    }

    /// @notice The value that the trie of `root` holds for `key`.
    /// @dev Every element of the proof must be needed. A node of fewer than 32 bytes stands inside its parent; it may
    /// also stand behind it as an element of its own, as some clients write it.
    /// @param root Root hash of the trie.
    /// @param key Storage slot, before hashing.
    /// @param proof Nodes from the root to the leaf in RLP.
    function get(bytes32 root, bytes32 key, bytes[] memory proof) internal pure returns (bytes memory value) {
        Walk memory walk;
        walk.path = uint256(keccak256(abi.encode(key)));
        _openHashed(walk, root, proof);
        while (true) {
            (uint256 content, uint256 size, bool isList) = Rlp.item(walk.start, walk.end);
            if (!isList || content + size != walk.end) revert SecureTrieBadProof(walk.used - 1);
            (uint256 first, uint256 second, uint256 count) = _items(walk, content);
            if (count == BRANCH_ITEMS) {
                ++walk.depth;
                _follow(walk, first, proof);
            } else if (count == 2) {
                if (_takeSegment(walk, first)) return _leaf(walk, second, proof);
                _follow(walk, second, proof);
            } else {
                revert SecureTrieBadProof(walk.used - 1);
            }
        }
    }

    /// @dev Counts the items from `content` to the end of the node. `first` is the child on the way if there are 17
    /// of them, else the first item; `second` is the second one.
    function _items(Walk memory walk, uint256 content)
        private
        pure
        returns (uint256 first, uint256 second, uint256 count)
    {
        // A branch below the last nibble has no child on the way; 16 is the place of its value, which is refused.
        uint256 wanted = walk.depth < PATH_NIBBLES ? (walk.path >> (252 - 4 * walk.depth)) & 15 : 16;
        uint256 child;
        first = content;
        for (uint256 position = content; position < walk.end; ++count) {
            if (count == wanted) child = position;
            if (count == 1) second = position;
            (uint256 start, uint256 size,) = Rlp.item(position, walk.end);
            position = start + size;
        }
        if (count == BRANCH_ITEMS) {
            if (wanted == 16) revert SecureTrieBadProof(walk.used - 1);
            first = child;
        }
    }

    /// @dev Takes the nibbles of a leaf or an extension from the way; says whether it is a leaf.
    function _takeSegment(Walk memory walk, uint256 position) private pure returns (bool isLeaf) {
        (uint256 content, uint256 size, bool isList) = Rlp.item(position, walk.end);
        if (isList || size == 0) revert SecureTrieBadProof(walk.used - 1);
        uint256 prefix = Rlp.byteAt(content);
        uint256 odd = (prefix >> 4) & 1;
        uint256 count = 2 * (size - 1) + odd;
        isLeaf = prefix >> 5 == 1;
        // Flags 0 to 3, zero padding, no more than what is left, and no extension without a nibble.
        if (
            prefix > 0x3f || (odd == 0 && prefix & 15 != 0) || count > PATH_NIBBLES - walk.depth
                || (count == 0 && !isLeaf)
        ) revert SecureTrieBadProof(walk.used - 1);
        uint256 nibbles = odd == 1 ? Rlp.word(content) << 4 : Rlp.word(content + 1);
        if ((nibbles ^ (walk.path << (4 * walk.depth))) >> (256 - 4 * count) != 0) {
            revert SecureTrieBadProof(walk.used - 1);
        }
        walk.depth += count;
    }

    /// @dev The content of the value at `position`, at the very end of way and proof.
    function _leaf(Walk memory walk, uint256 position, bytes[] memory proof) private pure returns (bytes memory value) {
        (uint256 content, uint256 size, bool isList) = Rlp.item(position, walk.end);
        if (isList || walk.depth != PATH_NIBBLES || walk.used != proof.length) {
            revert SecureTrieBadProof(walk.used - 1);
        }
        value = new bytes(size);
        assembly ("memory-safe") {
            mcopy(add(value, 0x20), content, size)
        }
    }

    /// @dev Goes to the child that the item at `position` names or holds.
    function _follow(Walk memory walk, uint256 position, bytes[] memory proof) private pure {
        (uint256 content, uint256 size, bool isList) = Rlp.item(position, walk.end);
        if (!isList) {
            if (size != 32) revert SecureTrieBadProof(walk.used - 1);
            _openHashed(walk, bytes32(Rlp.word(content)), proof);
            return;
        }
        uint256 end = content + size;
        if (end - position >= 32) revert SecureTrieBadProof(walk.used - 1);
        if (walk.used < proof.length) {
            bytes32 here;
            uint256 length = end - position;
            assembly ("memory-safe") {
                here := keccak256(position, length)
            }
            if (keccak256(proof[walk.used]) != here) revert SecureTrieBadProof(walk.used);
            ++walk.used;
        }
        walk.start = position;
        walk.end = end;
    }

    /// @dev Goes to the next element of the proof, which must have the hash `hash`.
    function _openHashed(Walk memory walk, bytes32 hash, bytes[] memory proof) private pure {
        if (walk.used == proof.length) revert SecureTrieBadProof(walk.used);
        bytes memory node = proof[walk.used];
        if (keccak256(node) != hash) revert SecureTrieBadProof(walk.used);
        ++walk.used;
        uint256 start;
        assembly ("memory-safe") {
            start := add(node, 0x20)
        }
        walk.start = start;
        walk.end = start + node.length;
    }
}
