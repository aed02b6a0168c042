//! Traversal: from one L1 block to the next, and back to where a cursor stands.

use super::{Accepted, Deriver, Flow, channel_limit, expect_hash};
use crate::{
    L1Input, ResumeError, Step, apply_config_updates, batch_reader::ChannelReader,
    channel::Channel, dropped::DropReason, frame_queue::FrameQueue, step::frame_acc,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Log};
use foggara_batch::{BatchContext, inflate};
use foggara_primitives::{Phase, SystemConfig};

impl Deriver {
    /// Takes the next block from the safe head's origin up to the cursor's.
    pub(super) fn catch_up(&mut self) -> Flow {
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
    pub(super) fn block_consumed(&mut self) -> Flow {
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
    fn apply_updates(&mut self, updates: &[Log]) {
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
