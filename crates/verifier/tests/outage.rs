//! An L1 that fails, loses its mind or is another: what the verifier waits out and where it stops.

mod common;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use common::*;
use foggara_derive::Severity;
use foggara_devl1::DevL1;
use foggara_l1::{
    BlockAt, BlockTag, FeeData, Inclusion, L1Block, L1Client, L1Error, L1Receipt, StateAt,
};
use foggara_primitives::L1Ref;
use foggara_verifier::{VerifierConfig, VerifierError};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// A development L1 behind a bad line: one call in four fails, or all of them.
#[derive(Debug)]
struct Flaky {
    l1: DevL1,
    calls: AtomicU64,
    down: AtomicBool,
}

impl Flaky {
    fn call(&self) -> Result<&DevL1, L1Error> {
        let count = self.calls.fetch_add(1, Ordering::SeqCst);
        let chance = alloy_primitives::keccak256(count.to_be_bytes())[0];
        if self.down.load(Ordering::SeqCst) || chance < 64 {
            let (endpoint, reason) = ("test".into(), "cut".into());
            return Err(L1Error::Transport { endpoint, reason });
        }
        Ok(&self.l1)
    }
}

#[async_trait]
impl L1Client for Flaky {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.call()?.chain_id().await
    }
    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error> {
        self.call()?.head(tag).await
    }
    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error> {
        self.call()?.header(at).await
    }
    async fn block(&self, at: BlockAt) -> Result<Option<L1Block>, L1Error> {
        self.call()?.block(at).await
    }
    async fn receipts(&self, block: &L1Block) -> Result<Vec<L1Receipt>, L1Error> {
        self.call()?.receipts(block).await
    }
    async fn blobs(&self, block: L1Ref, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        self.call()?.blobs(block, hashes).await
    }
    async fn send_raw(&self, raw: Bytes) -> Result<B256, L1Error> {
        L1Client::send_raw(self.call()?, raw).await
    }
    async fn nonce(&self, address: Address, at: StateAt) -> Result<u64, L1Error> {
        self.call()?.nonce(address, at).await
    }
    async fn balance(&self, address: Address, at: StateAt) -> Result<U256, L1Error> {
        self.call()?.balance(address, at).await
    }
    async fn code(&self, address: Address, at: StateAt) -> Result<Bytes, L1Error> {
        self.call()?.code(address, at).await
    }
    async fn fees(&self) -> Result<FeeData, L1Error> {
        self.call()?.fees().await
    }
    async fn inclusion(&self, tx_hash: B256) -> Result<Option<Inclusion>, L1Error> {
        self.call()?.inclusion(tx_hash).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_l1_that_fails_now_and_then_is_waited_for() {
    let mut net = Net::new(100, 3);
    let l1 = Arc::new(Flaky {
        l1: net.l1.clone(),
        calls: AtomicU64::new(0),
        down: AtomicBool::new(false),
    });
    let replica = net.empty_store();
    let line = Arc::clone(&l1) as Arc<dyn L1Client>;
    let mut running = net.verify_with(&replica, line, VerifierConfig::default());
    let mut posted = 0;
    for round in 0..10 {
        l1.down.store(round == 5, Ordering::SeqCst);
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        net.post(posted + 1, head);
        posted = head;
        if round == 5 {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
    net.mine();
    running
        .until("all safe", |status| status.heads.safe.number == posted)
        .await;
    assert_eq!(
        replica.heads().safe,
        net.store.l2_ref(posted).unwrap().unwrap()
    );
    assert!(l1.calls.load(Ordering::SeqCst) > 30);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_below_finality_is_fatal() {
    let mut net = Net::new(100, 2);
    let mut running = net.verify(&net.store);
    let mut posted = 0;
    for _ in 0..6 {
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        net.post(posted + 1, head);
        posted = head;
    }
    net.mine();
    let l1 = net.l1_number().await;
    running.until_synced(l1).await;
    let (_, finalized) = net.store.safe_at_l1(l1 - 2).unwrap().unwrap();
    running
        .until("finalized", |status| status.heads.finalized == finalized)
        .await;
    net.l1.reorg(5, false).unwrap();
    let error = running.ended().await;
    assert_eq!(error.severity(), Severity::Fatal, "{error}");
    assert_eq!(net.store.heads().finalized, finalized);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_l1_is_refused() {
    let mut net = Net::new(100, 2);
    let mut running = net.verify(&net.store);
    net.slot().await;
    let head = net.store.heads().unsafe_.number;
    net.post(1, head);
    for _ in 0..4 {
        net.mine();
    }
    running
        .until("finalized", |status| status.heads.finalized.number == head)
        .await;
    running.stop().await.unwrap();
    // The same genesis, another history.
    net.l1.reorg(5, false).unwrap();
    let error = net.verify(&net.store).ended().await;
    assert!(matches!(error, VerifierError::ForeignL1 { .. }), "{error}");
}
