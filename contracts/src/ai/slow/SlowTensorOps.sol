// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraEltwise, IFoggaraLinear, IFoggaraMatmul, IFoggaraReduce} from "../interfaces/IFoggaraAI.sol";
import {SlowBase} from "./SlowBase.sol";
import {SlowMath} from "./SlowMath.sol";

/// @notice MATMUL in plain Solidity.
contract SlowMatmul is SlowBase {
    using SlowMath for bytes;

    struct Product {
        uint8 flags;
        uint8 kind;
        uint256 batch;
        uint256 m;
        uint256 k;
        uint256 n;
    }

    function code() internal pure override returns (uint8) {
        return 0x01;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector != IFoggaraMatmul.matmul.selector) revert UnknownSelector(selector);
        Product memory p =
            Product(u8At(args, 0), u8At(args, 1), u32At(args, 2), u32At(args, 3), u32At(args, 4), u32At(args, 5));
        (bytes memory a, bytes memory b) = (bytesAt(args, 6), bytesAt(args, 7));

        checkFlags(p.flags, 7);
        if (p.kind > 4) revert BadParam(0);
        checkDimension(0, p.batch, SIDE_MAX);
        checkDimension(0, p.m, SIDE_MAX);
        checkDimension(0, p.k, INNER_MAX);
        checkDimension(0, p.n, SIDE_MAX);
        atMost(p.batch * p.m * p.k * p.n, MULTIPLY_ADDS_MAX);
        (uint8 typeA, uint8 typeB, uint8 typeC) = types(p.kind);
        atMost(p.batch * p.m * p.n * SlowMath.sizeOf(typeC), OUTPUT_BYTES_MAX);
        uint256 countB = (p.flags & 4 == 0 ? p.batch : 1) * p.n * p.k;
        atMost((p.batch * p.m * p.k + countB) * SlowMath.sizeOf(typeB), OPERAND_BYTES_MAX);

        a = load(1, a, typeA, p.batch * p.m * p.k);
        b = load(2, b, typeB, countB);
        bytes memory c = room(p.batch * p.m * p.n, typeC);
        for (uint256 i = 0; i < p.batch * p.m * p.n; ++i) {
            c.set(typeC, i, element(p, a, b, i));
        }
        return abi.encode(matrix(p.flags, typeC, p.n, c));
    }

    /// @dev Element `index` of the result, exact.
    function element(Product memory p, bytes memory a, bytes memory b, uint256 index)
        private
        pure
        returns (int256 sum)
    {
        (uint8 typeA, uint8 typeB,) = types(p.kind);
        uint256 atA;
        uint256 atB;
        (uint256 stepA, uint256 stepB) = (p.flags & 1 == 0 ? 1 : p.m, p.flags & 2 == 0 ? 1 : p.n);
        (atA, atB) = starts(p, index);
        unchecked {
            for (uint256 left = p.k; left > 0; --left) {
                sum += a.get(typeA, atA) * b.get(typeB, atB);
                (atA, atB) = (atA + stepA, atB + stepB);
            }
        }
    }

    /// @dev Where the row of A and the row of B begin whose product is element `index`.
    function starts(Product memory p, uint256 index) private pure returns (uint256 atA, uint256 atB) {
        uint256 column = index % p.n;
        uint256 row = index / p.n % p.m;
        uint256 which = index / p.n / p.m;
        atA = which * p.m * p.k + (p.flags & 1 == 0 ? row * p.k : row);
        atB = (p.flags & 4 == 0 ? which * p.n * p.k : 0) + (p.flags & 2 == 0 ? column * p.k : column);
    }

    function types(uint8 kind) private pure returns (uint8 a, uint8 b, uint8 c) {
        if (kind == 0) return (SlowMath.I8, SlowMath.I8, SlowMath.I32);
        if (kind == 1) return (SlowMath.U8, SlowMath.I8, SlowMath.I32);
        if (kind == 2) return (SlowMath.I16, SlowMath.I16, SlowMath.I64);
        if (kind == 3) return (SlowMath.I32, SlowMath.I32, SlowMath.I32);
        return (SlowMath.I32, SlowMath.I32, SlowMath.I64);
    }
}

