//! L1 changes its mind under batches in flight.
//!
//! The development L1 drops its last three blocks and mines others. L2 blocks whose origin is gone are
//! unwound, their transactions go back to the pool and land again; batches that were dropped are posted
//! again. Sequencer and replica must end on the same chain, and no accepted transaction may be lost.

mod common;

use alloy_primitives::{U256, address};
use common::{follow, replica, sequencer_dir};
use foggara::{
    BatcherConfig, DaPolicy, DevL1Options, L1, SequencerBuilder, SequencerHandle, StoreEvent,
    Ticket, dev_signer,
};
use foggara_testkit::{Account, TxParams};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const DEPTH: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(120);

async fn reorg_with(keep: bool) {
    let dir = sequencer_dir();
    let l1 = DevL1Options {
        port: Some(0),
        finality: Some(8),
        ..DevL1Options::default()
    };
    let batcher = BatcherConfig {
        da: DaPolicy::Calldata,
        ..BatcherConfig::dev()
    };
    let builder = SequencerBuilder::dev().l1(L1::Dev(l1)).batcher(batcher);
    let node = builder.datadir(dir.path()).launch().await.unwrap();
    let replica_dir = tempfile::tempdir().unwrap();
    let follower = replica(dir.path(), replica_dir.path(), &common::l1_of(&node)).await;
    let mut events = node.events();

    let mut alice = Account::new(dev_signer(0));
    let mut tickets = send_for(&node, &mut alice, 6).await;
    let before = node.dev_l1().unwrap().latest();
    let l1 = node.dev_l1().unwrap().clone();
    let after = tokio::task::spawn_blocking(move || l1.reorg(DEPTH, keep))
        .await
        .unwrap()
        .unwrap();
    assert_ne!(before.hash, after.hash, "the L1 was reorganised");
    tickets.extend(send_for(&node, &mut alice, 6).await);

    let mut removed = 0;
    while let Ok(event) = events.try_recv() {
        if let StoreEvent::Reorg {
            removed: blocks, ..
        } = event
        {
            removed += blocks.len();
        }
    }
    assert!(removed > 0, "blocks with a lost origin were unwound");
    let mut last = 0;
    for ticket in &tickets {
        let included = timeout(PATIENCE, ticket.safe())
            .await
            .expect("lands again")
            .unwrap();
        last = last.max(included.location.block_number);
    }
    assert_eq!(
        node.pending_nonce(alice.address()).unwrap(),
        u64::try_from(tickets.len()).unwrap()
    );
    let compared = follow(&node, &follower, last).await;
    let sent = tickets.len();
    println!("keep {keep}: {removed} blocks unwound, {sent} landed, {compared} blocks identical");
    follower.stop().await.unwrap();
    node.stop().await.unwrap();
}

/// Sends five transfers a second.
async fn send_for(node: &SequencerHandle, alice: &mut Account, seconds: u64) -> Vec<Ticket> {
    let chain_id = node.chain().spec.rollup.l2_chain_id;
    let to = address!("00000000000000000000000000000000000000aa");
    let mut tickets = Vec::new();
    for _ in 0..seconds * 5 {
        let raw = alice.sign(chain_id, &TxParams::transfer(to, U256::from(1)));
        tickets.push(node.submit(raw).await.unwrap());
        sleep(Duration::from_millis(200)).await;
    }
    tickets
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_batches_are_posted_again() {
    reorg_with(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_batches_land_again() {
    reorg_with(true).await;
}
