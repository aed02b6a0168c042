//! What goes in comes out, by number, by hash and by transaction; and what must not go in does not.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "a test of small numbers"
)]

mod common;

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, keccak256};
use common::{Chain, archive, cursor, init, stores};
use foggara_primitives::{BlockId, L2Ref};
use foggara_store::{
    COMMIT_BLOCKS_MAX, Commit, CommitError, DroppedTx, ExecutedBlock, L1Block, Posted, Store,
    StoreChange, StoreError, StoredFrame, Trace,
};
use std::{ops::ControlFlow, sync::Arc};

#[test]
fn blocks_are_found_by_number_and_hash_and_transactions_by_hash() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(70, 20);
        chain.write(&store);
        assert_eq!(store.genesis().unwrap().hash, chain.blocks[0].hash);
        for (n, block) in chain.blocks.iter().enumerate() {
            let n = n as u64;
            let found = store.block(n).unwrap().unwrap();
            assert_eq!((&found.header, found.hash), (&block.header, block.hash));
            assert_eq!(
                (&found.transactions, &found.senders),
                (&block.transactions, &block.senders)
            );
            assert_eq!(
                store.block_by_hash(block.hash).unwrap().as_ref(),
                Some(&found)
            );
            assert_eq!(store.receipts(n).unwrap().as_ref(), Some(&block.receipts));
            assert_eq!(
                store.transactions(n).unwrap().as_ref(),
                Some(&block.transactions)
            );
            let both = store.block_and_receipts(n).unwrap().unwrap();
            assert_eq!(both, (found, block.receipts.clone()));
            assert_eq!(store.header(n).unwrap().unwrap().header, block.header);
            assert_eq!(
                store
                    .header_by_hash(block.hash)
                    .unwrap()
                    .unwrap()
                    .header
                    .number,
                n
            );
            assert_eq!(store.block_number(block.hash).unwrap(), Some(n));
            assert_eq!(store.block_hash(n).unwrap(), Some(block.hash));
            assert_eq!(store.l2_ref(n).unwrap(), block.l2);
            for (index, raw) in block.transactions.iter().enumerate() {
                let hash = keccak256(raw);
                assert!(store.has_tx(hash).unwrap());
                let at = store.tx_by_hash(hash).unwrap().unwrap();
                assert_eq!((at.block_number, at.block_hash), (n, block.hash));
                assert_eq!((at.index, &at.raw), (index as u64, raw));
                assert_eq!(at.sender, block.senders[index]);
            }
            if !block.transactions.is_empty() {
                assert_eq!(
                    store.trace(n).unwrap(),
                    Some(Trace::Steps(block.trace.clone()))
                );
            }
        }
        let nothing = B256::repeat_byte(0xaa);
        assert!(store.block(21).unwrap().is_none() && store.receipts(21).unwrap().is_none());
        assert!(store.block_by_hash(nothing).unwrap().is_none());
        assert!(store.tx_by_hash(nothing).unwrap().is_none() && !store.has_tx(nothing).unwrap());
        assert!(store.l2_ref(21).unwrap().is_none());
        let mut seen = Vec::new();
        store
            .walk_headers(5, 100, |header| {
                seen.push(header.header.number);
                if seen.len() < 7 {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
            .unwrap();
        assert_eq!(seen, (5..12).collect::<Vec<_>>());
        assert!(store.check_state().unwrap().is_sound());
        assert_eq!(store.check_state().unwrap().block, chain.id(20));
    }
}

#[test]
fn an_empty_store_says_so() {
    for (store, _dir) in stores(&archive()) {
        assert!(!store.is_initialised());
        assert!(matches!(store.latest_view(), Err(StoreError::Empty)));
        assert!(matches!(store.genesis(), Err(StoreError::Empty)));
        let block = Arc::clone(&Chain::random(1, 1).blocks[1]);
        let refused = store.commit(Commit::block(block));
        assert_eq!(refused, Err(CommitError::Store(StoreError::Empty)));
        assert!(store.block(0).unwrap().is_none());
    }
}

/// The same chain as plain Ethereum: no L1 origin, no message passer.
#[test]
fn a_chain_without_an_l1_is_kept_as_well() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(71, 5);
        let plain = |block: &ExecutedBlock| ExecutedBlock {
            l2: None,
            ..block.clone()
        };
        init(&store, &plain(&chain.blocks[0]));
        for block in &chain.blocks[1..] {
            store.commit(Commit::block(Arc::new(plain(block)))).unwrap();
        }
        let block = &chain.blocks[5];
        let expected = L2Ref {
            hash: block.hash,
            number: 5,
            parent_hash: block.header.parent_hash,
            timestamp: block.header.timestamp,
            ..L2Ref::default()
        };
        assert_eq!(store.l2_ref(5).unwrap(), Some(expected));
        assert_eq!(store.heads().unsafe_, expected);
        assert_eq!(store.passer_root(5).unwrap(), None);
        store
            .commit(Commit {
                safe: Some(chain.id(4)),
                ..Commit::default()
            })
            .unwrap();
        store.unwind(2, Commit::default()).unwrap();
        assert_eq!(store.heads().safe.id(), chain.id(2));
    }
}

