//! The chain as those see it who follow it: blocks in order, and what a reorganisation took away.

use crate::{
    error::{Answer, of_store},
    params::LogMatch,
    reader::{self, logs_in_block},
};
use alloy_rpc_types_eth::{Header, Log};
use foggara_primitives::BlockId;
use foggara_store::{ExecutedBlock, RemovedBlock, Store, StoreChange, StoreEvent};
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::TryRecvError};

/// What a follower is told.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A block stands on the chain.
    Block(Arc<ExecutedBlock>),
    /// Blocks are gone, oldest first; those above `seen` were never told.
    Removed {
        blocks: Arc<Vec<RemovedBlock>>,
        seen: u64,
    },
}

/// Turns the store's events into steps from the head on at which it was made.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) events: broadcast::Receiver<StoreEvent>,
    last: u64,
}

impl Follower {
    pub(crate) fn new(store: &Store) -> Self {
        // First the events, then the head: what comes in between is told, never missed.
        let events = store.subscribe();
        Self {
            events,
            last: store.heads().unsafe_.number,
        }
    }

    /// What this event means to the follower.
    pub(crate) fn step(&mut self, event: StoreEvent) -> Option<Step> {
        match event {
            StoreEvent::Block(block) if block.header.number > self.last => {
                self.last = block.header.number;
                Some(Step::Block(block))
            }
            StoreEvent::Reorg { to, removed } if to.number < self.last => {
                let seen = std::mem::replace(&mut self.last, to.number);
                Some(Step::Removed {
                    blocks: removed,
                    seen,
                })
            }
            _ => None,
        }
    }
}

impl Step {
    /// The header of a new block.
    pub(crate) fn header(&self) -> Option<Header> {
        match self {
            Self::Block(block) => Some(Header {
                size: None,
                ..reader::header(block.header.clone(), block.hash, &[])
            }),
            Self::Removed { .. } => None,
        }
    }

    /// The wanted logs: of a new block, or with `removed` of the old ones, newest first.
    pub(crate) fn logs(&self, wanted: &LogMatch) -> Answer<Vec<Log>> {
        match self {
            Self::Block(block) => {
                if !wanted.bloom(&block.header.logs_bloom) {
                    return Ok(Vec::new());
                }
                let place = (block.hash, block.header.number, block.header.timestamp);
                logs_in_block(wanted, place, &block.transactions, &block.receipts, false)
            }
            Self::Removed { blocks, seen } => logs_removed(wanted, blocks, *seen),
        }
    }
}

/// The wanted logs of blocks that are gone, newest first, up to block `seen`.
fn logs_removed(wanted: &LogMatch, blocks: &[RemovedBlock], seen: u64) -> Answer<Vec<Log>> {
    let mut out = Vec::new();
    for RemovedBlock { block, receipts } in blocks.iter().rev() {
        let (number, txs) = (block.header.number, &block.transactions);
        if number <= seen {
            let place = (block.hash, number, block.header.timestamp);
            out.extend(logs_in_block(wanted, place, txs, receipts, true)?);
        }
    }
    Ok(out)
}

/// Follows the chain for somebody who asks now and then: between two questions it holds names, not
/// blocks.
#[derive(Debug)]
pub(crate) struct Watcher {
    changes: broadcast::Receiver<StoreChange>,
    last: u64,
    /// The newest block whose logs were told.
    told: u64,
}

/// What has changed between two questions.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Every block that was appended, also those that are gone again.
    pub(crate) appended: Vec<BlockId>,
    /// Those of them that stand.
    standing: Vec<BlockId>,
    /// What was unwound, each with the newest block of it that had been told.
    removed: Vec<(Arc<Vec<RemovedBlock>>, u64)>,
}

impl Watcher {
    pub(crate) fn new(store: &Store) -> Self {
        // First the changes, then the head: what comes in between is told, never missed.
        let changes = store.subscribe_changes();
        let last = store.heads().unsafe_.number;
        Self {
            changes,
            last,
            told: last,
        }
    }

    /// What has changed since the last call; `None` if something was missed.
    pub(crate) fn changed(&mut self) -> Option<Changed> {
        let mut out = Changed::default();
        loop {
            match self.changes.try_recv() {
                Ok(StoreChange::Block(block)) if block.number > self.last => {
                    self.last = block.number;
                    out.appended.push(block);
                    out.standing.push(block);
                }
                Ok(StoreChange::Reorg { to, removed }) if to.number < self.last => {
                    self.last = to.number;
                    out.standing.retain(|block| block.number <= to.number);
                    if to.number < self.told {
                        out.removed.push((removed, self.told));
                        self.told = to.number;
                    }
                }
                Ok(_) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(out),
                Err(TryRecvError::Lagged(_)) => return None,
            }
        }
    }

    /// The wanted logs of what has changed: those that are gone with `removed`, then those of new blocks.
    pub(crate) fn logs(
        &mut self,
        changed: &Changed,
        wanted: &LogMatch,
        store: &Store,
    ) -> Answer<Vec<Log>> {
        let mut out = Vec::new();
        for (blocks, seen) in &changed.removed {
            out.extend(logs_removed(wanted, blocks, *seen)?);
        }
        for block in &changed.standing {
            // Gone meanwhile: the next question hears what follows, and nothing of this block.
            let header = store.header(block.number).map_err(of_store)?;
            let Some(header) = header.filter(|header| header.hash == block.hash) else {
                break;
            };
            self.told = block.number;
            if !wanted.bloom(&header.header.logs_bloom) {
                continue;
            }
            let (Some(whole), Some(receipts)) = (
                store.block(block.number).map_err(of_store)?,
                store.receipts(block.number).map_err(of_store)?,
            ) else {
                break;
            };
            let place = (block.hash, block.number, header.header.timestamp);
            out.extend(logs_in_block(
                wanted,
                place,
                &whole.transactions,
                &receipts,
                false,
            )?);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn id(number: u64, fork: u8) -> BlockId {
        let hash = B256::repeat_byte(fork);
        BlockId { hash, number }
    }

    /// A block that came and went between two questions was told to nobody, so nothing is taken back.
    #[test]
    fn a_watcher_takes_back_only_what_it_told() {
        let (sender, changes) = broadcast::channel(16);
        let mut watcher = Watcher {
            changes,
            last: 4,
            told: 4,
        };
        let reorg = |to| StoreChange::Reorg {
            to: id(to, 1),
            removed: Arc::default(),
        };
        let changes = [
            StoreChange::Block(id(5, 1)),
            StoreChange::Block(id(6, 1)),
            reorg(5),
            StoreChange::Block(id(6, 2)),
            reorg(3),
            StoreChange::Block(id(4, 3)),
        ];
        for change in changes {
            sender.send(change).unwrap();
        }
        let changed = watcher.changed().unwrap();
        let appended = [id(5, 1), id(6, 1), id(6, 2), id(4, 3)];
        assert_eq!(changed.appended, appended);
        assert_eq!(changed.standing, [id(4, 3)]);
        let seen: Vec<u64> = changed.removed.iter().map(|(_, seen)| *seen).collect();
        assert_eq!(seen, [4], "block 4 was told, 5 and 6 were not");
        assert_eq!((watcher.last, watcher.told), (4, 3));
        // Too far behind: whoever asks makes a new one.
        for number in 5..30 {
            sender.send(StoreChange::Block(id(number, 3))).unwrap();
        }
        assert!(watcher.changed().is_none());
    }
}
