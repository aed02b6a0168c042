//! A development L1 at the end of a line that a test disturbs.

use alloy::consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use foggara_devl1::DevL1;
use foggara_l1::{
    BlockAt, BlockTag, FeeData, Inclusion, L1Block, L1Client, L1Error, L1Receipt, SidecarForm,
    StateAt,
};
use foggara_primitives::L1Ref;
use std::sync::Arc;

/// A call on its way to L1, as far as tests tell them apart.
#[derive(Debug, Clone, Copy)]
pub enum Call<'a> {
    /// This block is asked for with its transactions.
    Block(BlockAt),
    /// Blobs of this L1 block are asked for.
    Blobs(L1Ref),
    /// These bytes are sent.
    Send(&'a Bytes),
    /// Anything else is asked for.
    Read,
}

type Gate = Arc<dyn Fn(Call<'_>) -> Result<(), L1Error> + Send + Sync>;

/// An [`L1Client`] whose calls pass a gate first.
#[derive(Clone)]
pub struct Line {
    l1: DevL1,
    gate: Gate,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Line {
    /// A line to `l1`; a call that `gate` refuses fails with its error and does not arrive.
    pub fn new(
        l1: DevL1,
        gate: impl Fn(Call<'_>) -> Result<(), L1Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            l1,
            gate: Arc::new(gate),
        }
    }

    /// The error of a line that is cut.
    pub fn cut() -> L1Error {
        L1Error::Transport {
            endpoint: "test".into(),
            reason: "the line is cut".into(),
        }
    }

    fn read(&self) -> Result<&DevL1, L1Error> {
        (self.gate)(Call::Read).map(|()| &self.l1)
    }
}

#[async_trait]
impl L1Client for Line {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.read()?.chain_id().await
    }
    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error> {
        self.read()?.head(tag).await
    }
    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error> {
        self.read()?.header(at).await
    }
    async fn block(&self, at: BlockAt) -> Result<Option<L1Block>, L1Error> {
        (self.gate)(Call::Block(at))?;
        self.l1.block(at).await
    }
    async fn receipts(&self, block: &L1Block) -> Result<Vec<L1Receipt>, L1Error> {
        self.read()?.receipts(block).await
    }
    async fn blobs(&self, block: L1Ref, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        (self.gate)(Call::Blobs(block))?;
        self.l1.blobs(block, hashes).await
    }
    async fn send_raw(&self, raw: Bytes) -> Result<B256, L1Error> {
        (self.gate)(Call::Send(&raw))?;
        L1Client::send_raw(&self.l1, raw).await
    }
    async fn nonce(&self, address: Address, at: StateAt) -> Result<u64, L1Error> {
        self.read()?.nonce(address, at).await
    }
    async fn balance(&self, address: Address, at: StateAt) -> Result<U256, L1Error> {
        self.read()?.balance(address, at).await
    }
    async fn code(&self, address: Address, at: StateAt) -> Result<Bytes, L1Error> {
        self.read()?.code(address, at).await
    }
    async fn fees(&self) -> Result<FeeData, L1Error> {
        self.read()?.fees().await
    }
    async fn inclusion(&self, tx_hash: B256) -> Result<Option<Inclusion>, L1Error> {
        self.read()?.inclusion(tx_hash).await
    }
    async fn sidecar_form(&self) -> Result<SidecarForm, L1Error> {
        self.read()?.sidecar_form().await
    }
}
