//! A closed channel on its way to L1.

use crate::{DaData, DaKind, SubmissionId, block::Link};
use alloy_primitives::Bytes;
use foggara_batch::{BlobError, ChannelId, Frame};
use foggara_primitives::BlockId;

/// Why a channel was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// It is as large as its target.
    Size,
    /// Its first block waited long enough.
    Age,
    /// Its uncompressed content is as large as allowed.
    Content,
    /// Asked for.
    Flush,
}

/// Where a closed channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelState {
    /// No frame was handed out.
    Closed,
    /// Some frames were handed out or landed.
    Sending,
    /// The last frame landed in this L1 block; the safe head has not passed it.
    Landed {
        /// L1 number of the last frame.
        l1: u64,
    },
}

/// What can be told of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its id.
    pub id: ChannelId,
    /// Why it was closed.
    pub reason: CloseReason,
    /// Its state.
    pub state: ChannelState,
    /// Its first block.
    pub first: BlockId,
    /// Its last block.
    pub last: BlockId,
    /// Bytes of transactions, block by block.
    pub block_sizes: Vec<usize>,
    /// Compressed bytes.
    pub size: usize,
    /// Frames, 0 before the first submission.
    pub frames: usize,
    /// Fill of its frames in parts per million, against the target it was closed for.
    pub fill_ppm: u64,
}

/// One transaction's part of a channel.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) kind: DaKind,
    /// They share the channel's bytes; payloads are made anew each time the part is handed out.
    pub(crate) frames: Vec<Frame>,
    /// Set while it is handed out or landed.
    pub(crate) id: Option<SubmissionId>,
    pub(crate) landed: Option<u64>,
}

impl Part {
    /// What the transaction carries.
    pub(crate) fn data(&self) -> Result<DaData, BlobError> {
        self.kind.data(&self.frames)
    }

    /// Bytes of the channel in it.
    pub(crate) fn size(&self) -> usize {
        self.frames.iter().map(|frame| frame.data.len()).sum()
    }
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    pub(crate) reason: CloseReason,
    pub(crate) blocks: Vec<Link>,
    pub(crate) bytes: Bytes,
    pub(crate) target: usize,
    /// Empty until the first submission, when the kind is decided.
    pub(crate) parts: Vec<Part>,
}

impl Channel {
    pub(crate) fn first(&self) -> Option<&Link> {
        self.blocks.first()
    }

    pub(crate) fn last_number(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.l2.number)
    }

    /// The kind of its parts, once decided.
    pub(crate) fn kind(&self) -> Option<DaKind> {
        self.parts.first().map(|part| part.kind)
    }

    /// Whether every part was handed out.
    pub(crate) fn is_handed_out(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.id.is_some())
    }

    /// Whether some part was handed out.
    pub(crate) fn is_begun(&self) -> bool {
        self.parts.iter().any(|part| part.id.is_some())
    }

    /// Parts handed out and not landed.
    pub(crate) fn in_flight(&self) -> usize {
        self.parts
            .iter()
            .filter(|part| part.id.is_some() && part.landed.is_none())
            .count()
    }

    /// L1 number of the earliest landed part.
    pub(crate) fn opened_at(&self) -> Option<u64> {
        self.parts.iter().filter_map(|part| part.landed).min()
    }

    /// L1 number of the last part, once all have landed.
    pub(crate) fn landed_at(&self) -> Option<u64> {
        let landed: Option<Vec<u64>> = self.parts.iter().map(|part| part.landed).collect();
        landed.and_then(|landed| landed.into_iter().max())
    }

    pub(crate) fn state(&self) -> ChannelState {
        match self.landed_at() {
            Some(l1) => ChannelState::Landed { l1 },
            None if self.is_begun() => ChannelState::Sending,
            None => ChannelState::Closed,
        }
    }

    pub(crate) fn info(&self) -> ChannelInfo {
        let id = |block: Option<&Link>| block.map(|b| b.id()).unwrap_or_default();
        ChannelInfo {
            id: self.id,
            reason: self.reason,
            state: self.state(),
            first: id(self.blocks.first()),
            last: id(self.blocks.last()),
            block_sizes: self.blocks.iter().map(|block| block.size()).collect(),
            size: self.bytes.len(),
            frames: self.parts.iter().map(|part| part.frames.len()).sum(),
            fill_ppm: self.bytes.len() as u64 * 1_000_000
                / (self.bytes.len().div_ceil(self.target.max(1)).max(1) * self.target.max(1))
                    as u64,
        }
    }
}
