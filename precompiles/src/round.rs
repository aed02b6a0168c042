//! The roundings of the specification, in integers.
//!
//! Source: `PRECOMPILES.md` section 2.

/// `R_AWAY(n, d)`: `n / d` to the nearest integer, halves away from zero; `d` zero gives zero.
#[inline(always)]
pub(crate) fn away(n: i64, d: u64) -> i64 {
    let magnitude = n.unsigned_abs();
    let (Some(q), Some(r)) = (magnitude.checked_div(d), magnitude.checked_rem(d)) else {
        return 0;
    };
    let q = q.wrapping_add(u64::from(r >= d.wrapping_sub(r)));
    // At most 2^63, and that only for the lowest number by one.
    q.cast_signed().wrapping_mul(n.signum())
}

/// [`away`] for what does not fit 64 bits.
#[cfg(test)]
pub(crate) fn away_wide(n: i128, d: u128) -> i128 {
    let magnitude = n.unsigned_abs();
    let (Some(q), Some(r)) = (magnitude.checked_div(d), magnitude.checked_rem(d)) else {
        return 0;
    };
    let q = q.wrapping_add(u128::from(r >= d.wrapping_sub(r)));
    q.cast_signed().wrapping_mul(n.signum())
}

/// `R_AWAY(x, 2^shift)` for `shift` up to 63.
#[inline(always)]
pub(crate) fn away_shift(x: i64, shift: u8) -> i64 {
    let half = (1u64 << (shift & 63)) >> 1;
    // All ones if negative: with it, a number is negated without a branch or a product.
    let sign = x >> 63;
    let magnitude = (x ^ sign).wrapping_sub(sign).cast_unsigned();
    let q = magnitude.wrapping_add(half) >> (shift & 63);
    (q.cast_signed() ^ sign).wrapping_sub(sign)
}

/// `isqrt(n)`: floor of the square root.
///
/// The number is shifted to 63 or 64 bits. A table gives its root with an error of `2^-8`, two of
/// Newton's steps one of `2^-17` and `2^-34`: at most one off. No branch depends on the number, which
/// is what makes it fast on numbers of all sizes.
#[inline(always)]
pub(crate) fn isqrt(n: u64) -> u64 {
    let shift = (n | 1).leading_zeros() & !1;
    let scaled = (n | 1) << shift;
    let [.., top] = scaled.to_le_bytes();
    // 12 bits of the root, 22, and all 32.
    let first = u64::from(ROOTS.get(usize::from(top)).copied().unwrap_or(1));
    let second = (scaled >> 31).checked_div(first).unwrap_or(0);
    let second = (first << 9).wrapping_add(second);
    let third = (scaled >> 11).checked_div(second).unwrap_or(0);
    let root = (second << 9).wrapping_add(third) >> (shift >> 1);
    let square = |root: u64| u128::from(root).wrapping_mul(root.into());
    let root = root.wrapping_sub((square(root) > n.into()).into());
    root.wrapping_add((square(root.wrapping_add(1)) <= n.into()).into())
}

/// `2^8 * sqrt(top + 1/2)` for each highest byte.
const ROOTS: [u16; 256] = {
    let mut roots = [1; 256];
    let mut rest = roots.as_mut_slice();
    let mut odd = 1u32;
    while let Some((root, after)) = rest.split_first_mut() {
        let [low, high, ..] = odd.wrapping_shl(15).isqrt().to_le_bytes();
        *root = u16::from_le_bytes([low, high]);
        rest = after;
        odd = odd.wrapping_add(2);
    }
    roots
};

/// `R_TOSA(a, multiplier, shift)`: `(a * multiplier + 2^(shift - 1)) >> shift`, for
/// `0 <= multiplier < 2^31` and `2 <= shift <= 62`.
#[inline(always)]
pub(crate) fn tosa(a: i32, multiplier: i32, shift: u8) -> i64 {
    let product = i64::from(a).wrapping_mul(multiplier.into());
    let half = (1i64 << (shift & 63)) >> 1;
    // At most 2^62 + 2^61.
    product.wrapping_add(half) >> (shift & 63)
}

