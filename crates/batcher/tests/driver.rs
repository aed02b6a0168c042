//! The task on a development L1, with a verifier beside it: what the batcher posts becomes safe, through
//! restarts, outages and reorgs of L1, in blobs and in calldata.

use alloy::signers::local::PrivateKeySigner;
use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use async_trait::async_trait;
use foggara_batcher::{
    BatcherConfig, BatcherError, BatcherParts, BatcherStatus, DaKind, DaPolicy, run,
};
use foggara_derive::{EpochStart, attributes, system_config_of};
use foggara_devl1::{Clock, DevL1, DevL1Config, FUNDS, GenesisAccount as L1Account};
use foggara_l1::{
    BlockAt, BlockTag, FeeData, FollowerConfig, Inclusion, L1Block, L1Client, L1Error, L1Receipt,
    SidecarForm, StateAt, TxManager, TxManagerConfig, fetch_events,
};
use foggara_primitives::{
    BlockId, ChainOpConfig, ChainSpec, Cursor, FoggaraConfig, GenesisIds, GenesisSystemConfig,
    L1Ref, RollupConfig, StateSource, SystemConfig, addresses::batch_inbox,
};
use foggara_stf::{ExecutedBlock, GenesisAccount, GenesisAlloc, execute_block, genesis_block};
use foggara_store::{Commit, Store};
use foggara_testkit::{Account, TxParams};
use foggara_verifier::{NoHooks, Verifier, VerifierConfig, VerifierError, VerifierStatus};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

const L1_BLOCK_TIME: u64 = 2;
const L2_CHAIN: u64 = 901;
const TIME: u64 = 1_700_000_000;

/// A development L1 whose line can be cut.
#[derive(Debug, Clone)]
struct Line {
    l1: DevL1,
    cut: Arc<AtomicBool>,
}

impl Line {
    fn check(&self) -> Result<(), L1Error> {
        if self.cut.load(Ordering::SeqCst) {
            let (endpoint, reason) = ("devl1".into(), "the line is cut".into());
            return Err(L1Error::Transport { endpoint, reason });
        }
        Ok(())
    }
}

#[async_trait]
impl L1Client for Line {
    async fn chain_id(&self) -> Result<u64, L1Error> {
        self.l1.chain_id().await
    }
    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error> {
        self.check()?;
        self.l1.head(tag).await
    }
    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error> {
        self.check()?;
        self.l1.header(at).await
    }
    async fn block(&self, at: BlockAt) -> Result<Option<L1Block>, L1Error> {
        self.check()?;
        self.l1.block(at).await
    }
    async fn receipts(&self, block: &L1Block) -> Result<Vec<L1Receipt>, L1Error> {
        self.check()?;
        self.l1.receipts(block).await
    }
    async fn blobs(&self, block: L1Ref, hashes: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        self.check()?;
        self.l1.blobs(block, hashes).await
    }
    async fn send_raw(&self, raw: Bytes) -> Result<B256, L1Error> {
        self.check()?;
        L1Client::send_raw(&self.l1, raw).await
    }
    async fn nonce(&self, address: Address, at: StateAt) -> Result<u64, L1Error> {
        self.check()?;
        self.l1.nonce(address, at).await
    }
    async fn balance(&self, address: Address, at: StateAt) -> Result<U256, L1Error> {
        self.check()?;
        self.l1.balance(address, at).await
    }
    async fn code(&self, address: Address, at: StateAt) -> Result<Bytes, L1Error> {
        self.check()?;
        self.l1.code(address, at).await
    }
    async fn fees(&self) -> Result<FeeData, L1Error> {
        self.check()?;
        self.l1.fees().await
    }
    async fn inclusion(&self, tx_hash: B256) -> Result<Option<Inclusion>, L1Error> {
        self.check()?;
        self.l1.inclusion(tx_hash).await
    }
    async fn sidecar_form(&self) -> Result<SidecarForm, L1Error> {
        self.l1.sidecar_form().await
    }
}

/// A chain with its L1; the test is the sequencer.
struct Net {
    line: Line,
    spec: Arc<ChainSpec>,
    genesis: ExecutedBlock,
    store: Store,
    user: Account,
    batcher: PrivateKeySigner,
    clock: Arc<AtomicU64>,
}

fn signer(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::with_last_byte(index)).unwrap()
}

