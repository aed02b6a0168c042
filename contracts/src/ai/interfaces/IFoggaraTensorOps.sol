// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IFoggaraErrors} from "./IFoggaraErrors.sol";

/// @notice What a matrix product is made of.
/// @param flags Sum of 1: `a` is given as [k][m]; 2: `b` is given as [k][n]; 4: one `b` for all batches; 128: STORE.
/// @param kind 0: i8 by i8 to i32; 1: u8 by i8 to i32; 2: i16 by i16 to i64; 3: i32 by i32 to i32 mod 2^32;
/// 4: i32 by i32 to i64 mod 2^64.
/// @param batch Number of products, 1 to 65,535.
/// @param m Rows of the result, 1 to 65,535.
/// @param k Elements summed, 1 to 32,768.
/// @param n Columns of the result, 1 to 65,535.
struct MatmulShape {
    uint8 flags;
    uint8 kind;
    uint32 batch;
    uint32 m;
    uint32 k;
    uint32 n;
}

/// @notice A quantised layer.
/// @param flags 128: STORE.
/// @param kind 0: x is i8; 1: x is u8. The weights are i8, the result has the type of x.
/// @param mode How accumulators become outputs. 0: one rounded shift, `(acc * M + 2^(s-1)) >> s`; 1: as ONNX Runtime,
/// with an f32 scale, halves to even; 2: not at all, the result is i32.
/// @param m Rows of x, 1 to 65,535.
/// @param k Inputs, 1 to 32,768.
/// @param n Outputs, 1 to 65,535.
/// @param zx Zero point of x, within its type.
/// @param zw Zero point of w, within i8.
/// @param zy Zero point of the result, added after scaling, any value; zero in mode 2.
/// @param lo Least result, within its type; zero in mode 2. `lo = zy` is a ReLU.
/// @param hi Greatest result, not below lo; zero in mode 2.
struct LinearParams {
    uint8 flags;
    uint8 kind;
    uint8 mode;
    uint32 m;
    uint32 k;
    uint32 n;
    int32 zx;
    int32 zw;
    int32 zy;
    int32 lo;
    int32 hi;
}

/// @notice A quantised sum or product of two tensors, as where a residual joins.
/// @param flags 128: STORE.
/// @param op 0: `(a - za) * ma + (b - zb) * mb`; 1: `(a - za) * (b - zb) * ma`, with mb = 0.
/// @param dtype i8 or u8, of a, b and the result.
/// @param za Zero point of a.
/// @param zb Zero point of b.
/// @param zy Zero point of the result. All three may have any value.
/// @param ma Multiplier of a, or of the product.
/// @param mb Multiplier of b; zero with op 1.
/// @param shift Bits that are rounded away, 1 to 62: `(v + 2^(shift-1)) >> shift`.
/// @param lo Least result, within its type.
/// @param hi Greatest result, within its type and not below lo.
struct ScaledParams {
    uint8 flags;
    uint8 op;
    uint8 dtype;
    int32 za;
    int32 zb;
    int32 zy;
    int32 ma;
    int32 mb;
    uint8 shift;
    int32 lo;
    int32 hi;
}

/// @notice How i32 accumulators become i8 or u8.
/// @param flags 128: STORE.
/// @param mode 0 or 1, as in `LinearParams`.
/// @param to i8 or u8.
/// @param n Length of the last axis, 1 to 65,535: with n scales, element i takes scale i mod n.
/// @param zy Zero point of the result, any value.
/// @param lo Least result, within its type.
/// @param hi Greatest result, within its type and not below lo.
struct RequantParams {
    uint8 flags;
    uint8 mode;
    uint8 to;
    uint32 n;
    int32 zy;
    int32 lo;
    int32 hi;
}

/// @notice A reduction over the middle axis of [outer][len][inner].
/// @param flags 128: STORE.
/// @param op 0: sum, to i64; 1: max; 2: min; 3: mean, R_AWAY(sum, len); 4: argmax, to u32; 5: argmin, to u32. Of equal
/// elements the lowest index wins.
/// @param dtype i8, u8, i16 or i32.
/// @param outer First axis, at least 1.
/// @param len Axis that goes, at least 1.
/// @param inner Last axis, at least 1.
struct ReduceShape {
    uint8 flags;
    uint8 op;
    uint8 dtype;
    uint32 outer;
    uint32 len;
    uint32 inner;
}

