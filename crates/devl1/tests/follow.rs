//! An L1 is followed: blocks come as events in order, reorgs with their fork, and derivation reads
//! from each block exactly what it should.

mod common;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use common::{Hand, INBOX, PORTAL, SYSTEM_CONFIG, blob, call, chain, config, event, signer, spec};
use foggara_derive::Payload;
use foggara_devl1::{DevL1, DevL1Config};
use foggara_l1::{
    BlockAt, BlockTag, FeeData, Follower, FollowerConfig, Inclusion, L1Block, L1Client, L1Error,
    L1Event, L1Receipt, Severity, StateAt, TxManager, TxManagerConfig, TxPayload, TxRequest,
    fetch_events, fetch_input,
};
use foggara_primitives::L1Ref;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

fn quick() -> FollowerConfig {
    FollowerConfig {
        poll: Duration::from_millis(20),
        ..FollowerConfig::default()
    }
}

/// Applies events to a list of blocks, checking that each fits the one before.
fn apply(chain: &mut Vec<L1Ref>, events: Vec<L1Event>) -> Vec<u64> {
    let mut finals = Vec::new();
    let push = |chain: &mut Vec<L1Ref>, block: L1Ref| {
        assert_eq!(block.parent_hash, chain.last().unwrap().hash);
        chain.push(block);
    };
    for event in events {
        match event {
            L1Event::Advance(block) => push(chain, block),
            L1Event::Reorg { fork, new } => {
                while *chain.last().unwrap() != fork {
                    chain.pop();
                }
                assert!(!new.is_empty());
                new.into_iter().for_each(|block| push(chain, block));
            }
            L1Event::Finalized(block) => {
                assert!(chain.contains(&block));
                finals.push(block.number);
            }
        }
    }
    finals
}

async fn l1_refs(l1: &DevL1, numbers: std::ops::RangeInclusive<u64>) -> Vec<L1Ref> {
    let mut refs = Vec::new();
    for number in numbers {
        let (header, hash) = l1.header(number.into()).await.unwrap().unwrap();
        refs.push(foggara_l1::ref_of(&header, hash));
    }
    refs
}

#[tokio::test]
async fn events_fit_by_parent_hash_through_reorgs_of_every_depth() {
    let l1 = DevL1::open(DevL1Config {
        finality: Some(20),
        ..config(&Hand::default())
    })
    .unwrap();
    let start = l1.latest();
    let mut follower = Follower::new(Arc::new(l1.clone()), start, quick());
    let mut seen = vec![start];
    for depth in 1..=12 {
        for _ in 0..depth + 2 {
            l1.mine().unwrap();
        }
        apply(&mut seen, follower.poll().await.unwrap());
        assert_eq!(*seen.last().unwrap(), l1.latest());
        l1.reorg(depth, true).unwrap();
        if depth % 3 == 0 {
            l1.mine().unwrap();
        }
        let events = follower.poll().await.unwrap();
        assert!(
            matches!(&events[0], L1Event::Reorg { fork, new }
                if fork.number + new.len() as u64 == l1.latest().number
                    && new.len() as u64 == depth + u64::from(depth % 3 == 0)),
            "{events:?}"
        );
        apply(&mut seen, events);
        assert_eq!(*seen.last().unwrap(), l1.latest());
    }
    assert!(follower.poll().await.unwrap().is_empty());
}

#[tokio::test]
async fn catching_up_delivers_every_block_and_finality() {
    let l1 = chain();
    let start = l1.latest();
    for _ in 0..150 {
        l1.mine().unwrap();
    }
    let config = FollowerConfig {
        step_max: 16,
        window_max: 40,
        ..quick()
    };
    let mut follower = Follower::new(Arc::new(l1.clone()), start, config);
    let mut seen = vec![start];
    let mut finals = Vec::new();
    while follower.tip() != l1.latest() {
        let events = follower.poll().await.unwrap();
        assert!(events.len() <= 17, "a look is bounded");
        finals.extend(apply(&mut seen, events));
    }
    assert_eq!(seen.len(), 151);
    assert!(finals.is_sorted() && finals.len() > 8);
    assert_eq!(finals.last(), Some(&148));
    assert_eq!(follower.get(100), None, "the window is bounded");
    assert_eq!(follower.get(150), Some(l1.latest()));
}

