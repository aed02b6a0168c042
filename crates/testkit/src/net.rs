//! A chain on a development L1 with a clock of its own; the test is the sequencer.

use crate::{Account, TxParams};
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use foggara_derive::{EpochStart, attributes, system_config_of};
use foggara_devl1::{Clock, DevL1, DevL1Config, FUNDS, GenesisAccount as L1Account};
use foggara_l1::{BlockAt, L1Client, fetch_events};
use foggara_primitives::{
    BlockId, ChainOpConfig, ChainSpec, Cursor, FoggaraConfig, GenesisIds, GenesisSystemConfig,
    L2Ref, RollupConfig, StateSource, SystemConfig, addresses::batch_inbox,
};
use foggara_stf::{ExecutedBlock, GenesisAccount, GenesisAlloc, execute_block, genesis_block};
use foggara_store::{Commit, Store};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// L2 chain id of a [`DevNet`].
pub const NET_CHAIN_ID: u64 = 901;
/// L1 chain id of a [`DevNet`].
pub const NET_L1_CHAIN_ID: u64 = 900;
/// Unix second at which a [`DevNet`] begins unless told.
const TIME: u64 = 1_700_000_000;

/// The key with this number.
///
/// # Panics
/// For zero, which is no key.
pub fn numbered_signer(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::with_last_byte(index)).expect("a small number is a key")
}

/// How a [`DevNet`] is made.
#[derive(Debug, Clone, Copy)]
pub struct NetConfig {
    /// Seconds between L1 blocks; L2 blocks come every second.
    pub l1_block_time: u64,
    /// Sequencing window in L1 blocks.
    pub window: u64,
    /// L1 blocks by which finality trails.
    pub finality: u64,
    /// Unix second at which both chains begin.
    pub time: u64,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            l1_block_time: 4,
            window: 200,
            finality: 8,
            time: TIME,
        }
    }
}

/// Both chains and those who use them.
#[derive(Debug)]
pub struct DevNet {
    /// The L1; blocks come when [`Self::mine`] is called.
    pub l1: DevL1,
    /// The chain.
    pub spec: Arc<ChainSpec>,
    /// Its first block.
    pub genesis: Arc<ExecutedBlock>,
    /// The sequencer's store, in memory.
    pub store: Store,
    /// An account with funds on L2.
    pub user: Account,
    /// An account with funds on L1, from which batches count.
    pub batcher: PrivateKeySigner,
    l1_block_time: u64,
    clock: Arc<AtomicU64>,
}

impl DevNet {
    /// Both chains with nothing but their first blocks.
    ///
    /// # Panics
    /// If the development L1 or the first block cannot be made.
    pub fn new(config: NetConfig) -> Self {
        let NetConfig {
            l1_block_time,
            window,
            finality,
            time,
        } = config;
        let clock = Arc::new(AtomicU64::new(time));
        let now = Arc::clone(&clock);
        let (user, batcher) = (Account::new(numbered_signer(1)), numbered_signer(2));
        let mut config = DevL1Config {
            block_time: l1_block_time,
            finality: Some(finality),
            genesis_time: Some(time),
            clock: Clock::new(move || now.load(Ordering::SeqCst) * 1_000),
            ..DevL1Config::default()
        };
        config
            .alloc
            .insert(batcher.address(), L1Account::funded(FUNDS));
        let l1 = DevL1::open(config).expect("a chain in memory opens");
        let mut rollup = rollup(&l1, window, batcher.address());
        let funded = GenesisAccount {
            balance: FUNDS,
            ..Default::default()
        };
        let alloc = GenesisAlloc::from([(user.address(), funded)]);
        let genesis = genesis_block(&rollup, &alloc).expect("genesis has a state");
        rollup.genesis.l2 = BlockId {
            hash: genesis.hash,
            number: 0,
        };
        let header = genesis.header.clone();
        let spec =
            ChainSpec::new(rollup, FoggaraConfig::default(), header).expect("it keeps the rules");
        let (spec, genesis) = (Arc::new(spec), Arc::new(genesis));
        Self {
            store: empty_store(&spec, &genesis),
            l1,
            spec,
            genesis,
            user,
            batcher,
            l1_block_time,
            clock,
        }
    }

    /// A store with nothing but genesis.
    pub fn empty_store(&self) -> Store {
        empty_store(&self.spec, &self.genesis)
    }

    /// Mines an L1 block with what waits, one block time later.
    ///
    /// # Panics
    /// If the L1 is broken.
    pub fn mine(&self) {
        self.clock.fetch_add(self.l1_block_time, Ordering::SeqCst);
        self.l1.mine().expect("L1 goes on");
    }

