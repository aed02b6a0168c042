//! `scaled((uint8 flags, uint8 op, uint8 dtype, int32 za, int32 zb, int32 zy, int32 ma, int32 mb, uint8
//! shift, int32 lo, int32 hi), bytes a, bytes b) returns (bytes y)`: sum or product of quantised
//! tensors.

use super::{
    super::{element::Element, scales::check_bounds},
    pair::Pair,
};
use crate::{
    Dtype, Fatal, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Stop},
};
use alloc::vec::Vec;
use core::hint::black_box;

/// `clamp(zy + ((v + 2^(shift - 1)) >> shift), lo, hi)` with `v = (a - za) * ma + (b - zb) * mb` (op 0) or
/// `(a - za) * (b - zb) * ma` (op 1); i8, u8.
///
/// `BadDtype(0)`. `BadParam(0)`: undefined flag or op; `mb` not zero with op 1; `shift` outside 1..=62;
/// `lo > hi` or either outside the type. The other numbers are free, so `v` is exact in 128 bits. b as
/// in `binary`, as argument 2.
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
        is_product,
        zeros: [za, zb].map(i64::from),
        multipliers: [ma, mb].map(i64::from),
        shift,
        zero: zero.into(),
        lowest: lowest.into(),
        highest: highest.into(),
    };
    pair.run(call, store, |a, b, out, ctl| match dtype {
        Dtype::U8 => scaled.run::<u8>(a, b, out, ctl),
        _ => scaled.run::<i8>(a, b, out, ctl),
    })
}

/// Elements that are saturated, then clamped: they stay in cache.
const BLOCK: usize = 1 << 12;

/// Checked parameters, each an i32.
struct Scaled {
    is_product: bool,
    zeros: [i64; 2],
    multipliers: [i64; 2],
    shift: u8,
    zero: i64,
    lowest: i64,
    highest: i64,
}

impl Scaled {
    fn run<T: Element<1>>(
        &self,
        a: &[u8],
        b: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        if !self.is_product {
            self.each::<T>(a, b, out, ctl, |a, b| self.sum(a, b))
        } else if self.is_narrow() {
            self.each::<T>(a, b, out, ctl, |a, b| self.product(a, b))
        } else {
            self.each::<T>(a, b, out, ctl, |a, b| self.product_wide(a, b))
        }
    }

    /// `clamp(zy + quotient(a, b), lo, hi)` of all.
    #[inline(always)]
    fn each<T: Element<1>>(
        &self,
        a: &[u8],
        b: &[u8],
        out: &mut [u8],
        ctl: &mut Ctl<'_>,
        quotient: impl Fn(i64, i64) -> i64,
    ) -> Result<(), Fatal> {
        let base = self.lowest.wrapping_sub(self.zero);
        let width = low_byte(self.highest.wrapping_sub(self.lowest));
        let lowest = low_byte(self.lowest);
        let inputs = a.chunks(BLOCK).zip(b.chunks(BLOCK));
        for ((a, b), out) in inputs.zip(out.chunks_mut(BLOCK)) {
            ctl.next(a.len())?;
            let pairs = a.as_chunks().0.iter().zip(b.as_chunks().0);
            for ((a, b), out) in pairs.zip(out.iter_mut()) {
                let q = quotient(T::load(*a).into(), T::load(*b).into());
                *out = saturated(q.wrapping_sub(base));
            }
            for out in out {
                *out = (*out).min(width).wrapping_add(lowest);
            }
        }
        Ok(())
    }

    /// `(a - za) * ma + (b - zb) * mb`, rounded.
    #[inline(always)]
    fn sum(&self, a: i64, b: i64) -> i64 {
        let ([za, zb], [ma, mb]) = (self.zeros, self.multipliers);
        // Centred elements are below 2^31 + 2^8, so a product is below 2^62 + 2^40, and with the half, at
        // most 2^61, it fits.
        let half = (1i64 << (self.shift & 63)) >> 1;
        let a = a.wrapping_sub(za).wrapping_mul(ma);
        let b = b.wrapping_sub(zb).wrapping_mul(mb);
        let b = b.wrapping_add(half);
        // The sum may not fit, its half does: the bits that both have, and half of those that one has.
        let q = (a & b).wrapping_add((a ^ b) >> 1);
        q >> (self.shift.wrapping_sub(1) & 63)
    }

    /// Whether no `(a - za) * (b - zb) * ma` reaches 2^61.
    fn is_narrow(&self) -> bool {
        let ([za, zb], [ma, _]) = (self.zeros, self.multipliers);
        let most = |zero: i64| u128::from(zero.unsigned_abs().saturating_add(255));
        let product = most(za).saturating_mul(most(zb));
        product.saturating_mul(ma.unsigned_abs().into()) < 1 << 61
    }

    /// `(a - za) * (b - zb) * ma` in 64 bits, rounded.
    #[inline(always)]
    fn product(&self, a: i64, b: i64) -> i64 {
        let ([za, zb], [ma, _]) = (self.zeros, self.multipliers);
        let product = a.wrapping_sub(za).wrapping_mul(b.wrapping_sub(zb));
        let half = (1i64 << (self.shift & 63)) >> 1;
        product.wrapping_mul(ma).wrapping_add(half) >> (self.shift & 63)
    }

    /// [`Scaled::product`] in 128 bits; what would have more than 62 bits becomes 2^61 or its opposite.
    #[inline(always)]
    fn product_wide(&self, a: i64, b: i64) -> i64 {
        let ([za, zb], [ma, _]) = (self.zeros, self.multipliers);
        // Below 2^63, and times ma below 2^94.
        let product = a.wrapping_sub(za).wrapping_mul(b.wrapping_sub(zb));
        let v = i128::from(product).wrapping_mul(ma.into());
        // Twice the quotient, and what lies above its lowest 64 bits. Kept apart from its neighbours:
        // as vectors, products of this width are slower.
        let shift = self.shift.wrapping_sub(1) & 63;
        let (low, high) = (low_half(v >> shift), black_box(low_half(v >> 64)) >> shift);
        let q = (low >> 1).wrapping_add(low & 1);
        let difference = high ^ (low >> 63);
        let is_far = (difference | difference.wrapping_neg()) >> 63;
        q ^ ((q ^ (high >> 63) ^ (1 << 61)) & is_far)
    }
}

/// `y` within `0..=255`, by masks: a comparison would be a branch, and nobody foretells which way random
/// data take. Neither difference overflows.
#[inline(always)]
fn saturated(y: i64) -> u8 {
    let below = low_byte(y >> 63);
    let above = low_byte(255i64.wrapping_sub(y) >> 63);
    (low_byte(y) | above) & !below
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // The low byte.
const fn low_byte(x: i64) -> u8 {
    x as u8
}

#[allow(clippy::cast_possible_truncation)] // The low half.
const fn low_half(x: i128) -> i64 {
    x as i64
}
