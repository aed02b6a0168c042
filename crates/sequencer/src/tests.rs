//! The building loop, step by step, on an L1 that a test disturbs.

use crate::{
    Sequencer, SequencerConfig, SequencerError, fees_at_head,
    pipeline::{Committer, Pipeline},
    run::{Pause, Silence},
};
use alloy_primitives::{Address, B256, Bytes};
use foggara_pool::{DropReason, HeadFees, Pool, PoolConfig, PoolState, TxQuote};
use foggara_primitives::{AccountInfo, ChainSpec, SourceError, StateSource};
use foggara_store::Store;
use foggara_testkit::{DevNet, Line, NET_CHAIN_ID, NetConfig, TxParams};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::watch;

/// The state of a store, free of charge.
struct Durable(Arc<ChainSpec>, Store);

impl PoolState for Durable {
    fn account(&self, address: Address) -> Result<Option<AccountInfo>, SourceError> {
        self.1.latest_view()?.account(address)
    }
    fn code(&self, code_hash: B256) -> Result<Bytes, SourceError> {
        self.1.latest_view()?.code(code_hash)
    }
    fn fees(&self) -> HeadFees {
        fees_at_head(&self.0, &self.1).unwrap()
    }
    fn included(&self, hash: &B256) -> Result<bool, SourceError> {
        Ok(self.1.has_tx(*hash)?)
    }
    fn quote(&self, _: &HeadFees, raw: &[u8], _: u64) -> TxQuote {
        TxQuote {
            da_size: raw.len() as u64,
            ..TxQuote::default()
        }
    }
}

/// A sequencer on the head of `net`, and the switch that cuts its line to L1.
fn sequencer(net: &DevNet) -> (Sequencer, Arc<AtomicBool>) {
    let cut = Arc::new(AtomicBool::new(false));
    let is_cut = Arc::clone(&cut);
    let line = Line::new(net.l1.clone(), move |_| {
        if is_cut.load(Ordering::SeqCst) {
            Err(Line::cut())
        } else {
            Ok(())
        }
    });
    // More init code than the chain runs.
    let config = PoolConfig {
        init_code_bytes_max: 100_000,
        ..PoolConfig::dev(NET_CHAIN_ID)
    };
    let state = Arc::new(Durable(Arc::clone(&net.spec), net.store.clone()));
    let pool = Pool::open(None, config, state, &|_: &B256| false).unwrap();
    let sequencer = Sequencer::new(
        Arc::clone(&net.spec),
        net.store.clone(),
        pool,
        Arc::new(line),
        SequencerConfig::default(),
        watch::channel(0).1,
    );
    (sequencer.unwrap(), cut)
}

fn net(window: u64) -> (DevNet, u64) {
    let config = NetConfig {
        window,
        ..NetConfig::default()
    };
    (DevNet::new(config), config.time)
}

/// An L1 that did not answer stopped the chain at once.
#[tokio::test]
async fn without_a_word_of_l1_blocks_stay_in_their_epoch_for_the_drift() {
    let (net, start) = net(1_000);
    for _ in 0..3 {
        net.build(Vec::new()).await;
    }
    let (mut sequencer, cut) = sequencer(&net);
    sequencer.attributes(start + 4).await.unwrap();
    net.mine();
    cut.store(true, Ordering::SeqCst);
    for time in [start + 4, start + 1_800] {
        let attributes = sequencer.attributes(time).await.unwrap();
        assert!(!attributes.no_tx_pool);
        assert_eq!(sequencer.epoch.as_ref().unwrap().header.number, 0);
    }
    assert_eq!(sequencer.silence, Silence::Told);
    // Beyond it a block may stay only where no later origin is possible, which nobody can tell now.
    let refused = sequencer.attributes(start + 1_801).await;
    assert_eq!(refused.unwrap_err(), Pause::Wait);
    assert_eq!(sequencer.silence, Silence::Alarmed);
    cut.store(false, Ordering::SeqCst);
    sequencer.attributes(start + 1_801).await.unwrap();
    assert_eq!(sequencer.epoch.as_ref().unwrap().header.number, 1);
    assert_eq!(sequencer.silence, Silence::None);
}

/// The window runs on while L1 is not heard, at one block in twelve seconds: half of 200 blocks is 1,200 s.
#[tokio::test]
async fn without_a_word_of_l1_nothing_is_promised_beyond_half_the_window() {
    let (net, start) = net(200);
    let (mut sequencer, cut) = sequencer(&net);
    sequencer.attributes(start + 1).await.unwrap();
    cut.store(true, Ordering::SeqCst);
    let before = sequencer.attributes(start + 1_199).await.unwrap();
    let after = sequencer.attributes(start + 1_200).await.unwrap();
    assert_eq!((before.no_tx_pool, after.no_tx_pool), (false, true));
}

#[tokio::test]
async fn an_origin_that_l1_has_dropped_is_not_kept_when_l1_falls_silent() {
    let (net, start) = net(200);
    for _ in 0..3 {
        net.mine();
    }
    for _ in 0..6 {
        net.build(Vec::new()).await;
    }
    let (mut sequencer, cut) = sequencer(&net);
    sequencer.attributes(start + 7).await.unwrap();
    net.l1.reorg(3, false).unwrap();
    for silent in [false, true] {
        cut.store(silent, Ordering::SeqCst);
        let refused = sequencer.attributes(start + 7).await;
        assert_eq!(refused.unwrap_err(), Pause::Reset);
    }
}

/// The third rebuild took whatever else the pool had, so a faulty machine went on to the end.
#[tokio::test]
async fn the_third_mismatch_in_a_row_leaves_only_deposits() {
    let (net, start) = net(200);
    let (mut sequencer, _) = sequencer(&net);
    for mismatch in 1..=3 {
        let block = Arc::new(net.execute_on(&net.store, Vec::new()).await);
        sequencer.pending.push(block);
        sequencer.mismatch().unwrap();
        let attributes = sequencer.attributes(start + 1).await.unwrap();
        assert_eq!(attributes.no_tx_pool, mismatch == 3);
    }
    let block = Arc::new(net.execute_on(&net.store, Vec::new()).await);
    sequencer.pending.push(block);
    let ended = sequencer.mismatch();
    assert_eq!(ended, Err(SequencerError::SelfCheck { number: 1 }));
}

/// A transaction that no block can take was offered to every block, for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_block_can_take_leaves_the_pool() {
    let (mut net, start) = net(200);
    let (mut sequencer, _) = sequencer(&net);
    let init_code = Bytes::from(vec![0; 60_000]);
    let params = TxParams::create(init_code, 5_000_000);
    let raw = net.user.sign(NET_CHAIN_ID, &params);
    let hash = sequencer.pool.add(raw).await.unwrap();
    let pipeline = Pipeline::start(Committer {
        spec: Arc::clone(&sequencer.spec),
        store: sequencer.store.clone(),
        pool: sequencer.pool.clone(),
        self_check: true,
    });
    let built = sequencer.slot(start + 1, &pipeline.unwrap()).await.unwrap();
    assert_eq!(built, Ok(()));
    assert!(!sequencer.pool.contains(&hash));
    assert_eq!(sequencer.pool.dropped(&hash), Some(DropReason::Invalid));
}
