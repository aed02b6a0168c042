// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FeeVault} from "../src/l2/FeeVault.sol";
import {IFeeVault} from "../src/l2/interfaces/IFeeVault.sol";
import {Test} from "./helpers/Test.sol";

contract Refuser {}

contract FeeVaultTest is Test {
    address internal constant RECIPIENT = address(0xfee);

    function testFuzz_anyone_sends_the_whole_balance_on(address caller, uint96 balance, uint96 minimum) public {
        vm.assume(minimum <= balance);
        FeeVault vault = new FeeVault(RECIPIENT, minimum);
        vm.deal(address(vault), balance);
        vm.expectEmit();
        emit IFeeVault.Withdrawal(balance, RECIPIENT, caller, IFeeVault.WithdrawalNetwork.L2);
        vm.prank(caller);
        assertEq(vault.withdraw(), balance);
        assertEq(address(vault).balance, 0);
        assertEq(RECIPIENT.balance, balance);
        assertEq(vault.totalProcessed(), balance);
    }

    function testFuzz_less_than_the_minimum_stays(uint96 balance, uint96 minimum) public {
        vm.assume(balance < minimum);
        FeeVault vault = new FeeVault(RECIPIENT, minimum);
        vm.deal(address(vault), balance);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVaultBelowMinimum.selector, balance, minimum));
        vault.withdraw();
    }

    function test_a_refusing_recipient_loses_nothing() public {
        address refuser = address(new Refuser());
        FeeVault vault = new FeeVault(refuser, 0);
        vm.deal(address(vault), 5);
        vm.expectRevert(abi.encodeWithSelector(IFeeVault.FeeVaultRefused.selector, refuser, 5));
        vault.withdraw();
        assertEq(address(vault).balance, 5);
    }

    function test_old_and_new_names_agree() public {
        FeeVault vault = new FeeVault(RECIPIENT, 7);
        assertEq(vault.recipient(), vault.RECIPIENT());
        assertEq(vault.minWithdrawalAmount(), vault.MIN_WITHDRAWAL_AMOUNT());
        assertEq(uint256(vault.withdrawalNetwork()), 1);
    }
}
