// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

/// @title Errors of the AI operations
/// @notice Every refusal is a revert with one of these. `which` is the index of the function's argument, from 0; a
/// struct counts as one. A refused call costs 150 gas and one gas per word of calldata, not the whole allowance.
interface IFoggaraErrors {
    /// @notice The calldata is not the strict ABI encoding of the function's arguments.
    error BadCalldata();

    /// @notice A dimension is zero, or dimensions do not fit each other.
    error BadShape(uint8 which);

    /// @notice The element type is unknown, or not one that the operation takes.
    error BadDtype(uint8 which);

    /// @notice A parameter is outside its range, or an undefined flag is set.
    error BadParam(uint8 which);

    /// @notice The operand's first byte is unknown, its reference is malformed, or it is absent where required.
    error BadOperand(uint8 which);

    /// @notice The element at `index` is outside what the operation can take.
    error BadElement(uint8 which, uint256 index);

    /// @notice Something is larger than the operation's limit.
    error TooLarge(uint256 got, uint256 max);

    /// @notice The operand has not the number of bytes that the dimensions ask for.
    error LengthMismatch(uint8 which, uint256 want, uint256 got);

    /// @notice The AI gas of the block or of the transaction is used up; the call wanted `want`, `left` was there.
    error AiGasLimit(uint256 want, uint256 left);

    /// @notice No tensor with this id was ever stored, or it was pruned.
    error UnknownTensor(bytes32 id);

    /// @notice The stored tensor's time is over.
    error TensorExpired(bytes32 id);

    /// @notice The stored tensor is too young to be read.
    error TensorNotMature(bytes32 id);

    /// @notice The account's code does not begin with a zero byte, or the range lies outside it.
    error BadCode(address account);

    /// @notice The call writes, and was made under STATICCALL.
    error StaticStore();

    /// @notice The call writes, and was not made directly.
    error DirectCallOnly();

    /// @notice The call carried value.
    error NotPayable();

    /// @notice The operation has no function with this selector.
    error UnknownSelector(bytes4 got);
}

/// @notice What a matrix product is made of.
/// @param flags Sum of 1: `a` is given as [k][m]; 2: `b` is given as [k][n]; 4: one `b` for all batches.
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

/// @title MATMUL, at 0x0000000000000000000000000000000000A10001
/// @notice Products of integer matrices, exact.
interface IFoggaraMatmul is IFoggaraErrors {
    /// @notice `c[i][j] = sum over l of a[i][l] * b[j][l]`, for each batch.
    /// @dev Elements are packed, little-endian, row-major, without padding. `a` is [batch][m][k]; `b` is
    /// [batch][n][k], like stored weights, so that both sides of an inner product are contiguous; `c` is
    /// [batch][m][n]. Both are operands: see `Tensor.inlined`.
    ///
    /// Gas: 150 + W(a) + W(b) + 3 * W(c) + batch * m * k * n / r, where W counts words of 32 bytes and r is 128 for
    /// kinds 0 and 1, 64 for kind 2, 16 for kind 3, 8 for kind 4; every quotient is rounded up.
    ///
    /// At most 2^31 multiply-adds a call, 1 MiB in an inline operand, 4 MiB in the result.
    /// @param shape Flags, kind and dimensions.
    /// @param a First operand.
    /// @param b Second operand.
    /// @return c The products, i32 for kinds 0, 1 and 3, i64 for kinds 2 and 4.
    function matmul(MatmulShape calldata shape, bytes calldata a, bytes calldata b)
        external
        view
        returns (bytes memory c);
}
