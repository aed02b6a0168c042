//! Strict Solidity ABI. Nothing here allocates before the gas is checked.

use crate::OpError;
use alloc::{vec, vec::Vec};

/// The arguments of a call: head and tails. A struct of static members lies in the head member by
/// member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a>(&'a [u8]);

impl<'a> Args<'a> {
    /// Splits calldata into selector and arguments.
    pub(crate) fn split(calldata: &'a [u8]) -> Result<([u8; 4], Self), OpError> {
        let (selector, args) = calldata.split_first_chunk().ok_or(OpError::BadCalldata)?;
        Ok((*selector, Self(args)))
    }

    /// Head word `index`: a `bytes32` or `uint256`, big-endian.
    pub(crate) fn word(&self, index: usize) -> Result<&'a [u8; 32], OpError> {
        word_at(self.0, index)
    }

    /// A `bytes12`.
    pub(crate) fn bytes12(&self, index: usize) -> Result<[u8; 12], OpError> {
        match self.word(index)?.split_first_chunk() {
            Some((first, rest)) if rest.iter().all(|byte| *byte == 0) => Ok(*first),
            _ => Err(OpError::BadCalldata),
        }
    }

    pub(crate) fn u8(&self, index: usize) -> Result<u8, OpError> {
        narrow(uint(self.word(index)?)?)
    }

    pub(crate) fn u16(&self, index: usize) -> Result<u16, OpError> {
        narrow(uint(self.word(index)?)?)
    }

    pub(crate) fn u32(&self, index: usize) -> Result<u32, OpError> {
        narrow(uint(self.word(index)?)?)
    }

    pub(crate) fn u64(&self, index: usize) -> Result<u64, OpError> {
        uint(self.word(index)?)
    }

    pub(crate) fn i32(&self, index: usize) -> Result<i32, OpError> {
        narrow(int(self.word(index)?)?)
    }

    pub(crate) fn i64(&self, index: usize) -> Result<i64, OpError> {
        int(self.word(index)?)
    }

    /// The `bytes` whose offset is head word `index`. The bytes themselves must be there, the
    /// padding after them need not be.
    pub(crate) fn bytes(&self, index: usize) -> Result<&'a [u8], OpError> {
        let (length, data) = self.tail(index)?;
        data.get(..length).ok_or(OpError::BadCalldata)
    }

    /// The array of words (`uint256[]`, `int32[]`, `bytes32[]`) whose offset is head word `index`.
    pub(crate) fn words(&self, index: usize) -> Result<Words<'a>, OpError> {
        let (count, data) = self.tail(index)?;
        let words = count.checked_mul(32).and_then(|size| data.get(..size));
        Ok(Words(words.ok_or(OpError::BadCalldata)?))
    }

    /// The `bytes[]` whose offset is head word `index`; every element is checked to be there.
    pub(crate) fn list(&self, index: usize) -> Result<List<'a>, OpError> {
        let (count, data) = self.tail(index)?;
        let heads = count.checked_mul(32).and_then(|size| data.get(..size));
        heads.ok_or(OpError::BadCalldata)?;
        let list = List {
            elements: Args(data),
            count,
        };
        for element in 0..count {
            list.elements.bytes(element)?;
        }
        Ok(list)
    }

    /// Length and content of the tail whose offset is head word `index`.
    fn tail(&self, index: usize) -> Result<(usize, &'a [u8]), OpError> {
        let size = |value: u64| usize::try_from(value).map_err(|_| OpError::BadCalldata);
        let offset = size(self.u64(index)?)?;
        let tail = self.0.get(offset..).ok_or(OpError::BadCalldata)?;
        let (length, data) = tail.split_first_chunk().ok_or(OpError::BadCalldata)?;
        Ok((size(uint(length)?)?, data))
    }
}

/// An array of words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    pub(crate) const fn len(&self) -> u64 {
        (self.0.len() >> 5) as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8; 32]> + Clone {
        self.0.as_chunks::<32>().0.iter()
    }

    /// The words as `int32`, strictly.
    pub(crate) fn i32s(&self) -> impl Iterator<Item = Result<i32, OpError>> + Clone {
        self.iter().map(|word| narrow(int(word)?))
    }

    /// The words as `uint32`, strictly.
    pub(crate) fn u32s(&self) -> impl Iterator<Item = Result<u32, OpError>> + Clone {
        self.iter().map(|word| narrow(uint(word)?))
    }
}

/// An array of `bytes`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    elements: Args<'a>,
    count: usize,
}

impl<'a> List<'a> {
    pub(crate) const fn len(&self) -> u64 {
        self.count as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let elements = self.elements;
        // They were found when the list was read.
        (0..self.count).map(move |index| elements.bytes(index).unwrap_or_default())
    }
}

fn word_at(words: &[u8], index: usize) -> Result<&[u8; 32], OpError> {
    let rest = words.get(index.saturating_mul(32)..);
    rest.and_then(|rest| rest.first_chunk())
        .ok_or(OpError::BadCalldata)
}

fn narrow<W, T: TryFrom<W>>(value: W) -> Result<T, OpError> {
    value.try_into().map_err(|_| OpError::BadCalldata)
}

