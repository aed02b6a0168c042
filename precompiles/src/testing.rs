//! Calls for the tests of the operations: canonical calldata in, parts of the result out.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)] // Sizes of the cases fit.

use crate::{Host, NoHost, OpError, Outcome, Portable, address_of, call, op_at};
use alloc::{vec, vec::Vec};

#[path = "../tests/common/calldata.rs"]
#[allow(dead_code, reason = "the tests of the functions take a part")]
mod encoding;

pub(crate) use encoding::{Value, calldata, inline, int, word};

/// An inline operand.
pub(crate) fn inlined(elements: impl AsRef<[u8]>) -> Value {
    Value::Bytes(inline(elements.as_ref()))
}

/// Inline operands.
pub(crate) fn operands(all: Vec<Vec<u8>>) -> Value {
    Value::Array(all.iter().map(|one| inline(one)).collect())
}

/// An array of integers.
pub(crate) fn integers(all: Vec<i128>) -> Value {
    Value::Words(all.into_iter().map(word).collect())
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
pub(crate) fn with(arguments: &[Value], index: usize, arg: Value) -> Vec<Value> {
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
pub(crate) fn list<T, const N: usize>(pack: fn(&[T]) -> Vec<u8>, all: &[[T; N]]) -> Value {
    operands(all.iter().map(|one| pack(one)).collect())
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
