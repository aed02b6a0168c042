//! Tracers: what they record agrees with receipts and state, and they stop at their limits.

use crate::{
    common::{Node, Setup},
    world::{self, FORWARDER, Key, LOGGER, LOOPER, REVERTER, STORER},
};
use alloy::{sol, sol_types::SolCall};
use alloy_primitives::{Address, Bytes, TxKind, U256, address};
use foggara_evm::PreparedTx;
use foggara_rpc::Limits;
use serde_json::{Value, json};
use std::time::Duration;

fn word(value: &Value) -> U256 {
    value.as_str().unwrap().parse().unwrap()
}

/// Calls of the forwarder: first into storage, then into a revert.
fn txs() -> [PreparedTx; 4] {
    let key = Key::new(1);
    let forward = |to: Address, data: &[u8]| {
        let mut input = to.into_word().to_vec();
        input.extend(data);
        Bytes::from(input)
    };
    let store = world::words(&[U256::from(3), U256::from(44)]);
    [
        key.tx(
            0,
            TxKind::Call(STORER),
            0,
            100_000,
            world::words(&[U256::from(3), U256::from(9)]),
        ),
        key.tx(
            1,
            TxKind::Call(FORWARDER),
            0,
            200_000,
            forward(STORER, &store),
        ),
        key.tx(
            2,
            TxKind::Call(FORWARDER),
            0,
            200_000,
            forward(REVERTER, &[]),
        ),
        key.tx(3, TxKind::Call(LOGGER), 0, 100_000, vec![1].into()),
    ]
}

#[tokio::test]
async fn struct_logs_agree_with_the_receipt() {
    let node = Node::new().await;
    let txs = txs();
    node.mine(&txs);
    for tx in &txs {
        let receipt = node
            .result("eth_getTransactionReceipt", json!([tx.hash]))
            .await;
        let trace = node
            .result("debug_traceTransaction", json!([tx.hash]))
            .await;
        assert_eq!(
            U256::from(trace["gas"].as_u64().unwrap()),
            word(&receipt["gasUsed"])
        );
        assert_eq!(trace["failed"], false);
        let steps = trace["structLogs"].as_array().unwrap();
        assert!(steps[0]["stack"].is_array() && steps[0]["op"].is_string());
        // The last step leaves what was not used, before the refund.
        let last = steps.last().unwrap();
        assert_eq!(last["depth"], 1);
        let few = node
            .result("debug_traceTransaction", json!([tx.hash, { "limit": 2 }]))
            .await;
        assert_eq!(few["structLogs"].as_array().unwrap().len(), 2);
        assert_eq!(few["gas"], trace["gas"]);
    }
}

