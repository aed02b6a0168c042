//! Calls and batches of `USERS.md` section 2.1: ids, parameters, and the bounds of answers.

use crate::{
    common::{Node, Setup},
    wire::{JSON, code, connect, next, request, send},
};
use foggara_rpc::ServerConfig;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn ids_are_echoed_or_refused() {
    let node = Node::new().await;
    for id in [
        "0",
        "1",
        "18446744073709551615",
        "\"\"",
        "\"a b\"",
        "\"\\u00e9\"",
        "null",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId","more":[1]}}"#);
        let (_, text) = node.post(body).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            answer["id"],
            serde_json::from_str::<Value>(id).unwrap(),
            "{text}"
        );
        assert_eq!(answer["result"], "0x385", "{text}");
    }
    let mut ws = connect(&node, "/").await;
    for id in [
        "-1",
        "1.5",
        "1e3",
        "18446744073709551616",
        "true",
        "[]",
        "{}",
        "[1]",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId"}}"#);
        let (_, text) = node.post(body.clone()).await;
        assert_eq!(code(&text), -32_600, "{text}");
        assert!(text.contains(r#""id":null"#), "{text}");
        send(&mut ws, body).await;
        assert_eq!(next(&mut ws).await["error"]["code"], -32_600, "{id}");
    }
}

#[tokio::test]
async fn no_parameters_are_no_parameters_in_every_form() {
    let node = Node::new().await;
    for params in ["", r#","params":null"#, r#","params":[]"#] {
        let (_, text) = node
            .post(format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"eth_chainId"{params}}}"#
            ))
            .await;
        assert!(text.contains("0x385"), "{text}");
    }
    let refused = node.refused("eth_chainId", json!([1])).await;
    assert_eq!(
        refused,
        (-32_602, "too many arguments, want at most 0".into())
    );
}

#[tokio::test]
async fn batches_are_answered_entry_by_entry() {
    let node = Node::new().await;
    let mut ws = connect(&node, "/ws").await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" },
        { "jsonrpc": "2.0", "id": -1, "method": "eth_chainId" },
        7,
        { "jsonrpc": "2.0", "method": "eth_chainId" },
        { "jsonrpc": "2.0", "id": "x", "method": "nonsense" },
        { "jsonrpc": "2.0", "id": 2, "method": "eth_subscribe", "params": ["newHeads"] },
    ]);
    let check = |answers: Value, over_socket: bool| {
        let answers = answers.as_array().unwrap().clone();
        assert_eq!(answers.len(), 5, "{answers:?}");
        let with = |id: Value| {
            answers
                .iter()
                .find(|answer| answer["id"] == id)
                .unwrap()
                .clone()
        };
        assert_eq!(with(json!(1))["result"], "0x385");
        assert_eq!(with(json!("x"))["error"]["code"], -32_601);
        let subscribe = if over_socket { -32_600 } else { -32_601 };
        assert_eq!(with(json!(2))["error"]["code"], subscribe);
        assert_eq!(
            answers
                .iter()
                .filter(|answer| answer["id"].is_null())
                .count(),
            2
        );
    };
    check(
        serde_json::from_str(&node.post(batch.to_string()).await.1).unwrap(),
        false,
    );
    send(&mut ws, batch.to_string()).await;
    check(next(&mut ws).await, true);
    for (body, code) in [("[]", -32_600), ("[1", -32_700)] {
        let answer: Value = serde_json::from_str(&node.post(body).await.1).unwrap();
        assert!(
            answer.is_object() && answer["error"]["code"] == code,
            "{answer}"
        );
        send(&mut ws, body).await;
        assert_eq!(next(&mut ws).await["error"]["code"], code);
    }
    let notifications =
        r#"[{"jsonrpc":"2.0","method":"eth_chainId"},{"jsonrpc":"2.0","method":"no"}]"#;
    assert_eq!(node.post(notifications).await, (204, String::new()));
    let entry = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" });
    let answer: Value = serde_json::from_str(
        &node
            .post(json!(vec![entry.clone(); 1_000]).to_string())
            .await
            .1,
    )
    .unwrap();
    assert_eq!(answer.as_array().unwrap().len(), 1_000);
    let answer: Value =
        serde_json::from_str(&node.post(json!(vec![entry; 1_001]).to_string()).await.1).unwrap();
    assert_eq!(answer["error"]["code"], -32_010);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("1000"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_slow_batch_is_answered_with_what_is_done() {
    let server = ServerConfig {
        batch_time: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    let raw = crate::world::Key::new(1)
        .tx(0, Default::default(), 0, 100_000, vec![0].into())
        .raw;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransactionSync", "params": [raw, 5_000] },
        { "jsonrpc": "2.0", "id": 2, "method": "eth_chainId" },
    ]);
    let answers: Value = serde_json::from_str(&node.post(batch.to_string()).await.1).unwrap();
    assert_eq!(answers[0]["error"]["code"], -32_005, "{answers}");
    assert_eq!(answers[1]["result"], "0x385", "{answers}");
}

