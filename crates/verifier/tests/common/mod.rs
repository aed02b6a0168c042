//! A development L1, a sequencer driven by hand, and verifiers beside it.
#![allow(dead_code, unreachable_pub, clippy::cast_possible_truncation)]

use alloy_primitives::{B256, Bytes};
use async_trait::async_trait;
use foggara_batch::{
    BatchContext, ChannelId, SingularBatch, SpanBlockInput, SpanBuilder, compress, cut_frames,
    encode_content, encode_payload,
};
use foggara_l1::{BlockTag, FollowerConfig, L1Client};
use foggara_primitives::L2Ref;
use foggara_store::{Commit, Store, StoredBlock};
use foggara_testkit::{Account, DevNet, NET_L1_CHAIN_ID, NetConfig, TxParams};
use foggara_verifier::{HookError, Hooks, Verifier, VerifierConfig, VerifierError, VerifierStatus};
use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

/// Everything outside the verifier.
pub struct Net {
    net: DevNet,
    batcher: Account,
    channel: u8,
}

impl Deref for Net {
    type Target = DevNet;

    fn deref(&self) -> &DevNet {
        &self.net
    }
}

impl DerefMut for Net {
    fn deref_mut(&mut self) -> &mut DevNet {
        &mut self.net
    }
}

impl Net {
    /// A chain with a window of `window` L1 blocks; L1 finality trails by `finality`.
    pub fn new(window: u64, finality: u64) -> Self {
        let net = DevNet::new(NetConfig {
            window,
            finality,
            ..NetConfig::default()
        });
        Self {
            batcher: Account::new(net.batcher.clone()),
            net,
            channel: 0,
        }
    }

    /// Builds until the sequencer is at L1's time, one transfer in every other block.
    pub async fn build_to_l1_time(&mut self) {
        while self.store.heads().unsafe_.timestamp < self.l1.latest().timestamp {
            let txs = if self.store.heads().unsafe_.number.is_multiple_of(2) {
                vec![self.transfer()]
            } else {
                vec![]
            };
            self.build(txs).await;
        }
    }

    /// One L1 block and the L2 blocks of its time.
    pub async fn slot(&mut self) {
        self.mine();
        self.build_to_l1_time().await;
    }

    /// Posts blocks `from..=to` of the sequencer as one span batch; they land with the next L1 block.
    pub fn post(&mut self, from: u64, to: u64) {
        let mut span = SpanBuilder::new(BatchContext::of(&self.spec.rollup));
        for number in from..=to {
            let (block, l2, txs) = self.sequenced(number);
            span.push(&SpanBlockInput {
                timestamp: block.header.timestamp,
                parent_hash: block.header.parent_hash,
                l1_origin: l2.l1_origin,
                sequence_number: l2.sequence_number,
                transactions: &txs,
            })
            .unwrap();
        }
        self.post_batches(&[span.encode()]);
    }

    /// A block of the sequencer with the transactions that are no deposits.
    pub fn sequenced(&self, number: u64) -> (StoredBlock, L2Ref, Vec<Bytes>) {
        let block = self.store.block(number).unwrap().unwrap();
        let l2 = self.store.l2_ref(number).unwrap().unwrap();
        let txs = block
            .transactions
            .iter()
            .filter(|tx| tx[0] != 0x7e)
            .cloned()
            .collect();
        (block, l2, txs)
    }

    pub fn singular(&self, number: u64) -> SingularBatch {
        let (block, l2, transactions) = self.sequenced(number);
        SingularBatch {
            parent_hash: block.header.parent_hash,
            epoch: l2.l1_origin,
            timestamp: block.header.timestamp,
            transactions,
        }
    }

