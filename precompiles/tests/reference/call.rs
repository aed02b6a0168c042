//! A call as section 3 describes it: what it may ask of the chain, what it costs, how it ends.

use crate::{
    abi::{Reader, Value, encode},
    errors::{Error, Faults},
    gradient, privacy, tensor,
    wide::Z,
};
use alloy_primitives::Bytes;
use foggara_precompiles::{CallKind, Fatal, Host, Loaded, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// A chain with some accounts and a meter.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub codes: BTreeMap<[u8; 20], Bytes>,
    pub warm: BTreeSet<[u8; 20]>,
    pub meter_left: Option<u64>,
    pub kind: CallKind,
}

impl World {
    fn load(&mut self, account: [u8; 20]) -> Loaded<Bytes> {
        let value = self.codes.get(&account).cloned().unwrap_or_default();
        Loaded {
            value,
            is_cold: self.warm.insert(account),
        }
    }
}

impl Host for World {
    fn kind(&self) -> CallKind {
        self.kind
    }
    fn code(&mut self, account: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        Ok(self.load(account))
    }
    fn meter(&mut self, gas: u64) -> Result<(), u64> {
        match &mut self.meter_left {
            Some(left) if *left < gas => Err(*left),
            Some(left) => {
                *left -= gas;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Why a call stops before its result.
#[derive(Debug)]
pub enum Stop {
    /// Any of these: the text fixes no order among them.
    AnyOf(Vec<Error>),
    /// Found during the work: costs the full gas.
    Element(u8, usize),
    OutOfGas,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::AnyOf(vec![error])
    }
}

pub type Res<T> = Result<T, Stop>;

pub const INLINE_MAX: u64 = 1 << 20;
pub const OPERANDS_MAX: u64 = 128 << 20;
pub const OUTPUT_MAX: u64 = 4 << 20;
pub const ELEMENTS_MAX: u64 = 1 << 22;
pub const CLIENTS_MAX: u64 = 256;

/// Words of 32 bytes.
pub fn words(bytes: &Z) -> Z {
    ceil(bytes, 32)
}

/// Quotient rounded up.
pub fn ceil(n: &Z, d: u64) -> Z {
    (n + d - 1) / d
}

/// What an operand's length must be.
#[derive(Debug, Clone)]
pub enum Want {
    /// This many bytes.
    Exactly(Z),
    /// One of these many bytes; the last is named in the error.
    OneOf(Vec<Z>),
    /// A positive multiple of this many bytes; the next lower one is named in the error.
    Multiple(u64),
    /// The same; but below one row, the row is named.
    Rows(u64),
    /// Such a multiple that divides so many bytes, which are named in the error.
    Divisor(u64, u64),
}

/// A call in progress.
pub struct Call<'a> {
    pub args: Reader<'a>,
    given: u64,
    accounts: u64,
    total: u64,
    words_in: Z,
    world: World,
}

impl<'a> Call<'a> {
    pub fn uint(&self, index: usize, bits: u32) -> Res<Z> {
        Ok(self.args.uint(index, bits)?)
    }
    pub fn int(&self, index: usize, bits: u32) -> Res<Z> {
        Ok(self.args.int(index, bits)?)
    }
    pub fn bytes(&self, index: usize) -> Res<&'a [u8]> {
        Ok(self.args.bytes(index)?)
    }
    pub fn array(&self, index: usize) -> Res<Vec<&'a [u8]>> {
        Ok(self.args.array(index)?)
    }

    /// The bytes of a required operand.
    pub fn operand(&mut self, which: u8, raw: &[u8], want: &Want) -> Res<Vec<u8>> {
        let check = |got: usize, faults: &mut Faults| {
            let got = Z::from(got);
            let mismatch = |want: &Z| Error::LengthMismatch(which, want.clone(), got.clone());
            match want {
                Want::Exactly(want) => faults.when(got != *want, mismatch(want)),
                Want::OneOf(wants) => {
                    faults.when(!wants.contains(&got), mismatch(wants.last().unwrap()));
                }
                Want::Rows(row) => {
                    faults.dimension(which, &got);
                    let rest = &got % row;
                    let want = (&got - &rest).max(Z::from(*row));
                    let is_ragged = rest != Z::from(0);
                    faults.when(is_ragged, mismatch(&want));
                }
                Want::Divisor(size, whole) => {
                    faults.dimension(which, &got);
                    let whole = Z::from(*whole);
                    let is_whole = &got % size == Z::from(0);
                    if got != Z::from(0) {
                        let fits = is_whole && &whole % &got == Z::from(0);
                        faults.when(!fits, mismatch(&whole));
                    }
                }
                Want::Multiple(size) => {
                    faults.dimension(which, &got);
                    let rest = &got % size;
                    faults.when(rest != Z::from(0), mismatch(&(&got - rest)));
                }
            }
        };
        let mut faults = Faults::default();
        let data = match raw.split_first() {
            Some((0, data)) => {
                faults.limit(&data.len().into(), INLINE_MAX);
                check(data.len(), &mut faults);
                faults.end()?;
                data.to_vec()
            }
            Some((2, reference)) if reference.len() == 28 => {
                let account: [u8; 20] = reference[..20].try_into().unwrap();
                let number = |at: usize| {
                    let bytes: [u8; 4] = reference[at..at + 4].try_into().unwrap();
                    u32::from_be_bytes(bytes) as usize
                };
                let (offset, length) = (number(20), number(24));
                check(length, &mut faults);
                faults.end()?;
                let loaded = self.world.load(account);
                self.accounts += if loaded.is_cold { 2_600 } else { 100 };
                if 150 + self.accounts > self.given {
                    return Err(Stop::OutOfGas);
                }
                let (code, start) = (loaded.value, offset + 1);
                if code.first() != Some(&0) || start + length > code.len() {
                    return Err(Error::BadCode(account).into());
                }
                code[start..start + length].to_vec()
            }
            Some((1, reference)) if reference.len() == 48 => {
                // Nothing is stored in this world, so each record is cold.
                self.accounts += 2_100;
                if 150 + self.accounts > self.given {
                    return Err(Stop::OutOfGas);
                }
                let id = reference[..32].try_into().unwrap();
                return Err(Error::UnknownTensor(id).into());
            }
            _ => return Err(Error::BadOperand(which).into()),
        };
        self.words_in += words(&data.len().into());
        Ok(data)
    }

