//! All pooled transactions in memory: rules of entry, limits, eviction.
//!
//! Pure: state, prices and time come in as arguments. What leaves without being asked for is
//! returned with its reason. Rules (a) to (c) of `RELIABILITY.md` section 7:
//! - a newcomer may push executable ones out only if it is executable itself, at a higher bottleneck,
//!   and not of an account whose balance others can move;
//! - the worst costs of a sender's pooled transactions are covered by its balance at admission;
//! - victims are the ends of senders' parts, lowest bottleneck first, then newest; the gapped part
//!   has limits of its own and never takes room from the executable one.

mod evict;
mod rules;

use rules::impossible;

use crate::{
    DropReason, HeadFees, PoolConfig, PoolError, PoolTx,
    queue::{Account, Code, Entry, Queue, Rank, Terms, Totals},
};
use alloy_primitives::{
    Address, B256,
    map::{AddressMap, B256Map},
};
use std::{
    collections::{BTreeSet, VecDeque, hash_map},
    sync::Arc,
};

/// Index of the executable part in pairs.
const EXECUTABLE: usize = 0;
/// Index of the gapped part in pairs.
const GAPPED: usize = 1;
/// Gas of the smallest transaction.
const TX_GAS: u64 = 21_000;
/// Senders with news that a reader of [`Book::fresh_since`] may be behind.
const FRESH_MAX: usize = 65_536;

pub(crate) type Removed = Vec<(Arc<PoolTx>, DropReason)>;

/// Limits that the book keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) slots_per_sender: u64,
    pub(crate) executable_slots_min: u64,
    pub(crate) gapped_count: usize,
    pub(crate) gapped_bytes: usize,
    pub(crate) gapped_life_ms: u64,
    pub(crate) replacement_percent: u64,
    pub(crate) tip_min: u128,
    pub(crate) hold_below_base_fee: bool,
}

