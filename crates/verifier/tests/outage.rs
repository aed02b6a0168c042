//! An L1 that fails, loses its mind or is another: what the verifier waits out and where it stops.

mod common;

use common::*;
use foggara_derive::Severity;
use foggara_testkit::Line;
use foggara_verifier::{VerifierConfig, VerifierError};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_l1_that_fails_now_and_then_is_waited_for() {
    let mut net = Net::new(100, 3);
    let (calls, down) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (counted, cut) = (Arc::clone(&calls), Arc::clone(&down));
    // One call in four fails, or all of them.
    let line = Line::new(net.l1.clone(), move |_| {
        let count = counted.fetch_add(1, Ordering::SeqCst);
        let chance = alloy_primitives::keccak256(count.to_be_bytes())[0];
        if cut.load(Ordering::SeqCst) || chance < 64 {
            return Err(Line::cut());
        }
        Ok(())
    });
    let replica = net.empty_store();
    let mut running = net.verify_with(&replica, Arc::new(line), VerifierConfig::default());
    let mut posted = 0;
    for round in 0..10 {
        down.store(round == 5, Ordering::SeqCst);
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        net.post(posted + 1, head);
        posted = head;
        if round == 5 {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
    net.mine();
    running
        .until("all safe", |status| status.heads.safe.number == posted)
        .await;
    assert_eq!(
        replica.heads().safe,
        net.store.l2_ref(posted).unwrap().unwrap()
    );
    assert!(calls.load(Ordering::SeqCst) > 30);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_below_finality_is_fatal() {
    let mut net = Net::new(100, 2);
    let mut running = net.verify(&net.store);
    let mut posted = 0;
    for _ in 0..6 {
        net.slot().await;
        let head = net.store.heads().unsafe_.number;
        net.post(posted + 1, head);
        posted = head;
    }
    net.mine();
    let l1 = net.l1_number().await;
    running.until_synced(l1).await;
    let (_, finalized) = net.store.safe_at_l1(l1 - 2).unwrap().unwrap();
    running
        .until("finalized", |status| status.heads.finalized == finalized)
        .await;
    net.l1.reorg(5, false).unwrap();
    let error = running.ended().await;
    assert_eq!(error.severity(), Severity::Fatal, "{error}");
    assert_eq!(net.store.heads().finalized, finalized);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_l1_is_refused() {
    let mut net = Net::new(100, 2);
    let mut running = net.verify(&net.store);
    net.slot().await;
    let head = net.store.heads().unsafe_.number;
    net.post(1, head);
    for _ in 0..4 {
        net.mine();
    }
    running
        .until("finalized", |status| status.heads.finalized.number == head)
        .await;
    running.stop().await.unwrap();
    // The same genesis, another history.
    net.l1.reorg(5, false).unwrap();
    let error = net.verify(&net.store).ended().await;
    assert!(matches!(error, VerifierError::ForeignL1 { .. }), "{error}");
}
