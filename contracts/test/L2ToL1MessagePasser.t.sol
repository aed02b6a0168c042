// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {L2ToL1MessagePasser} from "../src/l2/L2ToL1MessagePasser.sol";
import {IL2ToL1MessagePasser} from "../src/l2/interfaces/IL2ToL1MessagePasser.sol";
import {Test} from "./helpers/Test.sol";

contract L2ToL1MessagePasserTest is Test {
    L2ToL1MessagePasser internal passer = new L2ToL1MessagePasser();

    function hashOf(uint256 index, address sender, address target, uint256 value, uint256 gasLimit, bytes memory data)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(uint256(1) << 240 | index, sender, target, value, gasLimit, data));
    }

    function testFuzz_message_is_recorded(
        address sender,
        address target,
        uint96 value,
        uint256 gasLimit,
        bytes memory data
    ) public {
        bytes32 wanted = hashOf(0, sender, target, value, gasLimit, data);
        vm.deal(sender, value);
        vm.expectEmit();
        emit IL2ToL1MessagePasser.MessagePassed(uint256(1) << 240, sender, target, value, gasLimit, data, wanted);
        vm.prank(sender);
        passer.initiateWithdrawal{value: value}(target, gasLimit, data);

        assertTrue(passer.sentMessages(wanted), "sent");
        assertEq(vm.load(address(passer), keccak256(abi.encode(wanted, 0))), bytes32(uint256(1)));
        assertEq(vm.load(address(passer), bytes32(uint256(1))), bytes32(uint256(1)));
        assertEq(passer.messageNonce(), uint256(1) << 240 | 1);
        assertEq(address(passer).balance, value);
    }

    function testFuzz_transfer_withdraws_to_its_sender(uint96 value) public {
        address sender = address(0xbeef);
        vm.deal(sender, value);
        vm.prank(sender);
        (bool success,) = address(passer).call{value: value}("");
        assertTrue(success, "transfer");
        assertTrue(passer.sentMessages(hashOf(0, sender, sender, value, 100_000, "")), "sent");
    }

    function test_the_same_message_twice_has_two_hashes() public {
        passer.initiateWithdrawal(address(1), 2, hex"03");
        passer.initiateWithdrawal(address(1), 2, hex"03");
        assertTrue(passer.sentMessages(hashOf(0, address(this), address(1), 0, 2, hex"03")), "first");
        assertTrue(passer.sentMessages(hashOf(1, address(this), address(1), 0, 2, hex"03")), "second");
    }

    function testFuzz_burn_takes_the_ether_away(uint96 value) public {
        vm.deal(address(passer), value);
        vm.expectEmit();
        emit IL2ToL1MessagePasser.WithdrawerBalanceBurnt(value);
        passer.burn();
        assertEq(address(passer).balance, 0);
    }
}
