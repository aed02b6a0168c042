//! Some thousand malformed requests: each gets its code, in time, and none ends a connection.

use crate::{
    common::Node,
    wire::{connect, next, send},
    world::{Key, LOGGER},
};
use alloy_primitives::{Bytes, TxKind};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Codes that a malformed request may get.
const CODES: [i64; 9] = [
    -32_700, -32_600, -32_601, -32_602, -32_000, -32_001, -32_005, 3, -32_007,
];

/// Methods with parameters that are right.
fn right() -> Vec<(&'static str, Value)> {
    let address = json!(Key::new(1).address);
    let hash = json!(format!("0x{}", "ab".repeat(32)));
    let call = json!({ "from": address, "to": LOGGER, "data": "0x0102", "value": "0x0", "gas": "0x186a0" });
    vec![
        ("eth_getBalance", json!([address, "latest"])),
        ("eth_getTransactionCount", json!([address, "pending"])),
        ("eth_getCode", json!([address, "safe"])),
        (
            "eth_getStorageAt",
            json!([address, "0x0", { "blockNumber": "0x0" }]),
        ),
        ("eth_getProof", json!([address, ["0x0"], "latest"])),
        ("eth_getBlockByNumber", json!(["0x0", true])),
        ("eth_getBlockByHash", json!([hash, false])),
        ("eth_getBlockReceipts", json!(["latest"])),
        ("eth_getTransactionByHash", json!([hash])),
        (
            "eth_getTransactionByBlockNumberAndIndex",
            json!(["0x0", "0x0"]),
        ),
        ("eth_getTransactionReceipt", json!([hash])),
        (
            "eth_call",
            json!([call, "latest", { "0x0000000000000000000000000000000000000001": { "balance": "0x1" } }, {}]),
        ),
        ("eth_estimateGas", json!([call, "latest"])),
        ("eth_createAccessList", json!([call])),
        ("eth_feeHistory", json!(["0x2", "latest", [10, 50.5]])),
        (
            "eth_getLogs",
            json!([{ "fromBlock": "0x0", "toBlock": "latest", "address": [LOGGER], "topics": [null, [hash]] }]),
        ),
        ("eth_newFilter", json!([{}])),
        ("eth_getFilterChanges", json!(["0x1"])),
        (
            "eth_sendRawTransaction",
            json!([Key::new(3)
                .tx(7, TxKind::Create, 0, 90_000, Bytes::new())
                .raw]),
        ),
        ("eth_sendRawTransactionSync", json!(["0x02", 1])),
        ("web3_sha3", json!(["0x00ff"])),
        ("optimism_outputAtBlock", json!(["0x0"])),
        ("optimism_safeHeadAtL1Block", json!(["0x1"])),
        ("rollup_txStatus", json!([hash])),
        ("rollup_batchAt", json!(["0x0"])),
        ("rollup_estimateFee", json!([call])),
        ("debug_getRawBlock", json!(["0x0"])),
        ("txpool_contentFrom", json!([address])),
    ]
}

/// Something that does not belong there.
fn odd(rng: &mut StdRng) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("0x"),
        json!("0x0"),
        json!("0x00"),
        json!("0xg"),
        json!("latest "),
        json!("\u{0}"),
        json!("ü".repeat(50)),
        json!(format!("0x{}", "f".repeat(64))),
        json!(format!("0x{}", "f".repeat(65))),
        json!(format!("0x{}", "0".repeat(5_000))),
        json!([]),
        json!([[[]]]),
        json!({}),
        json!({ "blockHash": "0x1" }),
        json!({ "from": 5, "data": "0x1" }),
        json!({ "gas": "0xffffffffffffffffffff", "data": "0x5b5f56" }),
    ];
    all.choose(rng).unwrap().clone()
}

fn mutate(rng: &mut StdRng, value: &mut Value) {
    match value {
        Value::Array(items) if !items.is_empty() && rng.random_ratio(4, 5) => {
            let index = rng.random_range(0..items.len());
            match rng.random_range(0..5) {
                0 => {
                    items.remove(index);
                }
                1 => items.push(odd(rng)),
                _ => mutate(rng, &mut items[index]),
            }
        }
        Value::Object(fields) if !fields.is_empty() && rng.random_ratio(4, 5) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = names.choose(rng).unwrap();
            mutate(rng, fields.get_mut(name).unwrap());
        }
        Value::String(text) if rng.random() && text.is_ascii() && !text.is_empty() => {
            let at = rng.random_range(0..text.len());
            match rng.random_range(0..3) {
                0 => text.truncate(at),
                1 => text.insert(at, 'x'),
                _ => text.push('0'),
            }
        }
        other => *other = odd(rng),
    }
}

