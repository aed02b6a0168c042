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

use crate::{
    Applied, Derived, Dropped, FromChannel, L1Input, ResetReason, ResumeError, Step, SyncStart,
    apply_config_updates, attributes,
    batch_reader::{ChannelReader, Item},
    channel::{Added, Channel},
    checks::{Candidate, Judge, Verdict},
    dropped::{BatchFault, DropReason, Drops},
    frame_queue::{FrameQueue, Pulled},
    step::frame_acc,
    traversal::{Inbox, Window},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use alloy_primitives::{Address, B256, Bytes};
use foggara_batch::{BatchContext, Ended, Frame, SingularBatch, SpanBatch, SpanBlock, inflate};
use foggara_primitives::{
    BlockId, ChainSpec, Cursor, L2Ref, Phase, SystemConfig,
    constants::{MAX_INFLATED_BYTES_PER_L1_BLOCK, MAX_RLP_BYTES_PER_CHANNEL},
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

/// Traversal: from one L1 block to the next, and back to where a cursor stands.
impl Deriver {
    /// Takes the next block from the safe head's origin up to the cursor's.
    fn catch_up(&mut self) -> Flow {
        let number = match self.window.last() {
            None => self.safe.l1_origin.number,
            Some(last) => last.number.saturating_add(1),
        };
        let block = self.inbox.take(number).ok_or(Step::NeedL1(number))?;
        let header = &block.header;
        match self.window.last() {
            None => expect_hash(number, self.safe.l1_origin.hash, header.hash)?,
            Some(last) => expect_hash(number, last.hash, header.parent_hash)?,
        }
        if number == self.cursor.l1_number {
            expect_hash(number, self.cursor.l1_hash, header.hash)?;
            self.resume_at(&block)
                .map_err(|error| Step::Reset(error.into()))?;
        }
        self.window
            .push(block.header, block.config_updates, block.deposits);
        self.window.advance(self.safe.l1_origin.number);
        Ok(())
    }

    /// Restores what the cursor stands for in the middle of its L1 block.
    fn resume_at(&mut self, block: &L1Input) -> Result<(), ResumeError> {
        let frames = self.resume.take().unwrap_or_default();
        let (expected, got) = (self.cursor.frames_held, frames.len());
        let acc = frames
            .iter()
            .fold(B256::ZERO, |acc, data| frame_acc(acc, data));
        if acc != self.cursor.frame_acc || usize::try_from(expected).ok() != Some(got) {
            return Err(ResumeError::Frames { expected, got });
        }
        if block.header.number > self.spec.rollup.genesis.l1.number {
            self.queue = FrameQueue::new(block.payloads.clone());
            if !self
                .queue
                .skip(self.cursor.payloads_taken, self.cursor.frames_taken)
            {
                return Err(ResumeError::Position);
            }
        }
        self.channel = Channel::resumed(frames);
        if self.cursor.phase == Phase::Reading {
            let inflated = inflate(&self.channel.take_bytes(), channel_limit());
            let mut reader =
                ChannelReader::new(inflated.bytes, BatchContext::of(&self.spec.rollup));
            if !reader.skip(u64::from(self.cursor.batches_taken)) {
                return Err(ResumeError::Position);
            }
            self.reader = Some(reader);
        }
        Ok(())
    }

    /// No data are left: a forced block, or the next L1 block.
    fn block_consumed(&mut self) -> Flow {
        if let Some(advances) = self.judge().forced() {
            self.accepted = Some(Accepted {
                advances,
                transactions: Vec::new(),
                from_channel: None,
            });
            return Ok(());
        }
        let number = self.cursor.l1_number.saturating_add(1);
        let block = self.inbox.take(number).ok_or(Step::NeedL1(number))?;
        let L1Input {
            header,
            config_updates,
            deposits,
            payloads,
        } = block;
        expect_hash(number, self.cursor.l1_hash, header.parent_hash)?;
        self.cursor.l1_hash = header.hash;
        self.cursor.l1_number = number;
        self.cursor.payloads_taken = 0;
        self.cursor.frames_taken = 0;
        self.cursor.inflated = 0;
        self.apply_updates(&config_updates);
        self.queue = FrameQueue::new(payloads);
        self.window.push(header, config_updates, deposits);
        if self.channel.time_out(&mut self.cursor) {
            self.note(DropReason::TimedOut);
        }
        Ok(())
    }

    /// Only the batcher is in force at once; the rest waits for the first block of the epoch.
    fn apply_updates(&mut self, updates: &[alloy_primitives::Log]) {
        let mut sys = SystemConfig {
            batcher: self.batcher(),
            ..SystemConfig::default()
        };
        let malformed = apply_config_updates(&mut sys, updates);
        if malformed > 0 {
            self.note(DropReason::ConfigUpdate(malformed));
        }
        self.cursor.batcher_hash = sys.batcher.into_word();
    }
}

/// Channel and reader.
impl Deriver {
    fn take_frame(&mut self, frame: Frame) {
        let (added, replaced) = self.channel.add(frame, &mut self.cursor);
        if replaced {
            self.note(DropReason::Replaced);
        }
        match added {
            Added::Held => {}
            Added::Dropped(why) => self.note(why),
            Added::Ready => self.open_channel(),
        }
    }

    /// Decompresses a complete channel, within what the L1 block may cost (D13).
    fn open_channel(&mut self) {
        let inflated = inflate(&self.channel.take_bytes(), channel_limit());
        let size = u32::try_from(inflated.bytes.len()).unwrap_or(u32::MAX);
        self.cursor.inflated = self.cursor.inflated.saturating_add(size);
        if u64::from(self.cursor.inflated) > MAX_INFLATED_BYTES_PER_L1_BLOCK {
            self.note(DropReason::InflateBudget);
            self.channel.clear(&mut self.cursor);
            let left = self.queue.clear();
            self.cursor.payloads_taken = self.cursor.payloads_taken.saturating_add(left);
            self.cursor.frames_taken = 0;
            return;
        }
        if inflated.ended != Ended::Complete {
            self.note(DropReason::Stream);
        }
        self.cursor.phase = Phase::Reading;
        self.reader = Some(ChannelReader::new(
            inflated.bytes,
            BatchContext::of(&self.spec.rollup),
        ));
    }

    fn close_channel(&mut self) {
        self.reader = None;
        self.span = None;
        self.channel.clear(&mut self.cursor);
    }

    fn drop_channel(&mut self, fault: BatchFault) {
        self.note(DropReason::Invalid(fault));
        self.close_channel();
    }

    fn count_batches(&mut self, count: u64) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.cursor.batches_taken = self.cursor.batches_taken.saturating_add(count);
    }
}

/// Batches.
impl Deriver {
    fn judge(&self) -> Judge<'_> {
        Judge {
            rollup: &self.spec.rollup,
            window: &self.window,
            safe: &self.safe,
            inclusion: self.cursor.l1_number,
        }
    }

    fn read_batch(&mut self) -> Flow {
        if let Some(span) = self.span.take() {
            return self.read_span(span);
        }
        let Some(reader) = self.reader.as_mut() else {
            return Ok(());
        };
        match reader.next() {
            Some(Item::Singular(batch)) => self.read_singular(batch),
            Some(Item::Block(block)) => self.read_span_block(block),
            Some(Item::Span(span)) => return self.read_span(span),
            None => {
                if let Some(error) = reader.error().cloned() {
                    self.note(DropReason::Undecodable(error));
                }
                self.close_channel();
            }
        }
        Ok(())
    }

    /// A batch in an L1 block that is not above the safe head's origin can only be past.
    const fn draining(&self) -> bool {
        self.cursor.l1_number <= self.safe.l1_origin.number
    }

    fn read_span(&mut self, span: SpanBatch) -> Flow {
        let count = span.block_count();
        let verdict = if self.draining() {
            Verdict::Past
        } else {
            self.judge().span(&span, self.known_l2.as_ref())
        };
        match verdict {
            Verdict::Accept(overlap) => {
                if let Some(reader) = self.reader.as_mut() {
                    reader.open_span(&span, overlap);
                }
                self.count_batches(overlap);
            }
            Verdict::Past => {
                self.note(DropReason::Past);
                self.count_batches(count);
            }
            Verdict::Undecided => {
                self.note(DropReason::UnknownEnd);
                self.count_batches(count);
            }
            Verdict::NeedL2(number) => {
                self.span = Some(span);
                return Err(Step::NeedL2(number));
            }
            Verdict::Drop(fault) => self.drop_channel(fault),
        }
        Ok(())
    }

    fn read_span_block(&mut self, block: SpanBlock) {
        let SpanBlock {
            timestamp,
            epoch_num,
            transactions,
        } = block;
        let Some(origin) = self.window.get(epoch_num) else {
            return self.drop_channel(BatchFault::EpochBehind);
        };
        let (epoch, parent_hash) = (origin.id(), self.safe.hash);
        self.read_singular(SingularBatch {
            parent_hash,
            epoch,
            timestamp,
            transactions,
        });
    }

    fn read_singular(&mut self, batch: SingularBatch) {
        let SingularBatch {
            parent_hash,
            epoch,
            timestamp,
            transactions,
        } = batch;
        let candidate = Candidate {
            parent_hash,
            epoch,
            timestamp,
            transactions: &transactions,
        };
        let verdict = if self.draining() {
            Verdict::Past
        } else {
            self.judge().singular(&candidate)
        };
        let batch_index = self.cursor.batches_taken;
        self.count_batches(1);
        match verdict {
            Verdict::Accept(advances) => {
                let from_channel = Some(FromChannel {
                    id: self.cursor.channel_id,
                    opened_at: self.cursor.opened_at,
                    batch_index,
                });
                self.accepted = Some(Accepted {
                    advances,
                    transactions,
                    from_channel,
                });
            }
            Verdict::Drop(fault) => self.drop_channel(fault),
            Verdict::Past | Verdict::Undecided | Verdict::NeedL2(_) => self.note(DropReason::Past),
        }
    }
}

