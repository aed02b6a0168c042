// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ICrossDomainMessenger} from "../../src/bridge/interfaces/ICrossDomainMessenger.sol";
import {Predeploys} from "../../src/bridge/libraries/Predeploys.sol";
import {IOptimismPortal} from "../../src/l1/interfaces/IOptimismPortal.sol";
import {Hashing} from "../../src/l1/libraries/Hashing.sol";
import {WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {TwoLayers} from "./helpers/TwoLayers.sol";

/// @notice A target with a will of its own.
contract Target {
    ICrossDomainMessenger internal immutable messenger;
    bool public refuses;
    bool public eats;
    uint256 public gasSeen;
    uint256 public calls;
    address public sender;
    bytes internal inner;

    constructor(ICrossDomainMessenger messenger_) {
        messenger = messenger_;
    }

    function set(bool refuses_, bool eats_, bytes calldata inner_) external {
        (refuses, eats, inner) = (refuses_, eats_, inner_);
    }

    function hello(bytes calldata) external payable {
        gasSeen = gasleft();
        require(!refuses, "refused");
        if (eats) {
            // Everything, so that what was kept back is all there is to write down the failure with.
            while (true) {}
        }
        ++calls;
        sender = messenger.xDomainMessageSender();
        if (inner.length > 0) {
            (bool ok,) = address(messenger).call(inner);
            require(ok, "inner");
        }
    }
}

/// @notice Messages are delivered once, or kept for another try, whatever gas and target do.
contract MessengerTest is TwoLayers {
    Target internal target;

    function setUp() public override {
        super.setUp();
        target = new Target(l1Messenger);
        vm.deal(ALICE, 100 ether);
    }

    function testFuzz_message_to_l2(uint96 value, uint32 minGas, bytes calldata text) public {
        minGas = uint32(bound(minGas, 100_000, 3_000_000));
        value = uint96(bound(value, 0, 100 ether));
        Target there = new Target(l2Messenger);
        uint256 nonce = l1Messenger.messageNonce();
        assertEq(nonce, uint256(1) << 240);
        bytes memory message = abi.encodeCall(there.hello, (text));
        vm.expectEmit();
        emit ICrossDomainMessenger.SentMessage(address(there), ALICE, message, nonce, minGas);
        vm.expectEmit();
        emit ICrossDomainMessenger.SentMessageExtension1(ALICE, value);
        as_(ALICE);
        l1Messenger.sendMessage{value: value}(address(there), message, minGas);
        assertEq(l1Messenger.messageNonce(), nonce + 1);
        assertTrue(deliver(), "delivered");
        assertEq(there.calls(), 1);
        assertEq(there.sender(), ALICE);
        assertEq(address(there).balance, value);
        assertTrue(there.gasSeen() + 3_000 >= minGas, "gas seen");
        assertTrue(l2Messenger.successfulMessages(hashOf(nonce, ALICE, address(there), value, minGas, message)), "done");
    }

    function testFuzz_message_to_l1(uint96 value, uint32 minGas, bytes calldata text) public {
        minGas = uint32(bound(minGas, 100_000, 3_000_000));
        value = uint96(bound(value, 0, 100 ether));
        send(value, minGas, text);
        finish();
        assertEq(target.calls(), 1);
        assertEq(target.sender(), ALICE);
        assertEq(address(target).balance, value);
        assertTrue(target.gasSeen() + 3_000 >= minGas, "gas seen");
        // Outside of a message there is no sender.
        vm.expectRevert(ICrossDomainMessenger.MessengerNoSender.selector);
        l1Messenger.xDomainMessageSender();
    }

    /// The gas that a message asks the portal for is enough for any message: the portal's own least included.
    function testFuzz_base_gas(uint16 size, uint32 minGas) public view {
        bytes memory message = new bytes(size);
        uint64 got = l1Messenger.baseGas(message, minGas);
        uint256 plain = 200_000 + uint256(size) * 16 + uint256(minGas) * 64 / 63 + 40_000 + 40_000 + 5_000;
        uint256 least = 21_000 + 40 * (uint256(size) + 260);
        assertEq(got, plain > least ? plain : least);
        bytes memory whole = abi.encodeCall(l1Messenger.relayMessage, (0, ALICE, ALICE, 0, minGas, message));
        assertTrue(got >= portal.minimumGasLimit(uint64(whole.length)), "the portal takes it");
    }

    /* ANY GAS */

    /// Whatever gas the finalizer gives, and whatever the target does with it: the withdrawal is still to be
    /// finalized, or delivered, or kept with its ether for another try. Never two of them, never none.
    function testFuzz_any_gas_keeps_the_message(uint256 given, uint32 minGas, uint96 value, bool refuses, bool eats)
        public
    {
        minGas = uint32(bound(minGas, 0, 300_000));
        given = bound(given, 50_000, 1_200_000);
        value = uint96(bound(value, 1, 100 ether));
        send(value, minGas, "");
        target.set(refuses, eats, "");
        WithdrawalTransaction memory message = ripen();
        bytes32 hash = relayHash(message);
        uint256 locked = address(portal).balance;

        (bool done,) = address(portal).call{gas: given}(
            abi.encodeCall(portal.finalizeWithdrawalTransactionExternalProof, (message, BOB))
        );
        bool delivered = l1Messenger.successfulMessages(hash);
        bool kept = l1Messenger.failedMessages(hash);
        assertEq((done ? 0 : 1) + (delivered ? 1 : 0) + (kept ? 1 : 0), 1);
        assertEq(address(target).balance, delivered ? value : 0);
        assertEq(address(l1Messenger).balance, kept ? value : 0);
        assertEq(address(portal).balance, done ? locked - value : locked);
        assertEq(target.calls(), delivered ? 1 : 0);
        if (done && !refuses && !eats && minGas > 100_000) assertTrue(delivered, "gas enough, and no reason to fail");

        // Every state leads on to delivery.
        target.set(false, false, "");
        if (!done) portal.finalizeWithdrawalTransactionExternalProof(message, BOB);
        if (!l1Messenger.successfulMessages(hash)) again(message);
        assertTrue(l1Messenger.successfulMessages(hash), "delivered in the end");
        assertEq(target.calls(), 1);
        assertEq(address(target).balance, value);
        (bool twice,) = address(l1Messenger).call(message.data);
        assertTrue(!twice, "delivered twice");
    }

    /// The same for another try: with too little gas it fails again and nothing is lost.
    function testFuzz_another_try_with_any_gas(uint256 given, uint96 value) public {
        given = bound(given, 30_000, 600_000);
        value = uint96(bound(value, 1, 100 ether));
        send(value, 150_000, "");
        target.set(true, false, "");
        WithdrawalTransaction memory message = finish();
        bytes32 hash = relayHash(message);
        assertTrue(l1Messenger.failedMessages(hash), "kept");
        target.set(false, false, "");
        (bool ok,) = address(l1Messenger).call{gas: given}(message.data);
        bool delivered = l1Messenger.successfulMessages(hash);
        assertTrue(ok || !delivered, "reverted and delivered");
        assertEq(address(l1Messenger).balance, delivered ? 0 : value);
        if (!delivered) again(message);
        assertEq(address(target).balance, value);
        vm.expectRevert(abi.encodeWithSelector(ICrossDomainMessenger.MessengerAlreadyRelayed.selector, hash));
        again(message);
    }

    /* WHO MAY RELAY WHAT */

    function test_what_has_not_failed_is_not_tried_again() public {
        send(1 ether, 200_000, "");
        WithdrawalTransaction memory message = sent();
        vm.expectRevert(
            abi.encodeWithSelector(ICrossDomainMessenger.MessengerNotReplayable.selector, relayHash(message))
        );
        again(message);
    }

    function test_another_try_brings_no_ether() public {
        send(1 ether, 200_000, "");
        target.set(true, false, "");
        WithdrawalTransaction memory message = finish();
        vm.deal(address(this), 1 ether);
        (bool ok, bytes memory answer) = address(l1Messenger).call{value: 1}(message.data);
        assertTrue(!ok, "taken");
        assertEq(
            answer, abi.encodeWithSelector(ICrossDomainMessenger.MessengerWrongValue.selector, uint256(1), uint256(0))
        );
    }

    /// A withdrawal that calls the messenger and was not sent by the other one is a stranger's call.
    function test_withdrawal_of_a_stranger_forges_no_message() public {
        bytes memory forged = abi.encodeCall(
            l1Messenger.relayMessage,
            (uint256(1) << 240, BOB, address(target), 0, 100_000, abi.encodeCall(target.hello, ("")))
        );
        as_(ALICE);
        passer.initiateWithdrawal(address(l1Messenger), 1_000_000, forged);
        finish();
        assertEq(target.calls(), 0);
        assertTrue(!l1Messenger.failedMessages(keccak256(forged)), "kept");
    }

    function test_unknown_version_is_refused() public {
        for (uint256 version; version < 4; version += 2) {
            (bool ok, bytes memory answer) = try_(
                address(l1Messenger),
                abi.encodeCall(l1Messenger.relayMessage, (version << 240, ALICE, address(target), 0, 0, ""))
            );
            assertTrue(!ok, "taken");
            assertEq(
                answer, abi.encodeWithSelector(ICrossDomainMessenger.MessengerUnknownVersion.selector, uint16(version))
            );
        }
    }

    /// A message that called the portal or the messenger could speak as the messenger.
    function test_messages_to_the_bridge_itself_are_refused() public {
        address[2] memory l1Targets = [address(portal), address(l1Messenger)];
        for (uint256 i; i < 2; ++i) {
            as_(ALICE);
            l2Messenger.sendMessage(l1Targets[i], abi.encodeCall(portal.donateETH, ()), 100_000);
            WithdrawalTransaction memory message = finish();
            assertTrue(!l1Messenger.successfulMessages(relayHash(message)), "delivered");
            assertTrue(!l1Messenger.failedMessages(relayHash(message)), "kept");
        }
        address[2] memory l2Targets = [address(passer), address(l2Messenger)];
        for (uint256 i; i < 2; ++i) {
            as_(ALICE);
            l1Messenger.sendMessage(l2Targets[i], abi.encodeCall(passer.burn, ()), 100_000);
            assertTrue(!deliver(), "delivered");
        }
    }

    /// A target that tries another message inside of its own: the inner one is kept.
    function test_message_inside_a_message_waits() public {
        send(1 ether, 200_000, "first");
        target.set(true, false, "");
        WithdrawalTransaction memory first = finish();
        target.set(false, false, first.data);
        vm.deal(address(portal), 2 ether);
        as_(ALICE);
        l2Messenger.sendMessage{value: 2 ether}(address(target), abi.encodeCall(target.hello, ("outer")), 600_000);
        WithdrawalTransaction memory outer = finish();
        assertTrue(l1Messenger.successfulMessages(relayHash(outer)), "outer");
        assertTrue(!l1Messenger.successfulMessages(relayHash(first)), "inner");
        target.set(false, false, "");
        again(first);
        assertEq(address(target).balance, 3 ether);
    }

    function test_pause_stops_relaying_on_l1_alone() public {
        send(1 ether, 200_000, "");
        target.set(true, false, "");
        WithdrawalTransaction memory message = finish();
        vm.prank(GUARDIAN);
        registry.pause();
        vm.expectRevert(ICrossDomainMessenger.MessengerPaused.selector);
        again(message);
        assertTrue(!l2Messenger.paused(), "L2 is never paused");
    }

    function test_estimators_see_a_failing_relay() public {
        send(1 ether, 200_000, "");
        target.set(true, false, "");
        WithdrawalTransaction memory message = finish();
        more.prank(address(1), address(1));
        vm.expectRevert(ICrossDomainMessenger.MessengerRelayFailed.selector);
        again(message);
    }

    function test_addresses() public view {
        assertEq(l1Messenger.OTHER_MESSENGER(), Predeploys.L2_CROSS_DOMAIN_MESSENGER);
        assertEq(l1Messenger.PORTAL(), address(portal));
        assertEq(l2Messenger.l1CrossDomainMessenger(), address(l1Messenger));
        assertEq(l2Bridge.l1TokenBridge(), address(l1Bridge));
        assertEq(l1Bridge.l2TokenBridge(), Predeploys.L2_STANDARD_BRIDGE);
        assertEq(l1Bridge.MESSENGER(), address(l1Messenger));
        assertEq(l2Bridge.OTHER_BRIDGE(), address(l1Bridge));
    }

    /* HELPERS */

    function send(uint256 value, uint32 minGas, bytes memory text) internal {
        // The ether of L2 is that of the portal.
        vm.deal(address(portal), address(portal).balance + value);
        as_(ALICE);
        l2Messenger.sendMessage{value: value}(address(target), abi.encodeCall(target.hello, (text)), minGas);
    }

    /// @dev Tries a message again as anyone.
    function again(WithdrawalTransaction memory message) internal {
        (bool ok, bytes memory answer) = address(l1Messenger).call(message.data);
        if (!ok) {
            assembly {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    /// @dev A message is known by the hash of the call that relays it.
    function relayHash(WithdrawalTransaction memory message) internal pure returns (bytes32) {
        return keccak256(message.data);
    }

    function hashOf(uint256 nonce, address sender, address to, uint256 value, uint256 minGas, bytes memory message)
        internal
        pure
        returns (bytes32)
    {
        return
            keccak256(abi.encodeCall(ICrossDomainMessenger.relayMessage, (nonce, sender, to, value, minGas, message)));
    }
}
