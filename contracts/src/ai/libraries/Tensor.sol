// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IFoggaraMatmul, MatmulShape} from "../interfaces/IFoggaraAI.sol";

/// @title Typed calls of the AI operations, and the bytes they take
/// @notice Elements are packed, little-endian, row-major, without padding.
library Tensor {
    /* CONSTANTS */

    /// @dev Operation 01.
    IFoggaraMatmul internal constant MATMUL = IFoggaraMatmul(0x0000000000000000000000000000000000A10001);

    /// @dev Kind of product: i8 by i8 to i32.
    uint8 internal constant I8_I8_I32 = 0;

    /// @dev First byte of an operand that carries its elements.
    bytes1 internal constant INLINE = 0x00;

    /// @dev First byte of an operand that lies in the code of an account.
    bytes1 internal constant CODE = 0x02;

    /* CALLS */

    /// @notice Product of two int8 matrices given by their elements: `a` is m x k, `b` is n x k (each row of `b` is
    /// a column of the product), the result is m x n int32.
    function matmul(uint32 m, uint32 k, uint32 n, bytes memory a, bytes memory b) internal view returns (bytes memory) {
        return MATMUL.matmul(MatmulShape(0, I8_I8_I32, 1, m, k, n), inlined(a), inlined(b));
    }

    /// @notice Product by shape, of operands.
    function matmul(MatmulShape memory shape, bytes memory a, bytes memory b) internal view returns (bytes memory) {
        return MATMUL.matmul(shape, a, b);
    }

    /* OPERANDS */

    /// @notice The operand that carries `elements` itself.
    function inlined(bytes memory elements) internal pure returns (bytes memory) {
        return abi.encodePacked(INLINE, elements);
    }

    /// @notice The operand of `length` bytes from `offset` on in the code of `account`, whose code must begin with a
    /// zero byte; the offset counts after that byte.
    function inCode(address account, uint32 offset, uint32 length) internal pure returns (bytes memory) {
        return abi.encodePacked(CODE, account, offset, length);
    }

    /* ELEMENTS */

    /// @notice Packs int8 elements.
    function packI8(int8[] memory values) internal pure returns (bytes memory packed) {
        packed = new bytes(values.length);
        for (uint256 i = 0; i < values.length; ++i) {
            packed[i] = bytes1(uint8(values[i]));
        }
    }

    /// @notice Element `index` of packed int32.
    function readI32(bytes memory packed, uint256 index) internal pure returns (int32) {
        uint256 pos = 4 * index;
        uint32 bits = uint32(uint8(packed[pos])) | (uint32(uint8(packed[pos + 1])) << 8)
            | (uint32(uint8(packed[pos + 2])) << 16) | (uint32(uint8(packed[pos + 3])) << 24);
        return int32(bits);
    }
}
