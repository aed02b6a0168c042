// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {LinearParams} from "../ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../ai/libraries/Tensor.sol";

/// @notice A network of two quantised layers, as exported from ONNX.
/// @param kind 0: inputs, hidden values and logits are i8; 1: u8.
/// @param inputs Length of an input.
/// @param hidden Outputs of the first layer.
/// @param classes Outputs of the second layer.
/// @param zx Zero point of the inputs.
/// @param zw1 Zero point of the first weights.
/// @param zh Zero point of the hidden values.
/// @param loHidden Least hidden value; zh for a ReLU.
/// @param hiHidden Greatest hidden value.
/// @param zw2 Zero point of the second weights.
/// @param zy Zero point of the logits.
/// @param isPerChannel Whether each output has a scale of its own; else each layer has one.
struct MlpShape {
    uint8 kind;
    uint32 inputs;
    uint32 hidden;
    uint32 classes;
    int32 zx;
    int32 zw1;
    int32 zh;
    int32 loHidden;
    int32 hiHidden;
    int32 zw2;
    int32 zy;
    bool isPerChannel;
}

/// @title Mlp
/// @notice Classifies an input by two quantised layers and an argmax. Logits equal those of ONNX Runtime bit for bit:
/// scales are f32, `sx * sw / sy`, and rounding is mode 1.
abstract contract Mlp {
    /// @notice An input was classified in a transaction.
    event Classified(address indexed by, uint256 class, bytes logits);

    uint8 private immutable _kind;
    uint32 internal immutable _inputs;
    uint32 internal immutable _hidden;
    uint32 internal immutable _classes;
    int32 private immutable _zx;
    int32 private immutable _zw1;
    int32 private immutable _zh;
    int32 private immutable _loHidden;
    int32 private immutable _hiHidden;
    int32 private immutable _zw2;
    int32 private immutable _zy;

    constructor(MlpShape memory shape) {
        (_kind, _inputs, _hidden, _classes) = (shape.kind, shape.inputs, shape.hidden, shape.classes);
        (_zx, _zw1, _zh) = (shape.zx, shape.zw1, shape.zh);
        (_loHidden, _hiHidden) = (shape.loHidden, shape.hiHidden);
        (_zw2, _zy) = (shape.zw2, shape.zy);
    }

    /// @notice Classifies `x`, `inputs` packed bytes, and keeps the answer in a log.
    function classify(bytes calldata x) external returns (uint256 class) {
        bytes memory y = _logits(x);
        class = _argmax(y);
        emit Classified(msg.sender, class, y);
    }

    /// @notice The class of `x`: index of the greatest logit, the lowest of equal ones.
    function predict(bytes calldata x) external view returns (uint256 class) {
        return _argmax(_logits(x));
    }

    /// @notice The logits of `x`, one packed byte per class.
    function logits(bytes calldata x) external view returns (bytes memory) {
        return _logits(x);
    }

    /// @dev The hidden values, as an operand.
    function _hiddenOf(bytes memory x) internal view virtual returns (bytes memory);

    /// @dev Weights, biases and scales of the second layer, as operands.
    function _second() internal view virtual returns (bytes memory w, bytes memory bias, bytes memory scales);

    function _logits(bytes calldata x) private view returns (bytes memory) {
        bytes memory h = _hiddenOf(Tensor.inlined(x));
        (bytes memory w, bytes memory bias, bytes memory scales) = _second();
        (int32 lo, int32 hi) = _kind == 0 ? (int32(-128), int32(127)) : (int32(0), int32(255));
        LinearParams memory params = LinearParams(0, _kind, 1, 1, _hidden, _classes, _zh, _zw2, _zy, lo, hi);
        return Tensor.LINEARQ.linear(params, h, w, bias, scales, "");
    }

    /// @dev `rows` outputs of the first layer.
    function _first(uint32 rows, bytes memory x, bytes memory w, bytes memory bias, bytes memory scales)
        internal
        view
        returns (bytes memory)
    {
        LinearParams memory params = LinearParams(0, _kind, 1, 1, _inputs, rows, _zx, _zw1, _zh, _loHidden, _hiHidden);
        return Tensor.LINEARQ.linear(params, x, w, bias, scales, "");
    }

    function _argmax(bytes memory y) private view returns (uint256) {
        return Tensor.argmax(_kind == 0 ? Tensor.I8 : Tensor.U8, _classes, Tensor.inlined(y));
    }
}