/// Two nodes behind one address: one that is behind, on a branch that is gone, says what is latest, the
/// other what is final. What the first says was then called final.
#[tokio::test]
async fn what_two_nodes_say_is_not_mixed_into_finality() {
    let l1 = DevL1::open(DevL1Config {
        finality: Some(4),
        ..config(&Hand::default())
    })
    .unwrap();
    let views = Arc::new(Views {
        l1: l1.clone(),
        latest: Mutex::new(None),
    });
    let mut follower = Follower::new(Arc::clone(&views) as _, l1.latest(), quick());
    for _ in 0..3 {
        l1.mine().unwrap();
    }
    follower.poll().await.unwrap();
    let stale = l1.latest();
    assert_eq!(follower.tip(), stale);
    l1.reorg(2, false).unwrap();
    for _ in 0..10 {
        l1.mine().unwrap();
    }
    *views.latest.lock().unwrap() = Some(stale);
    assert_eq!(follower.poll().await.unwrap(), []);
    // Once the node that was behind has caught up, all comes by itself.
    *views.latest.lock().unwrap() = None;
    let events = follower.poll().await.unwrap();
    assert!(matches!(&events[0], L1Event::Reorg { fork, .. } if fork.number == 1));
    let finalized = l1.head(BlockTag::Finalized).await.unwrap();
    assert_eq!(events.last(), Some(&L1Event::Finalized(finalized)));
}

/// An L1 whose latest block is asked of another node.
#[derive(Debug)]
struct Views {
    l1: DevL1,
    latest: Mutex<Option<L1Ref>>,
}

#[async_trait]
impl L1Client for Views {
    async fn head(&self, tag: BlockTag) -> Result<L1Ref, L1Error> {
        let latest = *self.latest.lock().unwrap();
        match latest.filter(|_| tag == BlockTag::Latest) {
            Some(latest) => Ok(latest),
            None => self.l1.head(tag).await,
        }
    }
    async fn header(&self, at: BlockAt) -> Result<Option<(Header, B256)>, L1Error> {
        self.l1.header(at).await
    }
    async fn chain_id(&self) -> Result<u64, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn block(&self, _: BlockAt) -> Result<Option<L1Block>, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn receipts(&self, _: &L1Block) -> Result<Vec<L1Receipt>, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn blobs(&self, _: L1Ref, _: &[B256]) -> Result<Vec<Bytes>, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn send_raw(&self, _: Bytes) -> Result<B256, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn nonce(&self, _: Address, _: StateAt) -> Result<u64, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn balance(&self, _: Address, _: StateAt) -> Result<U256, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn code(&self, _: Address, _: StateAt) -> Result<Bytes, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn fees(&self) -> Result<FeeData, L1Error> {
        unreachable!("a follower reads headers only")
    }
    async fn inclusion(&self, _: B256) -> Result<Option<Inclusion>, L1Error> {
        unreachable!("a follower reads headers only")
    }
}

#[tokio::test]
async fn a_reorg_below_the_finalized_block_is_fatal() {
    let l1 = chain();
    let mut follower = Follower::new(Arc::new(l1.clone()), l1.latest(), quick());
    for _ in 0..6 {
        l1.mine().unwrap();
    }
    follower.poll().await.unwrap();
    l1.reorg(3, true).unwrap();
    let error = follower.poll().await.unwrap_err();
    assert_eq!(
        error,
        L1Error::ReorgBelowFinalized {
            finalized: 4,
            fork: 3
        }
    );
    assert_eq!(error.severity(), Severity::Fatal);
}

#[tokio::test]
async fn a_reorg_beyond_memory_is_fatal_and_remembered_blocks_extend_it() {
    let l1 = DevL1::open(DevL1Config {
        finality: None,
        ..config(&Hand::default())
    })
    .unwrap();
    let mut refs = vec![l1.latest()];
    for _ in 0..6 {
        refs.push(l1.mine().unwrap());
    }
    let mut forgetful = Follower::new(Arc::new(l1.clone()), refs[6], quick());
    let mut mindful = Follower::new(Arc::new(l1.clone()), refs[6], quick());
    mindful.remember(refs.iter().rev().skip(1).copied());
    l1.reorg(3, true).unwrap();
    assert_eq!(
        forgetful.poll().await,
        Err(L1Error::ReorgTooDeep { oldest: 6 })
    );
    let events = mindful.poll().await.unwrap();
    let reorg = L1Event::Reorg {
        fork: refs[3],
        new: l1_refs(&l1, 4..=6).await,
    };
    assert!(events.contains(&reorg), "{events:?}");
}

