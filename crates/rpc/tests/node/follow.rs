//! Filters and subscriptions: every block in order, and what a reorganisation took away.

use crate::{
    common::{Node, Setup},
    wire::{connect, next, send},
    world::{Key, LOGGER},
};
use alloy_primitives::{Bytes, TxKind};
use foggara_evm::PreparedTx;
use foggara_rpc::{Limits, ServerConfig};
use foggara_store::Commit;
use serde_json::{Value, json};
use std::time::Duration;

fn logging(seed: u8, nonce: u64, data: &[u8]) -> PreparedTx {
    Key::new(seed).tx(
        nonce,
        TxKind::Call(LOGGER),
        0,
        100_000,
        Bytes::copy_from_slice(data),
    )
}

async fn subscribe(ws: &mut crate::wire::Ws, params: Value) -> Value {
    let request =
        json!({ "jsonrpc": "2.0", "id": "s", "method": "eth_subscribe", "params": params });
    send(ws, request.to_string()).await;
    next(ws).await["result"].clone()
}

#[tokio::test]
async fn filters_tell_what_changed_since_they_were_asked() {
    let node = Node::new().await;
    node.mine(&[logging(1, 0, &[1])]);
    let blocks = node.result("eth_newBlockFilter", json!([])).await;
    let logs = node
        .result("eth_newFilter", json!([{ "address": LOGGER }]))
        .await;
    let other = node
        .result("eth_newFilter", json!([{ "address": Key::new(1).address }]))
        .await;
    let pending = node
        .result("eth_newPendingTransactionFilter", json!([]))
        .await;
    for filter in [&blocks, &logs, &other, &pending] {
        assert_eq!(
            node.result("eth_getFilterChanges", json!([filter])).await,
            json!([])
        );
    }
    let waiting = logging(2, 0, &[9]);
    node.result("eth_sendRawTransaction", json!([waiting.raw]))
        .await;
    let first = node.mine(&[logging(1, 1, &[2])]);
    let second = node.mine(&[logging(1, 2, &[3])]);
    let hashes = node.result("eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(hashes, json!([first.hash, second.hash]));
    let found = node.result("eth_getFilterChanges", json!([logs])).await;
    let data: Vec<&Value> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|log| &log["data"])
        .collect();
    assert_eq!(data, ["0x02", "0x03"]);
    let all = node.result("eth_getFilterLogs", json!([logs])).await;
    assert_eq!(
        all,
        node.result("eth_getLogs", json!([{ "address": LOGGER }]))
            .await
    );
    assert_eq!(
        node.result("eth_getFilterChanges", json!([other])).await,
        json!([])
    );
    assert_eq!(
        node.result("eth_getFilterChanges", json!([pending])).await,
        json!([waiting.hash])
    );

    // A reorganisation: the old logs come back as removed, the new ones follow.
    node.store.unwind(1, Commit::default()).unwrap();
    node.mine(&[logging(1, 1, &[7])]);
    let found = node.result("eth_getFilterChanges", json!([logs])).await;
    let told: Vec<(Value, Value)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["data"].clone(), log["removed"].clone()))
        .collect();
    assert_eq!(
        json!(told),
        json!([["0x03", true], ["0x02", true], ["0x07", false]])
    );
    assert_eq!(
        node.result("eth_uninstallFilter", json!([logs])).await,
        true
    );
    assert_eq!(
        node.refused("eth_getFilterChanges", json!([logs])).await.1,
        "filter not found"
    );
}

#[tokio::test]
async fn forgotten_filters_end_and_their_number_is_bounded() {
    let limits = Limits {
        filters: 2,
        filter_life: Duration::from_millis(150),
        ..Limits::default()
    };
    let node = Node::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let first = node.result("eth_newBlockFilter", json!([])).await;
    node.result("eth_newBlockFilter", json!([])).await;
    let refused = node.refused("eth_newBlockFilter", json!([])).await;
    assert_eq!(refused, (-32_005, "too many filters: limit 2".into()));
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        node.result("eth_getFilterChanges", json!([first])).await;
    }
    // The second was not asked in all that time: there is room again.
    node.result("eth_newBlockFilter", json!([])).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        node.refused("eth_getFilterChanges", json!([first])).await.1,
        "filter not found"
    );
}

