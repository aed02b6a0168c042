//! CLIP_NORM: squared norms, and updates brought down to a norm. Elements are `i8`, `i16` or `i32`.
//!
//! | function | result |
//! |---|---|
//! | `clip(uint8 flags, uint8 dtype, uint64 max, bytes x) returns (bytes y, uint256 normSq)` | `x` scaled so that its norm does not exceed `max`, and the squared norm of `x` |
//! | `normSq(uint8 dtype, bytes x) returns (uint256)` | the squared norm of `x`, exact |
//!
//! With `s` the squared norm: if `s <= max^2`, `y = x`. Else `r` is the least integer with
//! `r^2 >= s`, `q = floor(max * 2^31 / r)` and `y = x * q / 2^31`, toward zero. Each rounding makes
//! `y` shorter, so its norm never exceeds `max`.

use crate::{
    Dtype, Fatal, Function, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Operand, Want},
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[
    Function {
        selector: [0x0a, 0x5b, 0xa7, 0x66],
        signature: "clip(uint8,uint8,uint64,bytes)",
        run: clip,
    },
    Function {
        selector: [0x55, 0x2d, 0xbb, 0xfb],
        signature: "normSq(uint8,bytes)",
        run: norm_sq,
    },
];

/// Gas: `150 + W_in + 3 * W_out + n/4`.
fn clip(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, dtype) = (args.u8(0)?, args.u8(1)?);
    let (max, x) = (args.u64(2)?, args.bytes(3)?);

    let store = call.flags(flags, 0)?;
    let dtype = element(1, dtype)?;
    let max = u32::try_from(max).map_err(|_| OpError::BadParam(2))?;
    let (x, count) = vector(call, 3, x, dtype)?;
    let price = Price {
        words_in: x.words(),
        out: &[Out::Vector(dtype, count), Out::Word],
        work: count.div_ceil(4),
        store,
    };
    let mut result = call.begin(&price)?;

    let x = x.fetch(call)?;
    let mut ctl = call.ctl();
    let squared = norm_squared(dtype, &x, &mut ctl)?;
    put(result.part(1), squared);
    let y = result.part(0);
    match factor(squared, max) {
        None => y.copy_from_slice(&x),
        Some(q) => scale(dtype, q, &x, y, &mut ctl)?,
    }
    call.finish(&price, result)
}

/// Gas: `150 + W_in + n/4`.
fn norm_sq(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (dtype, x) = (args.u8(0)?, args.bytes(1)?);
    let dtype = element(0, dtype)?;
    let (x, count) = vector(call, 1, x, dtype)?;
    let price = Price {
        words_in: x.words(),
        out: &[Out::Word],
        work: count.div_ceil(4),
        store: false,
    };
    let mut result = call.begin(&price)?;

    let x = x.fetch(call)?;
    let squared = norm_squared(dtype, &x, &mut call.ctl())?;
    put(result.part(0), squared);
    call.finish(&price, result)
}

fn element(which: u8, code: u8) -> Result<Dtype, OpError> {
    match Dtype::from_code(code) {
        Some(dtype @ (Dtype::I8 | Dtype::I16 | Dtype::I32)) => Ok(dtype),
        _ => Err(OpError::BadDtype(which)),
    }
}

/// An operand that gives the number of elements itself.
fn vector<'a>(
    call: &mut Call<'_>,
    which: u8,
    encoded: &'a [u8],
    dtype: Dtype,
) -> Result<(Operand<'a>, u64), Stop> {
    let x = Operand::load(call, which, encoded, Want::Some(dtype))?;
    let count = x.size().div_ceil(dtype.bytes());
    gas::at_most(count, gas::CLIENT_ELEMENTS_MAX)?;
    Ok((x, count))
}

/// Writes a word.
fn put(word: &mut [u8], value: u128) {
    if let Some(low) = word.last_chunk_mut() {
        *low = value.to_be_bytes();
    }
}

/// `q`, below `2^31`, if the norm is above `max`.
fn factor(squared: u128, max: u32) -> Option<u32> {
    let max = u64::from(max);
    if squared <= u128::from(max.wrapping_mul(max)) {
        return None;
    }
    let floor = squared.isqrt();
    let is_square = floor.wrapping_mul(floor) == squared;
    // At most 2^42, and more than `max`.
    let r = floor.wrapping_add(u128::from(!is_square));
    let q = u128::from(max << 31).checked_div(r)?;
    u32::try_from(q).ok()
}

/// Bytes of a panel between two looks at the cancellation.
const PANEL: usize = 1 << 18;