/// Attributes.
impl Deriver {
    fn yield_block(&mut self, accepted: Accepted) -> Flow {
        let header = if accepted.advances {
            self.window.next_epoch()
        } else {
            self.window.epoch()
        };
        let (Some(header), Some(stage)) = (header.cloned(), self.window.last()) else {
            return Err(Step::Reset(self.origin_gone()));
        };
        let derived_from = stage.l1_ref();
        let mut events = None;
        if accepted.advances {
            if self.window.next_epoch_events().is_none() {
                self.refill(&header.id(), accepted)?;
                return Ok(());
            }
            events = self.window.next_epoch_events();
        }
        let Accepted {
            transactions,
            from_channel,
            ..
        } = accepted;
        let built = attributes(
            &self.spec,
            &self.safe,
            &self.sys,
            &header,
            events,
            transactions,
        )
        .map_err(|_| Step::Reset(self.origin_gone()))?;
        if built.skipped > 0 {
            self.note(DropReason::Deposit(built.skipped));
        }
        let frames = match self.cursor.phase {
            Phase::None => Vec::new(),
            Phase::Assembling | Phase::Reading => self.channel.take_unsaved(),
        };
        let derived = Box::new(Derived {
            attributes: built.attributes,
            parent: self.safe,
            l1_origin: header.id(),
            sequence_number: built.l1_info.sequence_number,
            sys: built.sys,
            derived_from,
            from_channel,
            cursor: self.cursor.clone(),
            frames,
        });
        self.pending = Some(derived.clone());
        Err(Step::Attributes(derived))
    }

    /// Events of the epoch were shed for memory: ask for the block again.
    fn refill(&mut self, origin: &BlockId, accepted: Accepted) -> Flow {
        let block = self.inbox.remove(origin.number);
        self.accepted = Some(accepted);
        let block = block.ok_or(Step::NeedL1(origin.number))?;
        let got = block.header.hash;
        if self.window.refill_next_epoch(block) {
            Ok(())
        } else {
            expect_hash(origin.number, origin.hash, got)
        }
    }

    const fn origin_gone(&self) -> ResetReason {
        ResetReason::OriginAhead {
            origin: self.safe.l1_origin.number,
            cursor: self.cursor.l1_number,
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
