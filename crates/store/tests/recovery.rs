//! `open()` is recovery.
//!
//! A child process writes blocks and says after each commit how far it is; it is killed at random
//! moments, also while it opens the store. Whatever it said must be there afterwards, and everything
//! that is there must be what a store holds that was never killed. Then: two processes on one folder,
//! folders of newer releases and of other chains, and folders that somebody has damaged.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "a test of small numbers"
)]

mod common;

use alloy_primitives::B256;
use common::{Chain, SPEC, archive, assert_same, init};
use foggara_store::{
    Commit, OpenError, Options, SCHEMA_VERSION, Store, Table,
    backend::{Database, MDBX_SIZE_MAX, Mdbx},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

const CHILD_DIR: &str = "FOGGARA_STORE_TEST_DIR";
const SEED: u64 = 77;

/// Not a test of its own: what the child process runs. Without the variable it does nothing.
#[test]
fn child_writes_until_killed() {
    let Ok(dir) = std::env::var(CHILD_DIR) else {
        return;
    };
    let (store, recovery) = Store::open(&dir, archive()).unwrap();
    println!("opened {recovery:?}");
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut chain = Chain::genesis(&mut rng);
    if !store.is_initialised() {
        init(&store, &chain.blocks[0]);
    }
    let head = store.heads().unsafe_.number;
    while (chain.blocks.len() as u64) <= head {
        chain.grow(&mut rng);
    }
    assert_eq!(store.heads().unsafe_.hash, chain.tip().hash);
    println!("committed {head}");
    loop {
        chain.grow(&mut rng);
        let n = chain.blocks.len() - 1;
        if n.is_multiple_of(5) {
            // Takes three blocks away and writes them again with one more: one transaction.
            let batch = Commit {
                blocks: chain.blocks[n - 3..].to_vec(),
                ..Commit::default()
            };
            store.unwind(n as u64 - 4, batch).unwrap();
        } else {
            store
                .commit(Commit::block(Arc::clone(chain.tip())))
                .unwrap();
        }
        println!("committed {n}");
    }
}

fn spawn(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_writes_until_killed", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_writer_loses_nothing_it_told_and_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let mut told = 0;
    let mut chain_rng = StdRng::seed_from_u64(SEED);
    let mut chain = Chain::genesis(&mut chain_rng);
    for round in 0..20 {
        let mut child = spawn(dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || {
            let mut last = None;
            while let Some(Ok(line)) = lines.next() {
                if let Some(n) = line.strip_prefix("committed ") {
                    last = n.parse::<u64>().ok();
                }
            }
            last
        });
        // Odd rounds kill inside recovery.
        let millis = if round % 2 == 1 {
            rng.random_range(0..30)
        } else {
            rng.random_range(80..400)
        };
        sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
        told = reader.join().unwrap().unwrap_or(told).max(told);

        let (store, recovery) = Store::open(dir.path(), archive()).unwrap();
        let head = store.heads().unsafe_;
        assert!(
            head.number >= told,
            "round {round}: told {told}, kept {}",
            head.number
        );
        told = head.number;
        if !store.is_initialised() {
            continue;
        }
        assert_eq!(recovery.heads, Some(store.heads()));
        while (chain.blocks.len() as u64) <= head.number {
            chain.grow(&mut chain_rng);
        }
        let never_killed = Store::in_memory_with(archive());
        chain.write(&never_killed);
        assert_same(&store, &never_killed, &format!("after kill {round}"));
    }
    assert!(told > 50, "the child got no further than {told}");
}

#[test]
fn a_second_process_is_refused_within_a_second_and_told_the_pid() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = spawn(dir.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut committed = || {
        let found = lines.find_map(|l| l.unwrap().strip_prefix("committed ").map(String::from));
        found.unwrap().parse::<u64>().unwrap()
    };
    let before = committed();
    let start = Instant::now();
    let error = Store::open(dir.path(), archive()).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(error.exit_code(), 6);
    assert!(
        error
            .to_string()
            .contains(&format!("in use by process {}", child.id())),
        "{error}"
    );
    match error {
        OpenError::InUse { pid, .. } => assert_eq!(pid, Some(child.id())),
        other => panic!("{other}"),
    }
    // The first one goes on undisturbed.
    while committed() < before + 20 {}
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        Store::open(dir.path(), archive()).is_ok(),
        "a dead process holds no lock"
    );
}