    /// A transfer by the user.
    pub fn transfer(&mut self) -> Bytes {
        let to = Address::with_last_byte(self.user.nonce.to_be_bytes()[7]);
        self.user
            .sign(NET_CHAIN_ID, &TxParams::transfer(to, U256::from(7)))
    }

    /// Lets the user go on from the nonce that the chain knows.
    ///
    /// # Panics
    /// If the store is broken.
    pub fn resync_user(&mut self) {
        let mut view = self.store.latest_view().expect("there is a head");
        let account = view.account(self.user.address()).expect("the head is read");
        self.user.nonce = account.map_or(0, |account| account.nonce);
    }

    /// Builds the sequencer's next block with these transactions.
    ///
    /// # Panics
    /// If one of them is invalid.
    pub async fn build(&self, txs: Vec<Bytes>) -> L2Ref {
        let block = self.execute_on(&self.store, txs).await;
        let l2 = block.l2.expect("it is an L2 block");
        self.store
            .commit(Commit::block(Arc::new(block)))
            .expect("it stands on the head");
        l2
    }

    /// The next block on top of a store's head.
    ///
    /// # Panics
    /// If a transaction is invalid.
    pub async fn execute_on(&self, store: &Store, txs: Vec<Bytes>) -> ExecutedBlock {
        let parent = store.heads().unsafe_;
        let stored = store.block(parent.number).expect("the head is read");
        let stored = stored.expect("the head is there");
        let first = stored.transactions.first().map(|tx| tx.as_ref());
        let sys = system_config_of(&self.spec, &stored.header, first).expect("a block of ours");
        let time = parent.timestamp + self.spec.rollup.block_time;
        let next = BlockAt::Number(parent.l1_origin.number + 1);
        let next = self.l1.header(next).await.expect("L1 answers");
        let advance = next.is_some_and(|(header, _)| header.timestamp <= time);
        let number = parent.l1_origin.number + u64::from(advance);
        let origin = fetch_events(&self.l1, &self.spec, number).await;
        let origin = origin.expect("L1 answers");
        let epoch = advance.then(|| EpochStart::from(&origin));
        let built = attributes(&self.spec, &parent, &sys, &origin.header, epoch, txs);
        let built = built.expect("the origin follows").attributes;
        let view = store.latest_view().expect("there is a head");
        assert_eq!(
            view.id(),
            parent.id(),
            "the head moved, {:?}",
            store.heads()
        );
        let executed = execute_block(&self.spec, &stored.header, parent.hash, &built, view);
        let executed = executed.expect("deposits are valid");
        assert!(executed.is_full(), "a transaction is invalid");
        executed.into_block()
    }
}

fn rollup(l1: &DevL1, window: u64, batcher: Address) -> RollupConfig {
    let tip = l1.latest();
    RollupConfig {
        genesis: GenesisIds {
            l1: tip.id(),
            l2: BlockId::default(),
            l2_time: tip.timestamp,
            system_config: GenesisSystemConfig {
                batcher_addr: batcher,
                scalar: SystemConfig::scalar_word(1_368, 810_949),
                gas_limit: 60_000_000,
                eip1559_params: B64::from(0x0000_00fa_0000_0006u64),
                ..Default::default()
            },
        },
        block_time: 1,
        seq_window_size: window,
        l1_chain_id: NET_L1_CHAIN_ID,
        l2_chain_id: NET_CHAIN_ID,
        regolith_time: Some(0),
        canyon_time: Some(0),
        delta_time: Some(0),
        ecotone_time: Some(0),
        fjord_time: Some(0),
        granite_time: Some(0),
        holocene_time: Some(0),
        isthmus_time: Some(0),
        batch_inbox_address: batch_inbox(NET_CHAIN_ID),
        deposit_contract_address: Address::repeat_byte(0x01),
        l1_system_config_address: Address::repeat_byte(0x02),
        chain_op_config: Some(ChainOpConfig {
            eip1559_elasticity: 6,
            eip1559_denominator: 50,
            eip1559_denominator_canyon: 250,
        }),
        ..Default::default()
    }
}

fn empty_store(spec: &ChainSpec, genesis: &ExecutedBlock) -> Store {
    let store = Store::in_memory();
    let ids = &spec.rollup.genesis;
    let cursor = Cursor::genesis(ids.l1.hash, ids.l1.number, ids.system_config.batcher_addr);
    store
        .init(genesis, spec.hash(), cursor)
        .expect("the store is empty");
    store
}
