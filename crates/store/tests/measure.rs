//! Figures, not judgements: `cargo test -p foggara-store --test measure -- --ignored --nocapture`.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "a test of small numbers"
)]

mod common;

use alloy_primitives::{Address, B256, U256, keccak256};
use common::{Chain, archive, init, seal};
use foggara_primitives::{AccountChange, AccountInfo, StateDiff, StateSource};
use foggara_store::{Commit, ExecutedBlock, Options, Overlay, Store};
use std::{
    hint::black_box,
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

const ACCOUNTS: u64 = 20_000;
const TRANSFERS: u64 = 1_000;

fn account(n: u64) -> Address {
    Address::from_slice(&keccak256(n.to_be_bytes())[..20])
}

fn info(nonce: u64) -> AccountInfo {
    AccountInfo {
        nonce,
        balance: U256::from(10u64).pow(U256::from(21)),
        ..AccountInfo::default()
    }
}

fn diff(accounts: impl Iterator<Item = u64>, nonce: u64) -> StateDiff {
    let change = |n| {
        let change = AccountChange {
            info: Some(info(nonce)),
            ..AccountChange::default()
        };
        (account(n), change)
    };
    StateDiff {
        accounts: accounts.map(change).collect(),
    }
}

/// A block of 1,000 transfers between 300 senders and as many old and new receivers.
fn transfers(store: &Store, parent: &ExecutedBlock) -> ExecutedBlock {
    let n = parent.header.number + 1;
    let old = (0..TRANSFERS / 2).map(|i| (n * 7_919 + i * 31) % ACCOUNTS);
    let new = (0..TRANSFERS / 2).map(|i| ACCOUNTS + n * TRANSFERS + i);
    let senders = (0..300).map(|i| i * 3);
    let diff = diff(old.chain(new).chain(senders), n);
    let mut overlay = Overlay::from(store.latest_view().unwrap());
    seal(&mut overlay, Some(parent), diff, TRANSFERS as usize, n)
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |p: usize| times[(times.len() - 1) * p / 100];
    format!(
        "p50 {:.2?}, p90 {:.2?}, max {:.2?}",
        at(50),
        at(90),
        at(100)
    )
}

fn rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn disk_kib(path: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(path).unwrap().flatten();
    entries
        .map(|entry| {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                disk_kib(&entry.path())
            } else {
                meta.blocks() / 2
            }
        })
        .sum()
}

