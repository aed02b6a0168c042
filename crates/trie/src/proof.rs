//! Proofs of accounts and slots in the shape of EIP-1186, made and checked.

use crate::{NodeSource, TrieError};
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_primitives::AccountInfo;

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
    let _ = (nodes, root, address, slots);
    unimplemented!()
}

/// Checks a proof against the state root. Every node of it must be needed.
///
/// # Errors
/// [`TrieError`]: what is wrong with the proof.
pub fn verify(root: B256, proof: &AccountProof) -> Result<(), TrieError> {
    let _ = (root, proof);
    unimplemented!()
}
