//! The one durable transaction of a commit, from the check of its batch to its events.
//!
//! ```text
//! batch -> [unwind] -> append blocks -> labels and records -> prune -> fsync -> events
//! ```
//!
//! Nothing is visible, to readers or subscribers, before the fsync; a refusal anywhere leaves
//! everything as it was.

use crate::{
    COMMIT_BLOCKS_MAX, Commit, CommitError, DbError, ExecutedBlock, RemovedBlock, Store,
    StoreChange, StoreError, StoreEvent, StoredBlock, Table, Trace,
    backend::WriteTx,
    chain, history, keys,
    open::SPEC_HASH,
    record::{BodyIndices, HeadRecord},
    records::{write_labels, write_records},
    snapshot::READER_AGE_MAX,
    state::{self, Remember},
    stored::reference,
    tensors, unwind,
};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Encodable;
use foggara_primitives::{BlockId, Cursor, Heads, L2Ref, addresses::MESSAGE_PASSER};
use foggara_trie::{EMPTY_ROOT_HASH, Nibbles};
use std::sync::Arc;

/// Heads under way in a transaction.
pub(crate) struct Tip {
    pub(crate) heads: Heads,
    pub(crate) generation: u64,
}

pub(crate) fn invalid(why: impl Into<String>) -> CommitError {
    CommitError::Invalid(why.into())
}

impl Store {
    /// Writes the genesis block, the chain specification it belongs to and the cursor after it. Does
    /// nothing if exactly this genesis is there.
    ///
    /// # Errors
    /// - [`CommitError::Invalid`]: the store holds another chain, or the block contradicts itself.
    /// - [`CommitError::Full`], [`CommitError::Poisoned`], [`CommitError::Store`]: not written.
    pub fn init(
        &self,
        genesis: &ExecutedBlock,
        spec_hash: B256,
        cursor: Cursor,
    ) -> Result<(), CommitError> {
        self.check_poison()?;
        let _turn = self.inner.writing.lock();
        let mut tx = self.inner.db.write()?;
        if chain::heads(&*tx)?.is_some() {
            let found = chain::hash(&*tx, genesis.header.number)?;
            let spec = crate::open::spec_hash(&*tx)?;
            if found == Some(genesis.hash) && spec == Some(spec_hash) {
                return Ok(());
            }
            return Err(invalid(format!(
                "the store holds another chain: genesis {found:?} of spec {spec:?}"
            )));
        }
        let n = genesis.header.number;
        check_shape(genesis, None)?;
        write_block(&mut *tx, genesis, 0, Remember::Nothing)?;
        tx.put(Table::FgCursor, &keys::number(n), &cursor.encode())?;
        tx.put(
            Table::PruneCheckpoints,
            history::OLDEST_STATE,
            &n.to_be_bytes(),
        )?;
        tx.put(Table::Metadata, SPEC_HASH, spec_hash.as_slice())?;
        let head = reference(&genesis.header, genesis.hash, genesis.l2);
        let heads = Heads {
            unsafe_: head,
            safe: head,
            finalized: head,
        };
        write_heads(
            &mut *tx,
            &Tip {
                heads,
                generation: 0,
            },
        )?;
        self.finish(tx)?;
        self.inner.heads.send_replace(heads);
        let _ = self.inner.events.send(StoreEvent::Heads(heads));
        Ok(())
    }

    /// Writes a batch in one durable transaction and returns when it is synced.
    ///
    /// Time is two syncs of the disk and a few microseconds per changed row.
    ///
    /// # Errors
    /// - [`CommitError::Conflict`]: the first block does not stand on the unsafe head.
    /// - [`CommitError::Invalid`], [`CommitError::BelowFinalized`]: the batch contradicts itself or
    ///   the chain.
    /// - [`CommitError::Full`]: no space; may be repeated.
    /// - [`CommitError::Poisoned`]: a sync failed, now or earlier; the process has to end.
    /// - [`CommitError::Store`]: the store could not be read or written.
    pub fn commit(&self, batch: Commit) -> Result<(), CommitError> {
        self.apply(None, batch).map(drop)
    }

    /// Takes the blocks above `to` away and writes `batch` on top, in one durable transaction. State,
    /// tries, indices and everything told by block number are as if those blocks had never been.
    ///
    /// Gives back what was taken away, oldest first. The safe head falls to `to` if it was above.
    ///
    /// # Errors
    /// As [`Store::commit`], and
    /// - [`CommitError::BelowFinalized`]: `to` is below the finalized block.
    /// - [`CommitError::Store`] with [`StoreError::Pruned`]: the state of `to` is no longer kept.
    pub fn unwind(&self, to: u64, batch: Commit) -> Result<Vec<StoredBlock>, CommitError> {
        let removed = self.apply(Some(to), batch)?;
        Ok(removed
            .iter()
            .map(|removed| removed.block.clone())
            .collect())
    }

