//! The pool as its users see it.

use crate::{
    BestTransactions, BlockUpdate, Content, DropReason, HeadFees, JournalError, JournalStats,
    LostTx, PoolConfig, PoolError, PoolEvent, PoolStatus, PoolTx, RecentDrops, SenderContent,
    TxPlace,
    inner::Inner,
    journal::{Entry, Op, Waiter},
    ledger::{Ledger, account_in},
    open::build,
    queue::Queue,
    workers::Job,
};
use alloy_primitives::{Address, B256, Bytes};
use foggara_primitives::{SourceError, constants::DEPOSIT_TX_TYPE};
use parking_lot::MutexGuard;
use std::sync::Arc;
use tokio::sync::{broadcast, oneshot, watch};

/// Share of the bytes in flight that a transaction takes beside its own size.
const JOB_OVERHEAD: usize = 1_024;
/// Answer of the journal to one entry.
type Synced = oneshot::Receiver<Result<(), JournalError>>;
/// Least time between two searches for expired transactions, in milliseconds.
const EXPIRE_EVERY_MS: u64 = 10_000;

/// The transaction pool. A clone is another handle to the same pool; the last one dropped writes
/// what is on its way to the journal and ends the pool's threads.
#[derive(Clone, Debug)]
pub struct Pool {
    pub(crate) inner: Arc<Inner>,
}

/// Adding, building, and following the chain.
impl Pool {
    /// Admits a transaction and returns its hash after its journal record is synced. Waits while
    /// too many bytes are on their way to the disk. A cancelled call may have been accepted or not.
    ///
    /// # Errors
    /// [`PoolError`]: it was refused, and nothing of it is kept.
    pub async fn add(&self, raw: Bytes) -> Result<B256, PoolError> {
        self.add_with(raw, false).await
    }

