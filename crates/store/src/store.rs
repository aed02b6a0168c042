//! The store: one handle for everything the node keeps.

use crate::{
    CommitError, DroppedTx, L1Block, Options, Posted, StateView, StoreError, StoreEvent,
    StoredBlock, StoredFrame, StoredHeader, Table, Trace, TxLocation,
    backend::{Database, Memory, ReadTx},
    chain, changes, keys,
    lock::FolderLock,
    record,
    snapshot::Readers,
};
use alloy_primitives::{B256, Bytes};
use core::ops::ControlFlow;
use foggara_primitives::{BlockId, Cursor, Heads, L2Ref};
use parking_lot::Mutex;
use std::{path::PathBuf, sync::Arc};
use tokio::sync::{broadcast, watch};

/// Events a subscriber may be behind before it is told that it missed some.
pub const EVENTS_MAX: usize = 1_024;

/// The chain on disk or in memory. Cheap to clone; the folder is free again when the last clone and
/// the last view are gone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) db: Box<dyn Database>,
    pub(crate) options: Options,
    pub(crate) readers: Readers,
    /// Held from the first write of a commit until its events are out, so events come in order.
    pub(crate) writing: Mutex<()>,
    /// Why nothing is written any more.
    pub(crate) poison: Mutex<Option<String>>,
    pub(crate) heads: watch::Sender<Heads>,
    pub(crate) events: broadcast::Sender<StoreEvent>,
    pub(crate) changes: broadcast::Sender<crate::StoreChange>,
    pub(crate) dir: Option<PathBuf>,
    /// Last field: the folder is freed after the database is closed.
    _lock: Option<FolderLock>,
}

impl Store {
    /// A store that lives and dies with the process, with default options.
    pub fn in_memory() -> Self {
        Self::in_memory_with(Options::default())
    }

    /// A store that lives and dies with the process.
    pub fn in_memory_with(options: Options) -> Self {
        Self::assemble(Box::new(Memory::new()), options, Heads::default(), None)
    }

    pub(crate) fn assemble(
        db: Box<dyn Database>,
        options: Options,
        heads: Heads,
        place: Option<(PathBuf, FolderLock)>,
    ) -> Self {
        let (dir, lock) = place.unzip();
        Self {
            inner: Arc::new(Inner {
                db,
                options,
                readers: Readers::default(),
                writing: Mutex::new(()),
                poison: Mutex::new(None),
                heads: watch::Sender::new(heads),
                events: broadcast::Sender::new(EVENTS_MAX),
                changes: changes::channel(),
                dir,
                _lock: lock,
            }),
        }
    }

    /// Whether there is a genesis block.
    pub fn is_initialised(&self) -> bool {
        self.heads().unsafe_.hash != B256::ZERO
    }

    /// The heads as of the last durable commit; all zero before [`Store::init`].
    pub fn heads(&self) -> Heads {
        *self.inner.heads.borrow()
    }

    /// The heads now and whenever they move, never before the commit that moved them is durable.
    pub fn subscribe_heads(&self) -> watch::Receiver<Heads> {
        self.inner.heads.subscribe()
    }

