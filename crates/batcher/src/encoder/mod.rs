//! The machine: blocks in, submissions out, news of L1 in.
//!
//! Invariants: blocks stand in one row, `channels.., open, queue..`, each in exactly one place, without a
//! gap above the safe head; parts are handed out in the order of their frames and channels; nothing is
//! handed out that was not derived back to its blocks. Landed channels are kept until their L1 blocks
//! are final, so that a reorg of L1 finds them.

mod settle;
mod types;

pub use types::{EncoderError, IdSource, ReorgError, StepResult, Submission, SubmissionId};

use crate::{
    BatchBlock, BatcherConfig, ChannelInfo, CloseReason, DaKind,
    block::Link,
    channel::{Channel, Part},
    check::derives_to,
    da::Chooser,
    open::{Filled, OpenChannel},
};
use alloy_primitives::Bytes;
use foggara_batch::{BatchContext, cut_frames};
use foggara_primitives::{BlockId, ChainSpec};
use std::{collections::VecDeque, fmt, sync::Arc};

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
