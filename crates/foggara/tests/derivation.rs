//! The promise everything hangs on: a node that has nothing but L1 reaches the same blocks.
//!
//! A sequencer builds blocks out of mixed traffic, invalid transactions offered in between, on an L1 of
//! its own or on anvil, and posts them as blobs or as calldata. A replica derives them from L1 alone, is
//! stopped in the middle and started again on its folder, and must end with identical block hashes.
//!
//! `FOGGARA_SOAK=1` runs 1,000 blocks instead of a few dozen.

mod common;

use common::{Anvil, blocks, follow, replica, sequencer_dir, traffic};
use foggara::{BatcherConfig, DaPolicy, DevL1Options, L1, SequencerBuilder};

fn batcher(da: DaPolicy) -> BatcherConfig {
    BatcherConfig {
        da,
        ..BatcherConfig::dev()
    }
}

async fn derives(builder: SequencerBuilder, l1: Option<L1>) {
    let dir = sequencer_dir();
    let node = builder.datadir(dir.path()).launch().await.unwrap();
    let l1 = l1.unwrap_or_else(|| common::l1_of(&node));
    let replica_dir = tempfile::tempdir().unwrap();
    let target = blocks();

    let first = replica(dir.path(), replica_dir.path(), &l1).await;
    let sent = traffic(&node, target / 2).await;
    first.stop().await.unwrap();
    let mixed = traffic(&node, target).await;
    let second = replica(dir.path(), replica_dir.path(), &l1).await;
    let compared = follow(&node, &second, target).await;

    println!(
        "{compared} blocks identical; offered {:?}",
        sent.merge(mixed)
    );
    assert!(compared >= target);
    second.stop().await.unwrap();
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_follows_blobs_on_the_development_l1() {
    let l1 = DevL1Options {
        port: Some(0),
        ..DevL1Options::default()
    };
    let builder = SequencerBuilder::dev()
        .l1(L1::Dev(l1))
        .batcher(batcher(DaPolicy::Blobs));
    derives(builder, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_follows_calldata_on_anvil() {
    let Some(anvil) = Anvil::start().await else {
        return;
    };
    let l1 = anvil.l1();
    let builder = SequencerBuilder::dev()
        .l1(l1.clone())
        .batcher(batcher(DaPolicy::Calldata));
    derives(builder, Some(l1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replica_follows_blobs_on_anvil() {
    let Some(anvil) = Anvil::start().await else {
        return;
    };
    let l1 = anvil.l1();
    let builder = SequencerBuilder::dev()
        .l1(l1.clone())
        .batcher(batcher(DaPolicy::Blobs));
    derives(builder, Some(l1)).await;
}
