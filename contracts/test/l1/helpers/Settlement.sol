// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {OptimismMintableERC20Factory} from "../../../src/bridge/OptimismMintableERC20Factory.sol";
import {AnchorStateRegistry} from "../../../src/l1/AnchorStateRegistry.sol";
import {BootstrapGame} from "../../../src/l1/BootstrapGame.sol";
import {BootstrapOperators} from "../../../src/l1/BootstrapOperators.sol";
import {DelayedBonds} from "../../../src/l1/DelayedBonds.sol";
import {L1CrossDomainMessenger} from "../../../src/l1/L1CrossDomainMessenger.sol";
import {L1StandardBridge} from "../../../src/l1/L1StandardBridge.sol";
import {DisputeGameFactory} from "../../../src/l1/DisputeGameFactory.sol";
import {OptimismPortal} from "../../../src/l1/OptimismPortal.sol";
import {Proxy} from "../../../src/l1/Proxy.sol";
import {ProxyAdmin} from "../../../src/l1/ProxyAdmin.sol";
import {SystemConfig} from "../../../src/l1/SystemConfig.sol";
import {IAnchorStateRegistry} from "../../../src/l1/interfaces/IAnchorStateRegistry.sol";
import {ISystemConfig} from "../../../src/l1/interfaces/ISystemConfig.sol";
import {Hashing} from "../../../src/l1/libraries/Hashing.sol";
import {OutputRootProof, WithdrawalTransaction} from "../../../src/l1/types/Types.sol";
import {Cheats} from "./Cheats.sol";
import {TrieBuilder} from "./TrieBuilder.sol";

