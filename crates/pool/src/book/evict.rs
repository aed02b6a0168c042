//! Who leaves when a part is over its limits.

use super::{Book, EXECUTABLE, GAPPED, Removed};
use crate::{
    DropReason, PoolTx,
    queue::{Entry, Rank, slots_of},
};
use alloy_primitives::Address;
use std::collections::BTreeSet;

impl Book {
    /// What has to leave each part so that it is within its limits.
    pub(super) fn victims(&self) -> [Vec<Rank>; 2] {
        let slots = self
            .totals
            .executable_slots
            .saturating_sub(self.executable_slots_max());
        let count = self.totals.gapped.saturating_sub(self.limits.gapped_count);
        let bytes = self
            .totals
            .gapped_bytes
            .saturating_sub(self.limits.gapped_bytes);
        [
            self.lowest(EXECUTABLE, slots, 0, |tx| (slots_of(tx), 0)),
            self.lowest(GAPPED, count as u64, bytes, |tx| (1, tx.raw.len())),
        ]
    }

    /// Entries of a part, lowest rank first, until both needs are met.
    fn lowest(
        &self,
        part: usize,
        mut units: u64,
        mut bytes: usize,
        gives: impl Fn(&PoolTx) -> (u64, usize),
    ) -> Vec<Rank> {
        let mut victims = Vec::new();
        let mut tails = self.tails[part].iter().copied().peekable();
        // Ends that come to light when those behind them leave.
        let mut exposed = BTreeSet::new();
        while units > 0 || bytes > 0 {
            let tail = tails.peek().copied();
            let rank = match (tail, exposed.first().copied()) {
                (Some(tail), Some(inner)) if tail < inner => tails.next(),
                (Some(_), None) => tails.next(),
                (_, inner) => {
                    exposed.pop_first();
                    inner
                }
            };
            let Some(rank) = rank else { break };
            let Some(queue) = self.queues.get(&rank.sender) else {
                break;
            };
            if let Some(entry) = queue.get(rank.nonce) {
                let (unit, byte) = gives(&entry.tx);
                units = units.saturating_sub(unit);
                bytes = bytes.saturating_sub(byte);
            }
            let inner = queue.below(rank.nonce).next_back();
            exposed.extend(
                inner
                    .filter(|entry| entry.executable == (part == EXECUTABLE))
                    .map(Entry::rank),
            );
            victims.push(rank);
        }
        victims
    }

    /// Lowest bottleneck of a part among other senders.
    pub(super) fn lowest_but(&self, part: usize, sender: &Address) -> Option<i128> {
        self.tails[part]
            .iter()
            .find(|rank| rank.sender != *sender)
            .map(|rank| rank.bottleneck)
    }

    /// Evicts what was chosen. That can end the authorization that held another sender back to one
    /// transaction, so it goes on until the limits hold.
    pub(super) fn evict(
        &mut self,
        mut victims: [Vec<Rank>; 2],
        now_ms: u64,
        removed: &mut Removed,
    ) {
        while victims.iter().any(|part| !part.is_empty()) {
            for rank in victims.iter().flatten() {
                if let Some(entry) = self.take(&rank.sender, rank.nonce, now_ms) {
                    self.judge_around(&entry.tx, now_ms);
                    removed.push((entry.tx, DropReason::Evicted));
                }
            }
            victims = self.victims();
        }
    }
}