/// At most `2^22` squares of at most `2^62`.
fn norm_squared(dtype: Dtype, x: &[u8], ctl: &mut Ctl<'_>) -> Result<u128, Fatal> {
    let mut all = 0u128;
    for x in x.chunks(PANEL) {
        ctl.next(x.len())?;
        all = all.wrapping_add(match dtype {
            Dtype::I8 => squares_narrow(x, |x| i8::from_le_bytes(x).into()),
            Dtype::I16 => squares_narrow(x, |x| i16::from_le_bytes(x).into()),
            _ => squares_wide(x),
        });
    }
    Ok(all)
}

#[inline(always)]
fn squares_narrow<const N: usize>(x: &[u8], read: impl Fn([u8; N]) -> i32) -> u128 {
    let square = |x: &[u8; N]| {
        let x = read(*x);
        // At most 2^30.
        u64::from(x.wrapping_mul(x).cast_unsigned())
    };
    let squares = x.as_chunks().0.iter().map(square);
    squares.fold(0u64, u64::wrapping_add).into()
}

fn squares_wide(x: &[u8]) -> u128 {
    // The halves of the squares apart: neither sum can pass 64 bits.
    let (mut low, mut high) = (0u64, 0u64);
    for x in x.as_chunks().0 {
        let x = u64::from(i32::from_le_bytes(*x).unsigned_abs());
        let square = x.wrapping_mul(x);
        low = low.wrapping_add(square & u64::from(u32::MAX));
        high = high.wrapping_add(square >> 32);
    }
    (u128::from(high) << 32).wrapping_add(low.into())
}

fn scale(dtype: Dtype, q: u32, x: &[u8], y: &mut [u8], ctl: &mut Ctl<'_>) -> Result<(), Fatal> {
    for (x, y) in x.chunks(PANEL).zip(y.chunks_mut(PANEL)) {
        ctl.next(x.len())?;
        match dtype {
            Dtype::I8 => scale_panel(x, y, |x| {
                let [low, ..] = shortened(i8::from_le_bytes(x).into(), q).to_le_bytes();
                [low]
            }),
            Dtype::I16 => scale_panel(x, y, |x| {
                let [low, high, ..] = shortened(i16::from_le_bytes(x).into(), q).to_le_bytes();
                [low, high]
            }),
            _ => scale_panel(x, y, |x| shortened(i32::from_le_bytes(x), q).to_le_bytes()),
        }
    }
    Ok(())
}

#[inline(always)]
fn scale_panel<const N: usize>(x: &[u8], y: &mut [u8], each: impl Fn([u8; N]) -> [u8; N]) {
    for (x, y) in x.as_chunks().0.iter().zip(y.as_chunks_mut().0) {
        *y = each(*x);
    }
}

/// `x * q / 2^31`, toward zero: not longer than `x`, as `q` is below `2^31`.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // Below 2^31.
fn shortened(x: i32, q: u32) -> i32 {
    let product = u64::from(x.unsigned_abs()).wrapping_mul(q.into());
    let magnitude = ((product >> 31) as u32).cast_signed();
    // The sign, by complement and carry.
    let sign = x >> 31;
    (magnitude ^ sign).wrapping_sub(sign)
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)] // Sizes and values of the cases fit.
mod tests {
    use super::*;
    use crate::testing::*;
    use alloy_primitives::{U256, hex, keccak256};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    const CLIP: &str = FUNCTIONS[0].signature;
    const NORM_SQ: &str = FUNCTIONS[1].signature;

    /// Worked example 5.
    fn example() -> Vec<Value> {
        let x = inlined(i32s(&[-30_000, 40_000, 0, 7]));
        vec![int(0), int(6), int(100), x]
    }

    #[test]
    fn the_worked_example_comes_out() {
        let input = calldata(CLIP, &example());
        assert_eq!(
            keccak256(&input),
            hex!("01dd26d1a4e4e7fffc1dd6051dc5dd9c50b8a223610ae39b10a89f3ce7ee3ad7")
        );
        let (gas, output) = success(0x13, &input);
        assert_eq!((gas, bytes(&output, 0)), (155, &i32s(&[-59, 79, 0, 0])[..]));
        assert_eq!(head(&output, 1), 2_500_000_049);
    }

    fn norm(dtype: i128, x: Vec<u8>) -> U256 {
        let words = x.len().div_ceil(32) as u64;
        let count = x.len() as u64 / Dtype::from_code(dtype as u8).unwrap().bytes();
        let input = calldata(NORM_SQ, &[int(dtype), inlined(x)]);
        let (gas, output) = success(0x13, &input);
        assert_eq!((gas, output.len()), (150 + words + count.div_ceil(4), 32));
        U256::from_be_slice(&output)
    }