/// @title A whole set of L1 contracts, and an L2 that consists of its withdrawals
abstract contract Settlement is Cheats {
    /* CONSTANTS */

    uint256 internal constant L2_CHAIN_ID = 901;
    uint32 internal constant BOOTSTRAP = 0x464F4750;
    uint256 internal constant BOND = 0.08 ether;
    uint64 internal constant CLOCK = 302_400;
    uint64 internal constant TIMEOUT = 7 days;
    uint256 internal constant AIR_GAP = 302_400;
    uint256 internal constant MATURITY = 7 days;
    uint256 internal constant BOND_DELAY = 7 days;

    address internal constant OWNER = address(0x0111);
    address internal constant GUARDIAN = address(0x0222);
    address internal constant PROPOSER = address(0x0333);
    address internal constant CHALLENGER = address(0x0444);
    address internal constant BATCHER = address(0x0555);
    address internal constant SIGNER = address(0x0666);

    /* THE CONTRACTS */

    ProxyAdmin internal admin;
    SystemConfig internal config;
    OptimismPortal internal portal;
    DisputeGameFactory internal factory;
    AnchorStateRegistry internal registry;
    BootstrapOperators internal operators;
    DelayedBonds internal bonds;
    BootstrapGame internal game;
    L1CrossDomainMessenger internal l1Messenger;
    L1StandardBridge internal l1Bridge;
    OptimismMintableERC20Factory internal l1TokenFactory;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(20_000_000);
        deploy();
    }

    /// @dev The order of a deployment: proxies, so that all addresses are known; implementations; then what is owned.
    function deploy() internal {
        admin = new ProxyAdmin(OWNER);
        config = SystemConfig(proxy());
        portal = OptimismPortal(payable(proxy()));
        factory = DisputeGameFactory(proxy());
        registry = AnchorStateRegistry(proxy());
        l1Messenger = L1CrossDomainMessenger(proxy());
        l1Bridge = L1StandardBridge(payable(proxy()));
        l1TokenFactory = OptimismMintableERC20Factory(proxy());

        upgrade(
            address(config),
            address(new SystemConfig(L2_CHAIN_ID, addresses())),
            abi.encodeCall(ISystemConfig.initialize, (OWNER, firstParams()))
        );
        upgrade(
            address(factory), address(new DisputeGameFactory()), abi.encodeCall(DisputeGameFactory.initialize, (OWNER))
        );
        upgrade(
            address(registry),
            address(new AnchorStateRegistry(address(factory), AIR_GAP)),
            abi.encodeCall(IAnchorStateRegistry.initialize, (OWNER, GUARDIAN, BOOTSTRAP, start()))
        );
        upgrade(
            address(portal),
            address(new OptimismPortal(address(config), address(registry), address(factory), MATURITY)),
            ""
        );
        upgrade(address(l1Messenger), address(new L1CrossDomainMessenger(address(portal))), "");
        upgrade(address(l1Bridge), address(new L1StandardBridge(address(l1Messenger))), "");
        upgrade(address(l1TokenFactory), address(new OptimismMintableERC20Factory(address(l1Bridge))), "");
        address[] memory proposers = new address[](1);
        address[] memory challengers = new address[](1);
        (proposers[0], challengers[0]) = (PROPOSER, CHALLENGER);
        operators = new BootstrapOperators(OWNER, proposers, challengers);
        bonds = new DelayedBonds(registry, BOND_DELAY);
        game = new BootstrapGame(registry, operators, bonds, CLOCK, TIMEOUT);
        vm.startPrank(OWNER);
        factory.setImplementation(BOOTSTRAP, address(game));
        factory.setInitBond(BOOTSTRAP, BOND);
        vm.stopPrank();
        vm.deal(PROPOSER, 1_000 ether);
        // Games made in the second of deployment are retired.
        pass(1);
    }

    function addresses() internal view returns (ISystemConfig.Addresses memory) {
        return ISystemConfig.Addresses({
            l1CrossDomainMessenger: address(l1Messenger),
            l1StandardBridge: address(l1Bridge),
            disputeGameFactory: address(factory),
            optimismPortal: address(portal),
            optimismMintableERC20Factory: address(l1TokenFactory)
        });
    }

    function firstParams() internal pure returns (ISystemConfig.Params memory) {
        return ISystemConfig.Params({
            batcher: BATCHER,
            baseFeeScalar: 1_368,
            blobBaseFeeScalar: 810_949,
            gasLimit: 60_000_000,
            unsafeBlockSigner: SIGNER,
            eip1559Denominator: 250,
            eip1559Elasticity: 6,
            operatorFeeScalar: 0,
            operatorFeeConstant: 0
        });
    }

    function start() internal pure returns (IAnchorStateRegistry.Start memory) {
        return IAnchorStateRegistry.Start({root: keccak256("genesis"), l2BlockNumber: 0, cursor: keccak256("cursor")});
    }

    function proxy() internal returns (address) {
        return address(new Proxy(address(admin)));
    }

    function upgrade(address proxy_, address implementation, bytes memory call_) internal {
        vm.prank(OWNER);
        if (call_.length == 0) admin.upgrade(proxy_, implementation);
        else admin.upgradeAndCall(proxy_, implementation, call_);
    }

    /* TIME */

    function pass(uint256 seconds_) internal {
        vm.warp(block.timestamp + seconds_);
        vm.roll(block.number + 1 + seconds_ / 12);
    }

    /* CLAIMS */

    /// @dev The listed proposer claims `root` of block `l2Block`; the index of the game.
    function propose(bytes32 root, uint256 l2Block) internal returns (uint256 index, BootstrapGame made) {
        index = factory.gameCount();
        vm.prank(PROPOSER);
        made = BootstrapGame(factory.create{value: BOND}(BOOTSTRAP, root, abi.encode(l2Block)));
    }

    /// @dev Lets the clock and the air gap pass.
    function settle(BootstrapGame made) internal {
        pass(CLOCK);
        made.resolve();
        pass(AIR_GAP + 1);
    }

    /* WITHDRAWALS */

    function slotOf(bytes32 withdrawalHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(withdrawalHash, uint256(0)));
    }

    /// @dev Storage keys of the message passer after these withdrawals and `others` unknown ones.
    function keysOf(WithdrawalTransaction[] memory messages, uint256 others)
        internal
        pure
        returns (bytes32[] memory keys)
    {
        keys = new bytes32[](messages.length + others);
        for (uint256 i; i < messages.length; ++i) {
            keys[i] = slotOf(Hashing.withdrawal(messages[i]));
        }
        for (uint256 i; i < others; ++i) {
            keys[messages.length + i] = slotOf(keccak256(abi.encode("other", i)));
        }
    }

    function outputOf(bytes32[] memory keys) internal pure returns (OutputRootProof memory) {
        return OutputRootProof({
            version: 0,
            stateRoot: keccak256(abi.encode("state", keys)),
            messagePasserStorageRoot: TrieBuilder.root(keys),
            latestBlockhash: keccak256(abi.encode("block", keys))
        });
    }

    /// @dev A block in which `message` was sent is claimed, and the message proven by `prover`.
    function claimAndProve(WithdrawalTransaction memory message, address prover) internal returns (BootstrapGame made) {
        WithdrawalTransaction[] memory messages = new WithdrawalTransaction[](1);
        messages[0] = message;
        bytes32[] memory keys = keysOf(messages, 4);
        OutputRootProof memory output = outputOf(keys);
        uint256 index;
        (, uint256 anchor) = registry.getAnchorRoot();
        (index, made) = propose(Hashing.outputRoot(output), anchor + 1 + factory.gameCount());
        pass(12);
        bytes[] memory proof = TrieBuilder.prove(keys, keys[0], false);
        as_(prover);
        portal.proveWithdrawalTransaction(message, index, output, proof);
    }

    function withdrawal(address target, uint256 value, uint256 gasLimit, bytes memory data)
        internal
        pure
        returns (WithdrawalTransaction memory)
    {
        return WithdrawalTransaction({
            nonce: uint256(1) << 240, sender: ALICE, target: target, value: value, gasLimit: gasLimit, data: data
        });
    }
}
