//! L1 changes its mind while batches are in flight (`ROLLUP.md` section 13): every node ends where a fresh
//! derivation of the canonical L1 ends.

mod common;

use common::*;
use foggara_store::Store;

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
        net.user.nonce = nonce_of(&net);
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

/// The user's nonce in the sequencer's head state.
fn nonce_of(net: &Net) -> u64 {
    use foggara_primitives::StateSource;
    let mut view = net.store.latest_view().unwrap();
    view.account(net.user.address())
        .unwrap()
        .map_or(0, |account| account.nonce)
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
