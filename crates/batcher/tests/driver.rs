//! The task on a development L1, with a verifier beside it: what the batcher posts becomes safe, through
//! restarts, outages and reorgs of L1, in blobs and in calldata.

use alloy_primitives::U256;
use foggara_batcher::{
    BatcherConfig, BatcherError, BatcherParts, BatcherStatus, DaKind, DaPolicy, run,
};
use foggara_l1::{FollowerConfig, L1Client, TxManager, TxManagerConfig};
use foggara_primitives::L1Ref;
use foggara_store::{Commit, Store};
use foggara_testkit::{DevNet, Line, NetConfig, numbered_signer};
use foggara_verifier::{NoHooks, Verifier, VerifierConfig, VerifierError, VerifierStatus};
use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// A chain with its L1, whose line to the batcher can be cut; the test is the sequencer.
struct Net {
    net: DevNet,
    cut: Arc<AtomicBool>,
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
    fn new() -> Self {
        Self {
            net: DevNet::new(NetConfig {
                l1_block_time: 2,
                ..NetConfig::default()
            }),
            cut: Arc::default(),
        }
    }

    /// Builds blocks up to L1's time, each with a transfer.
    async fn build_to_l1_time(&mut self) {
        while self.store.heads().unsafe_.timestamp < self.l1.latest().timestamp {
            self.resync_user();
            let tx = self.transfer();
            self.build(vec![tx]).await;
        }
    }

    /// One L1 block, the L2 blocks of its time, and a moment for the tasks.
    async fn slot(&mut self) {
        self.mine();
        self.build_to_l1_time().await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }

