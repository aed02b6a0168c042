// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IFoggaraLagrange, IFoggaraMaskExpand} from "../interfaces/IFoggaraAI.sol";
import {SlowBase} from "./SlowBase.sol";
import {SlowMath} from "./SlowMath.sol";

/// @notice MASK_EXPAND in plain Solidity.
contract SlowMaskExpand is SlowBase {
    using SlowMath for bytes;

    struct Mask {
        uint8 flags;
        uint8 width;
        uint256 n;
        uint256 counter;
        bytes32 seed;
        bytes12 nonce;
    }

    function code() internal pure override returns (uint8) {
        return 0x20;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector != IFoggaraMaskExpand.expand.selector) revert UnknownSelector(selector);
        Mask memory p = maskAt(args);
        bytes memory acc = bytesAt(args, 6);

        checkFlags(p.flags, 1);
        if (p.width != 32 && p.width != 64) revert BadParam(0);
        uint256 size = p.width / 8;
        if (p.n == 0) revert BadShape(0);
        atMost(p.n * size, OUTPUT_BYTES_MAX);
        uint256 blocks = (p.n * size + 63) / 64;
        if (p.counter + blocks > 1 << 32) revert BadParam(0);
        uint8 dtype = p.width == 32 ? SlowMath.I32 : SlowMath.I64;
        if (acc.length != 0) acc = load(1, acc, dtype, p.n);
        else acc = new bytes(p.n * size);

        bytes memory masked = room(p.n, dtype);
        for (uint256 b = 0; b < blocks; ++b) {
            bytes memory ks = keyStream(p.seed, p.counter + b, p.nonce);
            for (uint256 i = 0; i < 64 / size && b * (64 / size) + i < p.n; ++i) {
                mask(p, acc, masked, b * (64 / size) + i, ks.get(dtype, i));
            }
        }
        return abi.encode(vector(p.flags, dtype, masked));
    }

    function maskAt(bytes calldata args) private pure returns (Mask memory p) {
        (p.flags, p.width) = (u8At(args, 0), u8At(args, 1));
        (p.n, p.counter) = (u32At(args, 2), u32At(args, 3));
        p.seed = bytes32(wordAt(args, 4));
        uint256 nonce = wordAt(args, 5);
        if (nonce << 96 != 0) revert BadCalldata();
        p.nonce = bytes12(bytes32(nonce));
    }

    function mask(Mask memory p, bytes memory acc, bytes memory masked, uint256 i, int256 ks) private pure {
        uint8 dtype = p.width == 32 ? SlowMath.I32 : SlowMath.I64;
        int256 value = acc.get(dtype, i);
        masked.set(dtype, i, p.flags & 1 == 0 ? value + ks : value - ks);
    }

    /* CHACHA20 */

    /// @dev RFC 8439, section 2.3: one block of 64 bytes.
    function keyStream(bytes32 key, uint256 counter, bytes12 nonce) internal pure returns (bytes memory ks) {
        uint32[16] memory start;
        (start[0], start[1], start[2], start[3]) = (0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
        bytes memory words = abi.encodePacked(key, nonce);
        for (uint256 i = 0; i < 8; ++i) {
            start[4 + i] = uint32(words.read(4 * i, 4));
        }
        start[12] = uint32(counter);
        for (uint256 i = 0; i < 3; ++i) {
            start[13 + i] = uint32(words.read(32 + 4 * i, 4));
        }
        uint32[16] memory s;
        for (uint256 i = 0; i < 16; ++i) {
            s[i] = start[i];
        }
        for (uint256 round = 0; round < 10; ++round) {
            doubleRound(s);
        }
        ks = new bytes(64);
        unchecked {
            for (uint256 i = 0; i < 16; ++i) {
                ks.write(4 * i, 4, s[i] + start[i]);
            }
        }
    }

    function doubleRound(uint32[16] memory s) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            quarterRound(s, i, 4 + i, 8 + i, 12 + i);
        }
        for (uint256 i = 0; i < 4; ++i) {
            quarterRound(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
    }

    function quarterRound(uint32[16] memory s, uint256 a, uint256 b, uint256 c, uint256 d) private pure {
        unchecked {
            s[a] += s[b];
            s[d] = rotated(s[d] ^ s[a], 16);
            s[c] += s[d];
            s[b] = rotated(s[b] ^ s[c], 12);
            s[a] += s[b];
            s[d] = rotated(s[d] ^ s[a], 8);
            s[c] += s[d];
            s[b] = rotated(s[b] ^ s[c], 7);
        }
    }

    function rotated(uint32 x, uint32 bits) private pure returns (uint32) {
        return x << bits | x >> (32 - bits);
    }
}

