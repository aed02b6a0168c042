//! Aggregation over clients as it is defined: one coordinate at a time.

use super::{Ctl, Mean};
use crate::{Dtype, Fatal, round};
use alloc::vec::Vec;

/// Bytes of an element as an index step.
fn step(dtype: Dtype) -> usize {
    // At most 8.
    usize::try_from(dtype.bytes()).unwrap_or(8)
}

/// Element `index` of a tensor.
fn element(dtype: Dtype, bytes: &[u8], index: usize) -> i64 {
    let start = index.saturating_mul(step(dtype));
    dtype.read(bytes.get(start..).unwrap_or_default())
}

pub(crate) fn sum(
    dtype: Dtype,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    for (index, out) in out.chunks_exact_mut(step(dtype)).enumerate() {
        ctl.next(inputs.len())?;
        let all = inputs.iter().map(|input| element(dtype, input, index));
        dtype.write(all.fold(0, i64::wrapping_add), out);
    }
    Ok(())
}

pub(crate) fn mean(
    d: &Mean<'_>,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    for (index, out) in out.chunks_exact_mut(4).enumerate() {
        ctl.next(inputs.len())?;
        let products = inputs.iter().zip(d.weights).map(|(input, weight)| {
            // The weights are bounded so that no sum passes 63 bits.
            element(d.dtype, input, index).wrapping_mul(i64::from(*weight))
        });
        let sum = products.fold(0, i64::wrapping_add);
        let mean = round::away(sum, d.denominator);
        Dtype::I32.write(Dtype::I32.saturate(mean), out);
    }
    Ok(())
}

pub(crate) fn trimmed(
    dtype: Dtype,
    cut: usize,
    inputs: &[&[u8]],
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let kept = inputs.len().saturating_sub(cut.saturating_mul(2));
    let mut values = Vec::with_capacity(inputs.len());
    for (index, out) in out.chunks_exact_mut(step(dtype)).enumerate() {
        ctl.next(inputs.len())?;
        values.clear();
        values.extend(inputs.iter().map(|input| element(dtype, input, index)));
        values.sort_unstable();
        let middle = values.iter().skip(cut).take(kept);
        // At most 256 values of 32 bits.
        let sum = middle.fold(0i64, |sum, value| sum.wrapping_add(*value));
        dtype.write(round::away(sum, kept as u64), out);
    }
    Ok(())
}

pub(crate) fn gram(
    dtype: Dtype,
    inputs: &[&[u8]],
    out: &mut [i64],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let pairs = (0..inputs.len()).flat_map(|i| (i..inputs.len()).map(move |j| (i, j)));
    for ((i, j), out) in pairs.zip(out) {
        let (Some(a), Some(b)) = (inputs.get(i), inputs.get(j)) else {
            continue;
        };
        ctl.next(a.len())?;
        let (a, b) = (a.chunks_exact(step(dtype)), b.chunks_exact(step(dtype)));
        let products = a
            .zip(b)
            .map(|(a, b)| dtype.read(a).wrapping_mul(dtype.read(b)));
        // At most 2^22 products below 2^31.
        *out = products.fold(0, i64::wrapping_add);
    }
    Ok(())
}
