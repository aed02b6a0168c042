//! The shared heart of the pool: admission, and what follows when records are durable.
//!
//! One lock guards the [`Ledger`]. A transaction is decided under it and handed to the journal while
//! it is held, so the journal's order is the order of decisions. It is shown to anybody only when its
//! record is synced.

use crate::{
    Ack, DropReason, JournalError, PoolConfig, PoolError, PoolEvent, PoolState, PoolTx,
    journal::{Entry, Journal, Op, Sink, Waiter},
    ledger::{Known, Ledger, account_in, complete},
    queue::Account,
    tx::Decoded,
    workers::{Job, Jobs},
};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256};
use foggara_primitives::SourceError;
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::HashSet,
    sync::{Arc, OnceLock, Weak},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, oneshot, watch};

/// How often a decision is tried again because the chain moved meanwhile.
const STALE_MAX: usize = 16;

pub(crate) struct Inner {
    pub(crate) config: PoolConfig,
    pub(crate) state: Arc<dyn PoolState>,
    pub(crate) ledger: Mutex<Ledger>,
    /// Set once, at the end of opening; never set in an ephemeral pool.
    pub(crate) journal: OnceLock<Journal>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) closed: Mutex<Option<String>>,
    pub(crate) arrivals: watch::Sender<u64>,
    pub(crate) pending: broadcast::Sender<Arc<PoolTx>>,
    pub(crate) events: broadcast::Sender<PoolEvent>,
    pub(crate) fatal: watch::Sender<Option<JournalError>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.jobs.stop();
        if let Some(journal) = self.journal.get() {
            journal.stop();
        }
    }
}

type Answer = oneshot::Sender<Result<B256, PoolError>>;

impl Inner {
    /// Does a job of a worker and answers it, at once or when its record is durable.
    pub(crate) fn work(&self, job: Job) {
        let Job {
            raw,
            private,
            permit,
            answer,
        } = job;
        let decoded = match self.decode(raw) {
            Ok(decoded) => decoded,
            Err(error) => return reply(answer, Err(error)),
        };
        let hash = decoded.hash;
        let Some(answer) = self.answer_known(&hash, answer) else {
            return;
        };
        match self.admit(decoded, private) {
            Ok((guard, tx, dropped)) => self.accept(guard, tx, dropped, permit, answer),
            // Another worker was faster with the same bytes.
            Err(error @ PoolError::AlreadyKnown { .. }) => {
                if let Some(answer) = self.answer_known(&hash, answer) {
                    reply(answer, Err(error));
                }
            }
            Err(error) => reply(answer, Err(error)),
        }
    }

