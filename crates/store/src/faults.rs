//! An engine that fails on request, and what the store does then.

use crate::{
    Commit, CommitError, DbError, Options, Store, Table,
    backend::{Database, Memory, Pair, ReadTx, Visitor, WriteTx},
    common::{Chain, dump, init},
};
use foggara_primitives::Heads;
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// Fails the write after this many more; negative never fails.
#[derive(Debug, Default)]
struct Fuse {
    writes: AtomicI64,
    commits: AtomicI64,
}

impl Fuse {
    fn burn(counter: &AtomicI64) -> bool {
        counter.fetch_sub(1, Ordering::SeqCst) == 0
    }

    fn set(&self, writes: i64, commits: i64) {
        self.writes.store(writes, Ordering::SeqCst);
        self.commits.store(commits, Ordering::SeqCst);
    }
}

#[derive(Debug)]
struct Faulty {
    inner: Memory,
    fuse: Arc<Fuse>,
    error: DbError,
}

struct FaultyTx<'a> {
    inner: Box<dyn WriteTx + 'a>,
    faulty: &'a Faulty,
}

impl Database for Faulty {
    fn read(&self) -> Result<Box<dyn ReadTx + Send>, DbError> {
        self.inner.read()
    }
    fn write(&self) -> Result<Box<dyn WriteTx + '_>, DbError> {
        Ok(Box::new(FaultyTx {
            inner: self.inner.write()?,
            faulty: self,
        }))
    }
    fn size_bytes(&self) -> Result<u64, DbError> {
        self.inner.size_bytes()
    }
}

impl ReadTx for FaultyTx<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, DbError> {
        self.inner.get(table, key)
    }
    fn seek(&self, table: Table, key: &[u8]) -> Result<Option<Pair<'_>>, DbError> {
        self.inner.seek(table, key)
    }
    fn seek_back(&self, table: Table, key: Option<&[u8]>) -> Result<Option<Pair<'_>>, DbError> {
        self.inner.seek_back(table, key)
    }
    fn walk(&self, table: Table, from: &[u8], visit: &mut Visitor<'_>) -> Result<(), DbError> {
        self.inner.walk(table, from, visit)
    }
    fn count(&self, table: Table) -> Result<u64, DbError> {
        self.inner.count(table)
    }
}

impl FaultyTx<'_> {
    fn count_write(&self) -> Result<(), DbError> {
        if Fuse::burn(&self.faulty.fuse.writes) {
            Err(self.faulty.error.clone())
        } else {
            Ok(())
        }
    }
}

impl WriteTx for FaultyTx<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), DbError> {
        self.count_write()?;
        self.inner.put(table, key, value)
    }
    fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool, DbError> {
        self.count_write()?;
        self.inner.delete(table, key)
    }
    fn commit(self: Box<Self>) -> Result<(), DbError> {
        if Fuse::burn(&self.faulty.fuse.commits) {
            return Err(self.faulty.error.clone());
        }
        self.inner.commit()
    }
}

fn faulty(error: DbError) -> (Store, Arc<Fuse>, Chain) {
    let fuse = Arc::new(Fuse::default());
    fuse.set(-1, -1);
    let db = Faulty {
        inner: Memory::new(),
        fuse: Arc::clone(&fuse),
        error,
    };
    let options = Options {
        history_window: Some(1),
        ..Options::default()
    };
    let store = Store::assemble(Box::new(db), options, Heads::default(), None);
    let chain = Chain::random(60, 8);
    init(&store, &chain.blocks[0]);
    for block in &chain.blocks[1..=5] {
        store.commit(Commit::block(Arc::clone(block))).unwrap();
    }
    (store, fuse, chain)
}

/// A reorganisation with everything that a commit may carry.
fn batch(chain: &Chain) -> Commit {
    let id = chain.id(4);
    Commit {
        blocks: chain.blocks[5..].to_vec(),
        cursors: vec![(5, crate::common::cursor(5))],
        safe_at_l1: vec![(chain.id(1), id)],
        safe: Some(id),
        finalized: Some(chain.id(3)),
        ..Commit::default()
    }
}

#[test]
fn a_write_that_fails_at_any_row_leaves_nothing_and_may_be_repeated() {
    let (store, fuse, chain) = faulty(DbError::Full("disk".into()));
    let before = dump(&store);
    let mut events = store.subscribe();
    let mut failures = 0;
    for n in 0.. {
        fuse.set(n, -1);
        match store.unwind(4, batch(&chain)) {
            Ok(removed) => {
                assert_eq!(removed.len(), 1);
                break;
            }
            Err(error) => assert_eq!(error, CommitError::Full("disk".into())),
        }
        failures += 1;
        assert!(dump(&store) == before, "row {n} was left behind");
        assert_eq!(store.heads().unsafe_.id(), chain.id(5));
        assert!(events.try_recv().is_err());
    }
    assert!(failures > 50, "only {failures} rows were written");
    assert_eq!(store.heads().unsafe_.id(), chain.id(8));
    assert!(store.check_state().unwrap().is_sound());
}

#[test]
fn a_failed_sync_is_final() {
    let (store, fuse, chain) = faulty(DbError::Engine("input/output error".into()));
    let before = dump(&store);
    let mut events = store.subscribe();
    let heads = store.subscribe_heads();
    fuse.set(-1, 0);
    let next = || Commit::block(Arc::clone(&chain.blocks[6]));
    let poisoned = CommitError::Poisoned("database engine: input/output error".into());
    assert_eq!(store.commit(next()), Err(poisoned.clone()));
    // The disk is well again, but what is on it is not known: nothing is written or told any more.
    assert_eq!(store.commit(next()), Err(poisoned.clone()));
    assert_eq!(store.unwind(4, Commit::default()), Err(poisoned.clone()));
    assert_eq!(store.expire(9, 9), Err(poisoned));
    assert!(events.try_recv().is_err() && !heads.has_changed().unwrap());
    assert!(dump(&store) == before);
    assert!(
        store
            .latest_view()
            .unwrap()
            .prove(crate::common::address(1), &[])
            .is_ok()
    );
}

#[test]
fn a_sync_without_space_may_be_repeated() {
    let (store, fuse, chain) = faulty(DbError::Full("disk".into()));
    fuse.set(-1, 0);
    let next = || Commit::block(Arc::clone(&chain.blocks[6]));
    assert_eq!(store.commit(next()), Err(CommitError::Full("disk".into())));
    assert_eq!(store.commit(next()), Ok(()));
    assert_eq!(store.heads().unsafe_.id(), chain.id(6));
}
