// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.20;

import {IFoggaraErrors} from "./IFoggaraErrors.sol";

/// @notice A step of stochastic gradient descent in fixed point: an i32 `v` stands for `v / 2^f`.
/// @param flags 128: STORE.
/// @param f Bits after the point, 0 to 30.
/// @param lr Learning rate, in units of 2^-f; may be negative.
/// @param wd Weight decay, in units of 2^-f; may be negative.
struct SgdParams {
    uint8 flags;
    uint8 f;
    int32 lr;
    int32 wd;
}

/// @notice A step with momentum.
/// @param flags 128: STORE.
/// @param f Bits after the point, 0 to 30.
/// @param lr Learning rate, in units of 2^-f; may be negative.
/// @param wd Weight decay, in units of 2^-f; may be negative.
/// @param mu Momentum in units of 2^-31, at most 2^31.
struct MomentumParams {
    uint8 flags;
    uint8 f;
    int32 lr;
    int32 wd;
    uint32 mu;
}

/// @notice A step of Adam or Yogi. Bias correction is the caller's, in lr and eps.
/// @param flags Sum of 1: Yogi; 128: STORE.
/// @param f Bits after the point, 0 to 30.
/// @param lr Learning rate, in units of 2^-f; may be negative.
/// @param c1 1 - beta1 in units of 2^-31, at most 2^31.
/// @param c2 1 - beta2 in units of 2^-31, at most 2^31.
/// @param eps Added to the root, at least 1, in units of 2^-f.
struct AdamParams {
    uint8 flags;
    uint8 f;
    int32 lr;
    uint32 c1;
    uint32 c2;
    uint32 eps;
}

/// @title AGG_SUM and AGG_MEAN, at 0x0000000000000000000000000000000000A10010
/// @notice Sums of the updates of C clients, 1 to 256, of d elements each, 1 to 2^22. Results have at most 4 MiB, all
/// updates 128 MiB, an inline one 1 MiB. STORE keeps results as rank 1.
/// @dev A round must choose: `sum` of masked updates hides each single one; the robust rules of IFoggaraAggRobust and
/// IFoggaraAggDist need to see them in clear.
interface IFoggaraAgg is IFoggaraErrors {
    /// @notice Sum mod 2^width: of masked updates, whose masks cancel.
    /// @dev Gas: 150 + W of all updates + 3 * W(result) + 8 * C + C * d / 64.
    ///
    /// Errors: BadParam(0) for flags; BadParam(1) for width; BadShape(2) if d is 0, TooLarge above 2^22; BadShape(3) if
    /// there is no update, TooLarge above 256; TooLarge for the result, then for all updates; errors of the operands 3.
    /// @param flags 128: STORE.
    /// @param width 32 or 64.
    /// @param d Elements of an update.
    /// @param u The updates, i32 or i64 by width.
    /// @return total d elements of the width.
    function sum(uint8 flags, uint8 width, uint32 d, bytes[] calldata u) external view returns (bytes memory total);

    /// @notice Weighted mean: `sat(R_AWAY(sum over c of coeff[c] * u[c], denom))`, to i32.
    /// @dev For federated averaging, coeff is the number of samples. A client's own scale goes into coeff and denom.
    ///
    /// Gas: 150 + W of all updates + 3 * W(result) + 8 * C + C * d / 16 + d / 4.
    ///
    /// Errors: BadParam(0) for flags; BadDtype(1); BadShape(2) if d is 0, TooLarge above 2^22; BadShape(5) if there is
    /// no update, TooLarge above 256; LengthMismatch(3) if coeff and u differ in number; BadParam(3) if the sum of
    /// abs(coeff) exceeds (2^63 - 1) >> (bits - 1), or if denom is 0 and the sum of coeff is not above 0; TooLarge for
    /// the result, then for all updates; errors of the operands 5.
    /// @param flags 128: STORE.
    /// @param dtype i8, i16 or i32.
    /// @param d Elements of an update.
    /// @param coeff One coefficient per update.
    /// @param denom Divisor; 0 means the sum of coeff.
    /// @param u The updates.
    /// @return average d elements, i32.
    function mean(uint8 flags, uint8 dtype, uint32 d, int32[] calldata coeff, uint64 denom, bytes[] calldata u)
        external
        view
        returns (bytes memory average);
}

