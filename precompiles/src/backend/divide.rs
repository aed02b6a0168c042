//! Rounded division by a number that stays the same, by way of 53-bit floats: they guess, integers
//! correct. Written so that a compiler turns it into vector instructions.

#![allow(clippy::float_arithmetic)] // Only to guess; the result does not depend on it.

/// Magnitudes of dividend and divisor stay below this.
pub(super) const LIMIT: u64 = 1 << 51;

/// `2^52`, whose last bit counts ones: adding it rounds to a whole number, which can then be read
/// off its bits.
const ONES: f64 = 4_503_599_627_370_496.0;
const ONES_BITS: u64 = ONES.to_bits();

/// `R_AWAY(n, d)` for `|n|` and `d` below [`LIMIT`], `d` not zero.
#[inline(always)]
pub(super) fn away(n: i64, d: u64) -> i64 {
    let float = |x: u64| f64::from_bits(x | ONES_BITS) - ONES;
    let magnitude = n.unsigned_abs();
    let guess = (float(magnitude) / float(d) + ONES).to_bits() ^ ONES_BITS;
    let (guess, d) = (guess.cast_signed(), d.cast_signed());
    // The guess is off by a half and a little, so that at most one more or less is right.
    let rest = magnitude.cast_signed().wrapping_sub(guess.wrapping_mul(d));
    let twice = rest.wrapping_mul(2);
    let up = i64::from(twice >= d);
    let down = i64::from(twice < d.wrapping_neg());
    let q = guess.wrapping_add(up).wrapping_sub(down);
    if n < 0 { q.wrapping_neg() } else { q }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn a_guessed_quotient_is_the_exact_one() {
        let rng = &mut StdRng::seed_from_u64(1);
        for case in 0..2_000_000 {
            let most = 1u64 << rng.random_range(1..=51);
            let d = rng.random_range(1..most);
            let n = match case % 3 {
                0 => rng.random_range(0..LIMIT),
                // Ties and their neighbours, also with huge quotients.
                1 => {
                    let q = rng.random_range(0..LIMIT / d);
                    q * d + d / 2 + rng.random_range(0..3u64)
                }
                _ => d * rng.random_range(0..LIMIT / d) + rng.random_range(0..2u64),
            };
            let n = n.min(LIMIT - 1).cast_signed();
            let n = if rng.random() { n } else { -n };
            assert_eq!(away(n, d), round::away(n, d), "{n} / {d}");
        }
    }
}