/// @notice How accumulators become i8 or u8: the last step of LINEARQ, and `requant`.
abstract contract SlowScales is SlowBase {
    using SlowMath for bytes;

    struct Scaling {
        uint8 mode;
        uint8 dtype;
        uint256 n;
        int256 zy;
        int256 lo;
        int256 hi;
    }

    /// @dev Parameters are always in argument 0.
    function checkBounds(Scaling memory s) internal pure {
        if (s.lo > s.hi || !SlowMath.holds(s.dtype, s.lo) || !SlowMath.holds(s.dtype, s.hi)) revert BadParam(0);
    }

    /// @dev One scale, or n of them: multipliers i32 and then shifts u8 in mode 0, patterns of f32 in mode 1.
    function loadScales(Scaling memory s, uint8 which, bytes memory operand) internal view returns (bytes memory) {
        uint256 size = s.mode == 0 ? 5 : 4;
        return loadBytes(which, operand, size * s.n, size);
    }

    function checkScales(Scaling memory s, uint8 which, bytes memory scales) internal pure {
        uint256 count = scales.length / (s.mode == 0 ? 5 : 4);
        for (uint256 i = 0; i < count; ++i) {
            uint256 bits = scales.read(4 * i, 4);
            // Sign 0 in both modes; in mode 1 an exponent field of 63 to 157.
            bool good = bits >> 31 == 0;
            if (s.mode == 1) {
                good = good && bits >> 23 >= 63 && bits >> 23 <= 157;
            } else {
                uint8 shift = uint8(scales[4 * count + i]);
                good = good && shift >= 2 && shift <= 62;
            }
            if (!good) revert BadElement(which, i);
        }
    }

    /// @dev Output for accumulator `acc` of column `column`.
    function scale(Scaling memory s, bytes memory scales, int256 acc, uint256 column) internal pure returns (int256 y) {
        uint256 count = scales.length / (s.mode == 0 ? 5 : 4);
        if (count == 1) column = 0;
        uint256 bits = scales.read(4 * column, 4);
        y = s.mode == 0
            ? SlowMath.rTosa(acc, int256(bits), uint8(scales[4 * count + column]))
            : SlowMath.rOnnx(acc, bits);
        return SlowMath.clamp(y + s.zy, s.lo, s.hi);
    }
}