/// @title AGG_ROBUST, at 0x0000000000000000000000000000000000A10011
/// @notice Aggregates that a minority of poisoned updates cannot move far. C clients, 1 to 256, d elements each, 1 to
/// 2^22. Results have at most 4 MiB, all updates 128 MiB, an inline one 1 MiB. STORE keeps results as rank 1.
/// @dev Warning: each update must be visible; masking and robustness exclude each other.
interface IFoggaraAggRobust is IFoggaraErrors {
    /// @notice Median of each coordinate; for even C, R_AWAY of the sum of the two middles over 2.
    /// @dev Gas: 150 + W of all updates + 3 * W(result) + 8 * C + d * cmp(C) / 32, where
    /// cmp(C) = (p^2 - p + 4) * 2^p / 4 - 1 with p = ceil(log2 C), and 0 for C = 1.
    ///
    /// Errors: BadParam(0) for flags; BadDtype(1); BadShape(2) if d is 0, TooLarge above 2^22; BadShape(3) if there is
    /// no update, TooLarge above 256; TooLarge for the result, then for all updates; errors of the operands 3.
    /// @param flags 128: STORE.
    /// @param dtype i8, u8, i16 or i32.
    /// @param d Elements of an update.
    /// @param u The updates.
    /// @return middle d elements of the same type.
    function median(uint8 flags, uint8 dtype, uint32 d, bytes[] calldata u) external view returns (bytes memory middle);

    /// @notice Mean of each coordinate without its `cut` lowest and `cut` highest: R_AWAY(sum, C - 2 * cut).
    /// @dev Gas: as median, + C * d / 64 + d / 4.
    ///
    /// Errors: BadParam(0) for flags; BadDtype(1); BadShape(2) if d is 0, TooLarge above 2^22; BadShape(4) if there is
    /// no update, TooLarge above 256; BadParam(3) unless C > 2 * cut; TooLarge for the result, then for all updates;
    /// errors of the operands 4.
    /// @param flags 128: STORE.
    /// @param dtype i8, u8, i16 or i32.
    /// @param d Elements of an update.
    /// @param cut How many are dropped at each end.
    /// @param u The updates.
    /// @return average d elements of the same type.
    function trimmed(uint8 flags, uint8 dtype, uint32 d, uint16 cut, bytes[] calldata u)
        external
        view
        returns (bytes memory average);

    /// @notice Sign of the sum of signs of each coordinate: -1, 0 or 1.
    /// @dev Gas: 150 + W of all updates + 3 * W(result) + 8 * C + C * d / 64.
    ///
    /// Errors: as median.
    /// @param flags 128: STORE.
    /// @param dtype i8, u8, i16 or i32.
    /// @param d Elements of an update.
    /// @param u The updates.
    /// @return signs d elements, i8.
    function signMajority(uint8 flags, uint8 dtype, uint32 d, bytes[] calldata u)
        external
        view
        returns (bytes memory signs);
}

