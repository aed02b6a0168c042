// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {MatmulShape, SgdParams} from "../ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../ai/libraries/Tensor.sol";

/// @title LogRegStep
/// @notice Trains a logistic regression on chain, one step of gradient descent per transaction.
/// @dev Weights are i32 in units of 2^-16 and are rounded to i8 in units of 2^-5 for the forward pass, so they act
/// within -4 to 3.97. Features are i8 in units of 2^-6, labels and probabilities i8 from 0 to 127 for 0 to 1. With
/// several classes each has a regression of its own, one against the rest.
contract LogRegStep {
    /* TYPES */

    /// @notice A step was taken; `hash` is that of the new weights.
    event Trained(uint256 indexed step, bytes32 hash);

    /* CONSTANTS */

    /// @dev `127 / (1 + exp(-z / 16))` rounded, at index z as u8.
    bytes private constant SIGMOID = hex"4041434547494b4d4f51535556585a5b5d5e60616364656768696a6b6c6d6e6f"
        hex"7071717273747475757676777778787979797a7a7a7b7b7b7b7b7c7c7c7c7c7d"
        hex"7d7d7d7d7d7d7d7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7f7f7f7f7f7f7f"
        hex"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f"
        hex"0000000000000000000000000000000000000000000000000000000000000000"
        hex"0000000000000000010101010101010101010101010101010101020202020202"
        hex"0202030303030304040404040505050606060707080809090a0a0b0b0c0d0e0e"
        hex"0f1011121314151617181a1b1c1e1f2122242527292a2c2e30323436383a3c3e";

    /// @dev Bits after the point of the weights.
    uint8 private constant WEIGHT_BITS = 16;

    /// @dev From weights to those of the forward pass: 16 to 5 bits after the point.
    uint8 private constant WEIGHT_SHIFT = 11;

    /// @dev From products, 5 + 6 bits after the point, to the 4 of the table.
    uint8 private constant LOGIT_SHIFT = 7;

    /* STORAGE */

    /// @notice Number of features; the last may be a constant, for the bias.
    uint32 public immutable features;

    /// @notice Number of classes; 1 for a yes or no.
    uint32 public immutable classes;

    /// @notice Factor on the sum of the gradients of a batch, in units of 2^-16.
    int32 public immutable rate;

    /// @notice The weights, [classes][features] packed i32.
    bytes public weights;

    /// @notice Steps taken.
    uint256 public steps;

    constructor(uint32 features_, uint32 classes_, int32 rate_) {
        (features, classes, rate) = (features_, classes_, rate_);
        weights = new bytes(4 * features_ * classes_);
    }

    /* STATE-CHANGING */

    /// @notice Takes a step on a batch.
    /// @param batch Number of samples.
    /// @param x Operand, i8 [batch][features].
    /// @param labels Operand, i8 [batch][classes], each 0 or 127.
    function train(uint32 batch, bytes calldata x, bytes calldata labels) external {
        bytes memory updated = stepped(weights, batch, x, labels);
        weights = updated;
        ++steps;
        emit Trained(steps, keccak256(updated));
    }

    /* VIEW */

    /// @notice Probabilities of the classes, i8 [batch][classes], by the current weights.
    function predict(uint32 batch, bytes calldata x) external view returns (bytes memory) {
        return _forward(weights, batch, x);
    }

    /// @notice The weights after a step from `from`.
    function stepped(bytes memory from, uint32 batch, bytes calldata x, bytes calldata labels)
        public
        view
        returns (bytes memory)
    {
        bytes memory p = _forward(from, batch, x);
        bytes memory e = Tensor.ELTWISE.binary(0, 1, Tensor.I8, Tensor.inlined(p), labels);
        // Gradient = e transposed times x: both are given with the sum's index first.
        MatmulShape memory shape =
            MatmulShape(Tensor.A_TRANSPOSED | Tensor.B_TRANSPOSED, Tensor.I8_I8_I32, 1, classes, batch, features);
        bytes memory g = Tensor.matmul(shape, Tensor.inlined(e), x);
        return Tensor.OPT.sgd(SgdParams(0, WEIGHT_BITS, rate, 0), Tensor.inlined(from), Tensor.inlined(g));
    }

    /* INTERNAL */

    function _forward(bytes memory from, uint32 batch, bytes calldata x) private view returns (bytes memory) {
        bytes memory w = Tensor.ELTWISE.shift(0, Tensor.I32, Tensor.I8, WEIGHT_SHIFT, Tensor.inlined(from));
        bytes memory z =
            Tensor.matmul(MatmulShape(0, Tensor.I8_I8_I32, 1, batch, features, classes), x, Tensor.inlined(w));
        z = Tensor.ELTWISE.shift(0, Tensor.I32, Tensor.I8, LOGIT_SHIFT, Tensor.inlined(z));
        return Tensor.ELTWISE.lut(0, Tensor.inlined(z), Tensor.inlined(SIGMOID));
    }
}
