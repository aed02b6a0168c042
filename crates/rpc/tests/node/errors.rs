//! The error contract of `USERS.md` section 2.8, line by line.

use crate::{
    common::{Node, Setup},
    world::{self, CHAIN_ID, ETHER, GWEI, Key, LOGGER, LOOPER, REVERTER, base_tx},
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use foggara_rpc::Limits;
use serde_json::{Value, json};
use std::time::Duration;

/// Init code, run as a call without a receiver.
fn run(code: &str) -> Value {
    json!([{ "from": Key::new(1).address, "data": world::asm(code) }])
}

/// `revert` with the ABI encoding of `Error("told")`.
fn with_reason() -> Bytes {
    let mut data = hex!("08c379a0").to_vec();
    data.extend(U256::from(32).to_be_bytes::<32>());
    data.extend(U256::from(4).to_be_bytes::<32>());
    data.extend(b"told");
    data.resize(100, 0);
    data.into()
}

/// A call that reverts with these bytes: they follow the code.
fn reverting(data: &[u8]) -> Value {
    let size = data.len();
    let mut code = world::asm(&format!(
        "PUSH2 0x{size:04x} PUSH1 0x0d PUSH0 CODECOPY PUSH2 0x{size:04x} PUSH0 REVERT STOP"
    ))
    .to_vec();
    assert_eq!(code.len(), 13);
    code.extend(data);
    json!([{ "from": Key::new(1).address, "data": Bytes::from(code) }])
}

#[tokio::test]
async fn reverts_are_told_alike_in_every_method() {
    let node = Node::new().await;
    let custom = hex!("deadbeef0000000000000000000000000000000000000000000000000000000000000007");
    let panic = hex!("4e487b710000000000000000000000000000000000000000000000000000000000000011");
    let cases: [(&[u8], &str); 4] = [
        (&with_reason(), "execution reverted: told"),
        (&custom, "execution reverted"),
        (&panic, "execution reverted"),
        (&[], "execution reverted"),
    ];
    for (data, message) in cases {
        for method in ["eth_call", "eth_estimateGas"] {
            let error = node.error(method, reverting(data)).await;
            assert_eq!(error["code"], 3, "{error}");
            assert_eq!(error["message"], message, "{method}");
            assert_eq!(error["data"], json!(hex::encode_prefixed(data)), "{method}");
        }
        let list = node.result("eth_createAccessList", reverting(data)).await;
        assert_eq!(list["error"], message);
    }
}

#[tokio::test]
async fn halts_never_say_revert() {
    let node = Node::new().await;
    let from = Key::new(1).address;
    for (params, begin) in [
        (run("INVALID"), "invalid opcode: 0xfe"),
        (run("PUSH1 0x01 JUMP"), "invalid jump destination"),
        (run("ADD"), "stack underflow"),
        (
            json!([{ "from": from, "to": LOOPER, "gas": "0x186a0" }]),
            "out of gas",
        ),
    ] {
        let (code, message) = node.refused("eth_call", params).await;
        assert_eq!(code, -32_000);
        assert!(
            message.starts_with(begin) && !message.contains("revert"),
            "{message}"
        );
    }
    let looping = json!([{ "from": from, "to": LOOPER, "gas": "0x186a0" }]);
    let refused = node.refused("eth_estimateGas", looping).await;
    assert_eq!(
        refused,
        (-32_000, "gas required exceeds allowance (100000)".into())
    );
}

#[tokio::test]
async fn a_call_that_runs_too_long_is_stopped_and_delays_nobody() {
    let limits = Limits {
        call_time: Duration::from_millis(300),
        call_gas: u64::MAX,
        ..Limits::default()
    };
    let node = Node::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let params = json!([{ "from": Key::new(1).address, "to": LOOPER, "gas": "0xffffffffffffff" }]);
    let other = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let start = std::time::Instant::now();
        node.result("eth_chainId", json!([])).await;
        assert!(
            start.elapsed() < Duration::from_millis(200),
            "{:?}",
            start.elapsed()
        );
    };
    let (refused, ()) = tokio::join!(node.refused("eth_call", params), other);
    assert_eq!(
        refused,
        (-32_000, "execution aborted (timeout = 0.3s)".into())
    );
}

#[tokio::test]
async fn a_busy_node_says_so() {
    let limits = Limits {
        call_time: Duration::from_secs(2),
        call_gas: u64::MAX,
        calls_at_once: 1,
        calls_waiting: 1,
        wait_time: Duration::from_millis(100),
        ..Limits::default()
    };
    let node = Node::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let long = json!([{ "from": Key::new(1).address, "to": LOOPER, "gas": "0xffffffffffffff" }]);
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{}] });
        let request = node.http.post(node.url()).json(&body).send().await.unwrap();
        assert_eq!(request.status(), 503);
        assert_eq!(request.headers()["retry-after"], "1");
        let answer: Value = request.json().await.unwrap();
        assert_eq!(answer["error"]["code"], -32_009, "{answer}");
    };
    let (long, ()) = tokio::join!(node.refused("eth_call", long), second);
    assert!(long.1.starts_with("execution aborted"), "{long:?}");
}

