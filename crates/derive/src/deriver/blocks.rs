//! From an accepted batch to attributes.

use super::{Accepted, Deriver, Flow, expect_hash};
use crate::{Derived, ResetReason, Step, attributes, dropped::DropReason};
use alloc::boxed::Box;
use foggara_primitives::BlockId;

impl Deriver {
    pub(super) fn yield_block(&mut self, accepted: Accepted) -> Flow {
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
        let frames = self.take_frames();
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
