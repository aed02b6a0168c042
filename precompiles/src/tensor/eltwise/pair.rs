//! Functions of two tensors: `binary`, `scaled`. The second repeats cyclically; its size divides
//! that of the first.

use super::super::{
    element::{Element, clamp, map2, with_element},
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
    let (za, zb, zero) = (args.i32(3)?, args.i32(4)?, args.i32(5)?);
    let (ma, mb, shift) = (args.i32(6)?, args.i32(7)?, args.u8(8)?);
    let (lowest, highest) = (args.i32(9)?, args.i32(10)?);
    let (a, b) = (args.bytes(11)?, args.bytes(12)?);

    let store = call.flags(flags, 0)?;
    let is_product = match op {
        0 => false,
        1 if mb == 0 => true,
        _ => return Err(OpError::BadParam(0).into()),
    };
    let dtype = super::dtype(0, dtype, &[Dtype::I8, Dtype::U8])?;
    check_bounds(dtype, lowest, highest)?;
    if !(1..=62).contains(&shift) {
        return Err(OpError::BadParam(0).into());
    }
    let pair = Pair::load(call, dtype, (1, a), (2, b))?;

    let scaled = Scaled {
        zeros: [za, zb].map(i64::from),
        multipliers: [ma, mb].map(i64::from),
        shift,
        zero: zero.into(),
        lowest: lowest.into(),
        highest: highest.into(),
    };
    pair.run(call, store, |a, b, out, ctl| {
        with_element!(dtype, T, N, {
            if !is_product {
                map2::<T, N>(a, b, out, ctl, |a, b| scaled.sum(a, b))
            } else if scaled.is_narrow() {
                map2::<T, N>(a, b, out, ctl, |a, b| scaled.product(a, b))
            } else {
                map2::<T, N>(a, b, out, ctl, |a, b| scaled.product_wide(a, b))
            }
        })
    })
}

/// Checked parameters of [`scaled`], each an i32.
struct Scaled {
    zeros: [i64; 2],
    multipliers: [i64; 2],
    shift: u8,
    zero: i64,
    lowest: i64,
    highest: i64,
}

impl Scaled {
    /// `(a - za) * ma + (b - zb) * mb`, scaled.
    #[inline(always)]
    fn sum<T: Element<N>, const N: usize>(&self, a: T, b: T) -> T {
        let ([za, zb], [ma, mb]) = (self.zeros, self.multipliers);
        // Centred elements are below 2^31 + 2^8, so a product is below 2^62 + 2^40, and with the half, at most
        // 2^61, it fits.
        let half = (1i64 << (self.shift & 63)) >> 1;
        let a = a.into().wrapping_sub(za).wrapping_mul(ma);
        let b = b.into().wrapping_sub(zb).wrapping_mul(mb);
        let b = b.wrapping_add(half);
        // The sum may not fit, its half does: the bits that both have, and half of those that one has.
        let q = (a & b).wrapping_add((a ^ b) >> 1);
        self.clamped(q >> (self.shift.wrapping_sub(1) & 63))
    }

    /// Whether no `(a - za) * (b - zb) * ma` reaches 2^61.
    fn is_narrow(&self) -> bool {
        let ([za, zb], [ma, _]) = (self.zeros, self.multipliers);
        let most = |zero: i64| u128::from(zero.unsigned_abs().saturating_add(255));
        let product = most(za).saturating_mul(most(zb));
        product.saturating_mul(ma.unsigned_abs().into()) < 1 << 61
    }

    /// `(a - za) * (b - zb) * ma` in 64 bits, scaled.
    #[inline(always)]
    fn product<T: Element<N>, const N: usize>(&self, a: T, b: T) -> T {
        let ([za, zb], [ma, _]) = (self.zeros, self.multipliers);
        let product = a
            .into()
            .wrapping_sub(za)
            .wrapping_mul(b.into().wrapping_sub(zb));
        let half = (1i64 << (self.shift & 63)) >> 1;
        self.clamped(product.wrapping_mul(ma).wrapping_add(half) >> (self.shift & 63))
    }

    /// [`Scaled::product`] in 128 bits.
    #[inline(always)]
    fn product_wide<T: Element<N>, const N: usize>(&self, a: T, b: T) -> T {
        let ([za, zb], [ma, _]) = (self.zeros, self.multipliers);
        // Below 2^63, and times ma below 2^94.
        let product = a
            .into()
            .wrapping_sub(za)
            .wrapping_mul(b.into().wrapping_sub(zb));
        let v = i128::from(product).wrapping_mul(ma.into());
        // Twice the quotient, and what lies above its lowest 64 bits.
        let shift = self.shift.wrapping_sub(1) & 63;
        let [low, high] = [v >> shift, (v >> 64) >> shift].map(low_half);
        let q = (low >> 1).wrapping_add(low & 1);
        // What does not fit is outside all bounds, and becomes 2^61 or its opposite.
        let difference = high ^ (low >> 63);
        let is_far = (difference | difference.wrapping_neg()) >> 63;
        self.clamped(q ^ ((q ^ (high >> 63) ^ (1 << 61)) & is_far))
    }

    /// `clamp(q + zero, lowest, highest)`; q is below 2^62 + 2^61.
    #[inline(always)]
    fn clamped<T: Element<N>, const N: usize>(&self, q: i64) -> T {
        let y = q.wrapping_add(self.zero);
        T::exactly(clamp(y, self.lowest, self.highest))
    }
}

#[allow(clippy::cast_possible_truncation)] // The low half.
const fn low_half(x: i128) -> i64 {
    x as i64
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
