//! `foggara replica` with nothing but an L1 URL and the chain's files reaches the same blocks.

mod common;

use alloy::primitives::{Address, U64, U256};
use common::{CallError, Node, Rpc, arg, ether, foggara, folder, free_port, funded, transfer};
use foggara_testkit::Account;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tokio::time::sleep;

/// Starts a replica of the chain in `chain` over the L1 of `node`.
async fn replica(chain: &Path, data: &Path, node: &Node) -> Node {
    let port = free_port();
    let mut command = foggara(["replica", "--l1", &node.l1.url]);
    command
        .args(["--rollup", &arg(chain.join("rollup.json"))])
        .args(["--data", &arg(data)])
        .args(["--rpc.port", &port.to_string()]);
    let mut replica = Node::spawn_on(command, port, 0);
    replica.ready().await;
    replica
}

/// A few transfers per block until the head has moved by so many blocks.
async fn traffic(rpc: &Rpc, accounts: &mut [Account], blocks: u64) {
    let chain_id: U64 = rpc.get("eth_chainId", json!([])).await;
    let end = rpc.number("latest").await + blocks;
    while rpc.number("latest").await < end {
        for account in accounts.iter_mut() {
            let to = Address::from_word(U256::from(account.nonce).into());
            let raw = account.sign(chain_id.to(), &transfer(to, U256::ONE));
            rpc.send(&raw).await.unwrap();
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Blocks, their transactions and receipts are the same in every byte of the answers.
async fn compare(node: &Rpc, replica: &Rpc, until: u64) -> usize {
    let mut transactions = 0;
    for number in 0..=until {
        let number = U64::from(number);
        let block = json!([number, true]);
        let ours: Value = node.get("eth_getBlockByNumber", block.clone()).await;
        let theirs: Value = replica.get("eth_getBlockByNumber", block).await;
        assert!(ours["hash"].is_string(), "block {number} is missing");
        assert_eq!(ours, theirs, "block {number}");
        let ours: Value = node.get("eth_getBlockReceipts", json!([number])).await;
        let theirs: Value = replica.get("eth_getBlockReceipts", json!([number])).await;
        assert_eq!(ours, theirs, "receipts of block {number}");
        transactions += ours.as_array().unwrap().len();
    }
    transactions
}

async fn follows(da: &str) {
    let (chain, data) = (folder(), folder());
    let mut node = Node::spawn(["dev", "--data", &arg(chain.path()), "--batcher.da", da]);
    node.ready().await;
    let mut accounts = funded(&node.rpc, 5, ether(10)).await;

    let first = replica(chain.path(), data.path(), &node).await;
    traffic(&node.rpc, &mut accounts, 4).await;
    first.rpc.reach("safe", 3).await;
    first.kill();

    traffic(&node.rpc, &mut accounts, 4).await;
    let second = replica(chain.path(), data.path(), &node).await;
    let target = node.rpc.number("latest").await;
    second.rpc.reach("safe", target).await;
    let transactions = compare(&node.rpc, &second.rpc, target).await;
    println!("{da}: {target} blocks with {transactions} transactions identical");
    assert!(
        transactions > 5 * usize::try_from(target).unwrap() / 2,
        "hardly any traffic"
    );

    // It has nobody to hand a transaction on to, and says so instead of swallowing it.
    let chain_id: U64 = node.rpc.get("eth_chainId", json!([])).await;
    let raw = accounts[0].sign(chain_id.to(), &transfer(Address::ZERO, U256::ONE));
    let refused = second.rpc.send(&raw).await;
    assert!(
        matches!(&refused, Err(CallError::Refused { .. })),
        "{refused:?}"
    );
    second.stop("TERM");
    node.stop("TERM");
}

#[tokio::test]
async fn a_replica_follows_blobs() {
    follows("blobs").await;
}

#[tokio::test]
async fn a_replica_follows_calldata() {
    follows("calldata").await;
}