impl From<&PoolConfig> for Limits {
    fn from(config: &PoolConfig) -> Self {
        Self {
            slots_per_sender: config.slots_per_sender,
            executable_slots_min: config.executable_slots_min,
            gapped_count: config.gapped_count_max,
            gapped_bytes: config.gapped_bytes_max,
            gapped_life_ms: config.gapped_life_ms,
            replacement_percent: config.replacement_percent,
            tip_min: config.tip_min,
            hold_below_base_fee: config.hold_below_base_fee,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Book {
    limits: Limits,
    fees: HeadFees,
    queues: AddressMap<Queue>,
    places: B256Map<(Address, u64)>,
    tails: [BTreeSet<Rank>; 2],
    totals: Totals,
    /// Pooled transactions with an authorization of the account.
    authorities: AddressMap<u32>,
    fresh: VecDeque<Address>,
    fresh_first: u64,
    announce: Vec<Arc<PoolTx>>,
}

impl Book {
    pub(crate) fn new(limits: Limits, fees: HeadFees) -> Self {
        Self {
            limits,
            fees,
            queues: AddressMap::default(),
            places: B256Map::default(),
            tails: [BTreeSet::new(), BTreeSet::new()],
            totals: Totals::default(),
            authorities: AddressMap::default(),
            fresh: VecDeque::new(),
            fresh_first: 0,
            announce: Vec::new(),
        }
    }

    pub(crate) const fn fees(&self) -> &HeadFees {
        &self.fees
    }

    pub(crate) const fn totals(&self) -> Totals {
        self.totals
    }

    /// Slots of the executable part.
    pub(crate) fn executable_slots_max(&self) -> u64 {
        let of_blocks = (self.fees.block_gas_limit / TX_GAS).saturating_mul(4);
        self.limits.executable_slots_min.max(of_blocks)
    }

    pub(crate) fn queue(&self, sender: &Address) -> Option<&Queue> {
        self.queues.get(sender)
    }

    pub(crate) fn queues(&self) -> impl Iterator<Item = (&Address, &Queue)> {
        self.queues.iter()
    }

    pub(crate) fn entry(&self, hash: &B256) -> Option<&Entry> {
        let (sender, nonce) = self.places.get(hash)?;
        self.queues.get(sender)?.get(*nonce)
    }

    /// Effective tip that a newcomer needs at least while the executable part is full.
    pub(crate) fn tip_min(&self) -> i128 {
        let floor = i128::try_from(self.limits.tip_min).unwrap_or(i128::MAX);
        let full = self.totals.executable_slots >= self.executable_slots_max();
        let lowest = self.tails[EXECUTABLE].first().filter(|_| full);
        lowest.map_or(floor, |rank| floor.max(rank.bottleneck.saturating_add(1)))
    }

    /// Takes a newcomer in by all rules. What it replaces or pushes out is returned.
    pub(crate) fn insert(
        &mut self,
        tx: Arc<PoolTx>,
        account: Account,
        durable: bool,
        now_ms: u64,
    ) -> Result<Removed, PoolError> {
        if self.places.contains_key(&tx.hash) {
            return Err(PoolError::AlreadyKnown { hash: tx.hash });
        }
        self.precheck(&tx, &account)?;
        self.check_in_flight(&tx, &account)?;
        self.check_fees(&tx)?;
        self.check_authorities(&tx)?;

        let (sender, nonce, hash) = (tx.sender, tx.nonce, tx.hash);
        let single = self.is_single(&sender, &account);
        let tip = tx.effective_tip(self.fees.base_fee_next);
        let old = self.put(Entry::new(tx, durable), account, now_ms);
        let victims = self.victims();
        let newcomer = |rank: &Rank| rank.sender == sender && rank.nonce == nonce;
        let evicts_executable = !victims[EXECUTABLE].is_empty();
        if victims.iter().flatten().any(newcomer) || (evicts_executable && single) {
            let part = usize::from(!evicts_executable);
            let lowest = victims[part].iter().find(|rank| !newcomer(rank));
            let bottleneck = lowest.map(|rank| rank.bottleneck);
            let bottleneck = bottleneck.or_else(|| self.lowest_but(part, &sender));
            self.undo(&hash, old, now_ms);
            let minimum = bottleneck.unwrap_or(tip).saturating_add(1);
            return Err(PoolError::Underpriced { tip, minimum });
        }
        let mut removed = Removed::new();
        if let Some(old) = old {
            removed.push((old.tx, DropReason::Replaced { by: hash }));
        }
        self.evict(victims, now_ms, &mut removed);
        Ok(removed)
    }

    /// Puts a transaction back that was accepted before, ahead of whatever has its nonce. Only an
    /// account that has moved on refuses it.
    pub(crate) fn restore(
        &mut self,
        tx: Arc<PoolTx>,
        account: Account,
        durable: bool,
        now_ms: u64,
    ) -> Removed {
        if self.places.contains_key(&tx.hash) {
            return Removed::new();
        }
        if let Some(reason) = impossible(&tx, &account) {
            return vec![(tx, reason)];
        }
        let by = tx.hash;
        let old = self.put(Entry::new(tx, durable), account, now_ms);
        old.map(|old| (old.tx, DropReason::Replaced { by }))
            .into_iter()
            .collect()
    }

    /// Takes a transaction out.
    pub(crate) fn remove(&mut self, hash: &B256, now_ms: u64) -> Option<Arc<PoolTx>> {
        let (sender, nonce) = *self.places.get(hash)?;
        let entry = self.take(&sender, nonce, now_ms)?;
        self.judge_around(&entry.tx, now_ms);
        Some(entry.tx)
    }

    /// Takes a transaction out that a block includes; [`set_account`](Self::set_account) of its sender
    /// must follow.
    pub(crate) fn include(&mut self, hash: &B256, now_ms: u64) -> Option<Entry> {
        let (sender, nonce) = *self.places.get(hash)?;
        self.take(&sender, nonce, now_ms)
    }

    /// Moves a sender to a new account. Transactions that became impossible are returned.
    pub(crate) fn set_account(
        &mut self,
        sender: &Address,
        account: Account,
        now_ms: u64,
    ) -> Removed {
        let Some(queue) = self.queues.get_mut(sender) else {
            return Removed::new();
        };
        queue.account = account;
        let gone: Vec<_> = queue
            .iter()
            .filter_map(|entry| Some((entry.tx.nonce, impossible(&entry.tx, &account)?)))
            .collect();
        let mut removed = Removed::new();
        for (nonce, reason) in gone {
            removed.extend(
                self.take(sender, nonce, now_ms)
                    .map(|entry| (entry.tx, reason)),
            );
        }
        self.judge(sender, 0, now_ms, true);
        removed
    }

    /// Takes new prices; what no longer has room is returned.
    pub(crate) fn set_fees(&mut self, fees: HeadFees, now_ms: u64) -> Removed {
        let moved = fees.base_fee_next != self.fees.base_fee_next;
        self.fees = fees;
        if moved {
            let senders: Vec<Address> = self.queues.keys().copied().collect();
            for sender in senders {
                self.judge(&sender, 0, now_ms, true);
            }
        }
        self.enforce(now_ms)
    }

    /// Evicts what is over the limits.
    pub(crate) fn enforce(&mut self, now_ms: u64) -> Removed {
        let mut removed = Removed::new();
        let victims = self.victims();
        self.evict(victims, now_ms, &mut removed);
        removed
    }

    /// Drops gapped transactions that are too old.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Removed {
        let life = self.limits.gapped_life_ms;
        let old: Vec<B256> = self
            .queues
            .values()
            .filter(|queue| queue.totals.gapped > 0)
            .flat_map(Queue::iter)
            .filter(|entry| {
                !entry.executable && now_ms.saturating_sub(entry.gapped_since_ms) >= life
            })
            .map(|entry| entry.tx.hash)
            .collect();
        let gone = old.iter().filter_map(|hash| self.remove(hash, now_ms));
        gone.map(|tx| (tx, DropReason::Expired)).collect()
    }

    /// The journal records of these are synced; they may be shown.
    pub(crate) fn mark_durable(&mut self, hash: &B256) -> Option<Arc<PoolTx>> {
        let (sender, nonce) = *self.places.get(hash)?;
        let entry = self.queues.get_mut(&sender)?.get_mut(nonce)?;
        entry.durable = true;
        let tx = Arc::clone(&entry.tx);
        if entry.executable {
            self.news(&sender, nonce, 1);
        }
        Some(tx)
    }

    /// Transactions that became executable and durable since the last call.
    pub(crate) fn take_announcements(&mut self) -> Vec<Arc<PoolTx>> {
        std::mem::take(&mut self.announce)
    }

    /// The transaction of `sender` with `nonce`, if a block may take it now.
    pub(crate) fn executable(&self, sender: &Address, nonce: u64) -> Option<&Arc<PoolTx>> {
        let entry = self.queues.get(sender)?.get(nonce)?;
        (entry.executable && entry.durable).then_some(&entry.tx)
    }

    /// Mark behind all news so far.
    pub(crate) fn fresh_mark(&self) -> u64 {
        self.fresh_first + self.fresh.len() as u64
    }

    /// Senders with news since a mark; `None` if too many have passed.
    pub(crate) fn fresh_since(&self, mark: u64) -> Option<impl Iterator<Item = &Address>> {
        let skip = usize::try_from(mark.checked_sub(self.fresh_first)?).ok()?;
        Some(self.fresh.iter().skip(skip))
    }

    fn put(&mut self, entry: Entry, account: Account, now_ms: u64) -> Option<Entry> {
        let tx = Arc::clone(&entry.tx);
        let queue = self
            .queues
            .entry(tx.sender)
            .or_insert_with(|| Queue::new(account));
        queue.account = account;
        let old = queue.put(entry);
        if let Some(old) = &old {
            self.places.remove(&old.tx.hash);
            self.unlink(&Arc::clone(&old.tx), now_ms);
        }
        self.places.insert(tx.hash, (tx.sender, tx.nonce));
        for authority in &tx.authorities {
            *self.authorities.entry(*authority).or_default() += 1;
        }
        self.judge_around(old.as_ref().map_or(&tx, |old| &old.tx), now_ms);
        for authority in &tx.authorities {
            self.judge(authority, 0, now_ms, true);
        }
        old
    }

    /// Takes an entry out without judging its sender again.
    fn take(&mut self, sender: &Address, nonce: u64, now_ms: u64) -> Option<Entry> {
        let entry = self.queues.get_mut(sender)?.take(nonce)?;
        self.places.remove(&entry.tx.hash);
        self.unlink(&Arc::clone(&entry.tx), now_ms);
        self.settle(sender);
        Some(entry)
    }

    fn unlink(&mut self, tx: &PoolTx, now_ms: u64) {
        for authority in &tx.authorities {
            if let hash_map::Entry::Occupied(mut count) = self.authorities.entry(*authority) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                    if *authority != tx.sender {
                        self.judge(authority, 0, now_ms, true);
                    }
                }
            }
        }
    }

