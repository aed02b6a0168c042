//! Functions of two tensors: `binary`, `scaled`. The second repeats cyclically; its size divides
//! that of the first.

use super::super::{
    element::{Element, map2, with_element},
    scales::check_bounds,
};
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

/// `scaled((uint8 flags, uint8 op, uint8 dtype, int32 za, int32 zb, int32 zy, int32 ma, int32 mb, uint8
/// shift, int32 lo, int32 hi), bytes a, bytes b) returns (bytes y)`: sum or product of quantised
/// tensors, `clamp(zy + ((v + 2^(shift - 1)) >> shift), lo, hi)` with `v = (a - za) * ma + (b - zb) *
/// mb` (op 0) or `(a - za) * (b - zb) * ma` (op 1); i8, u8.
///
/// `BadDtype(0)`. `BadParam(0)`: undefined flag or op; `mb` not zero with op 1; `shift` outside 1..=62;
/// `lo > hi` or either outside the type. The other numbers are free, so `v` is exact in 128 bits. b as
/// in [`binary`], as argument 2.
pub(super) fn scaled(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (flags, op, dtype) = (args.u8(0)?, args.u8(1)?, args.u8(2)?);
    let zeros = [args.i32(3)?, args.i32(4)?];
    let zero = args.i32(5)?;
    let multipliers = [args.i32(6)?, args.i32(7)?];
    let shift = args.u8(8)?;
    let (lowest, highest) = (args.i32(9)?, args.i32(10)?);
    let (a, b) = (args.bytes(11)?, args.bytes(12)?);

    let store = call.flags(flags, 0)?;
    let is_product = match op {
        0 => false,
        1 if multipliers.last() == Some(&0) => true,
        _ => return Err(OpError::BadParam(0).into()),
    };
    let dtype = super::dtype(0, dtype, &[Dtype::I8, Dtype::U8])?;
    check_bounds(dtype, lowest, highest)?;
    if !(1..=62).contains(&shift) {
        return Err(OpError::BadParam(0).into());
    }
    let pair = Pair::load(call, dtype, (1, a), (2, b))?;

    let scaled = Scaled {
        is_product,
        zeros,
        multipliers,
        shift,
        zero,
        lowest,
        highest,
    };
    pair.run(call, store, |a, b, out, ctl| {
        with_element!(dtype, T, N, scaled.run::<T, N>(a, b, out, ctl))
    })
}

/// Checked parameters of [`scaled`].
struct Scaled {
    is_product: bool,
    zeros: [i32; 2],
    multipliers: [i32; 2],
    shift: u8,
    zero: i32,
    lowest: i32,
    highest: i32,
}

impl Scaled {
    fn run<T: Element<N>, const N: usize>(
        &self,
        a: &[u8],
        b: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        // With zero points of 8 bits, centred elements have 9 and multipliers 32 bits: sums of products
        // are below 2^50, and with the half below 2^62.
        let is_narrow = self.zeros.iter().all(|zero| (-128..256).contains(zero));
        match (is_narrow, self.is_product) {
            (true, false) => map2::<T, N>(a, b, out, ctl, |a, b| self.narrow(a, b, false)),
            (true, true) => map2::<T, N>(a, b, out, ctl, |a, b| self.narrow(a, b, true)),
            (false, false) => map2::<T, N>(a, b, out, ctl, |a, b| self.wide(a, b, false)),
            (false, true) => map2::<T, N>(a, b, out, ctl, |a, b| self.wide(a, b, true)),
        }
    }

    /// An element in 64 bits.
    #[inline(always)]
    fn narrow<T: Element<N>, const N: usize>(&self, a: T, b: T, is_product: bool) -> T {
        let [za, zb] = self.zeros.map(i64::from);
        let [ma, mb] = self.multipliers.map(i64::from);
        let (a, b) = (a.into().wrapping_sub(za), b.into().wrapping_sub(zb));
        let v = if is_product {
            a.wrapping_mul(b).wrapping_mul(ma)
        } else {
            a.wrapping_mul(ma).wrapping_add(b.wrapping_mul(mb))
        };
        let half = (1i64 << (self.shift & 63)) >> 1;
        let q = v.wrapping_add(half) >> (self.shift & 63);
        let y = q.wrapping_add(self.zero.into());
        T::saturate(y.max(self.lowest.into()).min(self.highest.into()))
    }

    /// An element in 128 bits: a sum is below 2^65, a product below 2^96.
    #[inline(always)]
    fn wide<T: Element<N>, const N: usize>(&self, a: T, b: T, is_product: bool) -> T {
        let [za, zb] = self.zeros.map(i64::from);
        let [ma, mb] = self.multipliers.map(i128::from);
        // Below 2^32 each.
        let (a, b) = (a.into().wrapping_sub(za), b.into().wrapping_sub(zb));
        let v = if is_product {
            i128::from(a).wrapping_mul(b.into()).wrapping_mul(ma)
        } else {
            let a = i128::from(a).wrapping_mul(ma);
            a.wrapping_add(i128::from(b).wrapping_mul(mb))
        };
        let half = (1i128 << (self.shift & 63)) >> 1;
        let q = v.wrapping_add(half) >> (self.shift & 63);
        let y = q.wrapping_add(self.zero.into());
        let y = y.max(self.lowest.into()).min(self.highest.into());
        // Between two numbers of 8 bits.
        T::saturate(i64::try_from(y).unwrap_or_default())
    }
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
struct Pair<'a> {
    dtype: Dtype,
    a: Operand<'a>,
    b: Operand<'a>,
}

impl<'a> Pair<'a> {
    /// Resolves two arguments, each with its place.
    fn load(
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
    fn run(
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
