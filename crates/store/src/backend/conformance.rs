//! What every engine must do; each clause runs on each engine.

use super::{Database, Mdbx, Memory, ReadTx};
use crate::{DbError, KEY_SIZE_MAX, Table, VALUE_SIZE_MAX};
use core::ops::ControlFlow;
use proptest::{prelude::*, test_runner::TestRunner};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
};

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Runs a clause on both engines.
fn on_each(clause: impl Fn(&dyn Database)) {
    clause(&Memory::new());
    let dir = tempfile::tempdir().unwrap();
    clause(&Mdbx::open(dir.path(), 1 << 30).unwrap());
}

fn rows(tx: &dyn ReadTx, table: Table, from: &[u8]) -> Rows {
    let mut out = Vec::new();
    tx.walk(table, from, &mut |key, value| {
        out.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })
    .unwrap();
    out
}

fn put(db: &dyn Database, table: Table, key: &[u8], value: &[u8]) {
    let mut tx = db.write().unwrap();
    tx.put(table, key, value).unwrap();
    tx.commit().unwrap();
}

fn get(tx: &dyn ReadTx, table: Table, key: &[u8]) -> Option<Vec<u8>> {
    tx.get(table, key).unwrap().map(Vec::from)
}

#[test]
fn a_write_is_seen_by_itself_at_once_and_by_others_after_its_commit() {
    on_each(|db| {
        let before = db.read().unwrap();
        let mut tx = db.write().unwrap();
        tx.put(Table::Headers, b"k", b"v").unwrap();
        assert_eq!(get(&*tx, Table::Headers, b"k").as_deref(), Some(&b"v"[..]));
        assert_eq!(get(&*db.read().unwrap(), Table::Headers, b"k"), None);
        tx.commit().unwrap();
        assert_eq!(
            get(&*db.read().unwrap(), Table::Headers, b"k").as_deref(),
            Some(&b"v"[..])
        );
        assert_eq!(
            get(&*before, Table::Headers, b"k"),
            None,
            "a snapshot moved"
        );
    });
}

#[test]
fn a_dropped_write_leaves_nothing() {
    on_each(|db| {
        put(db, Table::Headers, b"kept", b"1");
        let mut tx = db.write().unwrap();
        tx.put(Table::Headers, b"lost", b"2").unwrap();
        tx.delete(Table::Headers, b"kept").unwrap();
        drop(tx);
        let tx = db.read().unwrap();
        assert_eq!(
            rows(&*tx, Table::Headers, &[]),
            [(b"kept".to_vec(), b"1".to_vec())]
        );
    });
}

#[test]
fn tables_are_apart_and_values_may_be_empty() {
    on_each(|db| {
        put(db, Table::Headers, b"k", b"");
        let tx = db.read().unwrap();
        assert_eq!(get(&*tx, Table::Headers, b"k").as_deref(), Some(&[][..]));
        assert_eq!(tx.seek(Table::Headers, b"a").unwrap().unwrap().1.len(), 0);
        assert_eq!(get(&*tx, Table::Receipts, b"k"), None);
        assert_eq!(
            (
                tx.count(Table::Headers).unwrap(),
                tx.count(Table::Receipts).unwrap()
            ),
            (1, 0)
        );
    });
}

#[test]
fn delete_says_whether_the_row_was_there() {
    on_each(|db| {
        put(db, Table::Headers, b"k", b"v");
        let mut tx = db.write().unwrap();
        assert!(tx.delete(Table::Headers, b"k").unwrap());
        assert!(!tx.delete(Table::Headers, b"k").unwrap());
        tx.commit().unwrap();
        assert_eq!(db.read().unwrap().count(Table::Headers).unwrap(), 0);
    });
}

#[test]
fn keys_and_values_beyond_the_bounds_are_refused_and_harm_nothing() {
    on_each(|db| {
        let mut tx = db.write().unwrap();
        for len in [0, 9, KEY_SIZE_MAX, 2_000, 70_000] {
            let key = vec![7; len];
            let refused = DbError::Key {
                table: Table::Headers,
                len,
            };
            assert_eq!(tx.put(Table::Headers, &key, b"v"), Err(refused.clone()));
            assert_eq!(tx.get(Table::Headers, &key), Err(refused.clone()));
            assert_eq!(tx.delete(Table::Headers, &key), Err(refused));
        }
        let long = vec![1; VALUE_SIZE_MAX + 1];
        assert!(matches!(
            tx.put(Table::Headers, b"k", &long),
            Err(DbError::Value { .. })
        ));
        for table in Table::ALL {
            tx.put(*table, &vec![0xff; table.key_max()], b"longest")
                .unwrap();
        }
        tx.put(Table::FgBlobs, b"blob", &vec![3; 131_080]).unwrap();
        tx.commit().unwrap();
        let tx = db.read().unwrap();
        for table in Table::ALL {
            assert!(get(&*tx, *table, &vec![0xff; table.key_max()]).is_some());
        }
        assert_eq!(get(&*tx, Table::FgBlobs, b"blob").unwrap().len(), 131_080);
    });
}

