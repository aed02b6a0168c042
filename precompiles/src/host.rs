//! What an operation may ask of the chain that runs it.

use crate::Fatal;
use alloc::string::String;
use alloy_primitives::Bytes;

/// A value from state, and whether this was its first use in the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded<T> {
    /// The value.
    pub value: T,
    /// Whether it was cold: a cold one costs more.
    pub is_cold: bool,
}

/// How a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallKind {
    /// Whether the operation's own account is the target: CALL or STATICCALL, not DELEGATECALL or
    /// CALLCODE.
    pub is_direct: bool,
    /// Whether state must not be written.
    pub is_static: bool,
    /// Whether the call carries value.
    pub has_value: bool,
}

impl Default for CallKind {
    fn default() -> Self {
        Self {
            is_direct: true,
            is_static: false,
            has_value: false,
        }
    }
}

/// The world as an operation sees it. The adapter in the executor implements it over the journal;
/// [`NoHost`] serves calls with inline operands only.
///
/// An implementor must answer `code` and `meter` as functions of the chain alone: they are
/// consensus. `cancelled` decides only whether an answer is given, never which.
pub trait Host {
    /// How this call was made.
    fn kind(&self) -> CallKind {
        CallKind::default()
    }

    /// Code of an account, empty if it has none. Warms the account.
    ///
    /// # Errors
    /// [`Fatal::Source`]: the state cannot be read.
    fn code(&mut self, account: [u8; 20]) -> Result<Loaded<Bytes>, Fatal>;

    /// [`Host::code`], but `None` for a cold account when `may_be_cold` is false: the caller's gas
    /// does not pay for it. A host over a database overrides this and does not read the account
    /// then; the answer is the same.
    ///
    /// # Errors
    /// As [`Host::code`].
    fn code_if(
        &mut self,
        account: [u8; 20],
        may_be_cold: bool,
    ) -> Result<Option<Loaded<Bytes>>, Fatal> {
        let loaded = self.code(account)?;
        Ok((may_be_cold || !loaded.is_cold).then_some(loaded))
    }

    /// Adds the gas of a call that is about to do its work to the AI meter.
    ///
    /// # Errors
    /// The gas that is left, if it is less than `gas`; nothing is added then.
    fn meter(&mut self, gas: u64) -> Result<(), u64>;

    /// Whether whoever waits for the answer has given up. Polled between panels of work.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A host without state and without a meter.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn code(&mut self, _: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        Err(Fatal::Source(String::from("this host has no state")))
    }
    fn meter(&mut self, _: u64) -> Result<(), u64> {
        Ok(())
    }
}
