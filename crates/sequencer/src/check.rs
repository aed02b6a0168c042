//! The self-check: a built block is executed once more before anybody hears of it
//! (`RELIABILITY.md` section 4).

use alloy_consensus::Header;
use alloy_primitives::B256;
use foggara_primitives::{ChainSpec, PayloadAttributes};
use foggara_stf::{ExecError, ExecutedBlock, PreparedTx, Source, replay_prepared};
use std::sync::Arc;

/// Executes `block` again, from its bytes, on `state`, with nothing of the builder's but the parent's
/// header and the senders recovered at admission. True if every output agrees.
///
/// # Errors
/// [`ExecError`]: the state could not be read. A transaction that is refused this time is a mismatch,
/// not an error.
pub(crate) fn agrees<S: Source>(
    spec: &Arc<ChainSpec>,
    parent: &Header,
    parent_hash: B256,
    attributes: &PayloadAttributes,
    block: &ExecutedBlock,
    state: S,
) -> Result<bool, ExecError> {
    let mut transactions = Vec::with_capacity(block.transactions.len());
    for (raw, sender) in block.transactions.iter().zip(&block.senders) {
        let Ok(tx) = PreparedTx::decode_unrecovered(raw) else {
            return Ok(false);
        };
        transactions.push(PreparedTx::with_sender(raw.clone(), tx, *sender));
    }
    match replay_prepared(spec, parent, parent_hash, attributes, &transactions, state) {
        Ok(again) => Ok(again == *block),
        Err(ExecError::Deposit { .. } | ExecError::Invalid { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
