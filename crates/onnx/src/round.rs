//! The rounding of products, in integers (specification of the AI operations, section 2).

/// `a` times the f32 with bit pattern `scale`, as ONNX Runtime and FBGEMM compute it: `a` to f32, one
/// f32 product, round half to even.
///
/// The sign of `scale` is 0 and its exponent field 63..=157.
pub(crate) fn r_onnx(a: i32, scale: u32) -> i64 {
    if a == 0 {
        return 0;
    }
    let (mut m, mut e) = to_24_bits(u64::from(a.unsigned_abs()), 0);
    let (product, scale_exponent) = (
        m * u64::from(1 << 23 | scale & 0x7f_ffff),
        (scale >> 23 & 255).cast_signed() - 150,
    );
    (m, e) = to_24_bits(product, e + scale_exponent);
    let q = match e {
        8.. => 1 << 31,
        0..8 => m << e,
        -25..0 => half_to_even(m, e.unsigned_abs()),
        _ => 0,
    };
    let q = i64::try_from(q).unwrap_or(i64::MAX);
    if a < 0 { -q } else { q }
}

/// `value * 2^e` as a 24-bit significand and its exponent, rounded half to even.
fn to_24_bits(value: u64, e: i32) -> (u64, i32) {
    let bits = 64 - value.leading_zeros();
    if bits <= 24 {
        return (value << (24 - bits), e - (24 - bits).cast_signed());
    }
    let (m, e) = (
        half_to_even(value, bits - 24),
        e + (bits - 24).cast_signed(),
    );
    if m == 1 << 24 {
        (1 << 23, e + 1)
    } else {
        (m, e)
    }
}

fn half_to_even(value: u64, shift: u32) -> u64 {
    let (quotient, rest, half) = (
        value >> shift,
        value & ((1 << shift) - 1),
        1u64 << (shift - 1),
    );
    let up = rest > half || rest == half && quotient & 1 == 1;
    quotient + u64::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn equals_the_floats_of_this_machine() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut inside = 0;
        for _ in 0..2_000_000 {
            let a = rng.random::<i32>() >> rng.random_range(0..32);
            let scale = rng.random_range(63..=157u32) << 23 | rng.random::<u32>() & 0x7f_ffff;
            // Near one half: as many ties as the accumulator allows.
            let scale = if rng.random_bool(0.3) {
                scale & !0x7f_ffff
            } else {
                scale
            };
            #[allow(clippy::cast_precision_loss)]
            let float = a as f32 * f32::from_bits(scale);
            #[allow(clippy::cast_possible_truncation)]
            let want = (float.round_ties_even() as i64).clamp(-(1 << 31), 1 << 31);
            inside += u32::from(want.abs() < 1 << 31 && want != 0);
            assert_eq!(r_onnx(a, scale), want, "{a} {scale:#x}");
        }
        assert!(inside > 200_000);
    }

    #[test]
    fn takes_ties_to_even() {
        let half = 0x3f00_0000;
        let rounded = [3, 1, -5, 5, -1, 0].map(|a| r_onnx(a, half));
        assert_eq!(rounded, [2, 0, -2, 2, 0, 0]);
    }
}
