// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraAgg, IFoggaraErrors, IFoggaraTensor, MatmulShape} from "../src/ai/interfaces/IFoggaraAI.sol";
import {IFoggaraMatmul} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {DataContract} from "./helpers/DataContract.sol";
import {Random} from "./helpers/Random.sol";
import {Test} from "./helpers/Test.sol";

/// @notice The life of stored tensors, by the mock. A test is one transaction, so maturity is tested by tensors that
/// `setUp` made, which is another one in the same block.
contract TensorStoreTest is Test {
    uint64 internal constant EPOCH = 604_800;
    uint64 internal constant START = 1_800_000_000;

    bytes32 internal early;

    function setUp() public {
        TensorSlow.install();
        vm.warp(START);
        early = Tensor.put(Tensor.I8, 4, 1, hex"01020304");
    }

    function test_record_has_its_layout() public view {
        bytes32 slot = keccak256(abi.encode(early, 0));
        uint256 record = uint256(vm.load(address(Tensor.TENSOR), slot));
        assertEq(record, uint256(1) << 248 | uint256(START + EPOCH) << 64 | block.number);
    }

    function test_readable_from_the_next_block_on() public {
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.TensorNotMature.selector, early));
        Tensor.TENSOR.read(early, 0, 0);
        vm.roll(block.number + 1);
        assertEq(Tensor.TENSOR.read(early, 0, 0), hex"01020304");
    }

    function test_readable_at_once_by_its_own_transaction() public {
        bytes32 id = Tensor.put(Tensor.I8, 3, 1, hex"010203");
        assertEq(Tensor.TENSOR.read(id, 1, 2), hex"0203");
    }

    function test_ranges() public {
        vm.roll(block.number + 1);
        assertEq(Tensor.TENSOR.read(early, 1, 2), hex"0203");
        assertEq(Tensor.TENSOR.read(early, 3, 0), hex"04");
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadOperand.selector, 1));
        Tensor.TENSOR.read(early, 4, 0);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadOperand.selector, 1));
        Tensor.TENSOR.read(early, 2, 3);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.UnknownTensor.selector, bytes32(uint256(1))));
        Tensor.TENSOR.read(bytes32(uint256(1)), 0, 0);
    }

    function test_operands_of_operations() public {
        vm.roll(block.number + 1);
        assertEq(Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, Tensor.slice(early, 1, 2)), hex"fefd");
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadDtype.selector, 5));
        Tensor.ELTWISE.unary(0, 0, Tensor.U8, 0, 0, Tensor.stored(early));
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadOperand.selector, 5));
        Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, Tensor.slice(early, 4, 1));
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadOperand.selector, 5));
        Tensor.ELTWISE.unary(0, 0, Tensor.I8, 0, 0, abi.encodePacked(Tensor.stored(early), hex"00"));
    }

    function test_expiry_retention_and_a_new_life() public {
        vm.roll(block.number + 1);
        vm.warp(START + EPOCH - 1);
        Tensor.TENSOR.read(early, 0, 0);
        vm.warp(START + EPOCH);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.TensorExpired.selector, early));
        Tensor.TENSOR.read(early, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.TensorExpired.selector, early));
        Tensor.TENSOR.touch(early, 1);
        (uint8 dtype,,, uint64 createdBlock, uint64 expiry) = Tensor.TENSOR.info(early);
        assertEq(dtype, Tensor.I8);
        assertEq(createdBlock + 1, block.number);
        assertEq(expiry, START + EPOCH);

        vm.warp(START + EPOCH + 60 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 0));
        Tensor.TENSOR.prune(early);
        vm.warp(START + EPOCH + 60 days);
        vm.expectEmit();
        emit IFoggaraTensor.TensorStored(early, address(this), 0);
        Tensor.TENSOR.prune(early);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.UnknownTensor.selector, early));
        Tensor.TENSOR.info(early);

        assertEq(Tensor.put(Tensor.I8, 4, 1, hex"01020304"), early);
        (,,, createdBlock,) = Tensor.TENSOR.info(early);
        assertEq(createdBlock, block.number);
    }

    function test_time_is_never_shortened() public {
        vm.expectEmit();
        emit IFoggaraTensor.TensorStored(early, address(this), START + 5 * EPOCH);
        assertEq(Tensor.TENSOR.touch(early, 4), START + 5 * EPOCH);
        vm.roll(block.number + 7);
        Tensor.put(Tensor.I8, 4, 1, hex"01020304");
        (,,, uint64 createdBlock, uint64 expiry) = Tensor.TENSOR.info(early);
        assertEq(expiry, START + 5 * EPOCH);
        assertEq(createdBlock + 7, block.number);
        Tensor.put(Tensor.I8, 4, 6, hex"01020304");
        (,,,, expiry) = Tensor.TENSOR.info(early);
        assertEq(expiry, START + 6 * EPOCH);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 1));
        Tensor.TENSOR.touch(early, 99);
        assertEq(Tensor.TENSOR.touch(early, 98), START + 104 * EPOCH);
    }

    function put(uint8 dtype, uint32[] memory dims, uint32 epochs, bytes memory data) internal returns (bytes32) {
        return Tensor.TENSOR.put(dtype, dims, epochs, data);
    }

    function test_bad_puts() public {
        uint32[] memory dims = new uint32[](1);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadShape.selector, 1));
        put(Tensor.I8, dims, 1, hex"00");
        dims[0] = 1;
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadDtype.selector, 0));
        put(Tensor.U32, dims, 1, hex"0001020304");
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 2));
        put(Tensor.I8, dims, 0, hex"0001");
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 2));
        put(Tensor.I8, dims, 105, hex"0001");
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.LengthMismatch.selector, 3, 1, 2));
        put(Tensor.I8, dims, 1, hex"000102");
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadOperand.selector, 3));
        put(Tensor.I8, dims, 1, Tensor.stored(early));
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadShape.selector, 1));
        put(Tensor.I8, new uint32[](5), 1, hex"0001");
        dims[0] = 1 << 29;
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.TooLarge.selector, 1 << 29, 1 << 28));
        put(Tensor.I8, dims, 1, hex"0001");
    }

    function test_data_in_code_has_the_same_id() public {
        uint32[] memory dims = new uint32[](1);
        dims[0] = 4;
        address account = DataContract.deploy(hex"01020304");
        assertEq(Tensor.TENSOR.put(Tensor.I8, dims, 1, Tensor.inCode(account, 0, 4)), early);
    }

    /* CONCAT */

    function test_parts_make_the_whole() public {
        bytes memory data = Random.data(10_000, "whole");
        bytes32[] memory parts = new bytes32[](2);
        parts[0] = Tensor.put(Tensor.I8, 8192, 1, part(data, 0, 8192));
        parts[1] = Tensor.put(Tensor.I8, 1808, 1, part(data, 8192, 1808));
        uint32[] memory dims = new uint32[](1);
        dims[0] = 10_000;
        bytes32 id = Tensor.TENSOR.concat(Tensor.I8, dims, 1, parts);
        assertEq(id, Tensor.put(Tensor.I8, 10_000, 1, data));
        assertEq(Tensor.TENSOR.read(id, 8190, 4), part(data, 8190, 4));
    }

    function test_bad_parts() public {
        vm.roll(block.number + 1);
        bytes32[] memory parts = new bytes32[](2);
        (parts[0], parts[1]) = (early, early);
        uint32[] memory dims = new uint32[](1);
        dims[0] = 8;
        // Four bytes do not end on a page boundary.
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadShape.selector, 3));
        Tensor.TENSOR.concat(Tensor.I8, dims, 1, parts);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadDtype.selector, 3));
        Tensor.TENSOR.concat(Tensor.U8, dims, 1, parts);
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadShape.selector, 3));
        Tensor.TENSOR.concat(Tensor.I8, dims, 1, new bytes32[](0));
        parts = new bytes32[](1);
        parts[0] = early;
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadShape.selector, 1));
        Tensor.TENSOR.concat(Tensor.I8, dims, 1, parts);
    }

    /* KINDS OF CALL */

    function test_writers_need_a_direct_call() public {
        uint32[] memory dims = new uint32[](1);
        dims[0] = 1;
        bytes[] memory writes = new bytes[](4);
        writes[0] = abi.encodeCall(IFoggaraTensor.put, (Tensor.I8, dims, 1, hex"0001"));
        writes[1] = abi.encodeCall(IFoggaraTensor.concat, (Tensor.I8, dims, 1, new bytes32[](1)));
        writes[2] = abi.encodeCall(IFoggaraTensor.touch, (early, 1));
        writes[3] = abi.encodeCall(IFoggaraTensor.prune, (early));
        for (uint256 i = 0; i < 4; ++i) {
            (bool success, bytes memory got) = address(Tensor.TENSOR).staticcall(writes[i]);
            assertTrue(!success, "static");
            assertEq(got, abi.encodeWithSelector(IFoggaraErrors.StaticStore.selector));
            (success, got) = address(Tensor.TENSOR).delegatecall(writes[i]);
            assertTrue(!success, "delegated");
            assertEq(got, abi.encodeWithSelector(IFoggaraErrors.DirectCallOnly.selector));
        }
    }

    /* STORE */

    function test_results_are_stored() public {
        bytes memory data = abi.encodeCall(
            IFoggaraMatmul.matmul,
            (MatmulShape(0x80, 0, 1, 2, 3, 2), Tensor.inlined(hex"01fe030405fa"), Tensor.inlined(hex"070809ff0001"))
        );
        bytes32 id = Tensor.store(address(Tensor.MATMUL), data);
        (uint8 dtype, uint32[] memory dims,,, uint64 expiry) = Tensor.TENSOR.info(id);
        assertEq(dtype, Tensor.I32);
        assertEq(dims.length, 2);
        assertEq(uint256(dims[0]) << 32 | dims[1], uint256(2) << 32 | 2);
        assertEq(expiry, START + EPOCH);
        assertEq(Tensor.TENSOR.read(id, 0, 0), hex"12000000020000000e000000f6ffffff");

        (bool success, bytes memory got) = address(Tensor.MATMUL).staticcall(data);
        assertTrue(!success, "static");
        assertEq(got, abi.encodeWithSelector(IFoggaraErrors.StaticStore.selector));
        (success, got) = address(Tensor.MATMUL).delegatecall(data);
        assertTrue(!success, "delegated");
        assertEq(got, abi.encodeWithSelector(IFoggaraErrors.DirectCallOnly.selector));
    }

    function test_a_refusal_of_a_stored_result_comes_through() public {
        bytes memory data = abi.encodeCall(IFoggaraAgg.sum, (0x80, 16, 1, new bytes[](1)));
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.BadParam.selector, 1));
        this.store(data);
    }

    function store(bytes calldata data) external returns (bytes32) {
        return Tensor.store(address(Tensor.AGG), data);
    }

    function part(bytes memory data, uint256 start, uint256 length) internal pure returns (bytes memory result) {
        result = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            result[i] = data[start + i];
        }
    }
}
