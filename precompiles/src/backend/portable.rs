//! The product in safe scalar Rust that a compiler turns into vector instructions.
//!
//! Elements are widened into panels that stay in cache, then one of three loops runs, by shape:
//!
//! | loop | when | runs along |
//! |---|---|---|
//! | *dots* | long inner dimension | `l`: four inner products of one row at a time |
//! | *sweep* | short inner dimension, or few rows against a transposed side | the longer of `i`, `j` |
//! | *tiny* | up to 64 multiply-adds | nothing: no panel pays for itself |
//!
//! Sums are exact or wrap, so all three give the same bytes.

use super::{
    Backend, Ctl, Gemm,
    arith::{Arith, Load, for_kind},
};
use crate::Fatal;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Multiply-adds of one product below which nothing is packed.
const TINY: usize = 64;
/// Inner dimension below which vectors run along the result.
const SHORT: usize = 32;
/// Rows below which a transposed other side is not turned.
const FEW: usize = 16;
/// Elements of a panel of A.
const A_PANEL: usize = 1 << 19;
/// Elements of a panel of B.
const B_PANEL: usize = 1 << 15;
/// Rows of the first side, columns of the second, inner steps of one sweep.
const SWEEP: (usize, usize, usize) = (32, 256, 64);

/// Safe scalar code for any machine: the definition of what every other backend gives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Portable;

impl Backend for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn gemm(
        &self,
        d: &Gemm,
        a: &[u8],
        b: &[u8],
        c: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        gemm(d, a, b, c, ctl)
    }
}

/// Computes `c` from `a` and `b`; all are little-endian and row-major, with the sizes of `d`.
///
/// # Errors
/// [`Fatal::Cancelled`]; `c` is then of no use.
pub(super) fn gemm(
    d: &Gemm,
    a: &[u8],
    b: &[u8],
    c: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    inlined(d, a, b, c, ctl)
}

/// [`gemm`], to be compiled for the instructions of whoever calls it.
///
/// # Errors
/// As [`gemm`].
#[inline(always)]
pub(super) fn inlined(
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
    let (mut batch, mut m) = (d.batch, d.m);
    if d.b_shared && !d.a_transposed {
        // Rows of all batches meet the same B: one tall product.
        (batch, m) = (1, m.saturating_mul(batch));
    }
    let mut scratch = Scratch::<K>::default();
    let bs = b.chunks_exact(area(d.n, d.k, K::B::BYTES)).cycle();
    let cs = c.chunks_exact_mut(area(m, d.n, K::C_BYTES));
    for ((a, b), c) in a
        .chunks_exact(area(m, d.k, K::A::BYTES))
        .zip(bs)
        .zip(cs)
        .take(batch)
    {
        let a = Side::<K, K::A>::new(a, m, d.k, d.a_transposed);
        let b = Side::<K, K::B>::new(b, d.n, d.k, d.b_transposed);
        one(&a, &b, c, &mut scratch, ctl)?;
    }
    Ok(())
}

/// One product, by the loop that suits its shape.
#[inline(always)]
fn one<K: Arith>(
    a: &Side<'_, K, K::A>,
    b: &Side<'_, K, K::B>,
    c: &mut [u8],
    scratch: &mut Scratch<K>,
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let (m, k, n) = (a.rows, a.k, b.rows);
    if area(m, n, k) <= TINY {
        ctl.next(TINY)?;
        tiny(a, b, c);
        return Ok(());
    }
    let along_n = (k < SHORT && n >= m) || (b.transposed && m <= FEW);
    let along_m = (k < SHORT && m > n) || (a.transposed && n <= FEW);
    if along_n {
        sweep(a, b, (n, 1), c, scratch, ctl)
    } else if along_m {
        sweep(b, a, (1, n), c, scratch, ctl)
    } else {
        dots(a, b, c, scratch, ctl)
    }
}

/// Buffers that are filled again and again.
struct Scratch<K: Arith> {
    first: Vec<K::Packed>,
    second: Vec<K::Packed>,
    sums: Vec<K::Sum>,
}

impl<K: Arith> Default for Scratch<K> {
    #[inline(always)]
    fn default() -> Self {
        Self {
            first: Vec::new(),
            second: Vec::new(),
            sums: Vec::new(),
        }
    }
}

/// A or B of one product: `rows` vectors of length `k`.
struct Side<'a, K, L> {
    bytes: &'a [u8],
    rows: usize,
    k: usize,
    /// Whether it lies as `[k][rows]`.
    transposed: bool,
    kind: PhantomData<(K, L)>,
}

impl<'a, K: Arith, L: Load<K::Packed>> Side<'a, K, L> {
    #[inline(always)]
    const fn new(bytes: &'a [u8], rows: usize, k: usize, transposed: bool) -> Self {
        Self {
            bytes,
            rows,
            k,
            transposed,
            kind: PhantomData,
        }
    }

