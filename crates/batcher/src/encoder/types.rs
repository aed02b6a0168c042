//! The words between the machine and whoever drives it.

use crate::{CheckError, CloseReason, DaData};
use foggara_batch::{BlobError, BuildError, ChannelError, ChannelId};
use foggara_primitives::BlockId;

/// Number of a submission, ascending in the order in which they are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubmissionId(pub u64);

/// Data for one L1 transaction to the batch inbox. Submissions must stand at ascending nonces in the
/// order in which they are handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its number.
    pub id: SubmissionId,
    /// The channel whose frames it carries.
    pub channel: ChannelId,
    /// What it carries.
    pub data: DaData,
    /// Compressed bytes of the channel in it.
    pub bytes: usize,
    /// First block of the channel.
    pub first: BlockId,
    /// Last block of the channel.
    pub last: BlockId,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// Nothing to do.
    Idle,
    /// Some work; call again.
    Worked,
    /// A channel was closed; call again.
    Closed(CloseReason),
}

/// A block that does not follow the last one, or a safe head that is none of ours: the chain was
/// reorganised. Severity: reset from the safe head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("block {got:?} does not fit the batcher's block {expected:?}")]
pub struct ReorgError {
    /// The block held.
    pub expected: BlockId,
    /// The block seen, or the parent that the new block names.
    pub got: BlockId,
}

/// The machine cannot go on. Severity: fatal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// A block cannot stand in a span batch.
    #[error("block {number} cannot be encoded: {error}")]
    Unencodable {
        /// Number of the block.
        number: u64,
        /// Why.
        error: BuildError,
    },
    /// A channel does not derive back to its blocks; it was not posted.
    #[error("channel of blocks {first} to {last} fails its self-check: {error}")]
    SelfCheck {
        /// Number of its first block.
        first: u64,
        /// Number of its last block.
        last: u64,
        /// What is wrong.
        error: CheckError,
    },
    /// A channel cannot be cut into frames.
    #[error(transparent)]
    Frames(#[from] ChannelError),
    /// A frame does not fit into a blob.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Where channel ids come from. They must be random and never repeat, since a frame of another channel
/// with the same id would be taken for ours.
pub type IdSource = Box<dyn FnMut() -> ChannelId + Send>;
