// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {Tensor} from "../../src/ai/libraries/Tensor.sol";
import {MlpClassifier, MlpShape, MlpStored} from "../../src/examples/MlpClassifier.sol";
import {DataContract} from "./DataContract.sol";
import {Random} from "./Random.sol";

/// @notice A network 784-32-10 with weights that look random, and ways to deploy one.
library MlpFixture {
    struct Model {
        MlpShape shape;
        bytes w1;
        bytes bias1;
        bytes scales1;
        bytes w2;
        bytes bias2;
        bytes scales2;
    }

    /// @dev Rows of W1 that lie in the first account: 16 of 784 + 8 bytes leave room on both sides.
    uint32 internal constant ROWS = 16;

    function random() internal pure returns (Model memory m) {
        return random(784, 32, 10);
    }

    function random(uint32 inputs, uint32 hidden, uint32 classes) internal pure returns (Model memory m) {
        m.shape = MlpShape(0, inputs, hidden, classes, -3, 0, -128, -128, 127, 1, 5, true);
        (m.w1, m.bias1) = (Random.data(inputs * hidden, "w1"), Random.i32s(hidden, 16, "b1"));
        (m.w2, m.bias2) = (Random.data(hidden * classes, "w2"), Random.i32s(classes, 14, "b2"));
        (m.scales1, m.scales2) = (scales(hidden, 0x3900), scales(classes, 0x3b20));
    }

    /// @dev Patterns of f32 near `high << 16`.
    function scales(uint256 count, uint16 high) private pure returns (bytes memory packed) {
        for (uint256 i = 0; i < count; ++i) {
            bytes32 low = keccak256(abi.encode(count, i));
            packed = abi.encodePacked(packed, low[0], low[1], uint8(high) | (uint8(low[2]) & 7), uint8(high >> 8));
        }
    }

    function deploy(Model memory m) internal returns (MlpClassifier) {
        MlpShape memory s = m.shape;
        uint256 rows = ROWS;
        uint256 split = s.isPerChannel ? 4 * rows : 0;
        bytes memory first = abi.encodePacked(
            part(m.w1, 0, rows * s.inputs), part(m.bias1, 0, 4 * rows), part(m.scales1, 0, s.isPerChannel ? split : 4)
        );
        bytes memory second = abi.encodePacked(
            part(m.w1, rows * s.inputs, (s.hidden - rows) * s.inputs),
            part(m.bias1, 4 * rows, 4 * (s.hidden - rows)),
            part(m.scales1, split, m.scales1.length - split)
        );
        second = abi.encodePacked(second, m.w2, m.bias2, m.scales2);
        return new MlpClassifier(s, ROWS, DataContract.deploy(first), DataContract.deploy(second));
    }

    function store(Model memory m) internal returns (MlpStored) {
        bytes32 id1 = put(m.shape.hidden, m.shape.inputs, m.w1);
        bytes32 id2 = put(m.shape.classes, m.shape.hidden, m.w2);
        bytes memory rest = abi.encodePacked(m.bias1, m.scales1, m.bias2, m.scales2);
        return new MlpStored(m.shape, id1, id2, DataContract.deploy(rest));
    }

    /// @dev Stores i8 [rows][columns] for a year.
    function put(uint32 rows, uint32 columns, bytes memory data) internal returns (bytes32) {
        uint32[] memory dims = new uint32[](2);
        (dims[0], dims[1]) = (rows, columns);
        return Tensor.TENSOR.put(Tensor.I8, dims, 52, Tensor.inlined(data));
    }

    /// @dev `length` bytes of `data` from `start` on.
    function part(bytes memory data, uint256 start, uint256 length) internal pure returns (bytes memory result) {
        result = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            result[i] = data[start + i];
        }
    }
}
