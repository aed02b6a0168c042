//! Thin sides that lie transposed are laid straight first: with a few elements to a line, a walk from
//! line to line costs more than the product. Products of a batch are laid straight together, so that
//! those that share B become one tall product.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Of checked shapes.

use super::{Ctl, Gemm};
use crate::Fatal;
use alloc::vec;

/// Rows from which on a line of a transposed side is long enough to be walked.
const THIN: usize = 16;
/// The same where the other side has less than [`FEW`] rows, so that a walk does less at each step.
const THIN_BY_FEW: usize = 129;
/// Rows of a side with which inner products are faster than tiles.
const FEW: usize = 4;
/// Multiply-adds of a product, and elements of its sides, that are few for any other way.
const SMALL: (usize, usize) = (4096, 1024);
/// Bytes of a side that are laid straight together, if a batch has as many.
const TOGETHER: usize = 1 << 18;
/// Elements of a column that are copied together, so that their lines stay in the first cache.
const LINES: usize = 512;
/// Lines that are so few that a loop along them does not pay.
const SHORT: usize = 16;

/// Whether [`gemm`] takes such a product.
pub(super) const fn takes(d: &Gemm) -> bool {
    d.a_transposed && turns(d, d.m, d.n) || d.b_transposed && turns(d, d.n, d.m)
}

/// Whether a transposed side is laid straight.
const fn turns(d: &Gemm, rows: usize, others: usize) -> bool {
    let small = rows * others * d.k <= SMALL.0 && rows * d.k <= SMALL.1 && others * d.k <= SMALL.1;
    small || rows < if others < FEW { THIN_BY_FEW } else { THIN }
}

