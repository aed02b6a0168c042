// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Tensor} from "../src/ai/libraries/Tensor.sol";
import {FedAvgRound} from "../src/examples/FedAvgRound.sol";
import {FederatedRound} from "../src/examples/FederatedRound.sol";
import {MedianRound} from "../src/examples/MedianRound.sol";
import {Script} from "./helpers/Script.sol";

/// @title FederatedRoundScript
/// @notice Two rounds with the same clients, each of them an account of its own that stores its update and hands it in:
/// one averages, the other takes the median. The last client is poisoned. How to run it, and why so: see Script.
contract FederatedRoundScript is Script {
    uint32 internal constant D = 256;

    /// @notice With as many clients as the development chain has accounts.
    function run() external {
        run(10);
    }

    /// @notice Deploys both rounds, lets all clients hand in, and closes.
    /// @param clients At least 3; accounts of the mnemonic that have ether.
    function run(uint32 clients) public withMocks {
        vm.startBroadcast(key(0));
        FedAvgRound mean = new FedAvgRound(Tensor.I8, D, clients, 86_400);
        MedianRound median = new MedianRound(Tensor.I8, D, clients, 86_400, MedianRound.Rule.Median, 1);
        vm.stopBroadcast();
        for (uint32 client = 0; client < clients; ++client) {
            vm.startBroadcast(key(client));
            bytes32 id = Tensor.put(Tensor.I8, D, 2, update(client, clients));
            mean.submit(id, samples(client));
            median.submit(id, 1);
            vm.stopBroadcast();
        }
        (bytes32[] memory ids, int32[] memory weights, int32[] memory ones) = lists(clients);
        vm.startBroadcast(key(0));
        bytes32 meanId = mean.close(ids, weights);
        bytes32 medianId = median.close(ids, ones);
        vm.stopBroadcast();
        log("FedAvgRound", address(mean));
        log("MedianRound", address(median));
        log("mean, stored as", bytes.concat(meanId));
        log("median, stored as", bytes.concat(medianId));
    }

    /// @notice Holds the node's models against ours: ids, elements, and both aggregates by `eth_call`.
    /// @param mean Where `run` deployed.
    /// @param median Where `run` deployed.
    /// @param clients As in `run`.
    function check(FedAvgRound mean, MedianRound median, uint32 clients) external withMocks {
        for (uint32 client = 0; client < clients; ++client) {
            Tensor.put(Tensor.I8, D, 2, update(client, clients));
        }
        (bytes32[] memory ids, int32[] memory weights,) = lists(clients);
        FedAvgRound ourMean = new FedAvgRound(Tensor.I8, D, clients, 86_400);
        MedianRound ourMedian = new MedianRound(Tensor.I8, D, clients, 86_400, MedianRound.Rule.Median, 1);

        bytes memory data = abi.encodeCall(mean.average, (ids, weights));
        bytes memory here = abi.encode(ourMean.average(ids, weights));
        same("mean by handles", onNode(address(mean), data), here);
        checkStored("mean", mean, abi.decode(here, (bytes)), Tensor.I32);

        data = abi.encodeCall(median.median, (ids));
        here = abi.encode(ourMedian.median(ids));
        same("median by handles", onNode(address(median), data), here);
        checkStored("median", median, abi.decode(here, (bytes)), Tensor.I8);
    }

    /// @dev The model that a round stored has the id and the elements of ours.
    function checkStored(string memory what, FederatedRound round, bytes memory model, uint8 dtype) internal {
        bytes memory node = onNode(address(round), abi.encodeCall(round.model, ()));
        same(string.concat(what, ", id of the model"), node, abi.encode(Tensor.put(dtype, D, 1, model)));
        bytes memory data = abi.encodeCall(Tensor.TENSOR.read, (abi.decode(node, (bytes32)), 0, 0));
        same(string.concat(what, ", stored model"), onNode(address(Tensor.TENSOR), data), abi.encode(model));
    }

    function lists(uint32 clients)
        internal
        returns (bytes32[] memory ids, int32[] memory weights, int32[] memory ones)
    {
        (ids, weights, ones) = (new bytes32[](clients), new int32[](clients), new int32[](clients));
        for (uint32 client = 0; client < clients; ++client) {
            // Outside of a broadcast this goes to the mock only: the id is a hash of the content.
            ids[client] = Tensor.put(Tensor.I8, D, 2, update(client, clients));
            (weights[client], ones[client]) = (int32(samples(client)), 1);
        }
    }

    function samples(uint32 client) internal pure returns (uint32) {
        return 100 + 10 * client;
    }

    /// @dev Close to each other, but for the last, which is as far away as it can be.
    function update(uint32 client, uint32 clients) internal pure returns (bytes memory data) {
        data = new bytes(D);
        for (uint256 i = 0; i < D; ++i) {
            int256 value = int256(i % 100) - 50 + int256(uint256(keccak256(abi.encode(client, i))) % 9) - 4;
            data[i] = client + 1 == clients ? bytes1(0x7f) : bytes1(uint8(int8(value)));
        }
    }
}
