//! A sequencer starts on an empty folder while L1 holds its chain.
//!
//! It used to build at once, from genesis on, beside the derivation of its own chain: it gave out receipts
//! for blocks that L1 then replaced, and posted them.

mod common;

use alloy_primitives::{U256, address};
use common::{l1_of, sequencer_dir};
use foggara::{Chain, DEV_BATCHER, DevL1Options, L1, ROLLUP_FILE, SequencerBuilder, dev_signer};
use foggara_testkit::{Account, TxParams};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_that_lost_its_disk_builds_on_what_l1_holds() {
    let dir = sequencer_dir();
    let l1 = DevL1Options {
        port: Some(0),
        ..DevL1Options::default()
    };
    let builder = SequencerBuilder::dev().l1(L1::Dev(l1));
    let node = builder.datadir(dir.path()).launch().await.unwrap();
    let mut alice = Account::new(dev_signer(0));
    let to = address!("00000000000000000000000000000000000000aa");
    let chain_id = node.chain().spec.rollup.l2_chain_id;
    let mut safe = 0;
    for _ in 0..3 {
        let raw = alice.sign(chain_id, &TxParams::transfer(to, U256::from(1)));
        let ticket = node.submit(raw).await.unwrap();
        let included = timeout(PATIENCE, ticket.safe()).await.unwrap().unwrap();
        safe = included.location.block_number;
    }

    let empty = tempfile::tempdir().unwrap();
    let chain = Chain::load(&dir.path().join(ROLLUP_FILE), None).unwrap();
    let again = SequencerBuilder::new(chain)
        .batcher_key(dev_signer(DEV_BATCHER))
        .l1(l1_of(&node))
        .datadir(empty.path())
        .launch()
        .await
        .unwrap();
    let derived = async {
        while again.store().heads().safe.number < safe {
            assert_eq!(
                again.store().generation().unwrap(),
                0,
                "blocks were unwound"
            );
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, derived).await.expect("it derives");
    assert_eq!(
        again.store().generation().unwrap(),
        0,
        "blocks were unwound"
    );
    let (ours, theirs) = (
        again.store().block_hash(safe),
        node.store().block_hash(safe),
    );
    assert_eq!(ours.unwrap(), theirs.unwrap());
    again.stop().await.unwrap();
    node.stop().await.unwrap();
}
