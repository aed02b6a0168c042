// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

// The interfaces of all AI operations, one per address, under one import. What they share:
//
// * Elements are packed, little-endian two's complement, row-major, without padding. Element types have the codes of
//   ONNX: u8 2, i8 3, i16 5, i32 6, i64 7, u32 12 (`Tensor.U8` and so on).
// * A parameter said to be an *operand* is `bytes` with a first byte that says where the elements are: inline, in the
//   tensor store, or in the code of an account. `Tensor.inlined`, `Tensor.stored`, `Tensor.slice` and `Tensor.inCode`
//   build them. Empty bytes mean absent, where that is allowed.
// * W(x) is the number of words of 32 bytes in x, rounded up; every quotient in a gas formula is rounded up by itself.
//   An operand in the store adds 2,100 gas (100 once warm) and 400 per page of 4,096 bytes that it touches, none if
//   this transaction made the tensor or has paid for all of it; one in code 2,600 (100). STORE adds 23,600 gas, 16 per
//   word and 32 per started KiB for each result: see IFoggaraTensor.
// * R_AWAY(n, d) is n / d rounded to the nearest, halves away from zero. sat clamps to the range of the result's type.
// * Flag 128, STORE, on any function with `flags`: each `bytes` result is stored for one epoch and replaced by its
//   32-byte id. Such a call writes: make it with `Tensor.store`, not through these `view` functions.
// * A call may have 1 MiB in an inline operand, 128 MiB in all operands, 4 MiB in results; MATMUL and LINEARQ 2^31
//   multiply-adds; a transaction 2^24 AI gas at most, all transactions of a block half the block's gas limit.
// * Errors, their meaning, what every call and every operand can meet, and what a refusal costs: IFoggaraErrors. A
//   function names its own, in the order in which they are looked for. The first failure decides: value, selector,
//   calldata, flags, parameters, operands from left to right, size of the results, gas, AI gas, and last the work.
import {IFoggaraErrors} from "./IFoggaraErrors.sol";
import {
    IFoggaraEltwise,
    IFoggaraLinear,
    IFoggaraMatmul,
    IFoggaraReduce,
    LinearParams,
    MatmulShape,
    ReduceShape,
    RequantParams,
    ScaledParams
} from "./IFoggaraTensorOps.sol";
import {
    AdamParams,
    IFoggaraAgg,
    IFoggaraAggDist,
    IFoggaraAggRobust,
    IFoggaraClipNorm,
    IFoggaraOpt,
    MomentumParams,
    SgdParams
} from "./IFoggaraGradient.sol";
import {ExpandParams, IFoggaraLagrange, IFoggaraMaskExpand} from "./IFoggaraPrivacy.sol";
import {IFoggaraTensor} from "./IFoggaraTensorStore.sol";
