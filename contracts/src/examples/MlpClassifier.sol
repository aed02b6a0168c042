// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraLinear, IFoggaraReduce, LinearParams} from "../ai/interfaces/IFoggaraAI.sol";
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

    uint8 internal immutable _kind;
    uint32 internal immutable _inputs;
    uint32 internal immutable _hidden;
    uint32 internal immutable _classes;
    int32 internal immutable _zx;
    int32 internal immutable _zw1;
    int32 internal immutable _zh;
    int32 internal immutable _loHidden;
    int32 internal immutable _hiHidden;
    int32 internal immutable _zw2;
    int32 internal immutable _zy;
    bool internal immutable _isPerChannel;

    constructor(MlpShape memory shape) {
        (_kind, _inputs, _hidden, _classes) = (shape.kind, shape.inputs, shape.hidden, shape.classes);
        (_zx, _zw1, _zh) = (shape.zx, shape.zw1, shape.zh);
        (_loHidden, _hiHidden) = (shape.loHidden, shape.hiHidden);
        (_zw2, _zy, _isPerChannel) = (shape.zw2, shape.zy, shape.isPerChannel);
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

    function _logits(bytes calldata x) internal view virtual returns (bytes memory);

    function _argmax(bytes memory y) internal view virtual returns (uint256) {
        return Tensor.argmax(_kind == 0 ? Tensor.I8 : Tensor.U8, _classes, Tensor.inlined(y));
    }

    /// @dev Bounds of the logits: all of their type.
    function _bounds() internal view returns (int32 lo, int32 hi) {
        return _kind == 0 ? (int32(-128), int32(127)) : (int32(0), int32(255));
    }

    /// @dev Size of the scales of `rows` outputs.
    function _scalesSize(uint32 rows) internal view returns (uint32) {
        return _isPerChannel ? 4 * rows : 4;
    }
}

