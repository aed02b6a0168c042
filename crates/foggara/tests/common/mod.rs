//! What the end-to-end tests share.
#![allow(dead_code, reason = "each test file uses a part")]

use alloy_primitives::B256;
use foggara::{Chain, L1, ROLLUP_FILE, Role, SequencerBuilder, SequencerHandle, dev_accounts};
use foggara_testkit::{Kind, Traffic};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Longest wait for anything that should take seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// Transactions offered per block.
const OFFERS_PER_BLOCK: usize = 12;

/// Blocks of a run: a few dozen, or 1,000 in a soak.
pub(crate) fn blocks() -> u64 {
    if std::env::var_os("FOGGARA_SOAK").is_some() {
        1_000
    } else {
        24
    }
}

/// A data folder.
pub(crate) fn sequencer_dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The L1 that a node serves, by URL.
pub(crate) fn l1_of(node: &SequencerHandle) -> L1 {
    let addr = node.l1_rpc_addr().expect("the node serves its L1");
    L1::Url {
        rpc: format!("http://{addr}").parse().unwrap(),
        beacon: None,
    }
}

/// A replica of the chain whose files lie in `files`.
pub(crate) async fn replica(files: &Path, dir: &Path, l1: &L1) -> SequencerHandle {
    let chain = Chain::load(&files.join(ROLLUP_FILE), None).unwrap();
    SequencerBuilder::new(chain)
        .role(Role::Replica { forward: None })
        .l1(l1.clone())
        .datadir(dir)
        .launch()
        .await
        .unwrap()
}

/// What was offered: accepted and refused by kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offered(pub(crate) BTreeMap<Kind, (u32, u32)>);

impl Offered {
    /// Sums up.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for (kind, (accepted, refused)) in other.0 {
            let entry = self.0.entry(kind).or_default();
            entry.0 += accepted;
            entry.1 += refused;
        }
        self
    }
}

/// Offers mixed traffic until the chain has `until` blocks. Accounts go on from their nonces.
pub(crate) async fn traffic(node: &SequencerHandle, until: u64) -> Offered {
    let mut offered = Offered::default();
    let chain_id = node.chain().spec.rollup.l2_chain_id;
    let start = node.store().heads().unsafe_.number;
    // Fresh accounts for every call: funded by the well-known ones.
    let mut traffic = Traffic::new(chain_id, dev_accounts().into_iter().take(9), start);
    traffic.set_nonces(|address| nonce(node, address));
    for raw in traffic.setup() {
        node.submit(raw).await.expect("deployments are accepted");
    }
    let mut heads = node.heads();
    while heads.borrow_and_update().unsafe_.number < until {
        for _ in 0..OFFERS_PER_BLOCK {
            let offer = traffic.next_offer();
            let result = node.submit(offer.raw).await;
            let entry = offered.0.entry(offer.kind).or_default();
            match result {
                Ok(_) => entry.0 += 1,
                Err(_) => entry.1 += 1,
            }
            if offer.kind == Kind::Invalid {
                assert!(
                    result_is_refusal(entry),
                    "an invalid transaction was accepted"
                );
            }
        }
        traffic.set_nonces(|address| nonce(node, address));
        tokio::time::timeout(PATIENCE, heads.changed())
            .await
            .expect("blocks go on")
            .unwrap();
    }
    offered
}

fn result_is_refusal(entry: &(u32, u32)) -> bool {
    entry.0 == 0
}

/// Nonce that an account uses next.
pub(crate) fn nonce(node: &SequencerHandle, address: alloy_primitives::Address) -> u64 {
    node.pending_nonce(address).unwrap()
}

/// Waits until the replica has derived `blocks` blocks and compares every hash with the sequencer's.
pub(crate) async fn follow(node: &SequencerHandle, replica: &SequencerHandle, blocks: u64) -> u64 {
    let deadline = Instant::now() + PATIENCE + Duration::from_secs(blocks);
    loop {
        let head = replica.store().heads().safe.number;
        if head >= blocks {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "the replica is stuck at block {head} of {blocks}"
        );
        sleep(Duration::from_millis(200)).await;
    }
    let hash =
        |handle: &SequencerHandle, n| -> Option<B256> { handle.store().block_hash(n).unwrap() };
    for number in 0..=blocks {
        assert_eq!(hash(node, number), hash(replica, number), "block {number}");
        assert!(hash(node, number).is_some(), "block {number} is missing");
    }
    blocks
}

/// A real anvil, ended with the test.
#[derive(Debug)]
pub(crate) struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Starts anvil with one-second blocks; says so and gives `None` where there is none.
    pub(crate) async fn start() -> Option<Self> {
        let Some(binary) = std::env::var_os("FOGGARA_ANVIL") else {
            eprintln!("NOT RUN: FOGGARA_ANVIL is not set, `cargo xtask test` sets it");
            return None;
        };
        let port = free_port();
        let child = Command::new(binary)
            .args([
                "--port",
                &port.to_string(),
                "--hardfork",
                "prague",
                "--block-time",
                "1",
            ])
            .args(["--slots-in-an-epoch", "1", "--silent"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil starts");
        let anvil = Self { child, port };
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            assert!(Instant::now() < deadline, "anvil does not listen");
            sleep(Duration::from_millis(50)).await;
        }
        Some(anvil)
    }

    /// Its URL as an L1.
    pub(crate) fn l1(&self) -> L1 {
        let rpc = format!("http://127.0.0.1:{}", self.port).parse().unwrap();
        L1::Url { rpc, beacon: None }
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
