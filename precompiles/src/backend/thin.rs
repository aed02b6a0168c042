//! Products of few or short rows, from the bytes as they lie: packing would cost more than the work.

use super::{
    Ctl, Gemm, Kind,
    arith::{Arith, Load, for_kind},
};
use crate::Fatal;

/// Multiply-adds of one product below which no panel pays for itself.
const TINY: usize = 1024;
/// Rows of either side below which no panel pays for itself.
const FEW: usize = 4;
/// Elements up to which rows are short, and rows of a side that such ones of the other meet at once.
const SHORT: (usize, usize) = (32, 6);
/// Inner products for which no panel pays for itself, however long they are.
const PAIRS: usize = 160;

/// Whether [`gemm`] takes such a product.
pub(super) const fn takes(d: &Gemm) -> bool {
    if d.a_transposed || d.b_transposed {
        return false;
    }
    is_short(d) || area(d) <= TINY || d.m < FEW || d.n < FEW || d.m.wrapping_mul(d.n) <= PAIRS
}

/// Whether rows are short, and few of them meet the many of the other side. The wider the sums, the less
/// padding they are worth.
const fn is_short(d: &Gemm) -> bool {
    let few = if d.m < d.n { d.m } else { d.n };
    let longest = match d.kind {
        Kind::I8 | Kind::U8 => SHORT.0,
        Kind::I16 => SHORT.0 / 2,
        Kind::I32 | Kind::I32Wide => 0,
    };
    few <= SHORT.1 && d.k <= longest
}

/// Multiply-adds of one product.
const fn area(d: &Gemm) -> usize {
    d.m.wrapping_mul(d.n).wrapping_mul(d.k)
}

/// Whole lines of `size` bytes. Dividing first, as chunks do, would take longer than a short line.
#[inline(always)]
fn lines(mut bytes: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (line, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some(line)
    })
}

/// Computes the products of `d`, which [`takes`] accepts.
///
/// # Errors
/// [`Fatal::Cancelled`].
#[inline(always)]
pub(super) fn gemm(
    d: &Gemm,
    a: &[u8],
    b: &[u8],
    c: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    for_kind!(d.kind, run(d, a, b, c, ctl))
}

#[inline(always)]
fn run<K: Arith>(
    d: &Gemm,
    a: &[u8],
    b: &[u8],
    c: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let a_bytes = d.m.wrapping_mul(d.k).wrapping_mul(K::A::BYTES).max(1);
    let b_bytes = d.n.wrapping_mul(d.k).wrapping_mul(K::B::BYTES).max(1);
    let c_bytes = d.m.wrapping_mul(d.n).wrapping_mul(K::C_BYTES).max(1);
    if d.m == 1 && d.n == 1 && !d.b_shared {
        let all = a.chunks_exact(a_bytes).zip(b.chunks_exact(b_bytes));
        for ((a, b), out) in all.zip(c.chunks_exact_mut(K::C_BYTES)) {
            ctl.next(d.k)?;
            K::store(dot::<K>(a, b), out);
        }
        return Ok(());
    }
    let all = a.chunks_exact(a_bytes).zip(c.chunks_exact_mut(c_bytes));
    for (batch, (a, c)) in all.enumerate() {
        let b_start = if d.b_shared {
            0
        } else {
            batch.wrapping_mul(b_bytes)
        };
        let b = b.get(b_start..).unwrap_or_default();
        let b = b.get(..b_bytes).unwrap_or_default();
        dots::<K>(d, a, b, c, ctl)?;
    }
    Ok(())
}

