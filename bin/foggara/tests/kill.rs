//! `kill -9` at any moment, also while the node recovers (`RELIABILITY.md` F1).
//!
//! Clients send transfers from many accounts and write down what they were told: a hash when the answer
//! has arrived, a receipt when one was read, the newest head. After each restart nothing of it may be
//! untrue: each hash is in a block, in the pool, or was dropped with a reason; each receipt is the same;
//! the head is not lower. `FOGGARA_SOAK=1` makes it 100 rounds.

mod common;

use alloy::primitives::{Address, B256, U64, U256};
use common::{CallError, Node, Rpc, ether, folder, funded, pending_nonce, quantity, transfer};
use foggara_testkit::Account;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Senders.
const ACCOUNTS: u64 = 40;
/// Connections over which they send, each with an equal part of them.
const WORKERS: usize = 8;
/// Longest time under load before a kill.
const LOAD_MS_MAX: u64 = 2_500;
/// Longest time of a start before it is killed.
const RECOVERY_MS_MAX: u64 = 500;
/// Receipts of so many of the latest rounds are read again after each restart; older ones at the end.
const ROUNDS_READ_AGAIN: usize = 3;

/// What a client knows of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Receipt {
    block: B256,
    number: u64,
    index: u64,
    status: u64,
}

impl Receipt {
    fn of(answer: &Value) -> Self {
        Self {
            block: serde_json::from_value(answer["blockHash"].clone()).unwrap(),
            number: quantity(&answer["blockNumber"]),
            index: quantity(&answer["transactionIndex"]),
            status: quantity(&answer["status"]),
        }
    }
}

/// What clients were told.
#[derive(Debug, Default)]
struct Book {
    /// Every hash that was returned, by round.
    returned: Vec<Vec<B256>>,
    /// Every receipt that was read.
    receipts: HashMap<B256, Receipt>,
    /// The newest head that was read.
    latest: u64,
    /// How often the node had no room.
    refused: usize,
}

impl Book {
    fn learn(&mut self, hash: B256, answer: &Value) {
        let new = Receipt::of(answer);
        if let Some(old) = self.receipts.insert(hash, new.clone()) {
            assert_eq!(old, new, "the receipt of {hash} has changed");
        }
    }

    fn without_receipt(&self, max: usize) -> Vec<B256> {
        let all = self.returned.iter().rev().flatten();
        all.filter(|hash| !self.receipts.contains_key(*hash))
            .take(max)
            .copied()
            .collect()
    }

    fn count(&self) -> usize {
        self.returned.iter().map(Vec::len).sum()
    }
}

