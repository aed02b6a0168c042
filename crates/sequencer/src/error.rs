//! What stops a sequencer. Everything else is retried or leads to a reset.

use foggara_primitives::SourceError;
use foggara_stf::ExecError;
use foggara_store::{CommitError, StoreError};

/// The node is broken: the process ends and recovers from disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SequencerError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block could not be committed, and trying again cannot help.
    #[error("commit of block {number} failed: {source}")]
    Commit {
        /// Number of the block.
        number: u64,
        /// Why.
        source: CommitError,
    },
    /// State could not be read while a block was built.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A block of our own attributes cannot be executed.
    #[error("building block {number} failed: {source}")]
    Build {
        /// Number of the block.
        number: u64,
        /// Why.
        source: ExecError,
    },
    /// The head of the store is not a block of this chain.
    #[error("head of the store: {0}")]
    Head(String),
    /// Three rebuilt blocks in a row differed when they were executed again.
    #[error("block {number} differs when it is executed again, even with deposits only")]
    SelfCheck {
        /// Number of the block.
        number: u64,
    },
    /// A thread of the sequencer panicked.
    #[error("the {0} thread ended unexpectedly")]
    Thread(&'static str),
}

impl SequencerError {
    pub(crate) fn head(why: foggara_derive::L2BlockError) -> Self {
        Self::Head(why.to_string())
    }
}
