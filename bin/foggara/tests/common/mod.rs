//! A foggara process as a user runs it, and calls to it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use alloy::{
    primitives::{Address, B256, Bytes, U64, U256},
    signers::local::PrivateKeySigner,
};
use foggara::dev_signer;
use foggara_testkit::{Account, TxParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::time::sleep;

/// Longest wait for anything that should take seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait until a started node answers.
pub const START: Duration = Duration::from_secs(20);
/// Between two looks at something that moves.
const POLL: Duration = Duration::from_millis(5);

/// Ports below the range from which the system takes those of outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port that nobody uses: each is given out once per process, from a place that differs by process.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    let first = u16::try_from(std::process::id() % u32::from(width)).unwrap();
    for _ in 0..width {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + first.wrapping_mul(37).wrapping_add(step) % width;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// The command with these arguments, deaf to the environment of the tests.
pub fn foggara<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foggara"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FOGGARA_") {
            command.env_remove(name);
        }
    }
    // A folder in which no foggara.toml lies.
    command
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .args(args)
        .stdin(Stdio::null());
    command
}

/// What a command that ends by itself has said.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Said {
    /// Fails unless the command ended with this code and its complaint is one line with these words.
    #[track_caller]
    pub fn refuses(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing: {self:#?}");
        }
        assert!(!self.err.contains("panicked"), "{self:#?}");
    }
}

/// Runs a command to its end; kills it and fails if that takes too long.
pub fn run(command: &mut Command) -> Said {
    run_within(command, PATIENCE)
}

/// The same with another limit.
pub fn run_within(command: &mut Command, limit: Duration) -> Said {
    let dir = TempDir::new().unwrap();
    let (out, err) = (dir.path().join("out"), dir.path().join("err"));
    command
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap());
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = wait(&mut child, limit);
    let took = start.elapsed();
    let (out, err) = (read(&out), read(&err));
    let Some(status) = status else {
        panic!("{command:?} did not end within {limit:?}\n{out}\n{err}");
    };
    Said {
        code: status.code(),
        out,
        err,
        took,
    }
}

/// Waits for the end of a process; kills it when the time is over.
fn wait(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(POLL);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// A running node. Killed when dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    output: TempDir,
    /// When it was started.
    pub started: Instant,
    /// JSON-RPC of the chain.
    pub rpc: Rpc,
    /// JSON-RPC of its development L1.
    pub l1: Rpc,
}

impl Node {
    /// Starts a node on free ports, without waiting for it.
    pub fn spawn<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let (rpc, l1) = (free_port(), free_port());
        let mut command = foggara(args);
        command.args(["--rpc.port", &rpc.to_string(), "--l1.port", &l1.to_string()]);
        Self::spawn_on(command, rpc, l1)
    }

    /// Starts a node whose ports are said elsewhere.
    pub fn spawn_on(mut command: Command, rpc: u16, l1: u16) -> Self {
        let output = TempDir::new().unwrap();
        let file = |name| File::create(output.path().join(name)).unwrap();
        command.stdout(file("out")).stderr(file("err"));
        let started = Instant::now();
        let child = command.spawn().unwrap();
        Self {
            child,
            output,
            started,
            rpc: Rpc::new(rpc),
            l1: Rpc::new(l1),
        }
    }

    /// `foggara dev` in a folder, ready.
    pub async fn dev(data: &Path) -> Self {
        let mut node = Self::spawn(["dev".as_ref(), "--data".as_ref(), data.as_os_str()]);
        node.ready().await;
        node
    }

    /// Waits for the first answer; says how long after the start it came.
    pub async fn ready(&mut self) -> Duration {
        loop {
            if self.rpc.call::<U64>("eth_chainId", json!([])).await.is_ok() {
                return self.started.elapsed();
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "the node ended with {status} before it answered\n{}",
                    self.said()
                );
            }
            let waited = self.started.elapsed();
            assert!(
                waited < START,
                "no answer after {waited:?}\n{}",
                self.said()
            );
            sleep(POLL).await;
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed.
    pub fn said(&self) -> String {
        format!("stdout:\n{}\nstderr:\n{}", self.out(), self.err())
    }

    /// Its standard output.
    pub fn out(&self) -> String {
        read(&self.output.path().join("out"))
    }

    /// Its standard error.
    pub fn err(&self) -> String {
        read(&self.output.path().join("err"))
    }

    /// Fails if it has ended.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the node ended with {status}\n{}", self.said());
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.assert_alive();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it by a signal (`INT`, `TERM`); fails if it does not end with 0.
    pub fn stop(mut self, signal: &str) -> String {
        self.assert_alive();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", self.pid())])
            .status()
            .unwrap();
        assert!(sent.success());
        let status = wait(&mut self.child, START);
        let status = status.unwrap_or_else(|| panic!("SIG{signal} was ignored\n{}", self.said()));
        assert_eq!(status.code(), Some(0), "after SIG{signal}\n{}", self.said());
        self.out()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
    }
}

/// Why a call has no result.
#[derive(Debug)]
pub enum CallError {
    /// There was no answer.
    Silence(String),
    /// The answer is an error.
    Refused {
        /// JSON-RPC error code.
        code: i64,
        /// What it says.
        message: String,
    },
}

/// JSON-RPC over kept-alive HTTP.
#[derive(Debug, Clone)]
pub struct Rpc {
    client: reqwest::Client,
    /// Where it is.
    pub url: String,
}

impl Rpc {
    /// Of a server on this machine.
    pub fn new(port: u16) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(START)
            .build()
            .unwrap();
        Self {
            client,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// The result of a method.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<T, CallError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        result(self.post(&request).await?)
    }

