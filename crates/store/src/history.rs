//! The state at older blocks, and how it is forgotten.
//!
//! Every block leaves, per account and slot it changed, the value from before it (change sets, by
//! block) and a mark (histories, by account or slot). The value after block `n` is what the first
//! later change found, or else what stands in the flat state now.

use crate::{
    StoreError, Table,
    backend::{ReadTx, WriteTx},
    chain::{self, damaged},
    keys,
    record::{decode_account, decode_value},
    state::{self, HeadNodes},
};
use alloy_primitives::{Address, B256, U256};
use core::ops::ControlFlow;
use foggara_primitives::{AccountChange, AccountInfo, StateDiff};
use foggara_trie::{TrieOutcome, TrieUpdates};
use std::collections::BTreeMap;

/// Changed accounts and slots that are undone in memory at most for a proof of an older block.
pub const REVERT_ENTRIES_MAX: usize = 1_000_000;

/// Key of `PruneCheckpoints` under which the oldest block with state stands.
pub(crate) const OLDEST_STATE: &[u8] = b"state";

/// Blocks whose history a commit forgets, beyond one per block it appends: the window closes up when
/// it was shortened, without one commit paying for all of it.
const PRUNE_EXTRA: u64 = 4;

/// Oldest block whose state is kept.
pub(crate) fn oldest(tx: &dyn ReadTx) -> Result<u64, StoreError> {
    let decode = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).ok();
    let row = chain::record(tx, Table::PruneCheckpoints, OLDEST_STATE, decode)?;
    Ok(row.unwrap_or_default())
}

/// The account after block `n`.
pub(crate) fn account_at(
    tx: &dyn ReadTx,
    address: Address,
    n: u64,
) -> Result<Option<AccountInfo>, StoreError> {
    let from = keys::account_history(&address, n.saturating_add(1));
    let Some(m) = next_change(tx, Table::AccountsHistory, &from)? else {
        return state::account(tx, address);
    };
    let table = Table::AccountChangeSets;
    let key = keys::account_change(m, &address);
    let before = chain::record(tx, table, &key, decode_before)?;
    before.ok_or_else(|| damaged(table, format_args!("no change of {address} in block {m}")))
}

/// The slot after block `n`.
pub(crate) fn storage_at(
    tx: &dyn ReadTx,
    address: Address,
    slot: B256,
    n: u64,
) -> Result<U256, StoreError> {
    let from = keys::slot_history(&address, &slot, n.saturating_add(1));
    let Some(m) = next_change(tx, Table::StoragesHistory, &from)? else {
        return state::storage(tx, address, slot);
    };
    let table = Table::StorageChangeSets;
    let before = chain::record(
        tx,
        table,
        &keys::slot_change(m, &address, &slot),
        decode_value,
    )?;
    before.ok_or_else(|| {
        damaged(
            table,
            format_args!("no change of {address} {slot} in block {m}"),
        )
    })
}

/// Whether a slot has changed since block `n`.
pub(crate) fn has_changed(
    tx: &dyn ReadTx,
    address: Address,
    slot: B256,
    n: u64,
) -> Result<bool, StoreError> {
    let from = keys::slot_history(&address, &slot, n.saturating_add(1));
    Ok(next_change(tx, Table::StoragesHistory, &from)?.is_some())
}

/// The block of the first mark at or after `from` that has the same prefix.
fn next_change(tx: &dyn ReadTx, table: Table, from: &[u8]) -> Result<Option<u64>, StoreError> {
    let Some((found, _)) = tx.seek(table, from)? else {
        return Ok(None);
    };
    let (Some((prefix, _)), Some((found_prefix, n))) =
        (from.split_last_chunk::<8>(), found.split_last_chunk::<8>())
    else {
        return Ok(None);
    };
    Ok((prefix == found_prefix).then(|| u64::from_be_bytes(*n)))
}

/// An account in a change set: no bytes where there was none.
#[expect(
    clippy::option_option,
    reason = "the outer one is about bytes, the inner about accounts"
)]
fn decode_before(bytes: &[u8]) -> Option<Option<AccountInfo>> {
    if bytes.is_empty() {
        Some(None)
    } else {
        decode_account(bytes).map(Some)
    }
}