    /// Sends batches as one channel in calldata.
    pub fn post_batches(&mut self, batches: &[Vec<u8>]) {
        self.channel = self.channel.wrapping_add(1);
        let bytes = compress(&encode_content(batches));
        let id = ChannelId::repeat_byte(self.channel);
        let frames = cut_frames(id, &bytes.into(), 100_000).unwrap();
        let params = TxParams::call(
            self.spec.rollup.batch_inbox_address,
            Bytes::from(encode_payload(&frames)),
            5_000_000,
        );
        let raw = self.batcher.sign(NET_L1_CHAIN_ID, &params);
        self.l1.send_raw(&raw).unwrap();
    }

    /// Starts a verifier on `store`.
    pub fn verify(&self, store: &Store) -> Running {
        self.verify_with(store, Arc::new(self.l1.clone()), VerifierConfig::default())
    }

    pub fn verify_with(
        &self,
        store: &Store,
        l1: Arc<dyn L1Client>,
        config: VerifierConfig,
    ) -> Running {
        let (stop, stopped) = watch::channel(false);
        let hooks = Arc::new(Recorder::default());
        let config = VerifierConfig {
            follower: FollowerConfig {
                poll: Duration::from_millis(10),
                ..config.follower
            },
            retry: Duration::from_millis(10),
            ..config
        };
        let (verifier, status) = Verifier::new(
            config,
            store.clone(),
            l1,
            Arc::clone(&self.spec),
            Arc::clone(&hooks) as Arc<dyn Hooks>,
            stopped,
        );
        Running {
            task: tokio::spawn(verifier.run()),
            stop,
            status,
            hooks,
            store: store.clone(),
        }
    }

    pub async fn l1_number(&self) -> u64 {
        self.l1.head(BlockTag::Latest).await.unwrap().number
    }
}

/// Hooks that remember what they were told.
#[derive(Debug, Default)]
pub struct Recorder {
    /// What a builder commits, and where, while the first unwind is being prepared.
    pub grow: Mutex<Option<(Store, Commit)>>,
    pub unwinding: Mutex<Vec<B256>>,
    pub unwound: Mutex<Vec<(Vec<B256>, L2Ref)>>,
}

#[async_trait]
impl Hooks for Recorder {
    async fn unwinding(&self, removed: &[StoredBlock]) -> Result<(), HookError> {
        self.unwinding
            .lock()
            .unwrap()
            .extend(removed.iter().map(|block| block.hash));
        if let Some((store, commit)) = self.grow.lock().unwrap().take() {
            store.commit(commit).unwrap();
        }
        Ok(())
    }

    async fn unwound(&self, removed: &[StoredBlock], head: L2Ref) -> Result<(), HookError> {
        let removed = removed.iter().map(|block| block.hash).collect();
        self.unwound.lock().unwrap().push((removed, head));
        Ok(())
    }
}

/// A verifier at work.
pub struct Running {
    task: JoinHandle<Result<(), VerifierError>>,
    stop: watch::Sender<bool>,
    pub status: watch::Receiver<VerifierStatus>,
    pub hooks: Arc<Recorder>,
    pub store: Store,
}

impl Running {
    /// Waits until the status satisfies `wanted`.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&VerifierStatus) -> bool) {
        let seen = self.status.clone();
        let wait = self.status.wait_for(|status| wanted(status));
        if tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .is_err()
        {
            panic!(
                "{what}: {:?}, task ended: {}",
                *seen.borrow(),
                self.task.is_finished()
            );
        }
    }

    /// Waits until all of L1 is consumed and finality is told.
    pub async fn until_synced(&mut self, l1: u64) {
        self.until("synced", |status| {
            status.synced && status.current_l1.number == l1
        })
        .await;
    }

    pub async fn stop(self) -> Result<(), VerifierError> {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }

    /// Waits for the verifier to end by itself.
    pub async fn ended(self) -> VerifierError {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.task).await;
        ended.expect("the verifier goes on").unwrap().unwrap_err()
    }
}

impl Net {
    /// The batcher's nonce as L1 has it now.
    pub async fn resync_batcher(&mut self) {
        let at = foggara_l1::StateAt::Pending;
        self.batcher.nonce = self.l1.nonce(self.batcher.address(), at).await.unwrap();
    }
}
