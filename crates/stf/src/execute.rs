//! Whole blocks as folds of the sub-steps.

use crate::{ExecError, ExecutedBlock, InvalidTx, Open, PreparedTx, Source, TxError, begin};
use alloc::{string::String, sync::Arc, vec::Vec};
use alloy_consensus::Header;
use alloy_primitives::{B256, keccak256};
use foggara_primitives::{ChainSpec, PayloadAttributes, SourceError, constants::DEPOSIT_TX_TYPE};

/// What derived attributes became (`ROLLUP.md` section 5.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executed {
    /// Every transaction ran.
    Full(ExecutedBlock),
    /// A transaction was invalid: the block holds the deposits only, and the rest of that span
    /// batch and channel is to be discarded.
    DepositsOnly {
        /// The block.
        block: ExecutedBlock,
        /// Index of the transaction in the attributes.
        index: usize,
        /// Why it was invalid.
        reason: InvalidTx,
    },
}

impl Executed {
    /// The block, whichever it is.
    pub const fn block(&self) -> &ExecutedBlock {
        match self {
            Self::Full(block) | Self::DepositsOnly { block, .. } => block,
        }
    }

    /// The block, whichever it is.
    pub fn into_block(self) -> ExecutedBlock {
        match self {
            Self::Full(block) | Self::DepositsOnly { block, .. } => block,
        }
    }

    /// Whether every transaction ran.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

/// Executes derived attributes: in full, or with deposits only if a transaction is undecodable,
/// unrecoverable, invalid or beyond the gas left. Nothing else exists.
///
/// # Errors
/// - [`ExecError::Deposit`]: a deposit makes the block invalid.
/// - [`ExecError::Timestamp`], [`ExecError::Overflow`]: the attributes do not follow the parent.
/// - [`ExecError::Source`], [`ExecError::Trie`]: the source is broken.
///
/// All of them are fatal: derivation cannot go on.
pub fn execute_block<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    mut source: S,
) -> Result<Executed, ExecError> {
    match run(spec, parent, parent_hash, attributes, &mut source)? {
        Ok(open) => open.end().map(Executed::Full),
        Err((index, reason)) => {
            let deposits = attributes.deposits_only();
            match run(spec, parent, parent_hash, &deposits, &mut source)? {
                Ok(open) => {
                    let block = open.end()?;
                    Ok(Executed::DepositsOnly {
                        block,
                        index,
                        reason,
                    })
                }
                Err((index, reason)) => Err(ExecError::Deposit { index, reason }),
            }
        }
    }
}

/// Executes a block whose transactions are known to be valid: a self-check, a replica, a replay.
/// Never falls back to deposits only.
///
/// # Errors
/// As [`execute_block`]; [`ExecError::Invalid`]: a transaction is not valid after all.
pub fn replay_block<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    source: S,
) -> Result<ExecutedBlock, ExecError> {
    match run(spec, parent, parent_hash, attributes, source)? {
        Ok(open) => open.end(),
        Err((index, reason)) => {
            let raw = attributes
                .transactions
                .get(index)
                .map_or(&[][..], |raw| raw.as_ref());
            Err(ExecError::Invalid {
                index,
                hash: keccak256(raw),
                reason,
            })
        }
    }
}

/// As [`replay_block`], with transactions that are already decoded and whose senders are known, in
/// place of those in the attributes: no signature is recovered again.
///
/// # Errors
/// As [`replay_block`].
pub fn replay_prepared<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    transactions: &[PreparedTx],
    source: S,
) -> Result<ExecutedBlock, ExecError> {
    match run_prepared(spec, parent, parent_hash, attributes, transactions, source)? {
        Ok(open) => open.end(),
        Err((index, reason)) => {
            let hash = transactions.get(index).map_or(B256::ZERO, |tx| tx.hash);
            Err(ExecError::Invalid {
                index,
                hash,
                reason,
            })
        }
    }
}

type Refusal = (usize, InvalidTx);

/// Runs all transactions of the attributes; the inner error names the first invalid one.
fn run<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    source: S,
) -> Result<Result<Open<S>, Refusal>, ExecError> {
    let mut prepared = Vec::with_capacity(attributes.transactions.len());
    for (index, raw) in attributes.transactions.iter().enumerate() {
        match PreparedTx::decode(raw.clone()) {
            Ok(tx) => prepared.push(tx),
            Err(reason) => return refuse(index, raw, reason),
        }
    }
    run_prepared(spec, parent, parent_hash, attributes, &prepared, source)
}

fn run_prepared<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    transactions: &[PreparedTx],
    source: S,
) -> Result<Result<Open<S>, Refusal>, ExecError> {
    let mut open = begin(spec, parent, parent_hash, attributes, source)?;
    for (index, tx) in transactions.iter().enumerate() {
        match open.tx(tx) {
            Ok(_) => {}
            Err(TxError::Invalid(reason)) => return refuse(index, &tx.raw, reason),
            Err(TxError::Fatal(error)) => return Err(error.into()),
            // No flag was given that could fire.
            Err(TxError::Cancelled) => {
                return Err(SourceError(String::from("execution was cancelled")).into());
            }
        }
    }
    Ok(Ok(open))
}

fn refuse<S: Source>(
    index: usize,
    raw: &[u8],
    reason: InvalidTx,
) -> Result<Result<Open<S>, Refusal>, ExecError> {
    if raw.first() == Some(&DEPOSIT_TX_TYPE) {
        return Err(ExecError::Deposit { index, reason });
    }
    Ok(Err((index, reason)))
}
