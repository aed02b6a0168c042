// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {BootstrapGame} from "../../src/l1/BootstrapGame.sol";
import {BootstrapOperators} from "../../src/l1/BootstrapOperators.sol";
import {IAnchorStateRegistry} from "../../src/l1/interfaces/IAnchorStateRegistry.sol";
import {IBootstrapGame} from "../../src/l1/interfaces/IBootstrapGame.sol";
import {IBootstrapOperators} from "../../src/l1/interfaces/IBootstrapOperators.sol";
import {IDelayedBonds} from "../../src/l1/interfaces/IDelayedBonds.sol";
import {IDisputeGame} from "../../src/l1/interfaces/IDisputeGame.sol";
import {IDisputeGameFactory} from "../../src/l1/interfaces/IDisputeGameFactory.sol";
import {IOptimismPortal} from "../../src/l1/interfaces/IOptimismPortal.sol";
import {GameStatus, OutputRootProof, WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {Settlement} from "./helpers/Settlement.sol";

/// @notice Claims: made, listed, cancelled, resolved, and what they are worth.
contract DisputeGameTest is Settlement {
    bytes32 internal constant ROOT = keccak256("root");

    /// @dev Topic of `DisputeGameCreated`.
    bytes32 internal constant CREATED = 0x5b565efe82411da98814f356d0e7bcb8f0219b8d970307c5afb4a6903a8b2e35;

    /* FACTORY */

    function testFuzz_game_says_what_was_claimed(bytes32 root, uint64 l2Block, bytes32 salt, bool salted) public {
        vm.assume(root != 0);
        l2Block = uint64(bound(l2Block, 1, type(uint64).max));
        bytes memory extra = salted ? abi.encode(l2Block, salt) : abi.encode(l2Block);
        bytes32 head = blockhash(block.number - 1);
        more.recordLogs();
        vm.prank(PROPOSER);
        BootstrapGame made = BootstrapGame(factory.create{value: BOND}(BOOTSTRAP, root, extra));
        assertEq(more.getRecordedLogs()[0].topics[0], CREATED);
        assertEq(made.rootClaim(), root);
        assertEq(made.l2BlockNumber(), l2Block);
        assertEq(made.l2SequenceNumber(), l2Block);
        assertEq(made.extraData(), extra);
        assertEq(made.l1Head(), head);
        assertEq(made.gameCreator(), PROPOSER);
        assertEq(made.gameType(), BOOTSTRAP);
        assertEq(made.createdAt(), block.timestamp);
        assertEq(made.resolvedAt(), 0);
        assertEq(made.maxClockDuration(), CLOCK);
        assertTrue(made.status() == GameStatus.IN_PROGRESS, "in progress");
        assertTrue(made.wasRespectedGameTypeWhenCreated(), "respected");
        assertEq(address(made).balance, BOND);
        isListed(address(made), root, extra);
    }

    function isListed(address made, bytes32 root, bytes memory extra) internal {
        (address found, uint64 time) = factory.games(BOOTSTRAP, root, extra);
        assertEq(found, made);
        assertEq(time, block.timestamp);
        (uint32 kind, uint64 listedTime, address listed) = factory.gameAtIndex(0);
        assertEq(kind, BOOTSTRAP);
        assertEq(listedTime, block.timestamp);
        assertEq(listed, made);
        bytes32 uuid = factory.getGameUUID(BOOTSTRAP, root, extra);
        assertEq(uuid, keccak256(abi.encode(BOOTSTRAP, root, extra)));
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.GameAlreadyExists.selector, uuid));
        vm.prank(PROPOSER);
        factory.create{value: BOND}(BOOTSTRAP, root, extra);
    }

    /// A root of one block is no claim about another: the block is part of the game and of what the anchor takes.
    function test_claim_binds_block_number() public {
        (, BootstrapGame five) = propose(ROOT, 5);
        (, BootstrapGame six) = propose(ROOT, 6);
        assertTrue(address(five) != address(six), "two games");
        vm.prank(CHALLENGER);
        six.cancel();
        settle(five);
        registry.setAnchorState(address(five));
        (bytes32 root, uint256 l2Block) = registry.getAnchorRoot();
        assertEq(root, ROOT);
        assertEq(l2Block, 5);
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorStateRegistry.AnchorStateRegistryInvalidAnchorGame.selector, address(six))
        );
        registry.setAnchorState(address(six));
    }

    function test_what_is_no_claim() public {
        vm.startPrank(PROPOSER);
        vm.expectRevert(abi.encodeWithSelector(IDisputeGameFactory.NoImplementation.selector, uint32(7)));
        factory.create{value: BOND}(7, ROOT, abi.encode(1));
        vm.expectRevert(IDisputeGameFactory.IncorrectBondAmount.selector);
        factory.create{value: BOND - 1}(BOOTSTRAP, ROOT, abi.encode(1));
        vm.expectRevert(IBootstrapGame.GameRootZero.selector);
        factory.create{value: BOND}(BOOTSTRAP, 0, abi.encode(1));
        bytes[4] memory bad = [bytes(""), new bytes(31), abi.encodePacked(uint256(1), uint8(1)), abi.encode(1, 2, 3)];
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(IBootstrapGame.GameBadExtraData.selector);
            factory.create{value: BOND}(BOOTSTRAP, ROOT, bad[i]);
        }
        vm.expectRevert(IBootstrapGame.GameBadExtraData.selector);
        factory.create{value: BOND}(BOOTSTRAP, ROOT, abi.encode(uint256(1) << 64));
        vm.expectRevert(abi.encodeWithSelector(IBootstrapGame.GameBlockNotNew.selector, 0, 0));
        factory.create{value: BOND}(BOOTSTRAP, ROOT, abi.encode(0));
        vm.stopPrank();
        assertEq(factory.gameCount(), 0);
    }

    function test_game_is_made_by_the_factory_only_and_once() public {
        vm.expectRevert(IBootstrapGame.GameNotInitializable.selector);
        game.initialize();
        (, BootstrapGame made) = propose(ROOT, 1);
        vm.prank(address(factory));
        vm.expectRevert(IBootstrapGame.GameNotInitializable.selector);
        made.initialize();
        vm.expectRevert(IBootstrapGame.GameNotInProgress.selector);
        game.resolve();
    }

    function testFuzz_latest_games(uint8 count, uint8 start, uint8 n) public {
        count = uint8(bound(count, 1, 12));
        vm.prank(OWNER);
        factory.setImplementation(5, address(game));
        for (uint256 i; i < count; ++i) {
            vm.prank(PROPOSER);
            // Every third one is of another kind.
            if (i % 3 == 2) factory.create{value: 0}(5, ROOT, abi.encode(i + 1));
            else factory.create{value: BOND}(BOOTSTRAP, ROOT, abi.encode(i + 1));
        }
        IDisputeGameFactory.GameSearchResult[] memory found = factory.findLatestGames(BOOTSTRAP, start, n);
        uint256 seen;
        for (uint256 i = start < count ? uint256(start) + 1 : 0; i > 0 && seen < n; --i) {
            if ((i - 1) % 3 != 2) isFound(found[seen++], i - 1);
        }
        assertEq(found.length, seen);
    }

    function isFound(IDisputeGameFactory.GameSearchResult memory found, uint256 index) internal view {
        assertEq(found.index, index);
        assertEq(found.extraData, abi.encode(index + 1));
        assertEq(found.rootClaim, ROOT);
        (uint32 kind, uint64 time, address made) = factory.gameAtIndex(index);
        assertEq(found.timestamp, time);
        assertEq(found.metadata, bytes32(abi.encodePacked(kind, time, made)));
    }

    function testFuzz_only_the_owner_sets_games(address stranger) public {
        vm.assume(stranger != OWNER && stranger != address(admin));
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        factory.setImplementation(BOOTSTRAP, address(1));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        factory.setInitBond(BOOTSTRAP, 0);
    }

    /* THE GAME */

    function test_challenger_cancels_before_the_clock_ends_and_never_after() public {
        (, BootstrapGame first) = propose(ROOT, 1);
        (, BootstrapGame second) = propose(ROOT, 2);
        uint64 end = first.createdAt() + CLOCK;
        vm.expectRevert(abi.encodeWithSelector(IBootstrapGame.GameChallengerNotListed.selector, ALICE));
        vm.prank(ALICE);
        first.cancel();
        vm.expectRevert(abi.encodeWithSelector(IBootstrapGame.GameClockNotExpired.selector, end));
        first.resolve();

        vm.warp(end - 1);
        uint256 burnt = address(0).balance;
        vm.prank(CHALLENGER);
        first.cancel();
        assertTrue(first.status() == GameStatus.CHALLENGER_WINS, "cancelled");
        assertEq(first.resolvedAt(), end - 1);
        assertEq(address(0).balance - burnt, BOND);
        assertEq(address(first).balance, 0);
        vm.expectRevert(IBootstrapGame.NoCreditToClaim.selector);
        first.claimCredit(PROPOSER);

        vm.warp(end);
        vm.expectRevert(abi.encodeWithSelector(IBootstrapGame.GameClockExpired.selector, end));
        vm.prank(CHALLENGER);
        second.cancel();
        vm.expectRevert(IBootstrapGame.GameNotInProgress.selector);
        first.resolve();
        second.resolve();
        assertTrue(second.status() == GameStatus.DEFENDER_WINS, "resolved");
        vm.expectRevert(IBootstrapGame.GameNotInProgress.selector);
        vm.prank(CHALLENGER);
        second.cancel();
    }

    function test_bond_of_a_claim_that_stood_comes_back_late() public {
        (, BootstrapGame made) = propose(ROOT, 1);
        vm.expectRevert(IBootstrapGame.NoCreditToClaim.selector);
        made.claimCredit(PROPOSER);
        pass(CLOCK);
        made.resolve();
        vm.expectRevert(IBootstrapGame.NoCreditToClaim.selector);
        made.claimCredit(ALICE);
        assertEq(made.credit(PROPOSER), BOND);
        made.claimCredit(PROPOSER);
        vm.expectRevert(IBootstrapGame.NoCreditToClaim.selector);
        made.claimCredit(PROPOSER);
        uint256 ready = block.timestamp + BOND_DELAY;
        vm.expectRevert(abi.encodeWithSelector(IDelayedBonds.DelayedBondsNotReady.selector, ready));
        bonds.withdraw(address(made), PROPOSER);

        vm.warp(ready);
        uint256 before = PROPOSER.balance;
        vm.prank(ALICE);
        bonds.withdraw(address(made), PROPOSER);
        assertEq(PROPOSER.balance - before, BOND);
        vm.expectRevert(abi.encodeWithSelector(IDelayedBonds.DelayedBondsNothing.selector, address(made), PROPOSER));
        bonds.withdraw(address(made), PROPOSER);
    }

    function test_bond_of_a_refused_game_stays() public {
        (, BootstrapGame made) = propose(ROOT, 1);
        pass(CLOCK);
        made.resolve();
        made.claimCredit(PROPOSER);
        vm.startPrank(GUARDIAN);
        registry.pause();
        registry.blacklistDisputeGame(address(made));
        vm.stopPrank();
        pass(BOND_DELAY + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IDelayedBonds.DelayedBondsStopped.selector, address(made)));
        bonds.withdraw(address(made), PROPOSER);
    }

    /* WHO MAY PROPOSE */

    function test_anyone_proposes_after_silence() public {
        vm.deal(ALICE, 10 ether);
        // The chain is young: the listed ones have time for their first claim.
        strangerIsRefused();
        (, BootstrapGame made) = propose(ROOT, 1);
        uint256 last = made.createdAt();
        vm.warp(last + TIMEOUT - 1);
        strangerIsRefused();
        vm.warp(last + TIMEOUT);
        strangerProposes(2);
        // Now somebody has proposed.
        strangerIsRefused();
    }

    function test_first_claim_may_be_a_strangers_after_the_timeout() public {
        vm.deal(ALICE, 10 ether);
        vm.warp(registry.retirementTimestamp() + TIMEOUT - 1);
        strangerIsRefused();
        vm.warp(registry.retirementTimestamp() + TIMEOUT);
        strangerProposes(1);
    }

    /// A listed proposer whose claims are all cancelled does not keep others away.
    function test_cancelled_claims_are_silence() public {
        vm.deal(ALICE, 10 ether);
        pass(TIMEOUT);
        for (uint256 i; i < 12; ++i) {
            (, BootstrapGame made) = propose(keccak256(abi.encode(i)), i + 1);
            strangerIsRefused();
            vm.prank(CHALLENGER);
            made.cancel();
        }
        strangerProposes(1);
    }

    function strangerIsRefused() internal {
        vm.expectRevert(abi.encodeWithSelector(IBootstrapGame.GameProposerNotListed.selector, ALICE));
        vm.prank(ALICE);
        factory.create{value: BOND}(BOOTSTRAP, ROOT, abi.encode(1_000));
    }

    function strangerProposes(uint256 l2Block) internal {
        vm.prank(ALICE);
        factory.create{value: BOND}(BOOTSTRAP, keccak256("stranger"), abi.encode(l2Block));
    }

    function test_one_challenger_remains() public {
        vm.startPrank(OWNER);
        vm.expectRevert(IBootstrapOperators.BootstrapOperatorsNoChallenger.selector);
        operators.setChallenger(CHALLENGER, false);
        operators.setChallenger(ALICE, true);
        operators.setChallenger(ALICE, true);
        assertEq(operators.challengerCount(), 2);
        operators.setChallenger(CHALLENGER, false);
        operators.setChallenger(CHALLENGER, false);
        assertEq(operators.challengerCount(), 1);
        vm.expectRevert(IBootstrapOperators.BootstrapOperatorsNoChallenger.selector);
        operators.setChallenger(ALICE, false);
        operators.setProposer(ALICE, true);
        assertTrue(operators.isProposer(ALICE), "listed");
        vm.stopPrank();
        address[] memory none;
        vm.expectRevert(IBootstrapOperators.BootstrapOperatorsNoChallenger.selector);
        new BootstrapOperators(OWNER, none, none);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ALICE));
        vm.prank(ALICE);
        operators.setProposer(ALICE, true);
    }

    /* THE REGISTRY */

    function test_life_of_a_claim() public {
        (, BootstrapGame made) = propose(ROOT, 7);
        address one = address(made);
        assertTrue(registry.isGameRegistered(one) && registry.isGameProper(one) && registry.isGameRespected(one), "new");
        assertTrue(!registry.isGameResolved(one) && !registry.isGameFinalized(one), "not yet");
        assertTrue(!registry.isGameClaimValid(one), "not valid");
        pass(CLOCK);
        made.resolve();
        assertTrue(registry.isGameResolved(one) && !registry.isGameFinalized(one), "resolved");
        vm.warp(made.resolvedAt() + AIR_GAP);
        assertTrue(!registry.isGameClaimValid(one), "air gap");
        vm.warp(made.resolvedAt() + AIR_GAP + 1);
        assertTrue(registry.isGameFinalized(one) && registry.isGameClaimValid(one), "valid");

        assertEq(registry.anchorCursor(), keccak256("cursor"));
        vm.prank(ALICE);
        registry.setAnchorState(one);
        assertEq(registry.anchorGame(), one);
        (bytes32 root, uint256 l2Block) = registry.anchors(BOOTSTRAP);
        assertEq(root, ROOT);
        assertEq(l2Block, 7);
        assertEq(registry.anchorCursor(), 0);
        vm.expectRevert(abi.encodeWithSelector(IAnchorStateRegistry.AnchorStateRegistryInvalidAnchorGame.selector, one));
        registry.setAnchorState(one);
        // Claims start above the anchor now.
        vm.expectRevert(abi.encodeWithSelector(IBootstrapGame.GameBlockNotNew.selector, 7, 7));
        vm.prank(PROPOSER);
        factory.create{value: BOND}(BOOTSTRAP, ROOT, abi.encode(7, 1));
    }

    function test_game_of_nobody_is_not_registered() public {
        (, BootstrapGame made) = propose(ROOT, 7);
        // A copy that says the same as the true one.
        address copy = address(0xC0);
        vm.etch(copy, address(made).code);
        assertEq(IDisputeGame(copy).rootClaim(), ROOT);
        assertTrue(!registry.isGameRegistered(copy) && !registry.isGameProper(copy), "a copy is registered");
    }

    function test_games_of_another_kind_or_time_do_not_count() public {
        (, BootstrapGame made) = propose(ROOT, 7);
        vm.startPrank(OWNER);
        registry.setRespectedGameType(5);
        vm.stopPrank();
        // What was respected when it was made stays so.
        assertTrue(registry.isGameRespected(address(made)), "respected when made");
        (uint256 index, BootstrapGame later) = propose(ROOT, 8);
        assertTrue(!registry.isGameRespected(address(later)), "not respected");
        pass(1);
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        OutputRootProof memory output;
        bytes[] memory proof;
        vm.expectRevert(IOptimismPortal.OptimismPortal_InvalidDisputeGame.selector);
        portal.proveWithdrawalTransaction(message, index, output, proof);

        vm.prank(OWNER);
        registry.updateRetirementTimestamp();
        assertTrue(registry.isGameRetired(address(made)) && !registry.isGameProper(address(made)), "retired");
        vm.expectRevert(IOptimismPortal.OptimismPortal_ImproperDisputeGame.selector);
        portal.proveWithdrawalTransaction(message, index, output, proof);
    }

    /* THE GUARDIAN */

    function test_pause_ends_by_itself_and_is_used_once_in_ninety_days() public {
        vm.startPrank(GUARDIAN);
        registry.pause();
        uint256 begun = block.timestamp;
        assertTrue(registry.paused() && portal.paused() && l1Messenger.paused() && l1Bridge.paused(), "paused");
        assertEq(registry.pausedUntil(), begun + 7 days);
        vm.warp(begun + 7 days - 1);
        assertTrue(registry.paused(), "to the last second");
        vm.warp(begun + 7 days);
        assertTrue(!registry.paused(), "ended");
        vm.warp(begun + 90 days - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAnchorStateRegistry.AnchorStateRegistryPauseUsed.selector, uint64(begun + 90 days))
        );
        registry.pause();
        vm.warp(begun + 90 days);
        registry.pause();
        registry.unpause();
        assertTrue(!registry.paused(), "unpaused");
        vm.expectRevert(IAnchorStateRegistry.AnchorStateRegistryNotPaused.selector);
        registry.unpause();
    }

    function test_pause_stops_proving_and_finalizing() public {
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        vm.deal(address(portal), 1 ether);
        settle(claimAndProve(message, ALICE));
        pass(MATURITY);
        vm.prank(GUARDIAN);
        registry.pause();
        OutputRootProof memory output;
        bytes[] memory proof;
        vm.expectRevert(IOptimismPortal.OptimismPortal_CallPaused.selector);
        portal.proveWithdrawalTransaction(message, 0, output, proof);
        vm.expectRevert(IOptimismPortal.OptimismPortal_CallPaused.selector);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        pass(7 days);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        assertEq(BOB.balance, 1 ether);
    }

    /// However often a hostile guardian acts, a claim made after its pause cannot be refused for 83 days.
    function test_guardian_cannot_refuse_games_for_ever() public {
        (, BootstrapGame made) = propose(ROOT, 1);
        vm.startPrank(GUARDIAN);
        vm.expectRevert(IAnchorStateRegistry.AnchorStateRegistryNotPaused.selector);
        registry.blacklistDisputeGame(address(made));
        registry.pause();
        registry.blacklistDisputeGame(address(made));
        assertTrue(registry.disputeGameBlacklist(address(made)) && registry.isGameBlacklisted(address(made)), "refused");
        vm.stopPrank();
        pass(7 days);
        (, BootstrapGame next) = propose(ROOT, 2);
        vm.expectRevert(IAnchorStateRegistry.AnchorStateRegistryNotPaused.selector);
        vm.prank(GUARDIAN);
        registry.blacklistDisputeGame(address(next));
        settle(next);
        assertTrue(registry.isGameClaimValid(address(next)), "an exit within the stated time");
        assertTrue(!registry.isGameClaimValid(address(made)), "refused for good");
    }

    function testFuzz_only_the_guardian_delays(address stranger) public {
        vm.assume(stranger != GUARDIAN && stranger != address(admin));
        vm.startPrank(stranger);
        bytes memory refusal =
            abi.encodeWithSelector(IAnchorStateRegistry.AnchorStateRegistryNotGuardian.selector, stranger);
        vm.expectRevert(refusal);
        registry.pause();
        vm.expectRevert(refusal);
        registry.unpause();
        vm.expectRevert(refusal);
        registry.blacklistDisputeGame(address(1));
    }

    function testFuzz_only_the_owner_decides_what_counts(address stranger) public {
        vm.assume(stranger != OWNER && stranger != address(admin));
        bytes memory refusal = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger);
        vm.startPrank(stranger);
        vm.expectRevert(refusal);
        registry.setRespectedGameType(1);
        vm.expectRevert(refusal);
        registry.updateRetirementTimestamp();
        vm.expectRevert(refusal);
        registry.setGuardian(stranger);
        vm.expectRevert(refusal);
        registry.setStart(start());
    }

    function test_start_of_the_next_kind_of_game_is_set_once() public {
        (, BootstrapGame made) = propose(ROOT, 7);
        settle(made);
        registry.setAnchorState(address(made));
        vm.startPrank(OWNER);
        IAnchorStateRegistry.Start memory next = IAnchorStateRegistry.Start(keccak256("next"), 9, keccak256("c"));
        registry.setStart(next);
        (bytes32 root, uint256 l2Block) = registry.getAnchorRoot();
        assertEq(root, next.root);
        assertEq(l2Block, 9);
        assertEq(registry.anchorCursor(), next.cursor);
        assertEq(registry.anchorGame(), address(0));
        vm.expectRevert(IAnchorStateRegistry.AnchorStateRegistryInvalidStart.selector);
        registry.setStart(next);
        registry.setGuardian(ALICE);
        assertEq(portal.guardian(), ALICE);
    }
}
