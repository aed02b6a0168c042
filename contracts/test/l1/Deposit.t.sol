// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IOptimismPortal} from "../../src/l1/interfaces/IOptimismPortal.sol";
import {IResourceMetering} from "../../src/l1/interfaces/IResourceMetering.sol";
import {AddressAlias} from "../../src/l1/libraries/AddressAlias.sol";
import {Vm} from "../helpers/Test.sol";
import {Settlement} from "./helpers/Settlement.sol";

/// @notice Deposits: the event that every node derives from, who is aliased, and what the gas costs.
contract DepositTest is Settlement {
    bytes32 internal constant TOPIC = 0xb3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32;

    function testFuzz_event_is_packed_as_derivation_reads_it(
        address to,
        uint96 mint,
        uint256 value,
        uint64 gasLimit,
        bytes calldata data
    ) public {
        gasLimit = uint64(bound(gasLimit, 21_000 + 40 * data.length, 2_000_000));
        vm.deal(ALICE, mint);
        more.recordLogs();
        as_(ALICE);
        portal.depositTransaction{value: mint}(to, value, gasLimit, false, data);
        Vm.Log memory log = more.getRecordedLogs()[0];
        assertEq(log.emitter, address(portal));
        assertEq(log.topics.length, 4);
        assertEq(log.topics[0], TOPIC);
        assertEq(log.topics[1], bytes32(uint256(uint160(ALICE))));
        assertEq(log.topics[2], bytes32(uint256(uint160(to))));
        assertEq(log.topics[3], bytes32(0));
        bytes memory content = bytes.concat(abi.encode(uint256(mint), value), abi.encodePacked(gasLimit), hex"00", data);
        // Offset, length, content, zeros to the next word: derivation takes nothing else.
        assertEq(log.data, abi.encode(content));
        assertEq(address(portal).balance, mint);
    }

    function test_creation() public {
        more.recordLogs();
        as_(ALICE);
        portal.depositTransaction(address(0), 0, 100_000, true, hex"6001");
        bytes memory content = abi.decode(more.getRecordedLogs()[0].data, (bytes));
        assertEq(uint8(content[72]), 1);
        vm.expectRevert(IOptimismPortal.BadTarget.selector);
        portal.depositTransaction(BOB, 0, 100_000, true, hex"6001");
    }

    function test_transfer_deposits_to_its_sender() public {
        vm.deal(ALICE, 3 ether);
        more.recordLogs();
        as_(ALICE);
        (bool ok,) = address(portal).call{value: 3 ether}("");
        assertTrue(ok, "transfer");
        Vm.Log memory log = more.getRecordedLogs()[0];
        assertEq(log.topics[2], bytes32(uint256(uint160(ALICE))));
        assertEq(
            abi.decode(log.data, (bytes)), abi.encodePacked(uint256(3 ether), uint256(3 ether), uint64(100_000), false)
        );
    }

    function test_donation_deposits_nothing() public {
        vm.deal(ALICE, 1 ether);
        more.recordLogs();
        vm.prank(ALICE);
        portal.donateETH{value: 1 ether}();
        assertEq(more.getRecordedLogs().length, 0);
        assertEq(address(portal).balance, 1 ether);
    }

    /* WHO IS ALIASED */

    function testFuzz_contract_is_aliased(address caller, address origin) public {
        vm.assume(caller != origin && caller.code.length == 0 && caller != address(admin));
        assertEq(
            senderOf(caller, origin),
            address(uint160(uint256(uint160(caller)) + uint160(0x1111000000000000000000000000000000001111)))
        );
        assertEq(AddressAlias.undo(AddressAlias.apply_(caller)), caller);
    }

    function test_account_that_delegates_is_not_aliased() public {
        // EIP-7702: the code of the account is a delegation, and somebody else sent the transaction.
        vm.etch(ALICE, abi.encodePacked(hex"ef0100", BOB));
        assertEq(senderOf(ALICE, ALICE), ALICE);
        assertEq(senderOf(ALICE, BOB), ALICE);
        // Other code is a contract, also of the same size.
        bytes[3] memory others = [bytes(hex"00"), new bytes(23), abi.encodePacked(hex"5f0100", BOB)];
        for (uint256 i; i < 3; ++i) {
            vm.etch(ALICE, others[i]);
            assertEq(senderOf(ALICE, BOB), AddressAlias.apply_(ALICE));
        }
    }

    /* BOUNDS */

    function testFuzz_gas_limit_covers_the_calldata(uint16 size, uint64 gasLimit) public {
        uint64 least = portal.minimumGasLimit(size);
        assertEq(least, 21_000 + 40 * uint256(size));
        gasLimit = uint64(bound(gasLimit, 0, least - 1));
        bytes memory data = new bytes(size);
        vm.expectRevert(IOptimismPortal.SmallGasLimit.selector);
        portal.depositTransaction(BOB, 0, gasLimit, false, data);
        portal.depositTransaction(BOB, 0, least, false, data);
    }

    function test_calldata_is_bounded() public {
        portal.depositTransaction(BOB, 0, 4_821_000, false, new bytes(120_000));
        vm.expectRevert(IOptimismPortal.LargeCalldata.selector);
        portal.depositTransaction(BOB, 0, 4_821_040, false, new bytes(120_001));
    }

    function test_deposits_go_on_while_paused() public {
        vm.prank(GUARDIAN);
        registry.pause();
        vm.deal(ALICE, 1 ether);
        as_(ALICE);
        portal.depositTransaction{value: 1 ether}(ALICE, 1 ether, 100_000, false, "");
        assertEq(address(portal).balance, 1 ether);
    }

    /* THE MARKET */

    function test_gas_of_a_block_is_bounded() public {
        buy(20_000_000);
        vm.expectRevert(IResourceMetering.OutOfGas.selector);
        buy(21_000);
        vm.expectRevert(IResourceMetering.OutOfGas.selector);
        buy(type(uint64).max);
        (, uint64 bought,) = portal.params();
        assertEq(bought, 20_000_000);
        vm.roll(block.number + 1);
        vm.fee(1_000 gwei);
        buy(21_000);
    }

    /// Full block after full block, the price rises by 9/8; empty ones bring it down by 7/8 each.
    function test_price_moves_like_a_base_fee() public {
        vm.fee(type(uint64).max);
        buy(20_000_000);
        assertEq(price(), 1 gwei);
        uint256 expected = 1 gwei;
        for (uint256 i; i < 20; ++i) {
            vm.roll(block.number + 1);
            buy(20_000_000);
            // (20 M - 2 M) / (2 M * 8) of the price.
            expected += expected * 18_000_000 / 16_000_000;
            assertEq(price(), expected);
        }
        vm.roll(block.number + 1);
        buy(2_000_000);
        expected += expected * 18_000_000 / 16_000_000;
        assertEq(price(), expected);
        // The target was bought: one block later nothing has moved.
        vm.roll(block.number + 1);
        buy(21_000);
        assertEq(price(), expected);
    }

    /// The decay over any number of blocks is that of one block at a time, but for the last digits.
    function testFuzz_decay_equals_the_slow_way(uint8 full, uint16 empty) public {
        vm.fee(type(uint64).max);
        uint256 blocks = 1 + empty % 300;
        for (uint256 i; i < full % 20; ++i) {
            buy(20_000_000);
            vm.roll(block.number + 1);
        }
        buy(2_000_000);
        uint256 first = price();
        uint256 slow = first;
        vm.roll(block.number + 1 + blocks);
        buy(21_000);
        for (uint256 i; i < blocks; ++i) {
            slow = slow * 7 / 8;
            if (slow < 1 gwei) slow = 1 gwei;
        }
        uint256 got = price();
        uint256 difference = got > slow ? got - slow : slow - got;
        // Each product loses less than one unit: of a wei on one way, of 1e-18 of the first price on the other.
        assertTrue(difference <= blocks + first * blocks / 1e18 + 1, "decay");
        assertTrue(got >= 1 gwei, "minimum");
    }

    function testFuzz_market_stays_in_its_bounds(uint64[8] calldata amounts, uint32[8] calldata blocks) public {
        vm.fee(type(uint64).max);
        uint256 spent;
        for (uint256 i; i < 8; ++i) {
            if (blocks[i] % 3 != 0) {
                vm.roll(block.number + blocks[i]);
                spent = 0;
            }
            uint64 amount = uint64(bound(amounts[i], 21_000, 20_000_000));
            (bool ok, bytes memory answer) =
                try_(address(portal), abi.encodeCall(portal.depositTransaction, (BOB, 0, amount, false, "")));
            if (ok) spent += amount;
            else assertTrue(bytes4(answer) == IResourceMetering.OutOfGas.selector, "typed");
            assertTrue(ok == (spent + (ok ? 0 : amount) <= 20_000_000), "limit");
            (uint128 fee, uint64 bought, uint64 number) = portal.params();
            assertTrue(fee >= 1 gwei || number == 0, "fee");
            if (ok) assertEq(bought, spent);
            if (ok) assertEq(number, block.number);
        }
    }

    /// L2 gas is paid in L1 gas: amount times price over the L1 base fee, which counts as 1 gwei at least.
    function testFuzz_l2_gas_costs_l1_gas(uint64 amount, uint256 l1Fee) public {
        amount = uint64(bound(amount, 200_000, 5_000_000));
        l1Fee = bound(l1Fee, 0, 20 gwei);
        vm.fee(l1Fee);
        uint256 start = gasleft();
        buy(amount);
        uint256 used = start - gasleft();
        uint256 due = uint256(amount) * 1 gwei / (l1Fee < 1 gwei ? 1 gwei : l1Fee);
        assertTrue(used >= due, "paid");
        assertTrue(used <= (due > 80_000 ? due + 40_000 : 120_000), "not more");
    }

    /* HELPERS */

    function buy(uint64 amount) internal {
        portal.depositTransaction(BOB, 0, amount, false, "");
    }

    function price() internal view returns (uint128 fee) {
        (fee,,) = portal.params();
    }

    function senderOf(address caller, address origin) internal returns (address) {
        vm.roll(block.number + 100);
        more.recordLogs();
        more.prank(caller, origin);
        portal.depositTransaction(BOB, 0, 100_000, false, "");
        return address(uint160(uint256(more.getRecordedLogs()[0].topics[1])));
    }
}
