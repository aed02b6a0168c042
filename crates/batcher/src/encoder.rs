//! The machine: blocks in, submissions out, news of L1 in.
//!
//! Invariants: blocks stand in one row, `channels.., open, queue..`, each in exactly one place, without a
//! gap above the safe head; parts are handed out in the order of their frames and channels; nothing is
//! handed out that was not derived back to its blocks. Landed channels are kept until their L1 blocks
//! are final, so that a reorg of L1 finds them.

use crate::{
    BatchBlock, BatcherConfig, ChannelInfo, CheckError, CloseReason, DaData, DaKind, L1Fees,
    block::Link,
    channel::{Channel, Part},
    check::derives_to,
    da::Chooser,
    open::{Filled, OpenChannel},
};
use alloy_primitives::Bytes;
use foggara_batch::{BatchContext, BlobError, BuildError, ChannelError, ChannelId, cut_frames};
use foggara_primitives::{BlockId, ChainSpec, constants::CHANNEL_TIMEOUT};
use std::{collections::VecDeque, fmt, sync::Arc};

/// Landed channels kept for an L1 that does not finalize, and bytes of their blocks.
const KEPT_MAX: usize = 512;
const KEPT_BYTES_MAX: usize = 64 << 20;

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

/// Blocks to submissions. See the crate's front page for the states of a channel.
pub struct BatchEncoder {
    spec: Arc<ChainSpec>,
    config: BatcherConfig,
    ids: IdSource,
    chooser: Chooser,
    channels: VecDeque<Channel>,
    open: Option<OpenChannel>,
    queue: VecDeque<Link>,
    /// The last block taken, or the one after which the machine continues.
    tip: Arc<BatchBlock>,
    safe: BlockId,
    /// Number of the newest block that was left out because it was safe without being handed out.
    skipped: u64,
    l1_head: u64,
    safe_moved_at: u64,
    next_id: u64,
    channel_size: usize,
    flushing: bool,
}

