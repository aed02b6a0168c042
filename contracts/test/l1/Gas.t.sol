// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {BootstrapGame} from "../../src/l1/BootstrapGame.sol";
import {Hashing} from "../../src/l1/libraries/Hashing.sol";
import {OutputRootProof, WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {Settlement} from "./helpers/Settlement.sol";
import {TrieBuilder} from "./helpers/TrieBuilder.sol";

/// @notice Gas of whole transactions behind proxies: 21,000, calldata and all cold. Kept in snapshots/settlement.json;
/// each has a ceiling that fails the test.
contract GasTest is Settlement {
    /// forge-config: default.isolate = true
    function test_deposit() public {
        // The second deposit of a chain and later: 100,000 of L2 gas at the least price.
        deposit();
        pass(60);
        keep("deposit of ether, 100,000 L2 gas", deposit(), 135_000);
    }

    function deposit() internal returns (uint256) {
        vm.deal(ALICE, 1 ether);
        as_(ALICE);
        portal.depositTransaction{value: 1 ether}(ALICE, 1 ether, 100_000, false, "");
        return used();
    }

    /// forge-config: default.isolate = true
    function test_claims() public {
        propose(keccak256("first"), 1);
        pass(3_600);
        (, BootstrapGame made) = propose(keccak256("second"), 2);
        keep("proposal", used(), 210_000);
        pass(CLOCK);
        made.resolve();
        keep("resolution", used(), 35_000);
        pass(AIR_GAP + 1);
        registry.setAnchorState(address(made));
        keep("new anchor", used(), 120_000);
        made.claimCredit(PROPOSER);
        keep("bond claimed", used(), 80_000);
        pass(BOND_DELAY);
        bonds.withdraw(address(made), PROPOSER);
        keep("bond withdrawn", used(), 60_000);

        (, made) = propose(keccak256("third"), 3);
        vm.prank(CHALLENGER);
        made.cancel();
        keep("cancellation", used(), 75_000);
    }

    /// forge-config: default.isolate = true
    function test_withdrawal() public {
        vm.deal(address(portal), 10 ether);
        vm.deal(BOB, 1);
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = withdrawal(BOB, 1 ether, 21_000, "");
        bytes32[] memory keys = keysOf(messages, 7);
        OutputRootProof memory output = outputOf(keys);
        (uint256 index, BootstrapGame made) = propose(Hashing.outputRoot(output), 1);
        pass(1);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        assertEq(proof.length, 2);
        as_(ALICE);
        portal.proveWithdrawalTransaction(messages[0], index, output, proof);
        keep("proof of 2 nodes", used(), 210_000);
        settle(made);
        pass(MATURITY);
        as_(ALICE);
        portal.finalizeWithdrawalTransaction(messages[0]);
        keep("finalization to an account", used(), 125_000);
    }

    /// @dev Gas that the last transaction used before refunds.
    function used() internal returns (uint256) {
        return more.lastCallGas().gasTotalUsed;
    }

    function keep(string memory name, uint256 gas_, uint256 ceiling) internal {
        vm.snapshotValue("settlement", name, gas_);
        assertTrue(gas_ > 21_000 && gas_ <= ceiling, string.concat("ceiling: ", name));
    }
}