/// A request with something wrong in it, as text.
fn malformed(rng: &mut StdRng) -> String {
    let all = right();
    let (method, mut params) = all.choose(rng).unwrap().clone();
    let mut text = match rng.random_range(0..8) {
        0 => {
            let mut whole =
                json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            let name = *["jsonrpc", "method", "params"].choose(rng).unwrap();
            whole[name] = odd(rng);
            whole.to_string()
        }
        _ => {
            for _ in 0..rng.random_range(1..4) {
                mutate(rng, &mut params);
            }
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
        }
    };
    if rng.random_ratio(1, 8) {
        let at = rng.random_range(0..text.len());
        let at = (at..=text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap();
        match rng.random_range(0..3) {
            0 => text.truncate(at),
            1 => text.insert(at, *['{', ']', '"', ',', '\u{1}'].choose(rng).unwrap()),
            _ => text.insert_str(at, "\\ud800"),
        }
    }
    text
}

fn check(request: &str, answer: &str, took: Duration) {
    assert!(took < Duration::from_secs(5), "{took:?} for {request}");
    let value: Value =
        serde_json::from_str(answer).unwrap_or_else(|e| panic!("{e}: {answer:?} to {request}"));
    assert_eq!(value["jsonrpc"], "2.0", "{request}");
    let Some(error) = value.get("error") else {
        assert!(value.get("result").is_some(), "{request}: {answer}");
        return;
    };
    let code = error["code"].as_i64().unwrap();
    // 4 is the answer of a transaction that was taken and is not in a block yet.
    assert!(CODES.contains(&code) || code == 4, "{request}: {answer}");
}

#[tokio::test]
async fn malformed_requests_get_their_codes_over_http() {
    let node = Node::new().await;
    node.mine(&[]);
    for (method, params) in right() {
        let answer = node.ask(method, params.clone()).await;
        let code = answer["error"]["code"].as_i64();
        assert!(
            code.is_none_or(|code| code == -32_000 || code == 4),
            "{method} {params}: {answer}"
        );
    }
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..600 {
        let request = malformed(&mut rng);
        let start = Instant::now();
        let (status, answer) = node.post(request.clone()).await;
        assert!(status == 200 || status == 204, "{status} {request}");
        if status == 200 {
            check(&request, &answer, start.elapsed());
        }
    }
}

#[tokio::test]
async fn malformed_requests_do_not_end_a_socket() {
    let node = Node::new().await;
    node.mine(&[]);
    let mut ws = connect(&node, "/").await;
    let mut rng = StdRng::seed_from_u64(8);
    for _ in 0..600 {
        let request = malformed(&mut rng);
        send(&mut ws, request.clone()).await;
        // What was a notification by accident has no answer; the next call shows that all is well.
        send(
            &mut ws,
            r#"{"jsonrpc":"2.0","id":"end","method":"eth_chainId"}"#,
        )
        .await;
        let start = Instant::now();
        loop {
            let answer = next(&mut ws).await;
            if answer["id"] == "end" {
                break;
            }
            check(&request, &answer.to_string(), start.elapsed());
        }
    }
}

#[tokio::test]
async fn deep_json_is_refused_quickly() {
    let node = Node::new().await;
    for depth in [127, 200, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let cases = [
            deep.clone(),
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{deep}]}}"#),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{{"topics":{deep}}}]}}"#
            ),
            format!(r#"{{"jsonrpc":"2.0","id":{deep},"method":"eth_chainId"}}"#),
        ];
        for request in cases {
            let start = Instant::now();
            let (status, answer) = node.post(request).await;
            assert_eq!(status, 200);
            assert!(start.elapsed() < Duration::from_secs(2));
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let first = answer.get(0).unwrap_or(&answer);
            let code = first["error"]["code"].as_i64().unwrap();
            assert!(
                [-32_700, -32_600, -32_602].contains(&code),
                "{depth}: {answer}"
            );
        }
    }
}