#[test]
fn a_folder_is_held_until_the_last_clone_and_view_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), archive()).unwrap();
    init(&store, &Chain::random(1, 0).blocks[0]);
    let view = store.latest_view().unwrap();
    let clone = store.clone();
    drop(store);
    let open = || Store::open(dir.path(), archive());
    assert!(matches!(open(), Err(OpenError::InUse { pid: Some(_), .. })));
    drop(clone);
    assert!(matches!(open(), Err(OpenError::InUse { .. })));
    drop(view);
    assert!(open().is_ok());
}

#[test]
fn opening_twice_writes_nothing_the_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::random(3, 10);
    let (store, recovery) = Store::open(dir.path(), archive()).unwrap();
    assert!(recovery.created && recovery.heads.is_none());
    chain.write(&store);
    drop(store);
    let file = dir.path().join("db/mdbx.dat");
    let before = std::fs::read(&file).unwrap();
    for _ in 0..2 {
        let (store, recovery) = Store::open(dir.path(), archive()).unwrap();
        assert!(!recovery.created && recovery.migrated_from.is_none());
        assert_eq!(recovery.blocks_checked, 11);
        assert_eq!(recovery.heads.unwrap().unsafe_.id(), chain.id(10));
        assert_eq!(store.heads(), recovery.heads.unwrap());
        drop(store);
        assert!(
            std::fs::read(&file).unwrap() == before,
            "opening wrote to the database"
        );
    }
}

/// A folder with a chain of ten blocks, edited behind the store's back.
fn edited(
    edit: impl FnOnce(&mut dyn foggara_store::backend::WriteTx, &Chain),
) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::random(3, 10);
    let (store, _) = Store::open(dir.path(), archive()).unwrap();
    chain.write(&store);
    drop(store);
    let db = Mdbx::open(&dir.path().join("db"), MDBX_SIZE_MAX).unwrap();
    let mut tx = db.write().unwrap();
    edit(&mut *tx, &chain);
    tx.commit().unwrap();
    dir
}

#[test]
fn a_newer_schema_is_refused_by_name_and_left_as_it_is() {
    let dir = edited(|tx, _| {
        tx.put(
            Table::Metadata,
            b"store.schema",
            &(SCHEMA_VERSION + 1).to_be_bytes(),
        )
        .unwrap();
        tx.put(Table::Metadata, b"store.release", b"9.8.7").unwrap();
    });
    let file = dir.path().join("db/mdbx.dat");
    let before = std::fs::read(&file).unwrap();
    let error = Store::open(dir.path(), archive()).unwrap_err();
    assert_eq!(error.exit_code(), 5);
    assert!(
        error
            .to_string()
            .contains("open it with foggara 9.8.7 or newer"),
        "{error}"
    );
    assert!(matches!(error, OpenError::Newer { found, .. } if found == SCHEMA_VERSION + 1));
    assert!(std::fs::read(&file).unwrap() == before);
}

#[test]
fn an_unknown_older_schema_is_refused() {
    let dir = edited(|tx, _| {
        tx.put(Table::Metadata, b"store.schema", &0u32.to_be_bytes())
            .unwrap();
    });
    let error = Store::open(dir.path(), archive()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no migration leads on from schema version 0"),
        "{error}"
    );
}

