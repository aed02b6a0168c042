//! What a development L1 refuses.

use foggara_l1::{L1Error, Rejection};
use foggara_primitives::SourceError;
use foggara_store::{CommitError, OpenError, StoreError};

/// A development L1 could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevL1Error {
    /// The folder could not be opened.
    #[error("development L1: {0}")]
    Open(#[from] OpenError),
    /// A file of the transaction pool could not be read or written.
    #[error("development L1 pool: {0}")]
    Io(#[from] std::io::Error),
    /// A block could not be written.
    #[error("development L1: {0}")]
    Commit(#[from] CommitError),
    /// The store could not be read.
    #[error("development L1: {0}")]
    Store(#[from] StoreError),
    /// State or trie could not be read or computed.
    #[error("development L1: {0}")]
    State(String),
    /// No block or state has this name.
    #[error("header not found: {0}")]
    UnknownBlock(String),
    /// A transaction is refused.
    #[error("{message}")]
    Rejected {
        /// Which way.
        kind: Rejection,
        /// In geth's words, so that clients understand.
        message: String,
    },
    /// A request that cannot be met.
    #[error("{0}")]
    Request(String),
}

impl DevL1Error {
    pub(crate) fn rejected(kind: Rejection, message: impl Into<String>) -> Self {
        Self::Rejected {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn state(error: impl core::fmt::Display) -> Self {
        Self::State(error.to_string())
    }
}

impl From<SourceError> for DevL1Error {
    fn from(error: SourceError) -> Self {
        Self::State(error.0)
    }
}

impl From<DevL1Error> for L1Error {
    fn from(error: DevL1Error) -> Self {
        match error {
            DevL1Error::Rejected { kind, message } => Self::Rejected { kind, message },
            DevL1Error::UnknownBlock(what) => Self::NotFound {
                what: format!("block {what}"),
            },
            other => Self::Node(other.to_string()),
        }
    }
}
