//! What a commit writes beside its blocks: labels, and records told by block, by L1 block or by name.

use crate::{
    Commit, CommitError, DbError, StoreError, Table,
    backend::WriteTx,
    chain, keys,
    record::{SafeAtL1, encode_blob},
    write::{Tip, invalid},
};
use core::ops::ControlFlow;
use foggara_primitives::{BlockId, Heads};

/// Prefix of the names in `Metadata` that are the store's own.
const OWN_PREFIX: &str = "store.";

/// Headers of L1 blocks that one commit forgets at most.
const L1_FORGET_MAX: usize = 1_000;

/// Moves the safe and finalized labels, and writes what is told by block or by L1 block.
pub(crate) fn write_labels(
    tx: &mut dyn WriteTx,
    tip: &mut Tip,
    batch: &Commit,
) -> Result<(), CommitError> {
    let canonical = |tx: &dyn WriteTx, id: BlockId| {
        let found = chain::canonical(tx, id)?;
        found.ok_or_else(|| invalid(format!("block {} {} is not canonical", id.number, id.hash)))
    };
    for (n, cursor) in &batch.cursors {
        expect_block(tx, tip, *n)?;
        tx.put(Table::FgCursor, &keys::number(*n), &cursor.encode())?;
    }
    for (n, trace) in &batch.traces {
        expect_block(tx, tip, *n)?;
        tx.put(Table::FgTrace, &keys::number(*n), &trace.encode())?;
    }
    if let Some(l1) = batch.l1_reorged_above {
        for table in [Table::FgSafeAtL1, Table::FgL1Blocks] {
            delete_from(tx, table, l1.saturating_add(1))?;
        }
    }
    if let Some(l1) = batch.l1_forget_below {
        forget_l1_below(tx, l1)?;
    }
    for block in &batch.l1_blocks {
        tx.put(
            Table::FgL1Blocks,
            &keys::number(block.header.number),
            &block.encode(),
        )?;
    }
    for (l1, l2) in &batch.safe_at_l1 {
        let row = SafeAtL1 {
            l1_hash: l1.hash,
            safe: canonical(tx, *l2)?,
        };
        tx.put(Table::FgSafeAtL1, &keys::number(l1.number), &row.encode())?;
    }
    let Heads { finalized, .. } = tip.heads;
    if let Some(id) = batch.safe {
        if id.number < finalized.number {
            return Err(CommitError::BelowFinalized {
                to: id.number,
                finalized: finalized.number,
            });
        }
        tip.heads.safe = canonical(tx, id)?;
    }
    if let Some(id) = batch.finalized {
        if id.number < finalized.number {
            return Err(CommitError::BelowFinalized {
                to: id.number,
                finalized: finalized.number,
            });
        }
        if id.number > tip.heads.safe.number {
            return Err(invalid(format!("block {} is not safe yet", id.number)));
        }
        tip.heads.finalized = canonical(tx, id)?;
    }
    Ok(())
}

fn forget_l1_below(tx: &mut dyn WriteTx, l1: u64) -> Result<(), StoreError> {
    let mut found = Vec::new();
    tx.walk(Table::FgL1Blocks, &[], &mut |key, _| {
        if found.len() >= L1_FORGET_MAX || keys::leading_number(key).is_none_or(|n| n >= l1) {
            return ControlFlow::Break(());
        }
        found.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    for key in found {
        tx.delete(Table::FgL1Blocks, &key)?;
    }
    Ok(())
}

fn expect_block(tx: &dyn WriteTx, tip: &Tip, n: u64) -> Result<(), CommitError> {
    if n > tip.heads.unsafe_.number || chain::hash(tx, n)?.is_none() {
        return Err(invalid(format!("there is no block {n}")));
    }
    Ok(())
}

/// Writes what is told by neither block nor head.
pub(crate) fn write_records(tx: &mut dyn WriteTx, batch: &Commit) -> Result<(), CommitError> {
    for (hash, time, blob) in &batch.blobs {
        tx.put(Table::FgBlobs, hash.as_slice(), &encode_blob(*time, blob))?;
    }
    for (n, posted) in &batch.posted {
        let posted = posted.as_ref().map(|posted| posted.encode());
        put_or_delete(tx, Table::FgPosted, &keys::number(*n), posted.as_ref())?;
    }
    for (acc, frame) in &batch.frames {
        tx.put(Table::FgFrames, acc.as_slice(), &frame.encode())?;
    }
    for acc in &batch.frames_done {
        tx.delete(Table::FgFrames, acc.as_slice())?;
    }
    for ((role, nonce), intent) in &batch.intents {
        put_or_delete(
            tx,
            Table::FgIntents,
            &keys::intent(*role, *nonce),
            intent.as_ref(),
        )?;
    }
    for (hash, dropped) in &batch.dropped {
        tx.put(Table::FgDropped, hash.as_slice(), &dropped.encode())?;
    }
    for (name, value) in &batch.metadata {
        if name.starts_with(OWN_PREFIX) {
            return Err(invalid(format!("the name {name} belongs to the store")));
        }
        put_or_delete(tx, Table::Metadata, name.as_bytes(), value.as_ref())?;
    }
    Ok(())
}

fn put_or_delete(
    tx: &mut dyn WriteTx,
    table: Table,
    key: &[u8],
    value: Option<&impl AsRef<[u8]>>,
) -> Result<(), DbError> {
    match value {
        Some(value) => tx.put(table, key, value.as_ref()),
        None => tx.delete(table, key).map(drop),
    }
}

/// Deletes the rows of a table keyed by number from `from` on.
pub(crate) fn delete_from(tx: &mut dyn WriteTx, table: Table, from: u64) -> Result<(), StoreError> {
    let mut found = Vec::new();
    tx.walk(table, &keys::number(from), &mut |key, _| {
        found.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    for key in found {
        tx.delete(table, &key)?;
    }
    Ok(())
}