/// @notice LINEARQ in plain Solidity.
contract SlowLinear is SlowScales {
    using SlowMath for bytes;

    struct Layer {
        uint8 flags;
        uint8 kind;
        uint256 m;
        uint256 k;
        int256 zx;
        int256 zw;
        Scaling scaling;
    }

    struct Operands {
        bytes x;
        bytes w;
        bytes bias;
        bytes scales;
        bytes lut;
    }

    function code() internal pure override returns (uint8) {
        return 0x02;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector != IFoggaraLinear.linear.selector) revert UnknownSelector(selector);
        Layer memory p = layerAt(args);
        Operands memory o;
        (o.x, o.w, o.bias) = (bytesAt(args, 11), bytesAt(args, 12), bytesAt(args, 13));
        (o.scales, o.lut) = (bytesAt(args, 14), bytesAt(args, 15));

        check(p, o);
        loadOperands(p, o);
        uint8 dtype = p.scaling.mode == 2 ? SlowMath.I32 : p.scaling.dtype;
        bytes memory y = room(p.m * p.scaling.n, dtype);
        checkElements(p, o);
        for (uint256 i = 0; i < p.m * p.scaling.n; ++i) {
            y.set(dtype, i, output(p, o, i));
        }
        return abi.encode(matrix(p.flags, dtype, p.scaling.n, y));
    }

    function layerAt(bytes calldata args) private pure returns (Layer memory p) {
        (p.flags, p.kind, p.scaling.mode) = (u8At(args, 0), u8At(args, 1), u8At(args, 2));
        (p.m, p.k, p.scaling.n) = (u32At(args, 3), u32At(args, 4), u32At(args, 5));
        (p.zx, p.zw, p.scaling.zy) = (i32At(args, 6), i32At(args, 7), i32At(args, 8));
        (p.scaling.lo, p.scaling.hi) = (i32At(args, 9), i32At(args, 10));
        p.scaling.dtype = p.kind == 0 ? SlowMath.I8 : SlowMath.U8;
    }

    function check(Layer memory p, Operands memory o) private {
        Scaling memory s = p.scaling;
        checkFlags(p.flags, 0);
        if (p.kind > 1 || s.mode > 2) revert BadParam(0);
        checkDimension(0, p.m, SIDE_MAX);
        checkDimension(0, p.k, INNER_MAX);
        checkDimension(0, s.n, SIDE_MAX);
        atMost(p.m * p.k * s.n, MULTIPLY_ADDS_MAX);
        atMost(p.m * s.n * (s.mode == 2 ? 4 : 1), OUTPUT_BYTES_MAX);
        atMost((p.m + s.n) * p.k, OPERAND_BYTES_MAX);
        if (!SlowMath.holds(s.dtype, p.zx) || !SlowMath.holds(SlowMath.I8, p.zw)) revert BadParam(0);
        if (s.mode != 2) return checkBounds(s);
        if (s.zy != 0 || s.lo != 0 || s.hi != 0 || o.scales.length != 0 || o.lut.length != 0) revert BadParam(0);
    }

    function loadOperands(Layer memory p, Operands memory o) private view {
        Scaling memory s = p.scaling;
        o.x = load(1, o.x, s.dtype, p.m * p.k);
        o.w = load(2, o.w, SlowMath.I8, s.n * p.k);
        if (o.bias.length != 0) o.bias = load(3, o.bias, SlowMath.I32, s.n);
        if (s.mode == 2) return;
        o.scales = loadScales(s, 4, o.scales);
        if (o.lut.length != 0) o.lut = loadBytes(5, o.lut, 256, 256);
    }

    function checkElements(Layer memory p, Operands memory o) private pure {
        uint256 max = (1 << 31) - 1 - 65_025 * p.k;
        for (uint256 j = 0; j < o.bias.length / 4; ++j) {
            if (SlowMath.abs(o.bias.get(SlowMath.I32, j)) > max) revert BadElement(3, j);
        }
        if (p.scaling.mode != 2) checkScales(p.scaling, 4, o.scales);
    }

    /// @dev Element `index` of the result.
    function output(Layer memory p, Operands memory o, uint256 index) private pure returns (int256) {
        uint256 column = index % p.scaling.n;
        int256 acc = accumulator(p, o, index / p.scaling.n * p.k, column * p.k);
        if (o.bias.length != 0) acc += o.bias.get(SlowMath.I32, column);
        if (p.scaling.mode == 2) return acc;
        int256 y = scale(p.scaling, o.scales, acc, column);
        return o.lut.length == 0 ? y : int256(uint256(uint8(o.lut[uint8(uint256(y))])));
    }

    function accumulator(Layer memory p, Operands memory o, uint256 startX, uint256 startW)
        private
        pure
        returns (int256 acc)
    {
        unchecked {
            for (uint256 l = 0; l < p.k; ++l) {
                int256 x = o.x.get(p.scaling.dtype, startX + l) - p.zx;
                acc += x * (o.w.get(SlowMath.I8, startW + l) - p.zw);
            }
        }
    }
}