    #[test]
    fn norms_are_exact() {
        assert_eq!(norm(3, i8s(&[-128; 1000])), U256::from(1000 << 14));
        assert_eq!(
            norm(5, i16s(&[-0x8000, 0x7fff])),
            U256::from((1 << 30) + 0x7fff * 0x7fff)
        );
        let most = 1 << 18;
        let x = i32s(&vec![i32::MIN; most - 1]);
        assert_eq!(norm(6, x), U256::from(most - 1) << 62);
    }

    #[test]
    fn a_norm_at_the_bound_is_kept() {
        for (max, y) in [
            (5, [3, -4]),
            (4, [2, -3]),
            (0, [0, 0]),
            ((1_i64 << 32) - 1, [3, -4]),
        ] {
            let x = inlined(i32s(&[3, -4]));
            let arguments = with(&with(&example(), 2, int(max)), 3, x);
            let (_, output) = success(0x13, &calldata(CLIP, &arguments));
            assert_eq!(
                (bytes(&output, 0), head(&output, 1)),
                (&i32s(&y)[..], 25),
                "{max}"
            );
        }
    }

    /// Against wide integers, and the law: a clipped norm is at most the bound.
    #[test]
    fn no_norm_exceeds_its_bound() {
        let mut rng = StdRng::seed_from_u64(6);
        for case in 0..30_000 {
            let dtype = [Dtype::I8, Dtype::I16, Dtype::I32][case % 3];
            let size = dtype.bytes() as usize;
            let (low, high) = dtype.range();
            let shift = rng.random_range(0..32);
            let count = rng.random_range(1..10);
            let element = |_| match rng.random_range(0..8) {
                0 => low,
                1 => high,
                _ => rng.random_range(low..=high) >> shift,
            };
            let x: Vec<i64> = (0..count).map(element).collect();
            let squared: i128 = x.iter().map(|x| i128::from(*x).pow(2)).sum();
            let max = match rng.random_range(0..3) {
                0 => i128::from(rng.random::<u32>() >> rng.random_range(0..32)),
                1 => squared.isqrt().min(u32::MAX.into()),
                _ => (squared.isqrt() - 1).clamp(0, u32::MAX.into()),
            };
            let pack = |x: &i64| x.to_le_bytes()[..size].to_vec();
            let arguments = [
                int(0),
                int(dtype.code()),
                int(max),
                inlined(x.iter().flat_map(pack).collect::<Vec<_>>()),
            ];
            let crate::Outcome::Success { output, .. } =
                outcome(0x13, &calldata(CLIP, &arguments), &mut crate::NoHost)
            else {
                panic!()
            };
            let y: Vec<i64> = bytes(&output, 0)
                .chunks(size)
                .map(|bytes| dtype.read(bytes))
                .collect();
            assert!(y.iter().map(|y| i128::from(*y).pow(2)).sum::<i128>() <= max * max);
            let mut r = squared.isqrt();
            r += i128::from(r * r < squared);
            let want: Vec<i64> = match squared <= max * max {
                true => x,
                false => {
                    let q = (max << 31) / r;
                    x.iter()
                        .map(|x| (i128::from(*x) * q / (1 << 31)) as i64)
                        .collect()
                }
            };
            assert_eq!(y, want);
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let case = |index: usize, arg: Value, error: OpError| {
            refuses(0x13, &calldata(CLIP, &with(&example(), index, arg)), error);
        };
        let mismatch = |which, want, got| OpError::LengthMismatch { which, want, got };
        case(0, int(2), OpError::BadParam(0));
        for dtype in [0, 2, 7, 12] {
            case(1, int(dtype), OpError::BadDtype(1));
            let input = [int(dtype), inlined(vec![0; 8])];
            refuses(0x13, &calldata(NORM_SQ, &input), OpError::BadDtype(0));
        }
        case(2, int(1_i128 << 32), OpError::BadParam(2));
        case(2, int(1_i128 << 64), OpError::BadCalldata);
        case(3, inlined(vec![]), OpError::BadShape(3));
        case(3, Value::Bytes(vec![]), OpError::BadOperand(3));
        case(3, inlined(vec![0; 7]), mismatch(3, 4, 7));
        let input = [int(5), inlined(vec![0; 3])];
        refuses(0x13, &calldata(NORM_SQ, &input), mismatch(1, 2, 3));
    }
}
