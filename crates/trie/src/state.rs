//! The state commitment: a diff goes in, the new root and the changed nodes come out.

use crate::{NodeSource, TrieError, TrieUpdates};
use alloc::collections::BTreeMap;
use alloy_primitives::{Address, B256};
use foggara_primitives::StateDiff;

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
    let _ = (nodes, root, diff);
    unimplemented!()
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
    let _ = (nodes, root, address);
    unimplemented!()
}
