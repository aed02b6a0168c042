// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Tensor} from "../ai/libraries/Tensor.sol";
import {TensorHandles} from "../ai/libraries/TensorHandles.sol";
import {FederatedRound} from "./FederatedRound.sol";

/// @title FedAvgRound
/// @notice Federated averaging: the model of a round is the mean of the updates, weighted by samples, as i32.
contract FedAvgRound is FederatedRound {
    /// @param dtype_ i8, i16 or i32.
    /// @param d_ Elements of an update.
    /// @param quorum_ Least number of clients.
    /// @param duration_ Seconds.
    constructor(uint8 dtype_, uint32 d_, uint256 quorum_, uint64 duration_)
        FederatedRound(dtype_, d_, quorum_, duration_)
    {}

    /// @notice Mean of stored updates, not stored: d packed i32.
    function average(bytes32[] calldata ids, int32[] calldata samples) external view returns (bytes memory) {
        // Ends the call with the answer of the operation.
        TensorHandles.forward(address(Tensor.AGG), TensorHandles.meanCall(0, dtype, d, samples, ids));
    }

    /// @notice Mean of updates given as operands, of any form: d packed i32.
    function averageOf(bytes[] calldata updates, int32[] calldata samples) external view returns (bytes memory) {
        return Tensor.weightedSum(dtype, d, samples, updates);
    }

    function _combine(bytes32[] calldata ids, int32[] calldata samples) internal override returns (bytes32) {
        return Tensor.store(address(Tensor.AGG), TensorHandles.meanCall(Tensor.STORE, dtype, d, samples, ids));
    }
}
