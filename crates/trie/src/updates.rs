//! What a store has to write after a state change.

use alloc::collections::{BTreeMap, btree_map::Entry};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// Changes to the stored nodes of all tries; `None` deletes. A store that applies the updates of
/// every block in order holds exactly the nodes of the current tries: those that a parent names
/// by hash, and the roots. Nodes below 32 bytes live inside their parents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrieUpdates {
    /// Nodes of the account trie by path.
    pub account_nodes: BTreeMap<Nibbles, Option<Bytes>>,
    /// Changes to storage tries by hashed address.
    pub storage_nodes: BTreeMap<B256, StorageTrieUpdates>,
}

/// Changes to the stored nodes of one storage trie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageTrieUpdates {
    /// Whether every stored node of this trie goes first.
    pub wiped: bool,
    /// Nodes by path; `None` deletes.
    pub nodes: BTreeMap<Nibbles, Option<Bytes>>,
}

impl TrieUpdates {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.account_nodes.is_empty() && self.storage_nodes.is_empty()
    }

    /// Adds the updates of a later block: writing the sum is writing one after the other.
    pub fn merge(&mut self, later: Self) {
        self.account_nodes.extend(later.account_nodes);
        for (owner, change) in later.storage_nodes {
            match self.storage_nodes.entry(owner) {
                Entry::Vacant(entry) => {
                    entry.insert(change);
                }
                Entry::Occupied(mut entry) if change.wiped => {
                    entry.insert(change);
                }
                Entry::Occupied(mut entry) => entry.get_mut().nodes.extend(change.nodes),
            }
        }
    }
}
