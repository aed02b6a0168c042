//! Sums and weighted means over clients: some clients at a time are added to a block of sums that
//! stays in the first cache, so that each input is read once, in order.

use super::{Ctl, Mean, aggregate, divide};
use crate::{Dtype, Fatal, round};

/// Sums of a block.
const BLOCK: usize = 8192;

/// An element as it lies in an input.
trait Input {
    const BYTES: usize;
    fn read(bytes: &[u8]) -> i64;
}

macro_rules! input {
    ($type:ty) => {
        impl Input for $type {
            const BYTES: usize = size_of::<$type>();
            #[inline(always)]
            fn read(bytes: &[u8]) -> i64 {
                let bytes = bytes.first_chunk().copied().unwrap_or_default();
                Self::from_le_bytes(bytes).into()
            }
        }
    };
}
input!(i8);
input!(i16);
input!(i32);
input!(i64);

/// A sum that wraps.
trait Sum: Copy + Default {
    fn add(self, x: i64, weight: i32) -> Self;
    fn wide(self) -> i64;
}

impl Sum for i32 {
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // A sum mod 2^32, or one that is known to fit.
    fn add(self, x: i64, weight: i32) -> Self {
        self.wrapping_add((x as Self).wrapping_mul(weight))
    }
    #[inline(always)]
    fn wide(self) -> i64 {
        self.into()
    }
}

impl Sum for i64 {
    #[inline(always)]
    fn add(self, x: i64, weight: i32) -> Self {
        self.wrapping_add(x.wrapping_mul(weight.into()))
    }
    #[inline(always)]
    fn wide(self) -> i64 {
        self
    }
}

#[inline(always)]
fn elements<I: Input>(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.chunks_exact(I::BYTES)
}

/// Adds four weighted inputs to a block of sums.
#[inline(always)]
fn add_four<I: Input, S: Sum>(sums: &mut [S], [a, b, c, d]: [&[u8]; 4], weights: [i32; 4]) {
    let fours = elements::<I>(a)
        .zip(elements::<I>(b))
        .zip(elements::<I>(c).zip(elements::<I>(d)));
    for (sum, ((a, b), (c, d))) in sums.iter_mut().zip(fours) {
        let one = sum.add(I::read(a), weights[0]).add(I::read(b), weights[1]);
        *sum = one.add(I::read(c), weights[2]).add(I::read(d), weights[3]);
    }
}

#[inline(always)]
fn add_one<I: Input, S: Sum>(sums: &mut [S], input: &[u8], weight: i32) {
    for (sum, element) in sums.iter_mut().zip(elements::<I>(input)) {
        *sum = sum.add(I::read(element), weight);
    }
}

/// Gives each block of sums over all inputs to `done`, with the bytes of its elements in `out`.
#[inline(always)]
fn blocks<I: Input, S: Sum>(
    inputs: &[&[u8]],
    weights: impl Fn(usize) -> i32,
    (out, size): (&mut [u8], usize),
    ctl: &mut Ctl<'_>,
    done: impl Fn(&[S], &mut [u8]),
) -> Result<(), Fatal> {
    let elements = out.len().checked_div(size).unwrap_or(0);
    let mut sums = alloc::vec![S::default(); elements.min(BLOCK)];
    for (block, out) in out.chunks_mut(BLOCK.wrapping_mul(size)).enumerate() {
        let count = out.len().checked_div(size).unwrap_or(0);
        let sums = sums.get_mut(..count).unwrap_or_default();
        ctl.next(inputs.len().wrapping_mul(count))?;
        sums.fill(S::default());
        let from = block.wrapping_mul(BLOCK).wrapping_mul(I::BYTES);
        let part = |input: &'_ &'_ [u8]| -> usize { input.len().min(from) };
        let fours = inputs.as_chunks::<4>();
        for (index, four) in fours.0.iter().enumerate() {
            let first = index.wrapping_mul(4);
            let w = [0, 1, 2, 3].map(|one| weights(first.wrapping_add(one)));
            let four = four.each_ref().map(|input| input.split_at(part(input)).1);
            add_four::<I, S>(sums, four, w);
        }
        let first = inputs.len().wrapping_sub(fours.1.len());
        for (index, input) in fours.1.iter().enumerate() {
            let w = weights(first.wrapping_add(index));
            add_one::<I, S>(sums, input.split_at(part(input)).1, w);
        }
        done(sums, out);
    }
    Ok(())
}

/// Sums as [`super::Backend::sum`] says.
#[inline(always)]
pub(super) fn sum(
    dtype: Dtype,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    if dtype != Dtype::I64 && dtype != Dtype::I32 {
        return aggregate::sum(dtype, inputs, out, ctl);
    }
    if dtype == Dtype::I64 {
        return blocks::<i64, i64>(
            inputs,
            |_| 1,
            (out, 8),
            ctl,
            |sums, out| {
                for (sum, out) in sums.iter().zip(out.as_chunks_mut::<8>().0) {
                    *out = sum.to_le_bytes();
                }
            },
        );
    }
    blocks::<i32, i32>(
        inputs,
        |_| 1,
        (out, 4),
        ctl,
        |sums, out| {
            for (sum, out) in sums.iter().zip(out.as_chunks_mut::<4>().0) {
                *out = sum.to_le_bytes();
            }
        },
    )
}

/// Means as [`super::Backend::mean`] says.
#[inline(always)]
pub(super) fn mean(
    d: &Mean<'_>,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let weights = d.weights.iter().fold(0u64, |sum, weight| {
        sum.saturating_add(weight.unsigned_abs().into())
    });
    // The greatest magnitude of a sum.
    let bits = d.dtype.bytes().wrapping_mul(8).wrapping_sub(1);
    let most = u128::from(weights) << bits;
    match d.dtype {
        Dtype::I8 if most < 1 << 31 => of::<i8, i32>(d, most, inputs, out, ctl),
        Dtype::I8 => of::<i8, i64>(d, most, inputs, out, ctl),
        Dtype::I16 if most < 1 << 31 => of::<i16, i32>(d, most, inputs, out, ctl),
        Dtype::I16 => of::<i16, i64>(d, most, inputs, out, ctl),
        Dtype::I32 => of::<i32, i64>(d, most, inputs, out, ctl),
        _ => aggregate::mean(d, inputs, out, ctl),
    }
}

#[inline(always)]
fn of<I: Input, S: Sum>(
    d: &Mean<'_>,
    most: u128,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let limit = divide::LIMIT;
    let small = most < limit.into() && d.denominator < limit;
    let weight = |index| d.weights.get(index).copied().unwrap_or(0);
    blocks::<I, S>(inputs, weight, (out, 4), ctl, |sums, out| {
        let outs = out.as_chunks_mut::<4>().0.iter_mut().zip(sums);
        if small {
            for (out, sum) in outs {
                *out = saturated(divide::away(sum.wide(), d.denominator));
            }
        } else {
            for (out, sum) in outs {
                *out = saturated(round::away(sum.wide(), d.denominator));
            }
        }
    })
}

#[inline(always)]
fn saturated(x: i64) -> [u8; 4] {
    let x = x.clamp(i32::MIN.into(), i32::MAX.into());
    let [a, b, c, d, ..] = x.to_le_bytes();
    [a, b, c, d]
}
