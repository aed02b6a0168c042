//! The state after one block, as a consistent snapshot.

use crate::{
    REVERT_ENTRIES_MAX, StoreError, StoredHeader, backend::ReadTx, chain, history,
    snapshot::Snapshot, state, store::Inner,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_primitives::{AccountInfo, BlockId, SourceError, StateSource};
use foggara_trie::{AccountProof, Nibbles, NodeSource, TrieUpdates};
use std::sync::Arc;

/// The state after one block. Cheap to make and to clone; reads are one look-up each at the head, two
/// below it.
///
/// A view that outlives [`crate::READER_AGE_MAX`] goes on from a newer snapshot by itself, with the
/// same answers; if its block was unwound or its state forgotten in between, reads fail.
#[derive(Debug, Clone)]
pub struct StateView {
    // Before the store, so that the last view ends its transaction while the database is open.
    snapshot: Arc<Snapshot>,
    header: Arc<StoredHeader>,
    /// The unsafe head in the snapshot.
    head: u64,
    /// What leads the tries from the head back to the block, once somebody asked for a node.
    reverted: Option<Arc<TrieUpdates>>,
    store: Arc<Inner>,
}

impl StateView {
    /// Opens a view of block `n`, or of the head.
    pub(crate) fn open(store: &Arc<Inner>, n: Option<u64>) -> Result<Self, StoreError> {
        let tx = store.db.read()?;
        let head = chain::head(&*tx, chain::UNSAFE)?
            .ok_or(StoreError::Empty)?
            .block
            .number;
        let n = n.unwrap_or(head);
        if n > head {
            return Err(StoreError::UnknownBlock(n));
        }
        let header = Arc::new(chain::expect_header(&*tx, n)?);
        if n < head {
            check_kept(&*tx, n)?;
        }
        let snapshot = store.readers.add(tx);
        Ok(Self {
            snapshot,
            header,
            head,
            reverted: None,
            store: Arc::clone(store),
        })
    }

    /// Header of the block.
    pub fn header(&self) -> &StoredHeader {
        &self.header
    }

    /// Number of the block.
    pub fn number(&self) -> u64 {
        self.header.header.number
    }

    /// The block.
    pub fn id(&self) -> BlockId {
        BlockId {
            hash: self.header.hash,
            number: self.number(),
        }
    }

    /// State root after the block.
    pub fn state_root(&self) -> B256 {
        self.header.header.state_root
    }

    /// The account and the slots with their proofs, against [`StateView::state_root`].
    ///
    /// Below the head this first undoes, in memory, what changed since.
    ///
    /// # Errors
    /// - [`StoreError::TooFar`]: more than [`REVERT_ENTRIES_MAX`] entries changed since.
    /// - [`StoreError::Damaged`]: the tries are not those of the header.
    pub fn prove(&mut self, address: Address, slots: &[B256]) -> Result<AccountProof, StoreError> {
        self.revert()?;
        let root = self.state_root();
        foggara_trie::prove(self, root, address, slots)
            .map_err(|error| StoreError::Damaged(format!("proof at block: {error}")))
    }

    /// Runs a read, in a new snapshot if the old one was ended.
    fn read<R>(
        &mut self,
        f: impl Fn(&Self, &dyn ReadTx) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        if let Some(result) = self.snapshot.with(|tx| f(self, tx)) {
            return result;
        }
        let tx = self.store.db.read()?;
        let id = self.id();
        if chain::hash(&*tx, id.number)? != Some(id.hash) {
            return Err(StoreError::Reorged {
                number: id.number,
                hash: id.hash,
            });
        }
        let head = chain::head(&*tx, chain::UNSAFE)?
            .ok_or(StoreError::Empty)?
            .block
            .number;
        if id.number < head {
            check_kept(&*tx, id.number)?;
        }
        if head != self.head {
            self.reverted = None;
        }
        self.head = head;
        self.snapshot = self.store.readers.add(tx);
        let result = self.snapshot.with(|tx| f(self, tx));
        result.unwrap_or_else(|| Err(StoreError::Damaged("a snapshot ended at birth".into())))
    }

    /// Undoes the tries back to the block, once.
    fn revert(&mut self) -> Result<(), StoreError> {
        // Renews the snapshot if it has to be, so that `head` is the one the diff starts from.
        self.read(|_, _| Ok(()))?;
        if self.number() == self.head || self.reverted.is_some() {
            return Ok(());
        }
        let (n, updates) = self.read(|view, tx| {
            let diff = history::reverse_diff(tx, view.number(), view.head, REVERT_ENTRIES_MAX)?;
            Ok((
                view.head,
                history::revert_nodes(tx, view.number(), view.head, &diff)?,
            ))
        })?;
        if n == self.head {
            self.reverted = Some(Arc::new(updates));
        }
        Ok(())
    }

    fn read_node(&mut self, owner: Option<B256>, path: &Nibbles) -> Result<Bytes, StoreError> {
        self.revert()?;
        self.read(|view, tx| {
            if let Some(found) = view.reverted.as_ref().and_then(|r| changed(r, owner, path)) {
                return found.ok_or_else(|| {
                    StoreError::Damaged(format!("no node at {path:?} of {owner:?}"))
                });
            }
            if view.number() != view.head && view.reverted.is_none() {
                // The snapshot was ended between the two reads and the head has moved.
                return Err(StoreError::Damaged(
                    "the head moved under a proof; repeat it".into(),
                ));
            }
            state::node(tx, owner, path)
        })
    }
}

/// What an update says about a node: `None` nothing, `Some(None)` that it is gone.
#[expect(
    clippy::option_option,
    reason = "silence and absence are different answers"
)]
pub(crate) fn changed(
    updates: &TrieUpdates,
    owner: Option<B256>,
    path: &Nibbles,
) -> Option<Option<Bytes>> {
    match owner {
        None => updates.account_nodes.get(path).cloned(),
        Some(owner) => {
            let change = updates.storage_nodes.get(&owner)?;
            change
                .nodes
                .get(path)
                .cloned()
                .or_else(|| change.wiped.then_some(None))
        }
    }
}

fn check_kept(tx: &dyn ReadTx, n: u64) -> Result<(), StoreError> {
    let oldest = history::oldest(tx)?;
    if n < oldest {
        Err(StoreError::Pruned { block: n, oldest })
    } else {
        Ok(())
    }
}

impl StateSource for StateView {
    fn account(&mut self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        Ok(self.read(|view, tx| match view.number() {
            n if n == view.head => state::account(tx, address),
            n => history::account_at(tx, address, n),
        })?)
    }

    fn storage(&mut self, address: Address, slot: B256) -> Result<U256, SourceError> {
        Ok(self.read(|view, tx| match view.number() {
            n if n == view.head => state::storage(tx, address, slot),
            n => history::storage_at(tx, address, slot, n),
        })?)
    }

    fn code(&mut self, code_hash: B256) -> Result<Bytes, SourceError> {
        Ok(self.read(|_, tx| state::code(tx, code_hash))?)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, SourceError> {
        if number > self.number() {
            return Ok(B256::ZERO);
        }
        Ok(self
            .read(|_, tx| chain::hash(tx, number))?
            .unwrap_or_default())
    }
}

impl NodeSource for StateView {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        _hash: B256,
    ) -> Result<Bytes, SourceError> {
        Ok(self.read_node(owner, path)?)
    }
}