#[inline(always)]
fn dots<K: Arith>(
    d: &Gemm,
    a: &[u8],
    b: &[u8],
    c: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let (a_row, b_row) = (d.k.wrapping_mul(K::A::BYTES), d.k.wrapping_mul(K::B::BYTES));
    let c_row = d.n.wrapping_mul(K::C_BYTES);
    if area(d) <= TINY {
        ctl.next(area(d))?;
        let mut c = c.chunks_exact_mut(K::C_BYTES);
        for a in lines(a, a_row) {
            for (b, out) in lines(b, b_row).zip(&mut c) {
                K::store(dot::<K>(a, b), out);
            }
        }
        return Ok(());
    }
    if d.k == 1 && d.n == 1 {
        return scaled::<K, K::A, K::B>(a, b, c, ctl);
    }
    if d.k == 1 && d.m == 1 {
        return scaled::<K, K::B, K::A>(b, a, c, ctl);
    }
    if is_short(d) {
        let (a, b) = ((a, d.n), (b, 1));
        macro_rules! by_width {
            ($($width:literal)*) => {
                match d.k.next_power_of_two() {
                    $(..=$width if d.n <= d.m => short::<K, K::B, K::A, $width>(d.k, b, a, c, ctl),
                    ..=$width => short::<K, K::A, K::B, $width>(d.k, a, b, c, ctl),)*
                    _ => Ok(()),
                }
            };
        }
        return by_width!(4 8 16 32);
    }
    if d.m < FEW {
        // Each row of B meets all of A while it is in cache.
        for (j, b) in lines(b, b_row).enumerate() {
            ctl.next(d.m.wrapping_mul(d.k))?;
            let c = c.get_mut(j.wrapping_mul(K::C_BYTES)..).unwrap_or_default();
            for (a, out) in lines(a, a_row).zip(c.chunks_mut(c_row.max(1))) {
                K::store(dot::<K>(a, b), out);
            }
        }
    } else {
        for (a, c) in lines(a, a_row).zip(c.chunks_exact_mut(c_row.max(1))) {
            ctl.next(d.n.wrapping_mul(d.k))?;
            for (b, out) in lines(b, b_row).zip(c.chunks_exact_mut(K::C_BYTES)) {
                K::store(dot::<K>(a, b), out);
            }
        }
    }
    Ok(())
}

/// Few rows times many, all of `k <= WIDTH` elements: the few are padded with zeros, so the many may be
/// read beyond their ends. Each side comes with the distance of its sums in `c`.
#[inline(always)]
fn short<K: Arith, X: Load<K::Packed>, Y: Load<K::Packed>, const WIDTH: usize>(
    k: usize,
    (few, few_apart): (&[u8], usize),
    (many, many_apart): (&[u8], usize),
    c: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let mut padded = [[K::Packed::default(); WIDTH]; SHORT.1];
    let few = few.chunks_exact(k.wrapping_mul(X::BYTES).max(1));
    let count = few.len();
    for (few, padded) in few.zip(&mut padded) {
        for (element, padded) in few.chunks_exact(X::BYTES).zip(padded) {
            *padded = X::load(element);
        }
    }
    let padded = padded.get(..count).unwrap_or_default();
    let (size, width) = (k.wrapping_mul(Y::BYTES), WIDTH.wrapping_mul(Y::BYTES));
    let mut at = 0usize;
    let mut sums = |many: &[u8]| {
        let mut row = [K::Packed::default(); WIDTH];
        for (element, row) in many.chunks_exact(Y::BYTES).zip(&mut row) {
            *row = Y::load(element);
        }
        for (i, few) in padded.iter().enumerate() {
            let pairs = few.iter().zip(&row);
            let sum = pairs.fold(K::Sum::default(), |sum, (few, many)| {
                K::multiply_add(sum, *few, *many)
            });
            let at = at.wrapping_add(i.wrapping_mul(few_apart));
            let at = at.wrapping_mul(K::C_BYTES);
            K::store(sum, c.get_mut(at..).unwrap_or_default());
        }
        at = at.wrapping_add(many_apart);
    };
    ctl.next(many.len())?;
    let mut rest = many;
    while let Some(whole) = rest.get(..width) {
        sums(whole);
        rest = rest.get(size..).unwrap_or_default();
    }
    // The last rows have nothing behind them.
    while !rest.is_empty() {
        let mut last = [0; SHORT.0 * 4];
        for (byte, last) in rest.iter().zip(&mut last) {
            *last = *byte;
        }
        sums(last.get(..width).unwrap_or_default());
        rest = rest.get(size..).unwrap_or_default();
    }
    Ok(())
}

/// All elements of a side times the one of the other.
#[inline(always)]
fn scaled<K: Arith, X: Load<K::Packed>, Y: Load<K::Packed>>(
    many: &[u8],
    one: &[u8],
    c: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    ctl.next(many.len())?;
    let one = Y::load(one);
    for (x, out) in many
        .chunks_exact(X::BYTES)
        .zip(c.chunks_exact_mut(K::C_BYTES))
    {
        K::store(K::multiply_add(K::Sum::default(), X::load(x), one), out);
    }
    Ok(())
}

#[inline(always)]
fn dot<K: Arith>(a: &[u8], b: &[u8]) -> K::Sum {
    let pairs = a.chunks_exact(K::A::BYTES).zip(b.chunks_exact(K::B::BYTES));
    let mut sum = K::Sum::default();
    for (a, b) in pairs {
        sum = K::multiply_add(sum, K::A::load(a), K::B::load(b));
    }
    sum
}
