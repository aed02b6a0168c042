//! Calls for the tests of the operations: canonical calldata in, parts of the result out.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)] // Sizes of the cases fit.

use crate::{Host, NoHost, OpError, Outcome, Portable, address_of, call, op_at};
use alloc::{vec, vec::Vec};
use alloy_primitives::keccak256;

/// An argument: one head word for each static member, one for each tail.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    /// Any integer type up to 64 bits.
    Int(i128),
    /// A word as it stands: `uint256`, `bytes32`, or `bytes12` at its left.
    Word([u8; 32]),
    /// `bytes` as they stand.
    Raw(Vec<u8>),
    /// An inline operand.
    Inline(Vec<u8>),
    /// Inline operands.
    List(Vec<Vec<u8>>),
    /// An array of integers.
    Ints(Vec<i128>),
    /// An array of words.
    Words(Vec<[u8; 32]>),
}

pub(crate) fn word(value: i128) -> [u8; 32] {
    let mut word = if value < 0 { [0xff; 32] } else { [0; 32] };
    word[16..].copy_from_slice(&value.to_be_bytes());
    word
}

fn inline(data: &[u8]) -> Vec<u8> {
    [&[0][..], data].concat()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = word(bytes.len() as i128).to_vec();
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(32), 0);
    out
}

impl Arg {
    fn tail(&self) -> Option<Vec<u8>> {
        let words = |words: &[[u8; 32]]| [&word(words.len() as i128)[..], &words.concat()].concat();
        Some(match self {
            Self::Int(_) | Self::Word(_) => return None,
            Self::Raw(bytes) => padded(bytes),
            Self::Inline(data) => padded(&inline(data)),
            Self::Ints(values) => {
                words(&values.iter().map(|value| word(*value)).collect::<Vec<_>>())
            }
            Self::Words(all) => words(all),
            Self::List(all) => {
                let elements: Vec<Self> = all.iter().cloned().map(Self::Inline).collect();
                [&word(all.len() as i128)[..], &encode(&elements)].concat()
            }
        })
    }
}

fn encode(args: &[Arg]) -> Vec<u8> {
    let (mut head, mut tails) = (Vec::new(), Vec::new());
    for arg in args {
        let at = (args.len() * 32 + tails.len()) as i128;
        head.extend(match (arg, arg.tail()) {
            (Arg::Word(word), _) => *word,
            (Arg::Int(value), _) => word(*value),
            (_, tail) => {
                tails.extend(tail.unwrap());
                word(at)
            }
        });
    }
    head.extend(tails);
    head
}

/// Canonical calldata: tails in the order of the arguments, no gaps.
pub(crate) fn calldata(signature: &str, args: &[Arg]) -> Vec<u8> {
    [&keccak256(signature)[..4], &encode(args)].concat()
}

/// Calls the operation with this code, with all the gas it wants.
pub(crate) fn outcome(code: u8, input: &[u8], host: &mut dyn Host) -> Outcome {
    let op = op_at(address_of(code)).unwrap();
    call(op, input, u64::MAX, host, &Portable)
}

/// Gas and result of a call that succeeds; no less gas is enough.
pub(crate) fn success(code: u8, input: &[u8]) -> (u64, Vec<u8>) {
    let Outcome::Success { gas, output } = outcome(code, input, &mut NoHost) else {
        panic!("{:?}", outcome(code, input, &mut NoHost));
    };
    let op = op_at(address_of(code)).unwrap();
    let with = |given| call(op, input, given, &mut NoHost, &Portable);
    assert_eq!(with(gas - 1), Outcome::OutOfGas);
    assert!(matches!(with(gas), Outcome::Success { .. }));
    (gas, output)
}

/// Head word `index` of a result, as its lowest 64 bits.
pub(crate) fn head(output: &[u8], index: usize) -> u64 {
    u64::from_be_bytes(output[index * 32 + 24..index * 32 + 32].try_into().unwrap())
}

/// The `bytes` whose offset is head word `index` of a result.
pub(crate) fn bytes(output: &[u8], index: usize) -> &[u8] {
    let at = head(output, index) as usize;
    &output[at + 32..at + 32 + head(&output[at..], 0) as usize]
}

/// The array of words whose offset is head word `index` of a result, as their lowest 64 bits.
pub(crate) fn array(output: &[u8], index: usize) -> Vec<u64> {
    let at = head(output, index) as usize;
    let count = head(&output[at..], 0) as usize;
    (1..=count)
        .map(|index| head(&output[at..], index))
        .collect()
}

/// That a call fails with this error, at the price of a validation error.
#[track_caller]
pub(crate) fn refuses(code: u8, input: &[u8], error: OpError) {
    let want = Outcome::Revert {
        gas: 150 + input.len().div_ceil(32) as u64,
        data: error.encode(),
    };
    let got = outcome(code, input, &mut NoHost);
    assert_eq!(got, want, "{error:?}");
}

/// `arguments` with one of them replaced.
pub(crate) fn with(arguments: &[Arg], index: usize, arg: Arg) -> Vec<Arg> {
    let mut all = arguments.to_vec();
    all[index] = arg;
    all
}

macro_rules! packed {
    ($name:ident, $type:ty) => {
        /// Elements as they lie in an operand.
        pub(crate) fn $name(values: &[$type]) -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        }
    };
}
packed!(i8s, i8);
packed!(i16s, i16);
packed!(i32s, i32);
packed!(i64s, i64);

/// A list of operands, from arrays.
pub(crate) fn list<T, const N: usize>(pack: fn(&[T]) -> Vec<u8>, all: &[[T; N]]) -> Arg {
    Arg::List(all.iter().map(|one| pack(one)).collect())
}

/// A host whose `cancelled` answers yes from the n-th time on.
#[derive(Debug)]
pub(crate) struct CancelAfter(pub(crate) core::cell::Cell<u64>);

impl Host for CancelAfter {
    fn code(
        &mut self,
        _: [u8; 20],
    ) -> Result<crate::Loaded<alloy_primitives::Bytes>, crate::Fatal> {
        Ok(crate::Loaded {
            value: vec![].into(),
            is_cold: true,
        })
    }
    fn meter(&mut self, _: u64) -> Result<(), u64> {
        Ok(())
    }
    fn cancelled(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}
