// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {IFoggaraAgg} from "../interfaces/IFoggaraAI.sol";

/// @title Calls with many stored tensors, built cheaply
/// @notice With 32 handles the ABI encoder of Solidity would cost more than all else around the operation; these build
/// the same bytes in about 150 gas a handle.
library TensorHandles {
    /// @notice Calldata of `AGG.mean` over whole stored tensors, with the sum of the weights as divisor.
    /// @dev The same as `abi.encodeCall(IFoggaraAgg.mean, (flags, dtype, d, weights, 0, u))` where
    /// `u[i] = Tensor.stored(ids[i])`.
    function meanCall(uint8 flags, uint8 dtype, uint32 d, int32[] calldata weights, bytes32[] calldata ids)
        internal
        pure
        returns (bytes memory data)
    {
        uint256 size = 32 * weights.length;
        data = abi.encodeWithSelector(IFoggaraAgg.mean.selector, flags, dtype, d, 0xc0, 0, 0xe0 + size);
        assembly ("memory-safe") {
            // Nothing lies behind `data` yet, so it can grow where it is.
            let end := add(add(data, 32), mload(data))
            mstore(end, weights.length)
            calldatacopy(add(end, 32), weights.offset, size)
            mstore(data, add(mload(data), add(size, 32)))
            mstore(0x40, add(end, add(size, 64)))
        }
        return withHandles(data, ids);
    }

    /// @notice `head` and behind it the tail of a `bytes[]`: one operand for each id. Nothing may have been allocated
    /// since `head`, which grows where it is.
    /// @dev In plain Solidity, with `h` ids:
    ///
    ///     tail = abi.encode(h);
    ///     for each i: tail = bytes.concat(tail, abi.encode(32 * h + 96 * i));
    ///     for each i: tail = bytes.concat(tail, abi.encode(49), Tensor.stored(ids[i]), new bytes(15));
    ///     return bytes.concat(head, tail);
    function withHandles(bytes memory head, bytes32[] calldata ids) internal pure returns (bytes memory data) {
        data = head;
        assembly ("memory-safe") {
            let offsets := add(add(data, 32), mload(data))
            mstore(offsets, ids.length)
            offsets := add(offsets, 32)
            let start := offsets
            let to := add(offsets, shl(5, ids.length))
            let fromOffsetToId := sub(ids.offset, start)
            for { let end := to } lt(offsets, end) { offsets := add(offsets, 32) } {
                mstore(offsets, sub(to, start))
                // Length, then 01, the id, 16 zero bytes and 15 of padding.
                mstore(to, 49)
                mstore(add(to, 64), 0)
                mstore(add(to, 33), calldataload(add(offsets, fromOffsetToId)))
                mstore8(add(to, 32), 1)
                to := add(to, 96)
            }
            mstore(data, sub(sub(to, data), 32))
            mstore(0x40, and(add(to, 31), not(31)))
        }
    }

    /// @notice Ends the call with what the operation answers, result or error, without decoding it: for external
    /// functions that return exactly what the operation returns.
    /// @dev The answer overwrites the memory from 0 on, which nobody reads again.
    function forward(address operation, bytes memory data) internal view {
        assembly {
            let success := staticcall(gas(), operation, add(data, 32), mload(data), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if success { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}
