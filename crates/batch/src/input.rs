//! A cursor over input bytes: every read is bounded, nothing panics. Also uvarints, bit lists and the
//! few RLP shapes that batches are made of.
//!
//! A bit list of `n` bits is a big-endian integer padded left to whole bytes: bit `i` is bit `i % 8`
//! of byte `len - 1 - i / 8`. Source: OP delta/span-batches.

use crate::BatchError;
use alloc::vec::Vec;
use alloy_rlp::Header;

/// Unread input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

/// One RLP item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    /// The item with its header.
    pub(crate) raw: &'a [u8],
    /// The item without its header.
    pub(crate) payload: &'a [u8],
    /// Whether it is a list.
    pub(crate) list: bool,
}

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(length)?;
        self.rest = tail;
        Some(head)
    }

    /// `count` elements of `size` bytes each, without reading past the end.
    pub(crate) fn take_many(&mut self, count: u64, size: u64) -> Option<&'a [u8]> {
        self.take(usize::try_from(count.checked_mul(size)?).ok()?)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// An unsigned base-128 integer of at most 10 bytes. A longer form than needed is accepted.
    pub(crate) fn uvarint(&mut self) -> Result<u64, BatchError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte().ok_or(BatchError::Truncated)?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f).wrapping_shl(shift);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BatchError::Uvarint)
    }

    /// A bit list of `count` bits; a set bit beyond them is an error.
    pub(crate) fn bits(&mut self, count: u64) -> Result<Bits<'a>, BatchError> {
        let bytes = self
            .take_many(count.div_ceil(8), 1)
            .ok_or(BatchError::Truncated)?;
        let used = (count & 7) as u32;
        let first = bytes.first().copied().unwrap_or_default();
        if used != 0 && u32::from(first).wrapping_shr(used) != 0 {
            return Err(BatchError::Bits);
        }
        Ok(Bits(bytes))
    }

    /// One RLP item of any kind.
    pub(crate) fn item(&mut self) -> Result<Item<'a>, alloy_rlp::Error> {
        let mut rest = self.rest;
        let header = Header::decode(&mut rest)?;
        let (payload, rest) = rest
            .split_at_checked(header.payload_length)
            .ok_or(alloy_rlp::Error::InputTooShort)?;
        let length = self.rest.len().saturating_sub(rest.len());
        let raw = self.take(length).ok_or(alloy_rlp::Error::InputTooShort)?;
        Ok(Item {
            raw,
            payload,
            list: header.list,
        })
    }

    /// An RLP list; returns its raw bytes and a cursor over its items.
    pub(crate) fn list(&mut self) -> Result<(&'a [u8], Self), alloy_rlp::Error> {
        let item = self.item()?;
        if item.list {
            Ok((item.raw, Self::new(item.payload)))
        } else {
            Err(alloy_rlp::Error::UnexpectedString)
        }
    }

    /// An RLP byte string.
    pub(crate) fn string(&mut self) -> Result<Item<'a>, alloy_rlp::Error> {
        let item = self.item()?;
        if item.list {
            Err(alloy_rlp::Error::UnexpectedList)
        } else {
            Ok(item)
        }
    }

    /// An RLP byte string of exactly `N` bytes.
    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], alloy_rlp::Error> {
        self.string()?
            .payload
            .try_into()
            .map_err(|_| alloy_rlp::Error::UnexpectedLength)
    }

    /// A canonical RLP integer of at most `max` bytes.
    pub(crate) fn integer(&mut self, max: usize) -> Result<Item<'a>, alloy_rlp::Error> {
        let item = self.string()?;
        if item.payload.first() == Some(&0) {
            return Err(alloy_rlp::Error::LeadingZero);
        }
        if item.payload.len() > max {
            Err(alloy_rlp::Error::Overflow)
        } else {
            Ok(item)
        }
    }

    /// A canonical RLP integer of at most 64 bits.
    pub(crate) fn u64(&mut self) -> Result<u64, alloy_rlp::Error> {
        let item = self.integer(8)?;
        Ok(item
            .payload
            .iter()
            .fold(0, |value, byte| value.wrapping_shl(8) | u64::from(*byte)))
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), alloy_rlp::Error> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(alloy_rlp::Error::ListLengthMismatch {
                expected: 0,
                got: self.len(),
            })
        }
    }
}

/// A bit list as it stands in the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits<'a>(&'a [u8]);

impl<'a> Bits<'a> {
    /// Takes bytes that [`Input::bits`] has checked.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn get(&self, index: u64) -> bool {
        let byte = usize::try_from(index.wrapping_shr(3))
            .ok()
            .and_then(|from_end| self.0.len().checked_sub(1)?.checked_sub(from_end))
            .and_then(|at| self.0.get(at));
        byte.is_some_and(|byte| u32::from(*byte).wrapping_shr((index & 7) as u32) & 1 == 1)
    }

    pub(crate) fn count_ones(&self) -> u64 {
        self.0.iter().fold(0, |sum, byte| {
            sum.saturating_add(u64::from(byte.count_ones()))
        })
    }
}

/// A bit list that grows; stored from bit 0 upwards and reversed when written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    count: u64,
}

impl BitWriter {
    pub(crate) fn push(&mut self, bit: bool) {
        let place = (self.count & 7) as u32;
        if place == 0 {
            self.bytes.push(0);
        }
        if let Some(byte) = self.bytes.last_mut() {
            *byte |= u8::from(bit).wrapping_shl(place);
        }
        self.count = self.count.saturating_add(1);
    }

    pub(crate) fn truncate(&mut self, count: u64) {
        let count = count.min(self.count);
        self.bytes
            .truncate(usize::try_from(count.div_ceil(8)).unwrap_or(usize::MAX));
        let used = (count & 7) as u32;
        if let (Some(byte), true) = (self.bytes.last_mut(), used != 0) {
            *byte &= 1u8.wrapping_shl(used).wrapping_sub(1);
        }
        self.count = count;
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.bytes.iter().rev());
    }
}

/// Appends the shortest base-128 form.
pub(crate) fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value = value.wrapping_shr(7);
    }
    out.push((value & 0x7f) as u8);
}
