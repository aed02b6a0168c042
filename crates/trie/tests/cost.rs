//! What a diff costs: nodes loaded always, time on request.
//!
//! `fcargo test -p foggara-trie --test cost -- --ignored --nocapture` prints the time of 2,000
//! changed accounts in a state of a million.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use foggara_primitives::{AccountChange, AccountInfo, SourceError, StateDiff};
use foggara_trie::{EMPTY_ROOT_HASH, MapNodes, Nibbles, NodeSource, apply};
use std::time::{Duration, Instant};

fn address(n: u32) -> Address {
    Address::from_slice(&keccak256(n.to_be_bytes())[..20])
}

/// Sets the balance of accounts; every eighth also gets two slots.
fn changes(numbers: impl Iterator<Item = u32>, balance: u64) -> StateDiff {
    let change = |n: u32| {
        let info = AccountInfo {
            nonce: 1,
            balance: U256::from(balance),
            ..Default::default()
        };
        let slots = if n.is_multiple_of(8) { 2 } else { 0 };
        let storage = (0..slots)
            .map(|s| (B256::with_last_byte(s), U256::from(balance)))
            .collect();
        AccountChange {
            info: Some(info),
            storage,
            ..Default::default()
        }
    };
    StateDiff {
        accounts: numbers.map(|n| (address(n), change(n))).collect(),
    }
}

fn state(accounts: u32) -> (MapNodes, B256) {
    let (mut nodes, mut root) = (MapNodes::default(), EMPTY_ROOT_HASH);
    for start in (0..accounts).step_by(100_000) {
        let diff = changes(start..accounts.min(start + 100_000), 1);
        let outcome = apply(&mut nodes, root, &diff).unwrap();
        nodes.apply(&outcome.updates);
        root = outcome.root;
    }
    (nodes, root)
}

struct Counting<'a>(&'a mut MapNodes, usize);

impl NodeSource for Counting<'_> {
    fn node(
        &mut self,
        owner: Option<B256>,
        path: &Nibbles,
        hash: B256,
    ) -> Result<Bytes, SourceError> {
        self.1 += 1;
        self.0.node(owner, path, hash)
    }
}

#[test]
fn cost_grows_with_the_diff_and_not_with_the_state() {
    let mut loads = Vec::new();
    for accounts in [1_000, 10_000, 100_000] {
        let (mut nodes, root) = state(accounts);
        let diff = changes((0..100).map(|n| n * 7 + 1), 2);
        let slots: usize = diff
            .accounts
            .values()
            .map(|change| change.storage.len())
            .sum();
        let mut counting = Counting(&mut nodes, 0);
        let outcome = apply(&mut counting, root, &diff).unwrap();
        assert!(
            counting.1 <= 100 * 8 + slots * 2,
            "{} loads of {accounts} accounts",
            counting.1
        );
        assert!(outcome.updates.account_nodes.len() <= 100 * 8);
        loads.push(counting.1);
    }
    // A hundred times the accounts: fewer than two more levels.
    assert!(loads[2] < loads[0] + 200, "{loads:?}");
}

#[test]
#[ignore = "a measurement"]
fn time_of_2000_accounts_in_a_million() {
    let (mut nodes, mut root) = state(1_000_000);
    let (mut best, mut sum, runs) = (Duration::MAX, Duration::ZERO, 10);
    for run in 0..runs {
        let diff = changes(
            (0..2_000).map(|n| (n * 499 + run * 31) % 1_000_000),
            3 + u64::from(run),
        );
        let mut counting = Counting(&mut nodes, 0);
        let start = Instant::now();
        let outcome = apply(&mut counting, root, &diff).unwrap();
        let took = start.elapsed();
        println!(
            "{took:?}, {} nodes loaded, {} written",
            counting.1,
            outcome.updates.account_nodes.len()
        );
        (best, sum) = (best.min(took), sum + took);
        nodes.apply(&outcome.updates);
        root = outcome.root;
    }
    println!(
        "2,000 accounts (250 with storage) in 1,000,000: best {best:?}, mean {:?}",
        sum / runs
    );
}