#[test]
fn a_group_is_one_commit_and_has_a_bound() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(72, COMMIT_BLOCKS_MAX + 1);
        init(&store, &chain.blocks[0]);
        let group = |blocks: &[Arc<ExecutedBlock>]| Commit {
            blocks: blocks.to_vec(),
            ..Commit::default()
        };
        let refused = store.commit(group(&chain.blocks[1..])).unwrap_err();
        assert!(matches!(refused, CommitError::Invalid(_)), "{refused}");
        let last = COMMIT_BLOCKS_MAX;
        let mut batch = group(&chain.blocks[1..=last]);
        batch.cursors = (1..=last as u64).map(|n| (n, cursor(n))).collect();
        batch.safe = Some(chain.id(last));
        let mut heads = store.subscribe_heads();
        heads.mark_unchanged();
        store.commit(batch).unwrap();
        assert_eq!(heads.borrow_and_update().safe.id(), chain.id(last));
        assert_eq!(store.cursor(100).unwrap(), Some(cursor(100)));
        // Labels move without blocks, and an empty batch is no transaction at all.
        store
            .commit(Commit {
                finalized: Some(chain.id(9)),
                ..Commit::default()
            })
            .unwrap();
        assert_eq!(store.heads().finalized.id(), chain.id(9));
        heads.mark_unchanged();
        store.commit(Commit::default()).unwrap();
        assert!(!heads.has_changed().unwrap());
    }
}

#[test]
fn what_contradicts_itself_or_the_chain_is_refused() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(73, 6);
        chain.cut(5).write(&store);
        let before = common::dump(&store);
        let next = &chain.blocks[6];
        let invalid = |what: &str, edit: &dyn Fn(&mut ExecutedBlock)| {
            let mut block = ExecutedBlock::clone(next);
            edit(&mut block);
            let refused = store.commit(Commit::block(Arc::new(block))).unwrap_err();
            assert!(
                matches!(refused, CommitError::Invalid(_)),
                "{what}: {refused}"
            );
        };
        invalid("hash", &|b| b.hash = B256::ZERO);
        invalid("senders", &|b| b.senders.push(Default::default()));
        invalid("receipts", &|b| b.receipts.push(Bytes::new()));
        invalid("reference", &|b| b.l2.as_mut().unwrap().number += 1);
        invalid("state root", &|b| {
            b.header.state_root = B256::repeat_byte(1);
            b.hash = b.header.hash_slow();
            b.l2.as_mut().unwrap().hash = b.hash;
        });
        let conflict = |block: &Arc<ExecutedBlock>| {
            let refused = store.commit(Commit::block(Arc::clone(block)));
            let head = chain.id(5);
            let parent = block.header.parent_hash;
            assert_eq!(refused, Err(CommitError::Conflict { head, parent }));
        };
        // An account that names code nobody has.
        let mut block = ExecutedBlock::clone(next);
        let change = foggara_primitives::AccountChange {
            info: Some(foggara_primitives::AccountInfo {
                code_hash: B256::repeat_byte(0xcc),
                ..Default::default()
            }),
            ..Default::default()
        };
        block.diff.accounts.insert(common::address(0x77), change);
        let refused = store.commit(Commit::block(Arc::new(block))).unwrap_err();
        assert!(refused.to_string().contains("no code 0xcccc"), "{refused}");
        conflict(&chain.blocks[5]);
        conflict(&chain.blocks[3]);
        let mut skipped = ExecutedBlock::clone(next);
        skipped.header.number += 1;
        skipped.hash = skipped.header.hash_slow();
        skipped.l2 = None;
        conflict(&Arc::new(skipped));
        // A group whose second block does not stand on the first.
        let blocks = vec![Arc::clone(next), Arc::clone(next)];
        assert!(
            store
                .commit(Commit {
                    blocks,
                    ..Commit::default()
                })
                .is_err()
        );

        let label = |safe, finalized| {
            let batch = Commit {
                safe,
                finalized,
                ..Commit::default()
            };
            store.commit(batch).unwrap_err()
        };
        let stranger = BlockId {
            hash: B256::repeat_byte(7),
            number: 4,
        };
        assert!(matches!(
            label(Some(stranger), None),
            CommitError::Invalid(_)
        ));
        assert!(
            matches!(label(None, Some(chain.id(2))), CommitError::Invalid(_)),
            "not safe yet"
        );
        assert!(
            matches!(label(Some(chain.id(6)), None), CommitError::Invalid(_)),
            "not there yet"
        );
        let own = Commit {
            metadata: vec![("store.schema".into(), None)],
            ..Commit::default()
        };
        assert!(matches!(store.commit(own), Err(CommitError::Invalid(_))));
        let long = Commit {
            metadata: vec![("x".repeat(65), None)],
            ..Commit::default()
        };
        assert!(store.commit(long).is_err());
        let cursors = vec![(6, cursor(6))];
        assert!(
            store
                .commit(Commit {
                    cursors,
                    ..Commit::default()
                })
                .is_err()
        );
        assert!(common::dump(&store) == before);
    }
}