fn raw<T>(key: &Key, tx: T) -> Value
where
    T: SignableTransaction<alloy_primitives::Signature>,
    op_alloy_consensus::OpTxEnvelope: From<alloy_consensus::Signed<T>>,
{
    json!([key.envelope(tx).raw])
}

#[tokio::test]
async fn refused_transactions_say_why() {
    let node = Node::with(Setup {
        fee_cap: Some(ETHER),
        ..Setup::default()
    })
    .await;
    let key = Key::new(1);
    let to = TxKind::Call(Address::repeat_byte(7));
    node.mine(&[key.tx(0, to, 1, 21_000, Bytes::new())]);
    let plain = || base_tx(1, to, 0, 21_000, Bytes::new());
    let poor = Key::new(99);
    let cases = [
        (
            raw(&key, base_tx(0, to, 0, 21_000, Bytes::new())),
            "nonce too low: next nonce 1, tx nonce 0",
        ),
        (
            raw(&key, base_tx(9_000, to, 0, 21_000, Bytes::new())),
            "nonce too high: next nonce 1, tx nonce 9000, reach 4096",
        ),
        (
            raw(&poor, base_tx(0, to, 1, 21_000, Bytes::new())),
            "insufficient funds for gas * price + value: have 0 want 2",
        ),
        (
            raw(&key, base_tx(1, to, 0, 20_999, Bytes::new())),
            "intrinsic gas too low: have 20999, want 21000",
        ),
        (
            raw(
                &key,
                TxEip1559 {
                    max_priority_fee_per_gas: 11 * GWEI,
                    ..plain()
                },
            ),
            "max priority fee per gas higher than max fee per gas",
        ),
        (
            raw(
                &key,
                TxEip1559 {
                    chain_id: 5,
                    ..plain()
                },
            ),
            "invalid chain ID: have 5, want 901",
        ),
        (
            json!([key.legacy(1, Address::ZERO, None).raw]),
            "only replay-protected (EIP-155) transactions allowed over RPC",
        ),
        (
            json!(["0x03f8"]),
            "transaction type not valid: type 3 (blob) not supported on this chain",
        ),
        (
            json!(["0x7ef8"]),
            "transaction type not valid: type 126 not supported on this chain",
        ),
        (json!(["0x02f8"]), "failed to decode signed transaction: "),
        (json!(["0x"]), "failed to decode signed transaction: "),
        (
            json!([Bytes::from(vec![2; 131_073])]),
            "oversized data: transaction size 131073, limit 131072",
        ),
        (
            raw(
                &key,
                base_tx(1, TxKind::Create, 0, 10_000_000, vec![0; 49_153].into()),
            ),
            "max initcode size exceeded",
        ),
        (
            raw(&key, base_tx(1, to, 0, 16_777_217, Bytes::new())),
            "transaction gas limit too high (cap: 16777216, tx: 16777217)",
        ),
        (
            raw(&key, base_tx(1, to, 0, 30_000_001, Bytes::new())),
            "exceeds block gas limit (gas limit reached)",
        ),
        (
            raw(
                &key,
                TxEip1559 {
                    max_fee_per_gas: 100_000 * GWEI,
                    ..base_tx(1, to, 0, 15_000_000, Bytes::new())
                },
            ),
            "tx fee (1500.00 ether) exceeds the configured cap (1.00 ether)",
        ),
    ];
    for (params, begin) in cases {
        let error = node.error("eth_sendRawTransaction", params).await;
        assert_eq!(error["code"], -32_000, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with(begin),
            "{message:?} does not begin with {begin:?}"
        );
        assert!(error.get("data").is_none(), "{error}");
    }
    let good = key.envelope(plain());
    assert_eq!(
        node.result("eth_sendRawTransaction", json!([good.raw]))
            .await,
        json!(good.hash)
    );
    let again = node
        .refused("eth_sendRawTransaction", json!([good.raw]))
        .await;
    assert_eq!(again, (-32_000, "already known".into()));
    let bumped = raw(
        &key,
        TxEip1559 {
            max_fee_per_gas: 10 * GWEI + 1,
            ..plain()
        },
    );
    let (_, message) = node.refused("eth_sendRawTransaction", bumped).await;
    assert!(
        message.starts_with("replacement transaction underpriced: needs "),
        "{message}"
    );
    node.pool.set_closed(Some("disk full".into()));
    let (code, message) = node
        .refused(
            "eth_sendRawTransaction",
            raw(&key, base_tx(2, to, 0, 21_000, Bytes::new())),
        )
        .await;
    assert_eq!(
        (code, message.as_str()),
        (-32_000, "node is not accepting transactions: disk full")
    );
}

