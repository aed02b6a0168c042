//! Limits of log queries, proofs and histories: each is named, and the range it suggests succeeds.

use crate::{
    common::{Node, Setup},
    world::{Key, LOGGER},
};
use alloy_primitives::{Bytes, TxKind, U256};
use foggara_rpc::Limits;
use serde_json::{Value, json};

/// Ten blocks with three logs each.
async fn chain(limits: Limits) -> Node {
    let node = Node::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    for block in 0..10u64 {
        let txs = [0u8, 1, 2].map(|n| {
            Key::new(1).tx(
                3 * block + u64::from(n),
                TxKind::Call(LOGGER),
                0,
                100_000,
                Bytes::from(vec![n]),
            )
        });
        node.mine(&txs);
    }
    node
}

async fn logs(node: &Node, from: u64, to: u64) -> Result<usize, Value> {
    let filter = json!([{ "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}"), "address": LOGGER }]);
    let answer = node.ask("eth_getLogs", filter).await;
    match answer.get("result") {
        Some(logs) => Ok(logs.as_array().unwrap().len()),
        None => Err(answer["error"].clone()),
    }
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

#[tokio::test]
async fn a_suggested_range_is_smaller_and_succeeds() {
    let tight = [
        Limits {
            logs: 10,
            ..Limits::default()
        },
        Limits {
            logs: 2,
            ..Limits::default()
        },
        Limits {
            log_blocks: 4,
            ..Limits::default()
        },
        Limits {
            log_blocks: 5,
            logs: 7,
            ..Limits::default()
        },
        Limits {
            log_blocks: 1,
            logs: 1,
            ..Limits::default()
        },
    ];
    for limits in tight {
        let node = chain(limits).await;
        for from in 0..=10 {
            for to in from..=10 {
                let Err(error) = logs(&node, from, to).await else {
                    continue;
                };
                assert_eq!(error["code"], -32_005, "{error}");
                let (first, last) = (number(&error["data"]["from"]), number(&error["data"]["to"]));
                assert!(
                    first == from && last < to && last >= from,
                    "{from} {to}: {error}"
                );
                assert!(error["data"]["limit"].is_u64());
                let message = error["message"].as_str().unwrap();
                let range = format!("Try with this block range [{first:#x}, {last:#x}].");
                assert!(message.ends_with(&range), "{message}");
                assert!(
                    logs(&node, first, last).await.is_ok(),
                    "{from} {to}: {error}"
                );
            }
        }
    }
}

/// A query whose time is over says so. Where no block looked at so far could hold a wanted log, the answer
/// was an empty list, as if the rest held none either.
#[tokio::test]
async fn a_query_that_runs_out_of_time_is_no_empty_answer() {
    let node = chain(Limits {
        call_time: std::time::Duration::ZERO,
        ..Limits::default()
    })
    .await;
    let nobody = json!("0x00000000000000000000000000000000000000ee");
    let ask = async |from: u64, to: u64, address: &Value| {
        let range = json!({
            "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}"), "address": address
        });
        node.ask("eth_getLogs", json!([range])).await
    };
    let mut to = 10;
    while to > 1 {
        let answer = ask(1, to, &nobody).await;
        let error = &answer["error"];
        assert_eq!(error["code"], -32_005, "{answer}");
        let suggested = number(&error["data"]["to"]);
        assert!(suggested < to, "{error}");
        to = suggested;
    }
    // One block is answered in any case.
    assert_eq!(ask(1, 1, &nobody).await["result"], json!([]));
    assert_eq!(logs(&node, 3, 3).await.unwrap(), 3);
}

#[tokio::test]
async fn messages_begin_as_clients_expect() {
    let node = chain(Limits {
        logs: 10,
        log_blocks: 8,
        ..Limits::default()
    })
    .await;
    let error = logs(&node, 1, 5).await.unwrap_err();
    assert_eq!(
        error["message"],
        "query returned more than 10 results. Try with this block range [0x1, 0x3]."
    );
    let node = chain(Limits {
        log_blocks: 8,
        ..Limits::default()
    })
    .await;
    let error = logs(&node, 1, 10).await.unwrap_err();
    assert_eq!(
        error["message"],
        "block range exceeds 8. Try with this block range [0x1, 0x8]."
    );
}

#[tokio::test]
async fn ranges_are_checked_against_the_chain() {
    let node = chain(Limits::default()).await;
    assert_eq!(logs(&node, 0, 10).await, Ok(30));
    assert_eq!(logs(&node, 4, 4).await, Ok(3));
    let refused = |error: Value, begin: &str| {
        assert_eq!(error["code"], -32_602, "{error}");
        assert!(
            error["message"].as_str().unwrap().starts_with(begin),
            "{error}"
        );
    };
    refused(
        logs(&node, 5, 4).await.unwrap_err(),
        "invalid block range params",
    );
    refused(
        logs(&node, 5, 11).await.unwrap_err(),
        "block range extends beyond current head block",
    );
    refused(
        logs(&node, 11, 12).await.unwrap_err(),
        "block range extends beyond current head block",
    );
    let found = node
        .result(
            "eth_getLogs",
            json!([{ "fromBlock": "earliest", "toBlock": "latest" }]),
        )
        .await;
    assert_eq!(found.as_array().unwrap().len(), 30);
    // Positions: the topics of a log are block number and time.
    let head = node
        .result("eth_getBlockByNumber", json!(["0x3", false]))
        .await;
    let word = |text: &Value| U256::from(number(text)).to_be_bytes::<32>();
    let topic = |text: &Value| json!(Bytes::copy_from_slice(&word(text)));
    let time = topic(&head["timestamp"]);
    // The logger's topics are time and number of its block, in that order.
    for (topics, found) in [
        (json!([time]), 3),
        (json!([null, time]), 0),
        (json!([[], [time, topic(&json!("0x7"))]]), 3),
        (json!([[time, topic(&json!("0x7"))], null]), 3),
        (json!([[time, null]]), 30),
        (json!([null, null, null]), 0),
    ] {
        let filter = json!([{ "fromBlock": "0x0", "topics": topics }]);
        let logs = node.result("eth_getLogs", filter).await;
        assert_eq!(logs.as_array().unwrap().len(), found, "{topics}");
    }
}

#[tokio::test]
async fn lists_are_bounded() {
    let limits = Limits {
        log_addresses: 3,
        log_topics: 3,
        proof_keys: 3,
        fee_history_percentiles: 3,
        ..Limits::default()
    };
    let node = chain(limits).await;
    let four = |value: Value| json!(vec![value; 4]);
    let topic = json!(format!("0x{}", "11".repeat(32)));
    for (method, params, message) in [
        (
            "eth_getLogs",
            json!([{ "address": four(json!(LOGGER)) }]),
            "too many addresses: 4, limit 3",
        ),
        (
            "eth_getLogs",
            json!([{ "topics": [four(topic)] }]),
            "too many topic values: 4, limit 3",
        ),
        (
            "eth_getProof",
            json!([LOGGER, four(json!("0x1")), "latest"]),
            "too many storage keys: 4, limit 3",
        ),
        (
            "eth_feeHistory",
            json!(["0x1", "latest", [1, 2, 3, 4]]),
            "too many percentiles: 4, limit 3",
        ),
    ] {
        assert_eq!(
            node.refused(method, params).await,
            (-32_005, message.into())
        );
    }
}