#[test]
fn labels_keep_their_order() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(74, 9);
        chain.write(&store);
        let label = |safe, finalized| {
            store.commit(Commit {
                safe,
                finalized,
                ..Commit::default()
            })
        };
        label(Some(chain.id(7)), Some(chain.id(4))).unwrap();
        // L1 was reorganised: safe falls, but never below finalized, and finalized never falls.
        label(Some(chain.id(5)), None).unwrap();
        assert_eq!(store.heads().safe.id(), chain.id(5));
        assert_eq!(
            label(Some(chain.id(3)), None),
            Err(CommitError::BelowFinalized {
                to: 3,
                finalized: 4
            })
        );
        assert_eq!(
            label(None, Some(chain.id(2))),
            Err(CommitError::BelowFinalized {
                to: 2,
                finalized: 4
            })
        );
        let heads = store.heads();
        assert_eq!(
            (
                heads.finalized.number,
                heads.safe.number,
                heads.unsafe_.number
            ),
            (4, 5, 9)
        );
    }
}

#[test]
fn safe_heads_are_told_by_l1_block() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(75, 9);
        chain.write(&store);
        let l1 = |n: u8| BlockId {
            hash: B256::repeat_byte(n),
            number: u64::from(n),
        };
        let rows = vec![
            (l1(10), chain.id(2)),
            (l1(13), chain.id(5)),
            (l1(14), chain.id(6)),
        ];
        store
            .commit(Commit {
                safe_at_l1: rows,
                ..Commit::default()
            })
            .unwrap();
        let at = |n| {
            store
                .safe_at_l1(n)
                .unwrap()
                .map(|(l1, l2)| (l1.number, l2.number))
        };
        assert_eq!(
            [at(9), at(10), at(12)],
            [None, Some((10, 2)), Some((10, 2))]
        );
        assert_eq!(
            [at(13), at(14), at(99)],
            [Some((13, 5)), Some((14, 6)), Some((14, 6))]
        );
        assert_eq!(store.safe_at_l1(13).unwrap().unwrap().0, l1(13));
        let header = |number| Header {
            number,
            ..Header::default()
        };
        let block = |n| L1Block {
            hash: header(n).hash_slow(),
            header: header(n),
        };
        let l1_blocks = (8..16).map(block).collect();
        store
            .commit(Commit {
                l1_blocks,
                ..Commit::default()
            })
            .unwrap();
        // L1 is reorganised above block 12, and the window starts at 9.
        let batch = Commit {
            l1_reorged_above: Some(12),
            l1_forget_below: Some(9),
            l1_blocks: vec![block(13)],
            ..Commit::default()
        };
        store.commit(batch).unwrap();
        assert_eq!(at(99), Some((10, 2)));
        let kept: Vec<u64> = (0..20)
            .filter(|n| store.l1_block(*n).unwrap().is_some())
            .collect();
        assert_eq!(kept, [9, 10, 11, 12, 13]);
        assert_eq!(store.l1_block(12).unwrap(), Some(block(12)));
    }
}

