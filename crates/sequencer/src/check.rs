//! The self-check: a built block is executed once more before anybody hears of it
//! (`RELIABILITY.md` section 4).

use alloy_consensus::Header;
use alloy_primitives::B256;
use foggara_primitives::{ChainSpec, PayloadAttributes};
use foggara_stf::{ExecError, ExecutedBlock, PreparedTx, Source, TxError, begin};
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
    let mut open = begin(spec, parent, parent_hash, attributes, state)?;
    for (raw, sender) in block.transactions.iter().zip(&block.senders) {
        let Ok(tx) = PreparedTx::decode_unrecovered(raw) else {
            return Ok(false);
        };
        match open.tx(&PreparedTx::with_sender(raw.clone(), tx, *sender)) {
            Ok(_) => {}
            Err(TxError::Fatal(source)) => return Err(source.into()),
            Err(TxError::Invalid(_) | TxError::Cancelled) => return Ok(false),
        }
    }
    Ok(open.end()? == *block)
}
