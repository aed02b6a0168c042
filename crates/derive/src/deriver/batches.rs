//! From frames to a batch that is accepted: channel, reader, span and singular rules.

use super::{Accepted, Deriver, Flow, channel_limit};
use crate::{
    FromChannel, Step,
    batch_reader::{ChannelReader, Item},
    channel::Added,
    checks::{Candidate, Judge, Verdict},
    dropped::{BatchFault, DropReason},
};
use foggara_batch::{BatchContext, Ended, Frame, SingularBatch, SpanBatch, SpanBlock, inflate};
use foggara_primitives::{Phase, constants::MAX_INFLATED_BYTES_PER_L1_BLOCK};

impl Deriver {
    pub(super) fn take_frame(&mut self, frame: Frame) {
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

    pub(super) fn close_channel(&mut self) {
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
    pub(super) fn judge(&self) -> Judge<'_> {
        Judge {
            rollup: &self.spec.rollup,
            window: &self.window,
            safe: &self.safe,
            inclusion: self.cursor.l1_number,
        }
    }

    pub(super) fn read_batch(&mut self) -> Flow {
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
