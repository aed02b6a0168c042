//! A transaction ready to run: its bytes, its decoded form and its sender, recovered once.

use crate::{InvalidTx, recover};
use alloc::string::ToString;
use alloy_eips::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use foggara_primitives::constants::{DEPOSIT_TX_TYPE, POST_EXEC_TX_TYPE};
use op_alloy_consensus::OpTxEnvelope;

/// A decoded transaction with its bytes, sender and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedTx {
    /// EIP-2718 bytes, as they stand in the block.
    pub raw: Bytes,
    /// The decoded form of `raw`.
    pub tx: OpTxEnvelope,
    /// Who sends it.
    pub sender: Address,
    /// `keccak256(raw)`.
    pub hash: B256,
}

impl PreparedTx {
    /// Decodes EIP-2718 bytes and recovers the sender: one signature recovery, none for a deposit.
    ///
    /// # Errors
    /// - [`InvalidTx::TypeNotSupported`]: blob, post-execution (trap T2) or unknown type, judged by
    ///   the first byte alone.
    /// - [`InvalidTx::Decode`]: anything else that is not the one encoding of a transaction.
    /// - [`InvalidTx::Signature`]: no sender.
    pub fn decode(raw: Bytes) -> Result<Self, InvalidTx> {
        let tx = Self::decode_unrecovered(&raw)?;
        let sender = recover::sender(&tx)?;
        Ok(Self {
            hash: keccak256(&raw),
            raw,
            tx,
            sender,
        })
    }

    /// Decodes EIP-2718 bytes without recovering a sender.
    ///
    /// # Errors
    /// As [`Self::decode`], without [`InvalidTx::Signature`].
    pub fn decode_unrecovered(raw: &Bytes) -> Result<OpTxEnvelope, InvalidTx> {
        check_type(raw)?;
        let tx = OpTxEnvelope::decode_2718_exact(raw)
            .map_err(|error| InvalidTx::Decode(error.to_string()))?;
        // One transaction, one byte string: what a block commits to is what was signed.
        if tx.encoded_2718() != raw.as_ref() {
            return Err(InvalidTx::Decode("encoding is not canonical".to_string()));
        }
        Ok(tx)
    }

    /// Puts together what is already known: `raw` must be the bytes of `tx` and `sender` its sender.
    pub fn with_sender(raw: Bytes, tx: OpTxEnvelope, sender: Address) -> Self {
        Self {
            hash: keccak256(&raw),
            raw,
            tx,
            sender,
        }
    }

    /// Whether it is a deposit.
    pub const fn is_deposit(&self) -> bool {
        matches!(self.tx, OpTxEnvelope::Deposit(_))
    }
}

/// Refuses by first byte what this chain never runs.
fn check_type(raw: &[u8]) -> Result<(), InvalidTx> {
    match raw.first() {
        None => Err(InvalidTx::Decode("no bytes".to_string())),
        Some(0x01 | 0x02 | 0x04 | &DEPOSIT_TX_TYPE | 0xc0..) => Ok(()),
        Some(&POST_EXEC_TX_TYPE) => Err(InvalidTx::TypeNotSupported(POST_EXEC_TX_TYPE)),
        Some(other @ 0x00..=0x7f) => Err(InvalidTx::TypeNotSupported(*other)),
        Some(_) => Err(InvalidTx::Decode(
            "first byte is neither a type nor a list".to_string(),
        )),
    }
}
