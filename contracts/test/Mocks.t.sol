// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    AdamParams,
    ExpandParams,
    IFoggaraAgg,
    IFoggaraClipNorm,
    IFoggaraErrors,
    IFoggaraMatmul,
    LinearParams,
    MatmulShape,
    MomentumParams,
    ReduceShape,
    RequantParams,
    ScaledParams,
    SgdParams
} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {SlowMath} from "../src/ai/slow/SlowMath.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {DataContract} from "./helpers/DataContract.sol";
import {Random} from "./helpers/Random.sol";
import {Test} from "./helpers/Test.sol";

/// @notice The mocks by small examples, worked by hand from the specification.
contract MocksTest is Test {
    function setUp() public {
        TensorSlow.install();
    }

    /* ROUNDING */

    function test_halves_go_away_from_zero() public pure {
        assertEq(SlowMath.rAway(5, 2), 3);
        assertEq(SlowMath.rAway(-5, 2), -3);
        assertEq(SlowMath.rAway(4, 3), 1);
        assertEq(SlowMath.rAway(5, 3), 2);
        assertEq(SlowMath.rAway(-1, 3), 0);
    }

    function test_product_of_floats() public pure {
        // 1.0, 0.5 and 1.5 as f32.
        assertEq(SlowMath.rOnnx(7, 0x3f800000), 7);
        assertEq(SlowMath.rOnnx(3, 0x3f000000), 2);
        assertEq(SlowMath.rOnnx(5, 0x3f000000), 2);
        assertEq(SlowMath.rOnnx(-3, 0x3f000000), -2);
        assertEq(SlowMath.rOnnx(3, 0x3fc00000), 4);
        // 2^24 + 1 is no f32: it becomes 2^24.
        assertEq(SlowMath.rOnnx(16_777_217, 0x3f800000), 16_777_216);
        assertEq(SlowMath.rOnnx(16_777_219, 0x3f800000), 16_777_220);
        // Too large and too small.
        assertEq(SlowMath.rOnnx(type(int32).min, 0x4e800000), -(1 << 31));
        assertEq(SlowMath.rOnnx(1, 0x20000000), 0);
        assertEq(SlowMath.rOnnx(0, 0x3f800000), 0);
    }

    function testFuzz_roots_are_floors(uint128 n) public pure {
        uint256 root = SlowMath.isqrt(n);
        assertTrue(root * root <= n && (root + 1) * (root + 1) > n, "root");
    }

    /* PRODUCTS */

    function test_transposed_products_are_the_same() public view {
        bytes memory a = Random.data(2 * 3 * 4, "a");
        bytes memory b = Random.data(5 * 4, "b");
        bytes memory c =
            Tensor.matmul(MatmulShape(4, Tensor.I8_I8_I32, 2, 3, 4, 5), Tensor.inlined(a), Tensor.inlined(b));
        bytes memory at_ = bytes.concat(transposed(slice(a, 0, 12), 3, 4), transposed(slice(a, 12, 12), 3, 4));
        assertEq(
            Tensor.matmul(
                MatmulShape(7, Tensor.I8_I8_I32, 2, 3, 4, 5), Tensor.inlined(at_), Tensor.inlined(transposed(b, 5, 4))
            ),
            c
        );
        assertEq(c.length, 2 * 3 * 5 * 4);
    }

    function test_wide_products_wrap() public view {
        bytes memory a = hex"ffffff7f";
        assertEq(product(Tensor.I32_I32_I32, a), hex"01000000");
        assertEq(product(Tensor.I32_I32_I64, a), hex"01000000ffffff3f");
        assertEq(product(Tensor.I16_I16_I64, hex"0080"), hex"0000004000000000");
        bytes memory c = Tensor.matmul(
            MatmulShape(0, Tensor.U8_I8_I32, 1, 1, 1, 1), Tensor.inlined(hex"ff"), Tensor.inlined(hex"80")
        );
        assertEq(int256(Tensor.readI32(c, 0)), -255 * 128);
    }

    function product(uint8 kind, bytes memory a) internal view returns (bytes memory) {
        return Tensor.matmul(MatmulShape(0, kind, 1, 1, 1, 1), Tensor.inlined(a), Tensor.inlined(a));
    }

    /* LAYERS */

    function test_layer_with_zero_points_and_table() public view {
        // (10 - 2) * (3 - 1) + (4 - 2) * (-1 - 1) = 12; plus bias 3 is 15; times 2 / 4 in TOSA's way: 8.
        bytes memory table = new bytes(256);
        table[9] = 0x63;
        LinearParams memory p = LinearParams(0, 1, 0, 1, 2, 1, 2, 1, 1, 0, 255);
        bytes memory scales = Tensor.inlined(hex"0200000002");
        bytes memory x = Tensor.inlined(hex"0a04");
        bytes memory w = Tensor.inlined(hex"03ff");
        bytes memory bias = Tensor.inlined(hex"03000000");
        assertEq(Tensor.linear(p, x, w, bias, scales, ""), hex"09");
        assertEq(Tensor.linear(p, x, w, bias, scales, Tensor.inlined(table)), hex"63");
        p = LinearParams(0, 1, 2, 1, 2, 1, 2, 1, 0, 0, 0);
        assertEq(Tensor.linear(p, x, w, bias, "", ""), hex"0f000000");
    }

    function test_requant_is_the_end_of_a_layer() public view {
        bytes memory x = Random.i32s(12, 20, "x");
        bytes memory scales = hex"0000003a0000403b000000380000803a";
        bytes memory y = Tensor.ELTWISE
            .requant(RequantParams(0, 1, Tensor.I8, 4, 3, -100, 100), Tensor.inlined(x), Tensor.inlined(scales));
        for (uint256 i = 0; i < 12; ++i) {
            uint256 bits = SlowMath.read(scales, 4 * (i % 4), 4);
            int256 want = SlowMath.clamp(SlowMath.rOnnx(Tensor.readI32(x, i), bits) + 3, -100, 100);
            assertEq(int256(Tensor.readI8(y, i)), want);
        }
    }

    /* ELEMENTS */

    function test_elementwise() public view {
        bytes memory a = Tensor.inlined(hex"7f80050a");
        bytes memory b = Tensor.inlined(hex"0af6");
        assertEq(Tensor.ELTWISE.binary(0, 0, Tensor.I8, a, b), hex"7f800f00");
        assertEq(Tensor.ELTWISE.binary(0, 1, Tensor.I8, a, b), hex"758afb14");
        assertEq(Tensor.ELTWISE.binary(0, 2, Tensor.I8, a, b), hex"7f7f329c");
        assertEq(Tensor.ELTWISE.binary(0, 3, Tensor.I8, a, b), hex"7ff60a0a");
        assertEq(Tensor.ELTWISE.binary(0, 4, Tensor.I8, a, b), hex"0a8005f6");
        assertEq(Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, a), hex"817ffbf6");
        assertEq(Tensor.ELTWISE.unary(0, 1, Tensor.I8, 0, 0, a), hex"7f7f050a");
        assertEq(Tensor.ELTWISE.unary(0, 2, Tensor.I8, -3, 7, a), hex"07fd0507");
        assertEq(Tensor.ELTWISE.unary(0, 3, Tensor.I8, 0, 0, a), hex"01ff0101");
        assertEq(Tensor.ELTWISE.shift(0, Tensor.I8, Tensor.U8, 1, a), hex"40000305");
        assertEq(Tensor.ELTWISE.shift(0, Tensor.I8, Tensor.I16, 0, Tensor.inlined(hex"80")), hex"80ff");
        // (5 - 1) * 3 + (2 - 1) * -2 = 10; (10 + 2) >> 2 = 3; plus 7.
        ScaledParams memory p = ScaledParams(0, 0, Tensor.U8, 1, 1, 7, 3, -2, 2, 0, 255);
        assertEq(Tensor.ELTWISE.scaled(p, Tensor.inlined(hex"05"), Tensor.inlined(hex"02")), hex"0a");
    }

    /* REDUCTIONS */

    function test_reductions() public view {
        bytes memory x = Tensor.inlined(hex"0105fd05fc05");
        assertEq(reduced(0, x), hex"faffffffffffffff");
        assertEq(reduced(0, Tensor.inlined(hex"010203040506")), hex"0900000000000000");
        assertEq(reduced(1, x), hex"01");
        assertEq(reduced(2, x), hex"fc");
        assertEq(reduced(4, x), hex"00000000");
        assertEq(reduced(5, x), hex"02000000");
        // [1][3][2]: the second column is 5, 5, 5.
        bytes memory y = Tensor.REDUCE.reduce(ReduceShape(0, 4, Tensor.I8, 1, 3, 2), x);
        assertEq(y, hex"0000000000000000");
        y = Tensor.REDUCE.reduce(ReduceShape(0, 3, Tensor.I8, 1, 3, 2), x);
        assertEq(y, hex"fe05");
        (bytes memory values, bytes memory indices) = Tensor.REDUCE.topk(Tensor.I8, 2, 3, 2, x);
        assertEq(values, hex"05010505");
        assertEq(indices, hex"01000000000000000000000002000000");
    }

    /// @dev The first column of [3][2].
    function reduced(uint8 op, bytes memory x) internal view returns (bytes memory y) {
        bytes memory all = Tensor.REDUCE.reduce(ReduceShape(0, op, Tensor.I8, 1, 3, 2), x);
        return slice(all, 0, all.length / 2);
    }

    /* AGGREGATES */

    function updates() internal pure returns (bytes[] memory u) {
        u = new bytes[](5);
        (u[0], u[1], u[2]) = (hex"000114", hex"000216", hex"000313");
        (u[3], u[4]) = (hex"00047f", hex"008080");
    }

    function test_aggregates() public view {
        bytes[] memory u = updates();
        assertEq(Tensor.AGG_ROBUST.median(0, Tensor.I8, 2, u), hex"0214");
        assertEq(Tensor.AGG_ROBUST.trimmed(0, Tensor.I8, 2, 1, u), hex"0214");
        assertEq(Tensor.AGG_ROBUST.trimmed(0, Tensor.I8, 2, 2, u), hex"0214");
        assertEq(Tensor.AGG_ROBUST.signMajority(0, Tensor.I8, 2, u), hex"0101");
        int64[] memory products = Tensor.AGG_DIST.gram(Tensor.I8, 2, u);
        assertEq(products.length, 15);
        assertEq(int256(products[1]), 1 * 2 + 20 * 22);
        uint64[] memory distances = Tensor.AGG_DIST.sqdist(Tensor.I8, 2, u);
        assertEq(distances.length, 10);
        assertEq(uint256(distances[0]), 1 + 4);
        assertEq(uint256(distances[9]), 132 * 132 + 255 * 255);
        (uint64[] memory scores, uint16[] memory chosen) = Tensor.AGG_DIST.krum(Tensor.I8, 2, 1, 2, u);
        // To the two nearest: 5 + 5, 5 + 10, 5 + 10.
        assertEq(uint256(scores[0]), 10);
        assertEq(uint256(scores[1]), 15);
        assertEq(uint256(chosen[0]) << 16 | chosen[1], 1);
    }

    function test_row_sums_and_wrapping_sums() public view {
        (int64 aa, int64 ab, int64 bb) =
            Tensor.rowSums(Tensor.I8, 2, Tensor.inlined(hex"0302"), Tensor.inlined(hex"ff04"));
        assertEq(int256(aa), 13);
        assertEq(int256(ab), 5);
        assertEq(int256(bb), 17);
        bytes[] memory u = new bytes[](2);
        (u[0], u[1]) = (Tensor.inlined(hex"ffffffffffffffff"), Tensor.inlined(hex"0200000000000000"));
        assertEq(Tensor.sumWrap64(1, u), hex"0100000000000000");
    }

    /* STEPS */

    function test_optimisers() public view {
        // f = 4: wd * w = 8 * 32 / 16 = 16; g' = 32 + 16 = 48; lr * g' = 8 * 48 / 16 = 24.
        bytes memory w = Tensor.inlined(hex"20000000");
        bytes memory g = Tensor.inlined(hex"20000000");
        bytes memory sum = Tensor.OPT.sgd(SgdParams(0, 4, 8, 8), w, g);
        assertEq(int256(Tensor.readI32(sum, 0)), 8);
        // u' = 48 + 10 / 2 = 53, w' = 32 - R_AWAY(8 * 53, 16) = 32 - 27.
        (bytes memory w1, bytes memory u1) =
            Tensor.OPT.momentum(MomentumParams(0, 4, 8, 8, 1 << 30), w, Tensor.inlined(hex"0a000000"), g);
        assertEq(int256(Tensor.readI32(w1, 0)), 5);
        assertEq(int256(Tensor.readI32(u1, 0)), 53);
        // m' = 0 + 32 / 2 = 16, v' = 0 + 1024 / 2 = 512, w' = 32 - R_AWAY(100 * 16, 22 + 1) = 32 - 70.
        bytes memory m1;
        bytes memory v1;
        (w1, m1, v1) = Tensor.OPT
            .adam(
                AdamParams(0, 4, 100, 1 << 30, 1 << 30, 1),
                w,
                Tensor.inlined(new bytes(4)),
                Tensor.inlined(new bytes(8)),
                g
            );
        assertEq(int256(Tensor.readI32(w1, 0)), -38);
        assertEq(int256(Tensor.readI32(m1, 0)), 16);
        assertEq(int256(Tensor.readI64(v1, 0)), 512);
    }

    function testFuzz_clipped_norm_never_exceeds(bytes memory x, uint32 max) public view {
        vm.assume(x.length >= 2);
        x = slice(x, 0, x.length < 40 ? x.length / 2 * 2 : 40);
        max = uint32(bound(max, 0, 200_000));
        (bytes memory y, uint256 before) = Tensor.CLIP_NORM.clip(0, Tensor.I16, max, Tensor.inlined(x));
        assertEq(Tensor.CLIP_NORM.normSq(Tensor.I16, Tensor.inlined(x)), before);
        uint256 norm = Tensor.CLIP_NORM.normSq(Tensor.I16, Tensor.inlined(y));
        assertTrue(norm <= uint256(max) * max, "norm");
        if (before <= uint256(max) * max) assertEq(y, x);
    }

    /* PRIVACY */

    function test_masks_cancel() public view {
        bytes32 seed = keccak256("seed");
        bytes memory update = Random.data(40, "update");
        bytes memory masked =
            Tensor.MASK_EXPAND.expand(ExpandParams(0, 64, 5, 7, seed, "nonce"), Tensor.inlined(update));
        assertTrue(keccak256(masked) != keccak256(update), "masked");
        bytes memory back = Tensor.MASK_EXPAND.expand(ExpandParams(1, 64, 5, 7, seed, "nonce"), Tensor.inlined(masked));
        assertEq(back, update);
    }

    function test_shares_give_the_secret() public view {
        // 1234 + 5 x + 7 x^2 at 1, 2 and 3.
        uint256[] memory xs = new uint256[](3);
        bytes[] memory small = new bytes[](3);
        bytes[] memory large = new bytes[](3);
        for (uint256 i = 0; i < 3; ++i) {
            xs[i] = i + 1;
            bytes memory limb = new bytes(32);
            SlowMath.write(limb, 0, 8, 1234 + 5 * xs[i] + 7 * xs[i] * xs[i]);
            (small[i], large[i]) = (Tensor.inlined(slice(limb, 0, 8)), Tensor.inlined(limb));
        }
        assertEq(Tensor.LAGRANGE.reconstruct(0, 0, 1, xs, small), hex"d204000000000000");
        bytes memory secret = Tensor.LAGRANGE.reconstruct(0, 1, 1, xs, large);
        assertEq(SlowMath.read(secret, 0, 32), 1234);
    }

    /* REFUSALS */

    function refused(address operation, bytes memory data, bytes memory want) internal {
        (bool success, bytes memory got) = operation.call(data);
        assertTrue(!success, "must revert");
        assertEq(got, want);
    }

    function mm(uint8 flags, uint8 kind, uint32 m, uint32 k, bytes memory a) internal pure returns (bytes memory) {
        return abi.encodeCall(IFoggaraMatmul.matmul, (MatmulShape(flags, kind, 1, m, k, 1), a, hex"0001"));
    }

    function test_refusals_of_a_product() public {
        address to = address(Tensor.MATMUL);
        refused(to, mm(8, 0, 0, 1, ""), abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 0));
        refused(to, mm(0, 5, 0, 1, ""), abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 0));
        refused(to, mm(0, 0, 0, 1, ""), abi.encodeWithSelector(IFoggaraErrors.BadShape.selector, 0));
        refused(to, mm(0, 0, 65_536, 1, ""), abi.encodeWithSelector(IFoggaraErrors.TooLarge.selector, 65_536, 65_535));
        refused(to, mm(0, 0, 1, 32_769, ""), abi.encodeWithSelector(IFoggaraErrors.TooLarge.selector, 32_769, 32_768));
        refused(to, mm(0, 0, 1, 1, ""), abi.encodeWithSelector(IFoggaraErrors.BadOperand.selector, 1));
        refused(to, mm(0, 0, 1, 1, hex"0301"), abi.encodeWithSelector(IFoggaraErrors.BadOperand.selector, 1));
        refused(to, mm(0, 0, 1, 2, hex"0001"), abi.encodeWithSelector(IFoggaraErrors.LengthMismatch.selector, 1, 2, 1));
        refused(to, hex"20ad9b", abi.encodeWithSelector(IFoggaraErrors.BadCalldata.selector));
        refused(to, hex"20ad9ba000", abi.encodeWithSelector(IFoggaraErrors.BadCalldata.selector));
        refused(to, hex"12345678", abi.encodeWithSelector(IFoggaraErrors.UnknownSelector.selector, bytes4(0x12345678)));
    }

    function test_dirty_words_and_tails_beyond_the_end_are_refused() public {
        bytes memory data = mm(0, 0, 1, 1, hex"0001");
        bytes memory want = abi.encodeWithSelector(IFoggaraErrors.BadCalldata.selector);
        for (uint256 word = 0; word < 8; ++word) {
            data[4 + 32 * word] = 0x01;
            refused(address(Tensor.MATMUL), data, want);
            data[4 + 32 * word] = 0x00;
        }
        // All bytes up to the last operand's one are needed, its padding is not; more does no harm.
        for (uint256 size = data.length - 60; size <= data.length; size += 15) {
            bool enough = size >= data.length - 30;
            (bool success,) = address(Tensor.MATMUL).call(slice(data, 0, size));
            assertTrue(success == enough, "cut");
        }
        (bool longer,) = address(Tensor.MATMUL).call(bytes.concat(data, hex"ff"));
        assertTrue(longer, "trailing");
    }

    function test_value_is_refused_directly_only() public {
        vm.deal(address(this), 1);
        bytes memory data = mm(0, 0, 1, 1, hex"0001");
        (bool success, bytes memory got) = address(Tensor.MATMUL).call{value: 1}(data);
        assertTrue(!success, "must revert");
        assertEq(got, abi.encodeWithSelector(IFoggaraErrors.NotPayable.selector));
        (success,) = address(this).call{value: 1}(abi.encodeCall(this.delegated, (data)));
        assertTrue(success, "delegated");
    }

    function delegated(bytes memory data) external payable {
        (bool success,) = address(Tensor.MATMUL).delegatecall(data);
        require(success, "delegated");
    }

    function test_refusals_by_value() public {
        int32[] memory coeff = new int32[](1);
        bytes[] memory u = new bytes[](1);
        u[0] = hex"0001";
        bytes memory data = abi.encodeCall(IFoggaraAgg.mean, (0, Tensor.I8, 1, coeff, 0, u));
        refused(address(Tensor.AGG), data, abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 3));
        data = abi.encodeCall(IFoggaraAgg.mean, (0, Tensor.U8, 1, coeff, 1, u));
        refused(address(Tensor.AGG), data, abi.encodeWithSelector(IFoggaraErrors.BadDtype.selector, 1));
        data = abi.encodeCall(IFoggaraAgg.mean, (0, Tensor.I8, 1, coeff, 1, new bytes[](0)));
        refused(address(Tensor.AGG), data, abi.encodeWithSelector(IFoggaraErrors.BadShape.selector, 5));
        data = abi.encodeCall(IFoggaraAgg.mean, (0, Tensor.I8, 1, new int32[](2), 1, u));
        refused(address(Tensor.AGG), data, abi.encodeWithSelector(IFoggaraErrors.LengthMismatch.selector, 3, 1, 2));
        data = abi.encodeCall(IFoggaraClipNorm.clip, (0, Tensor.I16, 1, hex"00010203"));
        refused(
            address(Tensor.CLIP_NORM), data, abi.encodeWithSelector(IFoggaraErrors.LengthMismatch.selector, 3, 2, 3)
        );
    }

    /* CODE */

    function test_operands_in_code() public {
        address account = DataContract.deploy(hex"0102030405060708");
        bytes memory y = Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, Tensor.inCode(account, 2, 3));
        assertEq(y, hex"fdfcfb");
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadCode.selector, account));
        Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, Tensor.inCode(account, 6, 3));
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadCode.selector, address(this)));
        Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, Tensor.inCode(address(this), 0, 1));
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadCode.selector, address(0xdead)));
        Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, Tensor.inCode(address(0xdead), 0, 1));
    }

    /* HELPERS */

    function slice(bytes memory data, uint256 start, uint256 length) internal pure returns (bytes memory) {
        return SlowMath.slice(data, start, length);
    }

    /// @dev Bytes [rows][columns] as [columns][rows].
    function transposed(bytes memory data, uint256 rows, uint256 columns) internal pure returns (bytes memory result) {
        result = new bytes(data.length);
        for (uint256 i = 0; i < data.length; ++i) {
            result[i % columns * rows + i / columns] = data[i];
        }
    }
}