#[tokio::test]
async fn subscribers_are_told_in_order_and_about_reorganisations() {
    let node = Node::new().await;
    let mut ws = connect(&node, "/ws").await;
    let heads = subscribe(&mut ws, json!(["newHeads"])).await;
    let id = heads.as_str().unwrap();
    assert!(id.starts_with("0x") && id.len() == 34, "{id}");
    let mut other = connect(&node, "/").await;
    let logs = subscribe(
        &mut other,
        json!(["logs", { "address": LOGGER, "topics": [] }]),
    )
    .await;
    let mut expected = Vec::new();
    for n in 0..3u8 {
        expected.push(node.mine(&[logging(1, n.into(), &[n])]));
    }
    for block in &expected {
        let message = next(&mut ws).await;
        assert_eq!(message["method"], "eth_subscription");
        assert_eq!(message["params"]["subscription"], heads);
        let head = &message["params"]["result"];
        assert_eq!(head["hash"], json!(block.hash));
        // A head is told once its receipts can be read.
        let receipts = node
            .result("eth_getBlockReceipts", json!([block.hash]))
            .await;
        assert_eq!(receipts.as_array().unwrap().len(), 2);
        let whole = node
            .result("eth_getBlockByHash", json!([block.hash, false]))
            .await;
        for (key, value) in head.as_object().unwrap() {
            assert_eq!(&whole[key], value, "{key}");
        }
        let log = next(&mut other).await;
        assert_eq!(log["params"]["subscription"], logs);
        assert_eq!(log["params"]["result"]["blockHash"], json!(block.hash));
    }
    node.store.unwind(1, Commit::default()).unwrap();
    let new = node.mine(&[logging(1, 1, &[8])]);
    let told = next(&mut ws).await;
    assert_eq!(told["params"]["result"]["hash"], json!(new.hash));
    for (data, removed) in [("0x02", true), ("0x01", true), ("0x08", false)] {
        let log = next(&mut other).await["params"]["result"].clone();
        assert_eq!(
            (&log["data"], &log["removed"]),
            (&json!(data), &json!(removed))
        );
    }
}

#[tokio::test]
async fn unsubscribing_ends_it_and_unknown_ids_are_false() {
    let node = Node::new().await;
    let mut ws = connect(&node, "/").await;
    let id = subscribe(&mut ws, json!(["newHeads"])).await;
    let unsubscribe = |id: &Value| {
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_unsubscribe", "params": [id] })
            .to_string()
    };
    send(&mut ws, unsubscribe(&id)).await;
    assert_eq!(next(&mut ws).await["result"], true);
    send(&mut ws, unsubscribe(&id)).await;
    assert_eq!(next(&mut ws).await["result"], false);
    node.mine(&[]);
    send(&mut ws, unsubscribe(&json!("0x12"))).await;
    assert_eq!(next(&mut ws).await["result"], false);
    let bad =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["nonsense"] });
    send(&mut ws, bad.to_string()).await;
    assert_eq!(next(&mut ws).await["error"]["code"], -32_602);
    // Another connection's subscription is not ours to end.
    let mine = subscribe(&mut ws, json!(["newHeads"])).await;
    let mut other = connect(&node, "/").await;
    send(&mut other, unsubscribe(&mine)).await;
    assert_eq!(next(&mut other).await["result"], false);
}