#[tokio::test]
async fn waiting_for_the_next_event_ends_when_a_block_comes() {
    let l1 = chain();
    let config = FollowerConfig {
        poll: Duration::from_secs(60),
        ..FollowerConfig::default()
    };
    let mut follower = Follower::new(Arc::new(l1.clone()), l1.latest(), config);
    assert_eq!(
        follower.next().await.unwrap(),
        L1Event::Finalized(l1.latest())
    );
    let waiting = tokio::spawn(async move { follower.next().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let block = l1.mine().unwrap();
    let event = tokio::time::timeout(Duration::from_secs(5), waiting)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(event, L1Event::Advance(block));
}

#[tokio::test]
async fn inputs_hold_the_batcher_s_payloads_in_order() {
    let l1 = chain();
    let spec = spec();
    let mut sys = spec.rollup.genesis.system_config.system_config();
    l1.send_raw(&call(&l1, 0, INBOX, Bytes::from_static(b"first")).await)
        .unwrap();
    l1.send_raw(&call(&l1, 1, INBOX, Bytes::from_static(b"a stranger's")).await)
        .unwrap();
    l1.send_raw(
        &call(
            &l1,
            0,
            Address::repeat_byte(5),
            Bytes::from_static(b"elsewhere"),
        )
        .await,
    )
    .unwrap();
    l1.send_raw(&call(&l1, 0, INBOX, Bytes::from_static(b"second")).await)
        .unwrap();
    let block = l1.mine().unwrap();
    let input = fetch_input(&l1, &spec, block.hash, &mut sys).await.unwrap();
    assert_eq!(input.header.l1_ref(), block);
    let data = |text: &'static [u8]| Payload::Calldata(Bytes::from_static(text));
    assert_eq!(input.payloads, [data(b"first"), data(b"second")]);
    assert_eq!(
        fetch_input(&l1, &spec, block.number, &mut sys)
            .await
            .unwrap(),
        input
    );
    let error = fetch_input(&l1, &spec, B256::repeat_byte(1), &mut sys)
        .await
        .unwrap_err();
    assert_eq!(error.severity(), Severity::Reset);
    let error = fetch_input(&l1, &spec, 99u64, &mut sys).await.unwrap_err();
    assert_eq!(error.severity(), Severity::Retry);
}

#[tokio::test]
async fn inputs_hold_blobs_in_order_even_twice() {
    let l1 = chain();
    let spec = spec();
    let mut sys = spec.rollup.genesis.system_config.system_config();
    let mut sender = TxManager::new(Arc::new(l1.clone()), signer(0), TxManagerConfig::dev())
        .await
        .unwrap();
    let blobs = vec![blob(b"one"), blob(&[7; 130_000]), blob(b"one")];
    sender
        .submit(TxRequest::data(INBOX, TxPayload::Blobs(blobs.clone())))
        .unwrap();
    sender.tick().await.unwrap();
    let block = l1.mine().unwrap();
    let input = fetch_input(&l1, &spec, block.hash, &mut sys).await.unwrap();
    assert_eq!(
        input.payloads,
        blobs.into_iter().map(Payload::Blob).collect::<Vec<_>>()
    );
    let bare = fetch_events(&l1, &spec, block.hash).await.unwrap();
    assert_eq!((bare.header, bare.payloads), (input.header, vec![]));
}

/// A `ConfigUpdate` that names another batcher is in force for the very block it stands in.
#[tokio::test]
async fn a_new_batcher_counts_from_its_own_block() {
    let l1 = chain();
    let spec = spec();
    let mut sys = spec.rollup.genesis.system_config.system_config();
    let new = signer(1).address();
    let mut data = B256::from(U256::from(32)).to_vec();
    data.extend_from_slice(B256::from(U256::from(32)).as_slice());
    data.extend_from_slice(new.into_word().as_slice());
    l1.send_raw(&call(&l1, 2, SYSTEM_CONFIG, event(0, 0, &data)).await)
        .unwrap();
    l1.send_raw(&call(&l1, 2, PORTAL, event(1, 2, b"deposit")).await)
        .unwrap();
    l1.send_raw(&call(&l1, 0, INBOX, Bytes::from_static(b"old")).await)
        .unwrap();
    l1.send_raw(&call(&l1, 1, INBOX, Bytes::from_static(b"new")).await)
        .unwrap();
    let block = l1.mine().unwrap();
    let input = fetch_input(&l1, &spec, block.hash, &mut sys).await.unwrap();
    assert_eq!(sys.batcher, new);
    assert_eq!(
        input.payloads,
        [Payload::Calldata(Bytes::from_static(b"new"))]
    );
    assert_eq!(input.config_updates.len(), 1);
    let [(index, log)] = &input.deposits[..] else {
        panic!("{:?}", input.deposits)
    };
    assert_eq!((*index, log.data.data.as_ref()), (1, &b"deposit"[..]));
    let next = l1.mine().unwrap();
    let input = fetch_input(&l1, &spec, next.hash, &mut sys).await.unwrap();
    assert!(input.config_updates.is_empty() && input.deposits.is_empty());
}
