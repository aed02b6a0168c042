//! Solidity ABI, both ways, written from its public rules: words are 32 bytes and big-endian, a
//! dynamic value is an offset in the head and a tail.

use crate::{
    errors::Error,
    wide::{Z, int_of, uint_of},
};

#[path = "../common/calldata.rs"]
#[allow(dead_code, reason = "each test takes a part")]
mod calldata;

pub(crate) use calldata::{Value, Word, encode, int, word};

/// The word of a non-negative wide integer.
pub fn word_of(value: &Z) -> Word {
    let bytes = value.magnitude().to_bytes_be();
    assert!(bytes.len() <= 32 && *value >= Z::from(0));
    let mut word = [0; 32];
    word[32 - bytes.len()..].copy_from_slice(&bytes);
    word
}

/// Where things lie in an encoding: for cutting it at each meaningful place.
pub fn needed(values: &[Value]) -> usize {
    let whole = encode(values).len();
    let last = match values.last() {
        Some(Value::Bytes(bytes)) => bytes.len(),
        Some(Value::Array(items)) => items.last().map_or(0, Vec::len),
        _ => 0,
    };
    whole - (last.next_multiple_of(32) - last)
}

/// Strict reader of arguments.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn at(self, start: &Z, size: &Z) -> Result<&'a [u8], Error> {
        let end = start + size;
        if end > Z::from(self.0.len()) {
            return Err(Error::BadCalldata);
        }
        let place = |value: &Z| usize::try_from(value).unwrap();
        Ok(&self.0[place(start)..place(&end)])
    }

    fn word_at(self, start: &Z) -> Result<Word, Error> {
        Ok(self.at(start, &Z::from(32))?.try_into().unwrap())
    }

    /// Head word `index`.
    pub fn word(self, index: usize) -> Result<Word, Error> {
        self.word_at(&Z::from(32 * index))
    }

    /// `uint<bits>` at head word `index`.
    pub fn uint(self, index: usize, bits: u32) -> Result<Z, Error> {
        unsigned(&self.word(index)?, bits)
    }

    /// `int<bits>` at head word `index`.
    pub fn int(self, index: usize, bits: u32) -> Result<Z, Error> {
        signed(&self.word(index)?, bits)
    }

    /// `bytes<size>` at head word `index`: on the left of its word.
    pub fn fixed(self, index: usize, size: usize) -> Result<Vec<u8>, Error> {
        let word = self.word(index)?;
        if word[size..].iter().any(|byte| *byte != 0) {
            return Err(Error::BadCalldata);
        }
        Ok(word[..size].to_vec())
    }

    /// Start of the content and count of the dynamic value whose offset is at head word `index`.
    fn dynamic(self, index: usize) -> Result<(Z, Z), Error> {
        let offset = self.uint(index, 256)?;
        let count = uint_of(&self.word_at(&offset)?);
        Ok((offset + 32, count))
    }

    /// `bytes` whose offset is at head word `index`.
    pub fn bytes(self, index: usize) -> Result<&'a [u8], Error> {
        let (start, size) = self.dynamic(index)?;
        self.at(&start, &size)
    }

    /// An array of words whose offset is at head word `index`.
    pub fn words(self, index: usize) -> Result<Vec<Word>, Error> {
        let (start, count) = self.dynamic(index)?;
        let content = self.at(&start, &(count * 32))?;
        Ok(content
            .chunks(32)
            .map(|word| word.try_into().unwrap())
            .collect())
    }

    /// `bytes[]` whose offset is at head word `index`: its items' offsets count from its content.
    pub fn array(self, index: usize) -> Result<Vec<&'a [u8]>, Error> {
        let (start, count) = self.dynamic(index)?;
        self.at(&start, &(&count * 32))?;
        let items = Reader(&self.0[usize::try_from(&start).unwrap()..]);
        (0..usize::try_from(&count).unwrap())
            .map(|item| items.bytes(item))
            .collect()
    }
}

/// A word as `uint<bits>`.
pub fn unsigned(word: &Word, bits: u32) -> Result<Z, Error> {
    let value = uint_of(word);
    if value >= Z::from(1) << bits {
        Err(Error::BadCalldata)
    } else {
        Ok(value)
    }
}

/// A word as `int<bits>`.
pub fn signed(word: &Word, bits: u32) -> Result<Z, Error> {
    let value = int_of(word);
    let half = Z::from(1) << (bits - 1);
    if value >= half || value < -half {
        Err(Error::BadCalldata)
    } else {
        Ok(value)
    }
}
