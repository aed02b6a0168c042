//! What was left out and why, for metrics and for `inspect l1block`.

use alloc::vec::Vec;
use foggara_batch::{BatchError, FrameError};

/// One thing that derivation left out. None of them stops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The L1 block being consumed.
    pub l1_number: u64,
    /// Stage and reason.
    pub why: DropReason,
}

/// Why something was left out, in the order of the stages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Traversal: this many `ConfigUpdate` logs are malformed (R6).
    ConfigUpdate(usize),
    /// Retrieval: a blob is not in the blob encoding.
    Blob,
    /// Retrieval: a payload is not a string of frames.
    Payload(FrameError),
    /// Frame queue: this many frames of one payload are out of order.
    Pruned(usize),
    /// Channel: a frame continues no open channel, or not the open one.
    Frame,
    /// Channel: an open channel was replaced by a new one.
    Replaced,
    /// Channel: it took more than 50 L1 blocks.
    TimedOut,
    /// Channel: its counted size exceeds the bound.
    TooLarge,
    /// Channel: the L1 block has used up what may be inflated on its behalf (D13).
    InflateBudget,
    /// Reader: the stream of the channel is broken, unknown, or clipped at the limit (R5).
    Stream,
    /// Reader: a batch cannot be decoded.
    Undecodable(BatchError),
    /// Span or singular batch: what failed; the rest of the channel goes with it.
    Invalid(BatchFault),
    /// The batch is older than the safe head; the channel goes on (R1).
    Past,
    /// The span's last origin is not known; the channel goes on (R10).
    UnknownEnd,
    /// Attributes: this many deposit logs do not decode (D4).
    Deposit(usize),
}

/// Why a batch is void together with the rest of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchFault {
    /// It begins after the next block's time.
    Future,
    /// It does not begin on a block boundary (R9).
    Misaligned,
    /// It begins at or before genesis.
    NoParent,
    /// It builds on another parent.
    Parent,
    /// It came after its sequencing window.
    Expired,
    /// Its epoch lies more than one above the parent's (R9).
    EpochAhead,
    /// Its epoch lies below the parent's (R8, R9).
    EpochBehind,
    /// It names another L1 block as origin.
    OriginHash,
    /// It is older than its origin.
    BeforeOrigin,
    /// It is too far ahead of its origin.
    Drift,
    /// It holds an empty transaction or a deposit (R3).
    Transaction,
}

/// Log of what was dropped: bounded, drained by the driver.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    list: Vec<Dropped>,
}

impl Drops {
    /// Entries kept until drained; later ones are lost.
    const MAX: usize = 1_024;

    pub(crate) fn note(&mut self, l1_number: u64, why: DropReason) {
        if self.list.len() < Self::MAX {
            self.list.push(Dropped { l1_number, why });
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Dropped> {
        core::mem::take(&mut self.list)
    }
}
