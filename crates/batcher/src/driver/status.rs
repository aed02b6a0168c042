//! What the task works with, what it tells, and why it stops.

use crate::{BatcherConfig, BlockError, DaKind, EncoderError};
use alloy_primitives::U256;
use foggara_l1::{L1Client, L1Error, Severity, SubmitError, TxManager};
use foggara_primitives::ChainSpec;
use foggara_store::{Store, StoreError};
use std::sync::Arc;
use tokio::sync::watch;

/// What [`crate::run`] works with.
#[derive(Debug)]
pub struct BatcherParts {
    /// Options.
    pub config: BatcherConfig,
    /// The chain.
    pub spec: Arc<ChainSpec>,
    /// Where blocks and heads are read and postings recorded.
    pub store: Store,
    /// The L1.
    pub client: Arc<dyn L1Client>,
    /// The batcher's account.
    pub tx: TxManager,
    /// Where the status goes.
    pub status: watch::Sender<BatcherStatus>,
}

/// What the rest of the node may know of the batcher.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BatcherStatus {
    /// Bytes of blocks that have not landed; the sequencer's data budget follows it.
    pub backlog_bytes: usize,
    /// Number of the oldest block that has not landed.
    pub oldest_unposted: Option<u64>,
    /// L1 blocks between the L1 head and that block's origin.
    pub unposted_age: u64,
    /// That block can no longer land within the sequencing window; nothing is posted.
    pub expired: bool,
    /// Transactions in flight.
    pub in_flight: usize,
    /// Blobs or calldata.
    pub da: Option<DaKind>,
    /// The L1 head that was seen last.
    pub l1_head: u64,
    /// Channels that have landed since the start.
    pub channels: u64,
    /// Compressed bytes that have landed since the start.
    pub bytes: u64,
    /// Fill of the last channel that landed, parts per million of its blobs or calldata.
    pub last_fill_ppm: u64,
    /// Wei spent since the start.
    pub spent: U256,
    /// Balance and need in wei while the account cannot pay.
    pub unfunded: Option<(U256, U256)>,
    /// The error that holds the batcher up at present.
    pub error: Option<String>,
}

/// Why the batcher stopped. Nothing here is cured by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatcherError {
    /// The machine cannot go on, for example after a failed self-check.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// A stored block cannot be read.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The L1 refuses in a way that waiting does not cure.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The transaction manager refuses a submission of ours.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A worker thread failed.
    #[error("a batcher thread failed: {0}")]
    Thread(String),
}

impl BatcherError {
    /// Whether the same round may succeed later.
    pub(super) const fn is_transient(&self) -> bool {
        matches!(self, Self::L1(error) if !matches!(error.severity(), Severity::Fatal))
    }
}