/// @title MlpStored
/// @notice The network with its weights in the tensor store, and biases and scales in the code of an account.
/// @dev Code of the account, behind a first byte of zero: bias1 i32 | scales1 f32 | bias2 i32 | scales2 f32. Whoever
/// wants the classifier to live on keeps the tensors alive by `touch`.
contract MlpStored is Mlp {
    /// @notice W1, i8 [hidden][inputs].
    bytes32 public immutable w1;

    /// @notice W2, i8 [classes][hidden].
    bytes32 public immutable w2;

    address private immutable _account;

    constructor(MlpShape memory shape, bytes32 w1_, bytes32 w2_, address account) Mlp(shape) {
        (w1, w2, _account) = (w1_, w2_, account);
    }

    function _logits(bytes calldata x) internal view override returns (bytes memory) {
        (uint32 bias, uint32 scales) = (4 * _hidden, _scalesSize(_hidden));
        bytes memory h = Tensor.linear(
            LinearParams(0, _kind, 1, 1, _inputs, _hidden, _zx, _zw1, _zh, _loHidden, _hiHidden),
            Tensor.inlined(x),
            Tensor.stored(w1),
            Tensor.inCode(_account, 0, bias),
            Tensor.inCode(_account, bias, scales),
            ""
        );
        return _secondLayer(h, bias + scales);
    }

    function _secondLayer(bytes memory h, uint32 offset) private view returns (bytes memory) {
        (int32 lo, int32 hi) = _bounds();
        return Tensor.linear(
            LinearParams(0, _kind, 1, 1, _hidden, _classes, _zh, _zw2, _zy, lo, hi),
            Tensor.inlined(h),
            Tensor.stored(w2),
            Tensor.inCode(_account, offset, 4 * _classes),
            Tensor.inCode(_account, offset + 4 * _classes, _scalesSize(_classes)),
            ""
        );
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
///
/// This one is tuned: it writes the calldata of the layers word by word, once, and changes between calls only what
/// differs. MlpStored shows the same in plain Solidity, at about 10,000 gas more.
contract MlpClassifier is Mlp {
    /// @dev Operands of three products: outputs [0, rows), outputs [rows, hidden), and the second layer. An operand in
    /// code has 29 bytes and so fits in a word.
    bytes32 private immutable _w1a;
    bytes32 private immutable _bias1a;
    bytes32 private immutable _scales1a;
    bytes32 private immutable _w1b;
    bytes32 private immutable _bias1b;
    bytes32 private immutable _scales1b;
    bytes32 private immutable _w2;
    bytes32 private immutable _bias2;
    bytes32 private immutable _scales2;
    uint32 private immutable _rows;

    constructor(MlpShape memory shape, uint32 rows, address account1, address account2) Mlp(shape) {
        _rows = rows;
        uint32 rest = shape.hidden - rows;
        uint32 offset = 0;
        (_w1a, _bias1a, _scales1a,) = _operands(account1, 0, rows, shape.inputs, shape.isPerChannel);
        (_w1b, _bias1b, _scales1b, offset) = _operands(account2, 0, rest, shape.inputs, shape.isPerChannel);
        (_w2, _bias2, _scales2,) = _operands(account2, offset, shape.classes, shape.hidden, shape.isPerChannel);
    }

    /// @dev The operands of `rows` outputs with `k` weights each, from `offset` on, and where they end.
    function _operands(address account, uint32 offset, uint32 rows, uint32 k, bool isPerChannel)
        private
        pure
        returns (bytes32 w, bytes32 bias, bytes32 scales, uint32 end)
    {
        uint32 size = isPerChannel ? 4 * rows : 4;
        w = bytes32(Tensor.inCode(account, offset, rows * k));
        bias = bytes32(Tensor.inCode(account, offset + rows * k, 4 * rows));
        scales = bytes32(Tensor.inCode(account, offset + rows * (k + 4), size));
        return (w, bias, scales, offset + rows * (k + 4) + size);
    }

    function _logits(bytes calldata x) internal view override returns (bytes memory y) {
        uint256 call_ = _firstLayer(x.length);
        uint256 hidden;
        uint256 count = _hidden;
        assembly ("memory-safe") {
            // The input, an inline operand: a zero byte and the elements. The hidden values come behind it, already
            // with a zero byte of their own.
            calldatacopy(add(call_, 0x321), x.offset, x.length)
            hidden := add(call_, add(0x321, x.length))
            mstore8(hidden, 0)
            mstore(0x40, and(add(add(hidden, count), 0x40), not(31)))
        }
        uint256 size = 0x305 + x.length;
        _place(call_, _rows, _w1a, _bias1a, _scales1a);
        _call(call_, size, hidden + 1, _rows);
        _place(call_, _hidden - _rows, _w1b, _bias1b, _scales1b);
        _call(call_, size, hidden + 1 + _rows, _hidden - _rows);

        _secondLayer(call_);
        _place(call_, _classes, _w2, _bias2, _scales2);
        y = new bytes(_classes);
        assembly ("memory-safe") {
            mcopy(add(call_, 0x320), hidden, add(count, 1))
            count := add(count, 0x305)
        }
        uint256 to;
        assembly ("memory-safe") {
            to := add(y, 32)
        }
        _call(call_, count, to, y.length);
    }

    /// @dev Calldata of `linear` at the returned place plus 28, but for what `_place` sets and the input itself:
    ///
    ///     0x020  flags, kind, mode, m, k, n, zx, zw, zy, lo, hi
    ///     0x180  offsets of x, w, bias, scales, lut: 0x2e0, 0x200, 0x240, 0x280, 0x2c0
    ///     0x220  w, bias, scales: 29 bytes each; lut: empty; x: its length, and from 0x320 on its bytes
    function _firstLayer(uint256 inputs) private view returns (uint256 at_) {
        (uint256 kind, uint256 selector) = (_kind, uint32(IFoggaraLinear.linear.selector));
        assembly ("memory-safe") {
            at_ := mload(0x40)
            mstore(0x40, add(at_, add(0x3a0, mul(2, inputs))))
            mstore(at_, selector)
            mstore(add(at_, 0x020), 0)
            mstore(add(at_, 0x040), kind)
            mstore(add(at_, 0x060), 1)
            mstore(add(at_, 0x080), 1)
            mstore(add(at_, 0x180), 0x2e0)
            mstore(add(at_, 0x1a0), 0x200)
            mstore(add(at_, 0x1c0), 0x240)
            mstore(add(at_, 0x1e0), 0x280)
            mstore(add(at_, 0x200), 0x2c0)
            mstore(add(at_, 0x220), 29)
            mstore(add(at_, 0x260), 29)
            mstore(add(at_, 0x2a0), 29)
            mstore(add(at_, 0x2e0), 0)
            mstore(add(at_, 0x300), add(inputs, 1))
            mstore8(add(at_, 0x320), 0)
        }
        _bound(at_, _inputs, _zx, _zw1, _zh);
        (int256 lo, int256 hi) = (_loHidden, _hiHidden);
        assembly ("memory-safe") {
            mstore(add(at_, 0x140), lo)
            mstore(add(at_, 0x160), hi)
        }
    }

    function _secondLayer(uint256 at_) private view {
        _bound(at_, _hidden, _zh, _zw2, _zy);
        (int32 lo, int32 hi) = _bounds();
        uint256 count = _hidden;
        assembly ("memory-safe") {
            mstore(add(at_, 0x140), lo)
            mstore(add(at_, 0x160), hi)
            mstore(add(at_, 0x300), add(count, 1))
        }
    }

    /// @dev Sets k and the zero points.
    function _bound(uint256 at_, uint256 k, int256 zx, int256 zw, int256 zy) private pure {
        assembly ("memory-safe") {
            mstore(add(at_, 0x0a0), k)
            mstore(add(at_, 0x0e0), zx)
            mstore(add(at_, 0x100), zw)
            mstore(add(at_, 0x120), zy)
        }
    }

    /// @dev Sets n and what the outputs are made from.
    function _place(uint256 at_, uint256 n, bytes32 w, bytes32 bias, bytes32 scales) private pure {
        assembly ("memory-safe") {
            mstore(add(at_, 0x0c0), n)
            mstore(add(at_, 0x240), w)
            mstore(add(at_, 0x280), bias)
            mstore(add(at_, 0x2c0), scales)
        }
    }

    /// @dev Calls LINEARQ and copies the `count` bytes of the result to `to`; an error is passed on.
    function _call(uint256 at_, uint256 size, uint256 to, uint256 count) private view {
        _call(address(Tensor.LINEARQ), at_, size, to, count);
    }

    /// @dev The same for any operation with one result.
    function _call(address operation, uint256 at_, uint256 size, uint256 to, uint256 count) private view {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), operation, add(at_, 28), size, 0, 0)) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            // Behind the offset and the length; a shorter answer, as from an account without code, reverts here.
            returndatacopy(to, 64, count)
        }
    }

    /// @dev As Mlp says, with the calldata written word by word.
    function _argmax(bytes memory y) internal view override returns (uint256 class) {
        (uint256 selector, uint256 dtype) = (uint32(IFoggaraReduce.reduce.selector), _kind == 0 ? Tensor.I8 : Tensor.U8);
        uint256 at_;
        assembly ("memory-safe") {
            let count := mload(y)
            at_ := mload(0x40)
            mstore(0x40, add(at_, add(0x180, count)))
            mstore(at_, selector)
            mstore(add(at_, 0x20), 0)
            mstore(add(at_, 0x40), 4)
            mstore(add(at_, 0x60), dtype)
            mstore(add(at_, 0x80), 1)
            mstore(add(at_, 0xa0), count)
            mstore(add(at_, 0xc0), 1)
            mstore(add(at_, 0xe0), 0xe0)
            mstore(add(at_, 0x100), add(count, 1))
            mstore8(add(at_, 0x120), 0)
            mcopy(add(at_, 0x121), add(y, 32), count)
        }
        _call(address(Tensor.REDUCE), at_, 0x105 + y.length, 0, 4);
        assembly ("memory-safe") {
            // The lowest byte is first.
            let bits := mload(0)
            class := or(or(byte(0, bits), shl(8, byte(1, bits))), or(shl(16, byte(2, bits)), shl(24, byte(3, bits))))
        }
    }
}
