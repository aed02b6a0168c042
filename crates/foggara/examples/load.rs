//! A load run against `foggara dev` and anvil, one after the other: the same transfers, signed before the
//! clock starts, handed in as JSON-RPC batches over a few kept-alive connections, counted when they stand
//! in a block. Prints transfers per second and what a transfer costs the node in CPU time. Asserts nothing.
//!
//! `load FOGGARA_BINARY ANVIL_BINARY TRANSFERS`; what matters is a release build of foggara.

use alloy::primitives::{Address, Bytes, U64, U256, keccak256};
use eyre::{Result, bail, ensure, eyre};
use foggara::dev_signer;
use foggara_testkit::{Account, TxParams};
use serde_json::{Value, json};
use std::{
    fs,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Accounts that send.
const SENDERS: u64 = 200;
/// Connections, each with an equal part of the senders.
const CONNECTIONS: u64 = 4;
/// Transfers in one request.
const BATCH: usize = 50;
/// Transfers that may be accepted and not yet in a block: about three full blocks.
const OUTSTANDING_MAX: u64 = 8_000;
/// After the first batch: the setup of blobs is loaded and batches go out as blobs by then.
const SETTLE: Duration = Duration::from_secs(20);
/// How long the idle node is watched.
const IDLE: Duration = Duration::from_secs(5);
/// Longest time without progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// Gas limit of a block, that of a new foggara chain.
const BLOCK_GAS: u64 = 60_000_000;
/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// Linux counts CPU time in these, per second.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [foggara, anvil, transfers] = args.as_slice() else {
        bail!("usage: load FOGGARA_BINARY ANVIL_BINARY TRANSFERS");
    };
    let transfers: u64 = transfers.parse()?;
    let share = transfers.div_ceil(SENDERS);
    println!(
        "{} transfers from {SENDERS} accounts, {CONNECTIONS} connections, batches of {BATCH}; a block of \
         {BLOCK_GAS} gas a second allows {} transfers/s",
        share * SENDERS,
        BLOCK_GAS / TRANSFER_GAS,
    );
    let (rpc, l1) = (free_port()?, free_port()?);
    let mut command = Command::new(foggara);
    command.args([
        "dev",
        "--tmp",
        "--rpc.port",
        &rpc.to_string(),
        "--l1.port",
        &l1.to_string(),
    ]);
    let ours = measure("foggara", command, rpc, share).await?;
    let port = free_port()?;
    let mut command = Command::new(anvil);
    command.args([
        "--port",
        &port.to_string(),
        "--hardfork",
        "prague",
        "--block-time",
        "1",
    ]);
    command.args([
        "--accounts",
        "10",
        "--balance",
        "10000",
        "--gas-limit",
        &BLOCK_GAS.to_string(),
        "--silent",
    ]);
    let theirs = measure("anvil", command, port, share).await?;
    println!(
        "foggara / anvil: {:.2} x the transfers/s, {:.2} x the CPU per transfer",
        ours.rate / theirs.rate,
        ours.cpu / theirs.cpu
    );
    Ok(())
}

/// What was measured.
struct Figures {
    /// Transfers per second, from the first request to the last inclusion.
    rate: f64,
    /// CPU microseconds of the node per transfer in that time, idle time taken off.
    cpu: f64,
}

async fn measure(name: &str, command: Command, port: u16, share: u64) -> Result<Figures> {
    let node = Node::start(command, port)?;
    let chain_id = node.chain_id().await?;
    let senders = fund(&node, chain_id).await?;
    let signing = Instant::now();
    let (signed, senders) =
        tokio::task::spawn_blocking(move || sign(senders, chain_id, share)).await?;
    let signing = signing.elapsed();
    if name == "foggara" {
        // What is done once after the start must not count as what an idle node costs.
        node.safe(1).await?;
        sleep(SETTLE).await;
    }
    // The node works when idle too: blocks, batches.
    let before = node.cpu()?;
    sleep(IDLE).await;
    let idle = (node.cpu()? - before) / IDLE.as_secs_f64();

    let total = share * SENDERS;
    let included = Arc::new(AtomicU64::new(0));
    let (first_block, cpu, start) = (node.head().await?, node.cpu()?, Instant::now());
    let sending: Vec<_> = signed
        .into_iter()
        .map(|requests| {
            tokio::spawn(send(
                node.url.clone(),
                requests,
                total,
                Arc::clone(&included),
            ))
        })
        .collect();
    let last_block = count(&node, name, first_block, total, &included).await?;
    let took = start.elapsed().as_secs_f64();
    let cpu = node.cpu()? - cpu - idle * took;
    let mut refused = 0;
    for task in sending {
        refused += task.await??;
    }
    for sender in &senders {
        let nonce: U64 = node
            .call("eth_getTransactionCount", json!([sender, "latest"]))
            .await?;
        ensure!(
            nonce == U64::from(share),
            "{sender} has sent {nonce} of {share}"
        );
    }
    #[allow(clippy::cast_precision_loss, reason = "printed with few digits")]
    let count = total as f64;
    let figures = Figures {
        rate: count / took,
        cpu: cpu * 1e6 / count,
    };
    println!(
        "{name:8} {total} transfers in {took:.2} s and {} blocks: {:.0} transfers/s, {:.1} µs of node CPU each; \
         idle {:.1} % of a core, {refused} refused and sent again (signed before, in {:.1} s)",
        last_block - first_block,
        figures.rate,
        figures.cpu,
        idle * 100.0,
        signing.as_secs_f64(),
    );
    if name == "foggara" {
        let later = Instant::now();
        let cpu = node.cpu()?;
        node.safe(last_block).await?;
        let wait = later.elapsed().as_secs_f64();
        let posting = (node.cpu()? - cpu - idle * wait) * 1e6 / count;
        println!("{name:8} safe {wait:.2} s later, {posting:.1} µs more of CPU each");
    }
    Ok(figures)
}