    /// [`Self::add`], into the private lane if `private`.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn add_with(&self, raw: Bytes, private: bool) -> Result<B256, PoolError> {
        let inner = &self.inner;
        self.check_open()?;
        let (size, limit) = (raw.len(), inner.config.tx_bytes_max);
        if size > limit {
            return Err(PoolError::Oversized { size, limit });
        }
        let share = (size + JOB_OVERHEAD).min(inner.config.in_flight_bytes_max);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        let semaphore = Arc::clone(&inner.in_flight);
        let closed = |_| PoolError::from(JournalError::Closed);
        let permit = semaphore.acquire_many_owned(share).await.map_err(closed)?;
        let (answer, answered) = oneshot::channel();
        inner.jobs.push(Job {
            raw,
            private,
            permit,
            answer,
        });
        answered
            .await
            .map_err(|_| PoolError::from(JournalError::Closed))?
    }

    /// Transactions for a block with this base fee, best first.
    pub fn best(&self, base_fee: u64) -> BestTransactions {
        BestTransactions::new(Arc::clone(&self.inner), base_fee)
    }

    /// A number that rises as transactions become executable; a builder waits on it.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.inner.arrivals.subscribe()
    }

    /// Takes a sealed block in: its transactions leave the queue, senders move on, what became
    /// impossible is not offered any more. Blocks come in order, before or after their commit; their
    /// journal records live until [`Self::on_durable`].
    pub fn on_block(&self, update: BlockUpdate<'_>) {
        let inner = &self.inner;
        let now_ms = inner.config.clock.now_ms();
        let mut guard = inner.ledger.lock();
        let ledger = &mut *guard;
        ledger.seal(
            update.number,
            update.included,
            update.diff,
            &*inner.state,
            now_ms,
        );
        let mut removed = ledger.book.set_fees(update.fees, now_ms);
        if now_ms.saturating_sub(ledger.expired_ms) >= EXPIRE_EVERY_MS {
            ledger.expired_ms = now_ms;
            removed.extend(ledger.book.expire(now_ms));
        }
        let drops = ledger.drop_all(removed);
        let announced = ledger.book.take_announcements();
        inner.submit(guard, drops);
        inner.announce(announced);
    }

    /// Blocks up to `number` are committed, and the state behind [`PoolState`](crate::PoolState)
    /// shows them: their transactions leave the journal, drops that they caused enter it. If the block
    /// was given up meanwhile by [`Self::reinject`], the senders are read again.
    pub fn on_durable(&self, number: u64) {
        let mut guard = self.inner.ledger.lock();
        if !guard.is_sealed(number) {
            return self.reread(guard);
        }
        let (included, mut entries) = guard.durable(number);
        if !included.is_empty() {
            entries.push(Entry::new(Op::Forget(included)));
        }
        self.inner.submit(guard, entries);
    }

    /// Journals the transactions of blocks that are about to be unwound; returns after the sync, so
    /// that the unwind may commit. Raises `requeued` of each by one. Deposits are skipped.
    ///
    /// # Errors
    /// [`JournalError`]: not all is journalled; the unwind must not commit.
    pub async fn journal_requeue(&self, lost: &[LostTx]) -> Result<Vec<Arc<PoolTx>>, JournalError> {
        let (txs, done) = self.submit_requeue(lost);
        for receiver in done {
            receiver.await.map_err(|_| JournalError::Closed)??;
        }
        Ok(txs)
    }

    /// After the unwind is committed: reads all senders again at prices `fees` and puts `txs` back
    /// before anything else of their senders. So do transactions of sealed blocks that never became
    /// durable.
    ///
    /// # Errors
    /// [`SourceError`]: the state could not be read; the pool must be opened again.
    pub fn reinject(&self, txs: Vec<Arc<PoolTx>>, fees: HeadFees) -> Result<(), SourceError> {
        let inner = &self.inner;
        let now_ms = inner.config.clock.now_ms();
        let mut guard = inner.ledger.lock();
        let ledger = &mut *guard;
        let mut back = ledger.unseal();
        back.extend(txs.iter().cloned());
        let mut removed = ledger.reread(&*inner.state, now_ms)?;
        for tx in back {
            let account = match ledger.book.queue(&tx.sender) {
                Some(queue) => queue.account,
                None => account_in(&*inner.state, tx.sender)?,
            };
            removed.extend(ledger.book.restore(tx, account, true, now_ms));
        }
        // The limits are looked at once all are back, since a sender without its first is all gapped.
        removed.extend(ledger.book.set_fees(fees, now_ms));
        let left = ledger.leave_all(removed, &*inner.state)?;
        let announced = ledger.book.take_announcements();
        inner.submit(guard, left);
        for tx in txs {
            let _ = inner.events.send(PoolEvent::Requeued(tx));
        }
        inner.announce(announced);
        Ok(())
    }

    /// Drops gapped transactions that are older than their life at `now_ms` (unix milliseconds).
    pub fn expire(&self, now_ms: u64) {
        let mut guard = self.inner.ledger.lock();
        let removed = guard.book.expire(now_ms);
        let drops = guard.drop_all(removed);
        self.inner.submit(guard, drops);
    }

    /// Removes a transaction on an operator's word; false if it is not in the pool.
    pub fn remove(&self, hash: &B256) -> bool {
        self.take_out(hash, DropReason::Removed)
    }

    /// Drops a transaction that a builder found to be invalid whatever the state; false if it is not in
    /// the pool.
    pub fn refuse(&self, hash: &B256) -> bool {
        self.take_out(hash, DropReason::Invalid)
    }

    fn take_out(&self, hash: &B256, reason: DropReason) -> bool {
        let now_ms = self.inner.config.clock.now_ms();
        let mut guard = self.inner.ledger.lock();
        let Some(tx) = guard.book.remove(hash, now_ms) else {
            return false;
        };
        let drops = guard.drop_all(vec![(tx, reason)]);
        self.inner.submit(guard, drops);
        true
    }

    /// Closes admission with a reason, or opens it with `None`.
    pub fn set_closed(&self, reason: Option<String>) {
        *self.inner.closed.lock() = reason;
    }

    /// Returns after everything decided so far is synced.
    ///
    /// # Errors
    /// [`JournalError`]: the journal has failed or stopped, or the disk is full: then drops are written
    /// later, and under [`Ack::Memory`](crate::Ack) also what was accepted.
    pub async fn flush(&self) -> Result<(), JournalError> {
        let (sender, receiver) = oneshot::channel();
        let mut entry = Entry::new(Op::Fence);
        entry.waiter = Waiter::Flush(sender);
        self.inner.submit(self.inner.ledger.lock(), vec![entry]);
        receiver.await.map_err(|_| JournalError::Closed)?
    }

    /// Refuses everything from now on and blocks until what was decided is on disk. Dropping the
    /// last handle does the same.
    pub fn close(&self) {
        self.inner.in_flight.close();
        self.inner.jobs.stop();
        if let Some(journal) = self.inner.journal.get() {
            journal.stop();
        }
    }

    /// Follows the state where no block was told.
    fn reread(&self, mut guard: MutexGuard<'_, Ledger>) {
        let inner = &self.inner;
        let now_ms = inner.config.clock.now_ms();
        let left = guard
            .reread(&*inner.state, now_ms)
            .and_then(|removed| guard.leave_all(removed, &*inner.state));
        let announced = guard.book.take_announcements();
        match left {
            Ok(entries) => inner.submit(guard, entries),
            // Whoever reads the state next meets the same and stops the node.
            Err(error) => tracing::error!(%error, "pool.reread"),
        }
        inner.announce(announced);
    }

    fn submit_requeue(&self, lost: &[LostTx]) -> (Vec<Arc<PoolTx>>, Vec<Synced>) {
        let inner = &self.inner;
        let fees = *inner.ledger.lock().book.fees();
        let now_ms = inner.config.clock.now_ms();
        let mut txs: Vec<PoolTx> = lost
            .iter()
            .filter(|lost| lost.raw.first() != Some(&DEPOSIT_TX_TYPE))
            .filter_map(|lost| {
                build(
                    &inner.config,
                    &*inner.state,
                    &fees,
                    lost.raw.clone(),
                    lost.sender,
                )
            })
            .collect();
        let mut entries = Vec::with_capacity(txs.len());
        let mut done = Vec::with_capacity(txs.len());
        let mut guard = inner.ledger.lock();
        for tx in &mut txs {
            tx.accepted_ms = now_ms;
            tx.arrival = guard.next_arrival;
            guard.next_arrival += 1;
            guard.keep_record(&tx.hash);
            tx.requeued = guard.requeues.get(&tx.hash).unwrap_or(0).saturating_add(1);
            let (hash, requeued) = (tx.hash, tx.requeued);
            guard.requeues.insert(hash, requeued);
        }
        let txs: Vec<Arc<PoolTx>> = txs.into_iter().map(Arc::new).collect();
        for tx in &txs {
            let (sender, receiver) = oneshot::channel();
            let mut entry = Entry::new(Op::Accept(Arc::clone(tx)));
            entry.waiter = Waiter::Flush(sender);
            entries.push(entry);
            done.push(receiver);
        }
        inner.submit(guard, entries);
        (txs, done)
    }

    fn check_open(&self) -> Result<(), PoolError> {
        if let Some(error) = self.inner.fatal.borrow().clone() {
            return Err(error.into());
        }
        let closed = self.inner.closed.lock().clone();
        closed.map_or(Ok(()), |reason| Err(PoolError::Closed { reason }))
    }
}

