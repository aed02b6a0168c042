//! A sealed block as the batcher sees it.

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use foggara_batch::SpanBlockInput;
use foggara_derive::{L2BlockError, l1_info_of};
use foggara_primitives::{BlockId, ChainSpec, L2Ref, constants::DEPOSIT_TX_TYPE};
use std::sync::Arc;

/// A sealed block without its deposits, which derivation supplies itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatchBlock {
    /// Its place in the chain.
    pub l2: L2Ref,
    /// Unix seconds of its L1 origin.
    pub origin_time: u64,
    /// Transactions in EIP-2718 form without the deposits.
    pub transactions: Vec<Bytes>,
}

/// A block that the batcher cannot read. Severity: fatal, only sealed blocks arrive here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block cannot be batched: {0}")]
pub struct BlockError(#[from] pub L2BlockError);

impl BatchBlock {
    /// The block with this header, hash and transactions. Genesis has no transactions and the L1
    /// origin of the chain specification.
    ///
    /// # Errors
    /// [`BlockError`]: the first transaction is not an L1 attributes deposit.
    pub fn new(
        spec: &ChainSpec,
        header: &Header,
        hash: B256,
        transactions: &[Bytes],
    ) -> Result<Self, BlockError> {
        let genesis = &spec.rollup.genesis;
        let (l1_origin, origin_time, sequence_number) = if header.number == genesis.l2.number {
            (genesis.l1, genesis.l2_time, 0)
        } else {
            let info = l1_info_of(header.number, transactions.first().map(AsRef::as_ref))?;
            (info.origin(), info.time, info.sequence_number)
        };
        let l2 = L2Ref {
            hash,
            number: header.number,
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
            l1_origin,
            sequence_number,
        };
        let transactions = transactions
            .iter()
            .filter(|tx| tx.first() != Some(&DEPOSIT_TX_TYPE))
            .cloned()
            .collect();
        Ok(Self {
            l2,
            origin_time,
            transactions,
        })
    }

    /// Number and hash.
    pub const fn id(&self) -> BlockId {
        self.l2.id()
    }

    /// Bytes it adds to the backlog: its transactions, and a little for itself.
    pub fn size(&self) -> usize {
        self.transactions.iter().map(|tx| tx.len()).sum::<usize>() + 32
    }

    pub(crate) fn input(&self) -> SpanBlockInput<'_> {
        SpanBlockInput {
            timestamp: self.l2.timestamp,
            parent_hash: self.l2.parent_hash,
            l1_origin: self.l2.l1_origin,
            sequence_number: self.l2.sequence_number,
            transactions: &self.transactions,
        }
    }
}

/// A block with the one before it, both shared.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) parent: Arc<BatchBlock>,
    pub(crate) block: Arc<BatchBlock>,
    /// L1 head at which the batcher first saw the block.
    pub(crate) seen: u64,
}

impl std::ops::Deref for Link {
    type Target = BatchBlock;

    fn deref(&self) -> &BatchBlock {
        &self.block
    }
}