#[tokio::test]
async fn blocks_that_are_not_there_are_null_or_an_error() {
    let node = Node::new().await;
    node.mine(&[]);
    let nowhere = format!("0x{}", "ab".repeat(32));
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x9", false])),
        ("eth_getBlockByHash", json!([nowhere, true])),
        ("eth_getBlockReceipts", json!(["0x9"])),
        ("eth_getTransactionByHash", json!([nowhere])),
        ("eth_getTransactionReceipt", json!([nowhere])),
        ("eth_getBlockTransactionCountByHash", json!([nowhere])),
        (
            "eth_getTransactionByBlockNumberAndIndex",
            json!(["0x9", "0x0"]),
        ),
        ("eth_getRawTransactionByHash", json!([nowhere])),
    ] {
        assert_eq!(node.result(method, params).await, Value::Null, "{method}");
    }
    let address = Key::new(1).address;
    for block in [
        json!("0x9"),
        json!(nowhere),
        json!({ "blockHash": nowhere }),
    ] {
        for (method, params) in [
            ("eth_getBalance", json!([address, block])),
            ("eth_getCode", json!([address, block])),
            ("eth_getTransactionCount", json!([address, block])),
            ("eth_getStorageAt", json!([address, "0x0", block])),
            ("eth_getProof", json!([address, [], block])),
            ("eth_call", json!([{}, block])),
            ("eth_estimateGas", json!([{ "to": address }, block])),
        ] {
            let (code, message) = node.refused(method, params).await;
            let named = if block == "0x9" { "9" } else { &nowhere };
            assert_eq!(
                (code, message),
                (-32_001, format!("header not found: {named}")),
                "{method}"
            );
        }
    }
    assert_eq!(
        node.refused("eth_getLogs", json!([{ "blockHash": nowhere }]))
            .await
            .0,
        -32_001
    );
    assert_eq!(
        node.refused("eth_feeHistory", json!(["0x1", "0x9", []]))
            .await
            .0,
        -32_001
    );
}

#[tokio::test]
async fn parameters_are_strict_and_errors_name_the_position() {
    let node = Node::new().await;
    let address = Key::new(1).address;
    let hash = format!("0x{}", "ab".repeat(32));
    for (method, params, begin) in [
        (
            "eth_getBalance",
            json!([]),
            "missing value for required argument 0",
        ),
        (
            "eth_getBalance",
            json!(["0x12"]),
            "invalid argument 0: hex string has 1 bytes, want 20",
        ),
        (
            "eth_getBalance",
            json!(["f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"]),
            "invalid argument 0: hex string without 0x prefix",
        ),
        (
            "eth_getBalance",
            json!([address, "0x01"]),
            "invalid argument 1: hex number with leading zero digits",
        ),
        (
            "eth_getBalance",
            json!([address, "newest"]),
            "invalid argument 1: ",
        ),
        (
            "eth_getBalance",
            json!([address, 5]),
            "invalid argument 1: ",
        ),
        (
            "eth_getBalance",
            json!([address, {}]),
            "invalid argument 1: want exactly one of blockNumber and blockHash",
        ),
        (
            "eth_getBalance",
            json!([address, "latest", 1]),
            "too many arguments, want at most 2",
        ),
        (
            "eth_getBalance",
            json!({ "address": address }),
            "invalid params: expected an array",
        ),
        (
            "eth_getBlockByNumber",
            json!([hash, true]),
            "invalid argument 0: hex number > 64 bits",
        ),
        (
            "eth_getBlockByNumber",
            json!(["latest", "yes"]),
            "invalid argument 1: ",
        ),
        (
            "eth_getStorageAt",
            json!([address, "0x"]),
            "invalid argument 1: storage slot is not 1 to 32 bytes",
        ),
        (
            "eth_sendRawTransaction",
            json!(["0x123"]),
            "invalid argument 0: hex string of odd length",
        ),
        (
            "eth_call",
            json!([{ "data": "0x01", "input": "0x02" }]),
            "invalid argument 0: both \"data\" and \"input\"",
        ),
        (
            "eth_call",
            json!([{ "chainId": "0x1" }]),
            "invalid argument 0: chainId does not match",
        ),
        (
            "eth_call",
            json!([{ "gasPrice": "0x1", "maxFeePerGas": "0x1" }]),
            "invalid argument 0: both gasPrice and",
        ),
        (
            "eth_call",
            json!([{ "value": "0x" }]),
            "invalid argument 0: ",
        ),
        (
            "eth_call",
            json!([{}, "latest", { "0x00": {} }]),
            "invalid argument 2: ",
        ),
        (
            "eth_estimateGas",
            json!([{}]),
            "invalid argument 0: contract creation without any data",
        ),
        (
            "eth_feeHistory",
            json!(["0x1", "latest", [50, 20]]),
            "invalid argument 2: invalid reward percentile",
        ),
        (
            "eth_feeHistory",
            json!(["0x1", "latest", [101]]),
            "invalid argument 2: invalid reward percentile",
        ),
        (
            "eth_feeHistory",
            json!(["0x10000000000000000", "latest"]),
            "invalid argument 0: ",
        ),
        (
            "eth_getLogs",
            json!([{ "blockHash": hash, "fromBlock": "0x0" }]),
            "invalid argument 0: cannot specify both BlockHash and FromBlock/ToBlock",
        ),
        (
            "web3_sha3",
            json!(["0x0"]),
            "invalid argument 0: hex string of odd length",
        ),
    ] {
        let (code, message) = node.refused(method, params.clone()).await;
        assert_eq!(code, -32_602, "{method} {params}: {message}");
        assert!(message.starts_with(begin), "{method} {params}: {message}");
    }
}