/// Asking. Only what is durable is shown.
impl Pool {
    /// An accepted transaction that is in no durable block.
    pub fn get(&self, hash: &B256) -> Option<Arc<PoolTx>> {
        let ledger = self.inner.ledger.lock();
        if let Some(entry) = ledger.book.entry(hash) {
            return entry.durable.then(|| Arc::clone(&entry.tx));
        }
        if let Some((_, tx)) = ledger.sealed(hash) {
            return Some(Arc::clone(tx));
        }
        ledger
            .leaving
            .get(hash)
            .filter(|_| !ledger.accepting.contains(hash))
            .cloned()
    }

    /// Whether [`Self::get`] finds it.
    pub fn contains(&self, hash: &B256) -> bool {
        self.get(hash).is_some()
    }

    /// Where an accepted transaction stands.
    pub fn place(&self, hash: &B256) -> Option<TxPlace> {
        let ledger = self.inner.ledger.lock();
        if let Some(entry) = ledger.book.entry(hash).filter(|entry| entry.durable) {
            return Some(if entry.executable {
                TxPlace::Pending
            } else {
                TxPlace::Queued
            });
        }
        ledger
            .sealed(hash)
            .map(|(number, _)| TxPlace::Sealed { number: *number })
    }

    /// Nonce that follows the account's and the pooled transactions up to the first gap.
    ///
    /// # Errors
    /// [`SourceError`]: the state could not be read.
    pub fn pending_nonce(&self, sender: Address) -> Result<u64, SourceError> {
        let known = {
            let ledger = self.inner.ledger.lock();
            if let Some(queue) = ledger.book.queue(&sender) {
                let mut nonce = queue.account.nonce;
                while queue.get(nonce).is_some_and(|entry| entry.durable) {
                    nonce += 1;
                }
                return Ok(nonce);
            }
            ledger.known(&sender)
        };
        Ok(self.inner.account(known, sender)?.nonce)
    }