#[tokio::test]
async fn pending_transactions_are_shown_in_development() {
    let node = Node::new().await;
    let mut ws = connect(&node, "/").await;
    subscribe(&mut ws, json!(["newPendingTransactions"])).await;
    let mut whole = connect(&node, "/").await;
    subscribe(&mut whole, json!(["newPendingTransactions", true])).await;
    let tx = logging(1, 0, &[1]);
    node.result("eth_sendRawTransaction", json!([tx.raw])).await;
    assert_eq!(next(&mut ws).await["params"]["result"], json!(tx.hash));
    let told = next(&mut whole).await["params"]["result"].clone();
    assert_eq!(
        told,
        node.result("eth_getTransactionByHash", json!([tx.hash]))
            .await
    );
    assert_eq!(told["blockHash"], Value::Null);
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_cut() {
    let server = ServerConfig {
        unread: 4,
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let mut ws = connect(&node, "/").await;
    for _ in 0..64 {
        subscribe(&mut ws, json!(["logs", {}])).await;
    }
    // 64 subscriptions tell the same log at once; four messages may wait.
    let data = vec![7u8; 2_000];
    for n in 0..40 {
        let tx = Key::new(1).tx(n, TxKind::Call(LOGGER), 0, 200_000, data.clone().into());
        node.mine(&[tx]);
    }
    let mut closed = false;
    use futures_util::StreamExt;
    while let Ok(message) = tokio::time::timeout(Duration::from_secs(5), ws.next()).await {
        if !matches!(
            message,
            Some(Ok(tokio_tungstenite::tungstenite::Message::Text(_)))
        ) {
            closed = true;
            break;
        }
    }
    assert!(closed, "the connection lives on");
    // Nobody else is concerned.
    assert_eq!(node.result("eth_blockNumber", json!([])).await, "0x28");
}

#[tokio::test]
async fn subscriptions_of_a_connection_are_bounded() {
    let server = ServerConfig {
        subscriptions: 2,
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let mut ws = connect(&node, "/").await;
    let first = subscribe(&mut ws, json!(["newHeads"])).await;
    subscribe(&mut ws, json!(["newHeads"])).await;
    let third =
        json!({ "jsonrpc": "2.0", "id": 3, "method": "eth_subscribe", "params": ["newHeads"] });
    send(&mut ws, third.to_string()).await;
    let refused = next(&mut ws).await;
    assert_eq!(refused["error"]["code"], -32_005, "{refused}");
    let end = json!({ "jsonrpc": "2.0", "id": 4, "method": "eth_unsubscribe", "params": [first] });
    send(&mut ws, end.to_string()).await;
    assert_eq!(next(&mut ws).await["result"], true);
    let mut again = Value::Null;
    for _ in 0..50 {
        again = subscribe(&mut ws, json!(["newHeads"])).await;
        if again.is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(again.is_string());
}

#[tokio::test]
async fn the_life_of_a_transaction_is_pushed() {
    let node = Node::new().await;
    let mut ws = connect(&node, "/").await;
    let tx = logging(1, 0, &[1]);
    for params in [
        json!(["heads"]),
        json!(["txStatus", tx.hash]),
        json!(["nonsense"]),
    ] {
        let request =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "rollup_subscribe", "params": params });
        let mut own = connect(&node, "/").await;
        send(&mut own, request.to_string()).await;
        let answer = next(&mut own).await;
        if params[0] == "nonsense" {
            assert_eq!(answer["error"]["code"], -32_602);
            continue;
        }
        assert!(answer["result"].is_string(), "{answer}");
        let first = next(&mut own).await;
        assert_eq!(first["method"], "rollup_subscription");
        if params[0] == "heads" {
            assert_eq!(first["params"]["result"]["unsafe"]["number"], 0);
            node.mine(&[]);
            assert_eq!(
                next(&mut own).await["params"]["result"]["unsafe"]["number"],
                1
            );
        } else {
            assert_eq!(first["params"]["result"]["level"], "unknown");
            node.result("eth_sendRawTransaction", json!([tx.raw])).await;
            assert_eq!(
                next(&mut own).await["params"]["result"]["level"],
                "accepted"
            );
            node.mine(std::slice::from_ref(&tx));
            assert_eq!(
                next(&mut own).await["params"]["result"]["level"],
                "preconfirmed"
            );
        }
    }
    let request =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "rollup_unsubscribe", "params": ["0x1"] });
    send(&mut ws, request.to_string()).await;
    assert_eq!(next(&mut ws).await["result"], false);
}
