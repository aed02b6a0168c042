//! Why a node does not start, and why a running one ends.

use crate::ChainError;
use foggara_l1::L1Error;
use foggara_store::OpenError;

/// A node could not be started. The variants are those that a caller treats differently.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The configuration is wrong or contradicts the state: change it.
    #[error("{0}")]
    Config(String),
    /// The L1 is unreachable, or not the one of `rollup.json`.
    #[error("{0}")]
    L1(String),
    /// The state comes from a newer release or is damaged.
    #[error("{0}")]
    Damaged(String),
    /// A port or the data folder is in use.
    #[error("{0}")]
    InUse(String),
    /// Anything the operating system refused.
    #[error("{0}")]
    Failed(String),
}

impl From<ChainError> for LaunchError {
    fn from(error: ChainError) -> Self {
        Self::Config(error.to_string())
    }
}

impl From<L1Error> for LaunchError {
    fn from(error: L1Error) -> Self {
        match error {
            L1Error::Url { .. } => Self::Config(error.to_string()),
            _ => Self::L1(format!(
                "{error}; --l1 has to be the execution RPC of a running L1"
            )),
        }
    }
}

impl From<OpenError> for LaunchError {
    fn from(error: OpenError) -> Self {
        let text = error.to_string();
        match error {
            OpenError::InUse { .. } => Self::InUse(text),
            OpenError::Newer { .. } | OpenError::Damaged { .. } => Self::Damaged(text),
            OpenError::OtherChain { .. } => Self::Config(text),
            _ => Self::Failed(text),
        }
    }
}

/// A part of a running node ended: the node has stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part} ended: {why}")]
pub struct StopError {
    /// The part.
    pub part: &'static str,
    /// Why.
    pub why: String,
}

/// A transaction was not accepted, or the node stopped before it got that far.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The pool refused it.
    #[error(transparent)]
    Pool(#[from] foggara_pool::PoolError),
    /// This node has no pool: it is a replica.
    #[error("a replica accepts no transactions")]
    NoPool,
    /// It was accepted and later dropped.
    #[error("transaction {hash} was dropped: {reason}")]
    Dropped {
        /// Its hash.
        hash: alloy_primitives::B256,
        /// Why.
        reason: String,
    },
    /// The node stopped.
    #[error("the node stopped")]
    Stopped,
}
