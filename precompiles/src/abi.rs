//! Strict Solidity ABI. Nothing here allocates before the gas is checked.

use crate::OpError;
use alloc::{vec, vec::Vec};

/// The arguments of a call: head and tails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a>(&'a [u8]);

impl<'a> Args<'a> {
    /// Splits calldata into selector and arguments.
    pub(crate) fn split(calldata: &'a [u8]) -> Result<([u8; 4], Self), OpError> {
        let (selector, args) = calldata.split_first_chunk().ok_or(OpError::BadCalldata)?;
        Ok((*selector, Self(args)))
    }

    /// Head word `index` as an integer; above 64 bits it is outside any type asked for here.
    fn uint(&self, index: usize) -> Result<u64, OpError> {
        let start = index.saturating_mul(32);
        let end = start.saturating_add(32);
        uint(self.0.get(start..end).ok_or(OpError::BadCalldata)?)
    }

    pub(crate) fn u8(&self, index: usize) -> Result<u8, OpError> {
        self.uint(index)?
            .try_into()
            .map_err(|_| OpError::BadCalldata)
    }

    pub(crate) fn u32(&self, index: usize) -> Result<u32, OpError> {
        self.uint(index)?
            .try_into()
            .map_err(|_| OpError::BadCalldata)
    }

    /// The `bytes` whose offset is head word `index`. The bytes themselves must be there, the
    /// padding after them need not be.
    pub(crate) fn bytes(&self, index: usize) -> Result<&'a [u8], OpError> {
        let offset = self.uint(index)?;
        let from = |start: u64| usize::try_from(start).ok();
        let tail = from(offset).and_then(|start| self.0.get(start..));
        let (length, data) = tail
            .and_then(|tail| tail.split_at_checked(32))
            .ok_or(OpError::BadCalldata)?;
        from(uint(length)?)
            .and_then(|length| data.get(..length))
            .ok_or(OpError::BadCalldata)
    }
}

fn uint(word: &[u8]) -> Result<u64, OpError> {
    let (high, low) = word.split_last_chunk().ok_or(OpError::BadCalldata)?;
    if high.iter().any(|byte| *byte != 0) {
        return Err(OpError::BadCalldata);
    }
    Ok(u64::from_be_bytes(*low))
}

/// An ABI-encoded result of one `bytes`, whose content is filled in place.
#[derive(Debug)]
pub(crate) struct BytesResult {
    encoded: Vec<u8>,
    size: usize,
}

impl BytesResult {
    /// Room for `size` bytes, all zero.
    pub(crate) fn zeroed(size: usize) -> Self {
        let mut encoded = vec![0; size.next_multiple_of(32).saturating_add(64)];
        put(&mut encoded, 0, 32);
        put(&mut encoded, 32, size as u64);
        Self { encoded, size }
    }

    /// The content.
    pub(crate) fn content(&mut self) -> &mut [u8] {
        let content = self.encoded.get_mut(64..).unwrap_or_default();
        content.get_mut(..self.size).unwrap_or_default()
    }

    pub(crate) fn into_encoded(self) -> Vec<u8> {
        self.encoded
    }
}

/// Writes an integer into the word at `start`.
fn put(encoded: &mut [u8], start: usize, value: u64) {
    let word = encoded
        .get_mut(start..)
        .and_then(|rest| rest.first_chunk_mut::<32>());
    if let Some(low) = word.and_then(|word| word.last_chunk_mut()) {
        *low = value.to_be_bytes();
    }
}
