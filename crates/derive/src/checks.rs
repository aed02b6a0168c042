//! Stages 6 and 7: the Holocene rules of span and singular batches, and of blocks forced by an
//! expired window.
//!
//! Source: OP derivation "Batch Queue", holocene/derivation "Span Batches", with the readings R1, R3
//! and R8 to R10 of `ROLLUP.md` section 1.

use crate::{dropped::BatchFault, traversal::Window};
use alloy_primitives::{B256, Bytes};
use foggara_batch::SpanBatch;
use foggara_primitives::{
    BlockId, L2Ref, RollupConfig,
    constants::{DEPOSIT_TX_TYPE, MAX_SEQUENCER_DRIFT},
};

/// What a batch is judged against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge<'a> {
    pub(crate) rollup: &'a RollupConfig,
    /// From the safe head's origin to the L1 block being consumed.
    pub(crate) window: &'a Window,
    pub(crate) safe: &'a L2Ref,
    /// Number of the L1 block being consumed.
    pub(crate) inclusion: u64,
}

/// The verdict on a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict<T> {
    Accept(T),
    /// Skipped; the channel goes on.
    Past,
    /// Skipped; the channel goes on (R10).
    Undecided,
    /// The L2 block with this number must be known first.
    NeedL2(u64),
    /// Void together with the rest of the channel.
    Drop(BatchFault),
}

/// A singular batch, wherever it comes from.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) parent_hash: B256,
    pub(crate) epoch: BlockId,
    pub(crate) timestamp: u64,
    pub(crate) transactions: &'a [Bytes],
}