impl Net {
    fn new() -> Self {
        let clock = Arc::new(AtomicU64::new(TIME));
        let now = Arc::clone(&clock);
        let (user, batcher) = (Account::new(signer(1)), signer(2));
        let mut config = DevL1Config {
            block_time: L1_BLOCK_TIME,
            finality: Some(8),
            genesis_time: Some(TIME),
            clock: Clock::new(move || now.load(Ordering::SeqCst) * 1_000),
            ..DevL1Config::default()
        };
        config
            .alloc
            .insert(batcher.address(), L1Account::funded(FUNDS));
        let l1 = DevL1::open(config).unwrap();
        let tip = l1.latest();
        let mut rollup = RollupConfig {
            genesis: GenesisIds {
                l1: tip.id(),
                l2_time: tip.timestamp,
                system_config: GenesisSystemConfig {
                    batcher_addr: batcher.address(),
                    scalar: SystemConfig::scalar_word(1_368, 810_949),
                    gas_limit: 60_000_000,
                    eip1559_params: B64::from(0x0000_00fa_0000_0006u64),
                    ..Default::default()
                },
                ..Default::default()
            },
            block_time: 1,
            seq_window_size: 200,
            l1_chain_id: 900,
            l2_chain_id: L2_CHAIN,
            regolith_time: Some(0),
            canyon_time: Some(0),
            delta_time: Some(0),
            ecotone_time: Some(0),
            fjord_time: Some(0),
            granite_time: Some(0),
            holocene_time: Some(0),
            isthmus_time: Some(0),
            batch_inbox_address: batch_inbox(L2_CHAIN),
            deposit_contract_address: Address::repeat_byte(0x01),
            l1_system_config_address: Address::repeat_byte(0x02),
            chain_op_config: Some(ChainOpConfig {
                eip1559_elasticity: 6,
                eip1559_denominator: 50,
                eip1559_denominator_canyon: 250,
            }),
            ..Default::default()
        };
        let funded = GenesisAccount {
            balance: FUNDS,
            ..Default::default()
        };
        let alloc = GenesisAlloc::from([(user.address(), funded)]);
        let genesis = genesis_block(&rollup, &alloc).unwrap();
        rollup.genesis.l2 = BlockId {
            hash: genesis.hash,
            number: 0,
        };
        let header = genesis.header.clone();
        let spec = Arc::new(ChainSpec::new(rollup, FoggaraConfig::default(), header).unwrap());
        let store = empty_store(&spec, &genesis);
        let line = Line {
            l1,
            cut: Arc::new(AtomicBool::new(false)),
        };
        Self {
            line,
            spec,
            genesis,
            store,
            user,
            batcher,
            clock,
        }
    }

    fn mine(&self) {
        self.clock.fetch_add(L1_BLOCK_TIME, Ordering::SeqCst);
        self.line.l1.mine().unwrap();
    }

    /// Builds blocks up to L1's time, each with a transfer.
    async fn build(&mut self) {
        while self.store.heads().unsafe_.timestamp < self.line.l1.latest().timestamp {
            let parent = self.store.heads().unsafe_;
            let mut view = self.store.latest_view().unwrap();
            let user = view.account(self.user.address()).unwrap();
            self.user.nonce = user.map_or(0, |account| account.nonce);
            let to = Address::with_last_byte(u8::try_from(parent.number % 250).unwrap());
            let tx = self
                .user
                .sign(L2_CHAIN, &TxParams::transfer(to, U256::from(7)));
            let stored = self.store.block(parent.number).unwrap().unwrap();
            let first = stored.transactions.first().map(|tx| tx.as_ref());
            let sys = system_config_of(&self.spec, &stored.header, first).unwrap();
            let l1 = &self.line.l1;
            let next = l1
                .header(BlockAt::Number(parent.l1_origin.number + 1))
                .await
                .unwrap();
            let advance = next.is_some_and(|(header, _)| header.timestamp <= parent.timestamp + 1);
            let number = parent.l1_origin.number + u64::from(advance);
            let origin = fetch_events(l1, &self.spec, number).await.unwrap();
            let epoch = advance.then(|| EpochStart::from(&origin));
            let built = attributes(&self.spec, &parent, &sys, &origin.header, epoch, vec![tx]);
            let built = built.unwrap().attributes;
            let executed =
                execute_block(&self.spec, &stored.header, parent.hash, &built, view).unwrap();
            assert!(executed.is_full());
            self.store
                .commit(Commit::block(Arc::new(executed.into_block())))
                .unwrap();
        }
    }

    /// One L1 block, the L2 blocks of its time, and a moment for the tasks.
    async fn slot(&mut self) {
        self.mine();
        self.build().await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }

    /// Mines until everything built is safe; returns the L1 blocks it took.
    async fn until_safe(&mut self, batcher: &Batcher) -> u64 {
        let start = self.line.l1.latest().number;
        for _ in 0..400 {
            if self.store.heads().safe == self.store.heads().unsafe_ {
                return self.line.l1.latest().number - start;
            }
            if self.line.l1.pending_count() > 0 || batcher.status.borrow().in_flight == 0 {
                self.mine();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}, {:?}", self.store.heads(), *batcher.status.borrow());
    }

    async fn batch(&self, config: BatcherConfig) -> Batcher {
        let client: Arc<dyn L1Client> = Arc::new(self.line.clone());
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
            Arc::new(self.line.l1.clone()),
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
        let replica = empty_store(&self.spec, &self.genesis);
        let mut verifying = self.verify(&replica);
        verifying.until_at(self.line.l1.latest()).await;
        assert_eq!(replica.heads().safe, self.store.heads().safe);
        verifying.stop().await;
    }
}

fn empty_store(spec: &ChainSpec, genesis: &ExecutedBlock) -> Store {
    let store = Store::in_memory();
    let ids = &spec.rollup.genesis;
    let cursor = Cursor::genesis(ids.l1.hash, ids.l1.number, ids.system_config.batcher_addr);
    store.init(genesis, spec.hash(), cursor).unwrap();
    store
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
            let inclusion = net
                .line
                .l1
                .inclusion(posted.l1_txs[0])
                .await
                .unwrap()
                .unwrap();
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
            if net.line.l1.pending_count() > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        verifying.until_at(net.line.l1.latest()).await;
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
    net.line.cut.store(true, Ordering::SeqCst);
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
    net.line.cut.store(false, Ordering::SeqCst);
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
        net.line.l1.reorg(depth, keep).unwrap();
        verifying.until_at(net.line.l1.latest()).await;
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
    net.batcher = signer(77);
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
