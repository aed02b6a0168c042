// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {LogRegStep} from "../src/examples/LogRegStep.sol";
import {LogRegData} from "../test/helpers/LogRegData.sol";
import {Script} from "./helpers/Script.sol";

/// @title TrainingStep
/// @notice Trains a logistic regression on chain, eight steps in eight transactions, each on a batch of 32 samples.
/// How to run it, and why so: see Script.
contract TrainingStep is Script {
    uint32 internal constant BATCH = 32;
    uint256 internal constant STEPS = 8;

    /// @notice Deploys and trains.
    function run() external withMocks returns (LogRegStep regression) {
        vm.startBroadcast(key(0));
        regression = new LogRegStep(4, 1, LogRegData.RATE);
        for (uint256 step = 0; step < STEPS; ++step) {
            (bytes memory x, bytes memory labels) = LogRegData.batch(BATCH, step);
            regression.train(BATCH, Tensor.inlined(x), Tensor.inlined(labels));
        }
        vm.stopBroadcast();
        log("LogRegStep", address(regression));
        log("weights", regression.weights());
        log("right of 32", right(regression.predict(BATCH, Tensor.inlined(seen(99)))));
    }

    /// @notice Holds the node's training against ours.
    /// @param trained Where `run` deployed.
    function check(LogRegStep trained) external withMocks {
        LogRegStep ours = new LogRegStep(4, 1, LogRegData.RATE);
        for (uint256 step = 0; step < STEPS; ++step) {
            (bytes memory x, bytes memory labels) = LogRegData.batch(BATCH, step);
            ours.train(BATCH, Tensor.inlined(x), Tensor.inlined(labels));
        }
        bytes memory data = abi.encodeCall(trained.weights, ());
        same("weights after training", onNode(address(trained), data), abi.encode(ours.weights()));
        bytes memory samples = Tensor.inlined(seen(99));
        data = abi.encodeCall(LogRegStep.predict, (BATCH, samples));
        same("probabilities", onNode(address(trained), data), abi.encode(ours.predict(BATCH, samples)));
        log("right of 32", right(ours.predict(BATCH, samples)));
    }

    function seen(uint256 seed) internal pure returns (bytes memory x) {
        (x,) = LogRegData.batch(BATCH, seed);
    }

    /// @dev How many of batch 99 are classified as labelled.
    function right(bytes memory probabilities) internal pure returns (uint256 count) {
        (, bytes memory labels) = LogRegData.batch(BATCH, 99);
        for (uint256 i = 0; i < BATCH; ++i) {
            if ((uint8(probabilities[i]) >= 64) == (labels[i] != 0)) ++count;
        }
    }
}
