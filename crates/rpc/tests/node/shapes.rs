//! The JSON of blocks, transactions and receipts, and that it can be checked from itself.

use crate::{
    common::Node,
    world::{self, ETHER, Key, LOGGER, REVERTER},
};
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256, keccak256};
use serde_json::{Value, json};

/// One block with every kind of transaction.
async fn chain() -> (Node, B256) {
    let node = Node::new().await;
    let [a, b, c, d] = [1, 2, 3, 4].map(Key::new);
    let to = Address::repeat_byte(0x77);
    let txs = [
        world::deposit(1, to, TxKind::Call(to), ETHER, 5, 50_000, Bytes::new()),
        a.tx(0, TxKind::Call(to), 7, 21_000, Bytes::new()),
        b.tx(0, TxKind::Call(LOGGER), 0, 100_000, vec![1, 2, 3].into()),
        b.tx(1, TxKind::Call(REVERTER), 0, 100_000, Bytes::new()),
        c.tx(0, TxKind::Create, 0, 200_000, world::deployer(&[0x00])),
        d.legacy(0, to, Some(world::CHAIN_ID)),
        d.type_1(1, to),
        d.delegate(2, &Key::new(5), 0, LOGGER),
        b.tx(2, TxKind::Call(LOGGER), 0, 100_000, vec![4].into()),
    ];
    let block = node.mine(&txs);
    (node, block.hash)
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap();
    // A bloom is 512 digits, nearly all of them zero.
    if let Some(bloom) = value["logsBloom"].as_str() {
        text = text.replace(bloom, &format!("bloom {}", keccak256(bloom)));
    }
    text
}

#[tokio::test]
async fn blocks_transactions_and_receipts_have_the_shapes_of_the_op_stack() {
    let (node, _) = chain().await;
    let block = node
        .result("eth_getBlockByNumber", json!(["0x1", false]))
        .await;
    insta::assert_snapshot!("block", pretty(&block));
    let full = node
        .result("eth_getBlockByNumber", json!(["0x1", true]))
        .await;
    for (index, name) in [
        (0, "l1_attributes"),
        (1, "deposit"),
        (2, "transfer"),
        (5, "creation"),
        (6, "legacy"),
        (7, "access_list"),
        (8, "set_code"),
    ] {
        insta::assert_snapshot!(format!("tx_{name}"), pretty(&full["transactions"][index]));
    }
    let receipts = node.result("eth_getBlockReceipts", json!(["0x1"])).await;
    for (index, name) in [
        (0, "l1_attributes"),
        (1, "deposit"),
        (3, "logs"),
        (4, "reverted"),
        (5, "creation"),
        (8, "set_code"),
    ] {
        insta::assert_snapshot!(format!("receipt_{name}"), pretty(&receipts[index]));
    }
}