    /// The result of a method that must not fail.
    #[track_caller]
    pub fn get<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> impl Future<Output = T> + use<'_, T> {
        let place = std::panic::Location::caller();
        let method = method.to_owned();
        async move {
            self.call(&method, params.clone())
                .await
                .unwrap_or_else(|error| panic!("{place}: {method} {params}: {error:?}"))
        }
    }

    /// One method for many single parameters, in order.
    pub async fn each(&self, method: &str, params: &[B256]) -> Result<Vec<Value>, CallError> {
        let mut found = Vec::with_capacity(params.len());
        for part in params.chunks(500) {
            let request: Vec<_> = part
                .iter()
                .enumerate()
                .map(|(id, hash)| {
                    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [hash] })
                })
                .collect();
            let Value::Array(mut answers) = self.post(&request.into()).await? else {
                return Err(CallError::Silence(
                    "a batch was not answered by a batch".into(),
                ));
            };
            assert_eq!(answers.len(), part.len());
            answers.sort_by_key(|answer| answer["id"].as_u64());
            for answer in answers {
                found.push(result(answer)?);
            }
        }
        Ok(found)
    }

    async fn post(&self, request: &Value) -> Result<Value, CallError> {
        let silence = |error: reqwest::Error| CallError::Silence(error.to_string());
        let answer = self
            .client
            .post(&self.url)
            .json(request)
            .send()
            .await
            .map_err(silence)?;
        answer.json().await.map_err(silence)
    }

    /// Number of a block by tag.
    #[track_caller]
    pub fn number(&self, tag: &str) -> impl Future<Output = u64> + use<'_> {
        let block = self.get::<Value>("eth_getBlockByNumber", json!([tag, false]));
        async move { quantity(&block.await["number"]) }
    }

    /// Waits until a head has reached a number.
    #[track_caller]
    pub fn reach(&self, tag: &'static str, number: u64) -> impl Future<Output = ()> + use<'_> {
        let place = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE + Duration::from_secs(number);
            loop {
                let block = self
                    .call::<Value>("eth_getBlockByNumber", json!([tag, false]))
                    .await;
                let now = block.map_or(0, |block| quantity(&block["number"]));
                if now >= number {
                    return;
                }
                let late = Instant::now() > deadline;
                assert!(!late, "{place}: {tag} is {now} and does not reach {number}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Hands in a transaction.
    pub async fn send(&self, raw: &Bytes) -> Result<B256, CallError> {
        self.call("eth_sendRawTransaction", json!([raw])).await
    }

    /// Waits for a receipt.
    #[track_caller]
    pub fn receipt(&self, hash: B256) -> impl Future<Output = Value> + use<'_> {
        let place = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let answer = self.call("eth_getTransactionReceipt", json!([hash])).await;
                match answer {
                    Ok(Value::Null) => {}
                    Ok(receipt) => return receipt,
                    Err(error) => panic!("{place}: {hash}: {error:?}"),
                }
                assert!(Instant::now() < deadline, "{place}: {hash} is in no block");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn result<T: DeserializeOwned>(mut answer: Value) -> Result<T, CallError> {
    if let Some(error) = answer.get("error") {
        return Err(CallError::Refused {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
        });
    }
    let value = answer.get_mut("result").map(Value::take);
    let value =
        value.ok_or_else(|| CallError::Silence(format!("neither result nor error: {answer}")))?;
    serde_json::from_value(value).map_err(|error| CallError::Silence(error.to_string()))
}

/// A number out of an answer.
#[track_caller]
pub fn quantity(value: &Value) -> u64 {
    serde_json::from_value::<U64>(value.clone())
        .unwrap_or_else(|_| panic!("{value} is not a quantity"))
        .to()
}

/// So many ether in wei.
pub fn ether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

/// A key that follows from a number and is not one of the well-known ones.
pub fn key(index: u64) -> PrivateKeySigner {
    let seed = alloy::primitives::keccak256(format!("foggara test account {index}"));
    PrivateKeySigner::from_bytes(&seed).unwrap()
}

/// A transfer that goes on being payable while the base fee climbs.
pub fn transfer(to: Address, value: U256) -> TxParams {
    TxParams {
        max_fee: 500_000_000_000,
        ..TxParams::transfer(to, value)
    }
}

/// Gives fresh accounts money from the first development account; waits until they have it.
pub async fn funded(rpc: &Rpc, count: u64, amount: U256) -> Vec<Account> {
    let chain_id: U64 = rpc.get("eth_chainId", json!([])).await;
    let mut bank = Account::new(dev_signer(0));
    bank.nonce = pending_nonce(rpc, bank.address()).await;
    let accounts: Vec<_> = (0..count).map(|index| Account::new(key(index))).collect();
    let mut last = B256::ZERO;
    for account in &accounts {
        let raw = bank.sign(chain_id.to(), &transfer(account.address(), amount));
        last = rpc.send(&raw).await.unwrap();
    }
    assert_eq!(rpc.receipt(last).await["status"], "0x1");
    accounts
}

/// Nonce of the next transaction of an account.
#[track_caller]
pub fn pending_nonce(rpc: &Rpc, address: Address) -> impl Future<Output = u64> + use<'_> {
    let nonce = rpc.get::<U64>("eth_getTransactionCount", json!([address, "pending"]));
    async move { nonce.await.to() }
}

/// A folder that is removed at the end.
pub fn folder() -> TempDir {
    TempDir::new().unwrap()
}

/// Path as an argument.
pub fn arg(path: impl Into<PathBuf>) -> String {
    path.into().into_os_string().into_string().unwrap()
}
