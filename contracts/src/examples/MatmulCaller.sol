// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Tensor} from "../ai/libraries/Tensor.sol";

/// @title MatmulCaller
/// @notice Multiplies matrices on chain: in a transaction that keeps the result, or in a call that returns it.
contract MatmulCaller {
    /// @notice A product was made and stored.
    event Multiplied(address indexed by, uint32 m, uint32 k, uint32 n, bytes32 resultHash);

    /// @notice The last product made by `multiply`, m x n packed int32.
    bytes public last;

    /// @notice How many products were stored.
    uint256 public count;

    /// @notice Stores the product of two int8 matrices, `a` m x k and `b` n x k.
    function multiply(uint32 m, uint32 k, uint32 n, bytes calldata a, bytes calldata b) external {
        bytes memory c = Tensor.matmul(m, k, n, a, b);
        last = c;
        ++count;
        emit Multiplied(msg.sender, m, k, n, keccak256(c));
    }

    /// @notice Makes the product and keeps only a counter and its hash in a log, `times` over.
    function churn(uint32 m, uint32 k, uint32 n, bytes calldata a, bytes calldata b, uint256 times) external {
        bytes32 digest;
        for (uint256 i = 0; i < times; ++i) {
            digest = keccak256(Tensor.matmul(m, k, n, a, b));
        }
        count += times;
        emit Multiplied(msg.sender, m, k, n, digest);
    }

    /// @notice The product of two int8 matrices.
    function product(uint32 m, uint32 k, uint32 n, bytes calldata a, bytes calldata b)
        external
        view
        returns (bytes memory)
    {
        return Tensor.matmul(m, k, n, a, b);
    }

    /// @notice The product as int32 values.
    function productOf(uint32 m, uint32 k, uint32 n, int8[] calldata a, int8[] calldata b)
        external
        view
        returns (int32[] memory c)
    {
        bytes memory packed = Tensor.matmul(m, k, n, Tensor.packI8(a), Tensor.packI8(b));
        c = new int32[](packed.length / 4);
        for (uint256 i = 0; i < c.length; ++i) {
            c[i] = Tensor.readI32(packed, i);
        }
    }

    /// @notice Calls the operation with any calldata and gas, and tells how it ended and what it cost.
    function raw(bytes calldata data, uint256 gasLimit)
        external
        view
        returns (bool success, bytes memory result, uint256 gasUsed)
    {
        uint256 before = gasleft();
        (success, result) = address(Tensor.MATMUL).staticcall{gas: gasLimit}(data);
        gasUsed = before - gasleft();
    }

    /// @notice The same by a call that carries the value sent along; the outcome goes to storage.
    function rawCall(bytes calldata data) external payable returns (bool success, bytes memory result) {
        (success, result) = address(Tensor.MATMUL).call{value: msg.value}(data);
        last = result;
    }
}
