//! What the methods answer on a small chain.

use crate::{
    common::{Node, Setup},
    world::{self, ETHER, FORWARDER, GWEI, INSPECTOR, Key, LOGGER, STORER, base_tx},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use foggara_primitives::output_root_v0;
use foggara_store::Commit;
use foggara_trie::{AccountProof, StorageProof, verify};
use serde_json::{Value, json};

fn word(value: &Value) -> U256 {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_node_says_who_it_is() {
    let node = Node::new().await;
    assert_eq!(node.result("eth_chainId", json!([])).await, "0x385");
    assert_eq!(node.result("net_version", json!([])).await, "901");
    assert_eq!(node.result("net_listening", json!([])).await, true);
    assert_eq!(node.result("net_peerCount", json!([])).await, "0x0");
    assert_eq!(node.result("eth_syncing", json!([])).await, false);
    assert_eq!(node.result("eth_blockNumber", json!([])).await, "0x0");
    assert_eq!(node.result("eth_blobBaseFee", json!([])).await, "0x1");
    let version = node.result("web3_clientVersion", json!([])).await;
    let version = version.as_str().unwrap().to_owned();
    assert!(
        version.starts_with("foggara/v0.")
            && version.contains("/linux-")
            && version.contains("/rustc1."),
        "{version}"
    );
    let hash = node.result("web3_sha3", json!(["0x68656c6c6f"])).await;
    assert_eq!(hash, json!(keccak256("hello")));
}

#[tokio::test]
async fn heads_are_in_order_from_the_start() {
    let node = Node::new().await;
    for tag in ["earliest", "finalized", "safe", "latest", "pending"] {
        assert_eq!(
            node.result("eth_getBlockByNumber", json!([tag, false]))
                .await["number"],
            "0x0",
            "{tag}"
        );
    }
    let blocks: Vec<_> = (0..4).map(|_| node.mine(&[])).collect();
    let id = |n: usize| {
        Some(foggara_primitives::BlockId {
            hash: blocks[n].hash,
            number: blocks[n].header.number,
        })
    };
    node.store
        .commit(Commit {
            safe: id(2),
            finalized: id(0),
            ..Commit::default()
        })
        .unwrap();
    let mut numbers = Vec::new();
    for tag in ["earliest", "finalized", "safe", "latest"] {
        numbers.push(
            node.result("eth_getBlockByNumber", json!([tag, false]))
                .await["number"]
                .clone(),
        );
    }
    assert_eq!(json!(numbers), json!(["0x0", "0x1", "0x3", "0x4"]));
    let heads = node.result("rollup_heads", json!([])).await;
    assert_eq!(
        (&heads["safe"]["number"], &heads["unsafe"]["number"]),
        (&json!(3), &json!(4))
    );
    assert_eq!(heads["settled"], Value::Null);
    assert_eq!(heads["backlogBytes"], 17);
    let status = node.result("optimism_syncStatus", json!([])).await;
    assert_eq!(status["unsafe_l2"]["l1origin"]["number"], 4);
    assert_eq!(status["finalized_l2"]["number"], 1);
}

#[tokio::test]
async fn state_is_read_at_any_block() {
    let node = Node::new().await;
    let key = Key::new(1);
    let to = Address::repeat_byte(0x66);
    let before = node.store.heads().unsafe_;
    let store = world::words(&[U256::from(9), U256::from(77)]);
    let block = node.mine(&[
        key.tx(0, TxKind::Call(to), 5, 21_000, Bytes::new()),
        key.tx(1, TxKind::Call(STORER), 0, 100_000, store),
    ]);
    for (at, balance, nonce, slot) in [
        (json!("latest"), "0x5", "0x2", 77u64),
        (
            json!({ "blockHash": block.hash, "requireCanonical": true }),
            "0x5",
            "0x2",
            77,
        ),
        (json!(before.hash), "0x0", "0x0", 0),
        (json!("0x0"), "0x0", "0x0", 0),
        (json!({ "blockNumber": "earliest" }), "0x0", "0x0", 0),
    ] {
        assert_eq!(
            node.result("eth_getBalance", json!([to, at])).await,
            balance,
            "{at}"
        );
        assert_eq!(
            node.result("eth_getTransactionCount", json!([key.address, at]))
                .await,
            nonce,
            "{at}"
        );
        let found = node
            .result("eth_getStorageAt", json!([STORER, "0x9", at]))
            .await;
        assert_eq!(found, json!(B256::from(U256::from(slot))), "{at}");
    }
    assert_eq!(node.result("eth_getCode", json!([to])).await, "0x");
    assert_ne!(node.result("eth_getCode", json!([STORER])).await, "0x");
    // Pooled transactions count as long as there is no gap.
    for nonce in [2, 3, 5] {
        let tx = key.tx(nonce, TxKind::Call(to), 1, 21_000, Bytes::new());
        node.result("eth_sendRawTransaction", json!([tx.raw])).await;
    }
    assert_eq!(
        node.result("eth_getTransactionCount", json!([key.address, "pending"]))
            .await,
        "0x4"
    );
    let status = node.result("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x2", "queued": "0x1" }));
    let content = node
        .result("txpool_contentFrom", json!([key.address]))
        .await;
    assert_eq!(content["queued"]["5"]["value"], "0x1");
    let inspect = node.result("txpool_inspect", json!([])).await;
    let line = inspect["pending"][format!("{:?}", key.address).to_lowercase()]["2"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        line.ends_with("1 wei + 21000 gas × 10000000000 wei"),
        "{line}"
    );
}

