//! The pool as its users see it.

use crate::{
    BestTransactions, DropReason, HeadFees, JournalError, JournalStats, OpenError, PoolConfig,
    PoolError, PoolState, PoolTx,
};
use alloy_primitives::{Address, B256, Bytes};
use foggara_primitives::{SourceError, StateDiff};
use std::{path::Path, sync::Arc};
use tokio::sync::{broadcast, watch};

/// The transaction pool. A clone is another handle to the same pool; the last one dropped flushes
/// the journal.
#[derive(Clone, Debug)]
pub struct Pool {
    _inner: Arc<()>,
}

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

impl Pool {
    /// Opens the pool and recovers its journal: what `included` knows is dropped, the rest is
    /// admitted again by the ordinary rules in the order of acceptance. Without `dir` the pool is
    /// ephemeral.
    ///
    /// # Errors
    /// - [`OpenError::Journal`]: damaged media (says where), or the folder cannot be read.
    /// - [`OpenError::State`]: the state could not be read.
    pub fn open(
        _dir: Option<&Path>,
        _config: PoolConfig,
        _state: Arc<dyn PoolState>,
        _included: &dyn Fn(&B256) -> bool,
    ) -> Result<Self, OpenError> {
        unimplemented!()
    }

    /// Admits a transaction and returns its hash after its journal record is synced. Safe to cancel:
    /// the transaction may then be accepted or not.
    ///
    /// # Errors
    /// [`PoolError`]: it was refused; nothing of it is kept.
    pub async fn add(&self, raw: Bytes) -> Result<B256, PoolError> {
        self.add_with(raw, false).await
    }

    /// [`Self::add`] into the private lane if `private`.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn add_with(&self, _raw: Bytes, _private: bool) -> Result<B256, PoolError> {
        std::future::ready(()).await;
        unimplemented!()
    }

    /// Transactions for a block with this base fee, best first.
    pub fn best(&self, _base_fee: u64) -> BestTransactions {
        unimplemented!()
    }

    /// A number that changes when transactions become executable; a builder waits on it.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        unimplemented!()
    }

    /// Takes a sealed block in: its transactions leave the queue, senders move on, what became
    /// impossible is dropped. Blocks come in order. Their journal records live until
    /// [`Self::on_durable`].
    pub fn on_block(&self, _update: BlockUpdate<'_>) {
        unimplemented!()
    }

    /// Blocks up to `number` are committed, and the state behind [`PoolState`] shows them.
    pub fn on_durable(&self, _number: u64) {
        unimplemented!()
    }

    /// Journals the transactions of blocks that are about to be unwound; returns after the sync, so
    /// that the unwind may commit. `requeued` of each is raised by one.
    ///
    /// # Errors
    /// [`JournalError`]: nothing was journalled; the unwind must not commit.
    pub async fn journal_requeue(
        &self,
        _lost: &[LostTx],
    ) -> Result<Vec<Arc<PoolTx>>, JournalError> {
        std::future::ready(()).await;
        unimplemented!()
    }

    /// After the unwind is committed: reads all senders again at prices `fees` and puts `txs` back
    /// before anything else of their senders.
    ///
    /// # Errors
    /// [`SourceError`]: the state could not be read.
    pub fn reinject(&self, _txs: Vec<Arc<PoolTx>>, _fees: HeadFees) -> Result<(), SourceError> {
        unimplemented!()
    }

    /// Drops gapped transactions that are older than their life at `now_ms` (unix milliseconds).
    pub fn expire(&self, _now_ms: u64) {
        unimplemented!()
    }

    /// Removes a transaction on an operator's word; false if it is not in the pool.
    pub fn remove(&self, _hash: &B256) -> bool {
        unimplemented!()
    }

    /// Closes admission with a reason, or opens it with `None`.
    pub fn set_closed(&self, _reason: Option<String>) {
        unimplemented!()
    }

    /// An accepted transaction that is in no durable block.
    pub fn get(&self, _hash: &B256) -> Option<Arc<PoolTx>> {
        unimplemented!()
    }

    /// Whether [`Self::get`] finds it.
    pub fn contains(&self, hash: &B256) -> bool {
        self.get(hash).is_some()
    }

    /// Where an accepted transaction stands.
    pub fn place(&self, _hash: &B256) -> Option<TxPlace> {
        unimplemented!()
    }

    /// Nonce that follows the account's and the pooled transactions up to the first gap.
    ///
    /// # Errors
    /// [`SourceError`]: the state could not be read.
    pub fn pending_nonce(&self, _sender: Address) -> Result<u64, SourceError> {
        unimplemented!()
    }

    /// Accepted transactions by sender.
    pub fn content(&self) -> Content {
        unimplemented!()
    }

    /// Accepted transactions of one sender.
    pub fn content_of(&self, _sender: Address) -> SenderContent {
        unimplemented!()
    }

    /// Counts.
    pub fn status(&self) -> PoolStatus {
        unimplemented!()
    }

    /// Why a transaction was dropped, if that was lately.
    pub fn dropped(&self, _hash: &B256) -> Option<DropReason> {
        unimplemented!()
    }

    /// Transactions as they become executable, without the private lane.
    pub fn subscribe_pending(&self) -> broadcast::Receiver<Arc<PoolTx>> {
        unimplemented!()
    }

    /// What happens to transactions.
    pub fn subscribe_events(&self) -> broadcast::Receiver<PoolEvent> {
        unimplemented!()
    }

    /// Holds the reason once the journal has failed for good: the process must then exit and
    /// recover from disk (`RELIABILITY.md` D6).
    pub fn fatal(&self) -> watch::Receiver<Option<JournalError>> {
        unimplemented!()
    }

    /// Figures of the journal; `None` for an ephemeral pool.
    pub fn journal_stats(&self) -> Option<JournalStats> {
        unimplemented!()
    }

    /// Returns after everything accepted so far is synced.
    ///
    /// # Errors
    /// [`JournalError`]: the journal has failed.
    pub async fn flush(&self) -> Result<(), JournalError> {
        std::future::ready(()).await;
        unimplemented!()
    }
}
