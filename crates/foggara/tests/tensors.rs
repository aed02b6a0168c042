//! Stored tensors are consensus, so a node that has nothing but L1 must come to the same ones.
//!
//! A sequencer builds blocks full of AI operations: tensors are put, joined, used by handle, touched, they
//! expire and are pruned, and much of it fails. Time runs in steps of days on both chains, so a lease of a
//! week is over after a few blocks. A replica derives the blocks from L1 alone, is stopped in the middle and
//! started again on its folder; block hashes, receipts and every stored byte must be the same.
//!
//! `FOGGARA_SOAK=1` runs 500 blocks instead of a few dozen.

mod common;

use alloy::{consensus::ReceiptEnvelope, eips::eip2718::Decodable2718 as _};
use alloy_primitives::{Address, B256, U256, address, keccak256};
use common::{Offered, follow, replica, sequencer_dir};
use foggara::{BatcherConfig, DaPolicy, L1, SequencerBuilder, SequencerHandle, dev_accounts};
use foggara_devl1::{Clock, DevL1, DevL1Config};
use foggara_primitives::StateSource as _;
use foggara_testkit::{Kind, Traffic};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Seconds between blocks: a lease of an epoch is three of them, the retention twenty-six.
const STEP: u64 = 200_000;
/// Where the clock begins: far enough back that no block lies ahead of the machine's clock.
const GENESIS: u64 = 1_500_000_000;
/// Transactions offered per block.
const OFFERS: usize = 24;
const TENSOR: Address = address!("0000000000000000000000000000000000a100f0");

/// An L1 whose clock the test turns, served by URL.
struct Days {
    l1: DevL1,
    clock: Arc<AtomicU64>,
    server: foggara_rpc::ServerHandle,
}

impl Days {
    async fn start() -> Self {
        let clock = Arc::new(AtomicU64::new(GENESIS));
        let now = Arc::clone(&clock);
        let l1 = DevL1::open(DevL1Config {
            block_time: STEP,
            genesis_time: Some(GENESIS),
            clock: Clock::new(move || now.load(Ordering::SeqCst) * 1_000),
            ..DevL1Config::default()
        })
        .unwrap();
        let module = foggara_rpc::devl1::module(l1.clone()).unwrap();
        let config = foggara_rpc::ServerConfig {
            addr: ([127, 0, 0, 1], 0).into(),
            ..foggara_rpc::ServerConfig::default()
        };
        let server = foggara_rpc::serve(config, module, None).await.unwrap();
        Self { l1, clock, server }
    }

    fn url(&self) -> L1 {
        let rpc = format!("http://{}", self.server.addr()).parse().unwrap();
        L1::Url { rpc, beacon: None }
    }

    async fn mine(&self) {
        self.clock.fetch_add(STEP, Ordering::SeqCst);
        let l1 = self.l1.clone();
        tokio::task::spawn_blocking(move || l1.mine())
            .await
            .unwrap()
            .unwrap();
    }
}

/// Offers AI operations, a day's worth a block, until the chain has `until` blocks.
async fn drive(node: &SequencerHandle, days: &Days, traffic: &mut Traffic, until: u64) -> Offered {
    let mut offered = Offered::default();
    let mut heads = node.heads();
    loop {
        let head = heads.borrow_and_update().unsafe_.number;
        if head >= until {
            return offered;
        }
        days.mine().await;
        tokio::time::timeout(
            Duration::from_secs(60),
            heads.wait_for(|h| h.unsafe_.number > head),
        )
        .await
        .expect("a block follows each block of L1")
        .unwrap();
        traffic.set_nonces(|address| common::nonce(node, address));
        for _ in 0..OFFERS {
            let offer = traffic.next_offer();
            let accepted = node.submit(offer.raw).await.is_ok();
            let entry = offered.0.entry(offer.kind).or_default();
            if accepted {
                entry.0 += 1;
            } else {
                entry.1 += 1;
            }
            assert!(!(accepted && offer.kind == Kind::Invalid));
        }
    }
}

/// What the events of the store tell, up to a block.
#[derive(Debug, Default)]
struct Lives {
    stored: u32,
    /// Stored again once it had expired.
    renewed: u32,
    pruned: u32,
    failed: u32,
    /// Expiry of each tensor that has a record.
    expiry: BTreeMap<B256, u64>,
}

