// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IFoggaraErrors} from "./IFoggaraErrors.sol";

/// @notice A mask and how it is applied.
/// @param flags Sum of 1: subtract instead of add; 128: STORE.
/// @param width 32 or 64, bits of an element.
/// @param n Elements, at least 1, at most 4 MiB of them.
/// @param counter First block of the key stream, 64 bytes each; the last used must stay below 2^32.
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
    /// Limits: the result 4 MiB, 2^20 elements of width 32 or 2^19 of width 64; an inline `acc` 1 MiB. STORE keeps the
    /// result as rank 1.
    ///
    /// Errors: BadParam(0) for flags, then width; BadShape(0) if n is 0; TooLarge for the result; BadParam(0) for a
    /// counter that passes 2^32; errors of the operand 1, if present.
    /// @param params Width, length, and the stream.
    /// @param acc What the mask is added to, or empty for zero.
    /// @return masked n elements of the width.
    function expand(ExpandParams calldata params, bytes calldata acc) external view returns (bytes memory masked);
}

/// @title LAGRANGE, at 0x0000000000000000000000000000000000A10021
/// @notice Secrets from their shares.
interface IFoggaraLagrange is IFoggaraErrors {
    /// @notice Shamir reconstruction at 0: `sum over i of y[i] * prod over l != i of x[l] / (x[l] - x[i])`.
    /// @dev Gas: 150 + W of all shares + 3 * W(result) + inv + 8 * t + 2 * c * t^2 + c * t * n / 4 for t shares, where c
    /// is 1 and inv 50 for field 0, 12 and 1,500 for field 1.
    ///
    /// Limits: 1 to 256 shares; a share, and so the secret, 4 MiB; all shares together 128 MiB, an inline one 1 MiB.
    /// A stored share may have any element type. STORE keeps the secret as rank 1, i64 for field 0, u8 for field 1.
    ///
    /// Errors: BadParam(0) for flags; BadParam(1) for another field; BadShape(2) if n is 0, TooLarge for the bytes of a
    /// share; BadShape(3) if there are no xs, TooLarge above 256; BadParam(3) unless they are distinct, not zero and
    /// below the modulus; LengthMismatch(4) if xs and shares differ in number; TooLarge for all shares; errors of the
    /// operands 4; in the work BadElement(4, share * n + limb) for the first limb not below the modulus.
    /// @param flags 128: STORE.
    /// @param field 0: modulo 2^61 - 1, limbs of 8 bytes; 1: the scalar field of BN254, limbs of 32 bytes.
    /// @param n Limbs of the secret, and of each share, at least 1.
    /// @param xs Where the shares were taken.
    /// @param shares n little-endian limbs each, in the order of xs.
    /// @return secret n limbs.
    function reconstruct(uint8 flags, uint8 field, uint32 n, uint256[] calldata xs, bytes[] calldata shares)
        external
        view
        returns (bytes memory secret);
}