/// @title MATMUL, at 0x0000000000000000000000000000000000A10001
/// @notice Products of integer matrices, exact.
interface IFoggaraMatmul is IFoggaraErrors {
    /// @notice `c[i][j] = sum over l of a[i][l] * b[j][l]`, for each batch.
    /// @dev `a` is [batch][m][k]; `b` is [batch][n][k], like stored weights, so that both sides of an inner product are
    /// contiguous; `c` is [batch][m][n], stored as [batch * m, n]. Both are operands: see `Tensor.inlined`.
    ///
    /// Gas: 150 + W(a) + W(b) + 3 * W(c) + batch * m * k * n / r, where r is 128 for kinds 0 and 1, 64 for kind 2, 16
    /// for kind 3, 8 for kind 4; an operand given transposed counts twice.
    ///
    /// Limits: batch * m * k * n at most 2^31; `c` 4 MiB; both operands together 128 MiB.
    ///
    /// Errors: BadParam(0) for flags, then kind; BadShape(0) for a zero dimension, TooLarge for one above its limit;
    /// TooLarge for the multiply-adds, the result, or both operands; errors of the operands 1 and 2.
    /// @param shape Flags, kind and dimensions.
    /// @param a First operand.
    /// @param b Second operand.
    /// @return c The products, i32 for kinds 0, 1 and 3, i64 for kinds 2 and 4.
    function matmul(MatmulShape calldata shape, bytes calldata a, bytes calldata b)
        external
        view
        returns (bytes memory c);
}

/// @title LINEARQ, at 0x0000000000000000000000000000000000A10002
/// @notice Quantised fully connected layers.
interface IFoggaraLinear is IFoggaraErrors {
    /// @notice `acc[i][j] = sum over l of (x[i][l] - zx) * (w[j][l] - zw) + bias[j]`, scaled, offset by zy and clamped
    /// to lo..hi, then mapped by `lut`.
    /// @dev `x` is [m][k]; `w` is [n][k] of i8; `bias` n times i32 or absent. `scales` holds c entries, c being 1 or n:
    /// in mode 0 c multipliers i32 (0 <= M < 2^31), then c shifts u8 (2 to 62); in mode 1 c bit patterns of positive
    /// f32 with exponent field 63 to 157; in mode 2 absent. `lut` is absent or 256 bytes, `y = lut[y as u8]`; absent
    /// in mode 2. The result is [m][n], of the type of x, or i32 in mode 2; STORE keeps it as [m, n].
    ///
    /// Gas: 150 + W of all operands + 3 * W(y) + m * k * n / 128 + m * n / 4 (modes 0, 1) + m * n / 4 (lut).
    ///
    /// Limits: m * k * n at most 2^31; `y` 4 MiB; all operands together 128 MiB.
    ///
    /// Errors: BadParam(0) for flags, mode, then kind; BadShape(0) for a zero dimension, TooLarge for one above its
    /// limit; TooLarge for the multiply-adds, the result, or x and w together; BadParam(0) for zero points, then
    /// bounds, or for zy, lo, hi, scales or lut in mode 2; errors of the operands 1 to 5, BadOperand(4) for scales
    /// absent in modes 0 and 1, LengthMismatch(4) for scales of neither size, LengthMismatch(5) for a table of other
    /// than 256 bytes; in the work BadElement(3, j) for the first bias beyond 2^31 - 1 - 65,025 * k, then BadElement(4,
    /// i) for the first scale i with a multiplier, shift or pattern out of range.
    /// @param params Kind, mode, dimensions, zero points and bounds.
    /// @param x Input.
    /// @param w Weights.
    /// @param bias Offsets of the accumulators, or empty.
    /// @param scales Scales, empty in mode 2.
    /// @param lut Table, or empty.
    /// @return y The outputs.
    function linear(
        LinearParams calldata params,
        bytes calldata x,
        bytes calldata w,
        bytes calldata bias,
        bytes calldata scales,
        bytes calldata lut
    ) external view returns (bytes memory y);
}