#[test]
fn frames_are_read_back_from_the_accumulator() {
    for (store, _dir) in stores(&archive()) {
        init(&store, &Chain::random(1, 0).blocks[0]);
        let mut previous = B256::ZERO;
        let mut accs = Vec::new();
        for n in 0..4u8 {
            let data = Bytes::from(vec![n; 10]);
            let acc = keccak256([previous.as_slice(), &data].concat());
            let frames = vec![(acc, StoredFrame { previous, data })];
            store
                .commit(Commit {
                    frames,
                    ..Commit::default()
                })
                .unwrap();
            accs.push(acc);
            previous = acc;
        }
        let firsts = |acc, count| -> Option<Vec<u8>> {
            let frames = store.frames_back(acc, count).unwrap()?;
            Some(frames.iter().map(|data| data[0]).collect())
        };
        assert_eq!(firsts(accs[3], 4), Some(vec![0, 1, 2, 3]));
        assert_eq!(firsts(accs[2], 2), Some(vec![1, 2]));
        assert_eq!(firsts(accs[3], 0), Some(vec![]));
        assert_eq!(firsts(accs[3], 5), None);
        let done = Commit {
            frames_done: vec![accs[1]],
            ..Commit::default()
        };
        store.commit(done).unwrap();
        assert_eq!(firsts(accs[3], 4), None);
        assert!(store.frame(accs[1]).unwrap().is_none() && store.frame(accs[0]).unwrap().is_some());
    }
}

#[test]
fn records_of_other_crates_come_back_and_expire() {
    for (store, _dir) in stores(&archive()) {
        Chain::random(76, 3).write(&store);
        let intent = |role, nonce, byte: u8| ((role, nonce), Some(Bytes::from(vec![byte])));
        let dropped = |time| DroppedTx {
            time,
            reason: "replaced".into(),
        };
        let posted = Posted {
            l1_txs: vec![B256::repeat_byte(1)],
            ..Posted::default()
        };
        let batch = Commit {
            intents: vec![
                intent(1, 300, 3),
                intent(1, 2, 2),
                intent(0, 9, 9),
                intent(2, 0, 0),
            ],
            dropped: vec![
                (B256::repeat_byte(1), dropped(100)),
                (B256::repeat_byte(2), dropped(200)),
            ],
            blobs: vec![
                (B256::repeat_byte(3), 50, Bytes::from_static(b"old")),
                (B256::repeat_byte(4), 150, Bytes::from_static(b"new")),
            ],
            posted: vec![(2, Some(posted.clone()))],
            ..Commit::default()
        };
        store.commit(batch).unwrap();
        let nonces = |store: &Store| -> Vec<u64> {
            store
                .intents(1)
                .unwrap()
                .iter()
                .map(|(nonce, _)| *nonce)
                .collect()
        };
        assert_eq!(nonces(&store), [2, 300]);
        assert_eq!(store.posted(2).unwrap(), Some(posted));
        let done = Commit {
            intents: vec![((1, 2), None)],
            posted: vec![(2, None)],
            ..Commit::default()
        };
        store.commit(done).unwrap();
        assert_eq!(nonces(&store), [300]);
        assert_eq!(store.posted(2).unwrap(), None);
        assert_eq!(store.expire(150, 100).unwrap(), 2);
        assert_eq!(store.expire(150, 100).unwrap(), 0);
        assert_eq!(store.dropped(B256::repeat_byte(1)).unwrap(), None);
        assert_eq!(
            store.dropped(B256::repeat_byte(2)).unwrap(),
            Some(dropped(200))
        );
        assert_eq!(store.blob(B256::repeat_byte(3)).unwrap(), None);
        assert_eq!(
            store.blob(B256::repeat_byte(4)).unwrap(),
            Some(Bytes::from_static(b"new"))
        );
    }
}

/// Somebody who subscribes and stays away kept every block of the queue in memory.
#[test]
fn changes_pin_no_block_that_stands() {
    let chain = Chain::random(72, 6);
    let store = Store::in_memory_with(archive());
    init(&store, &chain.blocks[0]);
    let mut changes = store.subscribe_changes();
    let block = Arc::new(chain.blocks[1].as_ref().clone());
    let weak = Arc::downgrade(&block);
    store.commit(Commit::block(block)).unwrap();
    assert!(weak.upgrade().is_none(), "the block is still held");
    for block in &chain.blocks[2..] {
        store.commit(Commit::block(Arc::clone(block))).unwrap();
    }
    store.unwind(4, Commit::default()).unwrap();
    let id = |n: usize| BlockId {
        hash: chain.blocks[n].hash,
        number: n as u64,
    };
    for n in 1..=6 {
        assert!(matches!(changes.try_recv(), Ok(StoreChange::Block(block)) if block == id(n)));
    }
    let Ok(StoreChange::Reorg { to, removed }) = changes.try_recv() else {
        panic!("the unwind is not told");
    };
    assert_eq!((to, removed.len()), (id(4), 2));
    assert!(changes.try_recv().is_err());
}