impl Judge<'_> {
    fn next_timestamp(&self) -> u64 {
        self.safe.timestamp.saturating_add(self.rollup.block_time)
    }

    fn expired(&self, epoch: u64) -> bool {
        epoch.saturating_add(self.rollup.seq_window_size) < self.inclusion
    }

    /// Judges a singular batch. Accepted: whether its epoch is the one after the safe head's.
    pub(crate) fn singular(&self, batch: &Candidate<'_>) -> Verdict<bool> {
        if batch.timestamp < self.next_timestamp() {
            return Verdict::Past;
        }
        match self.singular_fault(batch) {
            Ok(advances) => Verdict::Accept(advances),
            Err(fault) => Verdict::Drop(fault),
        }
    }

    fn singular_fault(&self, batch: &Candidate<'_>) -> Result<bool, BatchFault> {
        ensure(batch.timestamp <= self.next_timestamp(), BatchFault::Future)?;
        ensure(batch.parent_hash == self.safe.hash, BatchFault::Parent)?;
        ensure(!self.expired(batch.epoch.number), BatchFault::Expired)?;
        let current = self.safe.l1_origin.number;
        ensure(batch.epoch.number >= current, BatchFault::EpochBehind)?;
        let advances = batch.epoch.number > current;
        let origin = if !advances {
            self.window.epoch()
        } else if batch.epoch.number == current.saturating_add(1) {
            self.window.next_epoch()
        } else {
            None
        };
        let origin = origin.ok_or(BatchFault::EpochAhead)?;
        ensure(batch.epoch.hash == origin.hash, BatchFault::OriginHash)?;
        ensure(
            batch.timestamp >= origin.timestamp,
            BatchFault::BeforeOrigin,
        )?;
        if batch.timestamp > origin.timestamp.saturating_add(MAX_SEQUENCER_DRIFT) {
            ensure(batch.transactions.is_empty(), BatchFault::Drift)?;
            let next = if advances {
                None
            } else {
                self.window.next_epoch()
            };
            let adoptable = next.is_some_and(|next| batch.timestamp >= next.timestamp);
            ensure(!adoptable, BatchFault::Drift)?;
        }
        let forbidden = |tx: &Bytes| matches!(tx.first(), None | Some(&DEPOSIT_TX_TYPE));
        ensure(
            !batch.transactions.iter().any(forbidden),
            BatchFault::Transaction,
        )?;
        Ok(advances)
    }

    /// Judges a span batch as a whole. `known` is the answer to an earlier [`Verdict::NeedL2`].
    /// Accepted: how many of its blocks are at or below the safe head.
    pub(crate) fn span(&self, span: &SpanBatch, known: Option<&L2Ref>) -> Verdict<u64> {
        let (start, next) = (span.start_timestamp(), self.next_timestamp());
        if start > next {
            return Verdict::Drop(BatchFault::Future);
        }
        if span.end_timestamp() < next {
            return Verdict::Past;
        }
        let overlap = match self.overlap(start) {
            Ok(overlap) => overlap,
            Err(fault) => return Verdict::Drop(fault),
        };
        let parent = match self.parent_number(overlap) {
            None => return Verdict::Drop(BatchFault::NoParent),
            Some(number) if number == self.safe.number => self.safe,
            Some(number) => match known {
                Some(parent) if parent.number == number => parent,
                _ => return Verdict::NeedL2(number),
            },
        };
        match self.span_prefix(span, parent, overlap) {
            Ok(true) => Verdict::Accept(overlap),
            Ok(false) => Verdict::Undecided,
            Err(fault) => Verdict::Drop(fault),
        }
    }

    /// Blocks of a span starting at `start` that are at or below the safe head.
    fn overlap(&self, start: u64) -> Result<u64, BatchFault> {
        if start == self.next_timestamp() {
            return Ok(0);
        }
        let back = self
            .safe
            .timestamp
            .checked_sub(start)
            .ok_or(BatchFault::Misaligned)?;
        let blocks = back.checked_div(self.rollup.block_time).unwrap_or_default();
        let aligned = blocks.checked_mul(self.rollup.block_time) == Some(back);
        ensure(aligned, BatchFault::Misaligned)?;
        Ok(blocks.saturating_add(1))
    }

    fn parent_number(&self, overlap: u64) -> Option<u64> {
        let number = self.safe.number.checked_sub(overlap)?;
        (number >= self.rollup.genesis.l2.number).then_some(number)
    }

    /// `Ok(false)` if the span's end is not known (R10).
    fn span_prefix(
        &self,
        span: &SpanBatch,
        parent: &L2Ref,
        overlap: u64,
    ) -> Result<bool, BatchFault> {
        ensure(span.is_child_of(&parent.hash), BatchFault::Parent)?;
        let start_epoch = span.start_epoch_num();
        ensure(!self.expired(start_epoch), BatchFault::Expired)?;
        let epoch = parent.l1_origin.number;
        ensure(
            start_epoch <= epoch.saturating_add(1),
            BatchFault::EpochAhead,
        )?;
        let Some(end) = self.window.get(span.l1_origin_num) else {
            return Ok(false);
        };
        ensure(span.ends_at_origin(&end.hash), BatchFault::OriginHash)?;
        ensure(start_epoch >= epoch, BatchFault::EpochBehind)?;
        // R8: epochs rise by at most one from block to block, and the last one is in the window, so
        // all are if the first new one is.
        let skip = usize::try_from(overlap).map_err(|_| BatchFault::EpochBehind)?;
        let first_new = span.blocks().nth(skip).map(|block| block.epoch_num);
        let known = first_new.is_some_and(|number| self.window.get(number).is_some());
        ensure(known, BatchFault::EpochBehind)?;
        Ok(true)
    }

    /// Whether the window of the next block's epoch has expired, so that an empty block is due once the
    /// L1 block is consumed; and if so, whether the block begins a new epoch.
    pub(crate) fn forced(&self) -> Option<bool> {
        let next_origin = self.window.next_epoch()?;
        let advances = self.next_timestamp() >= next_origin.timestamp;
        let epoch = self
            .safe
            .l1_origin
            .number
            .saturating_add(u64::from(advances));
        let expiry = epoch.saturating_add(self.rollup.seq_window_size);
        (expiry <= self.inclusion).then_some(advances)
    }
}

const fn ensure(holds: bool, fault: BatchFault) -> Result<(), BatchFault> {
    if holds { Ok(()) } else { Err(fault) }
}
