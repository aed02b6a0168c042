// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TrieProof} from "@openzeppelin/contracts/utils/cryptography/TrieProof.sol";
import {Rlp} from "../../src/l1/libraries/Rlp.sol";
import {SecureTrie} from "../../src/l1/libraries/SecureTrie.sol";
import {Cheats} from "./helpers/Cheats.sol";
import {TrieBuilder} from "./helpers/TrieBuilder.sol";

/// @notice Proofs against tries that a second implementation built, and against a second verifier.
contract SecureTrieTest is Cheats {
    /// @dev The hashes of these two keys share their first eight nibbles, so their leaves are shorter than a hash and
    /// stand inside the branch.
    bytes32 internal constant LEFT = bytes32(uint256(40_364));
    bytes32 internal constant RIGHT = bytes32(uint256(105_566));

    function get(bytes32 root, bytes32 key, bytes[] memory proof) external pure returns (bytes memory) {
        return SecureTrie.get(root, key, proof);
    }

    function firstItem(bytes memory data) external pure returns (uint256 offset, uint256 size, bool isList) {
        uint256 start;
        assembly {
            start := add(data, 0x20)
        }
        (offset, size, isList) = Rlp.item(start, start + data.length);
        offset -= start;
    }

    /* VALUES */

    function testFuzz_every_key_is_proven(uint256 seed, uint8 count) public view {
        bytes32[] memory keys = some(seed, 1 + count % 20);
        bytes32 root = TrieBuilder.root(keys);
        for (uint256 i; i < keys.length; i += 7) {
            assertEq(this.get(root, keys[i], TrieBuilder.prove(keys, keys[i], false)), hex"01");
        }
    }

    function testFuzz_absent_key_is_not_proven(uint256 seed, uint8 count, bytes32 key) public {
        bytes32[] memory keys = some(seed, 1 + count % 20);
        bytes32 root = TrieBuilder.root(keys);
        for (uint256 i; i < keys.length; i += 4) {
            if (keys[i] == key) return;
            refused(root, key, TrieBuilder.prove(keys, keys[i], false));
        }
    }

    function test_nodes_inside_others() public {
        bytes32[] memory keys = some(1, 18);
        keys[3] = LEFT;
        keys[17] = RIGHT;
        bytes32 root = TrieBuilder.root(keys);
        for (uint256 i; i < 2; ++i) {
            bytes32 key = i == 0 ? LEFT : RIGHT;
            bytes[] memory inside = TrieBuilder.prove(keys, key, false);
            bytes[] memory apart = TrieBuilder.prove(keys, key, true);
            assertEq(apart.length, inside.length + 1);
            assertTrue(apart[apart.length - 1].length < 32, "the leaf is short");
            assertEq(this.get(root, key, inside), hex"01");
            assertEq(this.get(root, key, apart), hex"01");
            everyFlip(root, key, inside);
            everyFlip(root, key, apart);
        }
        // The leaf beside it proves nothing.
        bytes[] memory beside = TrieBuilder.prove(keys, LEFT, true);
        beside[beside.length - 1] = TrieBuilder.prove(keys, RIGHT, true)[beside.length - 1];
        refused(root, LEFT, beside);
    }

    function test_one_entry_is_a_root_that_is_a_leaf() public {
        bytes32[] memory keys = some(5, 1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        assertEq(proof.length, 1);
        bytes32 root = TrieBuilder.root(keys);
        assertEq(this.get(root, keys[0], proof), hex"01");
        everyFlip(root, keys[0], proof);
    }

    /// A node that is hashed again after a change has the right hash, so here the structure itself is held: no byte of
    /// header, flags and path of a leaf or an extension can be another.
    function test_every_byte_of_a_segment_counts() public {
        bytes32[] memory one = some(5, 1);
        bytes32[] memory two = new bytes32[](2);
        (two[0], two[1]) = (LEFT, RIGHT);
        // The leaf's value is its last byte; behind the extension's path stands the hash of the branch.
        changed(one[0], TrieBuilder.prove(one, one[0], false), 1);
        changed(LEFT, TrieBuilder.prove(two, LEFT, false), 33);
    }

    function changed(bytes32 key, bytes[] memory proof, uint256 free) internal {
        bytes memory node = proof[0];
        assertEq(this.get(keccak256(node), key, proof), hex"01");
        for (uint256 i; i < node.length - free; ++i) {
            for (uint256 bit; bit < 8; ++bit) {
                node[i] ^= bytes1(uint8(1 << bit));
                refused(keccak256(node), key, proof);
                node[i] ^= bytes1(uint8(1 << bit));
            }
        }
    }

    /* THE OTHER VERIFIER */

    /// What OpenZeppelin's verifier accepts, ours accepts with the same value, and the other way round; on proofs that
    /// are changed in up to three places, and whose root fits the change.
    function testFuzz_agrees_with_another_verifier(uint256 seed, uint8 count, uint256 changes) public {
        // One leaf on its own, or the branch above several.
        bytes32[] memory keys = some(seed, count % 3 == 0 ? 2 + count % 5 : 1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        // The first node is changed and hashed again, so that its structure is what is tested.
        bytes memory node = proof[0];
        for (uint256 i; i < changes % 4; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(changes, i)));
            // Headers and flags more often than paths and hashes.
            node[draw % (changes % 8 < 4 ? 4 : node.length)] = bytes1(uint8(draw >> 240));
        }
        bytes32 root = keccak256(node);
        (bool theyTake, bytes memory theirs) = try_(address(this), abi.encodeCall(this.other, (root, keys[0], proof)));
        (bool weTake, bytes memory ours) = try_(address(this), abi.encodeCall(this.get, (root, keys[0], proof)));
        if (weTake) {
            assertTrue(theyTake, "ours alone accepts");
            assertEq(ours, theirs);
        } else if (theyTake) {
            // Ours is stricter: RLP has one form, and padding of a path is zero.
            bool strict =
                bytes4(ours) == Rlp.RlpMalformed.selector || bytes4(ours) == SecureTrie.SecureTrieBadProof.selector;
            assertTrue(strict && changes % 4 != 0, "theirs alone accepts");
        }
    }

    function other(bytes32 root, bytes32 key, bytes[] memory proof) external pure returns (bytes memory) {
        return TrieProof.traverse(root, abi.encodePacked(keccak256(abi.encode(key))), proof);
    }

    /* MALFORMED NODES */

    function test_nodes_that_are_no_nodes() public {
        bytes[14] memory nodes = [
            bytes(hex""),
            hex"80",
            hex"01",
            hex"c0",
            hex"c101",
            hex"c3010101",
            // A leaf of the empty path, one with a flag that does not exist, with padding, with nothing.
            hex"c22001",
            hex"c24001",
            hex"c22101",
            hex"c28001",
            // An extension without a nibble.
            hex"e200a00000000000000000000000000000000000000000000000000000000000000000",
            // A branch of 16, and of 18.
            hex"d080808080808080808080808080808080",
            hex"d2808080808080808080808080808080808080",
            // An empty branch: the way ends in an empty child.
            hex"d18080808080808080808080808080808080"
        ];
        bytes[] memory proof = new bytes[](1);
        for (uint256 i; i < nodes.length; ++i) {
            proof[0] = nodes[i];
            refused(keccak256(nodes[i]), LEFT, proof);
        }
    }

    /// An extension that takes no nibble, above a whole trie.
    function test_extension_of_nothing_is_refused() public {
        bytes32[] memory keys = some(5, 1);
        bytes memory leaf = TrieBuilder.prove(keys, keys[0], false)[0];
        bytes[] memory proof = new bytes[](2);
        proof[0] = TrieBuilder.list(bytes.concat(hex"00", TrieBuilder.named(leaf)));
        proof[1] = leaf;
        refused(keccak256(proof[0]), keys[0], proof);
    }

    /// A node of 32 bytes and more is named by its hash, and nothing else stands for it.
    function test_long_node_inside_another_is_refused() public {
        bytes32 path = keccak256(abi.encode(LEFT));
        bytes memory leaf =
            TrieBuilder.list(bytes.concat(TrieBuilder.text(TrieBuilder.compact(path, 1, 63, true)), hex"01"));
        for (uint256 hashed; hashed < 2; ++hashed) {
            bytes memory content;
            for (uint256 i; i < 17; ++i) {
                bytes memory child = hashed == 1 ? TrieBuilder.named(leaf) : leaf;
                content = bytes.concat(content, i == TrieBuilder.nibble(path, 0) ? child : bytes(hex"80"));
            }
            bytes[] memory proof = new bytes[](1 + hashed);
            proof[0] = TrieBuilder.list(content);
            if (hashed == 1) {
                proof[1] = leaf;
                assertEq(this.get(keccak256(proof[0]), LEFT, proof), hex"01");
            } else {
                refused(keccak256(proof[0]), LEFT, proof);
            }
        }
    }

    function test_rlp_is_canonical() public {
        bytes[10] memory bad = [
            bytes(hex""),
            hex"8100", // a byte below 0x80 stands for itself
            hex"817f",
            hex"8201", // beyond the end
            hex"b800", // long form of a short string
            hex"b83700000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            hex"b900380000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            hex"f800",
            hex"bfffffffffffffffff",
            hex"ffffffffffffffffff"
        ];
        for (uint256 i; i < bad.length; ++i) {
            (bool ok, bytes memory answer) = try_(address(this), abi.encodeCall(this.firstItem, (bad[i])));
            assertTrue(!ok && bytes4(answer) == Rlp.RlpMalformed.selector, "malformed");
        }
        item(hex"00", 0, 1, false);
        item(hex"7f", 0, 1, false);
        item(hex"80", 1, 0, false);
        item(hex"8180", 1, 1, false);
        item(hex"820102", 1, 2, false);
        item(hex"c0", 1, 0, true);
        item(hex"c201c0", 1, 2, true);
        item(bytes.concat(hex"b838", new bytes(56)), 2, 56, false);
        item(bytes.concat(hex"f90100", new bytes(256)), 3, 256, true);
    }

    function testFuzz_rlp_items_stay_inside(bytes memory data) public {
        (bool ok, bytes memory answer) = try_(address(this), abi.encodeCall(this.firstItem, (data)));
        if (!ok) {
            assertTrue(bytes4(answer) == Rlp.RlpMalformed.selector, "typed");
            return;
        }
        (uint256 offset, uint256 size,) = abi.decode(answer, (uint256, uint256, bool));
        assertTrue(offset + size <= data.length, "inside");
    }

    /* HELPERS */

    function item(bytes memory data, uint256 offset, uint256 size, bool isList) internal view {
        (uint256 gotOffset, uint256 gotSize, bool gotList) = this.firstItem(data);
        assertEq(gotOffset, offset);
        assertEq(gotSize, size);
        assertTrue(gotList == isList, "list");
    }

    function some(uint256 seed, uint256 count) internal pure returns (bytes32[] memory keys) {
        keys = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            keys[i] = keccak256(abi.encode(seed, i));
        }
    }

    function everyFlip(bytes32 root, bytes32 key, bytes[] memory proof) internal {
        for (uint256 i; i < proof.length; ++i) {
            for (uint256 j; j < proof[i].length; ++j) {
                proof[i][j] ^= bytes1(uint8(1 << (j % 8)));
                refused(root, key, proof);
                proof[i][j] ^= bytes1(uint8(1 << (j % 8)));
            }
        }
    }

    function refused(bytes32 root, bytes32 key, bytes[] memory proof) internal {
        (bool ok,) = try_(address(this), abi.encodeCall(this.get, (root, key, proof)));
        assertTrue(!ok, "a false proof was taken");
    }
}