    /// An operand that may be absent.
    pub fn optional(&mut self, which: u8, raw: &[u8], want: &Want) -> Res<Option<Vec<u8>>> {
        if raw.is_empty() {
            Ok(None)
        } else {
            self.operand(which, raw, want).map(Some)
        }
    }

    /// Counts an operand's words once more: it is used transposed.
    pub fn transposed(&mut self, bytes: &[u8]) {
        self.words_in += words(&bytes.len().into());
    }

    /// The operands of all clients.
    pub fn clients(&mut self, which: u8, raw: &[&[u8]], want: &Want) -> Res<Vec<Vec<u8>>> {
        raw.iter()
            .map(|raw| self.operand(which, raw, want))
            .collect()
    }

    /// Gas and meter: after this the work begins.
    pub fn charge(&mut self, words_out: &Z, work: &Z) -> Res<()> {
        let total = &self.words_in + words_out * 3 + work + self.accounts + 150;
        if total > Z::from(self.given) {
            return Err(Stop::OutOfGas);
        }
        self.total = u64::try_from(&total).unwrap();
        let want = self.total;
        Host::meter(&mut self.world, want).map_err(|left| Error::AiGasLimit(want, left).into())
    }
}

/// A function of an operation, as the reference knows it.
pub struct Function {
    pub op: u8,
    pub name: &'static str,
    pub selector: u32,
    pub run: fn(&mut Call<'_>) -> Res<Vec<Value>>,
}

/// All functions of section 4.1.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    tensor::FUNCTIONS
        .iter()
        .chain(gradient::FUNCTIONS)
        .chain(privacy::FUNCTIONS)
}

/// The function of this name.
pub fn function(name: &str) -> &'static Function {
    functions().find(|function| function.name == name).unwrap()
}

/// How a call must end: any of these.
pub fn expected(op: u8, input: &[u8], given: u64, world: &World) -> Vec<Outcome> {
    let mut call = Call {
        args: Reader(input.get(4..).unwrap_or_default()),
        given,
        accounts: 0,
        total: 0,
        words_in: Z::from(0),
        world: world.clone(),
    };
    let revert = |error: &Error, gas: u64| {
        if gas > given {
            return Outcome::OutOfGas;
        }
        Outcome::Revert {
            gas,
            data: error.data(),
        }
    };
    match run(op, input, &mut call) {
        Ok(values) => vec![Outcome::Success {
            gas: call.total,
            output: encode(&values),
        }],
        Err(Stop::OutOfGas) => vec![Outcome::OutOfGas],
        Err(Stop::Element(which, index)) => {
            vec![revert(&Error::BadElement(which, index as u64), call.total)]
        }
        Err(Stop::AnyOf(errors)) => {
            let gas = 150 + input.len().div_ceil(32) as u64 + call.accounts;
            errors.iter().map(|error| revert(error, gas)).collect()
        }
    }
}

fn run(op: u8, input: &[u8], call: &mut Call<'_>) -> Res<Vec<Value>> {
    if call.world.kind.is_direct && call.world.kind.has_value {
        return Err(Error::NotPayable.into());
    }
    let selector: [u8; 4] = match input.first_chunk() {
        Some(selector) => *selector,
        None => return Err(Error::BadCalldata.into()),
    };
    let number = u32::from_be_bytes(selector);
    match functions().find(|function| function.op == op && function.selector == number) {
        Some(function) => (function.run)(call),
        None => Err(Error::UnknownSelector(selector).into()),
    }
}
