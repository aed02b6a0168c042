//! A chain in this process: sends a transaction, waits until L1 holds it, prints its life.

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{TxKind, U256},
    signers::SignerSync,
};
use foggara::{SequencerBuilder, dev_signer};

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let node = SequencerBuilder::dev().launch().await?;

    let (alice, bob) = (dev_signer(0), dev_signer(1));
    let tx = TxEip1559 {
        chain_id: node.chain().spec.rollup.l2_chain_id,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        to: TxKind::Call(bob.address()),
        value: U256::from(10).pow(U256::from(18)),
        ..Default::default()
    };
    let signature = alice.sign_hash_sync(&tx.signature_hash())?;
    let ticket = node
        .submit(tx.into_signed(signature).encoded_2718())
        .await?;
    println!("accepted      {}", ticket.hash());

    let included = ticket.preconfirmed().await?;
    println!("preconfirmed  block {}", included.location.block_number);
    ticket.safe().await?;
    println!(
        "{}",
        serde_json::to_string_pretty(&node.tx_status(ticket.hash())?)?
    );

    node.stop().await?;
    Ok(())
}
