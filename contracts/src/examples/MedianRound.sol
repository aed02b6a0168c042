// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraAggDist, IFoggaraAggRobust} from "../ai/interfaces/IFoggaraAI.sol";
import {Tensor} from "../ai/libraries/Tensor.sol";
import {TensorHandles} from "../ai/libraries/TensorHandles.sol";
import {FederatedRound} from "./FederatedRound.sol";

/// @title MedianRound
/// @notice A round that survives poisoned clients: the model is the median of the updates, their trimmed mean, or the
/// update that Krum chooses. Weights do not count: whoever lies in the update lies in the weight.
contract MedianRound is FederatedRound {
    /// @notice How a round combines its updates.
    enum Rule {
        Median,
        Trimmed,
        Krum
    }

    /// @notice The rule of this contract.
    Rule public immutable rule;

    /// @notice Poisoned clients to survive: dropped at each end by Trimmed, assumed by Krum. Median survives any
    /// minority and does not look at it.
    uint16 public immutable poisoned;

    /// @param dtype_ i8, i16 or i32; for Krum i8 or i16.
    /// @param d_ Elements of an update.
    /// @param quorum_ Least number of clients: more than 2 * poisoned_, for Krum at least 2 * poisoned_ + 3.
    /// @param duration_ Seconds.
    /// @param rule_ How updates are combined.
    /// @param poisoned_ Clients that may be poisoned.
    constructor(uint8 dtype_, uint32 d_, uint256 quorum_, uint64 duration_, Rule rule_, uint16 poisoned_)
        FederatedRound(dtype_, d_, quorum_, duration_)
    {
        (rule, poisoned) = (rule_, poisoned_);
    }

    /// @notice Median of stored updates, not stored: d packed elements of the updates' type.
    function median(bytes32[] calldata ids) external view returns (bytes memory) {
        // Ends the call with the answer of the operation.
        TensorHandles.forward(address(Tensor.AGG_ROBUST), _medianCall(0, ids));
    }

    /// @notice Median of updates given as operands, of any form.
    function medianOf(bytes[] calldata updates) external view returns (bytes memory) {
        return Tensor.AGG_ROBUST.median(0, dtype, d, updates);
    }

    function _combine(bytes32[] calldata ids, int32[] calldata) internal override returns (bytes32) {
        if (rule == Rule.Krum) return ids[_chosen(ids)];
        bytes memory data = rule == Rule.Median ? _medianCall(Tensor.STORE, ids) : _trimmedCall(Tensor.STORE, ids);
        return Tensor.store(address(Tensor.AGG_ROBUST), data);
    }

    /// @dev Index of the update nearest to its neighbours.
    function _chosen(bytes32[] calldata ids) private view returns (uint256) {
        bytes memory head = abi.encodeWithSelector(IFoggaraAggDist.krum.selector, dtype, d, poisoned, 1, 0xa0);
        (bool success, bytes memory result) = address(Tensor.AGG_DIST).staticcall(TensorHandles.withHandles(head, ids));
        if (!success) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
        (, uint16[] memory chosen) = abi.decode(result, (uint64[], uint16[]));
        return chosen[0];
    }

    function _medianCall(uint8 flags, bytes32[] calldata ids) private view returns (bytes memory) {
        bytes memory head = abi.encodeWithSelector(IFoggaraAggRobust.median.selector, flags, dtype, d, 0x80);
        return TensorHandles.withHandles(head, ids);
    }

    function _trimmedCall(uint8 flags, bytes32[] calldata ids) private view returns (bytes memory) {
        bytes memory head = abi.encodeWithSelector(IFoggaraAggRobust.trimmed.selector, flags, dtype, d, poisoned, 0xa0);
        return TensorHandles.withHandles(head, ids);
    }
}
