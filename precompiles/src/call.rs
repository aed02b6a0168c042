//! One call on its way: what it has spent, and the three ways to stop it.

use crate::{Fatal, Host, OpError, Outcome, gas};
use alloc::vec::Vec;
use alloy_primitives::Bytes;

/// Why a call stops before its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The caller's mistake, found before the work.
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

/// A call in progress.
pub(crate) struct Call<'a> {
    calldata_bytes: u64,
    given: u64,
    /// Gas of accounts loaded so far.
    accounts: u64,
    /// Gas of the whole call, once the work may begin.
    total: u64,
    pub(crate) host: &'a mut dyn Host,
}

impl<'a> Call<'a> {
    pub(crate) fn new(calldata: &[u8], given: u64, host: &'a mut dyn Host) -> Self {
        Self {
            calldata_bytes: calldata.len() as u64,
            given,
            accounts: 0,
            total: 0,
            host,
        }
    }

    /// Code of an account, charged before it is loaded.
    pub(crate) fn code(&mut self, account: [u8; 20]) -> Result<Bytes, Stop> {
        let spent = gas::BASE.saturating_add(self.accounts);
        let left = self.given.saturating_sub(spent);
        if left < gas::ACCOUNT_WARM {
            return Err(Stop::OutOfGas);
        }
        let loaded = self.host.code_if(account, left >= gas::ACCOUNT_COLD)?;
        let loaded = loaded.ok_or(Stop::OutOfGas)?;
        let cost = if loaded.is_cold {
            gas::ACCOUNT_COLD
        } else {
            gas::ACCOUNT_WARM
        };
        self.accounts = self.accounts.saturating_add(cost);
        Ok(loaded.value)
    }

    /// Charges the call, so that the work may begin: first the gas given, then the AI meter.
    /// `price` is without the costs of operands.
    pub(crate) fn charge(&mut self, price: u64) -> Result<(), Stop> {
        self.total = price.saturating_add(self.accounts);
        if self.total > self.given {
            return Err(Stop::OutOfGas);
        }
        let want = self.total;
        self.host
            .meter(want)
            .map_err(|left| OpError::AiGasLimit { want, left }.into())
    }

    /// How the call ends with this result.
    pub(crate) fn end(self, result: Result<Vec<u8>, Stop>) -> Outcome {
        match result {
            Ok(output) => Outcome::Success {
                gas: self.total,
                output,
            },
            Err(Stop::OutOfGas) => Outcome::OutOfGas,
            Err(Stop::Fatal(fatal)) => Outcome::Fatal(fatal),
            Err(Stop::Error(error)) => {
                let gas = gas::validation_error(self.calldata_bytes).saturating_add(self.accounts);
                if gas > self.given {
                    return Outcome::OutOfGas;
                }
                Outcome::Revert {
                    gas,
                    data: error.encode(),
                }
            }
        }
    }
}
