// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    IFoggaraAgg,
    IFoggaraAggRobust,
    IFoggaraLinear,
    IFoggaraReduce,
    IFoggaraTensor
} from "../src/ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {FedAvgRound} from "../src/examples/FedAvgRound.sol";
import {LogRegStep} from "../src/examples/LogRegStep.sol";
import {MedianRound} from "../src/examples/MedianRound.sol";
import {MlpClassifier, MlpStored} from "../src/examples/MlpClassifier.sol";
import {MlpFixture} from "./helpers/MlpFixture.sol";
import {Random} from "./helpers/Random.sol";
import {Test} from "./helpers/Test.sol";

/// @notice What the examples cost around their operations: operations answer at once, for no gas. On a node the gas of
/// the operations comes on top. Kept in snapshots/glue.json: gas of the call alone, without the transaction around it.
contract GlueTest is Test {
    function test_mlp() public {
        MlpFixture.Model memory model = MlpFixture.random();
        MlpClassifier classifier = MlpFixture.deploy(model);
        bytes memory x = Random.data(784, "x");
        answer(address(Tensor.REDUCE), IFoggaraReduce.reduce.selector, abi.encode(bytes(hex"07000000")));
        // Layers are told apart by kind, mode, m, k and n.
        answerLayer(784, 16, new bytes(16));
        answerLayer(32, 10, new bytes(10));
        keep("MlpClassifier.predict 784-32-10", address(classifier), abi.encodeCall(classifier.predict, (x)));
        keep("MlpClassifier.logits 784-32-10", address(classifier), abi.encodeCall(classifier.logits, (x)));
        keep("MlpClassifier.classify 784-32-10", address(classifier), abi.encodeCall(classifier.classify, (x)));

        answer(address(Tensor.TENSOR), IFoggaraTensor.put.selector, abi.encode(uint256(1)));
        MlpStored handles = MlpFixture.store(model);
        answerLayer(784, 32, new bytes(32));
        vm.cool(address(handles));
        keep("MlpStored.predict 784-32-10", address(handles), abi.encodeCall(handles.predict, (x)));
    }

    function test_rounds() public {
        bytes32[] memory ids = new bytes32[](32);
        int32[] memory samples = new int32[](32);
        for (uint256 c = 0; c < 32; ++c) {
            (ids[c], samples[c]) = (keccak256(abi.encode(c)), int32(int256(100 + c)));
        }
        FedAvgRound mean = new FedAvgRound(Tensor.I32, 10_000, 32, 86_400);
        MedianRound wide = new MedianRound(Tensor.I32, 10_000, 32, 86_400, MedianRound.Rule.Median, 0);
        MedianRound narrow = new MedianRound(Tensor.I8, 10_000, 32, 86_400, MedianRound.Rule.Median, 0);
        answer(address(Tensor.AGG), IFoggaraAgg.mean.selector, abi.encode(new bytes(40_000)));
        answer(address(Tensor.AGG_ROBUST), IFoggaraAggRobust.median.selector, abi.encode(new bytes(40_000)));
        keep("FedAvgRound.average 32 x 10000 handles", address(mean), abi.encodeCall(mean.average, (ids, samples)));
        keep("MedianRound.median 32 x 10000 i32 handles", address(wide), abi.encodeCall(wide.median, (ids)));
        answer(address(Tensor.AGG_ROBUST), IFoggaraAggRobust.median.selector, abi.encode(new bytes(10_000)));
        keep("MedianRound.median 32 x 10000 i8 handles", address(narrow), abi.encodeCall(narrow.median, (ids)));
    }

    function test_close() public {
        bytes32[] memory ids = new bytes32[](32);
        int32[] memory samples = new int32[](32);
        FedAvgRound round = new FedAvgRound(Tensor.I32, 10_000, 32, 86_400);
        uint32[] memory dims = new uint32[](1);
        dims[0] = 10_000;
        bytes memory info = abi.encode(uint8(6), dims, bytes32(0), uint64(1), type(uint64).max);
        answer(address(Tensor.TENSOR), IFoggaraTensor.info.selector, info);
        for (uint256 c = 0; c < 32; ++c) {
            (ids[c], samples[c]) = (keccak256(abi.encode(c)), 7);
            vm.prank(address(uint160(c + 1)));
            round.submit(ids[c], 7);
        }
        answer(address(Tensor.AGG), IFoggaraAgg.mean.selector, abi.encode(abi.encodePacked(ids[0])));
        vm.cool(address(round));
        keep("FedAvgRound.close 32 x 10000 handles", address(round), abi.encodeCall(round.close, (ids, samples)));
    }

    /* HELPERS */

    function answer(address operation, bytes4 selector, bytes memory result) internal {
        vm.mockCall(operation, abi.encodePacked(selector), result);
    }

    function answerLayer(uint32 k, uint32 n, bytes memory y) internal {
        bytes memory start = abi.encode(0, 0, 1, 1, k, n);
        vm.mockCall(address(Tensor.LINEARQ), abi.encodePacked(IFoggaraLinear.linear.selector, start), abi.encode(y));
    }

    function keep(string memory name, address target, bytes memory data) internal {
        // On a node operations are warm from the start, as is the target of the transaction.
        uint256 touched = address(Tensor.LINEARQ).balance + address(Tensor.REDUCE).balance + address(Tensor.AGG).balance
            + address(Tensor.AGG_ROBUST).balance + address(Tensor.TENSOR).balance;
        uint256 used;
        bool success;
        assembly ("memory-safe") {
            touched := add(touched, balance(target))
            used := gas()
            success := call(gas(), target, 0, add(data, 32), mload(data), 0, 0)
            used := sub(used, gas())
        }
        assertTrue(success && touched + 1 > 0, name);
        // Without the call itself.
        vm.snapshotValue("glue", name, used - 100);
    }
}
