// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    ExpandParams,
    IFoggaraAgg,
    IFoggaraAggRobust,
    IFoggaraClipNorm,
    IFoggaraLinear,
    IFoggaraMaskExpand,
    IFoggaraMatmul,
    IFoggaraTensor,
    LinearParams,
    MatmulShape
} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {Test} from "./helpers/Test.sol";

/// @notice The worked examples of the specification: calldata by hash, results byte for byte. Gas is the node's.
contract WorkedExamplesTest is Test {
    function setUp() public {
        TensorSlow.install();
    }

    function test_1_matmul() public {
        bytes memory data = abi.encodeCall(
            IFoggaraMatmul.matmul,
            (MatmulShape(0, 0, 1, 2, 3, 2), Tensor.inlined(hex"01fe030405fa"), Tensor.inlined(hex"070809ff0001"))
        );
        assertEq(data.length, 388);
        bytes memory c =
            call(address(Tensor.MATMUL), data, 0x40730a85835cb5f056e401ff94522285129c77ccc534a7ce79104c4fab015eb9);
        assertEq(abi.decode(c, (bytes)), hex"12000000020000000e000000f6ffffff");
    }

    function linear(uint8 mode, bytes memory scales) internal pure returns (bytes memory) {
        return abi.encodeCall(
            IFoggaraLinear.linear,
            (
                LinearParams(0, 0, mode, 1, 2, 3, 0, 0, 0, -128, 127),
                Tensor.inlined(hex"05fd"),
                Tensor.inlined(hex"01010203ff00"),
                Tensor.inlined(hex"010000000000000000000000"),
                Tensor.inlined(scales),
                ""
            )
        );
    }

    function test_2_linear() public {
        bytes memory data = linear(0, hex"000000401f");
        assertEq(data.length, 804);
        bytes memory y =
            call(address(Tensor.LINEARQ), data, 0xe989ced03851a1b0d36d3f67d0f4a6f81797fe19a64f12d4e37057197c48ee1a);
        assertEq(abi.decode(y, (bytes)), hex"0201fe");

        data = linear(1, hex"0000003f");
        assertEq(data.length, 804);
        y = call(address(Tensor.LINEARQ), data, 0x8b3327cd8004449db7b27935b72938288caa769b5321391be0f15aebf7b58125);
        assertEq(abi.decode(y, (bytes)), hex"0200fe");
    }

    function test_3_mean() public {
        int32[] memory coeff = new int32[](3);
        (coeff[0], coeff[1], coeff[2]) = (1, 1, 2);
        bytes[] memory u = new bytes[](3);
        u[0] = Tensor.inlined(hex"03000000fdffffff");
        u[1] = Tensor.inlined(hex"01000000ffffffff");
        u[2] = Tensor.inlined(hex"ffffffff01000000");
        bytes memory data = abi.encodeCall(IFoggaraAgg.mean, (0, 6, 2, coeff, 0, u));
        assertEq(data.length, 644);
        bytes memory y =
            call(address(Tensor.AGG), data, 0x1934b826ca0309130dd772b2d7fba4c3134c4abf590e9aec962898ddb802390f);
        assertEq(abi.decode(y, (bytes)), hex"01000000ffffffff");
    }

    function test_4_median() public {
        bytes[] memory u = new bytes[](4);
        (u[0], u[1]) = (hex"0001ff05", hex"00039c05");
        (u[2], u[3]) = (hex"0002fe05", hex"0064fd05");
        bytes memory data = abi.encodeCall(IFoggaraAggRobust.median, (0, 3, 3, u));
        assertEq(data.length, 548);
        bytes memory y =
            call(address(Tensor.AGG_ROBUST), data, 0x173c82b5f2afb0236f2e22b2602818df83432c4a630bc34df84452757694405d);
        assertEq(abi.decode(y, (bytes)), hex"03fd05");
    }

    function test_5_clip() public {
        bytes memory x = Tensor.inlined(hex"d08affff409c00000000000007000000");
        bytes memory data = abi.encodeCall(IFoggaraClipNorm.clip, (0, 6, 100, x));
        bytes memory y =
            call(address(Tensor.CLIP_NORM), data, 0x01dd26d1a4e4e7fffc1dd6051dc5dd9c50b8a223610ae39b10a89f3ce7ee3ad7);
        (bytes memory clipped, uint256 normSq) = abi.decode(y, (bytes, uint256));
        assertEq(clipped, hex"c5ffffff4f0000000000000000000000");
        assertEq(normSq, 2_500_000_049);
    }

    function test_6_expand() public {
        bytes32 seed = hex"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        bytes memory acc = Tensor.inlined(hex"01000000020000000300000004000000");
        bytes memory data = abi.encodeCall(IFoggaraMaskExpand.expand, (ExpandParams(0, 32, 4, 0, seed, 0), acc));
        bytes memory y =
            call(address(Tensor.MASK_EXPAND), data, 0x641e2358c1d9cfeaab8879aabbc6d1ef6a669c8bcf30ff33a25616d4a3ea91cc);
        assertEq(abi.decode(y, (bytes)), hex"3afd2b7ddbc5196a90bd0377bcdc4a49");
    }

    function test_7_put() public {
        uint32[] memory dims = new uint32[](2);
        (dims[0], dims[1]) = (2, 3);
        bytes memory data = abi.encodeCall(IFoggaraTensor.put, (3, dims, 1, Tensor.inlined(hex"01fe030405fa")));
        bytes memory y =
            call(address(Tensor.TENSOR), data, 0x1feb7608e01cad2508ede0c4df4525ac0d4b0d24f08c54e93d72456ed1f3e6ba);
        bytes32 id = abi.decode(y, (bytes32));
        assertEq(id, 0xc393da5d0e98570a89710df6061af7992313a3a32f44895a2b4fda9777e67704);
        (,, bytes32 root,,) = Tensor.TENSOR.info(id);
        assertEq(root, 0x3c0931489436cd956ebaf6b7092aaa778f8cee30f7e4a1587cd7a649dc2295d6);

        bytes32 slot = 0x58f41f13959bf6f7cd34f9f3f024295e16da36563f4846526ecbc99bc8b1038b;
        assertEq(slot, keccak256(abi.encode(id, 0)));
        uint256 record = uint256(1) << 248 | (block.timestamp + 604_800) << 64 | block.number;
        assertEq(vm.load(address(Tensor.TENSOR), slot), bytes32(record));

        // A page of zeros.
        id = Tensor.put(3, 4096, 1, new bytes(4096));
        (,, root,,) = Tensor.TENSOR.info(id);
        assertEq(root, 0xffd70157e48063fc33c97a050f7f640233bf646cc98d9524c6b92bcf3ab56f83);
    }

    /// @dev Calls with exactly this calldata.
    function call(address operation, bytes memory data, bytes32 hash) internal returns (bytes memory result) {
        assertEq(keccak256(data), hash);
        bool success;
        (success, result) = operation.call(data);
        assertTrue(success, "call");
    }
}