#[test]
fn a_folder_of_another_chain_is_refused() {
    let dir = edited(|_, _| {});
    let with = |spec_hash| Options {
        spec_hash,
        ..archive()
    };
    let other = B256::repeat_byte(1);
    let error = Store::open(dir.path(), with(Some(other))).unwrap_err();
    assert!(
        matches!(error, OpenError::OtherChain { found: SPEC, expected, .. } if expected == other)
    );
    assert_eq!(error.exit_code(), 2);
    assert!(Store::open(dir.path(), with(Some(SPEC))).is_ok());
    let (store, _) = Store::open(dir.path(), with(None)).unwrap();
    // Nor can another genesis be written over it; its own again changes nothing.
    let chain = Chain::random(3, 10);
    assert!(
        store
            .init(&Chain::random(4, 0).blocks[0], SPEC, Default::default())
            .is_err()
    );
    assert!(
        store
            .init(&chain.blocks[0], other, Default::default())
            .is_err()
    );
    init(&store, &chain.blocks[0]);
    assert_eq!(store.heads().unsafe_.id(), chain.id(10));
}

#[test]
fn contents_that_contradict_themselves_are_found() {
    type Edit = fn(&mut dyn foggara_store::backend::WriteTx, &Chain);
    let cases: [(&str, Edit); 10] = [
        ("Headers: header 7 is missing", |tx, _| {
            tx.delete(Table::Headers, &7u64.to_be_bytes()).unwrap();
        }),
        (
            "Headers: record 0000000000000004 does not decode",
            |tx, _| {
                tx.put(Table::Headers, &4u64.to_be_bytes(), b"\xc0")
                    .unwrap();
            },
        ),
        ("Headers: header 5 has not hash", |tx, chain| {
            let mut other = chain.blocks[5].header.clone();
            other.timestamp += 1;
            tx.put(
                Table::Headers,
                &5u64.to_be_bytes(),
                &alloy_rlp::encode(&other),
            )
            .unwrap();
        }),
        ("Headers: block 6 does not stand on 5", |tx, chain| {
            let mut other = chain.blocks[5].header.clone();
            other.timestamp += 1;
            tx.put(
                Table::Headers,
                &5u64.to_be_bytes(),
                &alloy_rlp::encode(&other),
            )
            .unwrap();
            let hash = other.hash_slow();
            tx.put(
                Table::CanonicalHeaders,
                &5u64.to_be_bytes(),
                hash.as_slice(),
            )
            .unwrap();
        }),
        ("HeaderNumbers: block 8 is missing", |tx, chain| {
            tx.delete(Table::HeaderNumbers, chain.blocks[8].hash.as_slice())
                .unwrap();
        }),
        ("BlockBodyIndices: no row for block 2", |tx, _| {
            tx.delete(Table::BlockBodyIndices, &2u64.to_be_bytes())
                .unwrap();
        }),
        ("are not whole", |tx, _| {
            tx.delete(Table::TransactionSenders, &3u64.to_be_bytes())
                .unwrap();
        }),
        ("AccountsTrie: state root", |tx, _| {
            tx.delete(Table::AccountsTrie, &[0]).unwrap();
        }),
        ("FgHeads: a label is missing", |tx, _| {
            tx.delete(Table::FgHeads, b"safe").unwrap();
        }),
        (
            "heads are out of order: finalized 10, safe 0, unsafe 10",
            |tx, _| {
                let tip = tx
                    .get(Table::FgHeads, b"unsafe")
                    .unwrap()
                    .unwrap()
                    .into_owned();
                tx.put(Table::FgHeads, b"finalized", &tip).unwrap();
            },
        ),
    ];
    for (what, edit) in cases {
        let dir = edited(edit);
        let error = Store::open(dir.path(), archive()).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{what}: {error}"
        );
        assert_eq!(error.exit_code(), 5);
        assert!(error.to_string().contains(what), "{what}: {error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let open = |contents: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("db")).unwrap();
        std::fs::write(dir.path().join("db/mdbx.dat"), contents).unwrap();
        Store::open(dir.path(), archive()).map(|(_, recovery)| recovery)
    };
    for (what, contents) in [
        ("bytes", vec![0x5a; 64 << 10]),
        ("text", b"hello\n".repeat(9_000)),
    ] {
        let error = open(&contents).unwrap_err();
        assert_eq!(error.exit_code(), 5, "{what}: {error}");
    }
    // Where creation was cut short there is nothing yet to be damaged.
    for len in [0, 5] {
        assert!(open(&vec![0; len]).unwrap().created);
    }
}
