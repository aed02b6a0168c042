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
    // A value and an index each.
    let bytes = dtype.bytes().saturating_add(Dtype::U32.bytes());
    gas::at_most(results.saturating_mul(bytes), gas::OUTPUT_BYTES_MAX)?;

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
    with_element!(dtype, T, N, {
        let rows = x.as_chunks::<N>().0.chunks(len);
        let values = values.as_chunks_mut::<N>().0.chunks_mut(k.into());
        let indices = indices.as_chunks_mut::<4>().0.chunks_mut(k.into());
        let rows = rows.zip(values.zip(indices));
        match k {
            1 => each::<T, N>(rows, Few([0; 1]), ctl)?,
            2 => each::<T, N>(rows, Few([0; 2]), ctl)?,
            3 => each::<T, N>(rows, Few([0; 3]), ctl)?,
            4 => each::<T, N>(rows, Few([0; 4]), ctl)?,
            5 => each::<T, N>(rows, Few([0; 5]), ctl)?,
            6 => each::<T, N>(rows, Few([0; 6]), ctl)?,
            7 => each::<T, N>(rows, Few([0; 7]), ctl)?,
            8 => each::<T, N>(rows, Few([0; 8]), ctl)?,
            _ => each::<T, N>(rows, Many::new(k.into(), len), ctl)?,
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

/// The best keys of a row so far.
trait Best {
    /// Of no key; gives the bound.
    fn clear(&mut self) -> u64;
    /// Takes a key above the bound, and gives the new bound: keys up to it are not among the best.
    fn take(&mut self, key: u64) -> u64;
    /// The best in order, falling, of at least as many keys as are wanted.
    fn in_order(&mut self) -> &[u64];
}

/// Finds the best of each row, and writes their values and indices.
fn each<'a, T: Element<N>, const N: usize>(
    rows: impl Iterator<Item = (&'a [[u8; N]], (&'a mut [[u8; N]], &'a mut [[u8; 4]]))>,
    mut best: impl Best,
    ctl: &mut Ctl<'_>,
) -> Result<(), Fatal> {
    for (row, (values, indices)) in rows {
        let mut bound = best.clear();
        for (part, first) in row.chunks(BLOCK).zip((0u32..).step_by(BLOCK)) {
            ctl.next(part.len())?;
            for (x, index) in part.iter().zip(first..) {
                let key = key(T::load(*x).into(), index);
                if key > bound {
                    bound = best.take(key);
                }
            }
        }
        for ((key, value), index) in best.in_order().iter().zip(values).zip(indices) {
            *value = T::saturate(value_of(*key)).store();
            *index = index_of(*key).to_le_bytes();
        }
    }
    Ok(())
}

/// A few best: each key is put in its place at once.
struct Few<const K: usize>([u64; K]);

impl<const K: usize> Best for Few<K> {
    #[inline(always)]
    fn clear(&mut self) -> u64 {
        // No key is zero: its index would be 2^32 - 1.
        self.0 = [0; K];
        0
    }

    #[inline(always)]
    fn take(&mut self, mut key: u64) -> u64 {
        for best in &mut self.0 {
            let low = key.min(*best);
            *best = key.max(*best);
            key = low;
        }
        self.0.last().copied().unwrap_or_default()
    }

    #[inline(always)]
    fn in_order(&mut self) -> &[u64] {
        &self.0
    }
}

/// Many best: keys are gathered, and sifted when they are enough.
struct Many {
    k: usize,
    keys: Vec<u64>,
    /// Keys at which they are sifted.
    most: usize,
    bound: u64,
}

/// Keys that are sorted all, however few are wanted.
const SORTED: usize = 32;
/// Fewest keys that are sorted without a branch for each.
const NETWORK: usize = 21;
/// Keys gathered, beside the best so far, before they are sifted.
const GATHERED: usize = 512;

impl Many {
    fn new(k: usize, len: usize) -> Self {
        let gathered = GATHERED.max(k.saturating_mul(2));
        let most = k.saturating_add(gathered);
        Self {
            k,
            keys: Vec::with_capacity(most.min(len)),
            most,
            bound: 0,
        }
    }

    /// Drops all keys but the best.
    fn sift(&mut self) {
        let last = self.k.saturating_sub(1);
        self.keys.select_nth_unstable_by(last, |a, b| b.cmp(a));
        self.keys.truncate(self.k);
        self.bound = self.keys.last().copied().unwrap_or_default();
    }
}

impl Best for Many {
    fn clear(&mut self) -> u64 {
        self.keys.clear();
        self.bound = 0;
        0
    }

    #[inline(always)]
    fn take(&mut self, key: u64) -> u64 {
        self.keys.push(key);
        if self.keys.len() >= self.most {
            self.sift();
        }
        self.bound
    }

    fn in_order(&mut self) -> &[u64] {
        if self.keys.len() > SORTED {
            if self.keys.len() > self.k {
                self.sift();
            }
        } else {
            // The library sorts the very short by insertion, with a branch for each step, and from here on
            // without. Zero is lower than any key.
            self.keys.resize(self.keys.len().max(NETWORK), 0);
        }
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        &self.keys
    }
}
