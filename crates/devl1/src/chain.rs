//! The chain: one writer behind a lock, readers beside it.

use crate::{
    DevL1Config, DevL1Error, PoolTx,
    genesis::{genesis_block, spec_hash},
    mine::{Next, excess_for, mine},
    pool::{Pool, Standing},
};
use alloy_primitives::{Address, B256, Bytes};
use foggara_l1::{BlockTag, FeeData, ref_of};
use foggara_primitives::{AccountInfo, Cursor, L1Ref, StateSource};
use foggara_store::{Commit, Options, Store, StoredHeader};
use parking_lot::Mutex;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// Name under which the store keeps the block that `finalize` named.
const FINALIZED: &str = "devl1.finalized";
/// Blocks whose state is kept for calls.
const HISTORY_WINDOW: u64 = 90_000;

/// Folder of the store of a chain that lives in `dir`.
pub fn store_dir(dir: &Path) -> PathBuf {
    dir.join("chain")
}

/// A small Ethereum in the process. Cheap to clone; every clone is the same chain.
///
/// Reads and writes block the thread for as long as the store does; callers on an asynchronous
/// runtime go through [`foggara_l1::L1Client`] or a blocking task.
#[derive(Debug, Clone)]
pub struct DevL1 {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) config: DevL1Config,
    pub(crate) core: Mutex<Core>,
    head: watch::Sender<L1Ref>,
}

/// What only the writer touches.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) pool: Pool,
    pub(crate) next_timestamp: Option<u64>,
    pub(crate) blob_excess: Option<u64>,
    pub(crate) finalized: u64,
    pub(crate) salt: u64,
}