/// @title AGG_DIST, at 0x0000000000000000000000000000000000A10012
/// @notice Products and distances of updates, exact. C clients, 1 to 256, d elements each, 1 to 2^22; i8 or i16. All
/// updates have at most 128 MiB, an inline one 1 MiB.
/// @dev Results are arrays of words, and there are no flags: nothing can be stored by the call. Multiply-adds have no
/// limit but the AI gas of a transaction.
interface IFoggaraAggDist is IFoggaraErrors {
    /// @notice Inner products of all pairs: upper triangle row by row, with the diagonal.
    /// @dev Gas: 150 + W of all updates + 3 per element of the result + 8 * C + C * (C + 1) / 2 * d / 64.
    ///
    /// Errors: BadDtype(0); BadShape(1) if d is 0, TooLarge above 2^22; BadShape(2) if there is no update, TooLarge
    /// above 256; TooLarge for all updates; errors of the operands 2.
    /// @param dtype i8 or i16.
    /// @param d Elements of an update.
    /// @param u The updates.
    /// @return products C * (C + 1) / 2 values.
    function gram(uint8 dtype, uint32 d, bytes[] calldata u) external view returns (int64[] memory products);

    /// @notice Squared distances of all pairs: upper triangle row by row, without the diagonal; none for one update.
    /// @dev Gas: 150 + W of all updates + 3 per element of the result + 8 * C + C * (C + 1) / 2 * d / 64.
    ///
    /// Errors: as gram.
    /// @param dtype i8 or i16.
    /// @param d Elements of an update.
    /// @param u The updates.
    /// @return distances C * (C - 1) / 2 values.
    function sqdist(uint8 dtype, uint32 d, bytes[] calldata u) external view returns (uint64[] memory distances);

    /// @notice Krum: the score of an update is the sum of its C - f - 2 smallest squared distances to others; the m
    /// updates with the least (score, index) are chosen.
    /// @dev Gas: 150 + W of all updates + 3 * (C + m) + 8 * C + C * (C + 1) / 2 * d / 64 + C^2.
    ///
    /// Errors: BadDtype(0); BadShape(1) if d is 0, TooLarge above 2^22; BadShape(4) if there is no update, TooLarge
    /// above 256; BadParam(2) unless C >= 2 * f + 3; BadParam(3) unless 1 <= m <= C - f; TooLarge for all updates;
    /// errors of the operands 4.
    /// @param dtype i8 or i16.
    /// @param d Elements of an update.
    /// @param f Updates that may be poisoned.
    /// @param m Updates to choose.
    /// @param u The updates.
    /// @return scores One per update.
    /// @return chosen Indices of the chosen, best first.
    function krum(uint8 dtype, uint32 d, uint16 f, uint16 m, bytes[] calldata u)
        external
        view
        returns (uint64[] memory scores, uint16[] memory chosen);
}

/// @title CLIP_NORM, at 0x0000000000000000000000000000000000A10013
/// @notice Euclidean norms of updates of n elements, 1 to 2^22; i8, i16 or i32. An inline update has at most 1 MiB.
interface IFoggaraClipNorm is IFoggaraErrors {
    /// @notice Scales x down to norm `max` if it is longer. The norm of the result never exceeds max.
    /// @dev `s = sum x^2`. If `s <= max^2`, y = x; else `r` is the least integer with `r^2 >= s`,
    /// `q = floor(max * 2^31 / r)`, and `y = x * q / 2^31` toward zero.
    ///
    /// STORE keeps y as rank 1; normSq_ is returned as it is.
    ///
    /// Gas: 150 + W(x) + 3 * W(y) + n / 4.
    ///
    /// Errors: BadParam(0) for flags; BadDtype(1); BadParam(2) if max >= 2^32; errors of the operand 3, BadShape(3) if
    /// it has no elements, LengthMismatch(3) if not whole ones; TooLarge above 2^22 elements, or for y above 4 MiB.
    /// @param flags 128: STORE.
    /// @param dtype i8, i16 or i32.
    /// @param max Greatest norm, in units of the elements, below 2^32; 0 makes every y zero.
    /// @param x Operand.
    /// @return y As many elements as `x`, of the same type.
    /// @return normSq_ Sum of the squares of x, before.
    function clip(uint8 flags, uint8 dtype, uint64 max, bytes calldata x)
        external
        view
        returns (bytes memory y, uint256 normSq_);

