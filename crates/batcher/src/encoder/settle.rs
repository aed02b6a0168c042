//! News of L1 and of the safe head, and what they do to channels.

use super::BatchEncoder;
use crate::{
    BatchBlock, ChannelInfo, L1Fees, ReorgError, SubmissionId,
    channel::{Channel, Part},
    open::OpenChannel,
};
use foggara_primitives::{BlockId, constants::CHANNEL_TIMEOUT};
use std::{collections::VecDeque, sync::Arc};

/// Landed channels kept for an L1 that does not finalize, and bytes of their blocks.
const KEPT_MAX: usize = 512;
const KEPT_BYTES_MAX: usize = 64 << 20;

impl BatchEncoder {
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
}