fn measure(name: &str, store: &Store) {
    let mut parent = Chain::random(1, 0).blocks[0].clone();
    init(store, &parent);
    // No view may be left open here: it would keep every later commit from using pages again.
    let mut overlay = Overlay::from(store.latest_view().unwrap());
    let block = Arc::new(seal(
        &mut overlay,
        Some(&parent),
        diff(0..ACCOUNTS, 0),
        0,
        0,
    ));
    drop(overlay);
    store.commit(Commit::block(Arc::clone(&block))).unwrap();
    parent = block;
    let (mut commits, mut tries) = (Vec::new(), Vec::new());
    for _ in 0..30 {
        let start = Instant::now();
        let block = Arc::new(transfers(store, &parent));
        tries.push(start.elapsed());
        // A reader is always there, as it is with an RPC.
        let view = store.latest_view().unwrap();
        let start = Instant::now();
        store.commit(Commit::block(Arc::clone(&block))).unwrap();
        commits.push(start.elapsed());
        drop(view);
        parent = block;
    }
    println!(
        "{name}: commit of {TRANSFERS} transfers: {}",
        percentiles(commits)
    );
    println!(
        "{name}: size after them {} KiB",
        store.size_bytes().unwrap() / 1024
    );
    println!(
        "{name}: diff, tries and block made for it: {}",
        percentiles(tries)
    );
    let empties: Vec<Duration> = (0..30)
        .map(|_| {
            let mut overlay = Overlay::from(store.latest_view().unwrap());
            let block = Arc::new(seal(
                &mut overlay,
                Some(&parent),
                StateDiff::default(),
                1,
                0,
            ));
            parent = Arc::clone(&block);
            let start = Instant::now();
            store.commit(Commit::block(block)).unwrap();
            start.elapsed()
        })
        .collect();
    println!("{name}: commit of an empty block: {}", percentiles(empties));

    const READS: u64 = 200_000;
    let per = |start: Instant, n: u64| start.elapsed().as_nanos() as f64 / n as f64 / 1e3;
    let addresses: Vec<Address> = (0..ACCOUNTS).map(account).collect();
    let mut view = store.latest_view().unwrap();
    let start = Instant::now();
    for i in 0..READS {
        black_box(
            view.account(addresses[(i * 7_919 % ACCOUNTS) as usize])
                .unwrap(),
        );
    }
    println!("{name}: account at the head: {:.2} us", per(start, READS));
    let start = Instant::now();
    for i in 0..READS {
        let slot = B256::with_last_byte(i as u8);
        black_box(
            view.storage(addresses[(i * 7_919 % ACCOUNTS) as usize], slot)
                .unwrap(),
        );
    }
    println!(
        "{name}: slot at the head (unset): {:.2} us",
        per(start, READS)
    );
    let mut old = store.view_at(15).unwrap();
    let start = Instant::now();
    for i in 0..READS {
        black_box(
            old.account(addresses[(i * 7_919 % ACCOUNTS) as usize])
                .unwrap(),
        );
    }
    println!(
        "{name}: account 46 blocks back: {:.2} us",
        per(start, READS)
    );
    let start = Instant::now();
    for _ in 0..50_000 {
        black_box(store.latest_view().unwrap());
    }
    println!("{name}: a view: {:.2} us", per(start, 50_000));
    let start = Instant::now();
    for i in 0..50_000u64 {
        black_box(store.header(i % 60).unwrap());
    }
    println!(
        "{name}: a header, hash checked: {:.2} us",
        per(start, 50_000)
    );
    let start = Instant::now();
    old.prove(addresses[5], &[]).unwrap();
    println!(
        "{name}: first proof 46 blocks back: {:.2?}",
        start.elapsed()
    );
    let start = Instant::now();
    store.unwind(21, Commit::default()).unwrap();
    println!("{name}: unwinding 40 blocks: {:.2?}", start.elapsed());
    println!("{name}: size {} KiB", store.size_bytes().unwrap() / 1024);
}

#[test]
#[ignore = "prints figures"]
fn figures() {
    let dir = tempfile::tempdir_in(".").unwrap();
    // The disk's own time for what a commit does at least: write and sync 4 KiB.
    let mut file = std::fs::File::create(dir.path().join("probe")).unwrap();
    let syncs: Vec<Duration> = (0..50)
        .map(|i| {
            let start = Instant::now();
            file.write_all(&[i; 4096]).unwrap();
            file.sync_data().unwrap();
            start.elapsed()
        })
        .collect();
    println!("disk: write and sync of 4 KiB: {}", percentiles(syncs));
    let empty = tempfile::tempdir_in(".").unwrap();
    let before = rss_kib();
    let start = Instant::now();
    let (store, _) = Store::open(empty.path(), Options::default()).unwrap();
    let opened = start.elapsed();
    let rss = rss_kib().saturating_sub(before);
    println!(
        "mdbx: empty store opened in {opened:.2?}, {rss} KiB resident, {} KiB on disk",
        disk_kib(empty.path())
    );
    drop(store);
    let start = Instant::now();
    let (store, _) = Store::open(empty.path(), Options::default()).unwrap();
    println!("mdbx: empty store opened again in {:.2?}", start.elapsed());
    drop(store);
    measure("memory", &Store::in_memory_with(archive()));
    let (store, _) = Store::open(dir.path(), archive()).unwrap();
    measure("mdbx", &store);
    println!(
        "mdbx: {} KiB on disk, {} KiB resident in all",
        disk_kib(dir.path()),
        rss_kib()
    );
    drop(store);
    let start = Instant::now();
    drop(Store::open(dir.path(), archive()).unwrap());
    println!(
        "mdbx: opened again with 22 blocks to check in {:.2?}",
        start.elapsed()
    );
}
