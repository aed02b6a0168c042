//! MATMUL: integer matrix products.
//!
//! `matmul((uint8 flags, uint8 kind, uint32 batch, uint32 m, uint32 k, uint32 n), bytes a, bytes b)
//! returns (bytes c)`, with `c[i][j] = sum over l of a[i][l] * b[j][l]` for each batch. B is given
//! as `[n][k]`, like stored weights, so both sides of an inner product lie contiguously.

use crate::{
    Function, OpError,
    abi::{Args, BytesResult},
    backend::{Ctl, Gemm, Kind, portable},
    call::{Call, Stop},
    gas,
    operand::Operand,
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

    let shape = Shape::check(flags, kind, [batch, m, k, n].map(u64::from))?;
    let a = Operand::load(call, 1, a, shape.a_bytes)?;
    let b = Operand::load(call, 2, b, shape.b_bytes)?;
    call.charge(shape.price())?;

    let size = usize::try_from(shape.c_bytes).unwrap_or(usize::MAX);
    let mut c = BytesResult::zeroed(size);
    let mut ctl = Ctl::new(call.host);
    portable::gemm(&shape.gemm, a.bytes(), b.bytes(), c.content(), &mut ctl)?;
    Ok(c.into_encoded())
}

/// A checked shape and its sizes.
struct Shape {
    gemm: Gemm,
    multiply_adds: u64,
    a_bytes: u64,
    b_bytes: u64,
    c_bytes: u64,
}

impl Shape {
    fn check(flags: u8, kind: u8, [batch, m, k, n]: [u64; 4]) -> Result<Self, OpError> {
        if flags & !(A_TRANSPOSED | B_TRANSPOSED | B_SHARED) != 0 {
            return Err(OpError::BadParam(0));
        }
        let kind = Kind::from_code(kind).ok_or(OpError::BadParam(0))?;
        side(batch, gas::SIDE_MAX)?;
        side(m, gas::SIDE_MAX)?;
        side(k, gas::INNER_MAX)?;
        side(n, gas::SIDE_MAX)?;
        let product = |sides: &[u64]| {
            sides
                .iter()
                .fold(1u64, |all, side| all.saturating_mul(*side))
        };
        let multiply_adds = product(&[batch, m, k, n]);
        at_most(multiply_adds, gas::MULTIPLY_ADDS_MAX)?;
        let c_bytes = product(&[batch, m, n, kind.c_bytes()]);
        at_most(c_bytes, gas::OUTPUT_BYTES_MAX)?;
        let b_shared = flags & B_SHARED != 0;
        let a_bytes = product(&[batch, m, k, kind.a_bytes()]);
        let b_bytes = product(&[if b_shared { 1 } else { batch }, n, k, kind.b_bytes()]);
        at_most(a_bytes.saturating_add(b_bytes), gas::OPERAND_BYTES_MAX)?;
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
        Ok(Self {
            gemm,
            multiply_adds,
            a_bytes,
            b_bytes,
            c_bytes,
        })
    }

    const fn price(&self) -> u64 {
        let a = gas::words(self.a_bytes) << (self.gemm.a_transposed as u32);
        let b = gas::words(self.b_bytes) << (self.gemm.b_transposed as u32);
        let work = self
            .multiply_adds
            .div_ceil(self.gemm.kind.multiply_adds_per_gas());
        gas::price(a.saturating_add(b), gas::words(self.c_bytes), work)
    }
}

fn side(side: u64, max: u64) -> Result<(), OpError> {
    if side == 0 {
        return Err(OpError::BadShape(0));
    }
    at_most(side, max)
}

const fn at_most(got: u64, max: u64) -> Result<(), OpError> {
    if got > max {
        return Err(OpError::TooLarge { got, max });
    }
    Ok(())
}