/// Computes the products of `d`, which [`takes`] accepts: `turn` is [`straighten`] for the instructions
/// of the caller, `run` computes products with what it laid straight.
///
/// # Errors
/// [`Fatal::Cancelled`].
#[inline(always)]
pub(super) fn gemm(
    d: &Gemm,
    (a, b, c): (&[u8], &[u8], &mut [u8]),
    ctl: &mut Ctl<'_>,
    turn: impl Fn((usize, usize, usize), &[u8], &mut [u8]),
    run: impl Fn(&Gemm, &[u8], &[u8], &mut [u8], &mut Ctl<'_>) -> Result<(), Fatal>,
) -> Result<(), Fatal> {
    let (element, sum) = d.kind.sizes();
    let turns_a = d.a_transposed && turns(d, d.m, d.n);
    let turns_b = d.b_transposed && turns(d, d.n, d.m);
    let (a_size, b_size) = (d.m * d.k * element, d.n * d.k * element);
    let largest = if d.b_shared {
        a_size
    } else {
        a_size.max(b_size)
    };
    let batch = (TOGETHER / largest).clamp(1, d.batch);
    let b_batch = if d.b_shared { 1 } else { batch };
    let mut a_straight = vec![0; if turns_a { batch * a_size } else { 0 }];
    let mut b_straight = vec![0; if turns_b { b_batch * b_size } else { 0 }];
    let bs = b.chunks(b_batch * b_size).cycle();
    let cs = c.chunks_mut(batch * d.m * d.n * sum);
    for (at, ((mut a, mut b), c)) in a.chunks(batch * a_size).zip(bs).zip(cs).enumerate() {
        if turns_a {
            ctl.next(a.len())?;
            turn((d.m, d.k, element), a, &mut a_straight);
            a = &a_straight[..a.len()];
        }
        if turns_b {
            if at == 0 || !d.b_shared {
                ctl.next(b.len())?;
                turn((d.n, d.k, element), b, &mut b_straight);
            }
            b = &b_straight[..b.len()];
        }
        let straight = Gemm {
            a_transposed: d.a_transposed && !turns_a,
            b_transposed: d.b_transposed && !turns_b,
            batch: a.len() / a_size,
            ..*d
        };
        run(&straight, a, b, c, ctl)?;
    }
    Ok(())
}

/// Sides that lie as `[k][rows]`, one after the other, as `[rows][k]`; elements have 1, 2 or 4 bytes.
#[inline(always)]
pub(super) fn straighten((rows, k, size): (usize, usize, usize), from: &[u8], to: &mut [u8]) {
    match size {
        1 => sides::<1>(rows, k, from, to),
        2 => sides::<2>(rows, k, from, to),
        _ => sides::<4>(rows, k, from, to),
    }
}

#[inline(always)]
fn sides<const S: usize>(rows: usize, k: usize, from: &[u8], to: &mut [u8]) {
    let (from, to) = (from.as_chunks::<S>().0, to.as_chunks_mut::<S>().0);
    let all = from
        .chunks_exact(rows * k)
        .zip(to.chunks_exact_mut(rows * k));
    // A loop for each number of rows, so that the compiler knows the steps.
    macro_rules! by_rows {
        ($($known:literal)*) => {
            match rows {
                _ if k < SHORT => all.for_each(|(from, to)| lines(rows, k, from, to)),
                $($known => all.for_each(|(from, to)| columns($known, k, from, to)),)*
                _ => all.for_each(|(from, to)| columns(rows, k, from, to)),
            }
        };
    }
    by_rows!(2 3 4 5 6 7 8);
}

/// Line by line.
#[inline(always)]
fn lines<E: Copy>(rows: usize, k: usize, from: &[E], to: &mut [E]) {
    let mut from = from.iter();
    for at in 0..k {
        let mut to_at = at;
        for element in from.by_ref().take(rows) {
            to[to_at] = *element;
            to_at += k;
        }
    }
}

/// Column by column.
#[inline(always)]
fn columns<E: Copy>(rows: usize, k: usize, from: &[E], to: &mut [E]) {
    for (block, from) in from.chunks(LINES * rows).enumerate() {
        let (first, count) = (block * LINES, from.len() / rows);
        for row in 0..rows {
            let to = &mut to[row * k + first..][..count];
            for (line, to) in from.chunks_exact(rows).zip(to) {
                *to = line[row];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, Choice, Kind, NoHost, Portable, select};
    use alloc::vec::Vec;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    fn bytes(rng: &mut StdRng, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        rng.fill(&mut bytes[..]);
        bytes
    }

    /// Sides of 1 to 70 rows, each number met often: straight, laid straight or gathered by lines.
    #[test]
    fn thin_products_equal_those_of_the_portable_backend() {
        let kinds = [Kind::I8, Kind::U8, Kind::I16, Kind::I32, Kind::I32Wide];
        let inner = [
            1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33, 127, 511, 512, 513, 1_025, 2_049, 32_768,
        ];
        let rng = &mut StdRng::seed_from_u64(4);
        for choice in [Choice::Avx2, Choice::Avx512, Choice::Neon] {
            let fast = select(choice);
            if fast.alarm.is_some() {
                continue;
            }
            for round in 0..4_200 {
                let rows = round % 70 + 1;
                let others = if rng.random() { 17 } else { 70 };
                let others = rng.random_range(1..=others);
                let (m, n) = if rng.random() {
                    (rows, others)
                } else {
                    (others, rows)
                };
                let k = inner[rng.random_range(0..inner.len())];
                let most = ((1 << 20) / (m * n * k)).clamp(1, 40);
                let flags: u8 = rng.random_range(0..8);
                let d = Gemm {
                    kind: kinds[rng.random_range(0..kinds.len())],
                    a_transposed: flags & 1 != 0,
                    b_transposed: flags & 2 != 0,
                    b_shared: flags & 4 != 0,
                    batch: rng.random_range(1..=most),
                    m,
                    k,
                    n,
                };
                let (element, sum) = d.kind.sizes();
                let a = bytes(rng, d.batch * m * k * element);
                let b = bytes(rng, if d.b_shared { 1 } else { d.batch } * n * k * element);
                let product = |backend: &dyn Backend, before| {
                    let mut c = vec![before; d.batch * m * n * sum];
                    let mut ctl = Ctl::new(&NoHost);
                    backend.gemm(&d, &a, &b, &mut c, &mut ctl).unwrap();
                    c
                };
                assert!(
                    product(&*fast.backend, 1) == product(&Portable, 2),
                    "{choice:?} {d:?}"
                );
            }
        }
    }
}