#[tokio::test]
async fn proofs_hold_at_old_and_new_blocks() {
    let node = Node::new().await;
    let key = Key::new(1);
    for nonce in 0..4u64 {
        let store = world::words(&[U256::from(100 + nonce), U256::from(nonce + 1)]);
        node.mine(&[key.tx(nonce, TxKind::Call(STORER), 0, 100_000, store)]);
    }
    let nobody = Address::repeat_byte(0x99);
    for number in 0..=4u64 {
        let header = node.store.header(number).unwrap().unwrap().header;
        for address in [STORER, key.address, nobody] {
            let at = format!("{number:#x}");
            let answer = node
                .result(
                    "eth_getProof",
                    json!([address, ["0x64", "0x0", B256::with_last_byte(0x67)], at]),
                )
                .await;
            let proof: Vec<Bytes> = serde_json::from_value(answer["accountProof"].clone()).unwrap();
            let storage_root: B256 = serde_json::from_value(answer["storageHash"].clone()).unwrap();
            let exists = address != nobody;
            let info = exists.then(|| foggara_primitives::AccountInfo {
                balance: word(&answer["balance"]),
                nonce: word(&answer["nonce"]).to(),
                code_hash: serde_json::from_value(answer["codeHash"].clone()).unwrap(),
            });
            let storage = answer["storageProof"]
                .as_array()
                .unwrap()
                .iter()
                .map(|slot| StorageProof {
                    slot: word(&slot["key"]).into(),
                    value: word(&slot["value"]),
                    proof: serde_json::from_value(slot["proof"].clone()).unwrap(),
                });
            let proof = AccountProof {
                address,
                info,
                storage_root,
                proof,
                storage: storage.collect(),
            };
            verify(header.state_root, &proof).unwrap();
            if address == STORER {
                assert_eq!(proof.storage[0].value, U256::from(u64::from(number > 0)));
                // Keys come back as they were asked for.
                assert_eq!(answer["storageProof"][0]["key"], "0x64");
                assert_eq!(
                    answer["storageProof"][2]["key"],
                    json!(B256::with_last_byte(0x67))
                );
            }
        }
    }
}

