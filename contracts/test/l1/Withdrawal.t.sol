// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BootstrapGame} from "../../src/l1/BootstrapGame.sol";
import {IOptimismPortal} from "../../src/l1/interfaces/IOptimismPortal.sol";
import {Hashing} from "../../src/l1/libraries/Hashing.sol";
import {SafeCall} from "../../src/l1/libraries/SafeCall.sol";
import {GameStatus, OutputRootProof, WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {Settlement} from "./helpers/Settlement.sol";
import {TrieBuilder} from "./helpers/TrieBuilder.sol";

/// @notice Burns a given amount of gas, then says that it ran.
contract GasEater {
    uint256 public ran;
    uint256 public seen;
    IOptimismPortal internal immutable portal;

    constructor(IOptimismPortal portal_) {
        portal = portal_;
    }

    function eat(uint256 amount) external payable {
        uint256 start = gasleft();
        seen = start;
        while (start - gasleft() + 5_000 < amount) {}
        ++ran;
    }

    function again(WithdrawalTransaction calldata message, address submitter) external payable {
        portal.finalizeWithdrawalTransactionExternalProof(message, submitter);
    }

    function whoSent() external payable {
        seen = uint160(portal.l2Sender());
    }
}

/// @notice Answers a call with a megabyte.
contract Bomb {
    fallback() external payable {
        assembly {
            return(0, 1000000)
        }
    }
}

/// @notice From a claim to money: prove, wait, finalize.
contract WithdrawalTest is Settlement {
    event WithdrawalFinalized(bytes32 indexed withdrawalHash, bool success);
    event WithdrawalProven(bytes32 indexed withdrawalHash, address indexed from, address indexed to);
    event WithdrawalProvenExtension1(bytes32 indexed withdrawalHash, address indexed proofSubmitter);

    GasEater internal eater;

    function setUp() public override {
        super.setUp();
        vm.deal(address(portal), 1_000 ether);
        eater = new GasEater(portal);
    }

    function testFuzz_from_claim_to_money(uint96 value, uint8 others, bytes calldata data) public {
        value = uint96(bound(value, 0, 1_000 ether));
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = withdrawal(BOB, value, 21_000, data);
        bytes32 hash = Hashing.withdrawal(messages[0]);
        bytes32[] memory keys = keysOf(messages, others % 12);
        OutputRootProof memory output = outputOf(keys);
        (uint256 index, BootstrapGame made) = propose(Hashing.outputRoot(output), 1);
        pass(1);

        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        more.expectEmit(address(portal));
        emit WithdrawalProven(hash, ALICE, BOB);
        more.expectEmit(address(portal));
        emit WithdrawalProvenExtension1(hash, ALICE);
        as_(ALICE);
        portal.proveWithdrawalTransaction(messages[0], index, output, proof);
        (address against, uint64 time) = portal.provenWithdrawals(hash, ALICE);
        assertEq(against, address(made));
        assertEq(time, block.timestamp);
        assertEq(portal.numProofSubmitters(hash), 1);
        assertEq(portal.proofSubmitters(hash, 0), ALICE);

        settle(made);
        pass(MATURITY);
        portal.checkWithdrawal(hash, ALICE);
        more.expectEmit(address(portal));
        emit WithdrawalFinalized(hash, true);
        as_(ALICE);
        portal.finalizeWithdrawalTransaction(messages[0]);
        assertEq(BOB.balance, value);
        assertTrue(portal.finalizedWithdrawals(hash), "finalized");
        assertEq(portal.l2Sender(), address(0xdEaD));

        vm.expectRevert(IOptimismPortal.OptimismPortal_AlreadyFinalized.selector);
        as_(ALICE);
        portal.finalizeWithdrawalTransaction(messages[0]);
    }

    function test_each_wait_is_kept_to_the_second() public {
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        bytes32 hash = Hashing.withdrawal(message);
        vm.expectRevert(IOptimismPortal.OptimismPortal_Unproven.selector);
        portal.checkWithdrawal(hash, ALICE);

        BootstrapGame made = claimAndProve(message, ALICE);
        uint256 proven = block.timestamp;
        vm.expectRevert(IOptimismPortal.OptimismPortal_ProofNotOldEnough.selector);
        portal.checkWithdrawal(hash, ALICE);
        vm.warp(proven + MATURITY);
        vm.expectRevert(IOptimismPortal.OptimismPortal_ProofNotOldEnough.selector);
        portal.checkWithdrawal(hash, ALICE);
        vm.warp(proven + MATURITY + 1);
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(hash, ALICE);

        made.resolve();
        uint256 resolved = block.timestamp;
        vm.warp(resolved + AIR_GAP);
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(hash, ALICE);
        vm.warp(resolved + AIR_GAP + 1);
        portal.checkWithdrawal(hash, ALICE);
        vm.expectRevert(IOptimismPortal.OptimismPortal_Unproven.selector);
        portal.checkWithdrawal(hash, BOB);
        as_(BOB);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        assertEq(BOB.balance, 1 ether);
    }

    /* WHAT PROVES NOTHING */

    function test_claim_of_a_lost_game_pays_nothing() public {
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        BootstrapGame made = claimAndProve(message, ALICE);
        vm.prank(CHALLENGER);
        made.cancel();
        pass(MATURITY + CLOCK + AIR_GAP);
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidRootClaim.selector);
        portal.checkWithdrawal(Hashing.withdrawal(message), ALICE);

        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = message;
        bytes32[] memory keys = keysOf(messages, 4);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidDisputeGame.selector);
        portal.proveWithdrawalTransaction(message, 0, outputOf(keys), proof);
    }

    /// The portal of 2022 that took an unset root for a proven one.
    function test_root_zero_never_proves() public {
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        OutputRootProof memory nothing;
        bytes[] memory proof = new bytes[](0);
        // There is no game, so there is nothing at index 0.
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x32));
        portal.proveWithdrawalTransaction(message, 0, nothing, proof);

        vm.expectRevert(abi.encodeWithSignature("GameRootZero()"));
        vm.prank(PROPOSER);
        factory.create{value: BOND}(BOOTSTRAP, bytes32(0), abi.encode(uint256(1)));

        // A game of another kind that answers zero.
        (uint256 index, BootstrapGame made) = propose(keccak256("root"), 1);
        pass(1);
        vm.mockCall(address(made), abi.encodeCall(made.rootClaim, ()), abi.encode(bytes32(0)));
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidDisputeGame.selector);
        portal.proveWithdrawalTransaction(message, index, nothing, proof);
    }

    /// An output whose storage root is zero or that of an empty trie holds no withdrawal.
    function test_empty_storage_root_never_proves() public {
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        bytes[] memory none = new bytes[](0);
        bytes[] memory empty = new bytes[](1);
        empty[0] = hex"80";
        bytes32[2] memory roots = [bytes32(0), keccak256(hex"80")];
        for (uint256 i; i < 2; ++i) {
            OutputRootProof memory output = OutputRootProof(0, keccak256("state"), roots[i], keccak256("block"));
            (uint256 index,) = propose(Hashing.outputRoot(output), 1);
            pass(1);
            refused(message, index, output, none);
            refused(message, index, output, empty);
        }
    }

    /// The message passer stores ones; a trie that holds anything else for the withdrawal proves nothing.
    function test_value_other_than_one_never_proves() public {
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        bytes32 path = keccak256(abi.encode(slotOf(Hashing.withdrawal(message))));
        bytes memory nibbles = TrieBuilder.text(TrieBuilder.compact(path, 0, 64, true));
        bytes[5] memory values = [bytes(hex"01"), hex"02", hex"80", hex"820101", hex"8180"];
        for (uint256 i; i < values.length; ++i) {
            bytes[] memory proof = new bytes[](1);
            proof[0] = TrieBuilder.list(bytes.concat(nibbles, values[i]));
            OutputRootProof memory output = OutputRootProof(0, "state", keccak256(proof[0]), "block");
            (uint256 index,) = propose(Hashing.outputRoot(output), 1);
            pass(1);
            if (i > 0) vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidMerkleProof.selector);
            portal.proveWithdrawalTransaction(message, index, output, proof);
        }
        assertEq(portal.numProofSubmitters(Hashing.withdrawal(message)), 1);
    }

    function test_other_version_of_output_root_is_refused() public {
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = withdrawal(BOB, 1 ether, 21_000, "");
        bytes32[] memory keys = keysOf(messages, 3);
        OutputRootProof memory output = outputOf(keys);
        output.version = bytes32(uint256(1));
        (uint256 index,) = propose(Hashing.outputRoot(output), 1);
        pass(1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidOutputRootProof.selector);
        portal.proveWithdrawalTransaction(messages[0], index, output, proof);
    }

    /// Every byte of the arguments counts: of the message, the output and the proof.
    function test_every_proof_byte_counts() public {
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = withdrawal(BOB, 1 ether, 21_000, hex"0102030405");
        bytes32[] memory keys = keysOf(messages, 100);
        OutputRootProof memory output = outputOf(keys);
        (uint256 index,) = propose(Hashing.outputRoot(output), 1);
        pass(1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        assertEq(proof.length, 3);

        bytes memory call_ = abi.encodeCall(portal.proveWithdrawalTransaction, (messages[0], index, output, proof));
        uint256 tried;
        for (uint256 i = 4; i < call_.length; ++i) {
            bytes1 kept = call_[i];
            // One bit of each byte, another at each place, and all of them.
            call_[i] = kept ^ bytes1(uint8(1 << (i % 8)));
            refusedCall(call_, messages[0]);
            call_[i] = ~kept;
            refusedCall(call_, messages[0]);
            call_[i] = kept;
            ++tried;
        }
        assertTrue(tried > 1_000, "bytes tried");
        (bool proves,) = try_(address(portal), call_);
        assertTrue(proves, "the proof itself");
    }

    /// Whatever bits of the proof change, it is refused.
    function testFuzz_changed_proof_is_refused(uint256 node, uint256 place, uint8 mask, uint8 others) public {
        mask = uint8(bound(mask, 1, 255));
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = withdrawal(BOB, 1 ether, 21_000, "");
        bytes32[] memory keys = keysOf(messages, others % 20);
        OutputRootProof memory output = outputOf(keys);
        (uint256 index,) = propose(Hashing.outputRoot(output), 1);
        pass(1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        node %= proof.length;
        place %= proof[node].length;
        proof[node][place] ^= bytes1(mask);
        refused(messages[0], index, output, proof);
    }

    function test_proof_of_another_withdrawal_is_refused() public {
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](2);
        messages[0] = withdrawal(BOB, 1 ether, 21_000, "");
        messages[1] = withdrawal(BOB, 2 ether, 21_000, "");
        bytes32[] memory keys = keysOf(messages, 20);
        OutputRootProof memory output = outputOf(keys);
        (uint256 index,) = propose(Hashing.outputRoot(output), 1);
        pass(1);
        refused(messages[0], index, output, TrieBuilder.prove(keys, keys[1], false));
        // Nodes too few, too many, and twice.
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        bytes[] memory longer = new bytes[](proof.length + 1);
        bytes[] memory shorter = new bytes[](proof.length - 1);
        for (uint256 i; i < proof.length; ++i) {
            longer[i] = proof[i];
            if (i + 1 < proof.length) shorter[i] = proof[i];
        }
        refused(messages[0], index, output, shorter);
        refused(messages[0], index, output, longer);
        longer[proof.length] = proof[proof.length - 1];
        refused(messages[0], index, output, longer);
        portal.proveWithdrawalTransaction(messages[0], index, output, proof);
    }

    function test_withdrawal_to_the_portal_is_refused() public {
        WithdrawalTransaction memory message = withdrawal(address(portal), 1 ether, 21_000, "");
        OutputRootProof memory output;
        bytes[] memory proof;
        vm.expectRevert(IOptimismPortal.OptimismPortal_BadTarget.selector);
        portal.proveWithdrawalTransaction(message, 0, output, proof);
    }

    function test_no_proof_in_the_second_of_the_claim() public {
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = withdrawal(BOB, 1 ether, 21_000, "");
        bytes32[] memory keys = keysOf(messages, 3);
        OutputRootProof memory output = outputOf(keys);
        (uint256 index,) = propose(Hashing.outputRoot(output), 1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidProofTimestamp.selector);
        portal.proveWithdrawalTransaction(messages[0], index, output, proof);
    }

    function test_withdrawal_is_proven_again_against_another_claim() public {
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        BootstrapGame first = claimAndProve(message, ALICE);
        vm.prank(CHALLENGER);
        first.cancel();
        BootstrapGame second = claimAndProve(message, ALICE);
        bytes32 hash = Hashing.withdrawal(message);
        assertEq(portal.numProofSubmitters(hash), 2);
        settle(second);
        pass(MATURITY);
        as_(ALICE);
        portal.finalizeWithdrawalTransaction(message);
        assertEq(BOB.balance, 1 ether);
        // The other proof of the same withdrawal is worth nothing any more.
        vm.expectRevert(IOptimismPortal.OptimismPortal_AlreadyFinalized.selector);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
    }

    /* GAS */

    /// Whatever gas is given: either nothing changed, or the target got at least what it asked for.
    function testFuzz_any_gas_keeps_the_withdrawal(uint256 given, uint256 asked, uint256 eaten, uint8 size) public {
        asked = bound(asked, 0, 400_000);
        eaten = bound(eaten, 0, asked);
        given = bound(given, 40_000, 900_000);
        bytes memory data = bytes.concat(abi.encodeCall(eater.eat, (eaten)), new bytes(uint256(size) * 32));
        WithdrawalTransaction memory message = withdrawal(address(eater), 1 ether, asked, data);
        bytes32 hash = Hashing.withdrawal(message);
        BootstrapGame made = claimAndProve(message, ALICE);
        settle(made);
        pass(MATURITY);
        uint256 before = address(portal).balance;

        as_(BOB);
        (bool done,) = address(portal).call{gas: given}(
            abi.encodeCall(portal.finalizeWithdrawalTransactionExternalProof, (message, ALICE))
        );
        assertEq(portal.finalizedWithdrawals(hash) ? 1 : 0, done ? 1 : 0);
        if (!done) {
            assertEq(address(portal).balance, before);
            assertEq(eater.ran(), 0);
            portal.checkWithdrawal(hash, ALICE);
            // Enough gas executes it.
            portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        }
        // 50,000 cover the two counters of the target.
        if (asked >= eaten + 50_000) {
            assertEq(eater.ran(), 1);
            assertEq(address(portal).balance, before - 1 ether);
        }
        // A target with the gas to look at the clock saw at least what the withdrawal asked for.
        if (eater.seen() != 0) assertTrue(eater.seen() + 1_000 >= asked, "gas seen");
    }

    /// The rule itself, at its edge: whenever the check passes, the target sees the gas.
    function testFuzz_min_gas_reaches_the_target(uint256 asked, uint256 slack, uint96 value) public {
        asked = bound(asked, 30_000, 20_000_000);
        uint256 least = (asked * 64) / 63 + 40_000;
        uint256 given = least - 1_500 + bound(slack, 0, 4_000);
        vm.deal(address(this), value);
        bytes memory call_ = abi.encodeCall(this.callEater, (asked, value));
        (bool called,) = address(this).call{gas: given + 2_000}(call_);
        if (called) assertTrue(eater.seen() + 1_000 >= asked, "gas seen");
        (called,) = address(this).call{gas: least + 10_000}(call_);
        assertTrue(called, "with enough gas");
    }

    function callEater(uint256 asked, uint256 value) external payable {
        vm.cool(address(eater));
        SafeCall.callWithMinGas(address(eater), asked, value, abi.encodeCall(eater.eat, (0)));
    }

    function test_gas_limit_without_bound_is_never_passed_by_overflow() public view {
        uint256[3] memory limits = [type(uint256).max, type(uint256).max / 64 + 1, uint256(1) << 250];
        for (uint256 i; i < 3; ++i) {
            assertTrue(!SafeCall.hasMinGas(limits[i], 0), "overflow");
        }
    }

    function test_answer_of_a_megabyte_costs_the_caller_nothing() public {
        WithdrawalTransaction memory message = withdrawal(address(new Bomb()), 1 ether, 3_000_000, "");
        settle(claimAndProve(message, ALICE));
        pass(MATURITY);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        assertEq(message.target.balance, 1 ether);
    }

    function test_estimators_see_a_failing_call() public {
        WithdrawalTransaction memory message =
            withdrawal(address(eater), 1 ether, 100_000, abi.encodeCall(eater.ran, ()));
        settle(claimAndProve(message, ALICE));
        pass(MATURITY);
        vm.expectRevert(IOptimismPortal.GasEstimation.selector);
        more.prank(address(1), address(1));
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);

        // Everybody else has it delivered once; a view function refuses the ether.
        vm.expectEmit();
        emit WithdrawalFinalized(Hashing.withdrawal(message), false);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        assertEq(address(portal).balance, 1_000 ether);
    }

    /* RE-ENTRY */

    function test_no_withdrawal_within_a_withdrawal() public {
        WithdrawalTransaction memory inner = withdrawal(BOB, 1 ether, 21_000, "");
        claimAndProve(inner, ALICE);
        WithdrawalTransaction memory outer =
            withdrawal(address(eater), 0, 500_000, abi.encodeCall(eater.again, (inner, ALICE)));
        BootstrapGame made = claimAndProve(outer, ALICE);
        pass(CLOCK);
        BootstrapGame(gameAt(0)).resolve();
        made.resolve();
        pass(AIR_GAP + MATURITY);
        vm.expectEmit();
        emit WithdrawalFinalized(Hashing.withdrawal(outer), false);
        portal.finalizeWithdrawalTransactionExternalProof(outer, ALICE);
        // The inner one is untouched.
        portal.finalizeWithdrawalTransactionExternalProof(inner, ALICE);
        assertEq(BOB.balance, 1 ether);
    }

    function test_target_sees_its_sender() public {
        WithdrawalTransaction memory message = withdrawal(address(eater), 0, 100_000, abi.encodeCall(eater.whoSent, ()));
        settle(claimAndProve(message, ALICE));
        pass(MATURITY);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        assertEq(eater.seen(), uint160(ALICE));
        assertEq(portal.l2Sender(), address(0xdEaD));
    }

    /* HELPERS */

    function gameAt(uint256 index) internal view returns (address made) {
        (,, made) = factory.gameAtIndex(index);
    }

    function refused(
        WithdrawalTransaction memory message,
        uint256 index,
        OutputRootProof memory output,
        bytes[] memory proof
    ) internal {
        (bool proves,) = try_(
            address(portal), abi.encodeCall(portal.proveWithdrawalTransaction, (message, index, output, proof))
        );
        assertTrue(!proves, "a false proof was taken");
    }

    /// @dev The call is refused, or it is another encoding of the same arguments: nothing new is proven.
    function refusedCall(bytes memory call_, WithdrawalTransaction memory message) internal {
        bytes32 hash = Hashing.withdrawal(message);
        uint256 before = portal.numProofSubmitters(hash);
        (bool proves,) = try_(address(portal), call_);
        assertEq(portal.numProofSubmitters(hash), proves ? before + 1 : before);
    }
}