    #[inline(always)]
    fn element(&self, row: usize, l: usize) -> K::Packed {
        let at = if self.transposed {
            index(l, self.rows, row)
        } else {
            index(row, self.k, l)
        };
        L::load(
            self.bytes
                .get(at.wrapping_mul(L::BYTES)..)
                .unwrap_or_default(),
        )
    }

    /// Packs rows as `[count][k]`.
    #[inline(always)]
    fn pack_rows(&self, first: usize, count: usize, out: &mut Vec<K::Packed>) {
        if self.transposed {
            self.turned((0, self.k), (first, count), out);
        } else {
            self.straight((first, count), (0, self.k), out);
        }
    }

    /// Packs a part of some rows as `[inner count][count]`.
    #[inline(always)]
    fn pack_columns(&self, rows: (usize, usize), inner: (usize, usize), out: &mut Vec<K::Packed>) {
        if self.transposed {
            self.straight(inner, rows, out);
        } else {
            self.turned(rows, inner, out);
        }
    }

    /// A rectangle of the matrix as it lies, each range as (first, count).
    #[inline(always)]
    fn rectangle(
        &self,
        (row, rows): (usize, usize),
        (column, columns): (usize, usize),
    ) -> impl Iterator<Item = impl Iterator<Item = K::Packed>> {
        let width = if self.transposed { self.rows } else { self.k };
        let lines = self
            .bytes
            .chunks_exact(area(width, L::BYTES, 1))
            .skip(row)
            .take(rows);
        let (start, size) = (
            column.wrapping_mul(L::BYTES),
            columns.wrapping_mul(L::BYTES),
        );
        lines.map(move |line| {
            let part = line
                .get(start..)
                .and_then(|line| line.get(..size))
                .unwrap_or_default();
            part.chunks_exact(L::BYTES).map(L::load)
        })
    }

    #[inline(always)]
    fn straight(&self, rows: (usize, usize), columns: (usize, usize), out: &mut Vec<K::Packed>) {
        out.clear();
        for line in self.rectangle(rows, columns) {
            out.extend(line);
        }
    }

    /// A rectangle with its columns as rows.
    #[inline(always)]
    fn turned(&self, rows: (usize, usize), columns: (usize, usize), out: &mut Vec<K::Packed>) {
        out.clear();
        out.resize(area(rows.1, columns.1, 1), K::Packed::default());
        for (at, line) in self.rectangle(rows, columns).enumerate() {
            for (out, element) in out.chunks_exact_mut(rows.1).zip(line) {
                if let Some(slot) = out.get_mut(at) {
                    *slot = element;
                }
            }
        }
    }
}

#[inline(always)]
fn tiny<K: Arith>(a: &Side<'_, K, K::A>, b: &Side<'_, K, K::B>, c: &mut [u8]) {
    let pairs = (0..a.rows).flat_map(|i| (0..b.rows).map(move |j| (i, j)));
    for ((i, j), out) in pairs.zip(c.chunks_exact_mut(K::C_BYTES)) {
        let sum = (0..a.k).fold(K::Sum::default(), |sum, l| {
            K::multiply_add(sum, a.element(i, l), b.element(j, l))
        });
        K::store(sum, out);
    }
}

#[inline(always)]
fn dots<K: Arith>(
    a: &Side<'_, K, K::A>,
    b: &Side<'_, K, K::B>,
    c: &mut [u8],
    scratch: &mut Scratch<K>,
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let (m, k, n) = (a.rows, a.k, b.rows);
    let (a_rows, b_rows) = (panel(A_PANEL, k, 8, 512), panel(B_PANEL, k, 4, 256));
    for (i, i_count) in blocks(m, a_rows) {
        ctl.next(area(i_count, k, 1))?;
        a.pack_rows(i, i_count, &mut scratch.first);
        for (j, j_count) in blocks(n, b_rows) {
            ctl.next(area(j_count, k, 1))?;
            b.pack_rows(j, j_count, &mut scratch.second);
            let lines = c.chunks_exact_mut(area(n, K::C_BYTES, 1)).skip(i);
            for (a, line) in scratch.first.chunks_exact(k).zip(lines) {
                ctl.next(area(j_count, k, 1))?;
                let out = line
                    .get_mut(j.wrapping_mul(K::C_BYTES)..)
                    .unwrap_or_default();
                dots_of_row::<K>(a, &scratch.second, out);
            }
        }
    }
    Ok(())
}

