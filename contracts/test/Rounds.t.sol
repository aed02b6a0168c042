// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraAgg} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {TensorHandles} from "../src/ai/libraries/TensorHandles.sol";
import {TensorSlow} from "../src/ai/slow/TensorSlow.sol";
import {FedAvgRound} from "../src/examples/FedAvgRound.sol";
import {FederatedRound, IFederatedRound} from "../src/examples/FederatedRound.sol";
import {MedianRound} from "../src/examples/MedianRound.sol";
import {Random} from "./helpers/Random.sol";
import {Test} from "./helpers/Test.sol";

contract RoundsTest is Test {
    uint32 internal constant D = 20;
    uint64 internal constant DAY = 86_400;

    bytes32[] internal ids;
    int32[] internal samples;

    function setUp() public {
        TensorSlow.install();
        vm.warp(1_800_000_000);
    }

    /* CALLDATA */

    function meanCall(uint32 d, int32[] calldata weights, bytes32[] calldata handles)
        external
        pure
        returns (bytes memory)
    {
        return TensorHandles.meanCall(0x80, Tensor.I16, d, weights, handles);
    }

    function testFuzz_handles_are_encoded_as_solidity_does(uint32 d, int32[] calldata weights, bytes32[] calldata list)
        public
        view
    {
        bytes[] memory u = new bytes[](list.length);
        for (uint256 i = 0; i < u.length; ++i) {
            u[i] = Tensor.stored(list[i]);
        }
        bytes memory want = abi.encodeCall(IFoggaraAgg.mean, (0x80, Tensor.I16, d, weights, 0, u));
        assertEq(this.meanCall(d, weights, list), want);
    }

    /* FEDERATED AVERAGING */

    function test_mean_of_32_clients() public {
        FedAvgRound round = new FedAvgRound(Tensor.I8, D, 32, DAY);
        int256[] memory sums = new int256[](D);
        int256 weight = 0;
        for (uint32 c = 0; c < 32; ++c) {
            bytes memory update = Random.data(D, string(abi.encode(c)));
            submit(round, c, update, 10 + c);
            weight += int256(uint256(10 + c));
            for (uint256 i = 0; i < D; ++i) {
                sums[i] += int256(Tensor.readI8(update, i)) * int256(uint256(10 + c));
            }
        }
        vm.roll(block.number + 1);
        bytes memory mean = round.average(ids, samples);
        for (uint256 i = 0; i < D; ++i) {
            // Off by at most a half.
            int256 excess = int256(Tensor.readI32(mean, i)) * weight - sums[i];
            assertTrue(2 * excess <= weight && 2 * excess >= -weight, "rounded mean");
        }
        bytes[] memory operands = new bytes[](32);
        for (uint256 c = 0; c < 32; ++c) {
            operands[c] = c % 2 == 0 ? Tensor.stored(ids[c]) : Tensor.inlined(Random.data(D, string(abi.encode(c))));
        }
        assertEq(round.averageOf(operands, samples), mean);

        bytes32 id = round.close(ids, samples);
        assertEq(round.model(), id);
        assertEq(Tensor.TENSOR.read(id, 0, 0), mean);
        assertEq(round.round(), 2);
        assertEq(round.clients(), 0);
    }

    function test_a_round_takes_only_what_was_handed_in() public {
        FedAvgRound round = new FedAvgRound(Tensor.I8, D, 2, DAY);
        submit(round, 0, Random.data(D, "a"), 1);
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundTooFew.selector, 1, 2));
        round.close(ids, samples);
        submit(round, 1, Random.data(D, "b"), 2);
        vm.roll(block.number + 1);

        samples[1] = 3;
        bytes32 got = round.hashOf(ids, samples);
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundListsDiffer.selector, got, round.submissions()));
        round.close(ids, samples);
        samples[1] = 2;
        round.close(ids, samples);
    }

    function test_submissions_are_checked() public {
        FedAvgRound round = new FedAvgRound(Tensor.I8, D, 2, 8 * DAY);
        bytes32 id = Tensor.put(Tensor.I8, D, 1, new bytes(D));
        uint64 deadline = round.deadline();
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundExpiresTooEarly.selector, deadline - DAY, deadline));
        round.submit(id, 1);
        Tensor.TENSOR.touch(id, 1);
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundBadWeight.selector, 0));
        round.submit(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundBadWeight.selector, 1 << 24));
        round.submit(id, 1 << 24);
        round.submit(id, 1);
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundSubmittedBefore.selector, address(this)));
        round.submit(id, 1);

        bytes32 other = Tensor.put(Tensor.I16, D, 2, new bytes(2 * D));
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundWrongTensor.selector, other));
        vm.prank(address(1));
        round.submit(other, 1);

        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IFederatedRound.RoundWrongTime.selector, deadline));
        vm.prank(address(1));
        round.submit(id, 1);
        round.abandon();
        assertEq(round.round(), 2);
        assertEq(round.submissions(), bytes32(0));
    }

    /* POISONED CLIENTS */

    function test_median_survives_a_poisoned_minority() public {
        MedianRound round = new MedianRound(Tensor.I32, D, 9, DAY, MedianRound.Rule.Median, 4);
        honestAndPoisoned(round, 5, 4);
        bytes memory middle = round.median(ids);
        assertTrue(isNearBase(middle, D, 8), "median");
        assertEq(Tensor.TENSOR.read(round.close(ids, samples), 0, 0), middle);
    }

    function test_mean_does_not_survive() public {
        FedAvgRound round = new FedAvgRound(Tensor.I32, D, 9, DAY);
        honestAndPoisoned(round, 5, 4);
        assertTrue(!isNearBase(round.average(ids, samples), D, 1_000_000), "mean");
    }

    function test_trimmed_mean_survives() public {
        MedianRound round = new MedianRound(Tensor.I32, D, 9, DAY, MedianRound.Rule.Trimmed, 4);
        honestAndPoisoned(round, 5, 4);
        assertTrue(isNearBase(Tensor.TENSOR.read(round.close(ids, samples), 0, 0), D, 8), "trimmed");
    }

    function test_krum_chooses_an_honest_update() public {
        MedianRound round = new MedianRound(Tensor.I16, D, 9, DAY, MedianRound.Rule.Krum, 3);
        for (uint32 c = 0; c < 9; ++c) {
            bool poisoned = c % 3 == 0;
            bytes memory update = new bytes(2 * D);
            for (uint256 i = 0; i < 2 * D; i += 2) {
                update[i] = poisoned ? bytes1(0xff) : bytes1(uint8(100 + c));
                update[i + 1] = poisoned ? bytes1(uint8(0x70 + c)) : bytes1(0x01);
            }
            submit(round, c, update, Tensor.I16, 1);
        }
        vm.roll(block.number + 1);
        bytes32 id = round.close(ids, samples);
        assertEq(uint8(Tensor.TENSOR.read(id, 0, 0)[1]), 1);
    }

    /// @dev Updates near `1000 * i - 5000`, then wild ones.
    function honestAndPoisoned(FederatedRound round, uint32 honest, uint32 poisoned) internal {
        for (uint32 c = 0; c < honest + poisoned; ++c) {
            int32[] memory values = new int32[](D);
            for (uint256 i = 0; i < D; ++i) {
                int256 noise = int256(uint256(keccak256(abi.encode(c, i))) % 16) - 8;
                values[i] = c < honest ? int32(int256(1000 * i) - 5000 + noise) : int32(2_000_000_000);
            }
            submit(round, c, Tensor.packI32(values), Tensor.I32, 1);
        }
        vm.roll(block.number + 1);
    }

    function isNearBase(bytes memory packed, uint256 count, int256 distance) internal pure returns (bool near) {
        near = true;
        for (uint256 i = 0; i < count; ++i) {
            int256 off = int256(Tensor.readI32(packed, i)) - int256(1000 * i) + 5000;
            near = near && off <= distance && off >= -distance;
        }
    }

    /* HELPERS */

    function submit(FederatedRound round, uint32 client, bytes memory update, uint32 weight) internal {
        submit(round, client, update, Tensor.I8, weight);
    }

    function submit(FederatedRound round, uint32 client, bytes memory update, uint8 dtype, uint32 weight) internal {
        bytes32 id = Tensor.put(dtype, D, 2, update);
        vm.prank(address(uint160(0xc000 + client)));
        round.submit(id, weight);
        ids.push(id);
        samples.push(int32(weight));
    }
}