/// The diff that leads from block `from` back to block `to`.
///
/// # Errors
/// [`StoreError::TooFar`]: more than `limit` entries changed.
pub(crate) fn reverse_diff(
    tx: &dyn ReadTx,
    to: u64,
    from: u64,
    limit: usize,
) -> Result<StateDiff, StoreError> {
    let first = to.saturating_add(1);
    let mut infos = BTreeMap::new();
    let mut slots: BTreeMap<Address, BTreeMap<B256, U256>> = BTreeMap::new();
    let mut entries: usize = 0;
    let mut stop = None;
    // Blocks ascend, so what is found first is what was there before all of them.
    tx.walk(
        Table::AccountChangeSets,
        &keys::number(first),
        &mut |key, value| {
            let Some((n, address)) = split_account(key) else {
                stop = Some(damaged(Table::AccountChangeSets, "a key is malformed"));
                return ControlFlow::Break(());
            };
            entries = entries.saturating_add(1);
            if n > from || entries > limit {
                return ControlFlow::Break(());
            }
            match decode_before(value) {
                Some(before) => {
                    infos.entry(address).or_insert(before);
                }
                None => {
                    stop = Some(damaged(
                        Table::AccountChangeSets,
                        "an account does not decode",
                    ))
                }
            }
            ControlFlow::Continue(())
        },
    )?;
    tx.walk(
        Table::StorageChangeSets,
        &keys::number(first),
        &mut |key, value| {
            let Some((n, address, slot)) = split_slot(key) else {
                stop = Some(damaged(Table::StorageChangeSets, "a key is malformed"));
                return ControlFlow::Break(());
            };
            entries = entries.saturating_add(1);
            if n > from || entries > limit {
                return ControlFlow::Break(());
            }
            match decode_value(value) {
                Some(before) => {
                    slots
                        .entry(address)
                        .or_default()
                        .entry(slot)
                        .or_insert(before);
                }
                None => stop = Some(damaged(Table::StorageChangeSets, "a value does not decode")),
            }
            ControlFlow::Continue(())
        },
    )?;
    if let Some(error) = stop {
        return Err(error);
    }
    if entries > limit {
        return Err(StoreError::TooFar { block: to, limit });
    }
    let mut accounts = BTreeMap::new();
    for address in slots.keys() {
        if !infos.contains_key(address) {
            infos.insert(*address, state::account(tx, *address)?);
        }
    }
    for (address, info) in infos {
        let storage = slots.remove(&address).unwrap_or_default();
        let storage_wiped = info.is_none();
        let change = AccountChange {
            info,
            storage_wiped,
            new_code: None,
            storage,
        };
        accounts.insert(address, change);
    }
    Ok(StateDiff { accounts })
}

fn split_account(key: &[u8]) -> Option<(u64, Address)> {
    let address = keys::tail::<20>(key).filter(|_| key.len() == 28)?;
    Some((keys::leading_number(key)?, address.into()))
}

fn split_slot(key: &[u8]) -> Option<(u64, Address, B256)> {
    let slot = keys::tail::<32>(key).filter(|_| key.len() == 60)?;
    let address = key
        .get(8..28)
        .and_then(|bytes| Address::try_from(bytes).ok())?;
    Some((keys::leading_number(key)?, address, slot.into()))
}

/// The changes of the tries that lead from the head back to block `to`, checked against its root.
pub(crate) fn revert_nodes(
    tx: &dyn ReadTx,
    to: u64,
    head: u64,
    diff: &StateDiff,
) -> Result<TrieUpdates, StoreError> {
    let from_root = chain::expect_header(tx, head)?.header.state_root;
    let to_root = chain::expect_header(tx, to)?.header.state_root;
    let TrieOutcome { root, updates, .. } =
        foggara_trie::apply(&mut HeadNodes(tx), from_root, diff)
            .map_err(|error| StoreError::Damaged(format!("undoing to block {to}: {error}")))?;
    if root != to_root {
        return Err(StoreError::Damaged(format!(
            "undoing to block {to} gives state root {root}, its header has {to_root}"
        )));
    }
    Ok(updates)
}

/// Forgets the change sets and marks of block `n`.
pub(crate) fn forget(tx: &mut dyn WriteTx, n: u64) -> Result<(), StoreError> {
    for key in changes_of(tx, Table::AccountChangeSets, n)? {
        if let Some((_, address)) = split_account(&key) {
            tx.delete(Table::AccountsHistory, &keys::account_history(&address, n))?;
        }
        tx.delete(Table::AccountChangeSets, &key)?;
    }
    for key in changes_of(tx, Table::StorageChangeSets, n)? {
        if let Some((_, address, slot)) = split_slot(&key) {
            tx.delete(
                Table::StoragesHistory,
                &keys::slot_history(&address, &slot, n),
            )?;
        }
        tx.delete(Table::StorageChangeSets, &key)?;
    }
    Ok(())
}

fn changes_of(tx: &dyn ReadTx, table: Table, n: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    tx.walk(table, &keys::number(n), &mut |key, _| {
        if keys::leading_number(key) != Some(n) {
            return ControlFlow::Break(());
        }
        found.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Forgets a bounded number of the blocks that have left the window. What is not final stays: it may
/// have to be unwound.
pub(crate) fn prune(
    tx: &mut dyn WriteTx,
    window: u64,
    head: u64,
    finalized: u64,
    appended: u64,
) -> Result<(), StoreError> {
    let oldest = oldest(tx)?;
    let target = head.saturating_sub(window).min(finalized);
    let to = target.min(oldest.saturating_add(appended).saturating_add(PRUNE_EXTRA));
    if to <= oldest {
        return Ok(());
    }
    for n in oldest..to {
        forget(tx, n.saturating_add(1))?;
    }
    tx.put(Table::PruneCheckpoints, OLDEST_STATE, &to.to_be_bytes())?;
    Ok(())
}
