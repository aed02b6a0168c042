//! Unwinding is never having executed.
//!
//! Two stores run side by side: one commits a random chain with labels and all that hangs on them and
//! unwinds to a random height, the other stops at that height. Every row of every table must be equal,
//! and stay equal when both go on along another branch. Then the reorganisation is told to whoever
//! listens, and what must not be unwound is refused.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "a test of small numbers"
)]

mod common;

use alloy_primitives::{B256, Bytes};
use common::{Chain, archive, assert_same, cursor, init, stores};
use foggara_primitives::BlockId;
use foggara_store::{Commit, CommitError, Options, Posted, Store, StoreError, StoreEvent, Trace};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::sync::Arc;

/// What a node writes as it follows the chain, all of it a function of the block number.
fn write(store: &Store, chain: &Chain, blocks: std::ops::RangeInclusive<usize>, safe_to: usize) {
    for n in blocks {
        let id = chain.id(n);
        let number = n as u64;
        let mut batch = Commit::block(Arc::clone(&chain.blocks[n]));
        batch.posted.push((
            number,
            Some(Posted {
                l1_block: number,
                ..Posted::default()
            }),
        ));
        store.commit(batch).unwrap();
        if n > safe_to {
            continue;
        }
        let l1 = BlockId {
            hash: B256::repeat_byte(n as u8 / 2),
            number: 1_000 + number / 2,
        };
        store
            .commit(Commit {
                cursors: vec![(number, cursor(number))],
                traces: vec![(number, Trace::Root(id.hash))],
                safe_at_l1: vec![(l1, id)],
                safe: Some(id),
                ..Commit::default()
            })
            .unwrap();
    }
}

#[test]
fn unwinding_equals_never_having_executed() {
    let mut rng = StdRng::seed_from_u64(11);
    for seed in 0..24 {
        let count = rng.random_range(1..14);
        let to = rng.random_range(0..=count);
        let chain = Chain::random(seed, count);
        let mut branch = chain.cut(to);
        for _ in 0..5 {
            branch.grow(&mut rng);
        }
        // Both engines each, and across: the contents do not depend on the engine.
        let ran = stores(&archive());
        let never = stores(&archive());
        for (ran, _) in &ran {
            init(ran, &chain.blocks[0]);
            write(ran, &chain, 1..=count, count);
            let removed = ran.unwind(to as u64, Commit::default()).unwrap();
            let expected: Vec<_> = chain.blocks[to + 1..].iter().map(|b| b.hash).collect();
            assert_eq!(removed.iter().map(|b| b.hash).collect::<Vec<_>>(), expected);
            for (never, _) in &never {
                if !never.is_initialised() {
                    init(never, &chain.blocks[0]);
                    write(never, &chain, 1..=to, to);
                }
                assert_same(
                    ran,
                    never,
                    &format!("after unwinding {count} to {to}, seed {seed}"),
                );
            }
        }
        for (store, _) in ran.iter().chain(&never) {
            write(store, &branch, to + 1..=to + 5, to + 3);
        }
        for (store, _) in ran.iter().chain(&never) {
            assert_same(
                store,
                &never[0].0,
                &format!("on the other branch, seed {seed}"),
            );
            assert_eq!(
                branch.tip().header.state_root,
                branch.models.last().unwrap().root()
            );
        }
    }
}

#[test]
fn a_reorg_is_one_transaction_and_is_told_in_order() {
    for (store, _dir) in stores(&archive()) {
        let mut chain = Chain::random(5, 6);
        chain.write(&store);
        let mut events = store.subscribe();
        let mut heads = store.subscribe_heads();
        heads.mark_unchanged();
        let removed_receipts = store.receipts(6).unwrap().unwrap();
        let mut rng = StdRng::seed_from_u64(6);
        let old = chain.clone();
        chain = chain.cut(3);
        chain.grow(&mut rng);
        chain.grow(&mut rng);
        let batch = Commit {
            blocks: chain.blocks[4..].to_vec(),
            ..Commit::default()
        };
        let removed = store.unwind(3, batch).unwrap();
        assert_eq!(
            removed.iter().map(|b| b.header.number).collect::<Vec<_>>(),
            [4, 5, 6]
        );
        match events.try_recv().unwrap() {
            StoreEvent::Reorg { to, removed } => {
                assert_eq!(to, chain.id(3));
                assert_eq!(removed[2].block.hash, old.blocks[6].hash);
                assert_eq!(removed[2].receipts, removed_receipts);
            }
            other => panic!("{other:?}"),
        }
        for n in [4, 5] {
            match events.try_recv().unwrap() {
                StoreEvent::Block(block) => assert_eq!(block.hash, chain.blocks[n].hash),
                other => panic!("{other:?}"),
            }
        }
        match events.try_recv().unwrap() {
            StoreEvent::Heads(heads) => assert_eq!(heads.unsafe_.id(), chain.id(5)),
            other => panic!("{other:?}"),
        }
        assert!(events.try_recv().is_err());
        assert!(heads.has_changed().unwrap());
        assert_eq!(heads.borrow().unsafe_.id(), chain.id(5));
        assert_eq!(store.generation().unwrap(), 1);
        // Nothing of the lost branch is found any more, by number or by hash.
        assert!(store.block(6).unwrap().is_none());
        assert!(store.block_by_hash(old.blocks[5].hash).unwrap().is_none());
        for block in &old.blocks[4..] {
            for raw in &block.transactions {
                assert!(
                    store
                        .tx_by_hash(alloy_primitives::keccak256(raw))
                        .unwrap()
                        .is_none()
                );
            }
        }
    }
}

