//! Proofs of accounts and slots in the shape of EIP-1186, made and checked.

use crate::{
    NodeSource, TrieError,
    account::{address_key, decode_value, root_of, slot_key},
    state::read_account,
    trie::Trie,
};
use alloc::{string::String, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::Nibbles;
use core::mem;
use foggara_primitives::{AccountInfo, SourceError};

/// An account, or its absence, with the nodes that show it. Source: EIP-1186.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProof {
    /// The account's address.
    pub address: Address,
    /// The account; `None` if the state has none there.
    pub info: Option<AccountInfo>,
    /// Its storage root; [`crate::EMPTY_ROOT_HASH`] if it does not exist.
    pub storage_root: B256,
    /// RLP of the nodes of the account trie from the root down; empty only for the empty state.
    pub proof: Vec<Bytes>,
    /// The slots that were asked for, in that order.
    pub storage: Vec<StorageProof>,
}

/// A slot's value with the nodes that show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageProof {
    /// The slot, not hashed.
    pub slot: B256,
    /// Its value; zero if unset.
    pub value: U256,
    /// RLP of the nodes of the storage trie from the root down; empty only for empty storage.
    pub proof: Vec<Bytes>,
}

/// Proves an account and some of its slots in the state with `root`.
///
/// # Errors
/// - [`TrieError::Source`]: a node is missing.
/// - [`TrieError::BadNode`], [`TrieError::BadAccount`], [`TrieError::BadValue`]: the source
///   answered with something else.
pub fn prove<N: NodeSource>(
    nodes: &mut N,
    root: B256,
    address: Address,
    slots: &[B256],
) -> Result<AccountProof, TrieError> {
    let (hashed, key) = address_key(address);
    let mut recorder = Recorder {
        nodes,
        seen: Vec::new(),
    };
    let leaf = read_account(&mut recorder, &mut Trie::open(None, root), hashed, &key)?;
    let proof = mem::take(&mut recorder.seen);
    let storage_root = root_of(leaf.as_ref());
    let mut storage = Vec::with_capacity(slots.len());
    for slot in slots {
        let value = read_slot(&mut recorder, hashed, storage_root, *slot)?;
        let proof = mem::take(&mut recorder.seen);
        storage.push(StorageProof {
            slot: *slot,
            value,
            proof,
        });
    }
    Ok(AccountProof {
        address,
        info: leaf.map(|leaf| leaf.info()),
        storage_root,
        proof,
        storage,
    })
}

/// Checks a proof against the state root. Every node of it must be needed.
///
/// # Errors
/// [`TrieError`]: what is wrong with the proof.
pub fn verify(root: B256, proof: &AccountProof) -> Result<(), TrieError> {
    let (hashed, key) = address_key(proof.address);
    let leaf = replay(&proof.proof, |nodes| {
        read_account(nodes, &mut Trie::open(None, root), hashed, &key)
    })?;
    let shown = (leaf.map(|leaf| leaf.info()), root_of(leaf.as_ref()));
    if shown != (proof.info, proof.storage_root) {
        return Err(TrieError::AccountMismatch);
    }
    for claim in &proof.storage {
        let value = replay(&claim.proof, |nodes| {
            read_slot(nodes, hashed, proof.storage_root, claim.slot)
        })?;
        if value != claim.value {
            return Err(TrieError::SlotMismatch(claim.slot));
        }
    }
    Ok(())
}

/// The value of a slot in the storage with this root.
fn read_slot<N: NodeSource>(
    nodes: &mut N,
    owner: B256,
    storage_root: B256,
    slot: B256,
) -> Result<U256, TrieError> {
    let (hashed, key) = slot_key(slot);
    let mut storage = Trie::open(Some(owner), storage_root);
    let leaf = storage.get(nodes, &key)?;
    leaf.map_or(Ok(U256::ZERO), |leaf| decode_value(hashed, leaf))
}

/// Passes nodes on and keeps them in the order in which they were read.
struct Recorder<'a, N> {
    nodes: &'a mut N,
    seen: Vec<Bytes>,
}

impl<N: NodeSource> NodeSource for Recorder<'_, N> {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        let node = self.nodes.node(owner, path, hash)?;
        self.seen.push(node.clone());
        Ok(node)
    }
}

/// Gives out the nodes of a proof in their order.
struct Replay<'a> {
    left: &'a [Bytes],
    ran_out: bool,
}

impl NodeSource for Replay<'_> {
    fn node(&mut self, _: Option<B256>, _: &Nibbles, _: B256) -> Result<Bytes, SourceError> {
        let Some((node, left)) = self.left.split_first() else {
            self.ran_out = true;
            return Err(SourceError(String::new()));
        };
        self.left = left;
        Ok(node.clone())
    }
}

/// Reads from a proof, which must have exactly the nodes that are needed.
fn replay<'a, T>(
    proof: &'a [Bytes],
    read: impl FnOnce(&mut Replay<'a>) -> Result<T, TrieError>,
) -> Result<T, TrieError> {
    let mut nodes = Replay {
        left: proof,
        ran_out: false,
    };
    match read(&mut nodes) {
        Err(_) if nodes.ran_out => Err(TrieError::ProofTooShort),
        Ok(_) if !nodes.left.is_empty() => Err(TrieError::ProofTooLong(nodes.left.len())),
        answer => answer,
    }
}
