//! What one durable transaction writes.

use crate::{DroppedTx, ExecutedBlock, L1Block, Posted, StoredFrame, Trace};
use alloy_primitives::{B256, Bytes};
use foggara_primitives::{BlockId, Cursor};
use std::sync::Arc;

/// Blocks of one commit at most (`RELIABILITY.md` D4).
pub const COMMIT_BLOCKS_MAX: usize = 256;

/// All that one durable transaction writes: it becomes visible as a whole or not at all. Fields are
/// applied in the order in which they stand here; what is left at its default changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The unsafe head that the batch was made for; on another one it is refused as a conflict.
    pub on_head: Option<B256>,
    /// Blocks to append, oldest first; at most [`COMMIT_BLOCKS_MAX`]. The first one stands on the
    /// unsafe head.
    pub blocks: Vec<Arc<ExecutedBlock>>,
    /// Derivation cursors: block number and cursor after it.
    pub cursors: Vec<(u64, Cursor)>,
    /// Traces that replace those written with their blocks.
    pub traces: Vec<(u64, Trace)>,
    /// Forgets what is kept of L1 blocks above this number (safe heads, headers): L1 was reorganised.
    pub l1_reorged_above: Option<u64>,
    /// Forgets headers of L1 blocks below this number, some at a time: they have left the window.
    pub l1_forget_below: Option<u64>,
    /// Headers of L1 blocks.
    pub l1_blocks: Vec<L1Block>,
    /// Safe heads by L1 block: once that L1 block is consumed, this L2 block is safe.
    pub safe_at_l1: Vec<(BlockId, BlockId)>,
    /// New safe head. May lower it, never below the finalized one.
    pub safe: Option<BlockId>,
    /// New finalized head; at or below the safe one, never lower than before.
    pub finalized: Option<BlockId>,
    /// Blobs: versioned hash, unix seconds of the L1 block, bytes.
    pub blobs: Vec<(B256, u64, Bytes)>,
    /// Where blocks were posted; `None` forgets.
    pub posted: Vec<(u64, Option<Posted>)>,
    /// Frames of the channel being assembled, by the accumulator after each.
    pub frames: Vec<(B256, StoredFrame)>,
    /// Frames no longer needed.
    pub frames_done: Vec<B256>,
    /// Intents of L1 transactions by role and nonce; `None` forgets.
    pub intents: Vec<((u8, u64), Option<Bytes>)>,
    /// Transactions that were dropped, by hash.
    pub dropped: Vec<(B256, DroppedTx)>,
    /// Small values of other crates by name, at most 64 bytes; `None` forgets. Names that begin with
    /// `store.` are the store's own and are refused.
    pub metadata: Vec<(String, Option<Bytes>)>,
}

impl Commit {
    /// A commit of one block.
    pub fn block(block: Arc<ExecutedBlock>) -> Self {
        Self {
            blocks: vec![block],
            ..Self::default()
        }
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let Self {
            on_head: _,
            blocks,
            cursors,
            traces,
            l1_reorged_above,
            l1_forget_below,
            l1_blocks,
            safe_at_l1,
            safe,
            finalized,
            blobs,
            posted,
            frames,
            frames_done,
            intents,
            dropped,
            metadata,
        } = self;
        blocks.is_empty()
            && cursors.is_empty()
            && traces.is_empty()
            && l1_reorged_above.is_none()
            && l1_forget_below.is_none()
            && l1_blocks.is_empty()
            && safe_at_l1.is_empty()
            && safe.is_none()
            && finalized.is_none()
            && blobs.is_empty()
            && posted.is_empty()
            && frames.is_empty()
            && frames_done.is_empty()
            && intents.is_empty()
            && dropped.is_empty()
            && metadata.is_empty()
    }
}