#[test]
fn a_walk_stops_when_told() {
    on_each(|db| {
        let mut tx = db.write().unwrap();
        for i in 0..200u8 {
            tx.put(Table::Headers, &[i], &[i]).unwrap();
        }
        tx.commit().unwrap();
        let mut seen = Vec::new();
        let tx = db.read().unwrap();
        tx.walk(Table::Headers, &[90], &mut |key, _| {
            seen.push(key[0]);
            if seen.len() == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
        assert_eq!(seen, [90, 91, 92]);
    });
}

#[test]
fn snapshots_stay_while_others_write() {
    on_each(|db| {
        put(db, Table::Headers, b"n", &[0]);
        let snapshots: Vec<_> = (1..=50u8)
            .map(|n| {
                let snapshot = db.read().unwrap();
                let mut tx = db.write().unwrap();
                tx.put(Table::Headers, b"n", &[n]).unwrap();
                tx.put(Table::Headers, &[n], &[n; 200]).unwrap();
                tx.commit().unwrap();
                snapshot
            })
            .collect();
        for (n, snapshot) in snapshots.iter().enumerate() {
            assert_eq!(
                get(&**snapshot, Table::Headers, b"n").unwrap(),
                [u8::try_from(n).unwrap()]
            );
            assert_eq!(snapshot.count(Table::Headers).unwrap(), n as u64 + 1);
        }
    });
}

#[test]
fn a_second_writer_waits_for_the_first() {
    let check = |db: Arc<dyn Database>| {
        let (start, done) = (Barrier::new(2), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let mut first = db.write().unwrap();
            scope.spawn(|| {
                start.wait();
                let mut second = db.write().unwrap();
                assert!(done.load(Ordering::SeqCst), "two writers at once");
                assert_eq!(
                    get(&*second, Table::Headers, b"k").as_deref(),
                    Some(&b"1"[..])
                );
                second.put(Table::Headers, b"k", b"2").unwrap();
                second.commit().unwrap();
            });
            start.wait();
            std::thread::sleep(std::time::Duration::from_millis(50));
            first.put(Table::Headers, b"k", b"1").unwrap();
            done.store(true, Ordering::SeqCst);
            first.commit().unwrap();
        });
        assert_eq!(
            get(&*db.read().unwrap(), Table::Headers, b"k").as_deref(),
            Some(&b"2"[..])
        );
    };
    check(Arc::new(Memory::new()));
    let dir = tempfile::tempdir().unwrap();
    check(Arc::new(Mdbx::open(dir.path(), 1 << 30).unwrap()));
}

/// One step of a random run.
#[derive(Debug, Clone)]
enum Step {
    Put(u16, u8),
    Delete(u16),
    Commit,
    Abort,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u16..600, any::<u8>()).prop_map(|(k, v)| Step::Put(k, v)),
        8 => (0u16..600).prop_map(Step::Delete),
        1 => Just(Step::Commit),
        1 => Just(Step::Abort),
    ]
}

/// Keys of several lengths, so that order by bytes and order by number differ.
fn key(k: u16) -> Vec<u8> {
    k.to_string().into_bytes()
}

#[test]
fn every_read_equals_that_of_a_plain_map() {
    on_each(|db| {
        let mut runner = TestRunner::new(ProptestConfig::with_cases(60));
        let table = Table::HeaderNumbers;
        let run = proptest::collection::vec(step(), 1..400);
        runner
            .run(&run, |steps| {
                let mut tx = db.write().unwrap();
                for (key, _) in rows(&*tx, table, &[]) {
                    tx.delete(table, &key).unwrap();
                }
                tx.commit().unwrap();
                let mut durable = BTreeMap::new();
                let mut model = BTreeMap::new();
                let mut tx = db.write().unwrap();
                for step in steps {
                    match step {
                        Step::Put(k, v) => {
                            tx.put(table, &key(k), &[v]).unwrap();
                            model.insert(key(k), vec![v]);
                        }
                        Step::Delete(k) => {
                            let there = tx.delete(table, &key(k)).unwrap();
                            prop_assert_eq!(there, model.remove(&key(k)).is_some());
                        }
                        Step::Commit => {
                            tx.commit().unwrap();
                            durable = model.clone();
                            tx = db.write().unwrap();
                        }
                        Step::Abort => {
                            drop(tx);
                            model = durable.clone();
                            tx = db.write().unwrap();
                        }
                    }
                }
                compare(&*tx, table, &model)?;
                drop(tx);
                compare(&*db.read().unwrap(), table, &durable)
            })
            .unwrap();
    });
}

fn compare(
    tx: &dyn ReadTx,
    table: Table,
    model: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<(), TestCaseError> {
    let all: Rows = model.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    prop_assert_eq!(&rows(tx, table, &[]), &all);
    prop_assert_eq!(tx.count(table).unwrap(), all.len() as u64);
    let owned = |pair: Option<super::Pair<'_>>| pair.map(|(k, v)| (k.to_vec(), v.to_vec()));
    prop_assert_eq!(
        owned(tx.seek_back(table, None).unwrap()),
        all.last().cloned()
    );
    for k in (0..600).step_by(7) {
        let key = key(k);
        prop_assert_eq!(get(tx, table, &key), model.get(&key).cloned());
        let after = model
            .range(key.clone()..)
            .next()
            .map(|(k, v)| (k.clone(), v.clone()));
        prop_assert_eq!(owned(tx.seek(table, &key).unwrap()), after);
        let until = model
            .range(..=key.clone())
            .next_back()
            .map(|(k, v)| (k.clone(), v.clone()));
        prop_assert_eq!(owned(tx.seek_back(table, Some(&key)).unwrap()), until);
        let tail = all
            .iter()
            .filter(|(k, _)| *k >= key)
            .cloned()
            .collect::<Rows>();
        prop_assert_eq!(rows(tx, table, &key), tail);
    }
    Ok(())
}
