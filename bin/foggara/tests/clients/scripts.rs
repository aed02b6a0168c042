//! The forge scripts of `contracts/script` against `foggara dev`: each is broadcast, its own `check` holds the
//! node's answers against the operations in plain Solidity, and we read the chain beside it.

use crate::common::{Node, Rpc, Said, folder, run_within};
use alloy::{
    primitives::{Address, B256, Bytes, U256, address, keccak256},
    sol,
    sol_types::{SolCall, SolEvent, SolValue},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Duration,
};
use tempfile::TempDir;

/// Longest run of forge, the compiler included.
const LIMIT: Duration = Duration::from_secs(120);
/// The tensor store.
const TENSOR: Address = address!("0000000000000000000000000000000000a100f0");

sol! {
    event Classified(address indexed by, uint256 class, bytes logits);
    function logits(bytes x) returns (bytes y);
    function classify(bytes x) returns (uint256 class);
    function weights() returns (bytes w);
    function steps() returns (uint256 n);
    function model() returns (bytes32 id);
    function read(bytes32 id, uint64 start, uint64 count) returns (bytes elements);
}

/// forge in `contracts/`, over the scripts and what they import: npm's program, or the one on the path where npm has
/// none for the machine. Its compiled contracts are kept between runs; whether they are still those of the sources
/// forge says by itself.
fn forge(cache: &Path) -> Command {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let npm = contracts.join("node_modules/.bin/forge").canonicalize();
    let mut command = Command::new(npm.unwrap_or_else(|_| "forge".into()));
    command
        .current_dir(&contracts)
        .env("NO_COLOR", "1")
        .env("FOUNDRY_SRC", "script")
        .env("FOUNDRY_TEST", "script")
        .env("FOUNDRY_OUT", compiled().join("out"))
        .env("FOUNDRY_CACHE_PATH", cache)
        .env_remove("MNEMONIC");
    command
}

fn compiled() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("forge-scripts")
}

/// Compiles the scripts, once.
fn compile() {
    static DONE: Mutex<bool> = Mutex::new(false);
    let mut done = DONE.lock().unwrap();
    if !*done {
        let said = run_within(forge(&compiled()).arg("build"), LIMIT);
        assert_eq!(said.code, Some(0), "{said:#?}");
        *done = true;
    }
}

/// A node, and a folder for what forge writes on the way.
struct Script {
    file: String,
    node: Node,
    home: TempDir,
}

impl Script {
    /// A script on a node of its own; `None` where the tests of clients do not run.
    async fn new(name: &str) -> Option<Self> {
        let file = format!("script/{name}.s.sol");
        if std::env::var_os("FOGGARA_E2E").is_none() {
            eprintln!("NOT RUN: {file}: FOGGARA_E2E is not set, `cargo xtask test` sets it");
            return None;
        }
        tokio::task::spawn_blocking(compile).await.unwrap();
        let home = folder();
        // Each forge rewrites the list of what is compiled, so each has its own.
        let list = "solidity-files-cache.json";
        std::fs::copy(compiled().join(list), home.path().join(list)).unwrap();
        let mut node = Node::spawn(["dev", "--tmp"]);
        node.ready().await;
        Some(Self { file, node, home })
    }

    /// `forge script` with the node's URL and `args`.
    async fn forge(&mut self, args: &[&str]) -> Said {
        let mut command = forge(self.home.path());
        command
            .arg("script")
            .arg(&self.file)
            .args(["--rpc-url", &self.node.rpc.url])
            .args(args)
            .env("FOUNDRY_BROADCAST", self.home.path().join("broadcast"));
        let said = tokio::task::spawn_blocking(move || run_within(&mut command, LIMIT))
            .await
            .unwrap();
        self.node.assert_alive();
        said
    }

    /// Broadcasts the script; what it said.
    async fn broadcast(&mut self, sig: &[&str]) -> Said {
        let args = [&["--broadcast", "--slow", "--skip-simulation"], sig].concat();
        let said = self.forge(&args).await;
        assert_eq!(said.code, Some(0), "{said:#?}");
        assert!(
            said.out.contains("ONCHAIN EXECUTION COMPLETE & SUCCESSFUL"),
            "{said:#?}"
        );
        said
    }

    /// Lets the script compare the node's answers with its own, so many of them.
    async fn check(&mut self, sig: &str, args: &[&str], answers: usize) {
        let said = self.forge(&[&["--sig", sig], args].concat()).await;
        assert_eq!(said.code, Some(0), "{said:#?}");
        assert_eq!(
            said.out.matches("the node agrees: ").count(),
            answers,
            "{said:#?}"
        );
    }
}

/// What the script logged under a name.
#[track_caller]
fn logged(said: &Said, name: &str) -> String {
    let mut lines = said.out.lines().map(str::trim);
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name:?}: {said:#?}"))
        .to_owned()
}

/// The answer to a call.
async fn call<C: SolCall>(rpc: &Rpc, to: Address, call: C) -> C::Return {
    let request = json!([{ "to": to, "data": Bytes::from(call.abi_encode()) }, "latest"]);
    let answer: Bytes = rpc.get("eth_call", request).await;
    C::abi_decode_returns(&answer).unwrap()
}