/// @notice ELTWISE in plain Solidity.
contract SlowEltwise is SlowScales {
    using SlowMath for bytes;

    function code() internal pure override returns (uint8) {
        return 0x04;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector == IFoggaraEltwise.binary.selector) return binary(args);
        if (selector == IFoggaraEltwise.scaled.selector) return scaled(args);
        if (selector == IFoggaraEltwise.lut.selector) return lut(args);
        if (selector == IFoggaraEltwise.requant.selector) return requant(args);
        if (selector == IFoggaraEltwise.shift.selector) return shift(args);
        if (selector == IFoggaraEltwise.unary.selector) return unary(args);
        revert UnknownSelector(selector);
    }

    /* BINARY */

    function binary(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 op, uint8 dtype) = (u8At(args, 0), u8At(args, 1), u8At(args, 2));
        (bytes memory a, bytes memory b) = (bytesAt(args, 3), bytesAt(args, 4));
        checkFlags(flags, 0);
        if (op > 4) revert BadParam(1);
        checkElement(2, dtype);
        uint256 n;
        uint256 period;
        (a, n) = loadSome(3, a, dtype);
        (b, period) = loadDivisor(4, b, dtype, a.length);
        bytes memory y = room(n, dtype);
        for (uint256 i = 0; i < n; ++i) {
            int256 value = combined(op, a.get(dtype, i), b.get(dtype, i % period));
            y.set(dtype, i, SlowMath.sat(dtype, value));
        }
        return abi.encode(vector(flags, dtype, y));
    }

    function combined(uint8 op, int256 a, int256 b) private pure returns (int256) {
        if (op == 0) return a + b;
        if (op == 1) return a - b;
        if (op == 2) return a * b;
        if (op == 3) return a > b ? a : b;
        return a < b ? a : b;
    }

    /* SCALED */

    struct Residual {
        uint8 flags;
        uint8 op;
        int256 za;
        int256 zb;
        int256 ma;
        int256 mb;
        uint8 shift;
        Scaling scaling;
    }

    function scaled(bytes calldata args) private returns (bytes memory) {
        Residual memory p = residualAt(args);
        uint8 dtype = p.scaling.dtype;
        (bytes memory a, bytes memory b) = (bytesAt(args, 11), bytesAt(args, 12));
        checkFlags(p.flags, 0);
        if (p.op > 1 || (p.op == 1 && p.mb != 0)) revert BadParam(0);
        if (!SlowMath.isOneOf(dtype, SlowMath.I8, SlowMath.U8)) revert BadDtype(0);
        if (p.shift < 1 || p.shift > 62) revert BadParam(0);
        checkBounds(p.scaling);

        uint256 n;
        uint256 period;
        (a, n) = loadSome(1, a, dtype);
        (b, period) = loadDivisor(2, b, dtype, a.length);
        bytes memory y = room(n, dtype);
        for (uint256 i = 0; i < n; ++i) {
            y.set(dtype, i, joined(p, a.get(dtype, i) - p.za, b.get(dtype, i % period) - p.zb));
        }
        return abi.encode(vector(p.flags, dtype, y));
    }

    function residualAt(bytes calldata args) private pure returns (Residual memory p) {
        (p.flags, p.op, p.scaling.dtype) = (u8At(args, 0), u8At(args, 1), u8At(args, 2));
        (p.za, p.zb, p.scaling.zy) = (i32At(args, 3), i32At(args, 4), i32At(args, 5));
        (p.ma, p.mb, p.shift) = (i32At(args, 6), i32At(args, 7), u8At(args, 8));
        (p.scaling.lo, p.scaling.hi) = (i32At(args, 9), i32At(args, 10));
    }

    function joined(Residual memory p, int256 a, int256 b) private pure returns (int256) {
        int256 v = p.op == 0 ? a * p.ma + b * p.mb : a * b * p.ma;
        int256 y = (v + int256(1 << (p.shift - 1))) >> p.shift;
        return SlowMath.clamp(p.scaling.zy + y, p.scaling.lo, p.scaling.hi);
    }

    /* LUT, REQUANT */

    function lut(bytes calldata args) private returns (bytes memory) {
        uint8 flags = u8At(args, 0);
        (bytes memory x, bytes memory table) = (bytesAt(args, 1), bytesAt(args, 2));
        checkFlags(flags, 0);
        uint256 n;
        (x, n) = loadSome(1, x, SlowMath.U8);
        table = loadBytes(2, table, 256, 256);
        bytes memory y = room(n, SlowMath.U8);
        for (uint256 i = 0; i < n; ++i) {
            y[i] = table[uint8(x[i])];
        }
        return abi.encode(vector(flags, SlowMath.U8, y));
    }

    function requant(bytes calldata args) private returns (bytes memory) {
        uint8 flags = u8At(args, 0);
        Scaling memory s =
            Scaling(u8At(args, 1), u8At(args, 2), u32At(args, 3), i32At(args, 4), i32At(args, 5), i32At(args, 6));
        (bytes memory x, bytes memory scales) = (bytesAt(args, 7), bytesAt(args, 8));
        checkFlags(flags, 0);
        if (s.mode > 1) revert BadParam(0);
        if (!SlowMath.isOneOf(s.dtype, SlowMath.I8, SlowMath.U8)) revert BadDtype(0);
        checkDimension(0, s.n, SIDE_MAX);
        checkBounds(s);

        uint256 count;
        (x, count) = loadUnits(1, x, SlowMath.I32, 4 * s.n);
        scales = loadScales(s, 2, scales);
        bytes memory y = room(count, s.dtype);
        checkScales(s, 2, scales);
        for (uint256 i = 0; i < count; ++i) {
            y.set(s.dtype, i, scale(s, scales, x.get(SlowMath.I32, i), i % s.n));
        }
        return abi.encode(vector(flags, s.dtype, y));
    }

    /* SHIFT, UNARY */

    function shift(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 from, uint8 to, uint8 s) = (u8At(args, 0), u8At(args, 1), u8At(args, 2), u8At(args, 3));
        bytes memory x = bytesAt(args, 4);
        checkFlags(flags, 0);
        if (from != SlowMath.I64) checkElement(1, from);
        checkElement(2, to);
        if (s > 63) revert BadParam(3);
        uint256 n;
        (x, n) = loadSome(4, x, from);
        bytes memory y = room(n, to);
        for (uint256 i = 0; i < n; ++i) {
            y.set(to, i, SlowMath.sat(to, SlowMath.rAway(x.get(from, i), int256(1 << s))));
        }
        return abi.encode(vector(flags, to, y));
    }

    function unary(bytes calldata args) private returns (bytes memory) {
        (uint8 flags, uint8 op, uint8 dtype) = (u8At(args, 0), u8At(args, 1), u8At(args, 2));
        (int256 lo, int256 hi) = (intAt(args, 3, 64), intAt(args, 4, 64));
        bytes memory x = bytesAt(args, 5);
        checkFlags(flags, 0);
        if (op > 3) revert BadParam(1);
        if (dtype != SlowMath.I64) checkElement(2, dtype);
        checkClamp(op, dtype, lo, hi);
        uint256 n;
        (x, n) = loadSome(5, x, dtype);
        bytes memory y = room(n, dtype);
        for (uint256 i = 0; i < n; ++i) {
            y.set(dtype, i, SlowMath.sat(dtype, alone(op, x.get(dtype, i), lo, hi)));
        }
        return abi.encode(vector(flags, dtype, y));
    }

    /// @dev Both within the type and in order; zero where nothing is clamped.
    function checkClamp(uint8 op, uint8 dtype, int256 lo, int256 hi) private pure {
        (int256 least, int256 most) = op == 2 ? SlowMath.range(dtype) : (int256(0), int256(0));
        if (lo < least || lo > most || (lo > hi && hi >= least)) revert BadParam(3);
        if (hi < least || hi > most) revert BadParam(4);
    }

    function alone(uint8 op, int256 x, int256 lo, int256 hi) private pure returns (int256) {
        if (op == 0) return -x;
        if (op == 1) return x < 0 ? -x : x;
        if (op == 2) return SlowMath.clamp(x, lo, hi);
        return x > 0 ? int256(1) : x < 0 ? int256(-1) : int256(0);
    }
}

