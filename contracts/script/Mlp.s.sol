// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {MlpClassifier} from "../src/examples/MlpClassifier.sol";
import {MlpFixture} from "../test/helpers/MlpFixture.sol";
import {Random} from "../test/helpers/Random.sol";
import {Script} from "./helpers/Script.sol";

/// @title MlpScript
/// @notice Puts a network 784-32-10 into two accounts, with weights that look random, and classifies in transactions.
/// How to run it, and why so: see Script.
contract MlpScript is Script {
    /// @notice Deploys and classifies three inputs.
    function run() external withMocks returns (MlpClassifier classifier) {
        MlpFixture.Model memory model = MlpFixture.random();
        vm.startBroadcast(key(0));
        classifier = MlpFixture.deploy(model);
        for (uint256 i = 0; i < 3; ++i) {
            log("class", classifier.classify(input(i)));
        }
        vm.stopBroadcast();
        log("MlpClassifier", address(classifier));
    }

    /// @notice Holds the node's logits for five inputs against ours.
    /// @param deployed Where `run` deployed.
    function check(MlpClassifier deployed) external withMocks {
        MlpClassifier ours = MlpFixture.deploy(MlpFixture.random());
        for (uint256 i = 0; i < 5; ++i) {
            bytes memory data = abi.encodeCall(deployed.logits, (input(i)));
            same("logits", onNode(address(deployed), data), abi.encode(ours.logits(input(i))));
            data = abi.encodeCall(deployed.predict, (input(i)));
            same("class", onNode(address(deployed), data), abi.encode(ours.predict(input(i))));
        }
    }

    function input(uint256 index) internal pure returns (bytes memory) {
        return Random.data(784, string(abi.encode(index)));
    }
}
