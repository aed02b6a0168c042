// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {WETH9} from "../src/l2/WETH9.sol";
import {IWETH9} from "../src/l2/interfaces/IWETH9.sol";
import {Test} from "./helpers/Test.sol";

contract WETH9Test is Test {
    WETH9 internal weth = new WETH9();
    address internal constant ALICE = address(0xa11ce);
    address internal constant BOB = address(0xb0b);

    function wrap(uint256 amount) internal {
        vm.deal(ALICE, amount);
        vm.prank(ALICE);
        weth.deposit{value: amount}();
    }

    function testFuzz_wrapping_and_unwrapping_gives_all_back(uint96 amount) public {
        wrap(amount);
        assertEq(weth.balanceOf(ALICE), amount);
        assertEq(weth.totalSupply(), amount);
        assertEq(vm.load(address(weth), keccak256(abi.encode(ALICE, 3))), bytes32(uint256(amount)));
        vm.prank(ALICE);
        weth.withdraw(amount);
        assertEq(ALICE.balance, amount);
        assertEq(weth.totalSupply(), 0);
    }

    function testFuzz_transfers_keep_the_sum(uint96 amount, uint96 sent) public {
        wrap(amount);
        vm.assume(sent <= amount);
        vm.prank(ALICE);
        weth.transfer(BOB, sent);
        assertEq(weth.balanceOf(ALICE) + weth.balanceOf(BOB), amount);
        assertEq(weth.balanceOf(BOB), sent);
    }

    function testFuzz_no_more_than_the_balance(uint96 amount, uint256 asked) public {
        wrap(amount);
        vm.assume(asked > amount);
        vm.expectRevert(abi.encodeWithSelector(IWETH9.WethBalanceTooLow.selector, ALICE, amount, asked));
        vm.prank(ALICE);
        weth.withdraw(asked);
    }

    function testFuzz_allowance_is_used_up(uint96 allowed, uint96 spent) public {
        wrap(type(uint96).max);
        vm.prank(ALICE);
        weth.approve(BOB, allowed);
        if (spent > allowed) {
            vm.expectRevert(abi.encodeWithSelector(IWETH9.WethAllowanceTooLow.selector, ALICE, BOB, allowed, spent));
        }
        vm.prank(BOB);
        weth.transferFrom(ALICE, BOB, spent);
        assertEq(weth.allowance(ALICE, BOB), spent > allowed ? allowed : allowed - spent);
        assertEq(weth.balanceOf(BOB), spent > allowed ? 0 : spent);
    }

    function test_greatest_allowance_is_never_used_up() public {
        wrap(10);
        vm.prank(ALICE);
        weth.approve(BOB, type(uint256).max);
        vm.prank(BOB);
        weth.transferFrom(ALICE, BOB, 4);
        assertEq(weth.allowance(ALICE, BOB), type(uint256).max);
    }
}