impl fmt::Debug for BatchEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchEncoder")
            .field("tip", &self.tip.id())
            .field("safe", &self.safe)
            .field(
                "channels",
                &self.channels.iter().map(Channel::info).collect::<Vec<_>>(),
            )
            .field("open", &self.open.as_ref().map(|open| open.blocks.len()))
            .field("queue", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl BatchEncoder {
    /// A machine that continues after `safe`.
    pub fn new(
        spec: Arc<ChainSpec>,
        config: BatcherConfig,
        safe: BatchBlock,
        ids: IdSource,
    ) -> Self {
        let config = config.bounded();
        Self {
            chooser: Chooser::new(config.da),
            safe: safe.id(),
            tip: Arc::new(safe),
            skipped: 0,
            spec,
            config,
            ids,
            channels: VecDeque::new(),
            open: None,
            queue: VecDeque::new(),
            l1_head: 0,
            safe_moved_at: 0,
            next_id: 0,
            channel_size: 0,
            flushing: false,
        }
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// [`ReorgError`]: it does not stand on the last block; nothing was taken.
    pub fn add_block(&mut self, block: BatchBlock) -> Result<(), ReorgError> {
        let number = block.l2.number.wrapping_sub(1);
        let got = BlockId {
            hash: block.l2.parent_hash,
            number,
        };
        if got != self.tip.id() {
            return Err(ReorgError {
                expected: self.tip.id(),
                got,
            });
        }
        let block = Arc::new(block);
        let parent = std::mem::replace(&mut self.tip, Arc::clone(&block));
        self.queue.push_back(Link {
            parent,
            block,
            seen: self.l1_head,
        });
        Ok(())
    }

    /// Does one piece of work: takes blocks into the open channel, compresses it, or closes it. Takes
    /// up to a second where a channel of many megabytes is compressed.
    ///
    /// # Errors
    /// [`EncoderError::Unencodable`]: a block cannot stand in a span batch.
    pub fn step(&mut self) -> Result<StepResult, EncoderError> {
        let target = self.chooser.kind().target(&self.config);
        if self.open.is_none() {
            if self.queue.is_empty() {
                return Ok(StepResult::Idle);
            }
            let context = BatchContext::of(&self.spec.rollup);
            self.open = Some(OpenChannel::new((self.ids)(), context));
        }
        let Some(open) = &mut self.open else {
            return Ok(StepResult::Idle);
        };
        match open.fill(&mut self.queue, target, self.config.max_content)? {
            Filled::Worked => Ok(StepResult::Worked),
            Filled::Full(bytes, reason) => Ok(self.seal(bytes, target, reason)),
            Filled::Waiting => {
                let Some(reason) = self.due() else {
                    return Ok(StepResult::Idle);
                };
                let Some(open) = &mut self.open else {
                    return Ok(StepResult::Idle);
                };
                match open.close(target) {
                    Some(bytes) => Ok(self.seal(bytes, target, reason)),
                    None => Ok(StepResult::Worked),
                }
            }
        }
    }

    /// Whether the open channel, which holds all that is left, is closed before it is full. As long as
    /// an earlier channel has not been handed out, closing this one gains nothing.
    fn due(&self) -> Option<CloseReason> {
        if self.flushing {
            return Some(CloseReason::Flush);
        }
        let first = self.open.as_ref()?.blocks.first()?;
        let waited = self.l1_head.saturating_sub(first.seen);
        let behind = self.channels.iter().any(|channel| !channel.is_handed_out());
        (waited >= self.config.max_channel_age && !behind).then_some(CloseReason::Age)
    }

    fn seal(&mut self, bytes: Bytes, target: usize, reason: CloseReason) -> StepResult {
        if let Some(open) = self.open.take() {
            self.channel_size = bytes.len();
            self.channels.push_back(Channel {
                id: open.id,
                reason,
                blocks: open.blocks,
                bytes,
                target,
                parts: Vec::new(),
            });
        }
        self.flushing &= !self.queue.is_empty();
        StepResult::Closed(reason)
    }

    /// Closes what is open with the next step, however little it is.
    pub fn flush(&mut self) {
        self.flushing = self.open.is_some() || !self.queue.is_empty();
    }

    /// The next submission in order, or `None` if there is none, too many are in flight, the kind of
    /// data is about to change, or the oldest block can no longer land within the sequencing window.
    /// A channel is derived back to its blocks before its first part is handed out.
    ///
    /// # Errors
    /// [`EncoderError`]: the self-check failed, or a frame cannot be made.
    pub fn next_submission(&mut self) -> Result<Option<Submission>, EncoderError> {
        let in_flight: usize = self.channels.iter().map(Channel::in_flight).sum();
        if in_flight >= self.config.max_in_flight || self.is_expired() {
            return Ok(None);
        }
        let Some(index) = self
            .channels
            .iter()
            .position(|channel| !channel.is_handed_out())
        else {
            return Ok(None);
        };
        if self.chooser.wants_to_switch() && !self.channels[index].is_begun() {
            if in_flight > 0 {
                return Ok(None);
            }
            self.chooser.switch();
        }
        let kind = self.chooser.kind();
        if self.channels[index].parts.is_empty()
            || !self.channels[index].is_begun() && self.channels[index].kind() != Some(kind)
        {
            let parts = self.parts(index, kind)?;
            self.channels[index].parts = parts;
        }
        let id = SubmissionId(self.next_id);
        let channel = &mut self.channels[index];
        let Some(part) = channel.parts.iter_mut().find(|part| part.id.is_none()) else {
            return Ok(None);
        };
        part.id = Some(id);
        self.next_id += 1;
        self.chooser.decide();
        Ok(Some(Submission {
            id,
            channel: channel.id,
            data: part.data()?,
            bytes: part.size(),
            first: channel
                .blocks
                .first()
                .map(|block| block.id())
                .unwrap_or_default(),
            last: channel
                .blocks
                .last()
                .map(|block| block.id())
                .unwrap_or_default(),
        }))
    }

    /// Cuts a channel into the payloads of transactions, and derives them back.
    fn parts(&self, index: usize, kind: DaKind) -> Result<Vec<Part>, EncoderError> {
        let channel = &self.channels[index];
        let frames = cut_frames(channel.id, &channel.bytes, kind.frame_data(&self.config))?;
        let parts: Vec<Part> = frames
            .chunks(kind.frames_per_tx(&self.config))
            .map(|frames| Part {
                kind,
                frames: frames.to_vec(),
                id: None,
                landed: None,
            })
            .collect();
        let data = parts
            .iter()
            .map(Part::data)
            .collect::<Result<Vec<_>, _>>()?;
        derives_to(&self.spec, &channel.blocks, &data).map_err(|error| {
            EncoderError::SelfCheck {
                first: channel.first().map_or(0, |block| block.l2.number),
                last: channel.last_number(),
                error,
            }
        })?;
        Ok(parts)
    }

    fn part_mut(&mut self, id: SubmissionId) -> Option<(usize, &mut Part)> {
        self.channels
            .iter_mut()
            .enumerate()
            .find_map(|(index, channel)| {
                let part = channel.parts.iter_mut().find(|part| part.id == Some(id))?;
                Some((index, part))
            })
    }

    /// The submission landed in this L1 block. Returns the channel if all of it has now landed.
    /// Unknown ids, such as those from before a reset, are ignored.
    pub fn confirm(&mut self, id: SubmissionId, l1_block: u64) -> Option<ChannelInfo> {
        let (index, part) = self.part_mut(id)?;
        let is_new = part.landed.is_none();
        part.landed = Some(l1_block);
        let channel = &self.channels[index];
        let done = channel.parts.iter().all(|part| part.landed.is_some());
        (done && is_new).then(|| channel.info())
    }

    /// The submission came to nothing and its transaction will not land. It is handed out again if it
    /// was the last one; otherwise what follows is out of order, and the blocks of its channel and of
    /// all later ones return to the queue.
    pub fn requeue(&mut self, id: SubmissionId) {
        let Some((index, part)) = self.part_mut(id) else {
            return;
        };
        part.id = None;
        part.landed = None;
        let later = |channel: &Channel| {
            channel
                .parts
                .iter()
                .any(|part| part.id.is_some_and(|other| other > id))
        };
        if self.channels.iter().skip(index).any(later) {
            self.take_back(index);
        }
    }

    /// The L1 block of this submission is no longer in the chain; its transaction is in flight again.
    pub fn unconfirm(&mut self, id: SubmissionId) {
        if let Some((_, part)) = self.part_mut(id) {
            part.landed = None;
        }
    }

    /// L1 was reorganised and keeps its blocks up to `fork`: what landed above is in flight again, at
    /// its old nonces and therefore in its old order.
    pub fn reorged(&mut self, fork: u64) {
        let parts = self
            .channels
            .iter_mut()
            .flat_map(|channel| &mut channel.parts);
        for part in parts.filter(|part| part.landed.is_some_and(|l1| l1 > fork)) {
            part.landed = None;
        }
        self.l1_head = self.l1_head.min(fork);
        self.safe_moved_at = self.safe_moved_at.min(fork);
    }

    /// A new L1 head, with the prices of the next block. Gives up a channel that would time out and
    /// one that derivation has passed over; their blocks and those of all later channels return to the
    /// queue. Returns how many channels were given up.
    pub fn advance_l1_head(&mut self, number: u64, fees: &L1Fees) -> usize {
        if number > self.l1_head {
            let kind = self.chooser.kind();
            let size = if self.channel_size == 0 {
                kind.target(&self.config)
            } else {
                self.channel_size
            };
            self.chooser.observe(fees, size, &self.config);
        }
        if self.l1_head == 0 {
            // The first head: the safe head did not stand still before it.
            self.safe_moved_at = number;
        }
        self.l1_head = number;
        let patience = CHANNEL_TIMEOUT - self.config.timeout_margin;
        let timed_out = |channel: &Channel| match (channel.landed_at(), channel.opened_at()) {
            (None, Some(opened)) => number > opened + patience,
            _ => false,
        };
        let safe = self.safe.number;
        let lost = |channel: &Channel| {
            channel.last_number() > safe
                && channel.landed_at().is_some_and(|landed| {
                    number >= landed.max(self.safe_moved_at) + self.config.lost_after
                })
        };
        let given_up = self
            .channels
            .iter()
            .position(|channel| timed_out(channel) || lost(channel));
        given_up.map_or(0, |index| self.take_back(index))
    }

    /// Returns the blocks of this channel, of all later ones and of the open one to the queue front.
    fn take_back(&mut self, index: usize) -> usize {
        let taken = self.channels.split_off(index);
        let count = taken.len();
        let mut blocks: VecDeque<_> = taken
            .into_iter()
            .flat_map(|channel| channel.blocks)
            .collect();
        blocks.extend(self.open.take().into_iter().flat_map(|open| open.blocks));
        blocks.append(&mut self.queue);
        self.queue = blocks;
        self.skip_safe();
        count
    }

    /// Leaves out what became safe without having been handed out, as after a restart.
    fn skip_safe(&mut self) {
        let safe = self.safe.number;
        for channel in &self.channels {
            if !channel.is_begun() && channel.last_number() <= safe {
                self.skipped = self.skipped.max(channel.last_number());
            }
        }
        self.channels
            .retain(|channel| channel.is_begun() || channel.last_number() > safe);
        let done =
            |open: &mut OpenChannel| open.blocks.last().is_none_or(|last| last.l2.number <= safe);
        if let Some(open) = self.open.take_if(done)
            && let Some(last) = open.blocks.last()
        {
            self.skipped = self.skipped.max(last.l2.number);
        }
        if self.open.is_none() {
            while let Some(block) = self.queue.pop_front_if(|block| block.l2.number <= safe) {
                self.skipped = self.skipped.max(block.l2.number);
            }
        }
    }

    /// The safe head moved, up or, after a reorg of L1, down.
    ///
    /// # Errors
    /// [`ReorgError`]: the safe block is not the one held at its height, or lies outside of what is
    /// held.
    pub fn advance_safe(&mut self, safe: BlockId) -> Result<(), ReorgError> {
        if safe == self.safe {
            return Ok(());
        }
        let (base, tip) = (self.base(), self.tip.id());
        let held = if safe.number == base.number {
            Some(base)
        } else {
            self.blocks()
                .find(|block| block.l2.number == safe.number)
                .map(|block| block.id())
        };
        match held {
            Some(held) if held != safe => {
                return Err(ReorgError {
                    expected: held,
                    got: safe,
                });
            }
            None if safe.number > tip.number => {
                return Err(ReorgError {
                    expected: tip,
                    got: safe,
                });
            }
            None if safe.number < base.number => {
                return Err(ReorgError {
                    expected: base,
                    got: safe,
                });
            }
            _ => {}
        }
        if safe.number < self.skipped {
            // What was left out because it was safe is needed again.
            return Err(ReorgError {
                expected: self.safe,
                got: safe,
            });
        }
        self.safe = safe;
        self.safe_moved_at = self.l1_head;
        self.skip_safe();
        Ok(())
    }

    /// L1 blocks up to this number are final: forgets channels that landed in them and are safe.
    pub fn finalize_l1(&mut self, number: u64) {
        let safe = self.safe.number;
        let done = |channel: &mut Channel| {
            channel.last_number() <= safe && channel.landed_at().is_some_and(|l1| l1 <= number)
        };
        while self.channels.pop_front_if(done).is_some() {}
        // An L1 that never finalizes must not fill the memory.
        let mut bytes = self.held_bytes().saturating_sub(self.backlog_bytes());
        while self.channels.len() > KEPT_MAX || bytes > KEPT_BYTES_MAX {
            let is_safe = |channel: &mut Channel| channel.last_number() <= safe;
            let Some(channel) = self.channels.pop_front_if(is_safe) else {
                break;
            };
            bytes = bytes.saturating_sub(channel.blocks.iter().map(|block| block.size()).sum());
        }
    }

    /// Forgets everything and continues after `safe`. What is in flight may still land; derivation
    /// skips what it has.
    pub fn reset(&mut self, safe: BatchBlock) {
        self.safe = safe.id();
        self.tip = Arc::new(safe);
        self.skipped = 0;
        self.channels.clear();
        self.open = None;
        self.queue.clear();
        self.safe_moved_at = self.l1_head;
        self.flushing = false;
    }

    fn blocks(&self) -> impl Iterator<Item = &Link> {
        let channels = self.channels.iter().flat_map(|channel| &channel.blocks);
        let open = self.open.iter().flat_map(|open| &open.blocks);
        channels.chain(open).chain(&self.queue)
    }

    /// The last block taken, or the one after which the machine continues.
    pub fn tip(&self) -> BlockId {
        self.tip.id()
    }

    /// The block before the first that is held.
    pub fn base(&self) -> BlockId {
        self.blocks()
            .next()
            .map_or(&self.tip, |first| &first.parent)
            .id()
    }

    /// Bytes of blocks that have not landed as a whole channel.
    pub fn backlog_bytes(&self) -> usize {
        self.unposted().map(|block| block.size()).sum()
    }

    /// Bytes of all blocks held in memory.
    pub fn held_bytes(&self) -> usize {
        self.blocks().map(|block| block.size()).sum()
    }

    /// The oldest block that has not landed.
    pub fn oldest_unposted(&self) -> Option<&BatchBlock> {
        self.unposted().next().map(|link| link.block.as_ref())
    }

    fn unposted(&self) -> impl Iterator<Item = &Link> {
        let channels = self
            .channels
            .iter()
            .filter(|channel| channel.landed_at().is_none());
        let channels = channels.flat_map(|channel| &channel.blocks);
        let open = self.open.iter().flat_map(|open| &open.blocks);
        channels.chain(open).chain(&self.queue)
    }

    /// L1 blocks between the head and the origin of the oldest unposted block (`ROLLUP.md` section
    /// 9.4).
    pub fn unposted_age(&self) -> u64 {
        self.oldest_unposted().map_or(0, |block| {
            self.l1_head.saturating_sub(block.l2.l1_origin.number)
        })
    }

    /// Whether the oldest unposted block can no longer be expected to land within the sequencing
    /// window: posting it would be void.
    pub fn is_expired(&self) -> bool {
        let window = self.spec.rollup.seq_window_size;
        self.unposted_age() >= window.saturating_sub((window / 4).min(10))
    }

    /// Submissions handed out and not landed.
    pub fn in_flight(&self) -> usize {
        self.channels.iter().map(Channel::in_flight).sum()
    }

    /// The kind of data chosen at present.
    pub const fn da_kind(&self) -> DaKind {
        self.chooser.kind()
    }

    /// Closed channels that the safe head has not passed, oldest first.
    pub fn channels(&self) -> Vec<ChannelInfo> {
        self.channels.iter().map(Channel::info).collect()
    }
}