    /// Accepted transactions by ascending sender, without the private lane.
    pub fn content(&self) -> Content {
        let ledger = self.inner.ledger.lock();
        let mut content: Content = ledger
            .book
            .queues()
            .map(|(sender, queue)| content_of(*sender, Some(queue)))
            .filter(|content| !content.pending.is_empty() || !content.queued.is_empty())
            .collect();
        content.sort_by_key(|content| content.sender);
        content
    }

    /// Accepted transactions of one sender, without the private lane.
    pub fn content_of(&self, sender: Address) -> SenderContent {
        content_of(sender, self.inner.ledger.lock().book.queue(&sender))
    }

    /// Counts.
    pub fn status(&self) -> PoolStatus {
        let ledger = self.inner.ledger.lock();
        let totals = ledger.book.totals();
        PoolStatus {
            pending: totals.executable,
            queued: totals.gapped,
            queued_bytes: totals.gapped_bytes,
            pending_slots: totals.executable_slots,
            pending_slots_max: ledger.book.executable_slots_max(),
            tip_min: ledger.book.tip_min(),
        }
    }

    /// Why a transaction was dropped, if that was lately.
    pub fn dropped(&self, hash: &B256) -> Option<DropReason> {
        self.inner.ledger.lock().dropped.get(hash)
    }

    /// Up to `max` drops since a mark, oldest first, of those whose reason is remembered; a mark of 0
    /// stands before all of them.
    pub fn drops_since(&self, mark: u64, max: usize) -> RecentDrops {
        let ledger = self.inner.ledger.lock();
        let (drops, mark, missed) = ledger.dropped.since(mark, max);
        RecentDrops {
            drops,
            mark,
            missed,
        }
    }

    /// The limits this pool was opened with.
    pub fn config(&self) -> &PoolConfig {
        &self.inner.config
    }

    /// Transactions as they become executable, without the private lane.
    pub fn subscribe_pending(&self) -> broadcast::Receiver<Arc<PoolTx>> {
        self.inner.pending.subscribe()
    }

    /// What happens to transactions, once it is durable.
    pub fn subscribe_events(&self) -> broadcast::Receiver<PoolEvent> {
        self.inner.events.subscribe()
    }

    /// Holds the reason once the journal has failed for good: the process must then exit and
    /// recover from disk (`RELIABILITY.md` D6).
    pub fn fatal(&self) -> watch::Receiver<Option<JournalError>> {
        self.inner.fatal.subscribe()
    }

    /// Figures of the journal; `None` for an ephemeral pool.
    pub fn journal_stats(&self) -> Option<JournalStats> {
        self.inner.journal.get().map(crate::journal::Journal::stats)
    }
}

fn content_of(sender: Address, queue: Option<&Queue>) -> SenderContent {
    let shown = queue.into_iter().flat_map(Queue::iter);
    let shown = shown.filter(|entry| entry.durable && !entry.tx.private);
    let (pending, queued): (Vec<_>, Vec<_>) = shown.partition(|entry| entry.executable);
    let txs = |part: Vec<&crate::queue::Entry>| {
        part.into_iter()
            .map(|entry| Arc::clone(&entry.tx))
            .collect()
    };
    SenderContent {
        sender,
        pending: txs(pending),
        queued: txs(queued),
    }
}