#[tokio::test]
async fn call_frames_nest_and_carry_their_errors() {
    let node = Node::new().await;
    let txs = txs();
    let block = node.mine(&txs);
    let options = json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } });
    let frame = node
        .result("debug_traceTransaction", json!([txs[2].hash, options]))
        .await;
    assert_eq!(frame["to"], json!(FORWARDER));
    let inner = &frame["calls"][0];
    assert_eq!(
        (&inner["to"], &inner["error"]),
        (&json!(REVERTER), &json!("execution reverted"))
    );
    let receipt = node
        .result("eth_getTransactionReceipt", json!([txs[2].hash]))
        .await;
    assert_eq!(frame["gasUsed"], receipt["gasUsed"]);
    let top = json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } });
    let frame = node
        .result("debug_traceTransaction", json!([txs[2].hash, top]))
        .await;
    assert!(frame.get("calls").is_none(), "{frame}");
    // A block is all its transactions, deposits too.
    let by_number = node
        .result("debug_traceBlockByNumber", json!(["latest", options]))
        .await;
    assert_eq!(
        by_number,
        node.result("debug_traceBlockByHash", json!([block.hash, options]))
            .await
    );
    let all = by_number.as_array().unwrap();
    assert_eq!(all.len(), 5);
    for (trace, tx) in all[1..].iter().zip(&txs) {
        assert_eq!(trace["txHash"], json!(tx.hash));
        let alone = node
            .result("debug_traceTransaction", json!([tx.hash, options]))
            .await;
        assert_eq!(trace["result"], alone);
    }
    assert_eq!(all[4]["result"]["logs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn calls_of_ai_operations_are_decoded() {
    const MATMUL: Address = address!("0000000000000000000000000000000000a10001");
    const TENSOR: Address = address!("0000000000000000000000000000000000a100f0");
    sol! {
        struct Shape { uint8 flags; uint8 kind; uint32 batch; uint32 m; uint32 k; uint32 n; }
        function matmul(Shape shape, bytes a, bytes b);
        function put(uint8 dtype, uint32[] dims, uint32 epochs, bytes data);
    }
    let product = |a: &[u8]| {
        let shape = Shape {
            flags: 0,
            kind: 0,
            batch: 1,
            m: 2,
            k: 3,
            n: 2,
        };
        let (a, b) = (a.to_vec().into(), vec![0, 7, 8, 9, 0xff, 0, 1].into());
        let call = matmulCall { shape, a, b };
        Bytes::from([&MATMUL.into_word()[..], &call.abi_encode()].concat())
    };
    let right = product(&[0, 1, 0xfe, 3, 4, 5, 0xfa]);
    let short = product(&[0, 1, 0xfe, 3, 4, 5]);
    let (dtype, dims, epochs) = (3, vec![2, 3], 1);
    let data = vec![0, 1, 0xfe, 3, 4, 5, 0xfa].into();
    let put = putCall {
        dtype,
        dims,
        epochs,
        data,
    };
    let key = Key::new(1);
    let txs = [
        key.tx(0, TxKind::Call(FORWARDER), 0, 200_000, right),
        key.tx(1, TxKind::Call(FORWARDER), 0, 200_000, short),
        key.tx(2, TxKind::Call(TENSOR), 0, 200_000, put.abi_encode().into()),
    ];
    let node = Node::new().await;
    node.mine(&txs);
    let options = json!({ "tracer": "callTracer" });
    let block = node
        .result("debug_traceBlockByNumber", json!(["latest", options]))
        .await;
    let mut frames = Vec::new();
    for (index, tx) in txs.iter().enumerate() {
        let frame = node
            .result("debug_traceTransaction", json!([tx.hash, options]))
            .await;
        assert_eq!(block[index + 1]["result"], frame);
        frames.push(frame);
    }

    // The first worked example of the specification, and the same with an element too few.
    let function = "matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)";
    let inner = &frames[0]["calls"][0];
    assert_eq!(
        (&inner["to"], word(&inner["gasUsed"])),
        (&json!(MATMUL), U256::from(156))
    );
    assert_eq!(
        inner["decoded"],
        json!({
            "operation": "MATMUL",
            "function": function,
            "arguments": [0, 0, 1, 2, 3, 2, { "inline": 6 }, { "inline": 6 }],
        })
    );
    let inner = &frames[1]["calls"][0];
    assert_eq!(inner["error"], "execution reverted");
    assert_eq!(
        inner["decoded"],
        json!({
            "operation": "MATMUL",
            "function": function,
            "arguments": [0, 0, 1, 2, 3, 2, { "inline": 5 }, { "inline": 6 }],
            "error": "LengthMismatch(1, 6, 5)",
        })
    );
    // A contract of one's own is not decoded, a direct call is.
    assert!(frames[0].get("decoded").is_none());
    assert_eq!(
        frames[2]["decoded"],
        json!({
            "operation": "TENSOR",
            "function": "put(uint8,uint32[],uint32,bytes)",
            "arguments": [3, [2, 3], 1, { "inline": 6 }],
        })
    );
    assert_eq!(
        frames[2]["output"],
        "0xc393da5d0e98570a89710df6061af7992313a3a32f44895a2b4fda9777e67704"
    );
}

#[tokio::test]
async fn prestate_is_that_of_the_place_in_the_block() {
    let node = Node::new().await;
    let txs = txs();
    node.mine(&txs);
    let slot = alloy_primitives::B256::with_last_byte(3);
    let storer = format!("{STORER:?}").to_lowercase();
    let options = json!({ "tracer": "prestateTracer" });
    let before = node
        .result("debug_traceTransaction", json!([txs[1].hash, options]))
        .await;
    // The transaction before it had stored 9.
    assert_eq!(
        before[&storer]["storage"][slot.to_string()],
        json!(alloy_primitives::B256::with_last_byte(9))
    );
    let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let diff = node
        .result("debug_traceTransaction", json!([txs[1].hash, diff]))
        .await;
    let after = &diff["post"][&storer]["storage"][slot.to_string()];
    assert_eq!(after, &json!(alloy_primitives::B256::with_last_byte(44)));
    let sender = format!("{:?}", Key::new(1).address).to_lowercase();
    assert_eq!(diff["pre"][&sender]["nonce"], 1);
}

#[tokio::test]
async fn calls_are_traced_with_overrides() {
    let node = Node::new().await;
    node.mine(&[]);
    let at = Address::repeat_byte(0x55);
    let code = world::asm("NUMBER PUSH0 MSTORE PUSH1 0x20 PUSH0 RETURN");
    let options = json!({
        "tracer": "callTracer",
        "stateOverrides": { at.to_string(): { "code": code } },
        "blockOverrides": { "number": "0x99" },
    });
    let frame = node
        .result("debug_traceCall", json!([{ "to": at }, "latest", options]))
        .await;
    assert_eq!(word(&frame["output"]), U256::from(0x99));
    let frame = node
        .result("debug_traceCall", json!([{ "to": LOGGER }]))
        .await;
    assert!(frame["structLogs"].as_array().unwrap().len() > 5);
}

#[tokio::test]
async fn tracers_say_what_they_do_not_do() {
    let node = Node::new().await;
    node.mine(&[]);
    let nothing = format!("0x{}", "ab".repeat(32));
    let refused = node
        .refused("debug_traceTransaction", json!([nothing]))
        .await;
    assert_eq!(refused, (-32_000, "transaction not found".into()));
    let refused = node
        .refused("debug_traceBlockByNumber", json!(["earliest"]))
        .await;
    assert_eq!(refused, (-32_000, "genesis is not traceable".into()));
    let (code, message) = node
        .refused(
            "debug_traceCall",
            json!([{}, "latest", { "tracer": "magicTracer" }]),
        )
        .await;
    assert_eq!(code, -32_000);
    assert!(
        message.starts_with("unknown tracer: magicTracer; known: callTracer, "),
        "{message}"
    );
    let (code, _) = node
        .refused(
            "debug_traceCall",
            json!([{}, "latest", { "timeout": "soon" }]),
        )
        .await;
    assert_eq!(code, -32_602);
    assert_eq!(
        node.refused("debug_traceBlockByNumber", json!(["0x9"]))
            .await
            .0,
        -32_001
    );
}

#[tokio::test]
async fn traces_stop_at_their_limits() {
    let limits = Limits {
        call_time: Duration::from_secs(5),
        call_gas: 50_000_000,
        ..Limits::default()
    };
    let node = Node::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let call = json!({ "to": LOOPER });
    let (code, message) = node.refused("debug_traceCall", json!([call])).await;
    assert_eq!(
        (code, &message[..26]),
        (-32_005, "trace has too many steps: "),
        "{message}"
    );
    let endless = Limits {
        call_gas: u64::MAX,
        ..limits
    };
    let node = Node::with(Setup {
        limits: endless,
        ..Setup::default()
    })
    .await;
    let call = json!({ "to": LOOPER, "gas": "0xffffffffffffff" });
    let options = json!({ "tracer": "callTracer", "timeout": "200ms" });
    let start = std::time::Instant::now();
    let refused = node
        .refused("debug_traceCall", json!([call, "latest", options]))
        .await;
    assert_eq!(
        refused,
        (-32_000, "execution aborted (timeout = 0.2s)".into())
    );
    assert!(start.elapsed() < Duration::from_secs(3));
}
