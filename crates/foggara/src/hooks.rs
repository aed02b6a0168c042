//! Keeps accepted transactions alive while blocks are unwound.

use crate::pool_state::DurableState;
use async_trait::async_trait;
use foggara_pool::{LostTx, Pool, PoolTx};
use foggara_primitives::L2Ref;
use foggara_store::StoredBlock;
use foggara_verifier::{HookError, Hooks};
use parking_lot::Mutex;
use std::sync::Arc;

/// Returns the transactions of unwound blocks to the pool: journalled before the unwind commits,
/// offered again after it.
#[derive(Debug)]
pub(crate) struct Requeue {
    pool: Pool,
    state: DurableState,
    journalled: Mutex<Vec<Arc<PoolTx>>>,
}

impl Requeue {
    pub(crate) const fn new(pool: Pool, state: DurableState) -> Self {
        Self {
            pool,
            state,
            journalled: Mutex::new(Vec::new()),
        }
    }
}

#[async_trait]
impl Hooks for Requeue {
    async fn unwinding(&self, removed: &[StoredBlock]) -> Result<(), HookError> {
        let lost: Vec<LostTx> = removed
            .iter()
            .flat_map(|block| block.transactions.iter().zip(&block.senders))
            .map(|(raw, sender)| LostTx {
                raw: raw.clone(),
                sender: *sender,
            })
            .collect();
        let fail = |error: foggara_pool::JournalError| HookError(error.to_string());
        *self.journalled.lock() = self.pool.journal_requeue(&lost).await.map_err(fail)?;
        Ok(())
    }

    async fn unwound(&self, removed: &[StoredBlock], head: L2Ref) -> Result<(), HookError> {
        let fees = self
            .state
            .try_fees()
            .map_err(|error| HookError(error.to_string()))?;
        let back = std::mem::take(&mut *self.journalled.lock());
        tracing::info!(
            blocks = removed.len(),
            transactions = back.len(),
            head = head.number,
            "chain.unwound"
        );
        self.pool
            .reinject(back, fees)
            .map_err(|error| HookError(error.to_string()))
    }
}
