// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    IFoggaraAgg,
    IFoggaraAggDist,
    IFoggaraAggRobust,
    IFoggaraClipNorm,
    IFoggaraEltwise,
    IFoggaraErrors,
    IFoggaraLagrange,
    IFoggaraLinear,
    IFoggaraMaskExpand,
    IFoggaraMatmul,
    IFoggaraOpt,
    IFoggaraReduce,
    IFoggaraTensor
} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Test} from "./helpers/Test.sol";

/// @notice The interfaces have the selectors of the specification's tables.
contract SelectorsTest is Test {
    function test_functions() public pure {
        same(IFoggaraMatmul.matmul.selector, 0x20ad9ba0);
        same(IFoggaraLinear.linear.selector, 0x80226d06);
        same(IFoggaraEltwise.binary.selector, 0x8e4dbb1a);
        same(IFoggaraEltwise.scaled.selector, 0x1847c48d);
        same(IFoggaraEltwise.lut.selector, 0x0bd47a9f);
        same(IFoggaraEltwise.requant.selector, 0x0a97bc1a);
        same(IFoggaraEltwise.shift.selector, 0x62ea6863);
        same(IFoggaraEltwise.unary.selector, 0x26fc8248);
        same(IFoggaraReduce.reduce.selector, 0x7dce7d14);
        same(IFoggaraReduce.topk.selector, 0xfa43eaf4);
        same(IFoggaraAgg.sum.selector, 0x1d0af741);
        same(IFoggaraAgg.mean.selector, 0x15ba9d43);
        same(IFoggaraAggRobust.median.selector, 0x5600c80a);
        same(IFoggaraAggRobust.trimmed.selector, 0xbc6e0373);
        same(IFoggaraAggRobust.signMajority.selector, 0xf1737fb2);
        same(IFoggaraAggDist.gram.selector, 0x06ae5202);
        same(IFoggaraAggDist.sqdist.selector, 0xbe6472c8);
        same(IFoggaraAggDist.krum.selector, 0x515eb520);
        same(IFoggaraClipNorm.clip.selector, 0x0a5ba766);
        same(IFoggaraClipNorm.normSq.selector, 0x552dbbfb);
        same(IFoggaraOpt.sgd.selector, 0xe791a538);
        same(IFoggaraOpt.momentum.selector, 0x4dd993f8);
        same(IFoggaraOpt.adam.selector, 0xce2a3859);
        same(IFoggaraMaskExpand.expand.selector, 0xfca0ea15);
        same(IFoggaraLagrange.reconstruct.selector, 0x95a17eda);
        same(IFoggaraTensor.put.selector, 0x618e777a);
        same(IFoggaraTensor.concat.selector, 0x435987e4);
        same(IFoggaraTensor.info.selector, 0xb64a097e);
        same(IFoggaraTensor.read.selector, 0xd328362c);
        same(IFoggaraTensor.touch.selector, 0xadcd2cf3);
        same(IFoggaraTensor.prune.selector, 0xa4534c61);
    }

    function test_errors() public pure {
        same(IFoggaraErrors.BadCalldata.selector, 0x1a2e1594);
        same(IFoggaraErrors.BadShape.selector, 0x0667691c);
        same(IFoggaraErrors.BadDtype.selector, 0x14b15aec);
        same(IFoggaraErrors.BadParam.selector, 0x840e1ea7);
        same(IFoggaraErrors.BadOperand.selector, 0x4d1e2120);
        same(IFoggaraErrors.BadElement.selector, 0x83b62cb9);
        same(IFoggaraErrors.TooLarge.selector, 0x677fd0e3);
        same(IFoggaraErrors.LengthMismatch.selector, 0xfb293769);
        same(IFoggaraErrors.AiGasLimit.selector, 0xfa5e45dc);
        same(IFoggaraErrors.UnknownTensor.selector, 0x0a300534);
        same(IFoggaraErrors.TensorExpired.selector, 0x71c6f763);
        same(IFoggaraErrors.TensorNotMature.selector, 0x01fcb33f);
        same(IFoggaraErrors.BadCode.selector, 0x4e74d12b);
        same(IFoggaraErrors.StaticStore.selector, 0xffb7a74f);
        same(IFoggaraErrors.DirectCallOnly.selector, 0xcba87daa);
        same(IFoggaraErrors.NotPayable.selector, 0x1574f9f3);
        same(IFoggaraErrors.UnknownSelector.selector, 0xc2a825f5);
    }

    function same(bytes4 got, bytes4 want) internal pure {
        assertEq(bytes32(got), bytes32(want));
    }
}
