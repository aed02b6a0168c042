// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Test} from "../../helpers/Test.sol";
import {SettlementHandler} from "./SettlementHandler.sol";

/// @notice B1 to B4 of the reliability specification under random histories, with every operator's key hostile.
contract SettlementInvariants is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    SettlementHandler internal handler;

    function setUp() public {
        handler = new SettlementHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        // `act` takes all the other steps, in proportions under which withdrawals ripen.
        bytes4[6] memory some = [
            handler.act.selector,
            handler.anyCall.selector,
            handler.deposit.selector,
            handler.proveNewest.selector,
            handler.finalize.selector,
            handler.proveForged.selector
        ];
        targets[0].addr = address(handler);
        targets[0].selectors = new bytes4[](some.length);
        for (uint256 i; i < some.length; ++i) {
            targets[0].selectors[i] = some[i];
        }
    }

    /// B1: nothing unproven pays; a claim that is wrong becomes no anchor.
    function invariant_B1_nothing_unproven_pays() public view {
        assertEq(handler.forgedPaid(), 0);
        assertTrue(!handler.anyForgeryFinalized(), "a forged withdrawal is finalized");
    }

    /// B2: what L1 holds is deposits less withdrawals, and covers what L2 has and what is on its way.
    function invariant_B2_conservation() public view {
        uint256 locked = handler.portalBalance();
        assertEq(locked, handler.deposited() + handler.forced() - handler.finalized());
        uint256 supply = handler.deposited() - handler.initiated();
        uint256 pending = handler.initiated() - handler.finalized();
        assertTrue(locked >= supply + pending, "L1 covers L2");
    }

    /// B3: once, and never lost: what left the portal was delivered or waits in the messenger.
    function invariant_B3_once_and_never_lost() public view {
        assertEq(handler.broken(), 0);
        assertEq(handler.messengerBalance(), handler.keptByMessenger());
        assertEq(handler.moodyBalance(), handler.paidByMessenger());
    }

    /// B4: no key above the proof: all of them together have moved nothing that the model does not know.
    function invariant_B4_no_key_pays_out() public view {
        assertEq(handler.portalBalance() + handler.finalized(), handler.deposited() + handler.forced());
        assertEq(handler.broken() + handler.forgedPaid(), 0);
    }
}

/// @notice The handler reaches what it is meant to reach: without this the invariants could hold of nothing.
contract SettlementHandlerTest is Test {
    event Reached(string action, uint256 count);

    /// A long history reaches all that is worth reaching.
    function test_histories_reach_every_action() public {
        SettlementHandler handler = new SettlementHandler();
        for (uint256 i; i < 1_000; ++i) {
            handler.act(uint256(keccak256(abi.encode(i))));
        }
        bytes32[13] memory actions = [
            bytes32("deposit"),
            "initiate",
            "claim",
            "claimWrong",
            "resolve",
            "prove",
            "proveForged",
            "finalize",
            "again",
            "finalizeForged",
            "guardian",
            "challenger",
            "anyCall"
        ];
        for (uint256 i; i < actions.length; ++i) {
            emit Reached(string(abi.encodePacked(actions[i])), handler.calls(actions[i]));
            assertTrue(handler.calls(actions[i]) > 0, string(abi.encodePacked(actions[i])));
        }
    }

    function test_a_history_reaches_every_state() public {
        SettlementHandler handler = new SettlementHandler();
        handler.deposit(100 ether, 50_000);
        handler.force(5, true);
        handler.force(7, false);
        handler.initiate(1 ether, 50_000, false);
        handler.initiate(2 ether, 50_000, true);
        handler.claim();
        handler.claimWrong(3);
        handler.time(1);
        handler.prove(0, 0);
        handler.prove(1, 0);
        handler.prove(2, 1);
        handler.proveForged(0, 77, 0);
        for (uint256 i; i < 3; ++i) {
            handler.time(9 days);
        }
        handler.resolve(0);
        handler.resolve(1);
        handler.time(9 days);
        handler.resolve(0);
        handler.moodOf(2);
        handler.finalize(1, 4);
        handler.finalize(0, 1);
        handler.finalize(1, 1);
        handler.finalizeForged(0);
        handler.moodOf(0);
        handler.again(1, 900_000);
        assertEq(handler.finalized(), 3 ether);
        assertEq(handler.paidByMessenger(), 2 ether);
        assertEq(handler.keptByMessenger(), 0);
        assertEq(handler.calls("prove"), 3);
        assertEq(handler.calls("finalize"), 2);
        assertEq(handler.calls("again"), 1);
        assertEq(handler.calls("finalizeForged"), 1);
        assertEq(handler.broken(), 0);
    }
}
