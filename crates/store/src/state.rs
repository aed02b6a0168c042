//! The flat state and the tries: how a block's changes are written, with what was there before.

use crate::{
    StoreError, Table,
    backend::{ReadTx, WriteTx},
    chain::{self, damaged},
    keys,
    record::{decode_account, decode_value, encode_account, encode_value},
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use core::ops::ControlFlow;
use foggara_primitives::{AccountChange, AccountInfo, SourceError, StateDiff};
use foggara_trie::{Nibbles, NodeSource, TrieUpdates};
use std::collections::BTreeMap;

/// The account at the unsafe head.
pub(crate) fn account(
    tx: &dyn ReadTx,
    address: Address,
) -> Result<Option<AccountInfo>, StoreError> {
    chain::record(
        tx,
        Table::PlainAccountState,
        address.as_slice(),
        decode_account,
    )
}

/// The slot at the unsafe head.
pub(crate) fn storage(tx: &dyn ReadTx, address: Address, slot: B256) -> Result<U256, StoreError> {
    let key = keys::slot(&address, &slot);
    let value = chain::record(tx, Table::PlainStorageState, &key, decode_value)?;
    Ok(value.unwrap_or_default())
}

/// Code by hash.
pub(crate) fn code(tx: &dyn ReadTx, hash: B256) -> Result<Bytes, StoreError> {
    if hash == KECCAK256_EMPTY || hash.is_zero() {
        return Ok(Bytes::new());
    }
    let code = tx.get(Table::Bytecodes, hash.as_slice())?;
    code.map(|code| Bytes::copy_from_slice(&code))
        .ok_or_else(|| damaged(Table::Bytecodes, format_args!("code {hash} is missing")))
}

/// The node at `path` of the tries at the unsafe head.
pub(crate) fn node(
    tx: &dyn ReadTx,
    owner: Option<B256>,
    path: &Nibbles,
) -> Result<Bytes, StoreError> {
    let table = if owner.is_some() {
        Table::StoragesTrie
    } else {
        Table::AccountsTrie
    };
    let node = tx.get(table, &keys::node(owner.as_ref(), path))?;
    node.map(|node| Bytes::copy_from_slice(&node))
        .ok_or_else(|| damaged(table, format_args!("no node at {path:?} of {owner:?}")))
}

/// The tries at the unsafe head as a source of nodes.
pub(crate) struct HeadNodes<'a>(pub(crate) &'a dyn ReadTx);

impl NodeSource for HeadNodes<'_> {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        _hash: B256,
    ) -> Result<Bytes, SourceError> {
        Ok(node(self.0, owner, path)?)
    }
}

/// Whether a write remembers what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remember {
    /// As changes of this block.
    Block(u64),
    /// Not at all: genesis has nothing before it, an unwind restores it.
    Nothing,
}

/// Writes a diff to the flat state.
pub(crate) fn write_diff(
    tx: &mut dyn WriteTx,
    diff: &StateDiff,
    remember: Remember,
) -> Result<(), StoreError> {
    for (address, change) in &diff.accounts {
        write_code(tx, address, change)?;
        write_account(tx, address, change.info.as_ref(), remember)?;
        write_slots(tx, address, change, remember)?;
    }
    Ok(())
}

/// Writes new code, and sees to it that no account names code that is not there.
fn write_code(
    tx: &mut dyn WriteTx,
    address: &Address,
    change: &AccountChange,
) -> Result<(), StoreError> {
    let hash = match &change.info {
        Some(info) if info.code_hash != KECCAK256_EMPTY => info.code_hash,
        _ => return Ok(()),
    };
    if change.new_code.is_none()
        && account(tx, *address)?.is_some_and(|before| before.code_hash == hash)
    {
        return Ok(());
    }
    if tx.get(Table::Bytecodes, hash.as_slice())?.is_some() {
        return Ok(());
    }
    match &change.new_code {
        Some(code) if keccak256(code) == hash => {
            Ok(tx.put(Table::Bytecodes, hash.as_slice(), code)?)
        }
        _ => Err(damaged(
            Table::Bytecodes,
            format_args!("no code {hash} for {address}"),
        )),
    }
}

