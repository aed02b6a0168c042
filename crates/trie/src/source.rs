//! Where nodes come from: by path in a node's store, by hash in a proof guest.

use crate::TrieUpdates;
use alloc::{collections::BTreeMap, format};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;
use foggara_primitives::SourceError;

/// Answers for trie nodes. A store looks them up by owner and path, a fault-proof guest by hash.
///
/// An implementor must answer from one consistent state. It need not check the hash: whoever asks
/// does, so a wrong answer is an error and never a wrong root.
pub trait NodeSource {
    /// RLP of the node at `path` of the account trie (`owner` is `None`) or of the storage trie of
    /// `owner` (hashed address), whose keccak256 is `hash`.
    ///
    /// # Errors
    /// [`SourceError`]: the source is broken or has no such node.
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError>;
}

impl<T: NodeSource + ?Sized> NodeSource for &mut T {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        (**self).node(owner, path, hash)
    }
}

/// Nodes by path in memory: what a store's two trie tables hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapNodes {
    /// Nodes of the account trie.
    pub accounts: BTreeMap<Nibbles, Bytes>,
    /// Nodes of the storage tries by hashed address; no entry is empty.
    pub storages: BTreeMap<B256, BTreeMap<Nibbles, Bytes>>,
}

impl MapNodes {
    /// Writes what [`crate::apply`] says has changed.
    pub fn apply(&mut self, updates: &TrieUpdates) {
        write(&mut self.accounts, &updates.account_nodes);
        for (owner, change) in &updates.storage_nodes {
            let nodes = self.storages.entry(*owner).or_default();
            if change.wiped {
                nodes.clear();
            }
            write(nodes, &change.nodes);
            if nodes.is_empty() {
                self.storages.remove(owner);
            }
        }
    }
}

fn write(nodes: &mut BTreeMap<Nibbles, Bytes>, updates: &BTreeMap<Nibbles, Option<Bytes>>) {
    for (path, update) in updates {
        match update {
            Some(rlp) => nodes.insert(*path, rlp.clone()),
            None => nodes.remove(path),
        };
    }
}

impl NodeSource for MapNodes {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        let nodes = match owner {
            None => Some(&self.accounts),
            Some(owner) => self.storages.get(&owner),
        };
        nodes
            .and_then(|nodes| nodes.get(path))
            .cloned()
            .ok_or_else(|| SourceError(format!("no trie node {hash} at {path:?} of {owner:?}")))
    }
}

/// Nodes by hash in memory: what a guest knows of the state, see [`Witness`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HashNodes(pub BTreeMap<B256, Bytes>);

impl NodeSource for HashNodes {
    fn node(&mut self, _: Option<B256>, _: &Nibbles, hash: B256) -> Result<Bytes, SourceError> {
        let node = self.0.get(&hash).cloned();
        node.ok_or_else(|| SourceError(format!("no preimage of trie node {hash}")))
    }
}

/// Records every node that is read through it, by hash: exactly what a guest needs to repeat the
/// same operations.
#[derive(Debug, Clone)]
pub struct Witness<N> {
    inner: N,
    seen: HashNodes,
}

impl<N> Witness<N> {
    /// Records what is read from `inner`.
    pub const fn new(inner: N) -> Self {
        Self {
            inner,
            seen: HashNodes(BTreeMap::new()),
        }
    }

    /// What was read so far.
    pub const fn seen(&self) -> &HashNodes {
        &self.seen
    }

    /// Ends the recording.
    pub fn into_seen(self) -> HashNodes {
        self.seen
    }
}

impl<N: NodeSource> NodeSource for Witness<N> {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        let node = self.inner.node(owner, path, hash)?;
        self.seen.0.insert(hash, node.clone());
        Ok(node)
    }
}
