//! `R_ONNX` against what it stands for: i32 to f32, one f32 product, round half to even, done by
//! this machine's IEEE 754 arithmetic. Then the operation against the same.
//!
//! `FOGGARA_ONNX_PAIRS` sets the number of pairs of an integer and a scale.

use crate::{
    abi::{Value, int},
    call::World,
    run,
    wide::{I8, r_onnx},
};
use foggara_precompiles::Outcome;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// The definition with floats.
fn by_floats(a: i32, s: u32) -> i64 {
    let product = a as f32 * f32::from_bits(s);
    let rounded = f64::from(product).round_ties_even();
    rounded.clamp(-(2f64.powi(31)), 2f64.powi(31)) as i64
}

/// Integers of `bits` bits at which a rounding changes, and any.
fn integer(rng: &mut StdRng, bits: u32) -> i32 {
    if bits == 0 {
        return 0;
    }
    let top = 1u64 << (bits - 1);
    let any = top | rng.random_range(0..top);
    // Of more than 24 bits: around the halves of the first rounding.
    let cut = bits.saturating_sub(24);
    let near = |value: u64, by: i64| value.saturating_add_signed(by).clamp(top, 2 * top - 1);
    let unsigned: u64 = match rng.random_range(0..6) {
        0 => top,
        1 => 2 * top - 1,
        2 if cut > 0 => near(
            (any >> cut << cut) + (1 << (cut - 1)),
            rng.random_range(-1..=1),
        ),
        3 => near(any >> (bits / 2) << (bits / 2), rng.random_range(-1..=1)),
        _ => any,
    };
    let value = if rng.random() {
        unsigned as i64
    } else {
        -(unsigned as i64)
    };
    value.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

fn fraction(rng: &mut StdRng) -> u32 {
    match rng.random_range(0..6) {
        0 => 0,
        1 => 0x7f_ffff,
        2 => 1 << rng.random_range(0..23),
        // Few bits: products that are ties.
        3 => rng.random_range(0..1 << 4) << rng.random_range(0..20) & 0x7f_ffff,
        _ => rng.random_range(0..1 << 23),
    }
}

fn pairs(usual: u64) -> u64 {
    std::env::var("FOGGARA_ONNX_PAIRS")
        .ok()
        .map_or(usual, |pairs| pairs.parse().unwrap())
}

#[test]
fn r_onnx_is_what_ieee_floats_give() {
    let rng = &mut StdRng::seed_from_u64(12);
    // Every exponent with every bit length, and per pair: any values, and a tie of the last
    // rounding where there is one.
    let each = pairs(1_000_000).div_ceil(95 * 33 * 2);
    let mut count = 0u64;
    let mut ties = 0u64;
    for field in 63..=157u32 {
        for bits in 0..=32 {
            for _ in 0..each {
                let (a, s) = (integer(rng, bits), (field << 23) | fraction(rng));
                assert_eq!(r_onnx(a, s), by_floats(a, s), "{a} {s:#x}");
                // a * 2^-down with an odd multiple of a half.
                let down = i64::from(127 - field as i32);
                let power = field << 23;
                let tie = if (1..31).contains(&down) {
                    let odd = a >> down | 1;
                    odd.wrapping_shl(down as u32 - 1)
                } else {
                    a
                };
                assert_eq!(
                    r_onnx(tie, power),
                    by_floats(tie, power),
                    "{tie} {power:#x}"
                );
                let exact = f64::from(tie) * f64::from(f32::from_bits(power));
                ties += u64::from(exact.fract().abs() == 0.5);
                count += 2;
            }
        }
    }
    println!("{count} pairs, {ties} ties");
    assert!(ties > count / 10);
    for a in [
        0,
        1,
        -1,
        i32::MAX,
        i32::MIN,
        i32::MIN + 1,
        (1 << 24) + 1,
        (1 << 25) - 1,
    ] {
        for field in 63..=157 {
            for fraction in [0, 1, 0x3f_ffff, 0x40_0000, 0x7f_ffff] {
                let s = (field << 23) | fraction;
                assert_eq!(r_onnx(a, s), by_floats(a, s), "{a} {s:#x}");
            }
        }
    }
}

/// `requant` of one column: integers around one, its image moved to zero so that nothing is
/// clamped away.
#[test]
fn requant_is_what_ieee_floats_give() {
    let rng = &mut StdRng::seed_from_u64(13);
    let each = pairs(1_000_000).div_ceil(95 * 33 * 8);
    let mut inside = 0u64;
    let mut count = 0u64;
    for field in 63..=157u32 {
        for bits in 0..=32 {
            for _ in 0..each {
                let (a, s) = (integer(rng, bits), (field << 23) | fraction(rng));
                // -2^31 is a zero point, 2^31 is none.
                let zy = (-by_floats(a, s)).min(i64::from(i32::MAX));
                let step = 1i32 << (127i32 - field as i32 - 1).clamp(0, 28);
                let xs: Vec<i32> = (-4..4)
                    .map(|i| a.saturating_add(step.saturating_mul(i)))
                    .collect();
                let mut x = vec![0];
                xs.iter().for_each(|a| x.extend(a.to_le_bytes()));
                let mut scale = vec![0];
                scale.extend(s.to_le_bytes());
                let mut args: Vec<_> = [0, 1, 3, 1].map(int).into();
                args.extend([
                    int(zy),
                    int(-128),
                    int(127),
                    Value::Bytes(x),
                    Value::Bytes(scale),
                ]);
                let mut input = 0x0a97bc1au32.to_be_bytes().to_vec();
                input.extend(crate::abi::encode(&args));
                let Outcome::Success { output, .. } = run(0x04, &input, 1_000, &World::default())
                else {
                    panic!("{args:?}");
                };
                for (i, a) in xs.iter().enumerate() {
                    let want = (by_floats(*a, s) + zy).clamp(-128, 127);
                    inside += u64::from(want > -128 && want < 127);
                    assert_eq!(
                        i64::from(output[64 + i] as i8),
                        want,
                        "{a} {s:#x} {zy} {:?}",
                        I8
                    );
                    count += 1;
                }
            }
        }
    }
    println!("{count} pairs, {inside} inside");
    assert!(inside > count / 3);
}
