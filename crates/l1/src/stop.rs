//! An L1 whose calls end when the node stops, so that one which does not answer holds up no stop.

use crate::{
    BlockAt, BlockTag, FeeData, Inclusion, L1Block, L1Client, L1Error, L1Receipt, SidecarForm,
    StateAt,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use foggara_primitives::L1Ref;
use std::{future::Future, sync::Arc};
use tokio::sync::watch;

/// An L1 until a signal is given: from then on every call, also one under way, fails with
/// [`L1Error::Stopped`].
#[derive(Debug, Clone)]
pub struct UntilStopped {
    l1: Arc<dyn L1Client>,
    stop: watch::Receiver<bool>,
}

impl UntilStopped {
    /// `l1` until `stop` is true or its sender is gone.
    pub fn new(l1: Arc<dyn L1Client>, stop: watch::Receiver<bool>) -> Self {
        Self { l1, stop }
    }

    async fn unless_stopped<T>(
        &self,
        call: impl Future<Output = Result<T, L1Error>> + Send,
    ) -> Result<T, L1Error> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Err(L1Error::Stopped),
            answer = call => answer,
        }
    }
}

#[async_trait]
impl L1Client for UntilStopped {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.unless_stopped(self.l1.chain_id()).await
    }
    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error> {
        self.unless_stopped(self.l1.head(tag)).await
    }
    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error> {
        self.unless_stopped(self.l1.header(at)).await
    }
    async fn block(&self, at: BlockAt) -> Result<Option<L1Block>, L1Error> {
        self.unless_stopped(self.l1.block(at)).await
    }
    async fn receipts(&self, block: &L1Block) -> Result<Vec<L1Receipt>, L1Error> {
        self.unless_stopped(self.l1.receipts(block)).await
    }
    async fn blobs(&self, block: L1Ref, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        self.unless_stopped(self.l1.blobs(block, hashes)).await
    }
    async fn send_raw(&self, raw: Bytes) -> Result<B256, L1Error> {
        self.unless_stopped(self.l1.send_raw(raw)).await
    }
    async fn nonce(&self, address: Address, at: StateAt) -> Result<u64, L1Error> {
        self.unless_stopped(self.l1.nonce(address, at)).await
    }
    async fn balance(&self, address: Address, at: StateAt) -> Result<U256, L1Error> {
        self.unless_stopped(self.l1.balance(address, at)).await
    }
    async fn code(&self, address: Address, at: StateAt) -> Result<Bytes, L1Error> {
        self.unless_stopped(self.l1.code(address, at)).await
    }
    async fn fees(&self) -> Result<FeeData, L1Error> {
        self.unless_stopped(self.l1.fees()).await
    }
    async fn inclusion(&self, tx_hash: B256) -> Result<Option<Inclusion>, L1Error> {
        self.unless_stopped(self.l1.inclusion(tx_hash)).await
    }
    async fn sidecar_form(&self) -> Result<SidecarForm, L1Error> {
        self.unless_stopped(self.l1.sidecar_form()).await
    }
    fn head_changes(&self) -> Option<watch::Receiver<L1Ref>> {
        self.l1.head_changes()
    }
}
