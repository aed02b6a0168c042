//! The verifier on a development L1: consolidation, replicas, replaced chains, forced blocks, finality,
//! restarts.

mod common;

use alloy_primitives::Bytes;
use common::*;
use foggara_derive::Severity;
use foggara_store::{Commit, StoreEvent, Trace};
use foggara_verifier::{VerifierConfig, VerifierError};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_blocks_are_labelled_without_being_touched() {
    let mut net = Net::new(50, 3);
    let mut running = net.verify(&net.store);
    let mut events = net.store.subscribe();
    let mut posted = 0;
    for _ in 0..8 {
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        net.post(posted + 1, head);
        posted = head;
    }
    net.mine();
    running
        .until("all safe", |status| status.heads.safe.number == posted)
        .await;
    running.until_synced(net.l1_number().await).await;
    let heads = net.store.heads();
    assert_eq!(heads.unsafe_.number, posted);
    assert_eq!(heads.safe, heads.unsafe_);
    // Finality follows the inclusion block of each batch.
    let final_l1 = net.l1_number().await - 3;
    running
        .until("finalized", |status| status.heads.finalized.number > 0)
        .await;
    let (at, expected) = net.store.safe_at_l1(final_l1).unwrap().unwrap();
    assert!(at.number <= final_l1);
    running
        .until("finalized", |status| status.heads.finalized == expected)
        .await;
    for number in 1..=posted {
        assert!(
            matches!(net.store.trace(number).unwrap(), Some(Trace::Root(_))),
            "block {number}"
        );
        let cursor = net.store.cursor(number).unwrap().unwrap();
        assert!(cursor.l1_number > net.store.l2_ref(number).unwrap().unwrap().l1_origin.number);
    }
    // Frames are kept for the cursors that may still be resumed, and for no others.
    let frame = |number: u64| {
        let cursor = net.store.cursor(number).unwrap().unwrap();
        assert!(cursor.frames_held > 0);
        net.store.frame(cursor.frame_acc).unwrap()
    };
    assert!(frame(posted).is_some());
    assert!(frame(expected.number).is_some());
    assert!(frame(1).is_none());
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, StoreEvent::Reorg { .. }), "{event:?}");
    }
    assert!(running.hooks.unwound.lock().unwrap().is_empty());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_derives_the_same_blocks_from_l1_alone() {
    let mut net = Net::new(50, 3);
    let replica = net.empty_store();
    let mut running = net.verify(&replica);
    let mut posted = 0;
    for round in 0..12 {
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        if round % 3 == 2 {
            // Half as a span, half as singular batches.
            let half = (posted + head) / 2;
            net.post(posted + 1, half);
            let batches: Vec<_> = (half + 1..=head)
                .map(|n| net.singular(n).encode())
                .collect();
            net.post_batches(&batches);
            posted = head;
        }
        if round == 6 {
            // A restart in the middle.
            running.stop().await.unwrap();
            running = net.verify(&replica);
        }
    }
    net.mine();
    running
        .until("all safe", |status| status.heads.safe.number == posted)
        .await;
    for number in 0..=posted {
        assert_eq!(
            replica.block(number).unwrap(),
            net.store.block(number).unwrap()
        );
        assert_eq!(
            replica.receipts(number).unwrap(),
            net.store.receipts(number).unwrap()
        );
    }
    assert_eq!(replica.heads().unsafe_, replica.heads().safe);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_far_behind_commits_groups_and_survives_stops_at_any_time() {
    let mut net = Net::new(2_000, 3);
    let mut posted = 0;
    for _ in 0..160 {
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        if head - posted > 40 {
            net.post(posted + 1, head);
            posted = head;
        }
    }
    net.mine();
    let replica = net.empty_store();
    let mut running = net.verify(&replica);
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        running.stop().await.unwrap();
        let heads = replica.heads();
        assert_eq!(heads.safe, heads.unsafe_);
        running = net.verify(&replica);
    }
    running
        .until("all safe", |status| status.heads.safe.number == posted)
        .await;
    assert!(posted > 500);
    assert_eq!(
        replica.heads().safe,
        net.store.l2_ref(posted).unwrap().unwrap()
    );
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsafe_chain_that_differs_is_replaced_and_its_transactions_are_told() {
    let mut net = Net::new(50, 3);
    net.slot().await;
    let mine = net.empty_store();
    // Another node has built empty blocks at the same heights, and two more.
    let mut expected = Vec::new();
    for _ in 0..net.store.heads().unsafe_.number + 2 {
        let block = net.execute_on(&mine, vec![]).await;
        expected.push(block.hash);
        mine.commit(Commit::block(Arc::new(block))).unwrap();
    }
    let head = net.store.heads().unsafe_.number;
    // The first block carries a transfer in one chain and none in the other.
    assert_ne!(
        mine.block_hash(1).unwrap(),
        net.store.block_hash(1).unwrap()
    );
    net.post(1, head);
    net.mine();
    let mut running = net.verify(&mine);
    running
        .until("replaced", |status| status.heads.safe.number == head)
        .await;
    assert_eq!(mine.heads().unsafe_, net.store.heads().unsafe_);
    assert_eq!(*running.hooks.unwinding.lock().unwrap(), expected);
    let unwound = running.hooks.unwound.lock().unwrap().clone();
    assert_eq!(unwound, [(expected, net.store.heads().unsafe_)]);
    running.stop().await.unwrap();
}

/// The builder once appended a block between the saving of transactions and the unwind; those of that
/// block were saved only after it was gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_comes_while_an_unwind_is_prepared_is_saved_before_it_goes() {
    let mut net = Net::new(50, 3);
    net.slot().await;
    let mine = net.empty_store();
    let mut hashes = Vec::new();
    for _ in 0..net.store.heads().unsafe_.number {
        let block = net.execute_on(&mine, vec![]).await;
        hashes.push(block.hash);
        mine.commit(Commit::block(Arc::new(block))).unwrap();
    }
    let late = net.execute_on(&mine, vec![]).await;
    let (before, head) = (hashes.clone(), net.store.heads().unsafe_.number);
    hashes.push(late.hash);
    net.post(1, head);
    let mut running = net.verify(&mine);
    *running.hooks.grow.lock().unwrap() = Some((mine.clone(), Commit::block(Arc::new(late))));
    net.mine();
    running
        .until("replaced", |status| status.heads.safe.number == head)
        .await;
    let told = running.hooks.unwinding.lock().unwrap().clone();
    assert_eq!(told, [before, hashes.clone()].concat());
    let unwound = running.hooks.unwound.lock().unwrap().clone();
    assert_eq!(unwound, [(hashes, net.store.heads().unsafe_)]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_transaction_on_l1_makes_a_deposits_only_block() {
    let mut net = Net::new(50, 3);
    net.slot().await;
    let head = net.store.heads().unsafe_.number;
    // Block 3 holds a transfer, so its replacement is another block.
    let mut bad = net.singular(3);
    bad.transactions = vec![Bytes::from_static(&[2, 0xc0])];
    let batches: Vec<_> = [net.singular(1), net.singular(2), bad, net.singular(4)]
        .iter()
        .map(|batch| batch.encode())
        .collect();
    net.post_batches(&batches);
    net.mine();
    let mut running = net.verify(&net.store);
    running
        .until("replaced", |status| status.heads.safe.number == 3)
        .await;
    running.until_synced(net.l1_number().await).await;
    assert!(head > 3);
    assert_eq!(
        net.store.heads().unsafe_.number,
        3,
        "what stood on the lost block is gone"
    );
    let block = net.store.block(3).unwrap().unwrap();
    assert_eq!(block.transactions.len(), 1);
    assert_eq!(net.store.cursor(3).unwrap().unwrap().frames_held, 0);
    // Derived again by a replica, it is the same block.
    let replica = net.empty_store();
    let mut other = net.verify(&replica);
    other
        .until("derived", |status| status.heads.safe.number == 3)
        .await;
    assert_eq!(replica.heads().safe, net.store.heads().safe);
    other.stop().await.unwrap();
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_window_replaces_the_unsafe_chain_by_empty_blocks() {
    let mut net = Net::new(6, 3);
    let mut running = net.verify(&net.store);
    for _ in 0..4 {
        net.slot().await;
    }
    for _ in 0..6 {
        net.mine();
    }
    let l1 = net.l1_number().await;
    running.until_synced(l1).await;
    let heads = net.store.heads();
    assert_eq!(heads.safe, heads.unsafe_);
    // Epochs up to L1 tip minus the window are filled, each block without transactions.
    assert_eq!(heads.safe.l1_origin.number, l1 - 6);
    for number in 1..=heads.safe.number {
        assert_eq!(
            net.store.block(number).unwrap().unwrap().transactions.len(),
            1
        );
    }
    assert!(!running.hooks.unwound.lock().unwrap().is_empty());
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_hash_under_equal_attributes_is_fatal_when_everything_is_executed() {
    let mut net = Net::new(50, 3);
    net.mine();
    let forged = net.empty_store();
    let mut block = net.execute_on(&forged, vec![]).await;
    block.header.logs_bloom.0[0] = 1;
    block.hash = block.header.hash_slow();
    block.l2.as_mut().unwrap().hash = block.hash;
    forged.commit(Commit::block(Arc::new(block))).unwrap();
    net.build(vec![]).await;
    net.post(1, 1);
    net.mine();
    let config = VerifierConfig {
        execute_all: true,
        ..VerifierConfig::default()
    };
    let running = net.verify_with(&forged, Arc::new(net.l1.clone()), config);
    let error = running.ended().await;
    assert!(
        matches!(error, VerifierError::HashDiffers { number: 1, .. }),
        "{error}"
    );
    assert_eq!(error.severity(), Severity::Fatal);
}
