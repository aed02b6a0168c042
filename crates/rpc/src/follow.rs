//! The chain as those see it who follow it: blocks in order, and what a reorganisation took away.

use crate::{
    error::Answer,
    params::LogMatch,
    reader::{self, logs_in_block},
};
use alloy_rpc_types_eth::{Header, Log};
use foggara_store::{ExecutedBlock, RemovedBlock, Store, StoreEvent};
use std::sync::Arc;
use tokio::sync::broadcast;

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
            Self::Removed { blocks, seen } => {
                let mut out = Vec::new();
                for RemovedBlock { block, receipts } in blocks.iter().rev() {
                    if block.header.number <= *seen {
                        let place = (block.hash, block.header.number, block.header.timestamp);
                        out.extend(logs_in_block(
                            wanted,
                            place,
                            &block.transactions,
                            receipts,
                            true,
                        )?);
                    }
                }
                Ok(out)
            }
        }
    }
}
