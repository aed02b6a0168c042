// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {
    IFoggaraAgg,
    IFoggaraAggDist,
    IFoggaraAggRobust,
    IFoggaraClipNorm,
    IFoggaraEltwise,
    IFoggaraLagrange,
    IFoggaraLinear,
    IFoggaraMaskExpand,
    IFoggaraMatmul,
    IFoggaraOpt,
    IFoggaraReduce,
    IFoggaraTensor,
    LinearParams,
    MatmulShape,
    ReduceShape
} from "../interfaces/IFoggaraAI.sol";

/// @title Typed calls of the AI operations, and the bytes they take
/// @notice Every operation is a constant that can be called: `Tensor.AGG_ROBUST.median(0, Tensor.I8, d, updates)`. The
/// functions here save the parameters that are mostly the same. Elements are packed, little-endian, row-major.
library Tensor {
    /* OPERATIONS */

    IFoggaraMatmul internal constant MATMUL = IFoggaraMatmul(0x0000000000000000000000000000000000A10001);
    IFoggaraLinear internal constant LINEARQ = IFoggaraLinear(0x0000000000000000000000000000000000a10002);
    IFoggaraEltwise internal constant ELTWISE = IFoggaraEltwise(0x0000000000000000000000000000000000a10004);
    IFoggaraReduce internal constant REDUCE = IFoggaraReduce(0x0000000000000000000000000000000000A10005);
    IFoggaraAgg internal constant AGG = IFoggaraAgg(0x0000000000000000000000000000000000A10010);
    IFoggaraAggRobust internal constant AGG_ROBUST = IFoggaraAggRobust(0x0000000000000000000000000000000000A10011);
    IFoggaraAggDist internal constant AGG_DIST = IFoggaraAggDist(0x0000000000000000000000000000000000a10012);
    IFoggaraClipNorm internal constant CLIP_NORM = IFoggaraClipNorm(0x0000000000000000000000000000000000a10013);
    IFoggaraOpt internal constant OPT = IFoggaraOpt(0x0000000000000000000000000000000000a10014);
    IFoggaraMaskExpand internal constant MASK_EXPAND = IFoggaraMaskExpand(0x0000000000000000000000000000000000A10020);
    IFoggaraLagrange internal constant LAGRANGE = IFoggaraLagrange(0x0000000000000000000000000000000000A10021);
    IFoggaraTensor internal constant TENSOR = IFoggaraTensor(0x0000000000000000000000000000000000A100F0);

    /* CODES */

    uint8 internal constant U8 = 2;
    uint8 internal constant I8 = 3;
    uint8 internal constant I16 = 5;
    uint8 internal constant I32 = 6;
    uint8 internal constant I64 = 7;
    uint8 internal constant U32 = 12;

    /// @dev Kinds of product.
    uint8 internal constant I8_I8_I32 = 0;
    uint8 internal constant U8_I8_I32 = 1;
    uint8 internal constant I16_I16_I64 = 2;
    uint8 internal constant I32_I32_I32 = 3;
    uint8 internal constant I32_I32_I64 = 4;

    /// @dev Flags of a product.
    uint8 internal constant A_TRANSPOSED = 1;
    uint8 internal constant B_TRANSPOSED = 2;

    /// @dev Flag: the result goes to the tensor store, for one epoch.
    uint8 internal constant STORE = 0x80;

    /// @dev First bytes of operands: elements follow; a stored tensor; code of an account.
    bytes1 internal constant INLINE = 0x00;
    bytes1 internal constant HANDLE = 0x01;
    bytes1 internal constant CODE = 0x02;

    /* OPERANDS */

    /// @notice The operand that carries `elements` itself.
    function inlined(bytes memory elements) internal pure returns (bytes memory) {
        return abi.encodePacked(INLINE, elements);
    }

    /// @notice The operand that is the whole stored tensor `id`.
    function stored(bytes32 id) internal pure returns (bytes memory) {
        return abi.encodePacked(HANDLE, id, uint128(0));
    }

    /// @notice The operand of `count` elements of the stored tensor `id` from element `start` on; 0 means to the end.
    function slice(bytes32 id, uint64 start, uint64 count) internal pure returns (bytes memory) {
        return abi.encodePacked(HANDLE, id, start, count);
    }

    /// @notice The operand of `length` bytes from `offset` on in the code of `account`, whose code must begin with a
    /// zero byte; the offset counts after that byte.
    function inCode(address account, uint32 offset, uint32 length) internal pure returns (bytes memory) {
        return abi.encodePacked(CODE, account, offset, length);
    }

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

    /// @notice A quantised layer, of operands. Absent ones are empty.
    function linear(
        LinearParams memory params,
        bytes memory x,
        bytes memory w,
        bytes memory bias,
        bytes memory scales,
        bytes memory lut
    ) internal view returns (bytes memory) {
        return LINEARQ.linear(params, x, w, bias, scales, lut);
    }

    /// @notice Index of the greatest element; of equal ones the lowest.
    function argmax(uint8 dtype, uint32 count, bytes memory x) internal view returns (uint256) {
        return readU32(REDUCE.reduce(ReduceShape(0, 4, dtype, 1, count, 1), x), 0);
    }

    /// @notice Sum of 64-bit updates mod 2^64: what remains of masked updates.
    function sumWrap64(uint32 d, bytes[] memory updates) internal view returns (bytes memory) {
        return AGG.sum(0, 64, d, updates);
    }

    /// @notice Mean of updates by their weights, i32, halves away from zero.
    function weightedSum(uint8 dtype, uint32 d, int32[] memory weights, bytes[] memory updates)
        internal
        view
        returns (bytes memory)
    {
        return AGG.mean(0, dtype, d, weights, 0, updates);
    }

    /// @notice Inner products `aa = a.a`, `ab = a.b` and `bb = b.b` of two vectors of i8 or i16.
    function rowSums(uint8 dtype, uint32 d, bytes memory a, bytes memory b)
        internal
        view
        returns (int64 aa, int64 ab, int64 bb)
    {
        bytes[] memory both = new bytes[](2);
        (both[0], both[1]) = (a, b);
        int64[] memory products = AGG_DIST.gram(dtype, d, both);
        return (products[0], products[1], products[2]);
    }

    /// @notice Puts a vector into the tensor store, for `epochs` weeks.
    function put(uint8 dtype, uint32 count, uint32 epochs, bytes memory elements) internal returns (bytes32 id) {
        uint32[] memory dims = new uint32[](1);
        dims[0] = count;
        return TENSOR.put(dtype, dims, epochs, inlined(elements));
    }

    /// @notice Makes a call that has flag STORE, to a function with one result, and returns the id of the result. The
    /// interfaces call by STATICCALL, under which nothing can be stored.
    /// @param operation For example `address(Tensor.AGG)`.
    /// @param data Its calldata, by `abi.encodeCall`.
    function store(address operation, bytes memory data) internal returns (bytes32 id) {
        (bool success, bytes memory result) = operation.call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
        return bytes32(abi.decode(result, (bytes)));
    }

    /* ELEMENTS IN */

    /// @notice Packs int8 elements.
    function packI8(int8[] memory values) internal pure returns (bytes memory packed) {
        packed = new bytes(values.length);
        for (uint256 i = 0; i < values.length; ++i) {
            packed[i] = bytes1(uint8(values[i]));
        }
    }

    /// @notice Packs int16 elements.
    function packI16(int16[] memory values) internal pure returns (bytes memory packed) {
        packed = new bytes(2 * values.length);
        for (uint256 i = 0; i < values.length; ++i) {
            _write(packed, 2 * i, 2, uint16(values[i]));
        }
    }

    /// @notice Packs int32 elements.
    function packI32(int32[] memory values) internal pure returns (bytes memory packed) {
        packed = new bytes(4 * values.length);
        for (uint256 i = 0; i < values.length; ++i) {
            _write(packed, 4 * i, 4, uint32(values[i]));
        }
    }

    /* ELEMENTS OUT */

    /// @notice Element `index` of packed int8.
    function readI8(bytes memory packed, uint256 index) internal pure returns (int8) {
        return int8(uint8(packed[index]));
    }

    /// @notice Element `index` of packed int32.
    function readI32(bytes memory packed, uint256 index) internal pure returns (int32) {
        return int32(uint32(_read(packed, 4 * index, 4)));
    }

    /// @notice Element `index` of packed uint32.
    function readU32(bytes memory packed, uint256 index) internal pure returns (uint32) {
        return uint32(_read(packed, 4 * index, 4));
    }

    /// @notice Element `index` of packed int64.
    function readI64(bytes memory packed, uint256 index) internal pure returns (int64) {
        return int64(uint64(_read(packed, 8 * index, 8)));
    }

    /// @dev Little-endian integer of `size` bytes at `start`.
    function _read(bytes memory packed, uint256 start, uint256 size) private pure returns (uint256 bits) {
        for (uint256 i = size; i > 0; --i) {
            bits = bits << 8 | uint8(packed[start + i - 1]);
        }
    }

    function _write(bytes memory packed, uint256 start, uint256 size, uint256 bits) private pure {
        for (uint256 i = 0; i < size; ++i) {
            packed[start + i] = bytes1(uint8(bits >> (8 * i)));
        }
    }
}
