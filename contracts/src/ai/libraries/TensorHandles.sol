// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IFoggaraAgg} from "../interfaces/IFoggaraAI.sol";

/// @title Calls with many stored tensors, built cheaply
/// @notice With 32 handles the ABI encoder of Solidity would cost more than the operation's own base; these build the
/// same bytes in about 80 gas a handle.
library TensorHandles {
    /// @notice Calldata of `AGG.mean` over whole stored tensors, with the sum of the weights as divisor.
    /// @dev The same as `abi.encodeCall(IFoggaraAgg.mean, (flags, dtype, d, weights, 0, u))` where
    /// `u[i] = Tensor.stored(ids[i])`.
    function meanCall(uint8 flags, uint8 dtype, uint32 d, int32[] calldata weights, bytes32[] calldata ids)
        internal
        pure
        returns (bytes memory)
    {
        uint256 size = 32 * weights.length;
        bytes memory head = abi.encodeWithSelector(IFoggaraAgg.mean.selector, flags, dtype, d, 0xc0, 0, 0xe0 + size);
        return withHandles(abi.encodePacked(head, weights.length, weights), ids);
    }

    /// @notice `head` and behind it the tail of a `bytes[]`: one operand for each id.
    /// @dev In plain Solidity, with `h` ids:
    ///
    ///     tail = abi.encode(h);
    ///     for each i: tail = bytes.concat(tail, abi.encode(32 * h + 96 * i));
    ///     for each i: tail = bytes.concat(tail, abi.encode(49), Tensor.stored(ids[i]), new bytes(15));
    ///     return bytes.concat(head, tail);
    function withHandles(bytes memory head, bytes32[] calldata ids) internal pure returns (bytes memory data) {
        assembly ("memory-safe") {
            let count := ids.length
            let start := mload(head)
            data := mload(0x40)
            mcopy(add(data, 32), add(head, 32), start)
            let to := add(add(data, 32), start)
            mstore(to, count)
            let offset := shl(5, count)
            let heads := add(to, 32)
            to := add(heads, offset)
            let id := ids.offset
            for { let end := to } lt(heads, end) { heads := add(heads, 32) } {
                mstore(heads, offset)
                offset := add(offset, 96)
                // Length, then 01, the id, 16 zero bytes and 15 of padding.
                mstore(to, 49)
                mstore(add(to, 64), 0)
                mstore(add(to, 33), calldataload(id))
                mstore8(add(to, 32), 1)
                id := add(id, 32)
                to := add(to, 96)
            }
            mstore(data, sub(sub(to, data), 32))
            mstore(0x40, and(add(to, 31), not(31)))
        }
    }

    /// @notice Ends the call with what the operation answers, result or error, without decoding it: for external
    /// functions that return exactly what the operation returns.
    function forward(address operation, bytes memory data) internal view {
        assembly ("memory-safe") {
            let success := staticcall(gas(), operation, add(data, 32), mload(data), 0, 0)
            let to := mload(0x40)
            returndatacopy(to, 0, returndatasize())
            if success { return(to, returndatasize()) }
            revert(to, returndatasize())
        }
    }
}
