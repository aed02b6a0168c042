//! Transactions of one sender by nonce, split into an executable part and the rest.
//!
//! The executable part is the longest run of nonces from the account's on whose worst costs together
//! are covered by the balance; of a delegated account it is at most one transaction. The rest is
//! called gapped. A transaction can enter a block only after those before it, so within a part it is
//! ranked by its *bottleneck*: the lowest effective tip from the start of the part up to itself.

use crate::PoolTx;
use alloy_primitives::{Address, B256, U256};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// Bytes of one slot of the executable part.
pub(crate) const SLOT_BYTES: usize = 2_048;

/// Slots that a transaction takes in the executable part.
pub(crate) fn slots_of(tx: &PoolTx) -> u64 {
    tx.raw.len().div_ceil(SLOT_BYTES).max(1) as u64
}

/// The sender's account, as far as the pool needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Account {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code: Code,
}

/// What stands at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Code {
    #[default]
    None,
    /// An EIP-7702 delegation.
    Delegation,
    /// Anything else, by its hash: it cannot sign (EIP-3607).
    Contract(B256),
}

impl Code {
    /// What this code is.
    pub(crate) fn of(hash: B256, code: &[u8]) -> Self {
        match code {
            [] => Self::None,
            [0xef, 0x01, 0x00, target @ ..] if target.len() == 20 => Self::Delegation,
            _ => Self::Contract(hash),
        }
    }
}

/// Rank for eviction: lowest bottleneck first, then newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) bottleneck: i128,
    pub(crate) arrival: Reverse<u64>,
    pub(crate) sender: Address,
    pub(crate) nonce: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) tx: Arc<PoolTx>,
    /// Effective tip at the next base fee.
    tip: i128,
    pub(crate) bottleneck: i128,
    /// Worst costs from the account's nonce up to this one, if executable.
    running_cost: U256,
    pub(crate) executable: bool,
    /// Since when it is gapped, unix milliseconds.
    pub(crate) gapped_since_ms: u64,
    /// Its journal record is synced.
    pub(crate) durable: bool,
    /// Subscribers were told.
    pub(crate) announced: bool,
}

impl Entry {
    pub(crate) fn new(tx: Arc<PoolTx>, durable: bool) -> Self {
        let gapped_since_ms = tx.accepted_ms;
        Self {
            tx,
            tip: 0,
            bottleneck: 0,
            running_cost: U256::ZERO,
            executable: false,
            gapped_since_ms,
            durable,
            announced: false,
        }
    }

    pub(crate) fn rank(&self) -> Rank {
        Rank {
            bottleneck: self.bottleneck,
            arrival: Reverse(self.tx.arrival),
            sender: self.tx.sender,
            nonce: self.tx.nonce,
        }
    }
}

/// What the parts of one or all senders add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) executable: usize,
    pub(crate) executable_slots: u64,
    pub(crate) gapped: usize,
    pub(crate) gapped_bytes: usize,
}

impl Totals {
    fn add(&mut self, entry: &Entry) {
        if entry.executable {
            self.executable += 1;
            self.executable_slots += slots_of(&entry.tx);
        } else {
            self.gapped += 1;
            self.gapped_bytes += entry.tx.raw.len();
        }
    }

    fn sub(&mut self, entry: &Entry) {
        if entry.executable {
            self.executable -= 1;
            self.executable_slots -= slots_of(&entry.tx);
        } else {
            self.gapped -= 1;
            self.gapped_bytes -= entry.tx.raw.len();
        }
    }

    /// Replaces the share `old` by `new`.
    pub(crate) const fn shift(&mut self, old: &Self, new: &Self) {
        self.executable = self.executable - old.executable + new.executable;
        self.executable_slots = self.executable_slots - old.executable_slots + new.executable_slots;
        self.gapped = self.gapped - old.gapped + new.gapped;
        self.gapped_bytes = self.gapped_bytes - old.gapped_bytes + new.gapped_bytes;
    }
}

/// What a queue is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) base_fee: u64,
    /// At most one transaction may be executable.
    pub(crate) single: bool,
    pub(crate) now_ms: u64,
    /// Judge every entry again, even if those before it did not change.
    pub(crate) all: bool,
}

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) account: Account,
    entries: BTreeMap<u64, Entry>,
    pub(crate) totals: Totals,
    /// What the book has counted of `totals`.
    pub(crate) counted: Totals,
    pub(crate) cost: U256,
    /// Last of the executable and of the gapped part, as ranked in the book.
    pub(crate) tails: [Option<Rank>; 2],
}