#[tokio::test]
async fn calls_see_the_block_and_what_overrides_it() {
    let node = Node::new().await;
    node.mine(&[]);
    node.mine(&[]);
    let call = |extra: Value| {
        let mut params = vec![json!({ "to": INSPECTOR })];
        params.extend(extra.as_array().unwrap().iter().cloned());
        json!(params)
    };
    let seen = |answer: &Value, index: usize| {
        let bytes: Bytes = serde_json::from_value(answer.clone()).unwrap();
        U256::from_be_slice(&bytes[32 * index..32 * index + 32])
    };
    for (at, number) in [
        (json!([]), 2u64),
        (json!(["0x1"]), 1),
        (json!(["pending"]), 3),
    ] {
        let answer = node.result("eth_call", call(at.clone())).await;
        assert_eq!(seen(&answer, 1), U256::from(number), "{at}");
        assert_eq!(seen(&answer, 2), U256::from(1_000 + 2 * number), "{at}");
        assert_eq!(seen(&answer, 5), U256::from(901));
    }
    let overrides =
        json!(["latest", {}, { "number": "0x10", "time": "0x20", "feeRecipient": LOGGER }]);
    let answer = node.result("eth_call", call(overrides)).await;
    assert_eq!(
        (seen(&answer, 1), seen(&answer, 2)),
        (U256::from(16), U256::from(32))
    );
    // Code where there is none, a balance out of nothing, storage in part.
    let code = world::asm(
        "SELFBALANCE PUSH0 MSTORE PUSH1 0x01 SLOAD PUSH1 0x20 MSTORE PUSH1 0x40 PUSH0 RETURN",
    );
    let at = Address::repeat_byte(0x44);
    let state = json!({ at.to_string(): { "code": code, "balance": "0x7", "stateDiff": { B256::with_last_byte(1).to_string(): B256::with_last_byte(8) } } });
    let answer = node
        .result("eth_call", json!([{ "to": at }, "latest", state]))
        .await;
    assert_eq!(
        (seen(&answer, 0), seen(&answer, 1)),
        (U256::from(7), U256::from(8))
    );
    let (code, _) = node
        .refused(
            "eth_call",
            json!([{ "to": at }, "latest", { at.to_string(): { "state": {}, "stateDiff": {} } }]),
        )
        .await;
    assert_eq!(code, -32_602);
    // Deployless: the code of a creation is run, its output is the answer.
    let answer = node
        .result(
            "eth_call",
            json!([{ "data": world::asm("CHAINID PUSH0 MSTORE PUSH1 0x20 PUSH0 RETURN") }]),
        )
        .await;
    assert_eq!(word(&answer), U256::from(901));
    // `input` and `data` may both be there if they say the same.
    node.result(
        "eth_call",
        json!([{ "to": LOGGER, "data": "0x01", "input": "0x01", "chainId": "0x385" }]),
    )
    .await;
}

#[tokio::test]
async fn an_estimate_suffices_and_is_tight() {
    let node = Node::new().await;
    let key = Key::new(1);
    let from = key.address;
    let plain = json!([{ "from": from, "to": Address::repeat_byte(9), "value": "0x1" }]);
    assert_eq!(node.result("eth_estimateGas", plain).await, "0x5208");
    let forwarded = |to: Address, data: Bytes| {
        let mut input = to.into_word().to_vec();
        input.extend(data);
        Bytes::from(input)
    };
    let cases = [
        (LOGGER, Bytes::from(vec![1; 100])),
        (STORER, world::words(&[U256::from(50), U256::from(1)])),
        // Clearing a slot gives gas back; the limit has to cover it first.
        (STORER, world::words(&[U256::ZERO, U256::ZERO])),
        // A call inside keeps one part in 64.
        (
            FORWARDER,
            forwarded(STORER, world::words(&[U256::from(60), U256::from(1)])),
        ),
    ];
    for (nonce, (to, data)) in (0u64..).zip(cases) {
        let call = json!([{ "from": from, "to": to, "data": data }]);
        let estimate: u64 = word(&node.result("eth_estimateGas", call).await).to();
        let with = |gas: u64| json!([{ "from": from, "to": to, "data": data, "gas": format!("{gas:#x}") }]);
        // The least that does, by looking.
        let (mut low, mut high) = (21_000, estimate);
        while low + 1 < high {
            let middle = (low + high) / 2;
            let fine = node
                .ask("eth_call", with(middle))
                .await
                .get("result")
                .is_some();
            if fine { high = middle } else { low = middle }
        }
        assert!(estimate * 1_000 <= high * 1_015, "{estimate} for {high}");
        let block = node.mine(&[key.tx(nonce, TxKind::Call(to), 0, estimate, data.clone())]);
        let receipt = node
            .result("eth_getBlockReceipts", json!([block.hash]))
            .await[1]
            .clone();
        assert_eq!(receipt["status"], "0x1");
        let fee = node
            .result(
                "rollup_estimateFee",
                json!([{ "from": from, "to": to, "data": data }]),
            )
            .await;
        let total: U256 = ["executionFee", "l1Fee", "operatorFee"]
            .iter()
            .map(|part| word(&fee[part]))
            .sum();
        assert_eq!(word(&fee["total"]), total);
        // A signature more or less differs by a few bytes.
        let (told, paid) = (word(&fee["l1Fee"]), word(&receipt["l1Fee"]));
        assert!(
            told <= paid * U256::from(12) / U256::from(10)
                && paid <= told * U256::from(12) / U256::from(10)
        );
    }
    let list = node.result("eth_createAccessList", json!([{ "from": from, "to": STORER, "data": world::words(&[U256::from(5), U256::from(6)]) }])).await;
    assert_eq!(
        list["accessList"][0]["storageKeys"],
        json!([B256::with_last_byte(5)])
    );
}

