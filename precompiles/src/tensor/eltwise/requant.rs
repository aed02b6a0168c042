//! `requant((uint8 flags, uint8 mode, uint8 to, uint32 n, int32 zy, int32 lo, int32 hi), bytes x,
//! bytes scales) returns (bytes y)`: the second half of `linear` for accumulators that exist
//! already.

use super::super::scales::{Mode, check_bounds};
use crate::{
    Dtype, OpError,
    abi::Args,
    backend::Requant,
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Operand, Want},
};
use alloc::vec::Vec;

/// Place of the scales.
const SCALES: u8 = 2;

/// Brings i32 `[..][n]` to i8 or u8, `n` at most 65,535.
///
/// `BadParam(0)`: undefined flag or mode, `lo > hi`, either outside `to`. An x that is not whole rows is
/// a `LengthMismatch` with the next lower size, at least one row. `BadElement(2, c)`: the first scale
/// outside its range.
pub(super) fn requant(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, mode, to) = (args.u8(0)?, args.u8(1)?, args.u8(2)?);
    let n = args.u32(3)?;
    let (zero, lowest, highest) = (args.i32(4)?, args.i32(5)?, args.i32(6)?);
    let (x, scales) = (args.bytes(7)?, args.bytes(8)?);

    let store = call.flags(flags, 0)?;
    let mode = Mode::from_code(mode).ok_or(OpError::BadParam(0))?;
    let to = super::dtype(0, to, &[Dtype::I8, Dtype::U8])?;
    gas::dimension(0, n.into(), gas::SIDE_MAX)?;
    check_bounds(to, lowest, highest)?;

    let x = Operand::load(call, 1, x, Want::Rows(Dtype::I32, n.into()))?;
    let scales = Operand::load(call, SCALES, scales, mode.want(n.into()))?;
    let count = super::count(Dtype::I32, x.size());
    let price = Price {
        words_in: x.words().saturating_add(scales.words()),
        out: &[Out::Vector(to, count)],
        work: super::work(count),
        store,
    };
    let mut result = call.begin(&price)?;

    let (x, scales) = (x.fetch(call)?, scales.fetch(call)?);
    let requant = Requant {
        to,
        // At most 65,535.
        columns: usize::try_from(n).unwrap_or(0),
        scales: mode.check(SCALES, &scales)?,
        zero,
        lowest,
        highest,
        lut: None,
    };
    call.backend
        .requant(&requant, &x, result.part(0), &mut call.ctl())?;
    call.finish(&price, result)
}