#[tokio::test]
async fn every_way_to_a_block_gives_the_same() {
    let (node, hash) = chain().await;
    let by_number = node
        .result("eth_getBlockByNumber", json!(["latest", true]))
        .await;
    assert_eq!(
        node.result("eth_getBlockByHash", json!([hash, true])).await,
        by_number
    );
    let receipts = node.result("eth_getBlockReceipts", json!([hash])).await;
    let by_object = node
        .result("eth_getBlockReceipts", json!([{ "blockHash": hash }]))
        .await;
    assert_eq!(by_object, receipts);
    for (index, tx) in by_number["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let at = format!("{index:#x}");
        assert_eq!(
            &node
                .result("eth_getTransactionByHash", json!([tx["hash"]]))
                .await,
            tx
        );
        let found = node
            .result("eth_getTransactionByBlockHashAndIndex", json!([hash, at]))
            .await;
        assert_eq!(&found, tx);
        let found = node
            .result(
                "eth_getTransactionByBlockNumberAndIndex",
                json!(["0x1", at]),
            )
            .await;
        assert_eq!(&found, tx);
        let receipt = node
            .result("eth_getTransactionReceipt", json!([tx["hash"]]))
            .await;
        assert_eq!(receipt, receipts[index]);
        assert_eq!(receipt["type"], tx["type"]);
        assert_eq!(receipt["from"], tx["from"]);
        let raw: Bytes = serde_json::from_value(
            node.result("eth_getRawTransactionByHash", json!([tx["hash"]]))
                .await,
        )
        .unwrap();
        assert_eq!(json!(keccak256(&raw)), tx["hash"]);
        assert_eq!(
            node.result("debug_getRawTransaction", json!([tx["hash"]]))
                .await,
            json!(raw)
        );
    }
    let count = node
        .result("eth_getBlockTransactionCountByNumber", json!(["latest"]))
        .await;
    assert_eq!(count, "0xa");
    assert_eq!(
        node.result("eth_getUncleCountByBlockHash", json!([hash]))
            .await,
        "0x0"
    );
    let none = node
        .result(
            "eth_getTransactionByBlockNumberAndIndex",
            json!(["0x1", "0xa"]),
        )
        .await;
    assert_eq!(none, Value::Null);
}

/// Hash, transaction root, receipt root and bloom follow from what the methods answer.
#[tokio::test]
async fn a_block_can_be_checked_from_its_answers() {
    let (node, hash) = chain().await;
    let header: Bytes =
        serde_json::from_value(node.result("debug_getRawHeader", json!(["latest"])).await).unwrap();
    assert_eq!(keccak256(&header), hash);
    let block = node
        .result("eth_getBlockByNumber", json!(["latest", false]))
        .await;
    let decoded: alloy_rpc_types_eth::Header = serde_json::from_value(block.clone()).unwrap();
    assert_eq!(decoded.inner.hash_slow(), hash);
    let raw: Bytes =
        serde_json::from_value(node.result("debug_getRawBlock", json!(["latest"])).await).unwrap();
    assert_eq!(json!(format!("{:#x}", raw.len())), block["size"]);
    let receipts: Vec<Bytes> =
        serde_json::from_value(node.result("debug_getRawReceipts", json!(["latest"])).await)
            .unwrap();
    assert_eq!(
        foggara_trie::ordered_root(&receipts),
        decoded.inner.receipts_root
    );
    let mut txs = Vec::new();
    for hash in block["transactions"].as_array().unwrap() {
        let raw = node
            .result("eth_getRawTransactionByHash", json!([hash]))
            .await;
        txs.push(serde_json::from_value::<Bytes>(raw).unwrap());
    }
    assert_eq!(
        foggara_trie::ordered_root(&txs),
        decoded.inner.transactions_root
    );
    let answers = node.result("eth_getBlockReceipts", json!(["latest"])).await;
    let bloom = answers
        .as_array()
        .unwrap()
        .iter()
        .fold(Bloom::ZERO, |bloom, receipt| {
            bloom | serde_json::from_value::<Bloom>(receipt["logsBloom"].clone()).unwrap()
        });
    assert_eq!(bloom, decoded.inner.logs_bloom);
    let logs: Vec<u64> = answers
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|receipt| receipt["logs"].as_array().unwrap())
        .map(|log| u64::from_str_radix(&log["logIndex"].as_str().unwrap()[2..], 16).unwrap())
        .collect();
    // The third is that of the delegated account, which runs the logger's code.
    assert_eq!(logs, [0, 1, 2]);
}

/// What a sender loses is what its receipt says, to the wei.
#[tokio::test]
async fn receipts_account_for_every_wei() {
    let (node, _) = chain().await;
    let word = |value: &Value| {
        value
            .as_str()
            .map_or(U256::ZERO, |text| text.parse().unwrap())
    };
    let sender = Key::new(2).address;
    let mut spent = U256::ZERO;
    let receipts = node.result("eth_getBlockReceipts", json!(["latest"])).await;
    for receipt in receipts.as_array().unwrap() {
        if receipt["from"] == json!(sender) {
            let gas = word(&receipt["gasUsed"]);
            let operator = gas * word(&receipt["operatorFeeScalar"]) / U256::from(1_000_000);
            spent += gas * word(&receipt["effectiveGasPrice"])
                + word(&receipt["l1Fee"])
                + operator
                + word(&receipt["operatorFeeConstant"]);
            assert!(word(&receipt["l1Fee"]) > U256::ZERO);
        }
    }
    let before = word(
        &node
            .result("eth_getBalance", json!([sender, "earliest"]))
            .await,
    );
    let after = word(&node.result("eth_getBalance", json!([sender])).await);
    assert_eq!(before - after, spent);
}
