//! A full disk refuses writes in words, keeps reads going, and heals by itself.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "a test of small numbers"
)]

mod common;

use alloy_primitives::{B256, Bytes};
use common::{Chain, archive, assert_same};
use foggara_store::{Commit, CommitError, Options, Store};
use std::{path::Path, process::Command, sync::Arc};

/// A commit that takes a megabyte.
fn megabyte(n: u8) -> Commit {
    let blob = Bytes::from(vec![n; 1 << 20]);
    Commit {
        blobs: vec![(B256::repeat_byte(n), u64::from(n), blob)],
        ..Commit::default()
    }
}

/// Writes megabytes until the store refuses; gives back how many it took.
fn fill(store: &Store) -> u8 {
    for n in 0..=u8::MAX {
        match store.commit(megabyte(n)) {
            Ok(()) => {}
            Err(CommitError::Full(_)) => return n,
            Err(other) => panic!("refused as {other}"),
        }
    }
    panic!("it never filled up");
}

#[test]
fn the_named_maximum_refuses_and_a_larger_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options {
        size_max: 16 << 20,
        ..archive()
    };
    let chain = Chain::random(2, 12);
    let (store, _) = Store::open(dir.path(), small).unwrap();
    chain.cut(10).write(&store);
    let mut events = store.subscribe();
    let taken = fill(&store);
    assert!(taken > 5, "only {taken} MiB fit");
    // Reads go on, nothing was told, and what was refused left nothing behind.
    assert!(events.try_recv().is_err());
    assert_eq!(store.heads().unsafe_.id(), chain.id(10));
    assert_eq!(
        store
            .blob(B256::repeat_byte(taken - 1))
            .unwrap()
            .unwrap()
            .len(),
        1 << 20
    );
    assert_eq!(store.blob(B256::repeat_byte(taken)).unwrap(), None);
    assert!(
        store
            .latest_view()
            .unwrap()
            .prove(common::address(1), &[])
            .is_ok()
    );
    // Making room is enough: the same store takes blocks again.
    assert_eq!(
        store.expire(0, u64::from(taken)).unwrap(),
        usize::from(taken)
    );
    store
        .commit(Commit::block(Arc::clone(&chain.blocks[11])))
        .unwrap();
    drop(store);
    let (store, _) = Store::open(
        dir.path(),
        Options {
            size_max: 1 << 30,
            ..archive()
        },
    )
    .unwrap();
    store
        .commit(Commit::block(Arc::clone(&chain.blocks[12])))
        .unwrap();
    for n in 0..40 {
        store.commit(megabyte(n)).unwrap();
    }
    store.expire(0, 40).unwrap();
    let never_full = Store::in_memory_with(archive());
    chain.write(&never_full);
    assert_same(&store, &never_full, "after it was full");
}

/// A small file system of its own, taken away again at the end.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn new(at: &'a Path, mib: u32) -> Option<Self> {
        let size = format!("size={mib}m");
        let run = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .output();
        run.ok()?.status.success().then_some(Self(at))
    }

    fn resize(&self, mib: u32) {
        let options = format!("remount,size={mib}m");
        let run = Command::new("mount")
            .args(["-o", &options])
            .arg(self.0)
            .status()
            .unwrap();
        assert!(run.success());
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_and_space_is_enough_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::new(dir.path(), 24) else {
        eprintln!("SKIPPED: mounting a tmpfs needs rights this process does not have");
        return;
    };
    let chain = Chain::random(2, 12);
    {
        let (store, _) = Store::open(dir.path(), archive()).unwrap();
        chain.cut(10).write(&store);
        assert!(store.free_bytes().unwrap().unwrap() <= 24 << 20);
        let taken = fill(&store);
        assert!(taken > 5, "only {taken} MiB fit");
        assert_eq!(store.heads().unsafe_.id(), chain.id(10));
        assert!(
            store
                .latest_view()
                .unwrap()
                .prove(common::address(1), &[])
                .is_ok()
        );
        assert!(store.block_and_receipts(9).unwrap().is_some());
        mount.resize(200);
        store
            .commit(Commit::block(Arc::clone(&chain.blocks[11])))
            .unwrap();
        store.expire(0, 255).unwrap();
    }
    let (store, _) = Store::open(dir.path(), archive()).unwrap();
    store
        .commit(Commit::block(Arc::clone(&chain.blocks[12])))
        .unwrap();
    let never_full = Store::in_memory_with(archive());
    chain.write(&never_full);
    assert_same(&store, &never_full, "after the disk was full");
    drop(store);
    drop(mount);
}
