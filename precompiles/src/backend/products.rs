//! Which way a product takes on a vector instruction set.

use super::{
    Ctl, Gemm, Kind, straight, thin,
    tiled::{self, Form, Forms, Micro, Product, Side},
};
use crate::Fatal;

/// Rows below which a tile is mostly empty.
const FEW: usize = 4;
/// Rows of the other side from which on the portable loops are better then.
const MANY: usize = 64;

/// Computes `c`, as [`super::Backend::gemm`] says.
pub(super) fn gemm<M: Micro>(
    micro: M,
    d: &Gemm,
    a: &[u8],
    b: &[u8],
    c: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    let mut d = *d;
    // A vector lies the same either way.
    d.a_transposed &= d.m > 1 && d.k > 1;
    d.b_transposed &= d.n > 1 && d.k > 1;
    if d.b_shared && !d.a_transposed {
        // Rows of all batches meet the same B: one tall product.
        d.m = d.m.saturating_mul(d.batch);
        (d.batch, d.b_shared) = (1, false);
    }
    if thin::takes(&d) {
        return micro.thin(&d, a, b, c, ctl);
    }
    if straight::takes(&d) {
        let turn = |side, from: &[u8], to: &mut [u8]| micro.straighten(side, from, to);
        return straight::gemm(&d, (a, b, c), ctl, turn, |d, a, b, c, ctl| {
            gemm(micro, d, a, b, c, ctl)
        });
    }
    if d.m.min(d.n) < FEW && d.m.max(d.n) > MANY {
        return micro.plain(&d, a, b, c, ctl);
    }
    let (forms, size, sum) = match d.kind {
        Kind::I8 if M::SINGLE_BYTES => (Forms::Single(Form::Flipped, Form::Bytes), 1, 4),
        Kind::U8 if M::SINGLE_BYTES => (Forms::Single(Form::Bytes, Form::Bytes), 1, 4),
        Kind::I8 => (Forms::Single(Form::WideI8, Form::WideI8), 1, 4),
        Kind::U8 => (Forms::Single(Form::WideU8, Form::WideI8), 1, 4),
        Kind::I16 => (Forms::Halves, 2, 8),
        Kind::I32 | Kind::I32Wide => return micro.plain(&d, a, b, c, ctl),
    };
    // Sides of a checked shape: nothing here passes 64 bits, and nothing is zero.
    let area = |a: usize, b: usize, c: usize| a.wrapping_mul(b).wrapping_mul(c).max(1);
    let bs = b.chunks_exact(area(d.n, d.k, size)).cycle();
    let cs = c.chunks_exact_mut(area(d.m, d.n, sum));
    let products = a.chunks_exact(area(d.m, d.k, size)).zip(bs).zip(cs);
    for ((a, b), c) in products.take(d.batch) {
        let product = Product {
            a: Side {
                bytes: a,
                rows: d.m,
                k: d.k,
                transposed: d.a_transposed,
            },
            b: Side {
                bytes: b,
                rows: d.n,
                k: d.k,
                transposed: d.b_transposed,
            },
            forms,
        };
        tiled::product(micro, &product, c, &mut |work| ctl.next(work))?;
    }
    Ok(())
}
