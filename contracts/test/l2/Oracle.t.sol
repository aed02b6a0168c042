// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BootstrapGame} from "../../src/l1/BootstrapGame.sol";
import {OptimismPortal} from "../../src/l1/OptimismPortal.sol";
import {Hashing} from "../../src/l1/libraries/Hashing.sol";
import {OutputRootProof, WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {L1Block} from "../../src/l2/L1Block.sol";
import {L2CrossDomainMessenger} from "../../src/l2/L2CrossDomainMessenger.sol";
import {L2StandardBridge} from "../../src/l2/L2StandardBridge.sol";
import {L2ToL1MessagePasser} from "../../src/l2/L2ToL1MessagePasser.sol";
import {Vm} from "../helpers/Test.sol";
import {TrieBuilder} from "../l1/helpers/TrieBuilder.sol";
import {TwoLayers} from "./helpers/TwoLayers.sol";

/// @notice Ours and those of npm `@eth-optimism/contracts-bedrock` 0.17.3, call by call: the same calls succeed, with
/// the same events and answers. Their portal stands beside ours on our factory and our games.
contract OracleTest is TwoLayers {
    string internal constant ARTIFACTS = "node_modules/@eth-optimism/contracts-bedrock/forge-artifacts/";

    OptimismPortal internal theirs;

    function setUp() public override {
        super.setUp();
        theirs = OptimismPortal(payable(proxy()));
        bytes memory code = bytes.concat(artifact("OptimismPortal2"), abi.encode(MATURITY, AIR_GAP));
        // Our registry answers what their portal asks of its guardian's contract: guardian() and paused().
        upgrade(
            address(theirs),
            create(code),
            abi.encodeWithSignature("initialize(address,address,address,uint32)", factory, config, registry, BOOTSTRAP)
        );
        vm.etch(0x4200000000000000000000000000000000000015, address(new L1Block()).code);
        pass(12);
    }

    /* DEPOSITS */

    struct Step {
        uint16 blocks;
        uint64 gasLimit;
        uint96 mint;
        uint256 value;
        address to;
        bool isCreation;
        uint16 size;
    }

    /// The same events, the same refusals and the same market over any sequence of deposits.
    function testFuzz_deposits(Step[6] calldata steps) public {
        vm.fee(type(uint64).max);
        for (uint256 i; i < steps.length; ++i) {
            Step memory step = steps[i];
            if (step.blocks % 3 != 0) vm.roll(block.number + (step.blocks % 3 == 1 ? 1 : step.blocks % 700));
            step.size %= 300;
            // Ours asks for 40 gas a byte since Prague, theirs for 16 as before.
            step.gasLimit = uint64(bound(step.gasLimit, 20_999 + 40 * uint256(step.size), 12_000_000));
            if (step.gasLimit == 20_999 + 40 * uint256(step.size)) step.gasLimit = 20_999;
            if (step.isCreation && step.blocks % 2 == 0) step.to = address(0);
            bytes memory call_ = abi.encodeCall(
                portal.depositTransaction, (step.to, step.value, step.gasLimit, step.isCreation, new bytes(step.size))
            );
            (bool weTake, Vm.Log[] memory ours) = depositTo(address(portal), step.mint, call_);
            (bool theyTake, Vm.Log[] memory others) = depositTo(address(theirs), step.mint, call_);
            assertTrue(weTake == theyTake, "one of them refuses");
            same(ours, others);
            sameMarket();
        }
    }

    function depositTo(address to, uint256 value, bytes memory call_) internal returns (bool ok, Vm.Log[] memory) {
        vm.deal(ALICE, value);
        more.getRecordedLogs();
        as_(ALICE);
        (ok,) = to.call{value: value}(call_);
        return (ok, more.getRecordedLogs());
    }

    function sameMarket() internal view {
        (uint128 fee, uint64 bought, uint64 number) = portal.params();
        (uint128 theirFee, uint64 theirBought, uint64 theirNumber) = theirs.params();
        if (number == 0) return; // theirs begins at its first block, ours at its first deposit
        assertEq(bought, theirBought);
        assertEq(number, theirNumber);
        // Their power goes through a logarithm: some digits of 18 are lost.
        uint256 difference = fee > theirFee ? fee - theirFee : theirFee - fee;
        assertTrue(difference <= 1 + fee / 1e9, "fee");
    }

    /* WITHDRAWALS */

    /// The same proofs are taken and refused, at whatever place and in whatever way they are changed.
    function testFuzz_proofs(uint8 others, uint256 node, uint256 place, uint8 mask) public {
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = withdrawal(BOB, 1 ether, 21_000, "");
        bytes32[] memory keys = keysOf(messages, others % 20);
        OutputRootProof memory output = outputOf(keys);
        (uint256 index,) = propose(Hashing.outputRoot(output), 1);
        pass(1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        node %= proof.length;
        // One run in eight is the true proof.
        if (mask % 8 != 0) proof[node][place % proof[node].length] ^= bytes1(mask);
        bytes memory call_ = abi.encodeCall(portal.proveWithdrawalTransaction, (messages[0], index, output, proof));
        more.getRecordedLogs();
        (bool weTake,) = try_(address(portal), call_);
        Vm.Log[] memory ours = more.getRecordedLogs();
        (bool theyTake,) = try_(address(theirs), call_);
        assertTrue(weTake == (mask % 8 == 0), "ours");
        assertTrue(theyTake == weTake, "theirs");
        same(ours, more.getRecordedLogs());
    }

    /// Ready at the same second, whenever the game ends, and finalized with the same event.
    function testFuzz_waits(uint32 wait, uint32 late, bool cancelled, uint64 value) public {
        WithdrawalTransaction memory message = withdrawal(BOB, value, 21_000, "");
        BootstrapGame made = proveToBoth(message);
        uint256 edge = block.timestamp + MATURITY;
        if (cancelled) {
            vm.prank(CHALLENGER);
            made.cancel();
        } else {
            pass(CLOCK + late % 4 days);
            made.resolve();
        }
        // The proof matures after seven days, and the air gap ends when it ends; a second later is soon enough.
        if (made.resolvedAt() + AIR_GAP > edge) edge = made.resolvedAt() + AIR_GAP;
        vm.warp(edge - 1 + wait % 4);
        bytes memory check = abi.encodeCall(portal.checkWithdrawal, (Hashing.withdrawal(message), address(this)));
        (bool weTake,) = try_(address(portal), check);
        (bool theyTake,) = try_(address(theirs), check);
        assertTrue(weTake == theyTake, "one of them refuses");
        assertTrue(weTake == (!cancelled && wait % 4 >= 2), "the edge");
        if (weTake) finalizeBoth(message);
    }

    function proveToBoth(WithdrawalTransaction memory message) internal returns (BootstrapGame made) {
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = message;
        bytes32[] memory keys = keysOf(messages, 3);
        OutputRootProof memory output = outputOf(keys);
        uint256 index;
        (index, made) = propose(Hashing.outputRoot(output), 1);
        pass(1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        portal.proveWithdrawalTransaction(message, index, output, proof);
        theirs.proveWithdrawalTransaction(message, index, output, proof);
    }

    function finalizeBoth(WithdrawalTransaction memory message) internal {
        vm.deal(address(portal), message.value);
        vm.deal(address(theirs), message.value);
        more.getRecordedLogs();
        portal.finalizeWithdrawalTransaction(message);
        Vm.Log[] memory ours = more.getRecordedLogs();
        theirs.finalizeWithdrawalTransaction(message);
        same(ours, more.getRecordedLogs());
        assertEq(BOB.balance, 2 * message.value);
    }

    /* PREDEPLOYS */

    function testFuzz_message_passer(address target, uint256 gasLimit, bytes calldata data, uint96 value) public {
        address other = create(artifact("L2ToL1MessagePasser"));
        bytes memory call_ = abi.encodeCall(passer.initiateWithdrawal, (target, gasLimit, data));
        both(address(passer), other, value, call_);
        both(address(passer), other, value, "");
        both(address(passer), other, 0, abi.encodeCall(passer.messageNonce, ()));
        both(address(passer), other, 0, abi.encodeCall(passer.MESSAGE_VERSION, ()));
        both(address(passer), other, 0, abi.encodeCall(passer.burn, ()));
    }

    /// Messages out, in, and in again, with the gas that was promised or less.
    function testFuzz_messenger(address target, uint32 minGas, bytes calldata data, uint96 value, uint256 given)
        public
    {
        vm.assume(uint160(target) > 0xffff && target.code.length == 0 && target != address(vm));
        L2CrossDomainMessenger other = L2CrossDomainMessenger(proxy());
        upgrade(
            address(other),
            create(artifact("L2CrossDomainMessenger")),
            abi.encodeWithSignature("initialize(address)", address(l1Messenger))
        );
        L2CrossDomainMessenger own = new L2CrossDomainMessenger(address(l1Messenger));
        both(address(own), address(other), 0, abi.encodeCall(own.messageNonce, ()));
        both(address(own), address(other), 0, abi.encodeCall(own.otherMessenger, ()));
        both(address(own), address(other), 0, abi.encodeCall(own.OTHER_MESSENGER, ()));
        both(address(own), address(other), 0, abi.encodeCall(own.l1CrossDomainMessenger, ()));
        both(address(own), address(other), 0, abi.encodeCall(own.RELAY_CONSTANT_OVERHEAD, ()));
        // Up to about ten thousand bytes the calldata floor of Prague is below the rest.
        both(address(own), address(other), 0, abi.encodeCall(own.baseGas, (data, minGas)));
        minGas = uint32(bound(minGas, 0, 200_000));
        bytes memory relay = abi.encodeCall(own.relayMessage, (uint256(1) << 240, ALICE, target, value, minGas, data));
        given = bound(given, 400_000, 900_000);
        bytes32 hash = keccak256(relay);
        relayTo(own, value, given, relay);
        relayTo(other, value, given, relay);
        assertTrue(own.successfulMessages(hash) == other.successfulMessages(hash), "successful");
        assertTrue(own.failedMessages(hash) == other.failedMessages(hash), "failed");
        both(address(own), address(other), 0, relay);
    }

    function relayTo(L2CrossDomainMessenger to, uint256 value, uint256 given, bytes memory relay) internal {
        address from = address(uint160(address(l1Messenger)) + uint160(0x1111000000000000000000000000000000001111));
        vm.deal(from, value);
        vm.prank(from);
        (bool ok,) = address(to).call{value: value, gas: given}(relay);
        assertTrue(ok, "relayed or kept");
    }

    function testFuzz_bridge(address to, uint32 minGas, bytes calldata extra, uint96 value) public {
        address other = proxy();
        upgrade(
            other,
            create(artifact("L2StandardBridge")),
            abi.encodeWithSignature("initialize(address)", address(l1Bridge))
        );
        minGas = uint32(bound(minGas, 0, 10_000_000));
        address ether_ = 0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000;
        bytes[4] memory calls = [
            abi.encodeCall(l2Bridge.bridgeETHTo, (to, minGas, extra)),
            abi.encodeCall(l2Bridge.bridgeETH, (minGas, extra)),
            abi.encodeCall(l2Bridge.withdrawTo, (ether_, to, value, minGas, extra)),
            abi.encodeCall(l2Bridge.withdraw, (ether_, value, minGas, extra))
        ];
        for (uint256 i; i < 4; ++i) {
            vm.deal(ALICE, value);
            more.getRecordedLogs();
            as_(ALICE);
            (bool weTake,) = address(l2Bridge).call{value: value}(calls[i]);
            Vm.Log[] memory ours = more.getRecordedLogs();
            vm.deal(ALICE, value);
            as_(ALICE);
            (bool theyTake,) = other.call{value: value}(calls[i]);
            Vm.Log[] memory others = more.getRecordedLogs();
            assertTrue(weTake && theyTake, "taken");
            // The two events of the bridge itself; those of the messenger behind them name the bridge and the nonce.
            for (uint256 j; j < 2; ++j) {
                assertEq(abi.encode(ours[j].topics), abi.encode(others[j].topics));
                assertEq(ours[j].data, others[j].data);
            }
            assertEq(ours.length, others.length);
        }
        both(address(l2Bridge), other, 0, abi.encodeCall(l2Bridge.MESSENGER, ()));
        both(address(l2Bridge), other, 0, abi.encodeCall(l2Bridge.OTHER_BRIDGE, ()));
        both(address(l2Bridge), other, 0, abi.encodeCall(l2Bridge.l1TokenBridge, ()));
    }

    /* L1 */

    /// Their messenger and bridge of L1 over our portal: the same deposits.
    function testFuzz_l1_bridge(address to, uint32 minGas, bytes calldata extra, uint96 value) public {
        minGas = uint32(bound(minGas, 0, 2_000_000));
        vm.fee(100 gwei);
        address messenger = proxy();
        upgrade(
            messenger,
            create(artifact("L1CrossDomainMessenger")),
            abi.encodeWithSignature("initialize(address,address,address)", registry, portal, config)
        );
        address bridge = proxy();
        upgrade(
            bridge,
            create(artifact("L1StandardBridge")),
            abi.encodeWithSignature("initialize(address,address,address)", messenger, registry, config)
        );
        bytes[4] memory calls = [
            abi.encodeCall(l1Bridge.depositETH, (minGas, extra)),
            abi.encodeCall(l1Bridge.depositETHTo, (to, minGas, extra)),
            abi.encodeCall(l1Bridge.bridgeETH, (minGas, extra)),
            abi.encodeCall(l1Bridge.bridgeETHTo, (to, minGas, extra))
        ];
        for (uint256 i; i < 4; ++i) {
            (bool weTake, Vm.Log[] memory ours) = depositTo(address(l1Bridge), value, calls[i]);
            (bool theyTake, Vm.Log[] memory others) = depositTo(bridge, value, calls[i]);
            assertTrue(weTake && theyTake, "taken");
            assertEq(ours.length, others.length);
            // The two events of the bridge; of the deposit, what it mints, sends and how much gas it asks for.
            for (uint256 j; j < 2; ++j) {
                assertEq(abi.encode(ours[j].topics), abi.encode(others[j].topics));
                assertEq(ours[j].data, others[j].data);
            }
            assertEq(first72(deposit(ours)), first72(deposit(others)));
        }
        both(address(l1Bridge), bridge, 0, abi.encodeCall(l1Bridge.l2TokenBridge, ()));
        both(address(l1Messenger), messenger, 0, abi.encodeCall(l1Messenger.PORTAL, ()));
        both(address(l1Messenger), messenger, 0, abi.encodeCall(l1Messenger.messageNonce, ()));
        both(address(l1Messenger), messenger, 0, abi.encodeCall(l1Messenger.paused, ()));
    }

    function deposit(Vm.Log[] memory logs) internal view returns (bytes memory) {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == address(portal)) return abi.decode(logs[i].data, (bytes));
        }
        revert("no deposit");
    }

    function first72(bytes memory data) internal pure returns (bytes memory head) {
        head = new bytes(72);
        for (uint256 i; i < 72; ++i) {
            head[i] = data[i];
        }
    }

    /* HELPERS */

    /// @dev The same call to both: the same outcome, answer and events.
    function both(address own, address other, uint256 value, bytes memory call_) internal {
        vm.deal(ALICE, value);
        more.getRecordedLogs();
        as_(ALICE);
        (bool weTake, bytes memory ours) = own.call{value: value}(call_);
        Vm.Log[] memory ourLogs = more.getRecordedLogs();
        vm.deal(ALICE, value);
        as_(ALICE);
        (bool theyTake, bytes memory answer) = other.call{value: value}(call_);
        assertTrue(weTake == theyTake, "one of them refuses");
        // Errors are typed here and words there.
        if (weTake) assertEq(ours, answer);
        same(ourLogs, more.getRecordedLogs());
    }

    function same(Vm.Log[] memory ours, Vm.Log[] memory others) internal pure {
        assertEq(ours.length, others.length);
        for (uint256 i; i < ours.length; ++i) {
            assertEq(abi.encode(ours[i].topics), abi.encode(others[i].topics));
            assertEq(ours[i].data, others[i].data);
        }
    }

    function artifact(string memory name) internal view returns (bytes memory) {
        return more.getCode(string.concat(ARTIFACTS, name, ".sol/", name, ".json"));
    }

    function create(bytes memory code) internal returns (address made) {
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        assertTrue(made != address(0), "created");
    }
}
