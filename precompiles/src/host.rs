//! What an operation may ask of the chain that runs it.

use crate::Fatal;
use alloc::string::String;
use alloy_primitives::Bytes;
use core::ops::Range;

/// Flag of a tensor: put, joined or stored by this transaction, which may therefore read it at once.
pub const CREATED: u8 = 1;
/// Flag of a tensor: a call of this transaction has paid for all its pages.
pub const RESIDENT: u8 = 2;

/// What the state says of a stored tensor: one slot, a word with version 1 in its highest byte.
///
/// Source: `PRECOMPILES.md` section 6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Number of the block that created it.
    pub created_block: u64,
    /// Unix seconds from which on it cannot be used.
    pub expiry: u64,
}

impl Record {
    /// The big-endian word of the slot.
    pub fn encode(&self) -> [u8; 32] {
        let mut word = [0; 32];
        let (version, rest) = word.split_at_mut(16);
        if let Some(version) = version.first_mut() {
            *version = 1;
        }
        let (expiry, created) = rest.split_at_mut(8);
        expiry.copy_from_slice(&self.expiry.to_be_bytes());
        created.copy_from_slice(&self.created_block.to_be_bytes());
        word
    }

    /// Reads the word of a slot; `None` if it is zero: there is no record.
    pub fn decode(word: [u8; 32]) -> Option<Self> {
        let (_, low) = word.split_last_chunk::<16>()?;
        let low = u128::from_be_bytes(*low);
        (word != [0; 32]).then_some(Self {
            // The two halves of 128 bits.
            created_block: u64::try_from(low & u128::from(u64::MAX)).unwrap_or(0),
            expiry: u64::try_from(low >> 64).unwrap_or(0),
        })
    }
}

/// A tensor that a call has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTensor {
    /// Hash of the descriptor.
    pub id: [u8; 32],
    /// Element type, dimensions and root (`tree`).
    pub descriptor: Bytes,
    /// Packed elements.
    pub bytes: Bytes,
    /// Roots of the pages of its image, 32 bytes each.
    pub page_roots: Bytes,
}

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

    /// Who made this call: the account that an event names.
    fn caller(&self) -> [u8; 20] {
        [0; 20]
    }

    /// Number of the block.
    fn block_number(&self) -> u64 {
        0
    }

    /// Number of the newest block whose tensors any transaction may read: the one before this block.
    fn sealed_block(&self) -> u64 {
        self.block_number().saturating_sub(1)
    }

    /// Unix seconds of the block.
    fn timestamp(&self) -> u64 {
        0
    }

    /// The record of a tensor, or `None` for a cold one when `may_be_cold` is false: the caller's gas
    /// does not pay for it. Warms the record. Without state there is none.
    ///
    /// # Errors
    /// [`Fatal::Source`]: the state cannot be read.
    fn record(
        &mut self,
        _id: [u8; 32],
        may_be_cold: bool,
    ) -> Result<Option<Loaded<Option<Record>>>, Fatal> {
        let none = Loaded {
            value: None,
            is_cold: true,
        };
        Ok(may_be_cold.then_some(none))
    }

    /// Writes the record of a tensor, or clears it. Undone with the call's frame.
    ///
    /// # Errors
    /// [`Fatal::Source`]: the state cannot be written.
    fn set_record(&mut self, _id: [u8; 32], _record: Option<Record>) -> Result<(), Fatal> {
        Err(no_state())
    }

    /// [`CREATED`] and [`RESIDENT`] of a tensor in this transaction, 0 at its start.
    fn flags(&mut self, _id: [u8; 32]) -> u8 {
        0
    }

    /// Sets the flags of a tensor. Undone with the call's frame.
    fn set_flags(&mut self, _id: [u8; 32], _flags: u8) {}

    /// Emits an event of the tensor store. Undone with the call's frame.
    fn log(&mut self, _topics: [[u8; 32]; 3], _data: [u8; 32]) {}

    /// Keeps a tensor for whoever reads it later, in this block or after it. Need not be undone: what
    /// is read is decided by the records.
    fn stage(&mut self, _tensor: NewTensor) {}

    /// The descriptor of a tensor that has a record.
    ///
    /// # Errors
    /// [`Fatal::Source`]: it is not there, so the node is broken.
    fn descriptor(&mut self, _id: [u8; 32]) -> Result<Bytes, Fatal> {
        Err(no_state())
    }

    /// Packed bytes of a tensor that has a record; the range is inside it.
    ///
    /// # Errors
    /// As [`Host::descriptor`].
    fn tensor(&mut self, _id: [u8; 32], _range: Range<u64>) -> Result<Bytes, Fatal> {
        Err(no_state())
    }

    /// Page roots of a tensor that has a record.
    ///
    /// # Errors
    /// As [`Host::descriptor`].
    fn page_roots(&mut self, _id: [u8; 32]) -> Result<Bytes, Fatal> {
        Err(no_state())
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

fn no_state() -> Fatal {
    Fatal::Source(String::from("this host has no state"))
}

/// A host without state and without a meter.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl Host for NoHost {
    fn code(&mut self, _: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        Err(no_state())
    }
    fn meter(&mut self, _: u64) -> Result<(), u64> {
        Ok(())
    }
}
