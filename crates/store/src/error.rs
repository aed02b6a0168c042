//! What can go wrong, sorted by what the caller does about it.

use crate::table::Table;
use alloy_primitives::B256;
use foggara_primitives::{BlockId, SourceError};
use std::path::PathBuf;

/// The database engine refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// No room: the disk is full or the database reached its named maximum. Nothing was written;
    /// the same call may succeed once there is space.
    #[error("no space left for the database: {0}")]
    Full(String),
    /// All reader slots are taken.
    #[error("all {0} reader slots of the database are in use")]
    Readers(u64),
    /// A key that no table of ours can have. A bug in the caller, refused before the engine sees it.
    #[error("key of {len} bytes does not fit table {table}")]
    Key {
        /// The table.
        table: Table,
        /// Bytes of the key.
        len: usize,
    },
    /// A value above [`crate::VALUE_SIZE_MAX`].
    #[error("value of {len} bytes does not fit table {table}")]
    Value {
        /// The table.
        table: Table,
        /// Bytes of the value.
        len: usize,
    },
    /// The engine says that its file is not a healthy database.
    #[error("the database file is damaged: {0}")]
    Damaged(String),
    /// Anything else the engine reported.
    #[error("database engine: {0}")]
    Engine(String),
}

/// A read failed, or the store is not what its invariants say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The engine failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A stored value contradicts another or does not decode: the media or the program is broken.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// There is no genesis yet: [`crate::Store::init`] comes first.
    #[error("the store holds no chain yet")]
    Empty,
    /// No canonical block has this number.
    #[error("there is no block {0}")]
    UnknownBlock(u64),
    /// The state of this block is no longer kept.
    #[error("state of block {block} is not kept; the oldest kept is {oldest}")]
    Pruned {
        /// Block asked for.
        block: u64,
        /// Oldest block with state.
        oldest: u64,
    },
    /// The block this view stands on was unwound.
    #[error("block {number} {hash} is no longer canonical")]
    Reorged {
        /// Number of the block.
        number: u64,
        /// Its hash.
        hash: B256,
    },
    /// Too much changed since the block for its tries to be rebuilt in memory.
    #[error("more than {limit} entries changed since block {block}; no proof can be built")]
    TooFar {
        /// Block asked for.
        block: u64,
        /// [`crate::REVERT_ENTRIES_MAX`].
        limit: usize,
    },
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// A write was refused. Nothing of it is visible, then or later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The first block does not stand on the unsafe head, or the batch was made for another one.
    #[error("block stands on {got}, but the head is {head}", got = .parent, head = .head.hash)]
    Conflict {
        /// Head at the time of the call.
        head: BlockId,
        /// Parent named by the first block, or the head that the batch was made for.
        parent: B256,
    },
    /// The batch contradicts itself or the chain.
    #[error("refused: {0}")]
    Invalid(String),
    /// The unwind or label would go below the finalized block.
    #[error("block {to} is below the finalized block {finalized}")]
    BelowFinalized {
        /// Block asked for.
        to: u64,
        /// Finalized block.
        finalized: u64,
    },
    /// Disk or database is full; reads go on, and the call may be repeated once there is space.
    #[error("no space: {0}")]
    Full(String),
    /// An earlier sync failed. The process has to end and recover from disk (`RELIABILITY.md` D6).
    #[error("the store stopped after a failed sync: {0}")]
    Poisoned(String),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Db(DbError::Full(why)) => Self::Full(why),
            other => Self::Store(other),
        }
    }
}

impl From<DbError> for CommitError {
    fn from(error: DbError) -> Self {
        StoreError::from(error).into()
    }
}

/// A folder could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds the folder.
    #[error("{} is in use by process {}", .dir.display(), .pid.map_or_else(|| "(unknown)".into(), |p| p.to_string()))]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The holder, if its lock file says so.
        pid: Option<u32>,
    },
    /// A newer release wrote the folder.
    #[error("{} has schema {found}, this release reads up to {supported}; open it with foggara {release} or newer", .dir.display())]
    Newer {
        /// The folder.
        dir: PathBuf,
        /// Schema version found.
        found: u32,
        /// Newest schema version this release knows.
        supported: u32,
        /// Release that wrote it.
        release: String,
    },
    /// The contents contradict themselves.
    #[error("{} is damaged: {what}", .dir.display())]
    Damaged {
        /// The folder.
        dir: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// The folder belongs to another chain.
    #[error("{} belongs to another chain (spec {found}, expected {expected})", .dir.display())]
    OtherChain {
        /// The folder.
        dir: PathBuf,
        /// Chain spec hash found.
        found: B256,
        /// Chain spec hash asked for.
        expected: B256,
    },
    /// The operating system refused.
    #[error("{}: {what}", .dir.display())]
    Io {
        /// The folder.
        dir: PathBuf,
        /// What was refused.
        what: String,
    },
}

impl OpenError {
    /// Exit code of a process that ends for this reason (`USERS.md` section 3.3).
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::InUse { .. } => 6,
            Self::Newer { .. } | Self::Damaged { .. } => 5,
            Self::OtherChain { .. } => 2,
            Self::Io { .. } => 1,
        }
    }
}
