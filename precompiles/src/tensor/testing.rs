//! What the tests of this folder share: a call that can be varied, and how it must end.

pub(super) use crate::testing::{Value, i32s, inlined, int};

use crate::{NoHost, OpError, Outcome, Portable, address_of, call, op_at, testing};
use alloc::{vec, vec::Vec};

/// A list of integers as arguments.
pub(super) fn ints(values: &[i64]) -> Vec<Value> {
    values.iter().map(|value| int(*value)).collect()
}

/// An operand that is left out.
pub(super) fn absent() -> Value {
    Value::Bytes(vec![])
}

/// A call of a function of the operation at `0xA100xx`; the fields of a struct are arguments of
/// their own.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) code: u8,
    pub(super) name: &'static str,
    pub(super) args: Vec<Value>,
}

impl Sample {
    pub(super) fn new(code: u8, name: &'static str, parts: &[&[Value]]) -> Self {
        let args = parts.concat();
        Self { code, name, args }
    }

    /// With argument `index` replaced.
    pub(super) fn with(&self, index: usize, arg: Value) -> Self {
        let args = testing::with(&self.args, index, arg);
        Self {
            args,
            ..self.clone()
        }
    }

    /// [`Sample::with`] for an integer.
    pub(super) fn set(&self, index: usize, value: i64) -> Self {
        self.with(index, int(value))
    }

    pub(super) fn calldata(&self) -> Vec<u8> {
        let op = op_at(address_of(self.code)).unwrap();
        let mut signatures = op.functions.iter().map(|function| function.signature);
        let signature = signatures.find(|signature| signature.split('(').next() == Some(self.name));
        testing::calldata(signature.unwrap(), &self.args)
    }

    pub(super) fn run(&self, gas: u64) -> Outcome {
        let op = op_at(address_of(self.code)).unwrap();
        call(op, &self.calldata(), gas, &mut NoHost, &Portable)
    }

    /// Gas and first `bytes` of the result; one unit of gas less is not enough.
    pub(super) fn result(&self) -> (u64, Vec<u8>) {
        let (gas, output) = testing::success(self.code, &self.calldata());
        (gas, testing::bytes(&output, 0).to_vec())
    }

    /// Gas and first two `bytes` of the result.
    pub(super) fn results(&self) -> (u64, [Vec<u8>; 2]) {
        let (gas, output) = testing::success(self.code, &self.calldata());
        (
            gas,
            [0, 1].map(|index| testing::bytes(&output, index).to_vec()),
        )
    }

    /// The call must end in this error, at the price of a validation error or, if the error is one
    /// of the work, of the whole call.
    #[track_caller]
    pub(super) fn refused(&self, error: OpError) {
        let outcome = self.run(u64::MAX);
        let Outcome::Revert { gas, data } = &outcome else {
            panic!("{outcome:?} instead of {error:?}");
        };
        assert_eq!(data, &error.encode(), "{error:?} of {self:?}");
        let calldata_words = self.calldata().len().div_ceil(32) as u64;
        if !matches!(error, OpError::BadElement { .. }) {
            assert_eq!(*gas, 150 + calldata_words);
        }
        assert_eq!(self.run(*gas), outcome);
        assert_eq!(self.run(gas - 1), Outcome::OutOfGas);
    }
}
