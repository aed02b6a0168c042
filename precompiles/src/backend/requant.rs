//! Requantisation as it is defined: one accumulator at a time.

use super::{Ctl, Requant, Scales};
use crate::{Fatal, round};

pub(crate) fn requant(
    d: &Requant<'_>,
    accumulators: &[u8],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let rows = accumulators.chunks(d.columns.saturating_mul(4).max(4));
    for (row, out) in rows.zip(out.chunks_mut(d.columns.max(1))) {
        ctl.next(d.columns)?;
        for (column, (accumulator, out)) in row.as_chunks::<4>().0.iter().zip(out).enumerate() {
            let q = scaled(&d.scales, i32::from_le_bytes(*accumulator), column);
            let y = q
                .saturating_add(d.zero.into())
                .max(d.lowest.into())
                .min(d.highest.into());
            let [byte, ..] = y.to_le_bytes();
            *out = d.lut.map_or(byte, |lut| at(lut, byte.into()));
        }
    }
    Ok(())
}

fn scaled(scales: &Scales<'_>, accumulator: i32, column: usize) -> i64 {
    match *scales {
        Scales::Tosa {
            multipliers,
            shifts,
        } => {
            let column = if shifts.len() == 1 { 0 } else { column };
            let multiplier = word(multipliers, column).cast_signed();
            round::tosa(accumulator, multiplier, at(shifts, column))
        }
        Scales::Onnx(scales) => {
            let column = if scales.len() == 4 { 0 } else { column };
            round::onnx(accumulator, word(scales, column))
        }
    }
}

fn at(bytes: &[u8], index: usize) -> u8 {
    bytes.get(index).copied().unwrap_or_default()
}

/// The little-endian word `index`.
fn word(words: &[u8], index: usize) -> u32 {
    let word = words.as_chunks::<4>().0.get(index).copied();
    u32::from_le_bytes(word.unwrap_or_default())
}
