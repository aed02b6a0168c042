//! The journal of accepted transactions (`RELIABILITY.md` D1 to D7).
//!
//! Entries arrive in the order in which the pool decided them. One thread writes: it takes all that
//! wait, writes them as one batch, syncs, and hands them to the [`Sink`]; what arrives meanwhile is
//! the next batch. There is no timer.
//!
//! Invariants: one batch in flight; nothing reaches [`Sink::synced`] before its sync returned; after
//! a failed write or sync nothing does any more. A record becomes garbage when the pool says
//! [`Op::Forget`], which it does once the block that includes it is durable, or when its drop is synced.

mod files;
mod format;
mod recover;
mod scan;
mod thread;
mod writer;

pub use files::{FolderFiles, JournalFiles};
pub(crate) use format::Accepted;
pub(crate) use recover::recover;
pub(crate) use thread::Journal;

#[cfg(test)]
pub(crate) mod testing {
    pub(crate) use super::{
        JournalConfig,
        format::{Accepted, BatchWriter, Header, RawRecord, Record, SECTOR},
        scan::{Tail, scan},
        writer::Writer,
    };
}

use crate::{DropReason, PoolError, PoolTx};
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The journal cannot go on, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A write or sync failed. Final for this process (`RELIABILITY.md` D6).
    #[error("journal failed while {during}: {reason}")]
    Failed {
        /// What was tried.
        during: &'static str,
        /// What the system said.
        reason: String,
    },
    /// No space for another segment. Nothing was written; later additions may succeed.
    #[error("no space for the journal: {reason}")]
    NoSpace {
        /// What the system said.
        reason: String,
    },
    /// A synced record is unreadable.
    #[error("journal segment {segment} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// File name.
        segment: String,
        /// Byte in the file.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The files could not be read at start.
    #[error("journal cannot be opened: {reason}")]
    Io {
        /// What the system said.
        reason: String,
    },
    /// The pool is shutting down.
    #[error("journal is closed")]
    Closed,
}

/// Figures of the journal since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalStats {
    /// Records written.
    pub records: u64,
    /// Batches synced.
    pub syncs: u64,
    /// Time spent in syncs.
    pub sync_time: Duration,
    /// Longest sync.
    pub sync_time_max: Duration,
    /// Segments on disk.
    pub segments: usize,
    /// Records that a restart would bring back.
    pub live: usize,
    /// Bytes of those.
    pub live_bytes: u64,
}

/// Sizes of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalConfig {
    pub(crate) segment_bytes: u64,
    pub(crate) segments_max: usize,
    pub(crate) batch_bytes_max: usize,
}

/// What the journal is told.
#[derive(Debug)]
pub(crate) enum Op {
    /// A transaction is accepted, or given back by an unwound block.
    Accept(Arc<PoolTx>),
    /// An accepted transaction is dropped.
    Drop { tx: Arc<PoolTx>, reason: DropReason },
    /// These are in durable blocks.
    Forget(Vec<B256>),
    /// Nothing; for whoever waits for what is before it.
    Fence,
}

/// Who waits for an entry.
#[derive(Debug)]
pub(crate) enum Waiter {
    Nobody,
    /// A caller of `add`; `Err` is what it gets if the entry is synced.
    Add(
        oneshot::Sender<Result<B256, PoolError>>,
        Result<B256, PoolError>,
    ),
    Flush(oneshot::Sender<Result<(), JournalError>>),
}

/// One entry on its way to the disk.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) op: Op,
    pub(crate) waiter: Waiter,
    /// Share of the bytes in flight, given back with the entry.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Entry {
    pub(crate) const fn new(op: Op) -> Self {
        Self {
            op,
            waiter: Waiter::Nobody,
            permit: None,
        }
    }

    fn bytes(&self) -> usize {
        match &self.op {
            Op::Accept(tx) => tx.raw.len() + 64,
            _ => 96,
        }
    }
}

/// Who is told what became of entries. Called by the journal's thread, in order.
pub(crate) trait Sink: Send {
    /// These are durable.
    fn synced(&mut self, entries: Vec<Entry>);
    /// These were not written, and the journal goes on. Returns what is to be tried again.
    fn rejected(&mut self, entries: Vec<Entry>, error: &JournalError) -> Vec<Entry>;
    /// These are not durable, and nothing will be.
    fn failed(&mut self, entries: Vec<Entry>, error: &JournalError);
}

pub(crate) type Figures = Arc<Mutex<JournalStats>>;
