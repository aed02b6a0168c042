//! The state after one block, as a consistent snapshot.

use crate::{
    REVERT_ENTRIES_MAX, StoreError, StoredHeader, backend::ReadTx, chain, history,
    snapshot::Snapshot, state, store::Inner,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use foggara_primitives::{AccountInfo, BlockId, SourceError, StateSource, TensorSource};
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
    pub(crate) fn read<R>(
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

    fn tensors(&mut self) -> Arc<dyn TensorSource> {
        self.tensor_source()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Commit, Options, Store,
        common::{Chain, address, archive, slot, stores},
    };
    use std::time::Duration;

    const _: fn() = || {
        fn is_shared<T: Send + Sync + Clone>() {}
        is_shared::<StateView>();
        is_shared::<Store>();
        is_shared::<crate::Overlay>();
    };

    fn reads(view: &mut StateView, chain: &Chain, n: usize) {
        let state = &chain.models[n].accounts;
        for a in 0..12 {
            let expected = state.get(&address(a));
            assert_eq!(view.account(address(a)).unwrap(), expected.map(|e| e.0));
            let value = expected
                .and_then(|e| e.1.get(&slot(1)))
                .copied()
                .unwrap_or_default();
            assert_eq!(view.storage(address(a), slot(1)).unwrap(), value);
        }
        let proof = view.prove(address(1), &[slot(1)]).unwrap();
        foggara_trie::verify(view.state_root(), &proof).unwrap();
        assert_eq!(view.block_hash(n as u64).unwrap(), chain.blocks[n].hash);
    }

    #[test]
    fn a_view_that_is_too_old_goes_on_from_a_newer_snapshot() {
        for (store, _dir) in stores(&archive()) {
            let chain = Chain::random(50, 12);
            chain.cut(6).write(&store);
            let mut head = store.latest_view().unwrap();
            let mut older = store.view_at(3).unwrap();
            let mut proved = store.view_at(4).unwrap();
            reads(&mut proved, &chain, 4);
            for block in &chain.blocks[7..] {
                store.commit(Commit::block(Arc::clone(block))).unwrap();
            }
            assert_eq!(
                store.inner.readers.end_older_than(Duration::from_secs(60)),
                0
            );
            assert_eq!(store.inner.readers.end_older_than(Duration::ZERO), 3);
            reads(&mut head, &chain, 6);
            reads(&mut older, &chain, 3);
            reads(&mut proved, &chain, 4);
            // A view of the head becomes one of the past and the other way round.
            store.unwind(6, Commit::default()).unwrap();
            store.inner.readers.end_older_than(Duration::ZERO);
            reads(&mut head, &chain, 6);
        }
    }

    #[test]
    fn a_view_whose_block_is_gone_says_so() {
        for (store, _dir) in stores(&Options {
            history_window: Some(1),
            ..Options::default()
        }) {
            let chain = Chain::random(51, 8);
            chain.write(&store);
            let mut gone = store.latest_view().unwrap();
            let mut forgotten = store.view_at(6).unwrap();
            let id = chain.id(7);
            store.unwind(7, Commit::default()).unwrap();
            let labels = Commit {
                safe: Some(id),
                finalized: Some(id),
                ..Commit::default()
            };
            store.commit(labels).unwrap();
            for _ in 0..3 {
                // Forgetting goes a few blocks at a time.
                let meta = vec![("x".into(), Some(Bytes::new()))];
                store
                    .commit(Commit {
                        metadata: meta,
                        ..Commit::default()
                    })
                    .unwrap();
            }
            reads(&mut gone, &chain, 8);
            reads(&mut forgotten, &chain, 6);
            store.inner.readers.end_older_than(Duration::ZERO);
            let error = gone.account(address(1)).unwrap_err();
            assert!(error.0.contains("no longer canonical"), "{error}");
            assert!(
                forgotten.account(address(1)).is_ok(),
                "block 6 is the oldest that is kept"
            );
            assert!(matches!(
                store.view_at(5),
                Err(StoreError::Pruned { oldest: 6, .. })
            ));
        }
    }

    #[test]
    fn ended_readers_give_their_pages_back() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), archive()).unwrap();
        Chain::random(1, 1).write(&store);
        let rewrite = |n: u8| {
            let blob = Bytes::from(vec![n; 1 << 20]);
            store
                .commit(Commit {
                    blobs: vec![(B256::ZERO, 0, blob)],
                    ..Commit::default()
                })
                .unwrap();
            store.size_bytes().unwrap()
        };
        let mut held = store.latest_view().unwrap();
        let grown = (0..20).map(rewrite).max().unwrap();
        assert!(
            grown > 20 << 20,
            "a reader keeps every page of its time: {grown}"
        );
        assert_eq!(store.inner.readers.end_older_than(Duration::ZERO), 1);
        let steady = (0..20).map(rewrite).max().unwrap();
        assert!(steady < grown + (4 << 20), "{grown} grew to {steady}");
        held.account(address(1)).unwrap();
    }

    #[test]
    fn a_proof_that_would_undo_too_much_is_refused() {
        let (store, _) = stores(&archive()).remove(0);
        Chain::random(52, 12).write(&store);
        let undo = |limit| store.read(|tx| history::reverse_diff(tx, 2, 12, limit));
        assert_eq!(undo(3), Err(StoreError::TooFar { block: 2, limit: 3 }));
        assert!(!undo(1_000).unwrap().is_empty());
    }
}
