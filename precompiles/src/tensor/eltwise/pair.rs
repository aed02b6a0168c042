//! `binary`, and what it shares with `scaled`: a pair of tensors of which the second repeats
//! cyclically; its size divides that of the first.

use super::super::element::{Element, map2, with_element};
use crate::{
    Dtype, Fatal, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    operand::{Operand, Want},
};
use alloc::{borrow::Cow, vec::Vec};

/// `binary(uint8 flags, uint8 op, uint8 dtype, bytes a, bytes b) returns (bytes y)`: op 0 `a + b`, 1
/// `a - b`, 2 `a * b`, all saturated, 3 the larger, 4 the smaller; i8, u8, i16, i32.
///
/// `BadParam(1)`: undefined op. `BadDtype(2)`. A b that does not divide a, or is not whole elements, is
/// `LengthMismatch(4, size of a, size of b)`, an empty one `BadShape(4)`.
pub(super) fn binary(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, op, dtype) = (args.u8(0)?, args.u8(1)?, args.u8(2)?);
    let (a, b) = (args.bytes(3)?, args.bytes(4)?);

    let store = call.flags(flags, 0)?;
    let op = Binary::from_code(op).ok_or(OpError::BadParam(1))?;
    let dtype = super::dtype(2, dtype, &[Dtype::I8, Dtype::U8, Dtype::I16, Dtype::I32])?;
    let pair = Pair::load(call, dtype, (3, a), (4, b))?;
    pair.run(call, store, |a, b, out, ctl| {
        with_element!(dtype, T, N, {
            match op {
                Binary::Add => map2::<T, N>(a, b, out, ctl, Element::saturating_add),
                Binary::Sub => map2::<T, N>(a, b, out, ctl, Element::saturating_sub),
                Binary::Mul => map2::<T, N>(a, b, out, ctl, Element::saturating_mul),
                Binary::Max => map2::<T, N>(a, b, out, ctl, Ord::max),
                Binary::Min => map2::<T, N>(a, b, out, ctl, Ord::min),
            }
        })
    })
}

enum Binary {
    Add,
    Sub,
    Mul,
    Max,
    Min,
}

impl Binary {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Add,
            1 => Self::Sub,
            2 => Self::Mul,
            3 => Self::Max,
            4 => Self::Min,
            _ => return None,
        })
    }
}

/// Two operands of one type, the second of which divides the first.
pub(super) struct Pair<'a> {
    dtype: Dtype,
    a: Operand<'a>,
    b: Operand<'a>,
}

impl<'a> Pair<'a> {
    /// Resolves two arguments, each with its place.
    pub(super) fn load(
        call: &mut Call<'_>,
        dtype: Dtype,
        (a_at, a): (u8, &'a [u8]),
        (b_at, b): (u8, &'a [u8]),
    ) -> Result<Self, Stop> {
        let a = Operand::load(call, a_at, a, Want::Some(dtype))?;
        let b = Operand::load(call, b_at, b, Want::Divisor(dtype, a.size()))?;
        Ok(Self { dtype, a, b })
    }

    /// Charges, runs `work` on pieces of a and as much of b, and finishes.
    pub(super) fn run(
        self,
        call: &mut Call<'_>,
        store: bool,
        work: impl Fn(&[u8], &[u8], &mut [u8], &mut Ctl<'_>) -> Result<(), Fatal>,
    ) -> Result<Vec<u8>, Stop> {
        let count = super::count(self.dtype, self.a.size());
        let price = Price {
            words_in: self.a.words().saturating_add(self.b.words()),
            out: &[Out::Vector(self.dtype, count)],
            work: super::work(count),
            store,
        };
        let mut result = call.begin(&price)?;

        let (a, b) = (self.a.fetch(call)?, self.b.fetch(call)?);
        let b = repeated(&b, a.len());
        let ctl = &mut call.ctl();
        let outs = result.part(0).chunks_mut(b.len().max(1));
        for (a, out) in a.chunks(b.len().max(1)).zip(outs) {
            work(a, &b, out, ctl)?;
        }
        call.finish(&price, result)
    }
}

/// Bytes below which a cycle is repeated.
const SHORT: usize = 4_096;

/// A cycle that is worth a loop: `b`, repeated within `whole` if it is short.
fn repeated(b: &[u8], whole: usize) -> Cow<'_, [u8]> {
    match whole.min(SHORT).checked_div(b.len()) {
        Some(times @ 2..) => Cow::Owned(b.repeat(times)),
        _ => Cow::Borrowed(b),
    }
}
