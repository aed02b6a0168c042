//! A singular batch: `0x00 ++ rlp[parent_hash, epoch_number, epoch_hash, timestamp, transactions]`.
//!
//! Source: OP derivation "Batch Format".

use crate::{
    BatchError,
    batch::{MAX_BLOCK_TRANSACTIONS, SINGULAR_BATCH},
    input::Input,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Encodable, Header};
use foggara_primitives::{BlockId, constants::DEPOSIT_TX_TYPE};

/// The data of one block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SingularBatch {
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// The L1 origin.
    pub epoch: BlockId,
    /// Unix seconds of the block.
    pub timestamp: u64,
    /// Transactions in EIP-2718 form as they were found: a decoder takes any bytes here, and
    /// derivation judges them. Of more than [`MAX_BLOCK_TRANSACTIONS`] only the first ones are kept,
    /// and one further entry that is empty or a deposit, since such a batch is dropped.
    pub transactions: Vec<Bytes>,
}

impl SingularBatch {
    /// Whether a transaction is empty or a deposit, for which the batch is dropped (reading R3).
    pub fn has_forbidden_transaction(&self) -> bool {
        self.transactions.iter().any(|tx| is_forbidden(tx))
    }

    /// The batch with its version byte.
    pub fn encode(&self) -> Vec<u8> {
        let list_length = |items: &[Bytes]| {
            items
                .iter()
                .map(Encodable::length)
                .fold(0, usize::saturating_add)
        };
        let txs = Header {
            list: true,
            payload_length: list_length(&self.transactions),
        };
        let fields = [
            self.parent_hash.length(),
            self.epoch.number.length(),
            self.epoch.hash.length(),
            self.timestamp.length(),
            txs.length_with_payload(),
        ];
        let payload_length = fields.into_iter().fold(0, usize::saturating_add);
        let header = Header {
            list: true,
            payload_length,
        };
        let mut out = Vec::with_capacity(header.length_with_payload().saturating_add(1));
        out.push(SINGULAR_BATCH);
        header.encode(&mut out);
        self.parent_hash.encode(&mut out);
        self.epoch.number.encode(&mut out);
        self.epoch.hash.encode(&mut out);
        self.timestamp.encode(&mut out);
        txs.encode(&mut out);
        for tx in &self.transactions {
            tx.encode(&mut out);
        }
        out
    }

    /// Reads what stands behind the version byte. Transactions share the memory of `bytes`.
    ///
    /// # Errors
    /// [`BatchError::Rlp`]: not a list of these five fields.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, BatchError> {
        let (_, mut fields) = Input::new(bytes).list()?;
        let parent_hash = fields.fixed::<32>()?.into();
        let number = fields.u64()?;
        let hash = fields.fixed::<32>()?.into();
        let timestamp = fields.u64()?;
        let (_, mut txs) = fields.list()?;
        fields.end()?;
        let mut transactions = Vec::new();
        let mut cut = false;
        while !txs.is_empty() {
            let tx = txs.string()?.payload;
            if transactions.len() < MAX_BLOCK_TRANSACTIONS || (!cut && is_forbidden(tx)) {
                cut = transactions.len() >= MAX_BLOCK_TRANSACTIONS;
                transactions.push(bytes.slice_ref(tx));
            }
        }
        Ok(Self {
            parent_hash,
            epoch: BlockId { hash, number },
            timestamp,
            transactions,
        })
    }
}

fn is_forbidden(tx: &[u8]) -> bool {
    matches!(tx.first(), None | Some(&DEPOSIT_TX_TYPE))
}