#[tokio::test]
async fn answers_are_bounded() {
    let server = ServerConfig {
        answer_bytes: 4_000,
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    for _ in 0..3 {
        let key = crate::world::Key::new(1);
        let nonce = node.store.heads().unsafe_.number;
        node.mine(&[key.tx(
            nonce,
            alloy_primitives::TxKind::Call(crate::world::LOGGER),
            0,
            200_000,
            vec![1; 3_000].into(),
        )]);
    }
    assert_eq!(
        node.refused("eth_getLogs", json!([{ "fromBlock": "earliest" }]))
            .await
            .0,
        -32_008
    );
    let entry = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_getBlockByNumber", "params": ["0x0", false] });
    let answers: Value = serde_json::from_str(
        &node
            .post(json!([entry(1), entry(2), entry(3), entry(4)]).to_string())
            .await
            .1,
    )
    .unwrap();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 4);
    assert!(answers[0].get("result").is_some());
    assert_eq!(answers[3]["error"]["code"], -32_008);
    assert_eq!(answers[3]["id"], 4);
}

/// Whoever asks for much and takes nothing held the answer in memory for ever, one on every connection
/// over HTTP and a thousand on one over WebSocket.
#[tokio::test]
async fn answers_that_nobody_takes_are_bounded_in_bytes_and_time() {
    let server = ServerConfig {
        held_bytes: 12_000_000,
        answer_bytes: 12_000_000,
        stall_time: Duration::from_millis(1_500),
        ..ServerConfig::default()
    };
    let node = Node::served(server).await;
    for nonce in 0..5 {
        let (to, data) = (crate::world::LOGGER, vec![1; 100_000]);
        let to = alloy_primitives::TxKind::Call(to);
        node.mine(&[crate::world::Key::new(1).tx(nonce, to, 0, 6_000_000, data.into())]);
    }
    // Ten times a megabyte.
    let entry = json!({
        "jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [{ "fromBlock": "0x0" }]
    });
    let body = json!(vec![entry; 10]).to_string();
    let mut idle = TcpStream::connect(node.server.addr()).await.unwrap();
    let ask = request("POST", "/", JSON, &body);
    idle.write_all(ask.as_bytes()).await.unwrap();
    let mut head = [0u8; 12];
    idle.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    let (status, answer) = node.post(body.clone()).await;
    assert_eq!(status, 503, "{}", &answer[..100.min(answer.len())]);
    assert_eq!(code(&answer), -32_009);
    // Small answers go on.
    assert_eq!(node.result("eth_chainId", json!([])).await, "0x385");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(node.post(body).await.0, 200);
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest).await;
    assert!(rest.len() < 10_000_000, "{} bytes were kept", rest.len());
}

#[tokio::test]
async fn namespaces_that_are_not_served_name_the_option() {
    let public = Setup {
        api: Some(vec!["txpool".into()]),
        ..Setup::default()
    };
    let node = Node::with(public).await;
    let (code, message) = node.refused("debug_getRawHeader", json!(["latest"])).await;
    assert_eq!(code, -32_601);
    assert!(
        message.starts_with("Method not found") && message.ends_with("--rpc.api debug"),
        "{message}"
    );
    assert_eq!(
        node.result("txpool_status", json!([])).await["pending"],
        "0x0"
    );
    let modules = node.result("rpc_modules", json!([])).await;
    let names: Vec<&String> = modules.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["eth", "net", "optimism", "rollup", "rpc", "txpool", "web3"]
    );
    assert_eq!(
        node.refused("admin_stopSequencer", json!([])).await.0,
        -32_601
    );
}