/// Hands in the requests of one connection; gives how many transfers had to be sent again.
async fn send(
    url: String,
    requests: Vec<Request>,
    total: u64,
    included: Arc<AtomicU64>,
) -> Result<u64> {
    let http = client()?;
    let connections_share = OUTSTANDING_MAX / CONNECTIONS;
    let (mut sent, mut refused) = (0, 0);
    for request in requests {
        // Of all that is outstanding, this connection may hold its part.
        let started = Instant::now();
        while sent
            > included.load(Ordering::Relaxed) * requests_part(total) / total + connections_share
        {
            ensure!(
                started.elapsed() < PATIENCE,
                "the node includes nothing any more"
            );
            sleep(Duration::from_millis(5)).await;
        }
        sent += request.raw.len() as u64;
        let mut body = request.body;
        let mut raw = request.raw;
        loop {
            let answer = http
                .post(&url)
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await?
                .bytes()
                .await?;
            let answers: Vec<Value> = serde_json::from_slice(&answer)
                .map_err(|error| eyre!("{error}: {}", String::from_utf8_lossy(&answer)))?;
            ensure!(answers.len() == raw.len(), "a batch was not answered whole");
            let failed: Vec<usize> = answers
                .iter()
                .filter(|answer| answer.get("error").is_some_and(|error| !known(error)))
                .filter_map(|answer| usize::try_from(answer["id"].as_u64()?).ok())
                .collect();
            if failed.is_empty() {
                break;
            }
            ensure!(started.elapsed() < PATIENCE, "still refused: {answers:?}");
            refused += failed.len() as u64;
            raw = failed
                .into_iter()
                .filter_map(|index| raw.get(index).cloned())
                .collect();
            body = batch(&raw);
            sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(refused)
}

/// Transfers that one connection sends.
const fn requests_part(total: u64) -> u64 {
    total.div_ceil(CONNECTIONS)
}

fn known(error: &Value) -> bool {
    error["message"]
        .as_str()
        .is_some_and(|text| text.contains("already"))
}

/// Counts what stands in new blocks until it is all; gives the number of the last block.
async fn count(
    node: &Node,
    name: &str,
    mut block: u64,
    total: u64,
    included: &AtomicU64,
) -> Result<u64> {
    // The first transaction of a foggara block is its own deposit.
    let own = u64::from(name == "foggara");
    let mut progress = Instant::now();
    while included.load(Ordering::Relaxed) < total {
        ensure!(
            progress.elapsed() < PATIENCE,
            "{} of {total} included",
            included.load(Ordering::Relaxed)
        );
        while block < node.head().await? {
            block += 1;
            let method = "eth_getBlockTransactionCountByNumber";
            let found: U64 = node.call(method, json!([U64::from(block)])).await?;
            let found = found.to::<u64>() - own;
            if found > 0 {
                included.fetch_add(found, Ordering::Relaxed);
                progress = Instant::now();
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(block)
}

/// A request, made before the clock starts.
struct Request {
    body: String,
    raw: Vec<Bytes>,
}

fn batch(raw: &[Bytes]) -> String {
    let entries = raw.iter().enumerate().map(|(id, raw)| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["{raw}"]}}"#
        )
    });
    format!("[{}]", entries.collect::<Vec<_>>().join(","))
}

/// Signs everything; requests per connection, nonces in order.
fn sign(senders: Vec<Account>, chain_id: u64, share: u64) -> (Vec<Vec<Request>>, Vec<Address>) {
    let addresses: Vec<_> = senders.iter().map(Account::address).collect();
    let parts: Vec<Vec<Account>> = senders
        .chunks(usize::try_from(SENDERS.div_ceil(CONNECTIONS)).expect("a few hundred"))
        .map(<[Account]>::to_vec)
        .collect();
    let requests = std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(|| sign_part(part, &addresses, chain_id, share)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("signing does not panic"))
            .collect()
    });
    (requests, addresses)
}