/// @notice REDUCE in plain Solidity.
contract SlowReduce is SlowBase {
    using SlowMath for bytes;

    uint256 internal constant TOP_MAX = 1_024;

    struct Shape {
        uint8 flags;
        uint8 op;
        uint8 dtype;
        uint256 outer;
        uint256 len;
        uint256 inner;
    }

    function code() internal pure override returns (uint8) {
        return 0x05;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector == IFoggaraReduce.reduce.selector) return reduce(args);
        if (selector == IFoggaraReduce.topk.selector) return topk(args);
        revert UnknownSelector(selector);
    }

    function reduce(bytes calldata args) private returns (bytes memory) {
        Shape memory s =
            Shape(u8At(args, 0), u8At(args, 1), u8At(args, 2), u32At(args, 3), u32At(args, 4), u32At(args, 5));
        bytes memory x = bytesAt(args, 6);
        checkFlags(s.flags, 0);
        if (s.op > 5) revert BadParam(0);
        checkElement(0, s.dtype);
        if (s.outer == 0 || s.len == 0 || s.inner == 0) revert BadShape(0);
        atMost(s.outer * s.len * s.inner * SlowMath.sizeOf(s.dtype), OPERAND_BYTES_MAX);
        uint8 to = s.op == 0 ? SlowMath.I64 : s.op > 3 ? SlowMath.U32 : s.dtype;
        bytes memory y = room(s.outer * s.inner, to);

        x = load(1, x, s.dtype, s.outer * s.len * s.inner);
        for (uint256 o = 0; o < s.outer; ++o) {
            for (uint256 i = 0; i < s.inner; ++i) {
                y.set(to, o * s.inner + i, reduced(s, x, o * s.len * s.inner + i));
            }
        }
        return abi.encode(vector(s.flags, to, y));
    }

    /// @dev Reduces the elements at `start`, `start + inner`, and so on.
    function reduced(Shape memory s, bytes memory x, uint256 start) private pure returns (int256) {
        int256 sum;
        int256 best;
        uint256 index;
        for (uint256 l = 0; l < s.len; ++l) {
            int256 value = x.get(s.dtype, start + l * s.inner);
            sum += value;
            bool better = s.op == 2 || s.op == 5 ? value < best : value > best;
            if (l == 0 || better) (best, index) = (value, l);
        }
        if (s.op == 0) return sum;
        if (s.op == 3) return SlowMath.rAway(sum, int256(s.len));
        return s.op > 3 ? int256(index) : best;
    }

    struct Top {
        uint8 dtype;
        uint256 rows;
        uint256 len;
        uint256 k;
    }

    function topk(bytes calldata args) private view returns (bytes memory) {
        Top memory t = Top(u8At(args, 0), u32At(args, 1), u32At(args, 2), uintAt(args, 3, 16));
        bytes memory x = bytesAt(args, 4);
        checkElement(0, t.dtype);
        if (t.rows == 0) revert BadShape(1);
        if (t.len == 0) revert BadShape(2);
        atMost(t.rows * t.len * SlowMath.sizeOf(t.dtype), OPERAND_BYTES_MAX);
        checkDimension(3, t.k, TOP_MAX);
        if (t.k > t.len) revert BadParam(3);
        atMost(t.rows * t.k * (SlowMath.sizeOf(t.dtype) + 4), OUTPUT_BYTES_MAX);
        x = load(4, x, t.dtype, t.rows * t.len);
        bytes memory values = room(t.rows * t.k, t.dtype);
        bytes memory indices = room(t.rows * t.k, SlowMath.U32);
        for (uint256 row = 0; row < t.rows; ++row) {
            take(t, x, row, values, indices);
        }
        return abi.encode(values, indices);
    }

    /// @dev Takes the greatest of a row k times; of equal ones the first.
    function take(Top memory t, bytes memory x, uint256 row, bytes memory values, bytes memory indices) private pure {
        bool[] memory taken = new bool[](t.len);
        for (uint256 i = 0; i < t.k; ++i) {
            uint256 next = t.len;
            int256 greatest;
            for (uint256 l = 0; l < t.len; ++l) {
                if (taken[l]) continue;
                int256 value = x.get(t.dtype, row * t.len + l);
                if (next == t.len || value > greatest) (next, greatest) = (l, value);
            }
            taken[next] = true;
            values.set(t.dtype, row * t.k + i, greatest);
            indices.set(SlowMath.U32, row * t.k + i, int256(next));
        }
    }
}