    /// Blocks, reorganisations and head moves from now on, in order, each after its commit is
    /// durable. A subscriber more than [`EVENTS_MAX`] events behind is told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<StoreEvent> {
        self.inner.events.subscribe()
    }

    /// How often the chain was unwound (`RELIABILITY.md` section 8).
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn generation(&self) -> Result<u64, StoreError> {
        self.read(|tx| Ok(chain::head(tx, chain::UNSAFE)?.map_or(0, |head| head.generation)))
    }

    /// The state at the unsafe head.
    ///
    /// # Errors
    /// [`StoreError`]: there is no chain yet, or the read failed.
    pub fn latest_view(&self) -> Result<StateView, StoreError> {
        StateView::open(&self.inner, None)
    }

    /// The state after block `n`.
    ///
    /// # Errors
    /// - [`StoreError::UnknownBlock`]: there is no such block.
    /// - [`StoreError::Pruned`]: its state is no longer kept.
    pub fn view_at(&self, n: u64) -> Result<StateView, StoreError> {
        StateView::open(&self.inner, Some(n))
    }

    /// Oldest block whose state is kept.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn oldest_state(&self) -> Result<u64, StoreError> {
        self.read(crate::history::oldest)
    }

    /// The first block of the chain.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before [`Store::init`]; else the read failed.
    pub fn genesis(&self) -> Result<StoredHeader, StoreError> {
        self.read(|tx| {
            let row = tx.seek(Table::CanonicalHeaders, &keys::number(0))?;
            let number = row.and_then(|(key, _)| keys::leading_number(&key));
            chain::expect_header(tx, number.ok_or(StoreError::Empty)?)
        })
    }

    /// Hash of the canonical block `n`.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn block_hash(&self, n: u64) -> Result<Option<B256>, StoreError> {
        self.read(|tx| chain::hash(tx, n))
    }

    /// Number of the canonical block with this hash.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn block_number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        self.read(|tx| chain::number(tx, hash))
    }

    /// Header of the canonical block `n`.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or the header has not its hash.
    pub fn header(&self, n: u64) -> Result<Option<StoredHeader>, StoreError> {
        self.read(|tx| chain::header(tx, n))
    }

    /// Header of the canonical block with this hash.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or the header has not its hash.
    pub fn header_by_hash(&self, hash: B256) -> Result<Option<StoredHeader>, StoreError> {
        self.read(|tx| match chain::number(tx, hash)? {
            Some(n) => chain::header(tx, n),
            None => Ok(None),
        })
    }

    /// Visits the canonical headers of `from..=to` in one snapshot until told to stop or until the
    /// chain ends. A scan longer than [`crate::READER_AGE_MAX`] should be cut into several.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or a header has not its hash.
    pub fn walk_headers(
        &self,
        from: u64,
        to: u64,
        mut visit: impl FnMut(StoredHeader) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|tx| chain::walk_headers(tx, from, to, &mut visit))
    }

    /// The canonical block `n`.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or the block is not whole.
    pub fn block(&self, n: u64) -> Result<Option<StoredBlock>, StoreError> {
        self.read(|tx| chain::block(tx, n))
    }

    /// The block that `which` picks among the heads, all of one snapshot: between [`Self::heads`] and
    /// [`Self::block`] the chain may be unwound.
    ///
    /// # Errors
    /// [`StoreError::Empty`] before [`Store::init`]; else the read failed, or the block is not whole.
    pub fn head_block(&self, which: fn(&Heads) -> L2Ref) -> Result<StoredBlock, StoreError> {
        self.read(|tx| {
            let heads = chain::heads(tx)?.ok_or(StoreError::Empty)?;
            let number = which(&heads).number;
            chain::block(tx, number)?.ok_or(StoreError::UnknownBlock(number))
        })
    }

    /// The canonical block with this hash.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or the block is not whole.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<StoredBlock>, StoreError> {
        self.read(|tx| match chain::number(tx, hash)? {
            Some(n) => chain::block(tx, n),
            None => Ok(None),
        })
    }

    /// The canonical block `n` and its receipts, of one snapshot.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or the block is not whole.
    pub fn block_and_receipts(
        &self,
        n: u64,
    ) -> Result<Option<(StoredBlock, Vec<Bytes>)>, StoreError> {
        self.read(|tx| Ok(chain::block(tx, n)?.zip(chain::receipts(tx, n)?)))
    }

    /// Transactions of the canonical block `n`, EIP-2718 bytes.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or rows are missing.
    pub fn transactions(&self, n: u64) -> Result<Option<Vec<Bytes>>, StoreError> {
        self.read(|tx| chain::transactions(tx, n))
    }

    /// Receipts of the canonical block `n`, EIP-2718 bytes.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or rows are missing.
    pub fn receipts(&self, n: u64) -> Result<Option<Vec<Bytes>>, StoreError> {
        self.read(|tx| chain::receipts(tx, n))
    }

    /// A canonical transaction by its hash.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed, or rows are missing.
    pub fn tx_by_hash(&self, hash: B256) -> Result<Option<TxLocation>, StoreError> {
        self.read(|tx| chain::tx_by_hash(tx, hash))
    }

    /// Whether a canonical block holds the transaction with this hash. One look-up.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn has_tx(&self, hash: B256) -> Result<bool, StoreError> {
        self.read(|tx| {
            Ok(tx
                .get(Table::TransactionHashNumbers, hash.as_slice())?
                .is_some())
        })
    }

    /// Reference of the canonical block `n`, with its L1 origin.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn l2_ref(&self, n: u64) -> Result<Option<L2Ref>, StoreError> {
        self.read(|tx| chain::l2_ref(tx, n))
    }

    /// The derivation cursor after block `n`, if the block was derived.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn cursor(&self, n: u64) -> Result<Option<Cursor>, StoreError> {
        let decode = |bytes: &[u8]| Cursor::decode(bytes).ok();
        self.read(|tx| chain::record(tx, Table::FgCursor, &keys::number(n), decode))
    }

    /// The newest block with a derivation cursor at or below `n`.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn cursor_at_or_below(&self, n: u64) -> Result<Option<(u64, Cursor)>, StoreError> {
        self.read(|tx| {
            let table = Table::FgCursor;
            let Some((key, value)) = tx.seek_back(table, Some(&keys::number(n)))? else {
                return Ok(None);
            };
            let row = keys::leading_number(&key).zip(Cursor::decode(&value).ok());
            row.map(Some)
                .ok_or_else(|| chain::damaged(table, "a cursor does not decode"))
        })
    }

    /// The safe head as of L1 block `l1`, with the L1 block at which it became so: the newest record
    /// at or below `l1`.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn safe_at_l1(&self, l1: u64) -> Result<Option<(BlockId, L2Ref)>, StoreError> {
        self.read(|tx| chain::safe_at_l1(tx, l1))
    }

    /// Trace of block `n`.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn trace(&self, n: u64) -> Result<Option<Trace>, StoreError> {
        self.read(|tx| chain::record(tx, Table::FgTrace, &keys::number(n), Trace::decode))
    }

    /// Header of L1 block `l1`, if kept.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn l1_block(&self, l1: u64) -> Result<Option<L1Block>, StoreError> {
        self.read(|tx| chain::record(tx, Table::FgL1Blocks, &keys::number(l1), L1Block::decode))
    }

    /// A blob by its versioned hash.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn blob(&self, versioned_hash: B256) -> Result<Option<Bytes>, StoreError> {
        let key = versioned_hash.as_slice();
        let row = self.read(|tx| chain::record(tx, Table::FgBlobs, key, record::decode_blob))?;
        Ok(row.map(|(_, blob)| blob))
    }

    /// Where block `n` was posted.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn posted(&self, n: u64) -> Result<Option<Posted>, StoreError> {
        self.read(|tx| chain::record(tx, Table::FgPosted, &keys::number(n), Posted::decode))
    }

    /// The frame after which the accumulator was `frame_acc`.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn frame(&self, frame_acc: B256) -> Result<Option<StoredFrame>, StoreError> {
        let key = frame_acc.as_slice();
        self.read(|tx| chain::record(tx, Table::FgFrames, key, StoredFrame::decode))
    }

    /// Data of the `count` frames that end at `frame_acc`, first frame first; `None` if one is not
    /// kept.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn frames_back(
        &self,
        frame_acc: B256,
        count: u32,
    ) -> Result<Option<Vec<Bytes>>, StoreError> {
        self.read(|tx| {
            let mut frames = Vec::new();
            let mut acc = frame_acc;
            for _ in 0..count {
                let found =
                    chain::record(tx, Table::FgFrames, acc.as_slice(), StoredFrame::decode)?;
                let Some(frame) = found else { return Ok(None) };
                acc = frame.previous;
                frames.push(frame.data);
            }
            frames.reverse();
            Ok(Some(frames))
        })
    }

    /// Intents of a role's L1 transactions by nonce, ascending.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn intents(&self, role: u8) -> Result<Vec<(u64, Bytes)>, StoreError> {
        self.read(|tx| {
            let mut out = Vec::new();
            tx.walk(
                Table::FgIntents,
                &keys::intent(role, 0),
                &mut |key, value| match (key.first(), keys::tail::<8>(key)) {
                    (Some(found), Some(nonce)) if *found == role => {
                        out.push((u64::from_be_bytes(nonce), Bytes::copy_from_slice(value)));
                        ControlFlow::Continue(())
                    }
                    _ => ControlFlow::Break(()),
                },
            )?;
            Ok(out)
        })
    }

    /// Why a transaction was dropped.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn dropped(&self, hash: B256) -> Result<Option<DroppedTx>, StoreError> {
        self.read(|tx| chain::record(tx, Table::FgDropped, hash.as_slice(), DroppedTx::decode))
    }

    /// A small value that another crate keeps.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn metadata(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.read(|tx| {
            let value = tx.get(Table::Metadata, name.as_bytes())?;
            Ok(value.map(|bytes| Bytes::copy_from_slice(&bytes)))
        })
    }

    /// Storage root of the message passer after block `n`, for ever (`ROLLUP.md` section 11).
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn passer_root(&self, n: u64) -> Result<Option<B256>, StoreError> {
        let decode = |bytes: &[u8]| B256::try_from(bytes).ok();
        self.read(|tx| chain::record(tx, Table::FgPasserRoots, &keys::number(n), decode))
    }

    /// A storage-trie node of the message passer by its hash, for ever (`ROLLUP.md` section 11).
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn passer_node(&self, hash: B256) -> Result<Option<Bytes>, StoreError> {
        self.read(|tx| {
            let value = tx.get(Table::FgPasserNodes, hash.as_slice())?;
            Ok(value.map(|bytes| Bytes::copy_from_slice(&bytes)))
        })
    }

    /// Visits the rows of a table as they are, in one snapshot, from the first at or after `from`
    /// until told to stop: for tools that inspect, count or compare.
    ///
    /// # Errors
    /// [`StoreError`]: the read failed.
    pub fn walk_table(
        &self,
        table: Table,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|tx| Ok(tx.walk(table, from, &mut visit)?))
    }

    /// Bytes the database takes, on disk or in memory.
    ///
    /// # Errors
    /// [`StoreError`]: the engine failed.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.inner.db.size_bytes()?)
    }

    /// Free bytes of the disk the store lies on; `None` in memory.
    ///
    /// # Errors
    /// [`StoreError`]: the operating system refused.
    pub fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        let Some(dir) = &self.inner.dir else {
            return Ok(None);
        };
        let stat = rustix::fs::statvfs(dir)
            .map_err(|error| crate::DbError::Engine(format!("statvfs: {error}")))?;
        Ok(Some(stat.f_bavail.saturating_mul(stat.f_frsize)))
    }

    /// Runs reads in one snapshot.
    pub(crate) fn read<R>(
        &self,
        f: impl FnOnce(&dyn ReadTx) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let tx = self.inner.db.read()?;
        f(&*tx)
    }

    /// Why nothing can be written any more, if so.
    pub(crate) fn check_poison(&self) -> Result<(), CommitError> {
        match &*self.inner.poison.lock() {
            Some(why) => Err(CommitError::Poisoned(why.clone())),
            None => Ok(()),
        }
    }
}