fn lives(node: &SequencerHandle, until: u64) -> Lives {
    let mut lives = Lives::default();
    let topic = keccak256("TensorStored(bytes32,address,uint64)");
    for number in 1..=until {
        let now = node
            .store()
            .header(number)
            .unwrap()
            .unwrap()
            .header
            .timestamp;
        for raw in node.store().receipts(number).unwrap().unwrap() {
            // Deposits have a form of their own and no business here.
            let Ok(receipt) = ReceiptEnvelope::decode_2718(&mut &raw[..]) else {
                continue;
            };
            lives.failed += u32::from(!receipt.status());
            for log in receipt.logs().iter().filter(|log| log.address == TENSOR) {
                assert_eq!(log.data.topics()[0], topic);
                let id = log.data.topics()[1];
                let expiry: u64 = U256::from_be_slice(&log.data.data).to();
                let before = match expiry {
                    0 => lives.expiry.remove(&id),
                    _ => lives.expiry.insert(id, expiry),
                };
                match (expiry, before) {
                    (0, _) => lives.pruned += 1,
                    (_, Some(before)) if before <= now => lives.renewed += 1,
                    _ => lives.stored += 1,
                }
            }
        }
    }
    lives
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_comes_to_the_same_tensors() {
    let target = match std::env::var_os("FOGGARA_SOAK") {
        Some(_) => 500,
        None => 40,
    };
    let days = Days::start().await;
    let dir = sequencer_dir();
    let node = SequencerBuilder::dev()
        .l1(days.url())
        .block_time(STEP)
        .batcher(BatcherConfig {
            da: DaPolicy::Calldata,
            ..BatcherConfig::dev()
        })
        .datadir(dir.path())
        .launch()
        .await
        .unwrap();
    let replica_dir = tempfile::tempdir().unwrap();

    let chain_id = node.chain().spec.rollup.l2_chain_id;
    let accounts = dev_accounts().into_iter().take(9);
    let mut traffic = Traffic::new(chain_id, accounts, 1).with_ai(85);
    for raw in traffic.setup() {
        node.submit(raw).await.expect("deployments are accepted");
    }
    let first = replica(dir.path(), replica_dir.path(), &days.url()).await;
    let offered = drive(&node, &days, &mut traffic, target / 2).await;
    first.stop().await.unwrap();
    let offered = offered.merge(drive(&node, &days, &mut traffic, target).await);
    let second = replica(dir.path(), replica_dir.path(), &days.url()).await;
    // L1 goes on until the last block is posted.
    let going = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            days.mine().await;
        }
    };
    let compared = tokio::select! {
        compared = follow(&node, &second, target) => compared,
        () = going => unreachable!(),
    };

    let lives = lives(&node, target);
    let (stored, renewed, pruned) = (lives.stored, lives.renewed, lives.pruned);
    println!("{compared} blocks identical; offered {offered:?}");
    println!(
        "{stored} stored, {renewed} renewed, {pruned} pruned, {} failed",
        lives.failed
    );
    assert!(stored > 20 && renewed > 3 && pruned > 0 && lives.failed > 20);
    for number in 1..=target {
        let receipts = node.store().receipts(number).unwrap();
        assert_eq!(receipts, second.store().receipts(number).unwrap());
    }
    let mut ours = node.store().view_at(target).unwrap();
    let mut theirs = second.store().view_at(target).unwrap();
    let (ours, theirs) = (ours.tensors(), theirs.tensors());
    assert!(!lives.expiry.is_empty());
    for id in lives.expiry.keys() {
        let descriptor = ours.descriptor(*id).unwrap().unwrap();
        assert_eq!(keccak256(&descriptor), *id);
        assert_eq!(theirs.descriptor(*id).unwrap(), Some(descriptor));
        let roots = ours.page_roots(*id).unwrap();
        assert!(roots.is_some());
        assert_eq!(theirs.page_roots(*id).unwrap(), roots);
        // More of it each time, to its end.
        for end in (1..).map(|n| n * 64) {
            let bytes = ours.bytes(*id, 0..end).unwrap();
            assert_eq!(theirs.bytes(*id, 0..end).unwrap(), bytes);
            if bytes.is_none() {
                break;
            }
        }
    }
    second.stop().await.unwrap();
    node.stop().await.unwrap();
}
