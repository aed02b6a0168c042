//! Functions of one tensor: `lut`, `shift`, `unary`.

use super::super::element::{Element, map, with_element};
use crate::{
    Dtype, Fatal, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    operand::{Operand, Want},
    round,
};
use alloc::vec::Vec;

/// `lut(uint8 flags, bytes x, bytes table) returns (bytes y)`: `table[x as u8]` for each byte of x,
/// of which there is at least one; the table has 256 bytes. The result counts as u8.
pub(super) fn lut(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, x, table) = (args.u8(0)?, args.bytes(1)?, args.bytes(2)?);

    let store = call.flags(flags, 0)?;
    let x = Operand::load(call, 1, x, Want::Some(Dtype::U8))?;
    let table = Operand::load(call, 2, table, Want::Bytes(256))?;
    let price = Price {
        words_in: x.words().saturating_add(table.words()),
        out: &[Out::Vector(Dtype::U8, x.size())],
        work: super::work(x.size()),
        store,
    };
    let mut result = call.begin(&price)?;

    let (x, table) = (x.fetch(call)?, table.fetch(call)?);
    let table: [u8; 256] = table.first_chunk().copied().unwrap_or([0; 256]);
    let ctl = &mut call.ctl();
    map(&x, result.part(0), ctl, |x: u8| {
        table.get(usize::from(x)).copied().unwrap_or_default()
    })?;
    call.finish(&price, result)
}

/// `shift(uint8 flags, uint8 from, uint8 to, uint8 s, bytes x) returns (bytes y)`: `x / 2^s`, half
/// away from zero, saturated to `to`.
///
/// `from` is i64, i32, i16, i8 or u8 (else `BadDtype(1)`), `to` one of them but i64 (`BadDtype(2)`);
/// `s` is at most 63 (`BadParam(3)`).
pub(super) fn shift(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    const TO: [Dtype; 4] = [Dtype::I32, Dtype::I16, Dtype::I8, Dtype::U8];
    let (flags, from, to) = (args.u8(0)?, args.u8(1)?, args.u8(2)?);
    let (s, x) = (args.u8(3)?, args.bytes(4)?);

    let store = call.flags(flags, 0)?;
    let from = super::dtype(1, from, &INPUTS)?;
    let to = super::dtype(2, to, &TO)?;
    if s > 63 {
        return Err(OpError::BadParam(3).into());
    }
    let x = Operand::load(call, 4, x, Want::Some(from))?;
    let count = super::count(from, x.size());
    let price = Price {
        words_in: x.words(),
        out: &[Out::Vector(to, count)],
        work: super::work(count),
        store,
    };
    let mut result = call.begin(&price)?;

    let x = x.fetch(call)?;
    let (out, ctl) = (result.part(0), &mut call.ctl());
    with_element!(from, T, N, {
        with_element!(to, U, M, shift_all::<T, U, N, M>(&x, s, out, ctl)?);
    });
    call.finish(&price, result)
}

fn shift_all<T: Element<N>, U: Element<M>, const N: usize, const M: usize>(
    x: &[u8],
    s: u8,
    out: &mut [u8],
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    map(x, out, ctl, |x: T| {
        U::saturate(round::away_shift(x.into(), s))
    })
}

/// `unary(uint8 flags, uint8 op, uint8 dtype, int64 lo, int64 hi, bytes x) returns (bytes y)`:
/// op 0 `-x`, 1 `|x|`, both saturated, 2 x clamped to `lo..=hi`, 3 the sign of x.
///
/// All types but u32 (else `BadDtype(2)`). With op 2, `lo` and `hi` are values of the type, in order;
/// with the others they are zero: else `BadParam(3)` for `lo`, or for `lo > hi`, and `BadParam(4)` for
/// `hi`.
pub(super) fn unary(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, op, dtype) = (args.u8(0)?, args.u8(1)?, args.u8(2)?);
    let (lowest, highest, x) = (args.i64(3)?, args.i64(4)?, args.bytes(5)?);

    let store = call.flags(flags, 0)?;
    let op = Unary::from_code(op).ok_or(OpError::BadParam(1))?;
    let dtype = super::dtype(2, dtype, &INPUTS)?;
    let (least, most) = match op {
        Unary::Clamp => dtype.range(),
        _ => (0, 0),
    };
    if lowest < least || lowest > most || (lowest > highest && highest >= least) {
        return Err(OpError::BadParam(3).into());
    }
    if highest < least || highest > most {
        return Err(OpError::BadParam(4).into());
    }
    let x = Operand::load(call, 5, x, Want::Some(dtype))?;
    let count = super::count(dtype, x.size());
    let price = Price {
        words_in: x.words(),
        out: &[Out::Vector(dtype, count)],
        work: super::work(count),
        store,
    };
    let mut result = call.begin(&price)?;

    let x = x.fetch(call)?;
    let (out, ctl) = (result.part(0), &mut call.ctl());
    with_element!(dtype, T, N, {
        let zero = T::saturate(0);
        let negated = |x| Element::saturating_sub(zero, x);
        let clamp = |x: T, (low, high): (T, T)| x.max(low).min(high);
        match op {
            Unary::Negate => map::<T, T, N, N>(&x, out, ctl, negated)?,
            Unary::Absolute => map::<T, T, N, N>(&x, out, ctl, |x| x.max(negated(x)))?,
            Unary::Clamp => {
                let bounds = (T::saturate(lowest), T::saturate(highest));
                map::<T, T, N, N>(&x, out, ctl, |x| clamp(x, bounds))?;
            }
            Unary::Sign => {
                let bounds = (T::saturate(-1), T::saturate(1));
                map::<T, T, N, N>(&x, out, ctl, |x| clamp(x, bounds))?;
            }
        }
    });
    call.finish(&price, result)
}

/// Types that `shift` and `unary` take.
const INPUTS: [Dtype; 5] = [Dtype::I64, Dtype::I32, Dtype::I16, Dtype::I8, Dtype::U8];

enum Unary {
    Negate,
    Absolute,
    Clamp,
    Sign,
}

impl Unary {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Negate,
            1 => Self::Absolute,
            2 => Self::Clamp,
            3 => Self::Sign,
            _ => return None,
        })
    }
}
