//! Products of few or short rows, straight from their bytes: packing would cost more than the work.

use super::{
    Ctl, Gemm,
    arith::{Arith, Load, for_kind},
};
use crate::Fatal;

/// Elements of a side of a small product.
const SMALL: usize = 1024;

/// Multiply-adds of one product below which no panel pays for itself.
const TINY: usize = 1024;
/// Rows of either side below which no panel pays for itself.
const FEW: usize = 4;

/// Whether [`gemm`] takes such a product.
pub(super) const fn takes(d: &Gemm) -> bool {
    let area = area(d);
    if d.a_transposed || d.b_transposed {
        let most = if d.m > d.n { d.m } else { d.n };
        return area <= 4 * TINY && most.wrapping_mul(d.k) <= SMALL;
    }
    area <= TINY || d.m < FEW || d.n < FEW
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
    let (mut a_turned, mut b_turned) = ([0; SMALL * 4], [0; SMALL * 4]);
    let all = a.chunks_exact(a_bytes).zip(c.chunks_exact_mut(c_bytes));
    for (batch, (mut a, c)) in all.enumerate() {
        let b_start = if d.b_shared {
            0
        } else {
            batch.wrapping_mul(b_bytes)
        };
        let mut b = b.get(b_start..).unwrap_or_default();
        b = b.get(..b_bytes).unwrap_or_default();
        if d.a_transposed {
            a = turned::<K, K::A>(a, d.m, d.k, &mut a_turned);
        }
        if d.b_transposed {
            b = turned::<K, K::B>(b, d.n, d.k, &mut b_turned);
        }
        dots::<K>(d, a, b, c, ctl)?;
    }
    Ok(())
}

/// `[k][rows]` as `[rows][k]`.
#[inline(always)]
fn turned<'a, K: Arith, L: Load<K::Packed>>(
    bytes: &[u8],
    rows: usize,
    k: usize,
    out: &'a mut [u8; SMALL * 4],
) -> &'a [u8] {
    let size = rows.wrapping_mul(k).wrapping_mul(L::BYTES);
    let to = out.chunks_exact_mut(k.wrapping_mul(L::BYTES).max(1));
    for (row, out) in to.take(rows).enumerate() {
        let mut at = row.wrapping_mul(L::BYTES);
        for out in out.chunks_exact_mut(L::BYTES) {
            if let Some(element) = bytes.get(at..at.wrapping_add(L::BYTES)) {
                out.copy_from_slice(element);
            }
            at = at.wrapping_add(rows.wrapping_mul(L::BYTES));
        }
    }
    out.get(..size).unwrap_or_default()
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

#[inline(always)]
fn dot<K: Arith>(a: &[u8], b: &[u8]) -> K::Sum {
    let pairs = a.chunks_exact(K::A::BYTES).zip(b.chunks_exact(K::B::BYTES));
    let mut sum = K::Sum::default();
    for (a, b) in pairs {
        sum = K::multiply_add(sum, K::A::load(a), K::B::load(b));
    }
    sum
}