#[test]
fn a_refused_reorg_changes_nothing() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(8, 6);
        chain.write(&store);
        let before = common::dump(&store);
        // The batch does not stand on block 3, so the unwind must not happen either.
        let batch = Commit::block(Arc::clone(&chain.blocks[6]));
        let refused = store.unwind(3, batch).unwrap_err();
        assert!(matches!(refused, CommitError::Conflict { head, .. } if head == chain.id(3)));
        assert_eq!(common::dump(&store), before);
        assert_eq!(store.heads().unsafe_.id(), chain.id(6));
    }
}

#[test]
fn a_batch_made_for_another_head_is_refused() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(8, 6);
        chain.write(&store);
        let before = common::dump(&store);
        let on = |block: usize| Commit {
            on_head: Some(chain.blocks[block].hash),
            ..Commit::default()
        };
        let refused = store.unwind(3, on(5)).unwrap_err();
        let parent = chain.blocks[5].hash;
        let head = chain.id(6);
        assert_eq!(refused, CommitError::Conflict { head, parent });
        assert_eq!(common::dump(&store), before);
        assert_eq!(store.unwind(3, on(6)).unwrap().len(), 3);
    }
}

#[test]
fn what_is_final_or_unknown_or_forgotten_is_not_unwound() {
    for (store, _dir) in stores(&Options {
        history_window: Some(2),
        ..Options::default()
    }) {
        let chain = Chain::random(9, 12);
        chain.write(&store);
        let id = chain.id(4);
        let labels = Commit {
            safe: Some(id),
            finalized: Some(id),
            ..Commit::default()
        };
        store.commit(labels).unwrap();
        assert_eq!(
            store.unwind(3, Commit::default()),
            Err(CommitError::BelowFinalized {
                to: 3,
                finalized: 4
            })
        );
        assert!(matches!(
            store.unwind(13, Commit::default()),
            Err(CommitError::Invalid(_))
        ));
        assert_eq!(store.unwind(12, Commit::default()), Ok(vec![]));
        // The window is two blocks, but nothing above the finalized one is forgotten.
        assert_eq!(store.oldest_state().unwrap(), 4);
        assert!(matches!(
            store.view_at(3),
            Err(StoreError::Pruned {
                block: 3,
                oldest: 4
            })
        ));
        assert_eq!(store.unwind(4, Commit::default()).unwrap().len(), 8);
        assert_eq!(store.heads().unsafe_.id(), id);
    }
}

#[test]
fn labels_fall_with_the_chain() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(10, 8);
        init(&store, &chain.blocks[0]);
        write(&store, &chain, 1..=8, 6);
        assert_eq!(store.heads().safe.id(), chain.id(6));
        assert_eq!(
            store.safe_at_l1(1_003).unwrap().unwrap().1.id(),
            chain.id(6)
        );
        store.unwind(4, Commit::default()).unwrap();
        assert_eq!(store.heads().safe.id(), chain.id(4));
        assert!(store.cursor(5).unwrap().is_none());
        assert_eq!(store.cursor_at_or_below(9).unwrap().unwrap().0, 4);
        // The record of L1 block 1002 named block 5, which is gone; block 4 came from there too.
        let (l1, safe) = store.safe_at_l1(9_999).unwrap().unwrap();
        assert_eq!((l1.number, safe.id()), (1_002, chain.id(4)));
        assert!(store.posted(5).unwrap().is_none() && store.trace(5).unwrap().is_none());
        let meta = Commit {
            metadata: vec![("batcher.x".into(), Some(Bytes::from_static(b"1")))],
            ..Commit::default()
        };
        store.commit(meta).unwrap();
        assert_eq!(
            store.metadata("batcher.x").unwrap().unwrap(),
            Bytes::from_static(b"1")
        );
    }
}
