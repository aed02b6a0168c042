//! The state commitment: a diff goes in, the new root and the changed nodes come out.

use crate::{
    NodeSource, StorageTrieUpdates, TrieError, TrieUpdates,
    account::{AccountLeaf, address_key, encode_value, root_of, slot_key},
    trie::Trie,
};
use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use foggara_primitives::{AccountInfo, StateDiff};

/// What a diff does to the tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrieOutcome {
    /// State root afterwards.
    pub root: B256,
    /// What a store has to write.
    pub updates: TrieUpdates,
    /// Storage roots afterwards of the accounts whose storage root changed; the root of an account
    /// that is gone is [`crate::EMPTY_ROOT_HASH`].
    pub storage_roots: BTreeMap<Address, B256>,
}

/// Applies a diff to the state with `root`.
///
/// Time and loaded nodes grow with the diff and the depth of the tries, not with the state.
/// An account whose change has `info: None` is deleted with its storage; slots that become zero
/// are deleted; an account whose storage does not change keeps its storage root.
///
/// # Errors
/// - [`TrieError::Source`]: a node is missing.
/// - [`TrieError::BadNode`], [`TrieError::BadAccount`]: the source answered with something else.
pub fn apply<N: NodeSource>(
    nodes: &mut N,
    root: B256,
    diff: &StateDiff,
) -> Result<TrieOutcome, TrieError> {
    let mut accounts = Trie::open(None, root);
    let edits = edit_storage(nodes, &mut accounts, diff)?;
    let sealed = seal_storage(edits);

    // Insertions come before removals, so a branch that ends with two children never collapses in
    // between and no sibling is loaded for nothing.
    let mut updates = TrieUpdates::default();
    let mut storage_roots = BTreeMap::new();
    let mut removals = Vec::new();
    for account in sealed {
        if account.root != account.root_before {
            storage_roots.insert(account.address, account.root);
        }
        if account.updates.wiped || !account.updates.nodes.is_empty() {
            updates
                .storage_nodes
                .insert(account.hashed, account.updates);
        }
        match account.info {
            Some(info) => {
                let leaf = AccountLeaf::new(&info, account.root);
                accounts.insert(nodes, &account.key, &leaf.rlp())?;
            }
            None => removals.push(account.key),
        }
    }
    for key in &removals {
        accounts.remove(nodes, key)?;
    }
    let (root, account_nodes) = accounts.seal();
    updates.account_nodes = account_nodes;
    Ok(TrieOutcome {
        root,
        updates,
        storage_roots,
    })
}

/// Storage root of an account in the state with `root`; [`crate::EMPTY_ROOT_HASH`] if it does not
/// exist.
///
/// # Errors
/// As [`apply`].
pub fn storage_root<N: NodeSource>(
    nodes: &mut N,
    root: B256,
    address: Address,
) -> Result<B256, TrieError> {
    let (hashed, key) = address_key(address);
    let leaf = read_account(nodes, &mut Trie::open(None, root), hashed, &key)?;
    Ok(root_of(leaf.as_ref()))
}

/// The leaf of an account, if there is one.
pub(crate) fn read_account<N: NodeSource>(
    nodes: &mut N,
    accounts: &mut Trie,
    hashed: B256,
    key: &Nibbles,
) -> Result<Option<AccountLeaf>, TrieError> {
    let leaf = accounts.get(nodes, key)?;
    leaf.map(|leaf| AccountLeaf::decode(hashed, leaf))
        .transpose()
}

/// A changed account with its storage edited and not yet hashed.
struct Edit {
    address: Address,
    hashed: B256,
    key: Nibbles,
    info: Option<AccountInfo>,
    root_before: B256,
    wiped: bool,
    storage: Trie,
}

/// A changed account with its storage hashed.
struct Sealed {
    address: Address,
    hashed: B256,
    key: Nibbles,
    info: Option<AccountInfo>,
    root_before: B256,
    root: B256,
    updates: StorageTrieUpdates,
}

/// Makes the changes in the storage tries; whatever they need is loaded.
fn edit_storage<N: NodeSource>(
    nodes: &mut N,
    accounts: &mut Trie,
    diff: &StateDiff,
) -> Result<Vec<Edit>, TrieError> {
    let keyed = diff
        .accounts
        .iter()
        .map(|(address, change)| (address_key(*address), *address, change));
    let mut keyed: Vec<_> = keyed.collect();
    // Neighbours in the trie are neighbours in the store.
    keyed.sort_unstable_by_key(|((hashed, _), ..)| *hashed);
    let mut edits = Vec::with_capacity(keyed.len());
    for ((hashed, key), address, change) in keyed {
        let before = read_account(nodes, accounts, hashed, &key)?;
        let root_before = root_of(before.as_ref());
        let wiped = change.storage_wiped || change.info.is_none();
        let start = if wiped { EMPTY_ROOT_HASH } else { root_before };
        let mut storage = Trie::open(Some(hashed), start);
        if change.info.is_some() {
            edit_slots(nodes, &mut storage, &change.storage)?;
        }
        let wiped = wiped && root_before != EMPTY_ROOT_HASH;
        edits.push(Edit {
            address,
            hashed,
            key,
            info: change.info,
            root_before,
            wiped,
            storage,
        });
    }
    Ok(edits)
}

fn edit_slots<N: NodeSource>(
    nodes: &mut N,
    trie: &mut Trie,
    slots: &BTreeMap<B256, U256>,
) -> Result<(), TrieError> {
    let mut keyed: Vec<_> = slots
        .iter()
        .map(|(slot, value)| (slot_key(*slot).1, value))
        .collect();
    keyed.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in keyed.iter().filter(|(_, value)| !value.is_zero()) {
        trie.insert(nodes, key, &encode_value(value))?;
    }
    for (key, _) in keyed.iter().filter(|(_, value)| value.is_zero()) {
        trie.remove(nodes, key)?;
    }
    Ok(())
}

/// Hashes the storage tries. They are independent of each other and of the source: a host that
/// wants them in parallel changes this loop and nothing else.
fn seal_storage(edits: Vec<Edit>) -> Vec<Sealed> {
    let seal = |edit: Edit| {
        let Edit {
            address,
            hashed,
            key,
            info,
            root_before,
            wiped,
            storage,
        } = edit;
        let (root, nodes) = storage.seal();
        let updates = StorageTrieUpdates { wiped, nodes };
        Sealed {
            address,
            hashed,
            key,
            info,
            root_before,
            root,
            updates,
        }
    };
    edits.into_iter().map(seal).collect()
}
