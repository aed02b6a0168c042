//! A running node.

use crate::{Chain, StopError, SubmitError, node::Running};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use foggara_pool::Pool;
use foggara_primitives::{Heads, SourceError, StateSource};
use foggara_rpc::TxStatus;
use foggara_store::{Store, StoreEvent, TxLocation};
use std::net::SocketAddr;
use tokio::sync::{broadcast, watch};

/// A running node. Dropping it stops every part in order, as [`SequencerHandle::stop`] does.
#[derive(Debug)]
pub struct SequencerHandle {
    pub(crate) chain: Chain,
    pub(crate) store: Store,
    pub(crate) pool: Option<Pool>,
    pub(crate) context: foggara_rpc::Context,
    pub(crate) rpc_addr: Option<SocketAddr>,
    pub(crate) l1_rpc_addr: Option<SocketAddr>,
    pub(crate) running: Running,
}

impl SequencerHandle {
    /// The chain it runs.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Its store, for reading.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Where it serves JSON-RPC.
    pub const fn rpc_addr(&self) -> Option<SocketAddr> {
        self.rpc_addr
    }

    /// Where its development L1 serves JSON-RPC.
    pub const fn l1_rpc_addr(&self) -> Option<SocketAddr> {
        self.l1_rpc_addr
    }

    /// The development L1, if the node brought one.
    pub const fn dev_l1(&self) -> Option<&foggara_devl1::DevL1> {
        self.running.dev_l1.as_ref()
    }

    /// Offers a signed transaction (EIP-2718 bytes); returns when it is *accepted*: it then survives
    /// a power cut.
    ///
    /// # Errors
    /// [`SubmitError::Pool`]: the pool refuses it. [`SubmitError::NoPool`]: the node is a replica.
    pub async fn submit(&self, raw: impl Into<Bytes>) -> Result<Ticket, SubmitError> {
        let pool = self.pool.as_ref().ok_or(SubmitError::NoPool)?;
        let hash = pool.add(raw.into()).await?;
        Ok(Ticket {
            hash,
            store: self.store.clone(),
            pool: pool.clone(),
        })
    }

    /// Nonce that an account uses next, its pooled transactions counted.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn pending_nonce(&self, address: Address) -> Result<u64, SourceError> {
        match &self.pool {
            Some(pool) => pool.pending_nonce(address),
            None => {
                let account = self.store.latest_view()?.account(address)?;
                Ok(account.map_or(0, |account| account.nonce))
            }
        }
    }

    /// The heads now and whenever they move, never before they are durable.
    pub fn heads(&self) -> watch::Receiver<Heads> {
        self.store.subscribe_heads()
    }

    /// Blocks, reorganisations and head moves from now on.
    pub fn events(&self) -> broadcast::Receiver<StoreEvent> {
        self.store.subscribe()
    }

    /// The life of a transaction, as `rollup_txStatus` tells it.
    ///
    /// # Errors
    /// The store could not be read.
    pub fn tx_status(&self, hash: B256) -> Result<TxStatus, foggara_store::StoreError> {
        foggara_rpc::tx_status(&self.context, hash)
    }

    /// Stops every part in order: no new transactions, the open block committed, the journal synced.
    ///
    /// # Errors
    /// [`StopError`]: a part had failed before.
    pub async fn stop(mut self) -> Result<(), StopError> {
        self.running.stop().await
    }

    /// Waits until the node ends by itself, which it does only when a part fails.
    ///
    /// # Errors
    /// [`StopError`]: names the part.
    pub async fn wait(&mut self) -> Result<(), StopError> {
        self.running.wait().await
    }
}

/// An accepted transaction.
#[derive(Debug, Clone)]
pub struct Ticket {
    hash: B256,
    store: Store,
    pool: Pool,
}

/// Where a transaction stands in the chain, and the level its block has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// The block and the index in it.
    pub location: TxLocation,
    /// EIP-2718 receipt.
    pub receipt: Bytes,
}

impl Ticket {
    /// Hash of the transaction.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// Waits until it stands in a durable block.
    ///
    /// # Errors
    /// [`SubmitError::Dropped`], [`SubmitError::Stopped`].
    pub async fn preconfirmed(&self) -> Result<Included, SubmitError> {
        self.reached(|heads| heads.unsafe_.number).await
    }

    /// Waits until its block is derived from L1.
    ///
    /// # Errors
    /// As [`Self::preconfirmed`].
    pub async fn safe(&self) -> Result<Included, SubmitError> {
        self.reached(|heads| heads.safe.number).await
    }

    /// Waits until the L1 block that holds its batch is final.
    ///
    /// # Errors
    /// As [`Self::preconfirmed`].
    pub async fn finalized(&self) -> Result<Included, SubmitError> {
        self.reached(|heads| heads.finalized.number).await
    }

    async fn reached(&self, level: impl Fn(&Heads) -> u64) -> Result<Included, SubmitError> {
        let mut heads = self.store.subscribe_heads();
        loop {
            let number = level(&heads.borrow_and_update());
            if let Some(included) = self
                .included()
                .filter(|i| i.location.block_number <= number)
            {
                return Ok(included);
            }
            if let Some(reason) = self.pool.dropped(&self.hash) {
                return Err(SubmitError::Dropped {
                    hash: self.hash,
                    reason: reason.word().to_owned(),
                });
            }
            heads.changed().await.map_err(|_| SubmitError::Stopped)?;
        }
    }

    fn included(&self) -> Option<Included> {
        let location = self.store.tx_by_hash(self.hash).ok().flatten()?;
        debug_assert_eq!(keccak256(&location.raw), self.hash);
        let receipts = self.store.receipts(location.block_number).ok().flatten()?;
        let receipt = receipts.get(usize::try_from(location.index).ok()?)?.clone();
        Some(Included { location, receipt })
    }
}
