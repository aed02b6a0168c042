// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraErrors, IFoggaraMatmul, MatmulShape} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {MatmulCaller} from "../src/examples/MatmulCaller.sol";
import {Test} from "./helpers/Test.sol";

contract TensorTest is Test {
    MatmulCaller internal caller = new MatmulCaller();

    function setUp() public {
        TensorSlow.install();
    }

    function test_worked_example() public view {
        bytes memory c = caller.product(2, 3, 2, hex"01fe030405fa", hex"070809ff0001");
        assertEq(c, hex"12000000020000000e000000f6ffffff");
    }

    function test_calldata_is_that_of_the_specification() public pure {
        bytes memory data = abi.encodeCall(
            IFoggaraMatmul.matmul,
            (MatmulShape(0, 0, 1, 2, 3, 2), Tensor.inlined(hex"01fe030405fa"), Tensor.inlined(hex"070809ff0001"))
        );
        assertEq(data.length, 388);
        assertEq(keccak256(data), 0x40730a85835cb5f056e401ff94522285129c77ccc534a7ce79104c4fab015eb9);
    }

    function test_values_go_in_and_come_out() public view {
        int8[] memory a = new int8[](2);
        int8[] memory b = new int8[](2);
        (a[0], a[1], b[0], b[1]) = (-128, 127, -128, 127);
        int32[] memory c = caller.productOf(1, 2, 1, a, b);
        assertEq(int256(c[0]), 128 * 128 + 127 * 127);
        c = caller.productOf(2, 1, 2, a, b);
        assertEq(int256(c[1]), -128 * 127);
    }

    function test_result_is_kept() public {
        caller.multiply(1, 1, 1, hex"05", hex"fd");
        assertEq(caller.last(), hex"f1ffffff");
        assertEq(caller.count(), 1);
    }

    function test_refusal_comes_through() public {
        vm.expectRevert(abi.encodeWithSelector(IFoggaraErrors.LengthMismatch.selector, 2, 6, 5));
        caller.product(2, 3, 2, hex"01fe030405fa", hex"070809ff00");
    }

    function testFuzz_operands_have_the_bytes_of_the_specification(address account, uint32 offset, uint32 length)
        public
        pure
    {
        bytes memory operand = Tensor.inCode(account, offset, length);
        assertEq(operand.length, 29);
        assertEq(operand, bytes.concat(hex"02", bytes20(account), bytes4(offset), bytes4(length)));
        assertEq(Tensor.inlined(hex"0102"), hex"000102");
        assertEq(Tensor.inlined(""), hex"00");
    }

    function testFuzz_i32_is_read_back(int32 value) public pure {
        uint32 bits = uint32(value);
        bytes memory packed =
            abi.encodePacked(hex"00000000", uint8(bits), uint8(bits >> 8), uint8(bits >> 16), uint8(bits >> 24));
        assertEq(int256(Tensor.readI32(packed, 1)), int256(value));
        assertEq(int256(Tensor.readI32(packed, 0)), 0);
    }
}
