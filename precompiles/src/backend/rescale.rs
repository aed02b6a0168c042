//! Requantisation as vector instructions do it: through `f32`, whose product is what R_ONNX is
//! defined to be, or through 64-bit integers for R_TOSA. Written so that a compiler vectorises it.

#![allow(clippy::float_arithmetic)] // The definition of R_ONNX is that of this product.

use super::{Ctl, Requant, Scales, requant};
use crate::{Fatal, round};

/// Results this far out are out of every range of eight bits.
const FAR: i64 = 1 << 20;
/// `1.5 * 2^23`: adding it to a number up to `2^22` rounds to the nearest whole one, ties to even.
const ONES: f32 = 12_582_912.0;
/// Columns whose scales are unpacked at a time.
const BLOCK: usize = 512;

/// Requantises as [`super::Backend::requant`] says.
#[inline(always)]
pub(super) fn rescale(
    d: &Requant<'_>,
    accumulators: &[u8],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let zero = i64::from(d.zero);
    if zero.abs() > FAR || d.columns == 0 {
        return requant::requant(d, accumulators, out, ctl);
    }
    // Before the zero point is added; at most 2^20 + 2^8.
    let (lowest, highest) = (
        d.lowest.wrapping_sub(d.zero),
        d.highest.wrapping_sub(d.zero),
    );
    let range = (lowest, highest, d.zero);
    let lines = (accumulators, d.columns, &mut *out);
    match d.scales {
        Scales::Onnx(scales) => {
            let scale = |column: usize| f32::from_bits(word(scales, column));
            onnx(scale, scales.len() == 4, range, lines, ctl)?;
        }
        Scales::Tosa {
            multipliers,
            shifts,
        } => {
            let scale = |column: usize| {
                let shift = shifts.get(column).copied().unwrap_or(2);
                (word(multipliers, column).cast_signed(), shift)
            };
            tosa(scale, shifts.len() == 1, range, lines, ctl)?;
        }
    }
    if let Some(lut) = d.lut {
        for byte in out {
            *byte = lut.get(usize::from(*byte)).copied().unwrap_or_default();
        }
    }
    Ok(())
}

/// Lowest and highest result before the zero point, and the zero point.
type Range = (i32, i32, i32);
/// Accumulators, columns, results.
type Lines<'a> = (&'a [u8], usize, &'a mut [u8]);

macro_rules! by_columns {
    ($name:ident, $scale:ty, $one:path) => {
        #[inline(always)]
        fn $name(
            scale: impl Fn(usize) -> $scale,
            only_one: bool,
            range: Range,
            (accumulators, columns, out): Lines<'_>,
            ctl: &mut Ctl<'_>,
        ) -> Result<(), Fatal> {
            let accumulators = accumulators.as_chunks::<4>().0;
            if only_one {
                let scale = scale(0);
                let lines = accumulators.chunks(1 << 14).zip(out.chunks_mut(1 << 14));
                for (line, out) in lines {
                    ctl.next(line.len())?;
                    for (accumulator, out) in line.iter().zip(out) {
                        *out = $one(i32::from_le_bytes(*accumulator), scale, range);
                    }
                }
                return Ok(());
            }
            let mut scales = [<$scale>::default(); BLOCK];
            if columns <= BLOCK {
                // As many whole rows as fit: short ones would not fill a vector.
                let rows = BLOCK.checked_div(columns).unwrap_or(1);
                let count = columns.wrapping_mul(rows);
                let scales = scales.get_mut(..count).unwrap_or_default();
                for row in scales.chunks_mut(columns) {
                    for (column, slot) in row.iter_mut().enumerate() {
                        *slot = scale(column);
                    }
                }
                let lines = accumulators.chunks(count).zip(out.chunks_mut(count));
                for (line, out) in lines {
                    ctl.next(line.len())?;
                    for ((accumulator, scale), out) in line.iter().zip(&*scales).zip(out) {
                        *out = $one(i32::from_le_bytes(*accumulator), *scale, range);
                    }
                }
                return Ok(());
            }
            for first in (0..columns).step_by(BLOCK) {
                let count = columns.wrapping_sub(first).min(BLOCK);
                let scales = scales.get_mut(..count).unwrap_or_default();
                for (index, slot) in scales.iter_mut().enumerate() {
                    *slot = scale(first.wrapping_add(index));
                }
                let lines = accumulators.chunks(columns).zip(out.chunks_mut(columns));
                for (line, out) in lines {
                    ctl.next(count)?;
                    let line = line.get(first..).unwrap_or_default().iter();
                    let out = out.get_mut(first..).unwrap_or_default();
                    for ((accumulator, scale), out) in line.zip(&*scales).zip(out) {
                        *out = $one(i32::from_le_bytes(*accumulator), *scale, range);
                    }
                }
            }
            Ok(())
        }
    };
}
by_columns!(onnx, f32, onnx_one);
by_columns!(tosa, (i32, u8), tosa_one);

#[inline(always)]
#[allow(clippy::cast_precision_loss)] // It is the definition.
fn onnx_one(accumulator: i32, scale: f32, (lowest, highest, zero): Range) -> u8 {
    // 2^22 is beyond every range, but for which rounding is not affected.
    let far = 4_194_304.0;
    let product = (accumulator as f32 * scale).clamp(-far, far);
    let q = (product + ONES).to_bits().wrapping_sub(ONES.to_bits());
    let y = q.cast_signed().max(lowest).min(highest).wrapping_add(zero);
    y.to_le_bytes()[0]
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // Clamped to what fits.
fn tosa_one(
    accumulator: i32,
    (multiplier, shift): (i32, u8),
    (lowest, highest, zero): Range,
) -> u8 {
    let q = round::tosa(accumulator, multiplier, shift);
    let y = q.max(lowest.into()).min(highest.into()) as i32;
    y.wrapping_add(zero).to_le_bytes()[0]
}

/// The little-endian word `index`.
#[inline(always)]
fn word(words: &[u8], index: usize) -> u32 {
    let word = words.as_chunks::<4>().0.get(index).copied();
    u32::from_le_bytes(word.unwrap_or_default())
}
