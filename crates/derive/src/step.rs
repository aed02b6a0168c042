//! The words between the pipeline and whoever drives it.

use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes, FixedBytes, keccak256};
use foggara_primitives::{
    BlockId, ChainSpec, Cursor, L1Ref, L2Ref, PayloadAttributes, Phase, SystemConfig,
};

/// Where derivation starts: the state after one L2 block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncStart {
    /// The cursor stored beside `safe`; [`SyncStart::genesis`] has the one of genesis.
    pub cursor: Cursor,
    /// The newest block derived.
    pub safe: L2Ref,
    /// System configuration of `safe` ([`crate::system_config_of`]).
    pub sys: SystemConfig,
    /// Data of the frames that the cursor holds, in order: [`frames_of`] the stored objects. Empty
    /// unless the cursor's phase is assembling or reading.
    pub frames: Vec<Bytes>,
}

impl SyncStart {
    /// The start of a node that has nothing but the chain specification: block 0 and the cursor of
    /// `genesis.l1` (`FAULTPROOF.md` section 3.3).
    pub fn genesis(spec: &ChainSpec) -> Self {
        let ids = &spec.rollup.genesis;
        Self {
            cursor: Cursor::genesis(ids.l1.hash, ids.l1.number, ids.system_config.batcher_addr),
            safe: L2Ref {
                hash: ids.l2.hash,
                number: ids.l2.number,
                parent_hash: spec.genesis.parent_hash,
                timestamp: ids.l2_time,
                l1_origin: ids.l1,
                sequence_number: 0,
            },
            sys: ids.system_config.system_config(),
            frames: Vec::new(),
        }
    }
}

/// What the caller does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Execute these attributes, then call [`crate::Deriver::applied`].
    Attributes(Box<Derived>),
    /// Push the canonical L1 block with this number.
    NeedL1(u64),
    /// Push the reference of the L2 block with this number, at or below the safe head.
    NeedL2(u64),
    /// Attributes were handed out and wait for [`crate::Deriver::applied`].
    Idle,
    /// The inputs do not fit together: start anew from a stored cursor whose L1 blocks are canonical.
    Reset(ResetReason),
}

/// Attributes derived from L1, with all that is stored beside the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// What to execute.
    pub attributes: PayloadAttributes,
    /// The block on which they build.
    pub parent: L2Ref,
    /// L1 origin of the block.
    pub l1_origin: BlockId,
    /// Index of the block in its epoch.
    pub sequence_number: u64,
    /// System configuration of the block.
    pub sys: SystemConfig,
    /// The L1 block whose data completed the derivation of this block.
    pub derived_from: L1Ref,
    /// The channel that held the batch; `None` for a block forced by an expired window.
    pub from_channel: Option<FromChannel>,
    /// Cursor after the block, if its attributes execute.
    pub cursor: Cursor,
    /// Frames that `cursor` refers to and that no earlier `Derived` carried: store them in the commit
    /// that stores `cursor`.
    pub frames: Vec<FrameObject>,
}

/// The channel and batch from which a block comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromChannel {
    /// Channel id.
    pub id: FixedBytes<16>,
    /// L1 number of the channel's first frame.
    pub opened_at: u64,
    /// Index of the singular batch in the channel, spans flattened.
    pub batch_index: u32,
}

impl Derived {
    /// Cursor after the block if its attributes proved invalid and were replaced by deposits only: the
    /// channel being read is gone.
    pub fn cursor_if_deposits_only(&self) -> Cursor {
        without_reading_channel(&self.cursor)
    }

    /// Reference of the block, given its hash.
    pub const fn l2_ref(&self, hash: B256) -> L2Ref {
        L2Ref {
            hash,
            number: self.parent.number.saturating_add(1),
            parent_hash: self.parent.hash,
            timestamp: self.attributes.timestamp,
            l1_origin: self.l1_origin,
            sequence_number: self.sequence_number,
        }
    }
}

/// `cursor` without the channel it reads from, if it does.
pub(crate) fn without_reading_channel(cursor: &Cursor) -> Cursor {
    let mut cursor = cursor.clone();
    if cursor.phase == Phase::Reading {
        clear_channel(&mut cursor);
    }
    cursor
}

pub(crate) fn clear_channel(cursor: &mut Cursor) {
    cursor.channel_id = FixedBytes::ZERO;
    cursor.opened_at = 0;
    cursor.frames_held = 0;
    cursor.channel_size = 0;
    cursor.frame_acc = B256::ZERO;
    cursor.phase = Phase::None;
    cursor.batches_taken = 0;
}

/// What became of derived attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The block with all transactions.
    Accepted(L2Ref),
    /// The attributes were invalid: the block with deposits only. The rest of the channel is dropped.
    DepositsOnly(L2Ref),
}

