//! The typed errors, with selectors and arguments as the specification's table has them.

use crate::abi::{Word, word, word_of};
use crate::wide::Z;

/// What is wrong with a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    BadCalldata,
    BadShape(u8),
    BadDtype(u8),
    BadParam(u8),
    BadOperand(u8),
    BadElement(u8, u64),
    TooLarge(Z, u64),
    LengthMismatch(u8, Z, Z),
    AiGasLimit(u64, u64),
    BadCode([u8; 20]),
    UnknownTensor([u8; 32]),
    NotPayable,
    UnknownSelector([u8; 4]),
}

impl Error {
    /// The revert data.
    pub fn data(&self) -> Vec<u8> {
        // Sizes beyond 64 bits are reported as the largest 64-bit integer.
        let size = |value: &Z| word_of(&value.min(&Z::from(u64::MAX)).clone());
        let (selector, arguments): (u32, Vec<Word>) = match self {
            Self::BadCalldata => (0x1a2e1594, vec![]),
            Self::BadShape(which) => (0x0667691c, vec![word(*which)]),
            Self::BadDtype(which) => (0x14b15aec, vec![word(*which)]),
            Self::BadParam(which) => (0x840e1ea7, vec![word(*which)]),
            Self::BadOperand(which) => (0x4d1e2120, vec![word(*which)]),
            Self::BadElement(which, index) => (0x83b62cb9, vec![word(*which), word(*index)]),
            Self::TooLarge(got, max) => (0x677fd0e3, vec![size(got), word(*max)]),
            Self::LengthMismatch(which, want, got) => {
                (0xfb293769, vec![word(*which), size(want), size(got)])
            }
            Self::AiGasLimit(want, left) => (0xfa5e45dc, vec![word(*want), word(*left)]),
            Self::BadCode(account) => {
                let mut word = [0; 32];
                word[12..].copy_from_slice(account);
                (0x4e74d12b, vec![word])
            }
            Self::UnknownTensor(id) => (0x0a300534, vec![*id]),
            Self::NotPayable => (0x1574f9f3, vec![]),
            Self::UnknownSelector(got) => {
                let mut word = [0; 32];
                word[..4].copy_from_slice(got);
                (0xc2a825f5, vec![word])
            }
        };
        let mut data = selector.to_be_bytes().to_vec();
        arguments.iter().for_each(|word| data.extend(word));
        data
    }
}

/// Faults of one step of a call, among which the specification fixes no order.
#[derive(Debug, Default)]
pub struct Faults(pub Vec<Error>);

impl Faults {
    /// Notes `error` if `is_wrong`.
    pub fn when(&mut self, is_wrong: bool, error: Error) {
        if is_wrong {
            self.0.push(error);
        }
    }

    /// Notes a passed limit.
    pub fn limit(&mut self, got: &Z, max: u64) {
        self.when(*got > Z::from(max), Error::TooLarge(got.clone(), max));
    }

    /// Notes a dimension of zero.
    pub fn dimension(&mut self, which: u8, size: &Z) {
        self.when(*size == Z::from(0), Error::BadShape(which));
    }

    /// Whether the step was passed.
    pub fn end(self) -> Result<(), crate::call::Stop> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(crate::call::Stop::AnyOf(self.0))
        }
    }
}