    /// Mines until everything built is safe; returns the L1 blocks it took.
    async fn until_safe(&mut self, batcher: &Batcher) -> u64 {
        let start = self.l1.latest().number;
        for _ in 0..400 {
            if self.store.heads().safe == self.store.heads().unsafe_ {
                return self.l1.latest().number - start;
            }
            if self.l1.pending_count() > 0 || batcher.status.borrow().in_flight == 0 {
                self.mine();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}, {:?}", self.store.heads(), *batcher.status.borrow());
    }

    async fn batch(&self, config: BatcherConfig) -> Batcher {
        let cut = Arc::clone(&self.cut);
        let line = Line::new(self.l1.clone(), move |_| {
            if cut.load(Ordering::SeqCst) {
                return Err(Line::cut());
            }
            Ok(())
        });
        let client: Arc<dyn L1Client> = Arc::new(line);
        let signer = self.batcher.clone();
        let tx = TxManager::new(Arc::clone(&client), signer, TxManagerConfig::dev()).await;
        let (sender, status) = watch::channel(BatcherStatus::default());
        let parts = BatcherParts {
            config: BatcherConfig {
                poll: Duration::from_millis(10),
                ..config
            },
            spec: Arc::clone(&self.spec),
            store: self.store.clone(),
            client,
            tx: tx.unwrap(),
            status: sender,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(run(parts, async move {
            let _ = stopped.await;
        }));
        Batcher { task, stop, status }
    }

    fn verify(&self, store: &Store) -> Verifying {
        let (stop, stopped) = watch::channel(false);
        let follower = FollowerConfig {
            poll: Duration::from_millis(10),
            ..FollowerConfig::default()
        };
        let retry = Duration::from_millis(10);
        let config = VerifierConfig {
            follower,
            retry,
            ..VerifierConfig::default()
        };
        let (verifier, status) = Verifier::new(
            config,
            store.clone(),
            Arc::new(self.l1.clone()),
            Arc::clone(&self.spec),
            Arc::new(NoHooks),
            stopped,
        );
        Verifying {
            task: tokio::spawn(verifier.run()),
            stop,
            status,
        }
    }

    /// A replica derives the same chain from L1 alone.
    async fn check_replica(&self) {
        let replica = self.empty_store();
        let mut verifying = self.verify(&replica);
        verifying.until_at(self.l1.latest()).await;
        assert_eq!(replica.heads().safe, self.store.heads().safe);
        verifying.stop().await;
    }
}

struct Batcher {
    task: JoinHandle<Result<(), BatcherError>>,
    stop: oneshot::Sender<()>,
    status: watch::Receiver<BatcherStatus>,
}

impl Batcher {
    async fn until(&mut self, what: &str, wanted: impl Fn(&BatcherStatus) -> bool) {
        let seen = self.status.clone();
        let wait = self.status.wait_for(|status| wanted(status));
        if tokio::time::timeout(Duration::from_secs(30), wait)
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

    async fn stop(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(Duration::from_secs(5), self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

struct Verifying {
    task: JoinHandle<Result<(), VerifierError>>,
    stop: watch::Sender<bool>,
    status: watch::Receiver<VerifierStatus>,
}

impl Verifying {
    async fn until_at(&mut self, l1: L1Ref) {
        let wait = self
            .status
            .wait_for(|status| status.synced && status.current_l1 == l1);
        let _ = tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .expect("synced");
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap().unwrap();
    }
}

fn config(da: DaPolicy) -> BatcherConfig {
    BatcherConfig {
        da,
        ..BatcherConfig::dev()
    }
}

/// Every block becomes safe and is recorded with its L1 transaction; a replica agrees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posted_blocks_become_safe() {
    for (da, kind) in [
        (DaPolicy::Blobs, DaKind::Blobs),
        (DaPolicy::Calldata, DaKind::Calldata),
    ] {
        let mut net = Net::new();
        let verifying = net.verify(&net.store);
        let mut batcher = net.batch(config(da)).await;
        for _ in 0..12 {
            net.slot().await;
        }
        net.until_safe(&batcher).await;
        batcher
            .until("recorded", |status| status.backlog_bytes == 0)
            .await;
        let head = net.store.heads().unsafe_.number;
        assert!(head >= 24);
        let mut shares = U256::ZERO;
        for number in 1..=head {
            let posted = net.store.posted(number).unwrap().expect("recorded");
            assert_eq!(
                (posted.l1_txs.len(), posted.frames),
                (1, 1),
                "block {number}"
            );
            let inclusion = net.l1.inclusion(posted.l1_txs[0]).await.unwrap().unwrap();
            assert_eq!(inclusion.block.number, posted.l1_block);
            shares += posted.cost;
        }
        let status = batcher.status.borrow().clone();
        assert_eq!(status.da, Some(kind));
        assert!(status.channels >= 3 && status.error.is_none(), "{status:?}");
        let lost = status.spent - shares;
        assert!(
            lost < U256::from(status.channels * 10),
            "rounding only: {lost} wei"
        );
        net.check_replica().await;
        batcher.stop().await;
        verifying.stop().await;
    }
}

/// A block sealed under one L1 head is safe two L1 blocks later (`ROLLUP.md` A3).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_safe_head_is_at_most_two_l1_blocks_behind() {
    let mut net = Net::new();
    let mut verifying = net.verify(&net.store);
    let batcher = net.batch(config(DaPolicy::Blobs)).await;
    let mut sealed = Vec::new();
    for _ in 0..10 {
        net.slot().await;
        sealed.push(net.store.heads().unsafe_.number);
        // The second that an L1 block takes in life.
        for _ in 0..40 {
            if net.l1.pending_count() > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        verifying.until_at(net.l1.latest()).await;
        if let Some(number) = sealed.iter().rev().nth(2) {
            assert!(
                net.store.heads().safe.number >= *number,
                "{sealed:?}, {:?}",
                net.store.heads()
            );
        }
    }
    batcher.stop().await;
    verifying.stop().await;
}

/// Whatever was in flight when the process ended, the next one brings the rest to L1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_from_the_safe_head() {
    let mut net = Net::new();
    let verifying = net.verify(&net.store);
    for _ in 0..4 {
        let batcher = net.batch(config(DaPolicy::Auto)).await;
        for _ in 0..3 {
            net.slot().await;
        }
        batcher.stop().await;
        net.slot().await;
    }
    let batcher = net.batch(config(DaPolicy::Auto)).await;
    net.until_safe(&batcher).await;
    net.check_replica().await;
    batcher.stop().await;
    verifying.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batcher_survives_a_brief_l1_outage() {
    let mut net = Net::new();
    let verifying = net.verify(&net.store);
    let mut batcher = net.batch(config(DaPolicy::Blobs)).await;
    net.slot().await;
    net.until_safe(&batcher).await;
    net.cut.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        net.slot().await;
    }
    batcher
        .until("held up", |status| {
            status
                .error
                .as_ref()
                .is_some_and(|error| error.contains("the line is cut"))
        })
        .await;
    batcher
        .until("backlog seen", |status| status.backlog_bytes > 0)
        .await;
    net.cut.store(false, Ordering::SeqCst);
    net.until_safe(&batcher).await;
    batcher
        .until("well again", |status| status.error.is_none())
        .await;
    batcher.stop().await;
    verifying.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reorged_batch_is_sent_again() {
    for (depth, keep) in [(1, true), (3, true), (3, false)] {
        let mut net = Net::new();
        let mut verifying = net.verify(&net.store);
        let mut batcher = net.batch(config(DaPolicy::Blobs)).await;
        for _ in 0..6 {
            net.slot().await;
        }
        net.l1.reorg(depth, keep).unwrap();
        verifying.until_at(net.l1.latest()).await;
        for _ in 0..4 {
            net.slot().await;
        }
        net.until_safe(&batcher).await;
        batcher
            .until("posted", |status| status.backlog_bytes == 0)
            .await;
        net.check_replica().await;
        batcher.stop().await;
        verifying.stop().await;
    }
}

/// An account without funds is told, and the batcher waits for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_account_is_told() {
    let mut net = Net::new();
    net.batcher = numbered_signer(77);
    let mut batcher = net.batch(config(DaPolicy::Calldata)).await;
    net.slot().await;
    net.slot().await;
    batcher
        .until("unfunded", |status| status.unfunded.is_some())
        .await;
    assert!(!batcher.task.is_finished());
    batcher.stop().await;
}

/// The sequencer's unsafe chain changes under the batcher: it follows the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_chain_is_followed() {
    let mut net = Net::new();
    let verifying = net.verify(&net.store);
    let quiet = BatcherConfig {
        max_channel_age: 1_000,
        ..config(DaPolicy::Blobs)
    };
    let mut batcher = net.batch(quiet).await;
    for _ in 0..3 {
        net.slot().await;
    }
    let head = net.store.heads().unsafe_.number;
    batcher
        .until("taken", |status| status.backlog_bytes > 0)
        .await;
    net.store.unwind(head - 3, Commit::default()).unwrap();
    net.slot().await;
    batcher.stop().await;
    let batcher = net.batch(config(DaPolicy::Blobs)).await;
    let tip = net.store.heads().unsafe_;
    net.store.unwind(tip.number - 2, Commit::default()).unwrap();
    net.slot().await;
    net.until_safe(&batcher).await;
    net.check_replica().await;
    batcher.stop().await;
    verifying.stop().await;
}