/// @notice LAGRANGE in plain Solidity.
contract SlowLagrange is SlowBase {
    using SlowMath for bytes;

    uint256 internal constant MERSENNE_61 = (1 << 61) - 1;
    uint256 internal constant BN254_SCALAR =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    struct Sharing {
        uint8 flags;
        uint8 field;
        uint256 n;
        uint256 modulus;
        uint256 size;
        uint256[] xs;
        bytes[] shares;
    }

    function code() internal pure override returns (uint8) {
        return 0x21;
    }

    function run(bytes4 selector, bytes calldata args) internal override returns (bytes memory) {
        if (selector != IFoggaraLagrange.reconstruct.selector) revert UnknownSelector(selector);
        Sharing memory p;
        (p.flags, p.field, p.n) = (u8At(args, 0), u8At(args, 1), u32At(args, 2));
        (p.xs, p.shares) = (wordsAt(args, 3), listAt(args, 4));

        checkFlags(p.flags, 0);
        if (p.field > 1) revert BadParam(1);
        (p.modulus, p.size) = p.field == 0 ? (MERSENNE_61, 8) : (BN254_SCALAR, 32);
        checkDimension(2, p.n * p.size, OUTPUT_BYTES_MAX);
        checkDimension(3, p.xs.length, CLIENTS_MAX);
        checkPoints(p);
        if (p.xs.length != p.shares.length) revert LengthMismatch(4, p.xs.length, p.shares.length);
        atMost(p.n * p.size * p.xs.length, OPERAND_BYTES_MAX);
        for (uint256 i = 0; i < p.shares.length; ++i) {
            p.shares[i] = loadBytes(4, p.shares[i], p.n * p.size, p.n * p.size);
        }
        uint8 dtype = p.field == 0 ? SlowMath.I64 : SlowMath.U8;
        return abi.encode(vector(p.flags, dtype, combined(p)));
    }

    function checkPoints(Sharing memory p) private pure {
        for (uint256 i = 0; i < p.xs.length; ++i) {
            if (p.xs[i] == 0 || p.xs[i] >= p.modulus) revert BadParam(3);
            for (uint256 l = 0; l < i; ++l) {
                if (p.xs[i] == p.xs[l]) revert BadParam(3);
            }
        }
    }

    function combined(Sharing memory p) private pure returns (bytes memory secret) {
        checkLimbs(p);
        uint256[] memory factors = new uint256[](p.xs.length);
        for (uint256 i = 0; i < factors.length; ++i) {
            factors[i] = coefficient(p, i);
        }
        secret = new bytes(p.n * p.size);
        for (uint256 limb = 0; limb < p.n; ++limb) {
            uint256 s = 0;
            for (uint256 i = 0; i < factors.length; ++i) {
                uint256 y = p.shares[i].read(limb * p.size, p.size);
                s = addmod(s, mulmod(y, factors[i], p.modulus), p.modulus);
            }
            secret.write(limb * p.size, p.size, s);
        }
    }

    /// @dev The index counts through all shares, n to each.
    function checkLimbs(Sharing memory p) private pure {
        for (uint256 i = 0; i < p.shares.length; ++i) {
            for (uint256 limb = 0; limb < p.n; ++limb) {
                if (p.shares[i].read(limb * p.size, p.size) >= p.modulus) revert BadElement(4, i * p.n + limb);
            }
        }
    }

    /// @dev `prod over l != i of x[l] / (x[l] - x[i])`.
    function coefficient(Sharing memory p, uint256 i) private pure returns (uint256) {
        uint256 above = 1;
        uint256 below = 1;
        for (uint256 l = 0; l < p.xs.length; ++l) {
            if (l == i) continue;
            above = mulmod(above, p.xs[l], p.modulus);
            below = mulmod(below, addmod(p.xs[l], p.modulus - p.xs[i], p.modulus), p.modulus);
        }
        return mulmod(above, inverse(below, p.modulus), p.modulus);
    }

    /// @dev By Fermat: both moduli are prime.
    function inverse(uint256 x, uint256 modulus) private pure returns (uint256 result) {
        result = 1;
        for (uint256 exponent = modulus - 2; exponent != 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, x, modulus);
            x = mulmod(x, x, modulus);
        }
    }
}