    fn apply(
        &self,
        unwind_to: Option<u64>,
        batch: Commit,
    ) -> Result<Arc<Vec<RemovedBlock>>, CommitError> {
        if unwind_to.is_none() && batch.is_empty() {
            return Ok(Arc::default());
        }
        self.check_poison()?;
        let _turn = self.inner.writing.lock();
        let mut tx = self.inner.db.write()?;
        let tip = chain::head(&*tx, chain::UNSAFE)?.zip(chain::heads(&*tx)?);
        let (head, heads) = tip.ok_or(StoreError::Empty)?;
        let mut tip = Tip {
            heads,
            generation: head.generation,
        };
        if let Some(parent) = batch.on_head
            && parent != tip.heads.unsafe_.hash
        {
            let head = tip.heads.unsafe_.id();
            return Err(CommitError::Conflict { head, parent });
        }
        let removed = match unwind_to {
            Some(to) => unwind::unwind(&mut *tx, &mut tip, to)?,
            None => Vec::new(),
        };
        let fork = tip.heads.unsafe_.id();
        append(&mut *tx, &mut tip, &batch)?;
        write_labels(&mut *tx, &mut tip, &batch)?;
        write_records(&mut *tx, &batch)?;
        if let Some(window) = self.inner.options.history_window {
            let Heads {
                unsafe_, finalized, ..
            } = tip.heads;
            let appended = batch.blocks.len() as u64;
            history::prune(&mut *tx, window, unsafe_.number, finalized.number, appended)?;
        }
        if tip.heads != heads || tip.generation != head.generation {
            write_heads(&mut *tx, &tip)?;
        }
        self.finish(tx)?;
        self.inner.readers.end_older_than(READER_AGE_MAX);
        let removed = Arc::new(removed);
        self.tell(heads, tip.heads, fork, &removed, batch);
        Ok(removed)
    }

    /// Syncs. A sync that failed for another reason than space is final (`RELIABILITY.md` D6).
    pub(crate) fn finish(&self, tx: Box<dyn WriteTx + '_>) -> Result<(), CommitError> {
        match tx.commit() {
            Ok(()) => Ok(()),
            Err(DbError::Full(why)) => Err(CommitError::Full(why)),
            Err(error) => {
                let why = error.to_string();
                tracing::error!(%why, "commit failed, the store stops");
                *self.inner.poison.lock() = Some(why.clone());
                Err(CommitError::Poisoned(why))
            }
        }
    }

    fn tell(
        &self,
        before: Heads,
        after: Heads,
        fork: BlockId,
        removed: &Arc<Vec<RemovedBlock>>,
        batch: Commit,
    ) {
        // Nobody listening is not an error.
        let send = |event| drop(self.inner.events.send(event));
        let name = |change| drop(self.inner.changes.send(change));
        if !removed.is_empty() {
            name(StoreChange::Reorg {
                to: fork,
                removed: Arc::clone(removed),
            });
            send(StoreEvent::Reorg {
                to: fork,
                removed: Arc::clone(removed),
            });
        }
        if before != after {
            self.inner.heads.send_replace(after);
        }
        for block in batch.blocks {
            let (number, hash) = (block.header.number, block.hash);
            name(StoreChange::Block(BlockId { hash, number }));
            send(StoreEvent::Block(block));
        }
        if before != after {
            send(StoreEvent::Heads(after));
        }
    }
}

/// Appends the blocks of a batch to the tip.
fn append(tx: &mut dyn WriteTx, tip: &mut Tip, batch: &Commit) -> Result<(), CommitError> {
    let Some(first) = batch.blocks.first() else {
        return Ok(());
    };
    if batch.blocks.len() > COMMIT_BLOCKS_MAX {
        return Err(invalid(format!(
            "more than {COMMIT_BLOCKS_MAX} blocks in one commit"
        )));
    }
    let head = tip.heads.unsafe_;
    let parent = first.header.parent_hash;
    if parent != head.hash || first.header.number != head.number.saturating_add(1) {
        return Err(CommitError::Conflict {
            head: head.id(),
            parent,
        });
    }
    let lost = || chain::damaged(Table::BlockBodyIndices, "no row for the head");
    let mut next_tx = chain::indices(tx, head.number)?.ok_or_else(lost)?.end();
    let mut parent_root = chain::expect_header(tx, head.number)?.header.state_root;
    for block in &batch.blocks {
        check_shape(block, Some((tip.heads.unsafe_, parent_root)))?;
        write_block(tx, block, next_tx, Remember::Block(block.header.number))?;
        next_tx = next_tx.saturating_add(block.transactions.len() as u64);
        parent_root = block.header.state_root;
        tip.heads.unsafe_ = reference(&block.header, block.hash, block.l2);
    }
    Ok(())
}