/// `R_ONNX(a, scale)`: what `a as f32 * scale`, rounded to the nearest even integer, gives, without a
/// float. `scale` is the bit pattern of an f32 with sign 0 and exponent field 63..=157
/// ([`onnx_scale_is_valid`]).
#[inline(always)]
pub(crate) fn onnx(a: i32, scale: u32) -> i64 {
    if a == 0 {
        return 0;
    }
    // a as f32: 24 bits m and an exponent e.
    let (m, e) = to_24_bits(a.unsigned_abs().into());
    // The product as f32: 47 or 48 bits, rounded to 24.
    let fraction = u64::from((1 << 23) | (scale & 0x7f_ffff));
    let exponent = i32::from((scale >> 23).to_le_bytes()[0]).wrapping_sub(150);
    let (m, e_product) = to_24_bits(m.wrapping_mul(fraction));
    let e = e.wrapping_add(exponent).wrapping_add(e_product);
    let q = match e {
        8.. => 1 << 31,
        0..8 => m << e.unsigned_abs(),
        -25..0 => nearest_even(m, e.unsigned_abs()),
        _ => 0,
    };
    q.cast_signed().wrapping_mul(a.signum().into())
}

/// Whether [`onnx`] is defined for a scale.
pub(crate) const fn onnx_scale_is_valid(scale: u32) -> bool {
    let exponent = scale >> 23;
    63 <= exponent && exponent <= 157
}

/// `x`, positive, as a 24-bit number and the power of two that it is multiplied by.
#[inline(always)]
fn to_24_bits(x: u64) -> (u64, i32) {
    let length = 64u32.wrapping_sub(x.leading_zeros());
    if length <= 24 {
        let shift = 24u32.wrapping_sub(length);
        return (x << shift, 0i32.wrapping_sub_unsigned(shift));
    }
    let shift = length.wrapping_sub(24);
    let m = nearest_even(x, shift);
    let e = shift.cast_signed();
    if m == 1 << 24 {
        (1 << 23, e.wrapping_add(1))
    } else {
        (m, e)
    }
}

/// `x / 2^shift` to the nearest integer, halves to the even one, for `shift` 1..=63.
#[inline(always)]
fn nearest_even(x: u64, shift: u32) -> u64 {
    let half = 1u64 << (shift.wrapping_sub(1) & 63);
    let q = x >> (shift & 63);
    let r = x & (half << 1).wrapping_sub(1);
    q.wrapping_add(u64::from(r > half || (r == half && q & 1 == 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn halves_go_away_from_zero() {
        for (n, d, q) in [
            (5, 2, 3),
            (-5, 2, -3),
            (4, 3, 1),
            (-4, 3, -1),
            (1, 3, 0),
            (2, 4, 1),
        ] {
            assert_eq!(away(n, d), q, "{n} / {d}");
            assert_eq!(away_wide(n.into(), d.into()), i128::from(q), "{n} / {d}");
        }
        assert_eq!(away(i64::MIN, 1), i64::MIN);
        assert_eq!(away(i64::MAX, u64::MAX), 0);
        assert_eq!(away(i64::MIN, u64::MAX), -1);
        for x in [i64::MIN, i64::MAX, -7, -6, -1, 0, 1, 6, 7] {
            for shift in 0..64 {
                assert_eq!(away_shift(x, shift), away(x, 1 << shift), "{x} {shift}");
            }
        }
    }

    #[test]
    fn roots_are_exact_at_every_square() {
        let check = |n: u64| assert_eq!(isqrt(n), n.isqrt(), "{n}");
        (0..1 << 16).for_each(check);
        for top in 1..=u8::MAX {
            for bits in 0..57 {
                check(u64::from(top) << bits);
                check((u64::from(top) << bits).wrapping_sub(1));
            }
        }
        let mut rng = StdRng::seed_from_u64(2);
        for _ in 0..1_000_000 {
            let root = u64::from(rng.random::<u32>() >> rng.random_range(0..32));
            let square = root * root;
            check(square);
            check(square.wrapping_sub(1));
            check(square + root);
            check(square + 2 * root);
            check(rng.random::<u64>() >> rng.random_range(0..64));
        }
        check(u64::MAX);
    }

    #[test]
    fn onnx_is_the_product_of_floats() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..300_000 {
            let a = rng.random::<i32>() >> rng.random_range(0..32);
            let scale = (rng.random_range(63..=157u32) << 23) | (rng.random::<u32>() & 0x7f_ffff);
            let float = (a as f32 * f32::from_bits(scale)).round_ties_even();
            #[allow(clippy::cast_possible_truncation)] // A whole number; the limits hold.
            let want = (float as i64).clamp(-(1 << 31), 1 << 31);
            assert_eq!(onnx(a, scale), want, "{a} {scale:#x}");
        }
    }
}