    /// Hands records over in the order of decisions. Without a journal they count as durable.
    pub(crate) fn submit(&self, guard: MutexGuard<'_, Ledger>, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        match self.journal.get() {
            None => {
                drop(guard);
                self.synced(entries);
            }
            Some(journal) => {
                let outcome = journal.push(entries);
                drop(guard);
                if let Err((entries, error)) = outcome {
                    self.refuse(entries, &error);
                }
            }
        }
    }

    /// Takes nothing more: the pool may have been left half changed, and the process has to recover from
    /// disk.
    pub(crate) fn give_up(&self, during: &'static str, reason: &str) {
        let reason = reason.to_owned();
        let error = JournalError::Failed { during, reason };
        tracing::error!(%error, "pool");
        self.fatal.send_replace(Some(error));
    }

    /// The account of a sender, newest first: pooled, sealed, state.
    pub(crate) fn account(&self, known: Known, sender: Address) -> Result<Account, SourceError> {
        match known {
            Known::Account(account) => Ok(account),
            Known::Info(info) => complete(&*self.state, &info),
            Known::State => account_in(&*self.state, sender),
        }
    }

    /// Records are durable: shows transactions, publishes drops, answers callers.
    pub(crate) fn synced(&self, entries: Vec<Entry>) {
        let mut events = Vec::with_capacity(entries.len());
        let announced = {
            let mut ledger = self.ledger.lock();
            for entry in &entries {
                match &entry.op {
                    Op::Accept(tx) => {
                        ledger.accepting.remove(&tx.hash);
                        ledger.dropped.remove(&tx.hash);
                        ledger.book.mark_durable(&tx.hash);
                        if tx.requeued == 0 {
                            events.push(PoolEvent::Accepted(Arc::clone(tx)));
                        }
                    }
                    Op::Drop { tx, reason } => {
                        ledger.leaving.remove(&tx.hash);
                        if ledger.sealed(&tx.hash).is_none() {
                            ledger.dropped.insert(tx.hash, *reason);
                            let (tx, reason) = (Arc::clone(tx), *reason);
                            events.push(PoolEvent::Dropped { tx, reason });
                        }
                    }
                    Op::Forget(_) | Op::Fence => {}
                }
            }
            ledger.book.take_announcements()
        };
        for event in events {
            // Nobody listening is fine.
            let _ = self.events.send(event);
        }
        self.announce(announced);
        for entry in entries {
            drop(entry.permit);
            match entry.waiter {
                Waiter::Nobody => {}
                Waiter::Add(answer, value) => reply(answer, value),
                Waiter::Flush(done) => {
                    let _ = done.send(Ok(()));
                }
            }
        }
    }

    /// Tells subscribers and builders what became executable.
    pub(crate) fn announce(&self, txs: Vec<Arc<PoolTx>>) {
        if txs.is_empty() {
            return;
        }
        self.arrivals
            .send_modify(|count| *count += txs.len() as u64);
        if self.pending.receiver_count() > 0 {
            for tx in txs.into_iter().filter(|tx| !tx.private) {
                let _ = self.pending.send(tx);
            }
        }
    }

    /// Nothing of these was written, and the journal goes on: newcomers are taken back, and what they
    /// had pushed out returns. Gives what is to be written later, which is all of it where callers
    /// were told already.
    fn rejected(&self, entries: Vec<Entry>, error: &JournalError) -> Vec<Entry> {
        // Nobody knows when there is space again: who waits for all that is decided is told.
        let is_flush = |entry: &Entry| {
            matches!(entry.op, Op::Fence) && matches!(entry.waiter, Waiter::Flush(_))
        };
        let (flushes, entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_flush);
        self.refuse(flushes, error);
        if self.config.ack == Ack::Memory {
            return entries;
        }
        let now_ms = self.config.clock.now_ms();
        let refused: HashSet<B256> = entries
            .iter()
            .filter_map(|entry| {
                if let Op::Accept(tx) = &entry.op {
                    Some(tx.hash)
                } else {
                    None
                }
            })
            .collect();
        let mut again = Vec::new();
        let mut refusals = Vec::new();
        let mut guard = self.ledger.lock();
        let ledger = &mut *guard;
        for hash in &refused {
            ledger.accepting.remove(hash);
            ledger.book.remove(hash, now_ms);
        }
        for entry in entries {
            match &entry.op {
                Op::Accept(_) => refusals.push(entry),
                Op::Drop { tx, .. } if refused.contains(&tx.hash) => {
                    ledger.leaving.remove(&tx.hash);
                }
                Op::Drop { tx, reason } => {
                    let caused = match reason {
                        DropReason::Replaced { by } => refused.contains(by),
                        DropReason::Evicted => true,
                        _ => false,
                    };
                    let taken = ledger.book.queue(&tx.sender);
                    let taken = taken.is_some_and(|queue| queue.get(tx.nonce).is_some());
                    let account = self.account(ledger.known(&tx.sender), tx.sender);
                    match account {
                        Ok(account) if caused && !taken => {
                            ledger.leaving.remove(&tx.hash);
                            let gone = ledger.book.restore(Arc::clone(tx), account, true, now_ms);
                            again.extend(ledger.drop_all(gone));
                        }
                        _ => again.push(entry),
                    }
                }
                Op::Forget(_) | Op::Fence => again.push(entry),
            }
        }
        drop(guard);
        self.refuse(refusals, error);
        again
    }

    /// Answers callers whose records are not durable.
    fn refuse(&self, entries: Vec<Entry>, error: &JournalError) {
        for entry in entries {
            match entry.waiter {
                Waiter::Nobody => {}
                Waiter::Add(answer, _) => reply(answer, Err(error.clone().into())),
                Waiter::Flush(done) => {
                    let _ = done.send(Err(error.clone()));
                }
            }
        }
    }

    fn decode(&self, raw: alloy_primitives::Bytes) -> Result<Decoded, PoolError> {
        let decoded = Decoded::new(raw)?;
        let fees = *self.ledger.lock().book.fees();
        decoded.check(&self.config, &fees)?;
        Ok(decoded)
    }

    /// Answers at once, or with the record that is on its way, if the bytes are known; else gives the
    /// answer back.
    fn answer_known(&self, hash: &B256, answer: Answer) -> Option<Answer> {
        let guard = self.ledger.lock();
        let known = Err(PoolError::AlreadyKnown { hash: *hash });
        let durable = match guard.book.entry(hash) {
            Some(entry) => entry.durable,
            None if guard.sealed(hash).is_some() => true,
            None => return Some(answer),
        };
        if durable {
            drop(guard);
            reply(answer, known);
        } else {
            let mut fence = Entry::new(Op::Fence);
            fence.waiter = Waiter::Add(answer, known);
            self.submit(guard, vec![fence]);
        }
        None
    }

    /// Decides about a decoded transaction. On success the ledger is still locked, and records of
    /// what it pushed out come with it.
    #[allow(clippy::type_complexity, reason = "one caller, right above")]
    fn admit(
        &self,
        decoded: Decoded,
        private: bool,
    ) -> Result<(MutexGuard<'_, Ledger>, Arc<PoolTx>, Vec<Entry>), PoolError> {
        let sender = decoded.recover()?;
        let has_authorizations = decoded.tx.authorization_list().is_some();
        let mut tx = PoolTx {
            sender,
            hash: decoded.hash,
            nonce: decoded.tx.nonce(),
            gas_limit: decoded.tx.gas_limit(),
            max_fee: decoded.tx.max_fee_per_gas(),
            max_tip: decoded.max_tip(),
            cost: decoded.own_cost(),
            da_size: 0,
            arrival: 0,
            accepted_ms: self.config.clock.now_ms(),
            requeued: 0,
            private,
            authorities: Vec::new(),
            raw: decoded.raw.clone(),
            tx: decoded.tx.clone(),
        };
        let own_cost = tx.cost;
        let mut recovered = !has_authorizations;
        for attempt in 0.. {
            let (version, known, fees) = {
                let ledger = self.ledger.lock();
                (ledger.version, ledger.known(&sender), *ledger.book.fees())
            };
            let account = self.account(known, sender)?;
            let quote = self.state.quote(&fees, &tx.raw, tx.gas_limit);
            tx.da_size = quote.da_size;
            tx.cost = own_cost
                .saturating_add(quote.l1_cost)
                .saturating_add(quote.operator_cost);
            if !recovered {
                // Each costs as much as the sender; only for who can pay.
                self.ledger.lock().book.precheck(&tx, &account)?;
                tx.authorities = decoded.authorities(self.config.chain_id);
                recovered = true;
            }
            let mut guard = self.ledger.lock();
            if guard.version != version && attempt < STALE_MAX {
                continue;
            }
            let ledger = &mut *guard;
            tx.arrival = ledger.next_arrival;
            let durable = self.config.ack == Ack::Memory;
            let tx = Arc::new(tx);
            let removed = ledger
                .book
                .insert(Arc::clone(&tx), account, durable, tx.accepted_ms)?;
            ledger.next_arrival += 1;
            if !durable {
                ledger.accepting.insert(tx.hash);
            }
            let dropped = ledger.drop_all(removed);
            return Ok((guard, tx, dropped));
        }
        unreachable!("the last attempt returns")
    }

    fn accept(
        &self,
        mut guard: MutexGuard<'_, Ledger>,
        tx: Arc<PoolTx>,
        dropped: Vec<Entry>,
        permit: OwnedSemaphorePermit,
        answer: Answer,
    ) {
        let hash = tx.hash;
        let mut entry = Entry::new(Op::Accept(tx));
        entry.permit = Some(permit);
        let mut announced = Vec::new();
        let mut early = None;
        match self.config.ack {
            Ack::Journal => entry.waiter = Waiter::Add(answer, Ok(hash)),
            Ack::Memory => {
                announced = guard.book.take_announcements();
                early = Some(answer);
            }
        }
        let mut entries = vec![entry];
        entries.extend(dropped);
        self.submit(guard, entries);
        self.announce(announced);
        if let Some(answer) = early {
            reply(answer, Ok(hash));
        }
    }
}

fn reply(answer: Answer, value: Result<B256, PoolError>) {
    // The caller may have gone.
    let _ = answer.send(value);
}

/// The journal's way back into the pool. Weak, so that the pool can end.
pub(crate) struct Back(pub(crate) Weak<Inner>);

impl Sink for Back {
    fn synced(&mut self, entries: Vec<Entry>) {
        if let Some(inner) = self.0.upgrade() {
            inner.synced(entries);
        }
    }

    fn rejected(&mut self, entries: Vec<Entry>, error: &JournalError) -> Vec<Entry> {
        self.0
            .upgrade()
            .map_or_else(Vec::new, |inner| inner.rejected(entries, error))
    }

    fn failed(&mut self, entries: Vec<Entry>, error: &JournalError) {
        if let Some(inner) = self.0.upgrade() {
            inner.fatal.send_replace(Some(error.clone()));
            inner.refuse(entries, error);
        }
    }
}
