//! Forgetting what is kept for a time only.

use crate::{CommitError, DroppedTx, Store, Table};
use core::ops::ControlFlow;

/// Rows that one call deletes at most.
const EXPIRE_ROWS_MAX: usize = 10_000;

impl Store {
    /// Forgets dropped transactions and blobs that are older than the given unix seconds, a bounded
    /// number at a time; says how many. Called now and then, from no hot path.
    ///
    /// # Errors
    /// [`CommitError`]: nothing was deleted.
    pub fn expire(&self, dropped_before: u64, blobs_before: u64) -> Result<usize, CommitError> {
        self.check_poison()?;
        let _turn = self.inner.writing.lock();
        let mut found: Vec<(Table, Vec<u8>)> = Vec::new();
        self.read(|tx| {
            let mut scan = |table, before: u64, time: fn(&[u8]) -> Option<u64>| {
                tx.walk(table, &[], &mut |key, value| {
                    if time(value).is_none_or(|time| time < before) {
                        found.push((table, key.to_vec()));
                    }
                    if found.len() < EXPIRE_ROWS_MAX {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                })
            };
            scan(Table::FgDropped, dropped_before, |v| {
                DroppedTx::decode(v).map(|d| d.time)
            })?;
            scan(Table::FgBlobs, blobs_before, |v| {
                v.first_chunk().map(|t| u64::from_be_bytes(*t))
            })?;
            Ok(())
        })?;
        if found.is_empty() {
            return Ok(0);
        }
        let mut tx = self.inner.db.write()?;
        for (table, key) in &found {
            tx.delete(*table, key)?;
        }
        self.finish(tx)?;
        Ok(found.len())
    }
}
