//! The pipeline: the stages pulled by one state machine without I/O.
//!
//! ```text
//!  NeedL1 ─▶ traversal ─▶ frame queue ─▶ channel ─▶ reader ─▶ span, batch ─▶ attributes ─▶ Attributes
//!                │                                                 ▲ NeedL2       │
//!                └────────── L1 block consumed: forced ────────────┘              ▼ applied
//! ```
//!
//! Invariant: between two L2 blocks everything follows from the cursor, the safe head with its system
//! configuration, and L1. Only one payload is expanded, only one channel held; the frames of a payload
//! are not looked at before the batches of the channel before them are used up.

mod batches;
mod blocks;
mod l1;

use crate::{
    Applied, Derived, Dropped, FrameObject, FromChannel, L1Input, ResetReason, Step, SyncStart,
    batch_reader::ChannelReader,
    channel::Channel,
    dropped::{DropReason, Drops},
    frame_queue::{FrameQueue, Pulled},
    traversal::{Inbox, Window},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use alloy_primitives::{Address, B256, Bytes};
use foggara_batch::SpanBatch;
use foggara_primitives::{
    ChainSpec, Cursor, L2Ref, Phase, SystemConfig, constants::MAX_RLP_BYTES_PER_CHANNEL,
};

/// Derives payload attributes from L1 data.
///
/// Memory is bounded by one L1 block, one channel before and after decompression, and 32 MiB of events
/// of L1 blocks whose epoch has not begun. Time is linear in the L1 data and in what they inflate to.
#[derive(Debug)]
pub struct Deriver {
    spec: Arc<ChainSpec>,
    cursor: Cursor,
    safe: L2Ref,
    sys: SystemConfig,
    /// Frames of the start's cursor, until the pipeline has caught up with it.
    resume: Option<Vec<Bytes>>,
    inbox: Inbox,
    window: Window,
    queue: FrameQueue,
    channel: Channel,
    reader: Option<ChannelReader>,
    /// A span that waits for the L2 block before it.
    span: Option<SpanBatch>,
    known_l2: Option<L2Ref>,
    /// A batch that was accepted and waits for the events of its epoch.
    accepted: Option<Accepted>,
    pending: Option<Box<Derived>>,
    failed: Option<ResetReason>,
    drops: Drops,
}

/// What the next block is made of.
#[derive(Debug)]
struct Accepted {
    advances: bool,
    transactions: Vec<Bytes>,
    from_channel: Option<FromChannel>,
}

/// `Err` ends a step.
type Flow = Result<(), Step>;

impl Deriver {
    /// A pipeline that continues at `start`. It asks for the L1 blocks from the safe head's origin to
    /// the cursor's again before it goes on.
    pub fn new(spec: Arc<ChainSpec>, start: SyncStart) -> Self {
        let SyncStart {
            cursor,
            safe,
            sys,
            frames,
        } = start;
        let ahead = safe.l1_origin.number > cursor.l1_number;
        let failed = ahead.then_some(ResetReason::OriginAhead {
            origin: safe.l1_origin.number,
            cursor: cursor.l1_number,
        });
        Self {
            spec,
            cursor,
            safe,
            sys,
            resume: Some(frames),
            inbox: Inbox::default(),
            window: Window::default(),
            queue: FrameQueue::default(),
            channel: Channel::default(),
            reader: None,
            span: None,
            known_l2: None,
            accepted: None,
            pending: None,
            failed,
            drops: Drops::default(),
        }
    }

    /// The position: after the last step, and if that gave attributes, after their block.
    pub const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The block last applied.
    pub const fn safe(&self) -> &L2Ref {
        &self.safe
    }

    /// System configuration of the block last applied.
    pub const fn sys(&self) -> &SystemConfig {
        &self.sys
    }

    /// The batcher in force after the cursor's L1 block, by which payloads of the next one are found
    /// once its own config updates are applied.
    pub fn batcher(&self) -> Address {
        Address::from_word(self.cursor.batcher_hash)
    }

    /// Whether the payloads of L1 block `number` are read. Not so for blocks before the cursor, which
    /// are asked for again for their headers and events, nor for the one at which the chain began.
    pub fn needs_payloads(&self, number: u64) -> bool {
        let unread = if self.resume.is_some() {
            number >= self.cursor.l1_number
        } else {
            number > self.cursor.l1_number
        };
        unread && number > self.spec.rollup.genesis.l1.number
    }

    /// Hands in an L1 block. Blocks ahead of the one needed are kept, at most 64; blocks no longer
    /// needed are ignored.
    pub fn push_l1(&mut self, block: L1Input) {
        self.inbox.push(block);
    }

    /// Answers [`Step::NeedL2`].
    pub const fn push_l2(&mut self, block: L2Ref) {
        self.known_l2 = Some(block);
    }

    /// Frames that the cursor refers to and that were not handed out before, neither here nor in a
    /// [`Derived`]: for whoever stores the cursor although no block was derived.
    pub fn take_frames(&mut self) -> Vec<FrameObject> {
        match self.cursor.phase {
            Phase::None => Vec::new(),
            Phase::Assembling | Phase::Reading => self.channel.take_unsaved(),
        }
    }

    /// What was left out since the last call, oldest first; at most 1,024 entries are kept.
    pub fn take_dropped(&mut self) -> Vec<Dropped> {
        self.drops.take()
    }

    /// Advances until something is needed or attributes are ready. `safe` is the block last applied.
    pub fn step(&mut self, safe: &L2Ref) -> Step {
        if self.failed.is_none() && safe.id() != self.safe.id() {
            self.failed = Some(ResetReason::SafeMismatch {
                expected: self.safe.id(),
                got: safe.id(),
            });
        }
        if let Some(reason) = &self.failed {
            return Step::Reset(reason.clone());
        }
        if self.pending.is_some() {
            return Step::Idle;
        }
        loop {
            if let Err(step) = self.advance() {
                if let Step::Reset(reason) = &step {
                    self.failed = Some(reason.clone());
                }
                return step;
            }
        }
    }

    /// Reports what became of the attributes handed out. Ignored if none were.
    pub fn applied(&mut self, applied: Applied) {
        let Some(derived) = self.pending.take() else {
            return;
        };
        let (block, whole) = match applied {
            Applied::Accepted(block) => (block, true),
            Applied::DepositsOnly(block) => (block, false),
        };
        if block != derived.l2_ref(block.hash) {
            self.failed = Some(ResetReason::AppliedMismatch { got: block.id() });
            return;
        }
        if !whole && self.cursor.phase == Phase::Reading {
            self.close_channel();
        }
        self.safe = block;
        self.sys = derived.sys;
        self.window.advance(block.l1_origin.number);
    }

    fn advance(&mut self) -> Flow {
        if self.resume.is_some() {
            return self.catch_up();
        }
        if let Some(accepted) = self.accepted.take() {
            return self.yield_block(accepted);
        }
        if self.reader.is_some() {
            return self.read_batch();
        }
        match self.queue.pull() {
            Pulled::Frame {
                frame,
                payload_done,
            } => {
                self.count_frame(payload_done);
                self.take_frame(frame);
                Ok(())
            }
            Pulled::Opened(pruned) => {
                if pruned > 0 {
                    self.note(DropReason::Pruned(pruned));
                }
                Ok(())
            }
            Pulled::Empty(why) => {
                self.note(why);
                self.cursor.payloads_taken = self.cursor.payloads_taken.saturating_add(1);
                Ok(())
            }
            Pulled::End => self.block_consumed(),
        }
    }

    fn note(&mut self, why: DropReason) {
        self.drops.note(self.cursor.l1_number, why);
    }

    const fn count_frame(&mut self, payload_done: bool) {
        if payload_done {
            self.cursor.payloads_taken = self.cursor.payloads_taken.saturating_add(1);
            self.cursor.frames_taken = 0;
        } else {
            self.cursor.frames_taken = self.cursor.frames_taken.saturating_add(1);
        }
    }
}

fn expect_hash(number: u64, expected: B256, got: B256) -> Flow {
    if expected == got {
        Ok(())
    } else {
        Err(Step::Reset(ResetReason::L1Mismatch {
            number,
            expected,
            got,
        }))
    }
}

fn channel_limit() -> usize {
    usize::try_from(MAX_RLP_BYTES_PER_CHANNEL).unwrap_or(usize::MAX)
}