/// What must hold of a block before it is written.
fn check_shape(block: &ExecutedBlock, parent: Option<(L2Ref, B256)>) -> Result<(), CommitError> {
    let ExecutedBlock {
        header,
        hash,
        transactions,
        senders,
        receipts,
        trie,
        l2,
        ..
    } = block;
    let n = header.number;
    if header.hash_slow() != *hash {
        return Err(invalid(format!("header {n} has not hash {hash}")));
    }
    if transactions.len() != senders.len() || transactions.len() != receipts.len() {
        return Err(invalid(format!(
            "block {n} has {} transactions, {} senders, {} receipts",
            transactions.len(),
            senders.len(),
            receipts.len()
        )));
    }
    if let Some((parent, _)) = parent
        && (header.parent_hash != parent.hash || n != parent.number.saturating_add(1))
    {
        return Err(invalid(format!(
            "block {n} does not stand on {}",
            parent.hash
        )));
    }
    let plain = reference(header, *hash, None);
    let same = |l2: &L2Ref| {
        let L2Ref {
            hash,
            number,
            parent_hash,
            timestamp,
            ..
        } = *l2;
        L2Ref {
            hash,
            number,
            parent_hash,
            timestamp,
            ..L2Ref::default()
        } == plain
    };
    if !l2.as_ref().is_none_or(same) {
        return Err(invalid(format!(
            "the reference of block {n} is another block's"
        )));
    }
    let unchanged = parent.map_or(EMPTY_ROOT_HASH, |(_, root)| root);
    let root = match trie.account_nodes.get(&Nibbles::default()) {
        Some(Some(node)) => keccak256(node),
        Some(None) => EMPTY_ROOT_HASH,
        None => unchanged,
    };
    if root != header.state_root {
        return Err(invalid(format!(
            "the tries of block {n} have root {root}, its header {}",
            header.state_root
        )));
    }
    Ok(())
}

/// Writes one block; `first` is the number of its first transaction.
fn write_block(
    tx: &mut dyn WriteTx,
    block: &ExecutedBlock,
    first: u64,
    remember: Remember,
) -> Result<(), CommitError> {
    let n = block.header.number;
    let key = keys::number(n);
    let mut header = Vec::with_capacity(block.header.length());
    block.header.encode(&mut header);
    tx.put(Table::CanonicalHeaders, &key, block.hash.as_slice())?;
    tx.put(Table::HeaderNumbers, block.hash.as_slice(), &key)?;
    tx.put(Table::Headers, &key, &header)?;
    let count = u32::try_from(block.transactions.len())
        .map_err(|_| invalid(format!("block {n} has too many transactions")))?;
    let epoch = block.l2.map(|l2| (l2.l1_origin, l2.sequence_number));
    let body = BodyIndices {
        first,
        count,
        epoch,
    };
    tx.put(Table::BlockBodyIndices, &key, &body.encode())?;
    let rows = block
        .transactions
        .iter()
        .zip(&block.senders)
        .zip(&block.receipts);
    for (number, ((raw, sender), receipt)) in (first..).zip(rows) {
        let number = keys::number(number);
        tx.put(Table::Transactions, &number, raw)?;
        tx.put(Table::TransactionSenders, &number, sender.as_slice())?;
        tx.put(Table::Receipts, &number, receipt)?;
        tx.put(
            Table::TransactionHashNumbers,
            keccak256(raw).as_slice(),
            &number,
        )?;
    }
    if let Some(last) = body.end().checked_sub(1).filter(|_| count > 0) {
        tx.put(Table::TransactionBlocks, &keys::number(last), &key)?;
    }
    state::write_diff(tx, &block.diff, remember)?;
    state::write_nodes(tx, &block.trie)?;
    if !block.trace.is_empty() {
        tx.put(
            Table::FgTrace,
            &key,
            &Trace::Steps(block.trace.clone()).encode(),
        )?;
    }
    for tensor in &block.tensors {
        tensors::write(tx, tensor)?;
    }
    if block.l2.is_some() {
        write_passer(tx, block)?;
    }
    Ok(())
}

/// Keeps what a withdrawal proof of any age needs: the new nodes of the message passer's storage trie
/// by hash, and its root (`ROLLUP.md` section 11).
fn write_passer(tx: &mut dyn WriteTx, block: &ExecutedBlock) -> Result<(), CommitError> {
    let owner = keccak256(MESSAGE_PASSER);
    if let Some(change) = block.trie.storage_nodes.get(&owner) {
        for node in change.nodes.values().flatten() {
            tx.put(Table::FgPasserNodes, keccak256(node).as_slice(), node)?;
        }
    }
    if let Some(root) = block.header.withdrawals_root {
        tx.put(
            Table::FgPasserRoots,
            &keys::number(block.header.number),
            root.as_slice(),
        )?;
    }
    Ok(())
}

/// Writes the three labels.
fn write_heads(tx: &mut dyn WriteTx, tip: &Tip) -> Result<(), DbError> {
    let Tip {
        heads: Heads {
            unsafe_,
            safe,
            finalized,
        },
        generation,
    } = *tip;
    debug_assert!(finalized.number <= safe.number && safe.number <= unsafe_.number);
    let labels = [
        (chain::UNSAFE, unsafe_),
        (chain::SAFE, safe),
        (chain::FINALIZED, finalized),
    ];
    for (label, block) in labels {
        tx.put(
            Table::FgHeads,
            label.as_bytes(),
            &HeadRecord { block, generation }.encode(),
        )?;
    }
    Ok(())
}