fn sign_part(
    mut part: Vec<Account>,
    receivers: &[Address],
    chain_id: u64,
    share: u64,
) -> Vec<Request> {
    let mut raw = Vec::new();
    for round in 0..share {
        for (account, to) in part.iter_mut().zip(
            receivers
                .iter()
                .cycle()
                .skip(usize::try_from(round).unwrap_or(0) % receivers.len()),
        ) {
            raw.push(account.sign(chain_id, &transfer(*to, U256::ONE)));
        }
    }
    raw.chunks(BATCH)
        .map(|raw| Request {
            body: batch(raw),
            raw: raw.to_vec(),
        })
        .collect()
}

/// A transfer that stays payable while the base fee climbs.
fn transfer(to: Address, value: U256) -> TxParams {
    TxParams {
        max_fee: 400_000_000_000,
        ..TxParams::transfer(to, value)
    }
}

/// New accounts with 40 ether each.
async fn fund(node: &Node, chain_id: u64) -> Result<Vec<Account>> {
    let mut bank = Account::new(dev_signer(0));
    let nonce: U64 = node
        .call("eth_getTransactionCount", json!([bank.address(), "latest"]))
        .await?;
    bank.nonce = nonce.to();
    let amount = U256::from(40) * U256::from(10).pow(U256::from(18));
    let senders: Vec<_> = (0..SENDERS)
        .map(|index| keccak256(format!("foggara load account {index}")))
        .map(|seed| alloy::signers::local::PrivateKeySigner::from_bytes(&seed).map(Account::new))
        .collect::<Result<_, _>>()?;
    for sender in &senders {
        let raw = bank.sign(chain_id, &transfer(sender.address(), amount));
        let _hash: Value = node.call("eth_sendRawTransaction", json!([raw])).await?;
    }
    let last = senders.last().ok_or_else(|| eyre!("no senders"))?.address();
    let start = Instant::now();
    while node
        .call::<U256>("eth_getBalance", json!([last, "latest"]))
        .await?
        .is_zero()
    {
        ensure!(start.elapsed() < PATIENCE, "the accounts were not funded");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(senders)
}

/// A node in a process of its own, ended with this value.
struct Node {
    child: Child,
    http: reqwest::Client,
    url: String,
}

impl Node {
    fn start(mut command: Command, port: u16) -> Result<Self> {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self {
            child,
            http: client()?,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    async fn call<T: serde::de::DeserializeOwned>(&self, method: &str, params: Value) -> Result<T> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut answer: Value = self
            .http
            .post(&self.url)
            .json(&request)
            .send()
            .await?
            .json()
            .await?;
        ensure!(
            answer.get("error").is_none(),
            "{method}: {}",
            answer["error"]
        );
        Ok(serde_json::from_value(answer["result"].take())?)
    }

    /// Waits until the node answers.
    async fn chain_id(&self) -> Result<u64> {
        let start = Instant::now();
        loop {
            match self.call::<U64>("eth_chainId", json!([])).await {
                Ok(id) => return Ok(id.to()),
                Err(error) if start.elapsed() > PATIENCE => return Err(error),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn head(&self) -> Result<u64> {
        Ok(self.call::<U64>("eth_blockNumber", json!([])).await?.to())
    }

    /// Waits until a block is safe.
    async fn safe(&self, number: u64) -> Result<()> {
        let start = Instant::now();
        loop {
            let block: Value = self
                .call("eth_getBlockByNumber", json!(["safe", false]))
                .await?;
            if serde_json::from_value::<U64>(block["number"].clone())?.to::<u64>() >= number {
                return Ok(());
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "block {number} does not become safe"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// CPU seconds of all its threads so far (proc(5): fields 14 and 15 of `stat`).
    fn cpu(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, rest) = stat
            .rsplit_once(')')
            .ok_or_else(|| eyre!("unknown form of stat"))?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| -> Result<f64> {
            Ok(fields
                .get(number - 3)
                .ok_or_else(|| eyre!("stat is short"))?
                .parse()?)
        };
        Ok((field(14)? + field(15)?) / TICKS)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(1)
        .timeout(PATIENCE)
        .build()?)
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
