// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IFoggaraErrors} from "./IFoggaraErrors.sol";

/// @notice A mask and how it is applied.
/// @param flags Sum of 1: subtract instead of add; 128: STORE.
/// @param width 32 or 64, bits of an element.
/// @param n Elements, at least 1, at most 4 MiB of them.
/// @param counter First block of the key stream; the last used must stay below 2^32.
/// @param seed Key of ChaCha20.
/// @param nonce Nonce of ChaCha20.
struct ExpandParams {
    uint8 flags;
    uint8 width;
    uint32 n;
    uint32 counter;
    bytes32 seed;
    bytes12 nonce;
}

/// @title MASK_EXPAND, at 0x0000000000000000000000000000000000A10020
/// @notice Masks for sums of secret updates.
/// @dev Clients agree pairwise seeds off chain. Client i submits its update plus masks, added towards higher indices
/// and subtracted towards lower ones; `IFoggaraAgg.sum` of a full group cancels them mod 2^width. For a client that
/// drops out, share holders reveal its seed shares, `IFoggaraLagrange.reconstruct` restores the seed, and `expand`
/// removes its masks.
///
/// Warning: the chain sees sums only if at least two honest clients stay. There is no protection against a group that
/// colludes up to that number, and none for data sent in clear.
interface IFoggaraMaskExpand is IFoggaraErrors {
    /// @notice `acc[i] + ks[i]` mod 2^width, or minus with flag 1; ks are the little-endian words of the ChaCha20
    /// stream of RFC 8439 from block `counter` on.
    /// @dev Gas: 150 + W(acc) + 3 * W(result) + 4 * W(n * width / 8).
    ///
    /// Errors: BadParam(0) for flags, width or a counter that passes 2^32; BadShape(0) if n is 0.
    /// @param params Width, length, and the stream.
    /// @param acc What the mask is added to, or empty for zero.
    /// @return masked n elements of the width.
    function expand(ExpandParams calldata params, bytes calldata acc) external view returns (bytes memory masked);
}

/// @title LAGRANGE, at 0x0000000000000000000000000000000000A10021
/// @notice Secrets from their shares.
interface IFoggaraLagrange is IFoggaraErrors {
    /// @notice Shamir reconstruction at 0: `sum over i of y[i] * prod over l != i of x[l] / (x[l] - x[i])`.
    /// @dev With t shares, gas: 150 + W of all shares + 3 * W(result) + inv + 8 * t + 2 * c * t^2 + c * t * n / 4,
    /// where c is 1 and inv 50 for field 0, 12 and 1,500 for field 1.
    ///
    /// Errors: BadParam(1) for another field; BadShape(3) or TooLarge unless there are 1 to 256 xs; BadParam(3) if they
    /// are not distinct, not zero and below the modulus; LengthMismatch(4) if xs and shares differ in number; BadElement(4, i) for a limb not below the modulus.
    /// @param flags 128: STORE.
    /// @param field 0: modulo 2^61 - 1, limbs of 8 bytes; 1: the scalar field of BN254, limbs of 32 bytes.
    /// @param n Limbs of the secret, and of each share.
    /// @param xs Where the shares were taken.
    /// @param shares n little-endian limbs each, 1 to 256 of them.
    /// @return secret n limbs.
    function reconstruct(uint8 flags, uint8 field, uint32 n, uint256[] calldata xs, bytes[] calldata shares)
        external
        view
        returns (bytes memory secret);
}