/// The word as an unsigned integer; above 64 bits it is outside any type asked for here.
pub(crate) fn uint(word: &[u8; 32]) -> Result<u64, OpError> {
    match word.split_last_chunk() {
        Some((high, low)) if high.iter().all(|byte| *byte == 0) => Ok(u64::from_be_bytes(*low)),
        _ => Err(OpError::BadCalldata),
    }
}

/// The word as a signed integer of 64 bits.
fn int(word: &[u8; 32]) -> Result<i64, OpError> {
    let (high, low) = word.split_last_chunk().ok_or(OpError::BadCalldata)?;
    let value = i64::from_be_bytes(*low);
    let sign = if value < 0 { 0xff } else { 0 };
    if high.iter().any(|byte| *byte != sign) {
        return Err(OpError::BadCalldata);
    }
    Ok(value)
}

/// One value of an ABI-encoded result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `bytes` of this size.
    Bytes(usize),
    /// A static value of one word.
    Word,
    /// An array of this many words.
    Words(usize),
}

impl Part {
    const fn tail_size(self) -> Option<usize> {
        match self {
            Self::Bytes(size) => Some(size.next_multiple_of(32).saturating_add(32)),
            Self::Word => None,
            Self::Words(count) => Some(count.saturating_mul(32).saturating_add(32)),
        }
    }
}

/// An ABI-encoded result whose parts are filled in place.
#[derive(Debug)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    /// Start and size of each part's content.
    contents: Vec<(usize, usize)>,
}

impl Encoded {
    /// Room for `parts`, all zero.
    pub(crate) fn zeroed(parts: &[Part]) -> Self {
        let head = parts.len().saturating_mul(32);
        let size = parts
            .iter()
            .filter_map(|part| part.tail_size())
            .fold(head, usize::saturating_add);
        let mut bytes = vec![0; size];
        let mut contents = Vec::with_capacity(parts.len());
        let mut tail = head;
        for (index, part) in parts.iter().enumerate() {
            let at = index.saturating_mul(32);
            let (length, size) = match *part {
                Part::Bytes(size) => (size, size),
                Part::Words(count) => (count, count.saturating_mul(32)),
                Part::Word => {
                    contents.push((at, 32));
                    continue;
                }
            };
            put(&mut bytes, at, tail as u64);
            put(&mut bytes, tail, length as u64);
            contents.push((tail.saturating_add(32), size));
            tail = tail.saturating_add(part.tail_size().unwrap_or(0));
        }
        Self { bytes, contents }
    }

    /// The content of part `index`: bytes, or words of 32 bytes.
    pub(crate) fn part(&mut self, index: usize) -> &mut [u8] {
        let (start, size) = self.contents.get(index).copied().unwrap_or_default();
        let content = self.bytes.get_mut(start..).unwrap_or_default();
        content.get_mut(..size).unwrap_or_default()
    }

    /// The contents of the first `N` parts, all of which are `bytes`.
    pub(crate) fn parts<const N: usize>(&mut self) -> [&mut [u8]; N] {
        let mut passed = 0;
        let mut rest = self.bytes.as_mut_slice();
        let mut contents = self.contents.iter();
        core::array::from_fn(|_| {
            let (start, size) = contents.next().copied().unwrap_or_default();
            let skip = start.saturating_sub(passed);
            let tail = core::mem::take(&mut rest)
                .get_mut(skip..)
                .unwrap_or_default();
            let (content, after) = tail.split_at_mut_checked(size).unwrap_or_default();
            passed = start.saturating_add(size);
            rest = after;
            content
        })
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Writes an integer into the word at `start`.
pub(crate) fn put(encoded: &mut [u8], start: usize, value: u64) {
    let word = encoded
        .get_mut(start..)
        .and_then(|rest| rest.first_chunk_mut::<32>());
    if let Some(low) = word.and_then(|word| word.last_chunk_mut()) {
        *low = value.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lie_as_solidity_reads_them() {
        let mut encoded = Encoded::zeroed(&[Part::Bytes(3), Part::Word, Part::Words(2)]);
        encoded.part(0).copy_from_slice(&[1, 2, 3]);
        put(encoded.part(1), 0, 7);
        put(encoded.part(2), 32, 9);
        let bytes = encoded.into_bytes();
        let word = |index| uint(word_at(&bytes, index).unwrap()).unwrap();
        assert_eq!([word(0), word(1), word(2)], [96, 7, 160]);
        assert_eq!((word(3), &bytes[128..131]), (3, &[1, 2, 3][..]));
        assert_eq!([word(5), word(6), word(7)], [2, 0, 9]);
        assert_eq!(bytes.len(), 256);

        let mut two = Encoded::zeroed(&[Part::Bytes(1), Part::Bytes(33)]);
        let [first, second] = two.parts();
        first[0] = 5;
        second[32] = 6;
        assert_eq!((two.part(0)[0], two.part(1)[32]), (5, 6));
    }

    #[test]
    fn signed_words_are_extended_by_their_sign() {
        let mut word = [0xff; 32];
        assert_eq!(int(&word), Ok(-1));
        word[0] = 0xfe;
        assert_eq!(int(&word), Err(OpError::BadCalldata));
        word[..24].fill(0);
        assert_eq!(int(&word), Err(OpError::BadCalldata));
        assert_eq!(uint(&word), Ok(u64::MAX));
    }
}