    /// Undoes the [`put`](Self::put) of a newcomer.
    fn undo(&mut self, hash: &B256, old: Option<Entry>, now_ms: u64) {
        let account = self
            .places
            .get(hash)
            .and_then(|(sender, _)| self.queues.get(sender))
            .map(|queue| queue.account);
        match (old, account) {
            (Some(old), Some(account)) => {
                self.put(old, account, now_ms);
            }
            _ => {
                self.remove(hash, now_ms);
            }
        }
    }

    /// Decides again what a change at the place of `tx` can have moved: what is behind it, or all of
    /// its sender's if it authorizes its own sender.
    fn judge_around(&mut self, tx: &PoolTx, now_ms: u64) {
        let own = tx.authorities.contains(&tx.sender);
        self.judge(&tx.sender, if own { 0 } else { tx.nonce }, now_ms, own);
    }

    /// Decides again what of a sender is executable, from a nonce on.
    fn judge(&mut self, sender: &Address, nonce: u64, now_ms: u64, all: bool) {
        let Some(queue) = self.queues.get_mut(sender) else {
            return;
        };
        let single =
            queue.account.code == Code::Delegation || self.authorities.contains_key(sender);
        let terms = Terms {
            base_fee: self.fees.base_fee_next,
            single,
            now_ms,
            all,
        };
        if let Some(first) = queue.judge(nonce, &terms) {
            self.news(sender, first, u64::MAX);
        }
        self.settle(sender);
    }