#[tokio::test]
async fn what_a_node_does_not_do_is_said() {
    let node = Node::new().await;
    assert_eq!(node.refused("eth_nonsense", json!([])).await.0, -32_601);
    let unknown = (-32_000, "unknown account".to_owned());
    assert_eq!(
        node.refused("eth_sendTransaction", json!([{}])).await,
        unknown
    );
    let not_found = (-32_000, "filter not found".to_owned());
    assert_eq!(
        node.refused("eth_getFilterChanges", json!(["0x1"])).await,
        not_found
    );
    assert_eq!(
        node.refused("eth_getFilterLogs", json!([U256::MAX])).await,
        not_found
    );
    assert_eq!(
        node.result("eth_uninstallFilter", json!(["0x1"])).await,
        false
    );
    let replica = Node::with(Setup {
        replica: true,
        ..Setup::default()
    })
    .await;
    let tx = Key::new(1).tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let (code, message) = replica
        .refused("eth_sendRawTransaction", json!([tx.raw]))
        .await;
    assert_eq!(code, -32_000);
    assert!(
        message.starts_with("node is not accepting transactions: "),
        "{message}"
    );
    assert_eq!(
        replica.result("eth_accounts", json!([])).await,
        json!([Key::new(1).address])
    );
    let _ = (REVERTER, CHAIN_ID);
}

#[tokio::test]
async fn waiting_for_a_receipt_gives_it_or_the_hash() {
    let node = Node::new().await;
    let key = Key::new(1);
    let tx = key.tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let mining = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        node.mine(std::slice::from_ref(&tx));
    };
    let (receipt, ()) = tokio::join!(
        node.result("eth_sendRawTransactionSync", json!([tx.raw])),
        mining
    );
    assert_eq!(receipt["transactionHash"], json!(tx.hash));
    assert_eq!(
        receipt,
        node.result("eth_getTransactionReceipt", json!([tx.hash]))
            .await
    );
    let late = key.tx(1, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let error = node
        .error("eth_sendRawTransactionSync", json!([late.raw, "0x32"]))
        .await;
    assert_eq!(error["code"], 4, "{error}");
    assert_eq!(error["data"], json!(late.hash));
    let gapped = key.tx(5, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let error = node
        .error("eth_sendRawTransactionSync", json!([gapped.raw]))
        .await;
    assert_eq!(
        (&error["code"], &error["data"]),
        (&json!(6), &json!("0x2")),
        "{error}"
    );
}

#[tokio::test]
async fn a_replica_hands_transactions_on() {
    let sequencer = Node::new().await;
    let replica = Node::with(Setup {
        replica: true,
        forward: Some(sequencer.url().parse().unwrap()),
        ..Setup::default()
    })
    .await;
    let tx = Key::new(1).tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let hash = replica
        .result("eth_sendRawTransaction", json!([tx.raw]))
        .await;
    assert_eq!(hash, json!(tx.hash));
    assert!(sequencer.pool.contains(&tx.hash));
    // What the sequencer says is what the client hears.
    let refused = replica
        .refused("eth_sendRawTransaction", json!([tx.raw]))
        .await;
    assert_eq!(refused, (-32_000, "already known".into()));
    let Node { server, .. } = sequencer;
    server.stop().await;
    let (code, message) = replica
        .refused("eth_sendRawTransaction", json!([tx.raw]))
        .await;
    assert_eq!(code, -32_000);
    assert!(
        message.starts_with("node is not accepting transactions: sequencer: "),
        "{message}"
    );
}
