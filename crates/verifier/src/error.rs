//! Why the verifier cannot go on, grouped by what follows.

use crate::HookError;
use alloy_primitives::B256;
use foggara_derive::{L2BlockError, Severity};
use foggara_l1::L1Error;
use foggara_stf::{DeriveError, ExecError};
use foggara_store::{CommitError, StoreError};

/// A failure of the verifier. Only those of severity Fatal leave [`crate::Verifier::run`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// L1 did not answer, changed, or is broken.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// Derivation found its inputs inconsistent.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store refused or failed a commit.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Derived attributes could not be executed, not even with deposits only.
    #[error("derived block {number}: {source}")]
    Execute {
        /// Number of the block.
        number: u64,
        /// What failed.
        source: Box<ExecError>,
    },
    /// A block of ours has the attributes that L1 gives and another hash than they execute to.
    #[error("block {number} is {ours}, its own attributes execute to {derived}")]
    HashDiffers {
        /// Number of the block.
        number: u64,
        /// Hash in the store.
        ours: B256,
        /// Hash of the execution.
        derived: B256,
    },
    /// A stored block is none of this chain.
    #[error(transparent)]
    Block(#[from] L2BlockError),
    /// The store lacks what a start needs.
    #[error("the store has no {0}; import a snapshot or start from an empty folder")]
    Missing(String),
    /// No block at or above the finalized one was derived from this L1.
    #[error(
        "L1 does not hold block {l1_number} from which the finalized block {finalized} was derived: wrong or faulty L1"
    )]
    ForeignL1 {
        /// The finalized L2 block.
        finalized: u64,
        /// The L1 block of its cursor.
        l1_number: u64,
    },
    /// The facade could not save the transactions of a lost block.
    #[error("transactions of unwound blocks could not be saved: {0}")]
    Hook(#[from] HookError),
    /// A worker thread ended by itself.
    #[error("verifier worker ended: {0}")]
    Worker(String),
}

impl VerifierError {
    /// What follows.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::L1(L1Error::ReorgTooDeep { .. }) => Severity::Reset,
            Self::L1(error) => error.severity(),
            Self::Derive(error) => error.severity(),
            Self::Commit(CommitError::Conflict { .. }) => Severity::Reset,
            Self::Commit(CommitError::Full(_)) => Severity::Retry,
            Self::Store(_)
            | Self::Commit(_)
            | Self::Execute { .. }
            | Self::HashDiffers { .. }
            | Self::Block(_)
            | Self::Missing(_)
            | Self::ForeignL1 { .. }
            | Self::Hook(_)
            | Self::Worker(_) => Severity::Fatal,
        }
    }
}