/// Sends until there is no answer: then the node is dead.
async fn send(
    rpc: Rpc,
    chain_id: u64,
    mut accounts: Vec<Account>,
    book: Arc<Mutex<Book>>,
) -> Vec<Account> {
    let to = Address::repeat_byte(0x77);
    for turn in 0.. {
        let index = turn % accounts.len();
        let account = &mut accounts[index];
        let raw = account.sign_at(chain_id, account.nonce, &transfer(to, U256::ONE));
        match rpc.send(&raw).await {
            Ok(hash) => {
                account.nonce += 1;
                book.lock().unwrap().returned.last_mut().unwrap().push(hash);
            }
            Err(CallError::Silence(_)) => break,
            Err(CallError::Refused { code, message }) => {
                // A full pool or a batcher that is behind is a refusal, not a loss.
                let busy = ["pool", "slots", "not accepting"]
                    .iter()
                    .any(|word| message.contains(word));
                assert!(busy, "a good transaction was refused: {code} {message}");
                book.lock().unwrap().refused += 1;
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    accounts
}

/// Reads heads and receipts until the node is dead.
async fn watch(rpc: Rpc, book: Arc<Mutex<Book>>, dead: Arc<AtomicBool>) {
    while !dead.load(Ordering::Relaxed) {
        if let Ok(number) = rpc.call::<U64>("eth_blockNumber", json!([])).await {
            let mut book = book.lock().unwrap();
            assert!(
                number.to::<u64>() >= book.latest,
                "the head went back while running"
            );
            book.latest = number.to();
        }
        let asked = book.lock().unwrap().without_receipt(400);
        if let Ok(answers) = rpc.each("eth_getTransactionReceipt", &asked).await {
            let mut book = book.lock().unwrap();
            for (hash, answer) in asked.into_iter().zip(answers).filter(|(_, a)| !a.is_null()) {
                book.learn(hash, &answer);
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// What became of the hashes.
#[derive(Debug, Default, Clone, Copy)]
struct Fate {
    included: usize,
    pooled: usize,
    dropped: usize,
}

/// Nothing that clients were told is untrue.
async fn verify(rpc: &Rpc, book: &mut Book, rounds: usize) -> Fate {
    let latest: U64 = rpc.get("eth_blockNumber", json!([])).await;
    assert!(
        latest.to::<u64>() >= book.latest,
        "head {latest} below {} seen before",
        book.latest
    );
    book.latest = latest.to();

    let mut hashes: Vec<_> = book
        .returned
        .iter()
        .rev()
        .take(rounds)
        .flatten()
        .copied()
        .collect();
    let known: std::collections::HashSet<_> = hashes.iter().copied().collect();
    hashes.extend(
        book.without_receipt(usize::MAX)
            .iter()
            .filter(|hash| !known.contains(*hash)),
    );
    let answers = rpc
        .each("eth_getTransactionReceipt", &hashes)
        .await
        .unwrap();
    let mut fate = Fate::default();
    let mut rest = Vec::new();
    for (hash, answer) in hashes.into_iter().zip(answers) {
        if answer.is_null() {
            assert!(
                !book.receipts.contains_key(&hash),
                "the receipt of {hash} is gone"
            );
            rest.push(hash);
        } else {
            book.learn(hash, &answer);
            fate.included += 1;
        }
    }
    let answers = rpc.each("eth_getTransactionByHash", &rest).await.unwrap();
    for (hash, answer) in rest.into_iter().zip(answers) {
        if !answer.is_null() {
            fate.pooled += 1;
            continue;
        }
        let status: Value = rpc.get("rollup_txStatus", json!([hash])).await;
        let reason = status["dropped"]["reason"].as_str().unwrap_or_default();
        assert!(
            status["level"] == "dropped" && !reason.is_empty(),
            "{hash} is lost: {status}"
        );
        fate.dropped += 1;
    }
    fate
}

/// Starts the node until it answers; in every other round it is killed on the way first.
async fn restart(
    data: &Path,
    twice: bool,
    rng: &mut StdRng,
    kills: &mut usize,
) -> (Node, Duration) {
    if twice {
        let node = Node::spawn(["dev".as_ref(), "--data".as_ref(), data.as_os_str()]);
        sleep(Duration::from_millis(rng.random_range(0..RECOVERY_MS_MAX))).await;
        node.kill();
        *kills += 1;
    }
    let mut node = Node::spawn(["dev".as_ref(), "--data".as_ref(), data.as_os_str()]);
    let took = node.ready().await;
    (node, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_said_becomes_untrue() {
    let soak = std::env::var_os("FOGGARA_SOAK").is_some();
    let rounds = if soak { 100 } else { 6 };
    let seed = rand::rng().random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let data = folder();
    let mut node = Node::dev(data.path()).await;
    let chain_id: U64 = node.rpc.get("eth_chainId", json!([])).await;
    let mut accounts = funded(&node.rpc, ACCOUNTS, ether(200)).await;
    let book = Arc::new(Mutex::new(Book::default()));
    let (mut kills, mut starts) = (0, Vec::new());
    let mut fate;
    let mut under_load = Duration::ZERO;

    for round in 0..rounds {
        book.lock().unwrap().returned.push(Vec::new());
        let dead = Arc::new(AtomicBool::new(false));
        let part = accounts.len().div_ceil(WORKERS);
        let workers: Vec<_> = accounts
            .chunks(part)
            .map(|part| {
                send(
                    node.rpc.clone(),
                    chain_id.to(),
                    part.to_vec(),
                    Arc::clone(&book),
                )
            })
            .map(tokio::spawn)
            .collect();
        let watcher = tokio::spawn(watch(
            node.rpc.clone(),
            Arc::clone(&book),
            Arc::clone(&dead),
        ));
        let load = Instant::now();
        sleep(Duration::from_millis(rng.random_range(100..LOAD_MS_MAX))).await;
        node.kill();
        under_load += load.elapsed();
        kills += 1;
        dead.store(true, Ordering::Relaxed);
        watcher.await.unwrap();
        accounts.clear();
        for worker in workers {
            accounts.extend(worker.await.unwrap());
        }

        let took;
        (node, took) = restart(data.path(), round % 2 == 1, &mut rng, &mut kills).await;
        starts.push(took);
        let mut told = std::mem::take(&mut *book.lock().unwrap());
        fate = verify(&node.rpc, &mut told, ROUNDS_READ_AGAIN).await;
        *book.lock().unwrap() = told;
        for account in &mut accounts {
            // What was accepted without an answer counts too, so it may be more.
            let nonce = pending_nonce(&node.rpc, account.address()).await;
            assert!(
                nonce >= account.nonce,
                "nonce {nonce} after {} were accepted",
                account.nonce
            );
            account.nonce = nonce;
        }
        println!(
            "round {round}: {} hashes so far, start {took:?}, of the latest {fate:?}",
            book.lock().unwrap().count()
        );
    }

    // In the end everything stands in a block, and the blocks on L1.
    let mut told = std::mem::take(&mut *book.lock().unwrap());
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        fate = verify(&node.rpc, &mut told, usize::MAX).await;
        if fate.pooled == 0 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{fate:?}: the pool does not empty"
        );
        sleep(Duration::from_millis(500)).await;
    }
    node.rpc.reach("safe", told.latest).await;
    node.stop("TERM");

    starts.sort();
    println!(
        "{kills} kills, {} hashes returned in {under_load:.1?} of load ({} refused), {fate:?}, {} receipts read again; \
         start to first answer p50 {:?}, max {:?}",
        told.count(),
        told.refused,
        told.receipts.len(),
        starts[starts.len() / 2],
        starts[starts.len() - 1],
    );
    assert!(
        told.count() > 10 * rounds,
        "hardly any load: {}",
        told.count()
    );
    assert_eq!(fate.included, told.count() - fate.dropped);
}