/// @title MlpClassifier
/// @notice The network with its weights in the code of two accounts. An account holds at most 24,575 bytes of data, so
/// the first layer is split by outputs: `rows` of them, at least 1 and less than all, lie in the first account.
/// @dev Code of the accounts, behind a first byte of zero:
///
///     first:  W1 rows [0, rows) | bias i32 | scales f32
///     second: W1 rows [rows, hidden) | bias i32 | scales f32 | W2 | bias i32 | scales f32
///
/// Where the layers have one scale each, both accounts hold the one of the first layer.
contract MlpClassifier is Mlp {
    address private immutable _account1;
    address private immutable _account2;
    uint32 private immutable _rows;
    bool private immutable _isPerChannel;

    constructor(MlpShape memory shape, uint32 rows, address account1, address account2) Mlp(shape) {
        (_account1, _account2, _rows, _isPerChannel) = (account1, account2, rows, shape.isPerChannel);
    }

    function _hiddenOf(bytes memory x) internal view override returns (bytes memory) {
        bytes memory h1 = _part(_account1, _rows, x);
        bytes memory h2 = _part(_account2, _hidden - _rows, x);
        return abi.encodePacked(Tensor.INLINE, h1, h2);
    }

    /// @dev The hidden values whose weights lie at the start of `account`.
    function _part(address account, uint32 rows, bytes memory x) private view returns (bytes memory) {
        (bytes memory w, bytes memory bias, bytes memory scales) = _layer(account, 0, rows, _inputs);
        return _first(rows, x, w, bias, scales);
    }

    function _second() internal view override returns (bytes memory, bytes memory, bytes memory) {
        uint32 rows = _hidden - _rows;
        return _layer(_account2, rows * (_inputs + 4) + _scalesSize(rows), _classes, _hidden);
    }

    /// @dev The operands of `rows` outputs with `k` weights each, from `offset` on.
    function _layer(address account, uint32 offset, uint32 rows, uint32 k)
        private
        view
        returns (bytes memory w, bytes memory bias, bytes memory scales)
    {
        w = Tensor.inCode(account, offset, rows * k);
        bias = Tensor.inCode(account, offset + rows * k, 4 * rows);
        scales = Tensor.inCode(account, offset + rows * (k + 4), _scalesSize(rows));
    }

    function _scalesSize(uint32 rows) private view returns (uint32) {
        return _isPerChannel ? 4 * rows : 4;
    }
}

/// @title MlpStored
/// @notice The network with its weights in the tensor store; biases and scales travel in its own storage.
/// @dev Whoever wants the classifier to live on keeps the tensors alive by `touch`.
contract MlpStored is Mlp {
    /// @notice W1, i8 [hidden][inputs].
    bytes32 public immutable w1;

    /// @notice W2, i8 [classes][hidden].
    bytes32 public immutable w2;

    bytes private _bias1;
    bytes private _scales1;
    bytes private _bias2;
    bytes private _scales2;

    /// @param biases Packed i32, by layer.
    /// @param scales Packed f32, by layer.
    constructor(MlpShape memory shape, bytes32[2] memory weights, bytes[2] memory biases, bytes[2] memory scales)
        Mlp(shape)
    {
        (w1, w2) = (weights[0], weights[1]);
        (_bias1, _bias2) = (Tensor.inlined(biases[0]), Tensor.inlined(biases[1]));
        (_scales1, _scales2) = (Tensor.inlined(scales[0]), Tensor.inlined(scales[1]));
    }

    function _hiddenOf(bytes memory x) internal view override returns (bytes memory) {
        return Tensor.inlined(_first(_hidden, x, Tensor.stored(w1), _bias1, _scales1));
    }

    function _second() internal view override returns (bytes memory, bytes memory, bytes memory) {
        return (Tensor.stored(w2), _bias2, _scales2);
    }
}
