//! Opening a pool: recovery of its journal (`RELIABILITY.md` section 3, steps 4 and 5).

use crate::{
    JournalError, OpenError, Pool, PoolConfig, PoolState, PoolTx,
    book::{Book, Limits, Removed},
    inner::{Back, Inner},
    journal::{Accepted, FolderFiles, Journal, JournalConfig, JournalFiles, recover},
    ledger::{Ledger, account_in},
    tx::Decoded,
    workers,
};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256};
use parking_lot::Mutex;
use std::{
    path::Path,
    sync::{Arc, OnceLock},
};
use tokio::sync::{Semaphore, broadcast, watch};

impl Pool {
    /// Opens the pool and recovers its journal from the folder `dir`: what `included` knows is
    /// forgotten, the rest is put back in the order of acceptance, and what the accounts no longer
    /// allow is dropped with its reason. Without `dir` the pool is ephemeral.
    ///
    /// The folder must be this process's alone (the store's lock sees to that).
    ///
    /// # Errors
    /// - [`OpenError::Journal`]: damaged media (says where), or the folder cannot be read.
    /// - [`OpenError::State`]: the state could not be read.
    /// - [`OpenError::Thread`]: a thread could not be started.
    pub fn open(
        dir: Option<&Path>,
        config: PoolConfig,
        state: Arc<dyn PoolState>,
        included: &dyn Fn(&B256) -> bool,
    ) -> Result<Self, OpenError> {
        let io = |error: std::io::Error| JournalError::Io {
            reason: error.to_string(),
        };
        let files = match dir {
            Some(dir) => Some(Box::new(FolderFiles::open(dir).map_err(io)?) as Box<_>),
            None => None,
        };
        Self::open_on(files, config, state, included)
    }

    /// [`Self::open`] over any journal folder; `None` is ephemeral.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        files: Option<Box<dyn JournalFiles>>,
        config: PoolConfig,
        state: Arc<dyn PoolState>,
        included: &dyn Fn(&B256) -> bool,
    ) -> Result<Self, OpenError> {
        let book = Book::new(Limits::from(&config), state.fees());
        let mut ledger = Ledger::new(book, config.dropped_max);
        let mut recovered = None;
        let mut removed = Removed::new();
        if let Some(mut files) = files {
            let mut found = recover(&mut *files)?;
            let now_ms = config.clock.now_ms();
            ledger.expired_ms = now_ms;
            for (hash, reason) in found.dropped.drain(..) {
                ledger.dropped.insert(hash, reason);
            }
            for (hash, record) in std::mem::take(&mut found.accepted) {
                ledger.dropped.remove(&hash);
                ledger.next_arrival = ledger.next_arrival.max(record.arrival.saturating_add(1));
                if included(&hash) {
                    found.index.unset(&hash);
                    continue;
                }
                removed.extend(readmit(&mut ledger, &config, &*state, record, now_ms)?);
            }
            removed.extend(ledger.book.enforce(now_ms));
            removed.extend(ledger.book.expire(now_ms));
            let _ = ledger.book.take_announcements();
            recovered = Some((files, found));
        }
        let drops = ledger.drop_all(removed);
        let messages = config.subscriber_messages_max.max(1);
        let permits = config.in_flight_bytes_max.min(Semaphore::MAX_PERMITS);
        let journal_config = JournalConfig {
            segment_bytes: config.journal_segment_bytes,
            segments_max: config.journal_segments_max,
            batch_bytes_max: config.in_flight_bytes_max,
        };
        let threads = config.admission_threads;
        let inner = Arc::new(Inner {
            config,
            state,
            ledger: Mutex::new(ledger),
            journal: OnceLock::new(),
            jobs: Arc::default(),
            in_flight: Arc::new(Semaphore::new(permits)),
            closed: Mutex::new(None),
            arrivals: watch::channel(0).0,
            pending: broadcast::channel(messages).0,
            events: broadcast::channel(messages).0,
            fatal: watch::channel(None).0,
        });
        if let Some((files, found)) = recovered {
            let back = Box::new(Back(Arc::downgrade(&inner)));
            let journal =
                Journal::start(files, journal_config, found, back).map_err(OpenError::Thread)?;
            // Set nowhere else, so it is empty.
            let _ = inner.journal.set(journal);
        }
        workers::start(&inner, threads).map_err(OpenError::Thread)?;
        inner.submit(inner.ledger.lock(), drops);
        Ok(Self { inner })
    }
}

/// Puts a journalled transaction back; returns it if that is impossible, with the reason.
fn readmit(
    ledger: &mut Ledger,
    config: &PoolConfig,
    state: &dyn PoolState,
    record: Accepted,
    now_ms: u64,
) -> Result<Removed, OpenError> {
    let (sender, requeued) = (record.sender, record.requeued);
    let fees = *ledger.book.fees();
    let Some(mut tx) = build(config, state, &fees, record.raw, sender) else {
        // Checked when it was accepted, so only another chain or another release comes here.
        return Ok(Removed::new());
    };
    tx.arrival = record.arrival;
    tx.accepted_ms = record.accepted_ms;
    tx.requeued = requeued;
    tx.private = record.private;
    if requeued > 0 {
        ledger.requeues.insert(tx.hash, requeued);
    }
    let account = match ledger.book.queue(&sender) {
        Some(queue) => queue.account,
        None => account_in(state, sender)?,
    };
    Ok(ledger.book.restore(Arc::new(tx), account, true, now_ms))
}

/// A pool transaction from bytes whose sender is known. `None` if they do not decode to a
/// transaction of this chain.
pub(crate) fn build(
    config: &PoolConfig,
    state: &dyn PoolState,
    fees: &crate::HeadFees,
    raw: alloy_primitives::Bytes,
    sender: Address,
) -> Option<PoolTx> {
    let decoded = Decoded::new(raw).ok()?;
    if decoded.tx.chain_id() != Some(config.chain_id) {
        return None;
    }
    let quote = state.quote(fees, &decoded.raw, decoded.tx.gas_limit());
    let cost = decoded.own_cost();
    Some(PoolTx {
        sender,
        hash: decoded.hash,
        nonce: decoded.tx.nonce(),
        gas_limit: decoded.tx.gas_limit(),
        max_fee: decoded.tx.max_fee_per_gas(),
        max_tip: decoded.max_tip(),
        cost: cost
            .saturating_add(quote.l1_cost)
            .saturating_add(quote.operator_cost),
        da_size: quote.da_size,
        arrival: 0,
        accepted_ms: 0,
        requeued: 0,
        private: false,
        authorities: decoded.authorities(config.chain_id),
        raw: decoded.raw,
        tx: decoded.tx,
    })
}
