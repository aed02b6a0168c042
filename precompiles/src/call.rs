//! One call on its way: what it has spent, what it will return, and the three ways to stop it.

use crate::{
    Backend, Dtype, Fatal, Host, OpError, Outcome,
    abi::{Encoded, Part},
    backend::Ctl,
    gas,
};
use alloc::vec::Vec;
use alloy_primitives::Bytes;

/// Why a call stops before its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The caller's mistake.
    Error(OpError),
    OutOfGas,
    Fatal(Fatal),
}

impl From<OpError> for Stop {
    fn from(error: OpError) -> Self {
        Self::Error(error)
    }
}

impl From<Fatal> for Stop {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal)
    }
}

/// Flag of every function that has flags: store each `bytes` of the result, return its id instead.
pub(crate) const STORE: u8 = 0x80;

/// One value of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Out {
    /// A tensor in `bytes`, rank 1.
    Vector(Dtype, u64),
    /// A tensor in `bytes`: rows, columns.
    Matrix(Dtype, u64, u64),
    /// A word, which is free.
    Word,
    /// An array of words.
    Words(u64),
}

impl Out {
    /// Bytes of a tensor.
    const fn bytes(self) -> u64 {
        match self {
            Self::Vector(dtype, count) => count.saturating_mul(dtype.bytes()),
            Self::Matrix(dtype, rows, columns) => {
                rows.saturating_mul(columns).saturating_mul(dtype.bytes())
            }
            Self::Word | Self::Words(_) => 0,
        }
    }

    /// Words that are paid for.
    const fn words(self) -> u64 {
        match self {
            Self::Vector(..) | Self::Matrix(..) => gas::words(self.bytes()),
            Self::Word => 0,
            Self::Words(count) => count,
        }
    }

    fn part(self) -> Part {
        // Sizes are below `OUTPUT_BYTES_MAX`.
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        match self {
            Self::Vector(..) | Self::Matrix(..) => Part::Bytes(size(self.bytes())),
            Self::Word => Part::Word,
            Self::Words(count) => Part::Words(size(count)),
        }
    }
}

/// What a call costs beside its base and the state that its operands load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Price<'a> {
    /// Words of the operands.
    pub(crate) words_in: u64,
    /// What it returns.
    pub(crate) out: &'a [Out],
    /// Gas of the work.
    pub(crate) work: u64,
    /// Whether [`STORE`] is set.
    pub(crate) store: bool,
}

/// A call in progress.
pub(crate) struct Call<'a> {
    calldata_bytes: u64,
    given: u64,
    /// Gas of records and accounts loaded so far.
    loads: u64,
    /// Gas of the pages that stored operands will read.
    pages: u64,
    /// Bytes of the operands so far.
    operand_bytes: u64,
    /// Gas of the whole call, once the work may begin.
    total: u64,
    pub(crate) host: &'a mut dyn Host,
    pub(crate) backend: &'a dyn Backend,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        calldata: &[u8],
        given: u64,
        host: &'a mut dyn Host,
        backend: &'a dyn Backend,
    ) -> Self {
        Self {
            calldata_bytes: calldata.len() as u64,
            given,
            loads: 0,
            pages: 0,
            operand_bytes: 0,
            total: 0,
            host,
            backend,
        }
    }

    /// Reads the flags of a function, of which those in `defined` exist beside [`STORE`]. Whether
    /// the result is to be stored.
    pub(crate) fn flags(&self, flags: u8, defined: u8) -> Result<bool, OpError> {
        // The tensor store is not active yet, and so its flag is undefined.
        if flags & !defined != 0 {
            return Err(OpError::BadParam(0));
        }
        Ok(false)
    }

    /// Code of an account, charged before it is loaded.
    pub(crate) fn code(&mut self, account: [u8; 20]) -> Result<Bytes, Stop> {
        let left = self.left_for_loads();
        if left < gas::ACCOUNT_WARM {
            return Err(Stop::OutOfGas);
        }
        let loaded = self.host.code_if(account, left >= gas::ACCOUNT_COLD)?;
        let loaded = loaded.ok_or(Stop::OutOfGas)?;
        self.loads = self.loads.saturating_add(if loaded.is_cold {
            gas::ACCOUNT_COLD
        } else {
            gas::ACCOUNT_WARM
        });
        Ok(loaded.value)
    }

    fn left_for_loads(&self) -> u64 {
        let spent = gas::BASE.saturating_add(self.loads);
        self.given.saturating_sub(spent)
    }

    /// Counts the bytes of an operand.
    pub(crate) fn count_operand(&mut self, bytes: u64) -> Result<(), OpError> {
        self.operand_bytes = self.operand_bytes.saturating_add(bytes);
        gas::at_most(self.operand_bytes, gas::OPERAND_BYTES_MAX)
    }

    /// Charges the call, first the gas given and then the AI meter, and makes room for its result.
    /// From here on the work is paid for.
    pub(crate) fn begin(&mut self, price: &Price<'_>) -> Result<Encoded, Stop> {
        let (mut bytes, mut words) = (0u64, 0u64);
        for out in price.out {
            bytes = bytes.saturating_add(out.bytes());
            words = words.saturating_add(out.words());
        }
        gas::at_most(bytes, gas::OUTPUT_BYTES_MAX)?;
        self.charge(gas::price(price.words_in, words, price.work))?;
        let parts: Vec<Part> = price.out.iter().map(|out| out.part()).collect();
        Ok(Encoded::zeroed(&parts))
    }

    /// Charges a price beside the costs of operands.
    fn charge(&mut self, price: u64) -> Result<(), Stop> {
        let total = price.saturating_add(self.loads).saturating_add(self.pages);
        if total > self.given {
            return Err(Stop::OutOfGas);
        }
        self.host
            .meter(total)
            .map_err(|left| OpError::AiGasLimit { want: total, left })?;
        self.total = total;
        Ok(())
    }

    /// The result, once its parts are filled.
    pub(crate) fn finish(&mut self, _price: &Price<'_>, result: Encoded) -> Result<Vec<u8>, Stop> {
        Ok(result.into_bytes())
    }

    /// What looks for a cancellation during the work.
    pub(crate) const fn ctl(&self) -> Ctl<'_> {
        Ctl::new(self.host)
    }

    /// How the call ends with this result.
    pub(crate) fn end(self, result: Result<Vec<u8>, Stop>) -> Outcome {
        let error = match result {
            Ok(output) => {
                return Outcome::Success {
                    gas: self.total,
                    output,
                };
            }
            Err(Stop::OutOfGas) => return Outcome::OutOfGas,
            Err(Stop::Fatal(fatal)) => return Outcome::Fatal(fatal),
            Err(Stop::Error(error)) => error,
        };
        let gas = if matches!(error, OpError::BadElement { .. }) {
            self.total
        } else {
            gas::validation_error(self.calldata_bytes).saturating_add(self.loads)
        };
        if gas > self.given {
            return Outcome::OutOfGas;
        }
        Outcome::Revert {
            gas,
            data: error.encode(),
        }
    }
}