fn write_account(
    tx: &mut dyn WriteTx,
    address: &Address,
    info: Option<&AccountInfo>,
    remember: Remember,
) -> Result<(), StoreError> {
    let table = Table::PlainAccountState;
    let after = info.map(encode_account).unwrap_or_default();
    let before = tx
        .get(table, address.as_slice())?
        .map(Vec::from)
        .unwrap_or_default();
    if before == after {
        return Ok(());
    }
    if let Remember::Block(n) = remember {
        tx.put(
            Table::AccountChangeSets,
            &keys::account_change(n, address),
            &before,
        )?;
        tx.put(
            Table::AccountsHistory,
            &keys::account_history(address, n),
            &[],
        )?;
    }
    if after.is_empty() {
        tx.delete(table, address.as_slice())?;
    } else {
        tx.put(table, address.as_slice(), &after)?;
    }
    Ok(())
}

fn write_slots(
    tx: &mut dyn WriteTx,
    address: &Address,
    change: &AccountChange,
    remember: Remember,
) -> Result<(), StoreError> {
    if change.storage_wiped || change.info.is_none() {
        for slot in slots_of(tx, address)? {
            if !change.storage.contains_key(&slot) {
                write_slot(tx, address, &slot, &U256::ZERO, remember)?;
            }
        }
    }
    for (slot, value) in &change.storage {
        let value = if change.info.is_some() {
            value
        } else {
            &U256::ZERO
        };
        write_slot(tx, address, slot, value, remember)?;
    }
    Ok(())
}

fn write_slot(
    tx: &mut dyn WriteTx,
    address: &Address,
    slot: &B256,
    value: &U256,
    remember: Remember,
) -> Result<(), StoreError> {
    let table = Table::PlainStorageState;
    let key = keys::slot(address, slot);
    let after = encode_value(value);
    let before = tx.get(table, &key)?.map(Vec::from).unwrap_or_default();
    if before == after {
        return Ok(());
    }
    if let Remember::Block(n) = remember {
        tx.put(
            Table::StorageChangeSets,
            &keys::slot_change(n, address, slot),
            &before,
        )?;
        tx.put(
            Table::StoragesHistory,
            &keys::slot_history(address, slot, n),
            &[],
        )?;
    }
    if after.is_empty() {
        tx.delete(table, &key)?;
    } else {
        tx.put(table, &key, &after)?;
    }
    Ok(())
}

/// Slots of an account that are set at the unsafe head.
fn slots_of(tx: &dyn ReadTx, address: &Address) -> Result<Vec<B256>, StoreError> {
    let mut slots = Vec::new();
    tx.walk(
        Table::PlainStorageState,
        address.as_slice(),
        &mut |key, _| match key.strip_prefix(address.as_slice()).map(B256::try_from) {
            Some(Ok(slot)) => {
                slots.push(slot);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        },
    )?;
    Ok(slots)
}

/// Writes changed nodes of the tries.
pub(crate) fn write_nodes(tx: &mut dyn WriteTx, updates: &TrieUpdates) -> Result<(), StoreError> {
    write_trie(tx, None, &updates.account_nodes)?;
    for (owner, change) in &updates.storage_nodes {
        if change.wiped {
            for key in nodes_of(tx, owner)? {
                tx.delete(Table::StoragesTrie, &key)?;
            }
        }
        write_trie(tx, Some(owner), &change.nodes)?;
    }
    Ok(())
}

fn write_trie(
    tx: &mut dyn WriteTx,
    owner: Option<&B256>,
    nodes: &BTreeMap<Nibbles, Option<Bytes>>,
) -> Result<(), StoreError> {
    let table = if owner.is_some() {
        Table::StoragesTrie
    } else {
        Table::AccountsTrie
    };
    for (path, node) in nodes {
        let key = keys::node(owner, path);
        match node {
            Some(rlp) => tx.put(table, &key, rlp)?,
            None => {
                tx.delete(table, &key)?;
            }
        }
    }
    Ok(())
}

fn nodes_of(tx: &dyn ReadTx, owner: &B256) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    tx.walk(Table::StoragesTrie, owner.as_slice(), &mut |key, _| {
        if !key.starts_with(owner.as_slice()) {
            return ControlFlow::Break(());
        }
        found.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