impl DevL1 {
    /// Opens the chain of the configured folder, or begins one. What was waiting in the pool still
    /// does.
    ///
    /// # Errors
    /// - [`DevL1Error::Open`]: the folder is in use, damaged or of another chain.
    /// - Others: it cannot be read or written.
    pub fn open(config: DevL1Config) -> Result<Self, DevL1Error> {
        let options = Options {
            history_window: Some(HISTORY_WINDOW),
            ..Options::default()
        };
        let store = match &config.dir {
            Some(dir) => Store::open(store_dir(dir), options)?.0,
            None => Store::in_memory_with(options),
        };
        let time = if store.is_initialised() {
            store.genesis()?.header.timestamp
        } else {
            config.genesis_time.unwrap_or_else(|| config.clock.now())
        };
        store.init(
            &genesis_block(&config, time)?,
            spec_hash(&config),
            Cursor::default(),
        )?;
        let finalized = store.metadata(FINALIZED)?;
        let finalized = finalized.and_then(|bytes| Some(u64::from_be_bytes(*bytes.first_chunk()?)));
        let pool = Pool::open(config.dir.as_ref().map(|dir| dir.join("pool")))?;
        let core = Core {
            pool,
            next_timestamp: None,
            blob_excess: None,
            finalized: finalized.unwrap_or(0),
            salt: 0,
        };
        let head = head_of(&store)?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                config,
                core: Mutex::new(core),
                head: watch::Sender::new(ref_of(&head.header, head.hash)),
            }),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &DevL1Config {
        &self.inner.config
    }

    /// The chain's blocks, receipts, state and blobs, for reading.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Changes whenever the head does, after its block is durable.
    pub fn subscribe(&self) -> watch::Receiver<L1Ref> {
        self.inner.head.subscribe()
    }

    /// The newest block.
    pub fn latest(&self) -> L1Ref {
        *self.inner.head.borrow()
    }

    /// Number of the block that a tag names: `safe` trails the tip by one, `finalized` by the
    /// configured distance, or stands where [`Self::finalize`] put it, whichever is higher.
    pub fn number_of(&self, tag: BlockTag) -> u64 {
        let latest = self.latest().number;
        let by_hand = self.inner.core.lock().finalized.min(latest);
        let finalized = self.inner.config.finality.map_or(by_hand, |distance| {
            latest.saturating_sub(distance).max(by_hand)
        });
        match tag {
            BlockTag::Latest => latest,
            BlockTag::Safe => latest.saturating_sub(1).max(finalized),
            BlockTag::Finalized => finalized,
        }
    }

    /// Mines one block now from what waits.
    ///
    /// # Errors
    /// [`DevL1Error`]: the store failed.
    pub fn mine(&self) -> Result<L1Ref, DevL1Error> {
        let mut core = self.inner.core.lock();
        let timestamp = core
            .next_timestamp
            .take()
            .unwrap_or_else(|| self.config().clock.now());
        mine(&self.inner.store, self.config(), &mut core, timestamp)?;
        self.announce()
    }

    /// The next block, and only that, has this time.
    ///
    /// # Errors
    /// [`DevL1Error::Request`]: it is not after the head's.
    pub fn set_next_timestamp(&self, timestamp: u64) -> Result<(), DevL1Error> {
        let mut core = self.inner.core.lock();
        let head = self.latest().timestamp;
        if timestamp <= head {
            let text = format!("timestamp {timestamp} is not after the head's {head}");
            return Err(DevL1Error::Request(text));
        }
        core.next_timestamp = Some(timestamp);
        Ok(())
    }

    /// Replaces the newest `depth` blocks by others of the same times. With `keep` the transactions
    /// of the lost blocks return to the pool and are mined again as far as they are still valid;
    /// without, they are gone. Finality is not regarded: that is for the follower to notice.
    ///
    /// # Errors
    /// [`DevL1Error::Request`]: `depth` is zero or reaches below the first block.
    pub fn reorg(&self, depth: u64, keep: bool) -> Result<L1Ref, DevL1Error> {
        let mut core = self.inner.core.lock();
        let head = self.latest();
        let Some(to) = head.number.checked_sub(depth).filter(|_| depth > 0) else {
            let text = format!("reorg depth must be 1 to {}, not {depth}", head.number);
            return Err(DevL1Error::Request(text));
        };
        let removed = self.inner.store.unwind(to, Commit::default())?;
        let times: Vec<u64> = removed.iter().map(|lost| lost.header.timestamp).collect();
        core.salt = core.salt.saturating_add(1);
        if keep {
            let lost = removed.into_iter().flat_map(|lost| lost.transactions);
            for tx in lost.filter_map(PoolTx::returned) {
                core.pool.give_back(tx)?;
            }
        }
        for time in times {
            mine(&self.inner.store, self.config(), &mut core, time)?;
        }
        tracing::info!(depth, keep, to, "devl1.reorg");
        self.announce()
    }

    /// Holds the blob base fee at the lowest step of the rule that is not below `fee` wei, from the
    /// next block on; 0 lets the market decide again.
    pub fn set_blob_fee(&self, fee: u128) {
        self.inner.core.lock().blob_excess = (fee > 0).then(|| excess_for(fee));
    }

    /// Makes block `number` final; finality never goes back.
    ///
    /// # Errors
    /// [`DevL1Error::UnknownBlock`]: there is no such block yet.
    pub fn finalize(&self, number: u64) -> Result<(), DevL1Error> {
        let mut core = self.inner.core.lock();
        if number > self.latest().number {
            return Err(DevL1Error::UnknownBlock(number.to_string()));
        }
        if number > core.finalized {
            let value = Some(Bytes::copy_from_slice(&number.to_be_bytes()));
            let metadata = vec![(FINALIZED.to_owned(), value)];
            self.inner.store.commit(Commit {
                metadata,
                ..Commit::default()
            })?;
            core.finalized = number;
        }
        Ok(())
    }

    /// Admits a transaction in network form; its hash is given out when it is durable. Blob proofs
    /// are verified.
    ///
    /// # Errors
    /// [`DevL1Error::Rejected`] in geth's words.
    pub fn send_raw(&self, raw: &[u8]) -> Result<B256, DevL1Error> {
        let tx = PoolTx::decode(raw)?;
        let mut core = self.inner.core.lock();
        let account = self.inner.store.latest_view()?.account(tx.sender())?;
        let AccountInfo { nonce, balance, .. } = account.unwrap_or_default();
        let (chain_id, gas_limit) = (self.config().chain_id, self.config().gas_limit);
        core.pool.add(
            tx,
            Standing {
                chain_id,
                nonce,
                balance,
                gas_limit,
            },
        )
    }

    /// A transaction that waits.
    pub fn pending(&self, hash: B256) -> Option<PoolTx> {
        self.inner.core.lock().pool.get(hash).cloned()
    }

    /// Transactions that wait.
    pub fn pending_count(&self) -> usize {
        self.inner.core.lock().pool.len()
    }

    /// Next nonce of an account, what waits without a gap included.
    ///
    /// # Errors
    /// [`DevL1Error`]: the store failed.
    pub fn pending_nonce(&self, address: Address) -> Result<u64, DevL1Error> {
        let core = self.inner.core.lock();
        let account = self.inner.store.latest_view()?.account(address)?;
        Ok(core
            .pool
            .pending_nonce(address, account.map_or(0, |account| account.nonce)))
    }

    /// Prices of the next block.
    ///
    /// # Errors
    /// [`DevL1Error`]: the store failed.
    pub fn fee_data(&self) -> Result<FeeData, DevL1Error> {
        let excess = self.inner.core.lock().blob_excess;
        let head = head_of(&self.inner.store)?;
        let next = Next::after(&head.header, 0, excess);
        Ok(FeeData {
            base_fee: next.base_fee.into(),
            blob_base_fee: next.blob_fee(),
            tip: 0,
        })
    }

    fn announce(&self) -> Result<L1Ref, DevL1Error> {
        let head = head_of(&self.inner.store)?;
        let head = ref_of(&head.header, head.hash);
        self.inner.head.send_replace(head);
        Ok(head)
    }
}

fn head_of(store: &Store) -> Result<StoredHeader, DevL1Error> {
    let number = store.heads().unsafe_.number;
    store
        .header(number)?
        .ok_or_else(|| DevL1Error::UnknownBlock(number.to_string()))
}