impl Queue {
    pub(crate) fn new(account: Account) -> Self {
        Self {
            account,
            entries: BTreeMap::new(),
            totals: Totals::default(),
            counted: Totals::default(),
            cost: U256::ZERO,
            tails: [None; 2],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, nonce: u64) -> Option<&Entry> {
        self.entries.get(&nonce)
    }

    pub(crate) fn get_mut(&mut self, nonce: u64) -> Option<&mut Entry> {
        self.entries.get_mut(&nonce)
    }

    /// Entries by nonce.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }

    /// Entries below a nonce, ascending.
    pub(crate) fn below(&self, nonce: u64) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.range(..nonce).map(|(_, entry)| entry)
    }

    /// Puts an entry in its place; the caller judges from its nonce on.
    pub(crate) fn put(&mut self, entry: Entry) -> Option<Entry> {
        let nonce = entry.tx.nonce;
        let mut entry = entry;
        entry.executable = false;
        let old = self.take(nonce);
        self.cost = self.cost.saturating_add(entry.tx.cost);
        self.totals.add(&entry);
        self.entries.insert(nonce, entry);
        old
    }

    /// Takes an entry out; the caller judges from its nonce on.
    pub(crate) fn take(&mut self, nonce: u64) -> Option<Entry> {
        let entry = self.entries.remove(&nonce)?;
        self.totals.sub(&entry);
        // Saturated sums are recomputed, else subtraction is exact.
        self.cost = if self.cost == U256::MAX {
            self.iter()
                .fold(U256::ZERO, |sum, entry| sum.saturating_add(entry.tx.cost))
        } else {
            self.cost - entry.tx.cost
        };
        Some(entry)
    }

    /// Decides again which entries from `nonce` on are executable. Returns the first nonce that
    /// became so. Stops early where nothing changes any more.
    pub(crate) fn judge(&mut self, nonce: u64, terms: &Terms) -> Option<u64> {
        let before = self
            .entries
            .range(..nonce)
            .next_back()
            .map(|(_, entry)| entry);
        let last_executable = before.filter(|entry| entry.executable);
        let mut next = match last_executable {
            Some(entry) => entry.tx.nonce.checked_add(1),
            None if before.is_none() => Some(self.account.nonce),
            None => None,
        };
        let mut running = last_executable.map_or(U256::ZERO, |entry| entry.running_cost);
        let mut executable_low = last_executable.map_or(i128::MAX, |entry| entry.bottleneck);
        let mut gapped_low = before
            .filter(|entry| !entry.executable)
            .map_or(i128::MAX, |entry| entry.bottleneck);
        let mut promoted = None;
        for (at, entry) in self.entries.range_mut(nonce..) {
            let tip = entry.tx.effective_tip(terms.base_fee);
            let sum = running.saturating_add(entry.tx.cost);
            let executable = next == Some(*at)
                && sum <= self.account.balance
                && !(terms.single && *at != self.account.nonce);
            let low = if executable {
                &mut executable_low
            } else {
                &mut gapped_low
            };
            *low = (*low).min(tip);
            let same = entry.executable == executable
                && entry.bottleneck == *low
                && entry.tip == tip
                && (!executable || entry.running_cost == sum);
            if same && !terms.all && *at != nonce {
                break;
            }
            entry.tip = tip;
            entry.bottleneck = *low;
            if entry.executable != executable {
                self.totals.sub(entry);
                entry.executable = executable;
                self.totals.add(entry);
                if executable {
                    promoted = promoted.or(Some(*at));
                } else {
                    entry.gapped_since_ms = terms.now_ms;
                }
            }
            if executable {
                running = sum;
                entry.running_cost = sum;
                next = at.checked_add(1);
            } else {
                next = None;
            }
        }
        promoted
    }

    /// Ranks of the last executable and the last gapped entry.
    pub(crate) fn ends(&self) -> [Option<Rank>; 2] {
        let gapped = self
            .entries
            .values()
            .next_back()
            .filter(|entry| !entry.executable);
        let executable = match self.totals.executable {
            0 => None,
            count => self
                .account
                .nonce
                .checked_add(count as u64 - 1)
                .and_then(|at| self.get(at)),
        };
        [executable.map(Entry::rank), gapped.map(Entry::rank)]
    }
}
