//! MATMUL: integer matrix products.
//!
//! `matmul((uint8 flags, uint8 kind, uint32 batch, uint32 m, uint32 k, uint32 n), bytes a, bytes b)
//! returns (bytes c)`, with `c[i][j] = sum over l of a[i][l] * b[j][l]` for each batch. B is given
//! as `[n][k]`, like stored weights, so both sides of an inner product lie contiguously.

use crate::{
    Dtype, Function, OpError,
    abi::Args,
    backend::{Gemm, Kind},
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Operand, Want},
};
use alloc::vec::Vec;

pub(crate) const FUNCTIONS: &[Function] = &[Function {
    selector: [0x20, 0xad, 0x9b, 0xa0],
    signature: "matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)",
    run: matmul,
}];

/// A is given as `[k][m]`.
const A_TRANSPOSED: u8 = 1;
/// B is given as `[k][n]`.
const B_TRANSPOSED: u8 = 2;
/// One B for all batches.
const B_SHARED: u8 = 4;

/// Gas: `150 + W_in + 3 * W_out + multiply-adds / r` and the costs of operands; an operand that is
/// given transposed counts twice in `W_in`.
fn matmul(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, kind) = (args.u8(0)?, args.u8(1)?);
    let (batch, m, k, n) = (args.u32(2)?, args.u32(3)?, args.u32(4)?, args.u32(5)?);
    let (a, b) = (args.bytes(6)?, args.bytes(7)?);

    let store = call.flags(flags, A_TRANSPOSED | B_TRANSPOSED | B_SHARED)?;
    let shape = Shape::check(flags, kind, [batch, m, k, n].map(u64::from))?;
    let a = Operand::load(call, 1, a, shape.a)?;
    let b = Operand::load(call, 2, b, shape.b)?;
    let price = Price {
        words_in: (a.words() << u32::from(shape.gemm.a_transposed))
            .saturating_add(b.words() << u32::from(shape.gemm.b_transposed)),
        out: &[shape.c],
        work: shape.work,
        store,
    };
    let mut result = call.begin(&price)?;

    let (a, b) = (a.fetch(call)?, b.fetch(call)?);
    call.backend
        .gemm(&shape.gemm, &a, &b, result.part(0), &mut call.ctl())?;
    call.finish(&price, result)
}

/// A checked shape.
struct Shape {
    gemm: Gemm,
    a: Want,
    b: Want,
    c: Out,
    /// Gas of the multiply-adds.
    work: u64,
}

impl Shape {
    fn check(flags: u8, kind: u8, [batch, m, k, n]: [u64; 4]) -> Result<Self, OpError> {
        let kind = Kind::from_code(kind).ok_or(OpError::BadParam(0))?;
        gas::dimension(0, batch, gas::SIDE_MAX)?;
        gas::dimension(0, m, gas::SIDE_MAX)?;
        gas::dimension(0, k, gas::INNER_MAX)?;
        gas::dimension(0, n, gas::SIDE_MAX)?;
        let product = |sides: &[u64]| {
            sides
                .iter()
                .fold(1u64, |all, side| all.saturating_mul(*side))
        };
        let multiply_adds = product(&[batch, m, k, n]);
        gas::at_most(multiply_adds, gas::MULTIPLY_ADDS_MAX)?;
        let (element, sum) = kind.dtypes();
        let rows = product(&[batch, m]);
        gas::at_most(product(&[rows, n, sum.bytes()]), gas::OUTPUT_BYTES_MAX)?;
        let b_shared = flags & B_SHARED != 0;
        let a_count = product(&[rows, k]);
        let b_count = product(&[if b_shared { 1 } else { batch }, n, k]);
        let operands = product(&[a_count.saturating_add(b_count), element.bytes()]);
        gas::at_most(operands, gas::OPERAND_BYTES_MAX)?;
        // Sides are at most 65,535.
        let [batch, m, k, n] = [batch, m, k, n].map(|side| usize::try_from(side).unwrap_or(0));
        let gemm = Gemm {
            kind,
            a_transposed: flags & A_TRANSPOSED != 0,
            b_transposed: flags & B_TRANSPOSED != 0,
            b_shared,
            batch,
            m,
            k,
            n,
        };
        let a = if kind == Kind::U8 { Dtype::U8 } else { element };
        Ok(Self {
            gemm,
            a: Want::Exactly(a, a_count),
            b: Want::Exactly(element, b_count),
            c: Out::Matrix(sum, rows, n as u64),
            work: multiply_adds.div_ceil(kind.multiply_adds_per_gas()),
        })
    }
}
