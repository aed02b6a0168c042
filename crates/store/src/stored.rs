//! What reads of the chain give back.

use crate::ExecutedBlock;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use foggara_primitives::{BlockId, Heads, L2Ref};
use std::sync::Arc;

/// A canonical block without its receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// Header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
    /// Transactions, EIP-2718 bytes, in order.
    pub transactions: Vec<Bytes>,
    /// Senders, one per transaction.
    pub senders: Vec<Address>,
}

/// A header with its hash, which was checked when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHeader {
    /// Header.
    pub header: Header,
    /// Hash of the header.
    pub hash: B256,
}

/// A canonical transaction and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxLocation {
    /// Number of its block.
    pub block_number: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Index in the block, from 0.
    pub index: u64,
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// Sender.
    pub sender: Address,
}

/// A block that an unwind took away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedBlock {
    /// The block.
    pub block: StoredBlock,
    /// Its receipts, EIP-2718 bytes.
    pub receipts: Vec<Bytes>,
}

/// What happened to the chain, told after the fsync that made it so.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "the queue is short, the match is plain"
)]
#[non_exhaustive]
pub enum StoreEvent {
    /// A block was appended.
    Block(Arc<ExecutedBlock>),
    /// Blocks were unwound, oldest first. Appended blocks follow as events of their own.
    Reorg {
        /// The new tip, before anything is appended.
        to: BlockId,
        /// The blocks that are gone.
        removed: Arc<Vec<RemovedBlock>>,
    },
    /// A head moved. Comes after the blocks of the same commit.
    Heads(Heads),
}

/// What [`crate::Store::open`] found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Whether the folder was empty.
    pub created: bool,
    /// Schema version found before migration, if older than this release's.
    pub migrated_from: Option<u32>,
    /// Heads found, unless there is no genesis yet.
    pub heads: Option<Heads>,
    /// Blocks whose headers and links were checked.
    pub blocks_checked: u64,
}

/// A canonical block's reference where the chain may be an L1: an L1 block has no origin.
pub(crate) fn reference(header: &Header, hash: B256, l2: Option<L2Ref>) -> L2Ref {
    l2.unwrap_or(L2Ref {
        hash,
        number: header.number,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
        ..L2Ref::default()
    })
}