/// Inner products of one row with each of `b`, four at a time.
#[inline(always)]
fn dots_of_row<K: Arith>(a: &[K::Packed], b: &[K::Packed], out: &mut [u8]) {
    let k = a.len();
    let mut out = out.chunks_exact_mut(K::C_BYTES);
    let fours = b.chunks_exact(k.wrapping_mul(4));
    let rest = fours.remainder();
    for four in fours {
        let (b0, b) = four.split_at(k);
        let (b1, b) = b.split_at(k);
        let (b2, b3) = b.split_at(k);
        let sums = dot4::<K>(a, [b0, b1, b2, b3]);
        sums.into_iter()
            .zip(&mut out)
            .for_each(|(sum, out)| K::store(sum, out));
    }
    for (b, out) in rest.chunks_exact(k).zip(out) {
        let pairs = a.iter().zip(b);
        let sum = pairs.fold(K::Sum::default(), |sum, (a, b)| {
            K::multiply_add(sum, *a, *b)
        });
        K::store(sum, out);
    }
}

#[inline(always)]
fn dot4<K: Arith>(a: &[K::Packed], [b0, b1, b2, b3]: [&[K::Packed]; 4]) -> [K::Sum; 4] {
    let [mut s0, mut s1, mut s2, mut s3] = [K::Sum::default(); 4];
    for ((((a, b0), b1), b2), b3) in a.iter().zip(b0).zip(b1).zip(b2).zip(b3) {
        s0 = K::multiply_add(s0, *a, *b0);
        s1 = K::multiply_add(s1, *a, *b1);
        s2 = K::multiply_add(s2, *a, *b2);
        s3 = K::multiply_add(s3, *a, *b3);
    }
    [s0, s1, s2, s3]
}

/// Sums along the rows of `y`: for each row of `x` and each `l`, one element times a vector. The
/// result of rows `i`, `j` lands at `i * strides.0 + j * strides.1`.
#[inline(always)]
fn sweep<K: Arith, X: Load<K::Packed>, Y: Load<K::Packed>>(
    x: &Side<'_, K, X>,
    y: &Side<'_, K, Y>,
    strides: (usize, usize),
    c: &mut [u8],
    scratch: &mut Scratch<K>,
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let k = x.k;
    let Scratch {
        first,
        second,
        sums,
    } = scratch;
    for (i, i_count) in blocks(x.rows, SWEEP.0) {
        ctl.next(area(i_count, k, 1))?;
        x.pack_rows(i, i_count, first);
        for (j, j_count) in blocks(y.rows, SWEEP.1) {
            sums.clear();
            sums.resize(area(i_count, j_count, 1), K::Sum::default());
            for (l, l_count) in blocks(k, SWEEP.2) {
                ctl.next(area(i_count.wrapping_add(1), j_count, l_count))?;
                y.pack_columns((j, j_count), (l, l_count), second);
                for (sums, x) in sums.chunks_exact_mut(j_count).zip(first.chunks_exact(k)) {
                    let x = x.get(l..).unwrap_or_default();
                    sweep_row::<K>(sums, x, second);
                }
            }
            for (i, sums) in (i..).zip(sums.chunks_exact(j_count)) {
                let at = index(i, strides.0, j.wrapping_mul(strides.1));
                let out = c.get_mut(at.wrapping_mul(K::C_BYTES)..).unwrap_or_default();
                let out = out.chunks_mut(K::C_BYTES).step_by(strides.1);
                out.zip(sums).for_each(|(out, sum)| K::store(*sum, out));
            }
        }
    }
    Ok(())
}

/// Adds `x[l] * y[l][..]` to the sums for each line of `y`.
#[inline(always)]
fn sweep_row<K: Arith>(sums: &mut [K::Sum], x: &[K::Packed], y: &[K::Packed]) {
    for (x, y) in x.iter().zip(y.chunks_exact(sums.len())) {
        for (sum, y) in sums.iter_mut().zip(y) {
            *sum = K::multiply_add(*sum, *x, *y);
        }
    }
}

/// Rows of a panel of about `elements`, within bounds.
#[inline(always)]
fn panel(elements: usize, k: usize, least: usize, most: usize) -> usize {
    elements.checked_div(k).unwrap_or(most).clamp(least, most)
}

/// Splits `0..total` into blocks, each as (first, count).
#[inline(always)]
fn blocks(total: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let starts = (0..total).step_by(size.max(1));
    starts.map(move |first| (first, size.min(total.saturating_sub(first))))
}

/// Product of three sizes of a checked shape, which fits 64 bits.
#[inline(always)]
const fn area(a: usize, b: usize, c: usize) -> usize {
    a.wrapping_mul(b).wrapping_mul(c)
}

/// Index of `(row, column)` with `width` elements a row.
#[inline(always)]
const fn index(row: usize, width: usize, column: usize) -> usize {
    row.wrapping_mul(width).wrapping_add(column)
}