    /// Tells readers what is executable of `sender` from `nonce` on, `count` transactions at most.
    fn news(&mut self, sender: &Address, nonce: u64, count: u64) {
        let Some(queue) = self.queues.get_mut(sender) else {
            return;
        };
        for at in nonce..nonce.saturating_add(count) {
            let Some(entry) = queue.get_mut(at).filter(|entry| entry.executable) else {
                break;
            };
            if entry.durable && !entry.announced {
                entry.announced = true;
                self.announce.push(Arc::clone(&entry.tx));
            }
        }
        if self.fresh.len() == FRESH_MAX {
            self.fresh.pop_front();
            self.fresh_first += 1;
        }
        self.fresh.push_back(*sender);
    }

    /// Brings ranks and totals up to date with a queue, and forgets an empty one.
    fn settle(&mut self, sender: &Address) {
        let Some(queue) = self.queues.get_mut(sender) else {
            return;
        };
        self.totals.shift(&queue.counted, &queue.totals);
        queue.counted = queue.totals;
        let ends = queue.ends();
        for ((tails, old), new) in self.tails.iter_mut().zip(&mut queue.tails).zip(ends) {
            if *old != new {
                old.take().map(|rank| tails.remove(&rank));
                new.map(|rank| tails.insert(rank));
                *old = new;
            }
        }
        if queue.is_empty() {
            self.queues.remove(sender);
        }
    }
}