    /// @notice Sum of the squares of the elements.
    /// @dev Gas: 150 + W(x) + n / 4.
    ///
    /// Errors: BadDtype(0); errors of the operand 1, BadShape(1) if it has no elements, LengthMismatch(1) if not whole
    /// ones; TooLarge above 2^22 elements.
    /// @param dtype i8, i16 or i32.
    /// @param x Operand.
    /// @return total The sum.
    function normSq(uint8 dtype, bytes calldata x) external view returns (uint256 total);
}

/// @title OPT, at 0x0000000000000000000000000000000000A10014
/// @notice Optimiser steps on i32 in fixed point. All operands of a call have as many elements as the first, 1 to
/// 2^22; an inline one has at most 1 MiB, all results together 4 MiB. Every rounded division is R_AWAY. STORE keeps
/// each result as rank 1 and returns an id for each.
interface IFoggaraOpt is IFoggaraErrors {
    /// @notice `g' = sat(g + wd * w / 2^f)`, `w' = sat(w - lr * g' / 2^f)`.
    /// @dev Gas: 150 + W(w) + W(g) + 3 * W(result) + n / 4 for n elements.
    ///
    /// Errors: BadParam(0) for flags, then f; errors of the operands 1 and 2, BadShape(1) if w has no elements,
    /// LengthMismatch(1) if not whole ones, TooLarge above 2^22; TooLarge for the result.
    /// @param params Fixed point, learning rate, decay.
    /// @param w Weights.
    /// @param g Gradient.
    /// @return newW The weights after the step.
    function sgd(SgdParams calldata params, bytes calldata w, bytes calldata g)
        external
        view
        returns (bytes memory newW);

    /// @notice g' as in sgd, `u' = sat(g' + mu * u / 2^31)`, `w' = sat(w - lr * u' / 2^f)`.
    /// @dev Gas: 150 + W of all operands + 3 * W of both results + n / 2 for n elements.
    ///
    /// Errors: BadParam(0) for flags, then f, then mu; errors of the operands 1 to 3, BadShape(1) if w has no elements,
    /// LengthMismatch(1) if not whole ones, TooLarge above 2^22; TooLarge for the results.
    /// @param params Fixed point, learning rate, decay, momentum.
    /// @param w Weights.
    /// @param u Velocity.
    /// @param g Gradient.
    /// @return newW The weights after the step.
    /// @return newU The velocity after the step.
    function momentum(MomentumParams calldata params, bytes calldata w, bytes calldata u, bytes calldata g)
        external
        view
        returns (bytes memory newW, bytes memory newU);

    /// @notice `m' = m + (g - m) * c1 / 2^31`; `v' = v + (g^2 - v) * c2 / 2^31`, or with flag 1 (Yogi)
    /// `v' = max(0, v - sign(v - g^2) * g^2 * c2 / 2^31)`; `w' = sat(w - lr * m' / (isqrt(v') + eps))`.
    /// @dev v is i64 in units of 2^-2f and never negative; the results of v and of w are saturated.
    ///
    /// Gas: 150 + W of all operands + 3 * W of all results + 2 * n for n elements.
    ///
    /// Errors: BadParam(0) for flags, then f, eps, c1, c2; errors of the operands 1 to 4, BadShape(1) if w has no
    /// elements, LengthMismatch(1) if not whole ones, TooLarge above 2^22; TooLarge for the results; in the work
    /// BadElement(3, i) for the first negative v.
    /// @param params Fixed point, learning rate, rates of the moments, eps.
    /// @param w Weights.
    /// @param m First moment.
    /// @param v Second moment, i64.
    /// @param g Gradient.
    /// @return newW The weights after the step.
    /// @return newM The first moment after the step.
    /// @return newV The second moment after the step.
    function adam(AdamParams calldata params, bytes calldata w, bytes calldata m, bytes calldata v, bytes calldata g)
        external
        view
        returns (bytes memory newW, bytes memory newM, bytes memory newV);
}
