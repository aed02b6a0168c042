//! A development L1, a sequencer driven by hand, and verifiers beside it.
#![allow(dead_code, unreachable_pub, clippy::cast_possible_truncation)]

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use async_trait::async_trait;
use foggara_batch::{
    BatchContext, ChannelId, SingularBatch, SpanBlockInput, SpanBuilder, compress, cut_frames,
    encode_content, encode_payload,
};
use foggara_derive::{EpochStart, attributes, system_config_of};
use foggara_devl1::{Clock, DevL1, DevL1Config, FUNDS, GenesisAccount as L1Account};
use foggara_l1::{BlockAt, BlockTag, FollowerConfig, L1Client, fetch_events};
use foggara_primitives::{
    BlockId, ChainOpConfig, ChainSpec, Cursor, FoggaraConfig, GenesisIds, GenesisSystemConfig,
    L2Ref, RollupConfig, SystemConfig, addresses::batch_inbox,
};
use foggara_stf::{ExecutedBlock, GenesisAccount, GenesisAlloc, execute_block, genesis_block};
use foggara_store::{Commit, Store, StoredBlock};
use foggara_testkit::{Account, TxParams};
use foggara_verifier::{HookError, Hooks, Verifier, VerifierConfig, VerifierError, VerifierStatus};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};

pub const L1_BLOCK_TIME: u64 = 4;
pub const BLOCK_TIME: u64 = 1;
pub const L2_CHAIN: u64 = 901;
const TIME: u64 = 1_700_000_000;

/// Everything outside the verifier.
pub struct Net {
    pub l1: DevL1,
    pub spec: Arc<ChainSpec>,
    pub genesis: Arc<ExecutedBlock>,
    /// The sequencer's store.
    pub store: Store,
    pub user: Account,
    batcher: Account,
    clock: Arc<AtomicU64>,
    channel: u8,
}

fn account(index: u8) -> Account {
    let key = B256::with_last_byte(index);
    Account::new(PrivateKeySigner::from_bytes(&key).unwrap())
}

impl Net {
    /// A chain with a window of `window` L1 blocks; L1 finality trails by `finality`.
    pub fn new(window: u64, finality: u64) -> Self {
        let clock = Arc::new(AtomicU64::new(TIME));
        let now = Arc::clone(&clock);
        let (user, batcher) = (account(1), account(2));
        let mut config = DevL1Config {
            block_time: L1_BLOCK_TIME,
            finality: Some(finality),
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
                l2: BlockId::default(),
                l2_time: tip.timestamp,
                system_config: GenesisSystemConfig {
                    batcher_addr: batcher.address(),
                    scalar: SystemConfig::scalar_word(1_368, 810_949),
                    gas_limit: 60_000_000,
                    eip1559_params: B64::from(0x0000_00fa_0000_0006u64),
                    ..Default::default()
                },
            },
            block_time: BLOCK_TIME,
            seq_window_size: window,
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
        let spec =
            ChainSpec::new(rollup, FoggaraConfig::default(), genesis.header.clone()).unwrap();
        let (spec, genesis) = (Arc::new(spec), Arc::new(genesis));
        let store = empty_store(&spec, &genesis);
        Self {
            l1,
            spec,
            genesis,
            store,
            user,
            batcher,
            clock,
            channel: 0,
        }
    }

    /// A store with nothing but genesis.
    pub fn empty_store(&self) -> Store {
        empty_store(&self.spec, &self.genesis)
    }

    /// Mines an L1 block with what waits.
    pub fn mine(&self) {
        self.clock.fetch_add(L1_BLOCK_TIME, Ordering::SeqCst);
        self.l1.mine().unwrap();
    }

    /// A transfer by the user.
    pub fn transfer(&mut self) -> Bytes {
        let to = Address::repeat_byte(self.user.nonce as u8);
        self.user
            .sign(L2_CHAIN, &TxParams::transfer(to, U256::from(7)))
    }

    /// Builds the next block of the sequencer with these transactions.
    pub async fn build(&self, txs: Vec<Bytes>) -> L2Ref {
        let block = self.execute_on(&self.store, txs).await;
        let l2 = block.l2.unwrap();
        self.store.commit(Commit::block(Arc::new(block))).unwrap();
        l2
    }

    /// The next block on top of a store's head.
    pub async fn execute_on(&self, store: &Store, txs: Vec<Bytes>) -> ExecutedBlock {
        let parent = store.heads().unsafe_;
        let stored = store.block(parent.number).unwrap().unwrap();
        let first = stored.transactions.first().map(|tx| tx.as_ref());
        let sys = system_config_of(&self.spec, &stored.header, first).unwrap();
        let time = parent.timestamp + BLOCK_TIME;
        let next = self
            .l1
            .header(BlockAt::Number(parent.l1_origin.number + 1))
            .await
            .unwrap();
        let advance = next.is_some_and(|(header, _)| header.timestamp <= time);
        let number = parent.l1_origin.number + u64::from(advance);
        let origin = fetch_events(&self.l1, &self.spec, number).await.unwrap();
        let epoch = advance.then(|| EpochStart::from(&origin));
        let built = attributes(&self.spec, &parent, &sys, &origin.header, epoch, txs)
            .unwrap()
            .attributes;
        let view = store.latest_view().unwrap();
        assert_eq!(
            view.id(),
            parent.id(),
            "the head moved, {:?}",
            store.heads()
        );
        let executed =
            execute_block(&self.spec, &stored.header, parent.hash, &built, view).unwrap();
        assert!(executed.is_full());
        executed.into_block()
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
        let raw = self.batcher.sign(900, &params);
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

fn empty_store(spec: &ChainSpec, genesis: &ExecutedBlock) -> Store {
    let store = Store::in_memory();
    let ids = &spec.rollup.genesis;
    let cursor = Cursor::genesis(ids.l1.hash, ids.l1.number, ids.system_config.batcher_addr);
    store.init(genesis, spec.hash(), cursor).unwrap();
    store
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
