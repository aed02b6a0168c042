//! One call on its way: what it has spent, what it will return, and the three ways to stop it.

use crate::{
    Backend, Dtype, Fatal, Host, OpError, Outcome, RESIDENT, Record,
    abi::{Encoded, Part},
    backend::Ctl,
    gas, stored,
    tree::TensorShape,
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

/// For how long [`STORE`] stores.
const STORE_EPOCHS: u64 = 1;

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

    /// What is stored of it; `None` for what is no tensor.
    fn shape(self) -> Result<Option<TensorShape>, OpError> {
        let dim = |size: u64| u32::try_from(size).unwrap_or(0);
        Ok(Some(match self {
            Self::Vector(dtype, count) => TensorShape::new(0, dtype, [dim(count)])?,
            Self::Matrix(dtype, rows, columns) => {
                TensorShape::new(0, dtype, [dim(rows), dim(columns)])?
            }
            Self::Word | Self::Words(_) => return Ok(None),
        }))
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
    /// Tensors all of whose pages this call pays for.
    residents: Vec<[u8; 32]>,
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
            residents: Vec::new(),
            operand_bytes: 0,
            total: 0,
            host,
            backend,
        }
    }

    /// Reads the flags of a function, of which those in `defined` exist beside [`STORE`]. Whether
    /// the result is to be stored.
    pub(crate) fn flags(&self, flags: u8, defined: u8) -> Result<bool, OpError> {
        if flags & !(defined | STORE) != 0 {
            return Err(OpError::BadParam(0));
        }
        let store = flags & STORE != 0;
        if store {
            self.may_write()?;
        }
        Ok(store)
    }

    /// Refuses a call that writes where it must not.
    pub(crate) fn may_write(&self) -> Result<(), OpError> {
        let kind = self.host.kind();
        if kind.is_static {
            return Err(OpError::StaticStore);
        }
        if !kind.is_direct {
            return Err(OpError::DirectCallOnly);
        }
        Ok(())
    }

    /// Record of a tensor, charged before it is loaded.
    pub(crate) fn record(&mut self, id: [u8; 32]) -> Result<Option<Record>, Stop> {
        let left = self.left_for_loads();
        if left < gas::RECORD_WARM {
            return Err(Stop::OutOfGas);
        }
        let loaded = self.host.record(id, left >= gas::RECORD_COLD)?;
        let loaded = loaded.ok_or(Stop::OutOfGas)?;
        self.loads = self.loads.saturating_add(if loaded.is_cold {
            gas::RECORD_COLD
        } else {
            gas::RECORD_WARM
        });
        Ok(loaded.value)
    }

    /// Gas of records and accounts loaded so far.
    pub(crate) const fn loads(&self) -> u64 {
        self.loads
    }

    /// Counts pages of a tensor that an operand will read, all of them or not.
    pub(crate) fn count_pages(&mut self, id: [u8; 32], pages: u64, is_whole: bool) {
        let gas = pages.saturating_mul(gas::PAGE);
        self.pages = self.pages.saturating_add(gas);
        if is_whole {
            self.residents.push(id);
        }
    }

    /// Takes gas of the whole call back that turned out not to be due. The meter keeps it.
    pub(crate) const fn give_back(&mut self, gas: u64) {
        self.total = self.total.saturating_sub(gas);
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
        let mut work = price.work;
        if price.store {
            for out in price.out {
                let gas = out
                    .shape()?
                    .map(|shape| stored::price(&shape, STORE_EPOCHS));
                work = work.saturating_add(gas.unwrap_or(0));
            }
        }
        self.charge(gas::price(price.words_in, words, work))?;
        for id in core::mem::take(&mut self.residents) {
            let flags = self.host.flags(id);
            self.host.set_flags(id, flags | RESIDENT);
        }
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

    /// The result, once its parts are filled. With [`STORE`] each tensor is stored, and its id stands
    /// in its place.
    pub(crate) fn finish(
        &mut self,
        price: &Price<'_>,
        mut result: Encoded,
    ) -> Result<Vec<u8>, Stop> {
        if !price.store {
            return Ok(result.into_bytes());
        }
        let parts = price.out.iter().map(|out| match out.part() {
            Part::Bytes(_) => Part::Bytes(32),
            other => other,
        });
        let mut ids = Encoded::zeroed(&parts.collect::<Vec<_>>());
        for (index, out) in price.out.iter().enumerate() {
            match out.shape()? {
                Some(shape) => {
                    let bytes = Bytes::copy_from_slice(result.part(index));
                    let id = stored::store(self, shape, bytes, STORE_EPOCHS)?;
                    ids.part(index).copy_from_slice(&id);
                }
                None => ids.part(index).copy_from_slice(result.part(index)),
            }
        }
        Ok(ids.into_bytes())
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
