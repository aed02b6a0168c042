//! A disk that runs full: first nothing new is promised, then nothing is built; what was promised stays.
//! The limits are moved to where the disk is instead of filling it.

mod common;

use alloy_primitives::{U256, address};
use foggara::{SequencerBuilder, SequencerConfig, SequencerHandle, SpaceLimits, dev_signer};
use foggara_testkit::{Account, TxParams};
use std::time::Duration;
use tokio::time::sleep;

async fn launch(dir: &std::path::Path, space: SpaceLimits) -> SequencerHandle {
    let config = SequencerConfig {
        space,
        ..SequencerConfig::default()
    };
    let builder = SequencerBuilder::dev().sequencer(config);
    builder.datadir(dir).launch().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_transactions_then_stops_building_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let everything = u64::MAX;
    let mut alice = Account::new(dev_signer(0));
    let to = address!("00000000000000000000000000000000000000aa");

    // Almost full: blocks go on, empty; a transaction is refused with the reason.
    let almost = SpaceLimits {
        accept_bytes: everything,
        ..SpaceLimits::default()
    };
    let node = launch(dir.path(), almost).await;
    let chain_id = node.chain().spec.rollup.l2_chain_id;
    let raw = alice.sign(chain_id, &TxParams::transfer(to, U256::from(7)));
    while node.heads().borrow().unsafe_.number < 2 {
        sleep(Duration::from_millis(50)).await;
    }
    let refused = node.submit(raw.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("the disk is almost full"), "{refused}");
    node.stop().await.unwrap();

    // Full: no block comes, reads go on.
    let full = SpaceLimits {
        accept_bytes: everything,
        build_bytes: everything,
    };
    let node = launch(dir.path(), full).await;
    let head = node.heads().borrow().unsafe_.number;
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(node.heads().borrow().unsafe_.number, head);
    assert!(node.submit(raw.clone()).await.is_err());
    node.stop().await.unwrap();

    // Space again: the same transaction is taken.
    let node = launch(dir.path(), SpaceLimits::default()).await;
    let ticket = node.submit(raw).await.unwrap();
    assert!(ticket.preconfirmed().await.unwrap().location.block_number > head);
    node.stop().await.unwrap();
}
