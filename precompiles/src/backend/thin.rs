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

/// Whether rows are short, and few of them meet the many of the other side. Of 32 bits they are not
/// worth their padding.
const fn is_short(d: &Gemm) -> bool {
    let few = if d.m < d.n { d.m } else { d.n };
    let is_wide = matches!(d.kind, Kind::I32 | Kind::I32Wide);
    !is_wide && few <= SHORT.1 && d.k <= SHORT.0
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
    if is_short(d) {
        let (few_b, a_side, b_side) = (d.n <= d.m, (a, d.n), (b, 1));
        return match (few_b, d.k <= 16) {
            (true, true) => short::<K, K::B, K::A, 16>(d.k, b_side, a_side, c, ctl),
            (true, false) => short::<K, K::B, K::A, 32>(d.k, b_side, a_side, c, ctl),
            (false, true) => short::<K, K::A, K::B, 16>(d.k, a_side, b_side, c, ctl),
            (false, false) => short::<K, K::A, K::B, 32>(d.k, a_side, b_side, c, ctl),
        };
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
    let size = k.wrapping_mul(Y::BYTES);
    let (mut many, mut at) = (many, 0usize);
    while !many.is_empty() {
        ctl.next(WIDTH.wrapping_mul(SHORT.1))?;
        let mut window = [0; SHORT.0 * 4];
        let bytes = many.get(..WIDTH.wrapping_mul(Y::BYTES)).unwrap_or_else(|| {
            let window = window.get_mut(..many.len()).unwrap_or_default();
            window.copy_from_slice(many);
            window
        });
        let mut row = [K::Packed::default(); WIDTH];
        for (element, row) in bytes.chunks_exact(Y::BYTES).zip(&mut row) {
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
        many = many.get(size..).unwrap_or_default();
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