/// @title ELTWISE, at 0x0000000000000000000000000000000000A10004
/// @notice One result per element of the first operand, which has 1 to as many as fit: at most 4 MiB of results, 1 MiB
/// in an inline operand, 128 MiB in both. Gas of each function: 150 + W of all operands + 3 * W(y) + n / 4 for n
/// elements of the first operand. STORE keeps results as rank 1.
interface IFoggaraEltwise is IFoggaraErrors {
    /// @notice `sat(a op b)`.
    /// @dev `b` repeats cyclically; its length divides that of `a`.
    ///
    /// Gas: 150 + W(a) + W(b) + 3 * W(y) + n / 4.
    ///
    /// Errors: BadParam(0) for flags; BadParam(1) for op; BadDtype(2); errors of the operands 3 and 4, BadShape(3) or
    /// (4) for one without elements, LengthMismatch(3) or (4) for one not of whole elements, LengthMismatch(4) if b
    /// does not divide a; TooLarge for the result.
    /// @param flags 128: STORE.
    /// @param op 0: add; 1: subtract; 2: multiply; 3: max; 4: min.
    /// @param dtype i8, u8, i16 or i32, of a, b and the result.
    /// @param a First operand.
    /// @param b Second operand.
    /// @return y As many elements as `a`.
    function binary(uint8 flags, uint8 op, uint8 dtype, bytes calldata a, bytes calldata b)
        external
        view
        returns (bytes memory y);

    /// @notice `clamp(zy + ((v + 2^(shift-1)) >> shift), lo, hi)`, v being a scaled sum or product.
    /// @dev `v` is exact, whatever the parameters.
    ///
    /// Gas: 150 + W(a) + W(b) + 3 * W(y) + n / 4.
    ///
    /// Errors: BadParam(0) for flags, then op, or mb not zero with op 1; BadDtype(0); BadParam(0) for bounds out of the
    /// type or order, then shift; errors of the operands 1 and 2, BadShape(1) or (2) for one without elements,
    /// LengthMismatch(2) if b does not divide a; TooLarge for the result.
    /// @param params Operation, type, zero points, multipliers and bounds.
    /// @param a First operand.
    /// @param b Second operand; repeats cyclically, its length divides that of `a`.
    /// @return y As many elements as `a`.
    function scaled(ScaledParams calldata params, bytes calldata a, bytes calldata b)
        external
        view
        returns (bytes memory y);

    /// @notice `table[x as u8]`: any activation function of one byte.
    /// @dev The result counts as u8. A stored table may have any type.
    ///
    /// Gas: 150 + W(x) + 8 + 3 * W(y) + n / 4.
    ///
    /// Errors: BadParam(0) for flags; errors of the operands 1 and 2, BadShape(1) if x has no bytes, BadDtype(1) for a
    /// stored x that is not u8, LengthMismatch(2) for a table of other than 256 bytes; TooLarge for the result.
    /// @param flags 128: STORE.
    /// @param x Bytes; a stored tensor must be u8.
    /// @param table 256 bytes.
    /// @return y As many bytes as `x`.
    function lut(uint8 flags, bytes calldata x, bytes calldata table) external view returns (bytes memory y);

    /// @notice i32 accumulators to i8 or u8, as at the end of `linear`: `clamp(q + zy, lo, hi)`, q being the scaled
    /// and rounded accumulator.
    /// @dev Gas: 150 + W(x) + W(scales) + 3 * W(y) + count / 4 for all elements of x.
    ///
    /// Errors: BadParam(0) for flags, then mode; BadDtype(0) for `to`; BadShape(0) if n is 0, TooLarge above 65,535;
    /// BadParam(0) for bounds out of the type or order; errors of the operands 1 and 2, BadShape(1) if x has no
    /// elements, LengthMismatch(1) if not whole rows, BadOperand(2) if scales are absent, LengthMismatch(2) if neither
    /// 1 nor n; TooLarge for the result; in the work BadElement(2, i) for the first scale i out of range.
    /// @param params Mode, type, length of the last axis, zero point and bounds.
    /// @param x i32, [..][n].
    /// @param scales 1 or n scales, as in `linear`.
    /// @return y As many elements as `x`.
    function requant(RequantParams calldata params, bytes calldata x, bytes calldata scales)
        external
        view
        returns (bytes memory y);

