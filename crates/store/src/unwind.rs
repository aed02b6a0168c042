//! Taking blocks away again.
//!
//! The state goes back by the change sets, the tries by applying that same reverse diff to them; the
//! resulting root must be the one in the header of the block that becomes the tip. What other tables
//! tell by block number goes with the blocks. Code, tensors and message-passer nodes stay: they
//! are found by hash only, so nobody sees them.

use crate::{
    CommitError, RemovedBlock, StoreError, Table,
    backend::{ReadTx, WriteTx},
    chain, history, keys,
    record::SafeAtL1,
    records::delete_from,
    state::{self, Remember},
    write::Tip,
};
use alloy_primitives::keccak256;
use foggara_primitives::L2Ref;

/// Takes away the blocks above `to`; gives them back, oldest first.
pub(crate) fn unwind(
    tx: &mut dyn WriteTx,
    tip: &mut Tip,
    to: u64,
) -> Result<Vec<RemovedBlock>, CommitError> {
    let head = tip.heads.unsafe_.number;
    let finalized = tip.heads.finalized.number;
    if to < finalized {
        return Err(CommitError::BelowFinalized { to, finalized });
    }
    if to > head {
        return Err(CommitError::Invalid(format!(
            "cannot unwind to {to}, the head is {head}"
        )));
    }
    if to == head {
        return Ok(Vec::new());
    }
    let oldest = history::oldest(tx)?;
    if to < oldest {
        return Err(StoreError::Pruned { block: to, oldest }.into());
    }
    let diff = history::reverse_diff(tx, to, head, usize::MAX)?;
    let nodes = history::revert_nodes(tx, to, head, &diff)?;
    state::write_diff(tx, &diff, Remember::Nothing)?;
    state::write_nodes(tx, &nodes)?;
    let first = to.saturating_add(1);
    let mut removed = Vec::new();
    for n in first..=head {
        history::forget(tx, n)?;
        removed.push(remove_block(tx, n)?);
    }
    for table in [
        Table::FgCursor,
        Table::FgTrace,
        Table::FgPosted,
        Table::FgPasserRoots,
    ] {
        delete_from(tx, table, first)?;
    }
    let new = chain::l2_ref(tx, to)?.ok_or(StoreError::UnknownBlock(to))?;
    forget_safe_above(tx, &new)?;
    tip.heads.unsafe_ = new;
    if tip.heads.safe.number > to {
        tip.heads.safe = new;
    }
    tip.generation = tip.generation.saturating_add(1);
    Ok(removed)
}

fn remove_block(tx: &mut dyn WriteTx, n: u64) -> Result<RemovedBlock, StoreError> {
    let block = chain::block(tx, n)?.ok_or(StoreError::UnknownBlock(n))?;
    let receipts = chain::receipts(tx, n)?.ok_or(StoreError::UnknownBlock(n))?;
    let key = keys::number(n);
    if let Some(body) = chain::indices(tx, n)? {
        for (number, raw) in (body.first..body.end()).zip(&block.transactions) {
            let key = keys::number(number);
            tx.delete(Table::Transactions, &key)?;
            tx.delete(Table::TransactionSenders, &key)?;
            tx.delete(Table::Receipts, &key)?;
            tx.delete(Table::TransactionHashNumbers, keccak256(raw).as_slice())?;
        }
        if let Some(last) = body.end().checked_sub(1).filter(|_| body.count > 0) {
            tx.delete(Table::TransactionBlocks, &keys::number(last))?;
        }
    }
    tx.delete(Table::HeaderNumbers, block.hash.as_slice())?;
    for table in [
        Table::CanonicalHeaders,
        Table::Headers,
        Table::BlockBodyIndices,
    ] {
        tx.delete(table, &key)?;
    }
    Ok(RemovedBlock { block, receipts })
}

/// Forgets the safe heads that lie above `to`. They rise with the L1 block, so they are the last rows;
/// the first of them was the row of `to` before more blocks came from the same L1 block.
fn forget_safe_above(tx: &mut dyn WriteTx, new: &L2Ref) -> Result<(), StoreError> {
    let table = Table::FgSafeAtL1;
    let mut first = None;
    while let Some((key, row)) = last_safe(tx)?.filter(|(_, row)| row.safe.number > new.number) {
        tx.delete(table, &key)?;
        first = Some((key, row.l1_hash));
    }
    let Some((key, l1_hash)) = first else {
        return Ok(());
    };
    // Genesis came from no L1 block.
    let is_genesis = match new.number.checked_sub(1) {
        Some(n) => chain::hash(tx, n)?.is_none(),
        None => true,
    };
    if is_genesis {
        return Ok(());
    }
    if last_safe(tx)?.is_none_or(|(_, row)| row.safe.number < new.number) {
        tx.put(
            table,
            &key,
            &SafeAtL1 {
                l1_hash,
                safe: *new,
            }
            .encode(),
        )?;
    }
    Ok(())
}

fn last_safe(tx: &dyn ReadTx) -> Result<Option<(Vec<u8>, SafeAtL1)>, StoreError> {
    let table = Table::FgSafeAtL1;
    let Some((key, value)) = tx.seek_back(table, None)? else {
        return Ok(None);
    };
    let row = SafeAtL1::decode(&value).ok_or_else(|| chain::damaged(table, "does not decode"))?;
    Ok(Some((key.into_owned(), row)))
}
