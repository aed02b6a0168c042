//! The chain's changes by name, for who may stay away for long.

use crate::{EVENTS_MAX, RemovedBlock, Store};
use foggara_primitives::BlockId;
use std::sync::Arc;
use tokio::sync::broadcast;

/// What happened to the chain, told after the fsync that made it so. Who does not read keeps no block in
/// memory but those that no longer stand.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreChange {
    /// A block was appended.
    Block(BlockId),
    /// Blocks were unwound. Appended blocks follow.
    Reorg {
        /// The new tip, before anything is appended.
        to: BlockId,
        /// The blocks that are gone, oldest first.
        removed: Arc<Vec<RemovedBlock>>,
    },
}

pub(crate) fn channel() -> broadcast::Sender<StoreChange> {
    broadcast::Sender::new(EVENTS_MAX)
}

impl Store {
    /// Blocks and reorganisations from now on, in order. A subscriber more than [`EVENTS_MAX`] changes
    /// behind is told how many it missed.
    pub fn subscribe_changes(&self) -> broadcast::Receiver<StoreChange> {
        self.inner.changes.subscribe()
    }
}