    /// @notice `sat(R_AWAY(x, 2^s))`; s = 0 is a saturating cast.
    /// @dev Gas: 150 + W(x) + 3 * W(y) + n / 4.
    ///
    /// Errors: BadParam(0) for flags; BadDtype(1); BadDtype(2); BadParam(3) for s; errors of the operand 4, BadShape(4)
    /// if it has no elements, LengthMismatch(4) if not whole ones; TooLarge for the result.
    /// @param flags 128: STORE.
    /// @param from i64, i32, i16, i8 or u8.
    /// @param to i32, i16, i8 or u8.
    /// @param s Bits that are rounded away, 0 to 63.
    /// @param x Operand.
    /// @return y As many elements as `x`.
    function shift(uint8 flags, uint8 from, uint8 to, uint8 s, bytes calldata x) external view returns (bytes memory y);

    /// @notice An operation on each element alone.
    /// @dev Of unsigned elements -x is 0 and the sign 0 or 1.
    ///
    /// Gas: 150 + W(x) + 3 * W(y) + n / 4.
    ///
    /// Errors: BadParam(0) for flags; BadParam(1) for op; BadDtype(2); BadParam(3) for lo, or for lo above hi;
    /// BadParam(4) for hi; errors of the operand 5, BadShape(5) if it has no elements, LengthMismatch(5) if not whole
    /// ones; TooLarge for the result.
    /// @param flags 128: STORE.
    /// @param op 0: `sat(-x)`; 1: `sat(abs x)`; 2: clamp to lo..hi; 3: sign, -1, 0 or 1.
    /// @param dtype i8, u8, i16, i32 or i64.
    /// @param lo Least result of op 2, within the type; else zero.
    /// @param hi Greatest result of op 2, within the type and not below lo; else zero.
    /// @param x Operand.
    /// @return y As many elements as `x`, of the same type.
    function unary(uint8 flags, uint8 op, uint8 dtype, int64 lo, int64 hi, bytes calldata x)
        external
        view
        returns (bytes memory y);
}

/// @title REDUCE, at 0x0000000000000000000000000000000000A10005
/// @notice Sums, extremes and rankings along an axis.
interface IFoggaraReduce is IFoggaraErrors {
    /// @notice Reduces the middle axis.
    /// @dev Gas: 150 + W(x) + 3 * W(y) + n / 4 for n elements of x.
    ///
    /// Limits: x 128 MiB (1 MiB inline), y 4 MiB. STORE keeps y as rank 1.
    ///
    /// Errors: BadParam(0) for flags, then op; BadDtype(0); BadShape(0) for a zero dimension; TooLarge for x, then y;
    /// errors of the operand 1.
    /// @param shape Operation, type and dimensions.
    /// @param x [outer][len][inner].
    /// @return y [outer][inner], of the type that the operation says.
    function reduce(ReduceShape calldata shape, bytes calldata x) external view returns (bytes memory y);

    /// @notice The k greatest elements of each row: value descending, then index ascending.
    /// @dev Without flags: the results cannot be stored by the call.
    ///
    /// Gas: 150 + W(x) + 3 * (W(values) + W(indices)) + n / 4 + n * ceil(log2(k + 1)) / 8 for n elements of x.
    ///
    /// Limits: x 128 MiB (1 MiB inline), both results together 4 MiB.
    ///
    /// Errors: BadDtype(0); BadShape(1) if rows is 0, BadShape(2) if len is 0; TooLarge for x; BadShape(3) if k is 0,
    /// TooLarge above 1,024, BadParam(3) above len; TooLarge for the results; errors of the operand 4.
    /// @param dtype i8, u8, i16 or i32.
    /// @param rows Number of rows.
    /// @param len Elements of a row.
    /// @param k Elements kept, 1 to 1,024 and at most len.
    /// @param x [rows][len].
    /// @return values [rows][k], of the same type.
    /// @return indices [rows][k], u32.
    function topk(uint8 dtype, uint32 rows, uint32 len, uint16 k, bytes calldata x)
        external
        view
        returns (bytes memory values, bytes memory indices);
}
