//! The journal of accepted transactions.

use std::{io, time::Duration};

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

/// Sizes of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalConfig {
    /// Bytes of one preallocated segment.
    pub segment_bytes: u64,
    /// Segments before live records of the oldest are rewritten.
    pub segments_max: usize,
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

/// The folder of the journal. The second implementation is the model that forgets.
pub trait JournalFiles: Send + 'static {
    /// Names of the files.
    ///
    /// # Errors
    /// As the system says.
    fn list(&mut self) -> io::Result<Vec<String>>;
}

/// Files in a real folder.
#[derive(Debug)]
pub struct FolderFiles;

/// The running journal.
#[derive(Debug)]
pub struct Journal;