#[tokio::test]
async fn mlp() {
    let Some(mut script) = Script::new("Mlp").await else {
        return;
    };
    let said = script.broadcast(&[]).await;
    let to = logged(&said, "MlpClassifier");
    script.check("check(address)", &[&to], 10).await;

    // The three classes that forge foresaw are those that the chain has in its log, each the index of the
    // greatest logit, and a call answers the same logits to the input of the transaction.
    let rpc = &script.node.rpc;
    let to: Address = to.parse().unwrap();
    let filter =
        json!([{ "address": to, "fromBlock": "earliest", "topics": [Classified::SIGNATURE_HASH] }]);
    let logs: Vec<Value> = rpc.get("eth_getLogs", filter).await;
    let mut classes = Vec::new();
    for log in &logs {
        let data: Bytes = serde_json::from_value(log["data"].clone()).unwrap();
        let (class, logits) = <(U256, Bytes)>::abi_decode_params(&data).unwrap();
        let greatest = logits.iter().map(|&y| y.cast_signed()).max().unwrap();
        let first = logits
            .iter()
            .position(|&y| y.cast_signed() == greatest)
            .unwrap();
        assert_eq!(class, U256::from(first));
        classes.push(class.to_string());

        let transaction: Value = rpc
            .get("eth_getTransactionByHash", json!([log["transactionHash"]]))
            .await;
        let input: Bytes = serde_json::from_value(transaction["input"].clone()).unwrap();
        let x = classifyCall::abi_decode(&input).unwrap().x;
        assert_eq!(x.len(), 784);
        assert_eq!(call(rpc, to, logitsCall { x }).await, logits);
    }
    let lines = said.out.lines().map(str::trim);
    let foreseen: Vec<_> = lines
        .filter_map(|line| line.strip_prefix("class "))
        .collect();
    assert_eq!(foreseen.len(), 3, "{said:#?}");
    assert_eq!(classes, foreseen);
    script.node.stop("TERM");
}

#[tokio::test]
async fn training_step() {
    let Some(mut script) = Script::new("TrainingStep").await else {
        return;
    };
    let said = script.broadcast(&[]).await;
    let to = logged(&said, "LogRegStep");
    script.check("check(address)", &[&to], 2).await;

    // After eight steps the line between the classes is learned: every sample of an unseen batch is right.
    assert_eq!(logged(&said, "right of 32"), "32");
    let rpc = &script.node.rpc;
    let to = to.parse().unwrap();
    assert_eq!(call(rpc, to, stepsCall {}).await, U256::from(8));
    let weights = call(rpc, to, weightsCall {}).await;
    assert_eq!(weights.to_string(), logged(&said, "weights"));
    let weights: Vec<_> = weights
        .chunks_exact(4)
        .map(|raw| i32::from_le_bytes(raw.try_into().unwrap()))
        .collect();
    // The class is yes where 2 * x0 - x1 > 16: the signs of the two features and of the constant.
    assert_eq!(weights.len(), 4);
    assert!(weights[0] > 0 && weights[1] < 0 && weights[3] < 0);
    assert!(weights[0] > weights[1].abs(), "{weights:?}");
    script.node.stop("TERM");
}

#[tokio::test]
async fn federated_round() {
    const CLIENTS: u32 = 4;
    let Some(mut script) = Script::new("FederatedRound").await else {
        return;
    };
    let clients = CLIENTS.to_string();
    let said = script
        .broadcast(&["--sig", "run(uint32)", clients.as_str()])
        .await;
    let (mean, median) = (logged(&said, "FedAvgRound"), logged(&said, "MedianRound"));
    let sig = "check(address,address,uint32)";
    script.check(sig, &[&mean, &median, &clients], 6).await;
    // It does compare: a round of three clients is another one.
    let said_no = script
        .forge(&["--sig", sig, mean.as_str(), median.as_str(), "3"])
        .await;
    assert_ne!(said_no.code, Some(0), "{said_no:#?}");

    let rpc = &script.node.rpc;
    let stored = async |round: &str, name: &str| {
        let id = call(rpc, round.parse().unwrap(), modelCall {}).await;
        assert_eq!(id, logged(&said, name).parse::<B256>().unwrap());
        let (start, count) = (0, 0);
        call(rpc, TENSOR, readCall { id, start, count }).await
    };
    let (means, medians): (Vec<_>, Vec<_>) = (0..256).map(|index| by_hand(CLIENTS, index)).unzip();
    let means: Vec<u8> = means.into_iter().flat_map(i32::to_le_bytes).collect();
    let medians: Vec<u8> = medians.into_iter().map(i8::cast_unsigned).collect();
    assert_eq!(stored(&mean, "mean, stored as").await, means);
    assert_eq!(stored(&median, "median, stored as").await, medians);
    script.node.stop("TERM");
}

/// Weighted mean and median of one element of the clients' updates, as the script says they are.
fn by_hand(clients: u32, index: u64) -> (i32, i8) {
    let value = |client: u32| {
        if client + 1 == clients {
            return 127;
        }
        let noise = keccak256((client, U256::from(index)).abi_encode());
        let noise: i64 = (U256::from_be_bytes(noise.0) % U256::from(9)).to();
        i64::try_from(index % 100).unwrap() - 50 + noise - 4
    };
    let mut values: Vec<i64> = (0..clients).map(value).collect();
    let weights = (0..i64::from(clients)).map(|client| 100 + 10 * client);
    let sum = values.iter().zip(weights.clone()).map(|(v, w)| v * w).sum();
    let mean = rounded(sum, weights.sum());
    values.sort_unstable();
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        rounded(values[middle - 1] + values[middle], 2)
    };
    (mean.try_into().unwrap(), median.try_into().unwrap())
}

/// The integer nearest to `n / d`, halves away from zero.
fn rounded(n: i64, d: i64) -> i64 {
    (2 * n.abs() + d) / (2 * d) * n.signum()
}
