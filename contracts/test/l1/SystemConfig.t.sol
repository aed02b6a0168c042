// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {SystemConfig} from "../../src/l1/SystemConfig.sol";
import {IResourceMetering} from "../../src/l1/interfaces/IResourceMetering.sol";
import {ISystemConfig} from "../../src/l1/interfaces/ISystemConfig.sol";
import {Vm} from "../helpers/Test.sol";
import {Settlement} from "./helpers/Settlement.sol";

/// @notice What derivation reads of `ConfigUpdate`, byte by byte, and the bounds.
contract SystemConfigTest is Settlement {
    bytes32 internal constant TOPIC = 0x1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be;

    function test_first_values_and_their_events() public {
        SystemConfig fresh = SystemConfig(proxy());
        address implementation = address(new SystemConfig(L2_CHAIN_ID, addresses()));
        more.recordLogs();
        upgrade(address(fresh), implementation, abi.encodeCall(ISystemConfig.initialize, (OWNER, firstParams())));
        Vm.Log[] memory logs = more.getRecordedLogs();
        uint256 found;
        bytes32 kinds;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != TOPIC) continue;
            assertEq(logs[i].topics[1], bytes32(0));
            kinds |= bytes32(1 << uint256(logs[i].topics[2]));
            ++found;
        }
        assertEq(found, 6);
        assertEq(kinds, bytes32(uint256(63)));

        assertEq(fresh.owner(), OWNER);
        assertEq(fresh.batcherHash(), bytes32(uint256(uint160(BATCHER))));
        assertEq(fresh.scalar(), (1 << 248) | (uint256(810_949) << 32) | 1_368);
        assertEq(fresh.overhead(), 0);
        assertEq(fresh.gasLimit(), 60_000_000);
        assertEq(fresh.unsafeBlockSigner(), SIGNER);
        assertEq(
            vm.load(address(fresh), keccak256("systemconfig.unsafeblocksigner")), bytes32(uint256(uint160(SIGNER)))
        );
        assertEq(fresh.eip1559Denominator(), 250);
        assertEq(fresh.eip1559Elasticity(), 6);
        assertEq(fresh.startBlock(), block.number);
        // Zero byte, then the first 19 of the hash of the chain id.
        assertEq(uint160(fresh.batchInbox()) >> 152, 0);
        assertEq(
            bytes32(bytes19(uint152(uint160(fresh.batchInbox())))), bytes32(bytes19(keccak256(abi.encode(L2_CHAIN_ID))))
        );
    }

    function test_initialized_once_and_not_in_the_implementation() public {
        vm.expectRevert(abi.encodeWithSignature("InvalidInitialization()"));
        config.initialize(ALICE, firstParams());
        SystemConfig bare = new SystemConfig(L2_CHAIN_ID, addresses());
        vm.expectRevert(abi.encodeWithSignature("InvalidInitialization()"));
        bare.initialize(ALICE, firstParams());
    }

    function testFuzz_batcher(address batcher) public {
        bytes32 hash = bytes32(uint256(uint160(batcher)));
        expect(0, abi.encode(hash));
        config.setBatcherHash(hash);
        assertEq(config.batcherHash(), hash);
    }

    function testFuzz_batcher_hash_is_an_address(bytes32 hash) public {
        vm.assume(uint256(hash) >> 160 != 0);
        vm.expectRevert(abi.encodeWithSelector(ISystemConfig.SystemConfigBatcherHash.selector, hash));
        vm.prank(OWNER);
        config.setBatcherHash(hash);
    }

    function testFuzz_fee_scalars(uint32 base, uint32 blob) public {
        expect(1, abi.encode(uint256(0), (uint256(1) << 248) | (uint256(blob) << 32) | base));
        config.setGasConfigEcotone(base, blob);
        assertEq(config.basefeeScalar(), base);
        assertEq(config.blobbasefeeScalar(), blob);
    }

    function testFuzz_gas_limit(uint64 limit) public {
        if (limit < 21_000_000 || limit > 200_000_000) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ISystemConfig.SystemConfigGasLimit.selector, limit, uint64(21_000_000), uint64(200_000_000)
                )
            );
            vm.prank(OWNER);
            config.setGasLimit(limit);
        }
        limit = uint64(bound(limit, 21_000_000, 200_000_000));
        expect(2, abi.encode(limit));
        config.setGasLimit(limit);
        assertEq(config.gasLimit(), limit);
    }

    function testFuzz_unsafe_block_signer(address signer) public {
        expect(3, abi.encode(signer));
        config.setUnsafeBlockSigner(signer);
        assertEq(config.unsafeBlockSigner(), signer);
    }

    function testFuzz_eip1559(uint32 denominator, uint32 elasticity) public {
        if (denominator == 0 || elasticity == 0 || elasticity > 21_000_000) {
            vm.expectRevert(abi.encodeWithSelector(ISystemConfig.SystemConfigEip1559.selector, denominator, elasticity));
            vm.prank(OWNER);
            config.setEIP1559Params(denominator, elasticity);
        }
        denominator = uint32(bound(denominator, 1, type(uint32).max));
        elasticity = uint32(bound(elasticity, 1, 21_000_000));
        expect(4, abi.encode((uint256(denominator) << 32) | elasticity));
        config.setEIP1559Params(denominator, elasticity);
        assertEq(config.eip1559Denominator(), denominator);
        assertEq(config.eip1559Elasticity(), elasticity);
    }

    function test_eip1559_zeros_are_refused() public {
        uint32[2][3] memory bad = [[uint32(0), 6], [uint32(250), 0], [uint32(250), 21_000_001]];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ISystemConfig.SystemConfigEip1559.selector, bad[i][0], bad[i][1]));
            vm.prank(OWNER);
            config.setEIP1559Params(bad[i][0], bad[i][1]);
        }
    }

    function testFuzz_operator_fee(uint32 scalar, uint64 constant_) public {
        expect(5, abi.encode((uint256(scalar) << 64) | constant_));
        config.setOperatorFeeScalars(scalar, constant_);
        assertEq(config.operatorFeeScalar(), scalar);
        assertEq(config.operatorFeeConstant(), constant_);
    }

    function testFuzz_only_the_owner_sets(address stranger) public {
        vm.assume(stranger != OWNER && stranger != address(admin));
        bytes[6] memory calls = [
            abi.encodeCall(config.setBatcherHash, (0)),
            abi.encodeCall(config.setGasConfigEcotone, (1, 2)),
            abi.encodeCall(config.setGasLimit, (30_000_000)),
            abi.encodeCall(config.setUnsafeBlockSigner, (stranger)),
            abi.encodeCall(config.setEIP1559Params, (1, 1)),
            abi.encodeCall(config.setOperatorFeeScalars, (1, 1))
        ];
        for (uint256 i; i < 6; ++i) {
            vm.prank(stranger);
            (bool ok, bytes memory answer) = try_(address(config), calls[i]);
            assertTrue(!ok, "a stranger sets");
            assertEq(answer, abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        }
    }

    /// The bound of the fault proof rests on these figures.
    function test_deposit_market() public view {
        IResourceMetering.ResourceConfig memory market = config.resourceConfig();
        assertEq(market.maxResourceLimit, 20_000_000);
        assertEq(market.elasticityMultiplier, 10);
        assertEq(market.baseFeeMaxChangeDenominator, 8);
        assertEq(market.minimumBaseFee, 1 gwei);
        assertEq(market.systemTxMaxGas, 1_000_000);
        assertEq(market.maximumBaseFee, type(uint128).max);
        assertEq(config.minimumGasLimit(), 21_000_000);
        assertEq(config.maximumGasLimit(), 200_000_000);
    }

    function test_addresses() public view {
        ISystemConfig.Addresses memory got = config.getAddresses();
        assertEq(abi.encode(got), abi.encode(addresses()));
        assertEq(config.optimismPortal(), address(portal));
        assertEq(config.disputeGameFactory(), address(factory));
        assertEq(config.l1StandardBridge(), address(l1Bridge));
        assertEq(config.l1CrossDomainMessenger(), address(l1Messenger));
        assertEq(config.optimismMintableERC20Factory(), address(l1TokenFactory));
        assertEq(config.l2ChainId(), L2_CHAIN_ID);
        (address token, uint8 decimals) = config.gasPayingToken();
        assertEq(token, 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE);
        assertEq(decimals, 18);
        assertTrue(!config.isCustomGasToken(), "ether");
    }

    /// @dev The owner's next call emits this update.
    function expect(uint8 kind, bytes memory data) internal {
        more.expectEmit(address(config));
        emit ISystemConfig.ConfigUpdate(0, ISystemConfig.UpdateType(kind), data);
        vm.prank(OWNER);
    }
}
