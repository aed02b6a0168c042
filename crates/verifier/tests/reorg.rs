//! L1 changes its mind while batches are in flight (`ROLLUP.md` section 13): every node ends where a fresh
//! derivation of the canonical L1 ends.

mod common;

use common::*;
use foggara_l1::{BlockAt, L1Error};
use foggara_store::Store;
use foggara_testkit::{Call, Line};
use foggara_verifier::VerifierConfig;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// A replica that has seen nothing but the L1 as it is now.
async fn fresh(net: &Net) -> Store {
    let store = net.empty_store();
    let mut running = net.verify(&store);
    running.until_synced(net.l1_number().await).await;
    running.stop().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_follows_a_reorg_with_batches_in_flight() {
    for (depth, keep) in [(1, true), (3, true), (3, false), (5, true)] {
        let mut net = Net::new(60, 20);
        let replica = net.empty_store();
        let (mut own, mut other) = (net.verify(&net.store), net.verify(&replica));
        let mut posted = 0;
        for _ in 0..8 {
            net.slot().await;
            let head = net.store.heads().unsafe_.number;
            net.post(posted + 1, head);
            posted = head;
        }
        net.mine();
        let before = net.l1_number().await;
        own.until_synced(before).await;
        other.until_synced(before).await;
        assert_eq!(net.store.heads().safe.number, posted);

        net.l1.reorg(depth, keep).unwrap();
        let tip = net.l1.latest();
        for running in [&mut own, &mut other] {
            running
                .until("followed", |status| {
                    status.synced && status.current_l1.hash == tip.hash
                })
                .await;
        }
        let expected = fresh(&net).await.heads().safe;
        assert_eq!(replica.heads().safe, expected, "depth {depth}");
        assert_eq!(net.store.heads().safe, expected, "depth {depth}");
        // The sequencer lost the blocks whose origin is gone and no other.
        let origin = net.store.heads().unsafe_.l1_origin;
        let canonical = net.l1.header_at(origin.number.into()).unwrap().unwrap();
        assert_eq!(canonical.hash, origin.hash);

        // It goes on and posts again what is not safe.
        net.resync_user();
        for _ in 0..3 {
            net.slot().await;
            let heads = net.store.heads();
            let safe = heads.safe.number;
            net.resync_batcher().await;
            net.post(safe + 1, heads.unsafe_.number);
            net.mine();
            let l1 = net.l1_number().await;
            own.until_synced(l1).await;
        }
        other.until_synced(net.l1_number().await).await;
        assert_eq!(net.store.heads().safe, replica.heads().safe);
        assert!(replica.heads().safe.number > expected.number);
        own.stop().await.unwrap();
        other.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_while_the_node_was_down_is_followed_on_start() {
    let mut net = Net::new(60, 20);
    let running = net.verify(&net.store);
    let mut posted = 0;
    for _ in 0..6 {
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        net.post(posted + 1, head);
        posted = head;
    }
    net.mine();
    let mut running = running;
    running.until_synced(net.l1_number().await).await;
    running.stop().await.unwrap();
    assert_eq!(net.store.heads().safe.number, posted);

    net.l1.reorg(4, true).unwrap();
    let mut running = net.verify(&net.store);
    running.until_synced(net.l1_number().await).await;
    assert_eq!(net.store.heads().safe, fresh(&net).await.heads().safe);
    running.stop().await.unwrap();
}

/// An L1 block is replaced while its blobs are on their way. Nodes go on to give the old block by its
/// hash, but its blobs are gone with it: asking for them again and again, the verifier never heard that
/// the block is gone, and the safe head stood still for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_whose_blobs_went_with_it_is_left_behind() {
    #[derive(Clone, Copy)]
    enum Withheld {
        Nothing,
        All,
        One(BlockAt),
    }
    let mut net = Net::new(60, 20);
    let withheld = Arc::new(Mutex::new(Withheld::Nothing));
    let asked = Arc::clone(&withheld);
    let line = Line::new(net.l1.clone(), move |call| {
        let gone = match (call, *asked.lock().unwrap()) {
            (Call::Block(_), Withheld::All) => true,
            (Call::Block(at), Withheld::One(gone)) => at == gone,
            _ => false,
        };
        let missing = L1Error::BlobsMissing {
            block: 0,
            missing: 1,
            first: Default::default(),
        };
        if gone { Err(missing) } else { Ok(()) }
    });
    let mut running = net.verify_with(&net.store, Arc::new(line), VerifierConfig::default());
    net.slot().await;
    net.slot().await;
    running.until_synced(net.l1_number().await).await;

    let head = net.store.heads().unsafe_.number;
    net.post(1, head);
    *withheld.lock().unwrap() = Withheld::All;
    net.mine();
    *withheld.lock().unwrap() = Withheld::One(net.l1.latest().hash.into());
    tokio::time::sleep(Duration::from_millis(100)).await;
    net.l1.reorg(1, true).unwrap();
    let tip = net.l1.latest();
    running
        .until("followed", |status| status.current_l1.hash == tip.hash)
        .await;
    assert_eq!(net.store.heads().safe, fresh(&net).await.heads().safe);
    running.stop().await.unwrap();
}
