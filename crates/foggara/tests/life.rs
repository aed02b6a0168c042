//! One transaction from submission to final, on a chain in memory.

mod common;

use alloy_primitives::{U256, address};
use foggara::{Level, SequencerBuilder, dev_signer};
use foggara_testkit::{Account, TxParams};

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_becomes_final() {
    let node = SequencerBuilder::dev().launch().await.unwrap();
    let chain_id = node.chain().spec.rollup.l2_chain_id;
    let to = address!("00000000000000000000000000000000000000aa");
    let mut alice = Account::new(dev_signer(0));
    let raw = alice.sign(chain_id, &TxParams::transfer(to, U256::from(7)));

    let ticket = node.submit(raw).await.unwrap();
    let status = node.tx_status(ticket.hash()).unwrap();
    assert!(status.level >= Level::Accepted, "{status:?}");

    let included = ticket.preconfirmed().await.unwrap();
    assert!(included.location.block_number >= 1);
    assert_eq!(node.tx_status(ticket.hash()).unwrap().requeued, 0);

    assert_eq!(ticket.safe().await.unwrap(), included);
    assert_eq!(ticket.finalized().await.unwrap(), included);
    let status = node.tx_status(ticket.hash()).unwrap();
    // The batcher has heard of its own transaction by then.
    assert!(!status.safe.unwrap().l1_transactions.is_empty());
    assert_eq!(
        node.tx_status(ticket.hash()).unwrap().level,
        Level::Finalized
    );
    node.stop().await.unwrap();
}
