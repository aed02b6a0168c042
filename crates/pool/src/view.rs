//! What goes into the pool and what it shows.

use crate::{DropReason, HeadFees, PoolTx};
use alloy_primitives::{Address, B256, Bytes};
use foggara_primitives::StateDiff;
use std::sync::Arc;

/// A sealed block, as the pool needs to know it.
#[derive(Debug, Clone, Copy)]
pub struct BlockUpdate<'a> {
    /// Number of the block.
    pub number: u64,
    /// Hashes of its transactions; unknown ones are ignored.
    pub included: &'a [B256],
    /// What the block changed.
    pub diff: &'a StateDiff,
    /// Prices for the block after it.
    pub fees: HeadFees,
}

/// A transaction of a block that is about to be unwound.
#[derive(Debug, Clone)]
pub struct LostTx {
    /// EIP-2718 bytes. Deposits are skipped.
    pub raw: Bytes,
    /// The signer, as stored with the block.
    pub sender: Address,
}

/// What happens to transactions, for status and subscriptions. Sent when it is durable.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PoolEvent {
    /// Accepted: journalled.
    Accepted(Arc<PoolTx>),
    /// Dropped, with the reason.
    Dropped {
        /// The transaction.
        tx: Arc<PoolTx>,
        /// Why.
        reason: DropReason,
    },
    /// Back in the pool after an unwind.
    Requeued(Arc<PoolTx>),
}

/// Where a pooled transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxPlace {
    /// Executable after the ones of its sender before it.
    Pending,
    /// Behind a nonce gap, or not payable after the ones before it.
    Queued,
    /// In a sealed block that is not durable yet.
    Sealed {
        /// Number of the block.
        number: u64,
    },
}

/// What [`Pool::drops_since`](crate::Pool::drops_since) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentDrops {
    /// Hash and reason, oldest first.
    pub drops: Vec<(B256, DropReason)>,
    /// The mark behind these.
    pub mark: u64,
    /// Drops since the old mark that are forgotten.
    pub missed: u64,
}

/// Counts of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStatus {
    /// Executable transactions.
    pub pending: usize,
    /// Gapped transactions.
    pub queued: usize,
    /// Bytes of the gapped ones.
    pub queued_bytes: usize,
    /// Slots of 2 KiB that executable ones take.
    pub pending_slots: u64,
    /// Slots for executable ones.
    pub pending_slots_max: u64,
    /// Effective tip that a newcomer needs at least, in wei per gas.
    pub tip_min: i128,
}

/// Transactions of one sender, by nonce.
#[derive(Debug, Clone)]
pub struct SenderContent {
    /// The sender.
    pub sender: Address,
    /// Executable ones.
    pub pending: Vec<Arc<PoolTx>>,
    /// Gapped ones.
    pub queued: Vec<Arc<PoolTx>>,
}

/// Contents by ascending sender. The private lane is left out.
pub type Content = Vec<SenderContent>;
