//! Fills one block.

use crate::{SequencerError, tip::Tip};
use alloy_primitives::B256;
use foggara_pool::{Pool, PoolTx};
use foggara_primitives::{ChainSpec, PayloadAttributes, constants::DEPOSIT_TX_TYPE};
use foggara_stf::{ExecError, ExecutedBlock, InvalidTx, PreparedTx, Source, TxError, begin};
use std::{sync::Arc, time::Instant};

/// Backlog of unposted bytes from which the data budget binds.
const BACKLOG_LOW_BYTES: u64 = 1_000_000;
/// Backlog at which the data budget is at its floor.
const BACKLOG_HIGH_BYTES: u64 = 4_000_000;
/// Data budget of one block, from where it begins to bind down to its floor.
const BLOCK_BYTES: (u64, u64) = (130_000, 2_000);
/// Data budget of one transaction, likewise.
const TX_BYTES: (u64, u64) = (20_000, 150);

/// Data that a block may take, by estimate of its compressed size (`ROLLUP.md` section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaBudget {
    /// Bytes of the whole block; `None` is no bound.
    pub block: Option<u64>,
    /// Bytes of one transaction.
    pub tx: Option<u64>,
}

impl DaBudget {
    /// The budget at a backlog of unposted bytes: none below 1 MB, then falling linearly until 4 MB.
    pub fn at_backlog(bytes: u64) -> Self {
        if bytes < BACKLOG_LOW_BYTES {
            return Self {
                block: None,
                tx: None,
            };
        }
        let above = bytes.min(BACKLOG_HIGH_BYTES) - BACKLOG_LOW_BYTES;
        let range = BACKLOG_HIGH_BYTES - BACKLOG_LOW_BYTES;
        let at = |(high, low): (u64, u64)| Some(high - (high - low) * above / range);
        Self {
            block: at(BLOCK_BYTES),
            tx: at(TX_BYTES),
        }
    }
}

/// Why a pool transaction was passed over for this block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// Validation failed; its sender was set aside.
    Invalid {
        /// The transaction.
        hash: B256,
        /// Why.
        reason: InvalidTx,
    },
    /// It does not fit into what is left of gas or data.
    NoRoom {
        /// The transaction.
        hash: B256,
    },
}

/// What one block is built from.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) parent: Tip,
    pub(crate) attributes: PayloadAttributes,
    pub(crate) budget: DaBudget,
    /// When filling stops.
    pub(crate) deadline: Instant,
    /// Transactions that may not be taken: suspects of a failed self-check.
    pub(crate) quarantine: Vec<B256>,
}

/// A sealed block and what was passed over on the way.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) block: ExecutedBlock,
    pub(crate) skipped: Vec<Skipped>,
}

/// Executes the attributes' own transactions, then takes the pool's best until gas, data or time run
/// out, and seals.
pub(crate) fn build<S: Source>(job: &Job, pool: &Pool, state: S) -> Result<Built, SequencerError> {
    let number = job.parent.header.number.saturating_add(1);
    let fail = |source: ExecError| match source {
        ExecError::Source(source) => SequencerError::Source(source),
        source => SequencerError::Build { number, source },
    };
    let mut open = begin(
        &job.spec,
        &job.parent.header,
        job.parent.hash,
        &job.attributes,
        state,
    )
    .map_err(fail)?;
    for (index, raw) in job.attributes.transactions.iter().enumerate() {
        let deposit = |reason| fail(ExecError::Deposit { index, reason });
        debug_assert_eq!(raw.first(), Some(&DEPOSIT_TX_TYPE));
        let tx = PreparedTx::decode(raw.clone()).map_err(deposit)?;
        open.tx(&tx).map_err(|error| match error {
            TxError::Invalid(reason) => deposit(reason),
            TxError::Fatal(source) => source.into(),
            TxError::Cancelled => SequencerError::Thread("builder"),
        })?;
    }
    let mut skipped = Vec::new();
    if !job.attributes.no_tx_pool {
        let mut data_left = job.budget.block.unwrap_or(u64::MAX);
        let mut best = pool.best(open.base_fee());
        while let Some(tx) = best.next() {
            if Instant::now() >= job.deadline {
                break;
            }
            let fits = tx.gas_limit <= open.gas_left()
                && tx.da_size <= data_left.min(job.budget.tx.unwrap_or(u64::MAX));
            if !fits || job.quarantine.contains(&tx.hash) {
                skipped.push(Skipped::NoRoom { hash: tx.hash });
                best.skip_sender(tx.sender);
                continue;
            }
            match open.tx(&prepared(&tx)) {
                Ok(_) => data_left = data_left.saturating_sub(tx.da_size),
                Err(TxError::Invalid(reason)) => {
                    skipped.push(Skipped::Invalid {
                        hash: tx.hash,
                        reason,
                    });
                    best.skip_sender(tx.sender);
                }
                Err(TxError::Fatal(source)) => return Err(source.into()),
                Err(TxError::Cancelled) => return Err(SequencerError::Thread("builder")),
            }
        }
    }
    Ok(Built {
        block: open.end().map_err(fail)?,
        skipped,
    })
}

/// Whether a transaction that was refused for this reason will be refused in every later block: its own
/// bytes are at fault, not the state that it met.
pub(crate) const fn is_permanent(reason: &InvalidTx) -> bool {
    // Nonces, balances, code and prices the pool follows itself.
    matches!(
        reason,
        InvalidTx::Decode(_)
            | InvalidTx::Signature
            | InvalidTx::TypeNotSupported(_)
            | InvalidTx::ChainId { .. }
            | InvalidTx::NonceMax(_)
            | InvalidTx::CostOverflow
            | InvalidTx::IntrinsicGas { .. }
            | InvalidTx::FloorGas { .. }
            | InvalidTx::TipAboveFeeCap { .. }
            | InvalidTx::GasCap { .. }
            | InvalidTx::InitCode { .. }
            | InvalidTx::EmptyAuthorizationList
            | InvalidTx::Blob(_)
            | InvalidTx::Rule(_)
    )
}

fn prepared(tx: &PoolTx) -> PreparedTx {
    PreparedTx {
        raw: tx.raw.clone(),
        tx: tx.tx.clone(),
        sender: tx.sender,
        hash: tx.hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_budget_falls_linearly_between_its_bounds() {
        assert_eq!(
            DaBudget::at_backlog(999_999),
            DaBudget {
                block: None,
                tx: None
            }
        );
        assert_eq!(
            DaBudget::at_backlog(1_000_000),
            DaBudget {
                block: Some(130_000),
                tx: Some(20_000)
            }
        );
        assert_eq!(
            DaBudget::at_backlog(2_500_000),
            DaBudget {
                block: Some(66_000),
                tx: Some(10_075)
            }
        );
        assert_eq!(
            DaBudget::at_backlog(4_000_000),
            DaBudget {
                block: Some(2_000),
                tx: Some(150)
            }
        );
        assert_eq!(
            DaBudget::at_backlog(u64::MAX),
            DaBudget {
                block: Some(2_000),
                tx: Some(150)
            }
        );
    }
}