#[tokio::test]
async fn fees_agree_with_the_headers() {
    let node = Node::new().await;
    for nonce in 0..3 {
        let tx = base_tx(nonce, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
        let tx = TxEip1559 {
            max_priority_fee_per_gas: u128::from(nonce + 1) * GWEI,
            ..tx
        };
        node.mine(&[Key::new(1).envelope(tx)]);
    }
    let history = node
        .result("eth_feeHistory", json!(["0x2", "latest", [0, 100]]))
        .await;
    assert_eq!(history["oldestBlock"], "0x2");
    let fees = history["baseFeePerGas"].as_array().unwrap();
    assert_eq!(fees.len(), 3);
    for (index, number) in [(0, "0x2"), (1, "0x3")] {
        let block = node
            .result("eth_getBlockByNumber", json!([number, false]))
            .await;
        assert_eq!(fees[index], block["baseFeePerGas"]);
    }
    let next = node.mine(&[]);
    assert_eq!(
        word(&fees[2]),
        U256::from(next.header.base_fee_per_gas.unwrap())
    );
    assert_eq!(
        history["reward"],
        json!([["0x77359400", "0x77359400"], ["0xb2d05e00", "0xb2d05e00"]])
    );
    let tip = word(&node.result("eth_maxPriorityFeePerGas", json!([])).await);
    let price = word(&node.result("eth_gasPrice", json!([])).await);
    assert_eq!(
        price,
        tip + word(&node.result("eth_baseFee", json!([])).await)
    );
    // Numbers, too many blocks, no blocks.
    assert_eq!(
        node.result("eth_feeHistory", json!([5_000, "latest"]))
            .await["oldestBlock"],
        "0x0"
    );
    assert_eq!(
        node.result("eth_feeHistory", json!([0, "latest"])).await["oldestBlock"],
        "0x0"
    );
}

#[tokio::test]
async fn output_roots_and_safe_heads_are_those_of_the_chain() {
    let node = Node::new().await;
    let block = node.mine(&[]);
    let answer = node.result("optimism_outputAtBlock", json!(["0x1"])).await;
    let header = &block.header;
    let root = output_root_v0(
        header.state_root,
        header.withdrawals_root.unwrap(),
        block.hash,
    );
    assert_eq!(answer["outputRoot"], json!(root.0));
    assert_eq!(answer["blockRef"]["hash"], json!(block.hash));
    assert_eq!(
        answer["withdrawalStorageRoot"],
        json!(header.withdrawals_root)
    );
    assert_eq!(answer["version"], json!(B256::ZERO));
    assert_eq!(
        node.refused("optimism_outputAtBlock", json!(["0x2"]))
            .await
            .0,
        -32_001
    );
    let config = node.result("optimism_rollupConfig", json!([])).await;
    assert_eq!(config, serde_json::to_value(&node.spec.rollup).unwrap());
    let id = |number| foggara_primitives::BlockId {
        hash: B256::repeat_byte(3),
        number,
    };
    let safe = foggara_primitives::BlockId {
        hash: block.hash,
        number: 1,
    };
    node.store
        .commit(Commit {
            safe_at_l1: vec![(id(7), safe)],
            safe: Some(safe),
            ..Commit::default()
        })
        .unwrap();
    let answer = node
        .result("optimism_safeHeadAtL1Block", json!(["0x9"]))
        .await;
    assert_eq!(answer["l1Block"]["number"], 7);
    assert_eq!(answer["safeHead"]["hash"], json!(block.hash));
    assert_eq!(
        node.refused("optimism_safeHeadAtL1Block", json!(["0x1"]))
            .await
            .0,
        -32_000
    );
}

#[tokio::test]
async fn a_transaction_lives_from_accepted_to_finalized() {
    let node = Node::new().await;
    let tx = Key::new(1).tx(0, TxKind::Call(LOGGER), 0, 100_000, Bytes::new());
    let status = || async { node.result("rollup_txStatus", json!([tx.hash])).await };
    assert_eq!(status().await["level"], "unknown");
    node.result("eth_sendRawTransaction", json!([tx.raw])).await;
    let now = status().await;
    assert_eq!(
        (&now["level"], &now["next"]),
        (&json!("accepted"), &json!("preconfirmed"))
    );
    assert_eq!(now["accepted"]["pool"], "pending");
    let pooled = node
        .result("eth_getTransactionByHash", json!([tx.hash]))
        .await;
    assert_eq!(pooled["blockNumber"], Value::Null);
    let block = node.mine(std::slice::from_ref(&tx));
    let now = status().await;
    assert_eq!(now["level"], "preconfirmed");
    assert_eq!(now["preconfirmed"]["blockHash"], json!(block.hash));
    assert_eq!(now["preconfirmed"]["index"], "0x1");
    let id = foggara_primitives::BlockId {
        hash: block.hash,
        number: 1,
    };
    let posted = foggara_store::Posted {
        l1_txs: vec![B256::repeat_byte(5)],
        frames: 2,
        l1_block: 26,
        bytes: 90,
        cost: U256::from(ETHER),
        ..Default::default()
    };
    node.store
        .commit(Commit {
            safe: Some(id),
            posted: vec![(1, Some(posted))],
            ..Commit::default()
        })
        .unwrap();
    let now = status().await;
    assert_eq!(
        (&now["level"], &now["next"]),
        (&json!("safe"), &json!("finalized"))
    );
    assert_eq!(now["safe"]["l1Block"], "0x1a");
    assert_eq!(now["safe"]["frames"], json!([0, 1]));
    let batch = node.result("rollup_batchAt", json!(["0x1"])).await;
    assert_eq!(batch["postedBytes"], "0x5a");
    node.store
        .commit(Commit {
            finalized: Some(id),
            ..Commit::default()
        })
        .unwrap();
    let now = status().await;
    assert_eq!(now["level"], "finalized");
    assert_eq!(now["settled"], Value::Null);
}

#[tokio::test]
async fn a_node_tells_its_limits() {
    let node = Node::with(Setup::default()).await;
    let info = node.result("rollup_info", json!([])).await;
    assert_eq!(info["role"], "dev");
    assert_eq!(info["sandbox"], false);
    assert_eq!(info["chainId"], 901);
    assert_eq!(info["limits"]["logs"], 20_000);
    let matmul = info["precompiles"]
        .as_array()
        .unwrap()
        .iter()
        .find(|op| op["address"] == "0x0000000000000000000000000000000000a10001")
        .unwrap();
    assert!(matmul["name"].is_string() && matmul["gasFormula"].is_string());
}
