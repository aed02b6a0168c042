//! Read transactions that end on time.
//!
//! A read transaction keeps the pages of its moment from being used again, so none lives longer than
//! [`READER_AGE_MAX`] beside a working writer: every commit ends those that are older. Whoever still
//! holds one finds it gone and begins another (see `StateView`).

use crate::backend::ReadTx;
use core::fmt;
use parking_lot::Mutex;
use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

/// Age at which a commit ends a read transaction (`RELIABILITY.md` section 3).
pub const READER_AGE_MAX: Duration = Duration::from_secs(60);

/// The list of readers is swept when it reaches this length.
const SWEEP_AT: usize = 1_024;

/// A read transaction, shared by clones of a view, that the store may end.
pub(crate) struct Snapshot {
    tx: Mutex<Option<Box<dyn ReadTx + Send>>>,
    born: Instant,
}

impl Snapshot {
    /// Runs `f` on the transaction; `None` if it was ended.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&dyn ReadTx) -> R) -> Option<R> {
        self.tx.lock().as_deref().map(|tx| f(tx))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("age", &self.born.elapsed())
            .finish_non_exhaustive()
    }
}

/// The snapshots that are in use.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    live: Mutex<Vec<Weak<Snapshot>>>,
}

impl Readers {
    /// Takes over a transaction.
    pub(crate) fn add(&self, tx: Box<dyn ReadTx + Send>) -> Arc<Snapshot> {
        let snapshot = Arc::new(Snapshot {
            tx: Mutex::new(Some(tx)),
            born: Instant::now(),
        });
        let mut live = self.live.lock();
        if live.len() >= SWEEP_AT && live.len() == live.capacity() {
            live.retain(|reader| reader.strong_count() > 0);
        }
        live.push(Arc::downgrade(&snapshot));
        snapshot
    }

    /// Ends the transactions that are older than `age`; says how many.
    pub(crate) fn end_older_than(&self, age: Duration) -> usize {
        let mut ended: usize = 0;
        self.live.lock().retain(|reader| {
            let Some(reader) = reader.upgrade() else {
                return false;
            };
            if reader.born.elapsed() <= age {
                return true;
            }
            // A reader in the middle of a long scan is left to the next commit.
            match reader.tx.try_lock() {
                Some(mut tx) => {
                    *tx = None;
                    ended = ended.saturating_add(1);
                    false
                }
                None => true,
            }
        });
        ended
    }
}