/// Why derivation must start anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResetReason {
    /// An L1 block does not follow the one consumed before it.
    #[error("L1 block {number}: expected {expected} as its parent or hash, got {got}")]
    L1Mismatch {
        /// Number of the block pushed.
        number: u64,
        /// Hash expected.
        expected: B256,
        /// Hash seen.
        got: B256,
    },
    /// The safe head given to a step is not the one last applied.
    #[error("safe head is {got:?}, the pipeline is at {expected:?}")]
    SafeMismatch {
        /// Block last applied.
        expected: BlockId,
        /// Block given.
        got: BlockId,
    },
    /// The block reported as applied does not come from the attributes handed out.
    #[error("block {got:?} was not made from the attributes handed out")]
    AppliedMismatch {
        /// Block reported.
        got: BlockId,
    },
    /// The origin of the safe head is ahead of the cursor or inconsistent with it.
    #[error("the safe head's L1 origin {origin} is after the cursor's L1 block {cursor}")]
    OriginAhead {
        /// L1 number of the origin.
        origin: u64,
        /// L1 number of the cursor.
        cursor: u64,
    },
    /// The start does not hold together.
    #[error(transparent)]
    Resume(#[from] ResumeError),
}

/// What the caller of a failed operation does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Data are missing: wait and try again.
    Retry,
    /// L1 has changed or the view is inconsistent: start anew from a stored cursor.
    Reset,
    /// A human is needed.
    Fatal,
}

impl ResetReason {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Resume(_) => Severity::Fatal,
            _ => Severity::Reset,
        }
    }
}

/// One frame of the held channel as it is stored, keyed by `acc`.
///
/// `acc = keccak256(prev ++ ref(data))` is the cursor's `frameAcc` after the frame, `prev` the one
/// before it, zero for the first (`FAULTPROOF.md` section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameObject {
    /// Key.
    pub acc: B256,
    /// Key of the frame before, zero for the first.
    pub prev: B256,
    /// Frame data.
    pub data: Bytes,
}

impl FrameObject {
    /// The object that appends `data` to a channel at `prev`.
    pub fn append(prev: B256, data: Bytes) -> Self {
        Self {
            acc: frame_acc(prev, &data),
            prev,
            data,
        }
    }
}

/// `keccak256(acc ++ ref(data))` (`FAULTPROOF.md` section 3.3).
pub(crate) fn frame_acc(acc: B256, data: &[u8]) -> B256 {
    let mut preimage = [0u8; 64];
    let (left, right) = preimage.split_at_mut(32);
    left.copy_from_slice(acc.as_slice());
    right.copy_from_slice(object_ref(data).as_slice());
    keccak256(preimage)
}

/// `keccak256(len u64 ++ keccak(chunk_0) ++ ..)` over chunks of 32 KiB (`FAULTPROOF.md` section 3.4).
fn object_ref(data: &[u8]) -> B256 {
    let mut preimage = Vec::from((data.len() as u64).to_be_bytes());
    for chunk in data.chunks(32 * 1024) {
        preimage.extend_from_slice(keccak256(chunk).as_slice());
    }
    keccak256(preimage)
}

/// Frames that do not belong to the cursor. Severity: fatal, the store is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// A frame of the held channel is not stored.
    #[error("frame {acc} of the held channel is missing")]
    Missing {
        /// Its key.
        acc: B256,
    },
    /// A stored frame is not what its key commits to.
    #[error("frame {acc} of the held channel is damaged")]
    Damaged {
        /// Its key.
        acc: B256,
    },
    /// The frames given are not those the cursor commits to.
    #[error("{got} frames do not match the cursor, which holds {expected}")]
    Frames {
        /// Frames held by the cursor.
        expected: u32,
        /// Frames given.
        got: usize,
    },
    /// The cursor's L1 block or channel holds less than the cursor counts as taken.
    #[error("the cursor counts more payloads, frames or batches than there are")]
    Position,
}

/// Walks back the frames that `cursor` holds, each fetched by its key and checked, and returns their
/// data in order.
///
/// # Errors
/// [`ResumeError::Missing`], [`ResumeError::Damaged`], [`ResumeError::Frames`].
pub fn frames_of(
    cursor: &Cursor,
    mut fetch: impl FnMut(B256) -> Option<FrameObject>,
) -> Result<Vec<Bytes>, ResumeError> {
    let mut out = Vec::new();
    let mut acc = cursor.frame_acc;
    for _ in 0..cursor.frames_held {
        let object = fetch(acc).ok_or(ResumeError::Missing { acc })?;
        if frame_acc(object.prev, &object.data) != acc {
            return Err(ResumeError::Damaged { acc });
        }
        acc = object.prev;
        out.push(object.data);
    }
    if !acc.is_zero() {
        return Err(ResumeError::Frames {
            expected: cursor.frames_held,
            got: out.len(),
        });
    }
    out.reverse();
    Ok(out)
}
