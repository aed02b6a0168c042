// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IFoggaraErrors, IFoggaraMatmul, MatmulShape} from "../../src/ai/interfaces/IFoggaraAI.sol";

/// @notice Plain Solidity in the place of MATMUL for tests without our node: kind 0, no flags, inline operands, and
/// no gas schedule. Etched at 0xA10001.
contract MatmulReference is IFoggaraMatmul {
    function matmul(MatmulShape calldata shape, bytes calldata a, bytes calldata b)
        external
        pure
        returns (bytes memory c)
    {
        if (shape.flags != 0 || shape.kind != 0) revert BadParam(0);
        if (shape.batch == 0 || shape.m == 0 || shape.k == 0 || shape.n == 0) revert BadShape(0);
        _inline(a, 1, uint256(shape.batch) * shape.m * shape.k);
        _inline(b, 2, uint256(shape.batch) * shape.n * shape.k);

        c = new bytes(4 * uint256(shape.batch) * shape.m * shape.n);
        uint256 to = 0;
        for (uint256 row = 0; row < uint256(shape.batch) * shape.m; ++row) {
            uint256 first = row / shape.m * shape.n;
            for (uint256 column = first; column < first + shape.n; ++column) {
                int256 sum = _dot(a[1 + row * shape.k:], b[1 + column * shape.k:], shape.k);
                uint32 bits = uint32(int32(sum));
                for (uint256 i = 0; i < 4; ++i) {
                    c[to++] = bytes1(uint8(bits >> (8 * i)));
                }
            }
        }
    }

    function _dot(bytes calldata a, bytes calldata b, uint256 k) private pure returns (int256 sum) {
        for (uint256 l = 0; l < k; ++l) {
            sum += int256(_i8(a[l])) * int256(_i8(b[l]));
        }
    }

    function _inline(bytes calldata operand, uint8 which, uint256 want) private pure {
        if (operand.length == 0 || operand[0] != 0x00) revert BadOperand(which);
        if (operand.length - 1 != want) revert LengthMismatch(which, want, operand.length - 1);
    }

    function _i8(bytes1 element) private pure returns (int8) {
        return int8(uint8(element));
    }
}
