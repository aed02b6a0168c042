// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {AnchorStateRegistry} from "../../src/l1/AnchorStateRegistry.sol";
import {BootstrapGame} from "../../src/l1/BootstrapGame.sol";
import {DisputeGameFactory} from "../../src/l1/DisputeGameFactory.sol";
import {OptimismPortal} from "../../src/l1/OptimismPortal.sol";
import {SystemConfig} from "../../src/l1/SystemConfig.sol";
import {IAnchorStateRegistry} from "../../src/l1/interfaces/IAnchorStateRegistry.sol";
import {Hashing} from "../../src/l1/libraries/Hashing.sol";
import {OutputRootProof, WithdrawalTransaction} from "../../src/l1/types/Types.sol";
import {Settlement} from "./helpers/Settlement.sol";
import {TrieBuilder} from "./helpers/TrieBuilder.sol";

/// @notice Ends itself for the good of another account.
contract Heirloom {
    constructor(address heir) payable {
        selfdestruct(payable(heir));
    }
}

/// @notice What upgrades must not change, and what a set that nobody initialized must not do.
contract UpgradeTest is Settlement {
    /// A bridge of 2022 took the root zero for proven after an upgrade had set it so.
    function test_root_zero_never_proves_fresh_initialized_or_upgraded() public {
        zeroProvesNothing(portal);
        upgradeAll();
        zeroProvesNothing(portal);

        // Contracts behind proxies whose storage nobody has set.
        OptimismPortal bare = OptimismPortal(payable(proxy()));
        DisputeGameFactory games = DisputeGameFactory(proxy());
        AnchorStateRegistry anchors = AnchorStateRegistry(proxy());
        upgrade(address(games), address(new DisputeGameFactory()), "");
        upgrade(address(anchors), address(new AnchorStateRegistry(address(games), 0)), "");
        upgrade(address(bare), address(new OptimismPortal(address(config), address(anchors), address(games), 0)), "");
        zeroProvesNothing(bare);
        // Nor does a game of another factory count there.
        (, BootstrapGame made) = propose(keccak256("root"), 1);
        assertTrue(!anchors.isGameRegistered(address(made)) && !anchors.isGameProper(address(made)), "of another");
        vm.expectRevert(abi.encodeWithSignature("AnchorStateRegistryInvalidStart()"));
        IAnchorStateRegistry.Start memory none;
        anchors.initialize(OWNER, GUARDIAN, BOOTSTRAP, none);
    }

    function zeroProvesNothing(OptimismPortal at_) internal {
        vm.deal(address(at_), 10 ether);
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 0, "");
        OutputRootProof memory nothing;
        bytes[][3] memory proofs;
        proofs[1] = new bytes[](1);
        proofs[2] = new bytes[](1);
        proofs[2][0] = hex"80";
        for (uint256 i; i < 3; ++i) {
            for (uint256 index; index < 2; ++index) {
                (bool ok,) = try_(
                    address(at_),
                    abi.encodeCall(portal.proveWithdrawalTransaction, (message, index, nothing, proofs[i]))
                );
                assertTrue(!ok, "proven");
            }
        }
        (bool finalized,) = try_(address(at_), abi.encodeCall(portal.finalizeWithdrawalTransaction, (message)));
        assertTrue(!finalized && at_.numProofSubmitters(Hashing.withdrawal(message)) == 0, "finalized");
        assertEq(address(at_).balance, 10 ether);
    }

    /// An upgrade in the middle of a withdrawal changes nothing of it.
    function test_withdrawal_survives_an_upgrade() public {
        vm.deal(address(portal), 1 ether);
        WithdrawalTransaction memory message = withdrawal(BOB, 1 ether, 21_000, "");
        BootstrapGame made = claimAndProve(message, ALICE);
        upgradeAll();
        settle(made);
        pass(MATURITY);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        assertEq(BOB.balance, 1 ether);
        upgradeAll();
        vm.expectRevert(abi.encodeWithSignature("OptimismPortal_AlreadyFinalized()"));
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
    }

    /// A bridge of 2024 lost its threshold in an upgrade that called one of two initializers.
    function test_threshold_survives_upgrade() public {
        (, BootstrapGame made) = propose(keccak256("root"), 9);
        settle(made);
        registry.setAnchorState(address(made));
        vm.prank(GUARDIAN);
        registry.pause();
        bytes memory before = state();
        upgradeAll();
        assertEq(state(), before);
        assertTrue(operators.challengerCount() > 0, "a challenger remains");
        // Nothing can be initialized again.
        bytes memory refusal = abi.encodeWithSignature("InvalidInitialization()");
        vm.expectRevert(refusal);
        registry.initialize(ALICE, ALICE, 1, start());
        vm.expectRevert(refusal);
        factory.initialize(ALICE);
        vm.expectRevert(refusal);
        config.initialize(ALICE, firstParams());
    }

    /// Ether that comes by self-destruction belongs to nobody, and neither lets anybody withdraw nor stops anybody.
    function testFuzz_value_is_conserved_across_selfdestruct(uint96 forced, uint96 amount) public {
        amount = uint96(bound(amount, 1, type(uint96).max));
        vm.deal(ALICE, amount);
        as_(ALICE);
        portal.depositTransaction{value: amount}(ALICE, amount, 50_000, false, "");
        vm.deal(address(this), forced);
        new Heirloom{value: forced}(address(portal));
        WithdrawalTransaction memory message = withdrawal(BOB, amount, 21_000, "");
        settle(claimAndProve(message, ALICE));
        pass(MATURITY);
        portal.finalizeWithdrawalTransactionExternalProof(message, ALICE);
        assertEq(BOB.balance, amount);
        assertEq(address(portal).balance, forced);
    }

    /* HELPERS */

    function state() internal view returns (bytes memory) {
        (bytes32 root, uint256 l2Block) = registry.getAnchorRoot();
        return bytes.concat(
            abi.encode(registry.owner(), registry.guardian(), registry.respectedGameType(), registry.anchorGame()),
            abi.encode(registry.pausedUntil(), registry.retirementTimestamp(), root, l2Block, factory.gameCount()),
            abi.encode(factory.owner(), factory.gameImpls(BOOTSTRAP), factory.initBonds(BOOTSTRAP)),
            abi.encode(config.owner(), config.batcherHash(), config.gasLimit(), config.unsafeBlockSigner())
        );
    }

    function upgradeAll() internal {
        upgrade(address(config), address(new SystemConfig(L2_CHAIN_ID, addresses())), "");
        upgrade(address(factory), address(new DisputeGameFactory()), "");
        upgrade(address(registry), address(new AnchorStateRegistry(address(factory), AIR_GAP)), "");
        upgrade(
            address(portal),
            address(new OptimismPortal(address(config), address(registry), address(factory), MATURITY)),
            ""
        );
    }
}
