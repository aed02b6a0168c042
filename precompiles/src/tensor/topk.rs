//! `topk(uint8 dtype, uint32 rows, uint32 len, uint16 k, bytes x) returns (bytes values, bytes
//! indices)`: the `k` largest elements of each row.

use super::{
    element::{BLOCK, Element, with_element},
    reduce::{TYPES, elements},
};
use crate::{
    Dtype, Fatal, OpError,
    abi::Args,
    backend::Ctl,
    call::{Call, Out, Price, Stop},
    gas,
    operand::{Operand, Want},
};
use alloc::vec::Vec;

/// Values fall, and where they are equal indices (u32) rise. i8, u8, i16, i32.
///
/// Gas of the work, for n elements of x: `n / 4 + n * ceil(log2(k + 1)) / 8`. `BadDtype(0)`. `BadShape` of
/// a dimension, or of k, that is zero. `TooLarge`: k above 1,024, x above the limit of operands. `BadParam(3)`: k
/// above len. Nothing can be stored: there are no flags.
pub(super) fn topk(call: &mut Call<'_>, args: &Args<'_>) -> Result<Vec<u8>, Stop> {
    let (dtype, rows, len) = (args.u8(0)?, args.u32(1)?, args.u32(2)?);
    let (k, x) = (args.u16(3)?, args.bytes(4)?);

    let dtype = super::dtype(0, dtype, &TYPES)?;
    let count = elements([(1, rows), (2, len)], dtype)?;
    gas::dimension(3, k.into(), gas::TOP_MAX)?;
    if u32::from(k) > len {
        return Err(OpError::BadParam(3).into());
    }
    let results = u64::from(rows).saturating_mul(k.into());

    let x = Operand::load(call, 4, x, Want::Exactly(dtype, count))?;
    let price = Price {
        words_in: x.words(),
        out: &[
            Out::Vector(dtype, results),
            Out::Vector(Dtype::U32, results),
        ],
        work: work(count, k),
        store: false,
    };
    let mut result = call.begin(&price)?;

    let x = x.fetch(call)?;
    let [values, indices] = result.parts();
    let ctl = &mut call.ctl();
    // At most 2^27 elements.
    let len = usize::try_from(len).unwrap_or(1);
    let mut top = Top::new(k.into(), len);
    with_element!(dtype, T, N, {
        let (values, _) = values.as_chunks_mut::<N>();
        let (indices, _) = indices.as_chunks_mut::<4>();
        let outs = values
            .chunks_mut(k.into())
            .zip(indices.chunks_mut(k.into()));
        for (row, (values, indices)) in x.as_chunks::<N>().0.chunks(len).zip(outs) {
            top.find::<T, N>(row, ctl)?;
            for ((key, value), index) in top.keys.iter().zip(values).zip(indices) {
                *value = T::saturate(value_of(*key)).store();
                *index = index_of(*key).to_le_bytes();
            }
        }
    });
    call.finish(&price, result)
}

fn work(count: u64, k: u16) -> u64 {
    // ceil(log2(k + 1)) is the number of bits of k.
    let bits = u16::BITS.wrapping_sub(k.leading_zeros());
    let sorting = count.saturating_mul(bits.into()).div_ceil(8);
    count.div_ceil(4).saturating_add(sorting)
}

/// An element and its index as one number, the larger the earlier in the result.
#[inline(always)]
fn key(value: i64, index: u32) -> u64 {
    // The value from 0 on: it fits 32 bits.
    let value = value.wrapping_add(1 << 31).cast_unsigned();
    (value << 32) | u64::from(!index)
}

#[inline(always)]
fn value_of(key: u64) -> i64 {
    (key >> 32).cast_signed().wrapping_sub(1 << 31)
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // The low half.
fn index_of(key: u64) -> u32 {
    !(key as u32)
}

/// Largest k for which a key is put in its place at once.
const FEW: usize = 12;
/// Keys gathered, beside the best so far, before they are sifted.
const GATHERED: usize = 512;

/// The best keys of a row.
struct Top {
    k: usize,
    /// First the best `k`, in order once found.
    keys: Vec<u64>,
    /// Keys that are gathered before they are sifted.
    most: usize,
}

impl Top {
    fn new(k: usize, len: usize) -> Self {
        let gathered = GATHERED.max(k.saturating_mul(2));
        let most = k.saturating_add(gathered).min(len);
        Self {
            k,
            keys: Vec::with_capacity(most),
            most,
        }
    }

    /// Finds the best of a row, which has at least `k` elements.
    fn find<T: Element<N>, const N: usize>(
        &mut self,
        row: &[[u8; N]],
        ctl: &mut Ctl<'_>,
    ) -> Result<(), Fatal> {
        self.keys.clear();
        if self.k <= FEW {
            // No key is zero: its index would be 2^32 - 1.
            self.keys.resize(self.k, 0);
        }
        // Keys up to this one are not among the best.
        let mut bound = 0;
        for (part, first) in row.chunks(BLOCK).zip((0u32..).step_by(BLOCK)) {
            ctl.next(part.len())?;
            for (x, index) in part.iter().zip(first..) {
                let key = key(T::load(*x).into(), index);
                if key > bound {
                    bound = self.take(key, bound);
                }
            }
        }
        if self.k > FEW {
            self.sift();
            self.keys.sort_unstable_by(|a, b| b.cmp(a));
        }
        Ok(())
    }

    /// Takes one more key, and gives the new bound.
    #[inline(always)]
    fn take(&mut self, mut key: u64, bound: u64) -> u64 {
        if self.k <= FEW {
            for best in &mut self.keys {
                let low = key.min(*best);
                *best = key.max(*best);
                key = low;
            }
            return self.keys.last().copied().unwrap_or_default();
        }
        self.keys.push(key);
        if self.keys.len() < self.most {
            return bound;
        }
        self.sift()
    }

    /// Drops all keys but the best, the lowest of which it gives.
    fn sift(&mut self) -> u64 {
        let last = self.k.saturating_sub(1);
        if last < self.keys.len() {
            self.keys.select_nth_unstable_by(last, |a, b| b.cmp(a));
            self.keys.truncate(self.k);
        }
        self.keys.get(last).copied().unwrap_or_default()
    }
}
