//! The state at every block, long after.
//!
//! A naive model keeps a whole copy of the state per block. The store must answer the same from its
//! change sets, and prove it against the root in the header; views taken before later commits must
//! not notice them, and views that lived too long must go on as if nothing had happened.

#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "a test of small numbers"
)]

mod common;

use alloy_primitives::{B256, U256};
use common::{ADDRESSES, Chain, Model, SLOTS, address, archive, init, slot, stores};
use foggara_primitives::{StateSource, addresses::MESSAGE_PASSER};
use foggara_store::{Commit, Options, Overlay, StateView, Store, StoreError};
use foggara_trie::{HashNodes, verify};
use rand::{SeedableRng, rngs::StdRng};
use std::sync::Arc;

fn assert_state(source: &mut impl StateSource, model: &Model, what: &str) {
    for a in 0..ADDRESSES {
        let address = address(a);
        let expected = model.accounts.get(&address);
        assert_eq!(
            source.account(address).unwrap(),
            expected.map(|e| e.0),
            "{what}: {address}"
        );
        for s in 0..SLOTS {
            let value = expected
                .and_then(|e| e.1.get(&slot(s)))
                .copied()
                .unwrap_or_default();
            assert_eq!(
                source.storage(address, slot(s)).unwrap(),
                value,
                "{what}: {address} {s}"
            );
        }
        if let Some((info, _)) = expected {
            let code = source.code(info.code_hash).unwrap();
            assert_eq!(alloy_primitives::keccak256(code), info.code_hash);
        }
    }
}

fn assert_proofs(view: &mut StateView, model: &Model) {
    let slots: Vec<B256> = (0..SLOTS).map(slot).collect();
    for a in 0..ADDRESSES {
        let proof = view.prove(address(a), &slots).unwrap();
        verify(view.state_root(), &proof).unwrap();
        let expected = model.accounts.get(&address(a));
        assert_eq!(proof.info, expected.map(|e| e.0));
        for (s, shown) in slots.iter().zip(&proof.storage) {
            let value = expected
                .and_then(|e| e.1.get(s))
                .copied()
                .unwrap_or_default();
            assert_eq!((shown.slot, shown.value), (*s, value));
        }
    }
}

#[test]
fn every_block_reads_and_proves_as_it_was() {
    for seed in 0..6 {
        let chain = Chain::random(100 + seed, 25);
        for (store, _dir) in stores(&archive()) {
            chain.write(&store);
            for (n, model) in chain.models.iter().enumerate() {
                let mut view = store.view_at(n as u64).unwrap();
                assert_eq!(view.id(), chain.id(n));
                assert_eq!(view.state_root(), model.root());
                assert_state(&mut view, model, &format!("block {n}"));
                assert_proofs(&mut view, model);
                for m in 0..30u64 {
                    let hash = chain.blocks.get(m as usize).filter(|_| m as usize <= n);
                    let expected = hash.map_or(B256::ZERO, |b| b.hash);
                    assert_eq!(view.block_hash(m).unwrap(), expected);
                }
            }
            assert!(matches!(
                store.view_at(26),
                Err(StoreError::UnknownBlock(26))
            ));
        }
    }
}

#[test]
fn a_view_is_not_disturbed_by_later_commits_or_unwinding() {
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(7, 20);
        init(&store, &chain.blocks[0]);
        let mut views = vec![store.latest_view().unwrap()];
        for block in &chain.blocks[1..] {
            store.commit(Commit::block(Arc::clone(block))).unwrap();
            views.push(store.latest_view().unwrap());
        }
        store.unwind(10, Commit::default()).unwrap();
        for (n, view) in views.iter_mut().enumerate() {
            assert_state(view, &chain.models[n], &format!("view {n}"));
            assert_proofs(view, &chain.models[n]);
        }
    }
}

#[test]
fn the_window_moves_with_the_chain_and_forgets_what_is_final() {
    for (store, _dir) in stores(&Options {
        history_window: Some(5),
        ..Options::default()
    }) {
        let chain = Chain::random(21, 40);
        init(&store, &chain.blocks[0]);
        for n in 1..=40 {
            let mut batch = Commit::block(Arc::clone(&chain.blocks[n]));
            if n >= 12 {
                // Before that nothing is final, so nothing is forgotten.
                batch.safe = Some(chain.id(n - 2));
                batch.finalized = Some(chain.id(n - 3));
            } else {
                assert_eq!(store.oldest_state().unwrap(), 0);
            }
            store.commit(batch).unwrap();
        }
        assert_eq!(store.oldest_state().unwrap(), 35);
        for n in 0..=40u64 {
            match store.view_at(n) {
                Ok(mut view) => {
                    assert!(n >= 35);
                    assert_state(&mut view, &chain.models[n as usize], &format!("block {n}"));
                    assert_proofs(&mut view, &chain.models[n as usize]);
                }
                Err(StoreError::Pruned { block, oldest: 35 }) => assert!(block == n && n < 35),
                Err(other) => panic!("{other}"),
            }
        }
        // Nothing is left of what was forgotten, in either table.
        let dump = common::dump(&store);
        for table in [
            foggara_store::Table::AccountChangeSets,
            foggara_store::Table::StorageChangeSets,
        ] {
            assert!(
                dump[&table]
                    .keys()
                    .all(|key| key[..8] > 35u64.to_be_bytes()[..])
            );
        }
        let marks = |table| dump[&table].len();
        use foggara_store::Table::{
            AccountChangeSets, AccountsHistory, StorageChangeSets, StoragesHistory,
        };
        assert_eq!(marks(AccountChangeSets), marks(AccountsHistory));
        assert_eq!(marks(StorageChangeSets), marks(StoragesHistory));
        // Bodies and receipts stay.
        assert!(store.block_and_receipts(1).unwrap().is_some());
    }
}

#[test]
fn an_overlay_reads_as_if_its_blocks_were_durable() {
    let mut rng = StdRng::seed_from_u64(3);
    for (store, _dir) in stores(&archive()) {
        let chain = Chain::random(31, 12);
        chain.cut(5).write(&store);
        let mut overlay = Overlay::from(store.latest_view().unwrap());
        for n in 6..=12 {
            overlay.push(Arc::clone(&chain.blocks[n])).unwrap();
            assert_eq!(
                (overlay.tip(), overlay.state_root()),
                (chain.id(n), chain.models[n].root())
            );
            assert_state(&mut overlay, &chain.models[n], &format!("overlay {n}"));
            assert_eq!(overlay.block_hash(n as u64).unwrap(), chain.id(n).hash);
            assert_eq!(overlay.block_hash(2).unwrap(), chain.id(2).hash);
            // The next block sealed on the overlay is the one sealed on plain maps.
            let mut clone = chain.cut(n);
            clone.grow(&mut rng);
            let model = &chain.models[n];
            let diff = clone.blocks[n + 1].diff.clone();
            let sealed = common::seal(&mut overlay, Some(&chain.blocks[n]), diff, 0, 1);
            assert_eq!(sealed.header.state_root, clone.tip().header.state_root);
            assert_eq!(sealed.trie, clone.tip().trie);
            let slots = [slot(1)];
            let root = overlay.state_root();
            let proof = foggara_trie::prove(&mut overlay, root, address(1), &slots).unwrap();
            assert_eq!(proof.info, model.accounts.get(&address(1)).map(|e| e.0));
        }
        assert!(overlay.push(Arc::clone(&chain.blocks[5])).is_err());
        // While its base becomes history, the overlay stays what it is.
        for block in &chain.blocks[6..] {
            store.commit(Commit::block(Arc::clone(block))).unwrap();
        }
        assert_state(&mut overlay, &chain.models[12], "after the commits");
    }
}

/// Withdrawals are proved for ever: by walking hashes from the root of any block, reorgs or not.
#[test]
fn message_passer_nodes_of_every_block_are_found_by_hash() {
    for (store, _dir) in stores(&Options {
        history_window: Some(1),
        ..Options::default()
    }) {
        let mut chain = Chain::random(41, 15);
        chain.write(&store);
        let mut rng = StdRng::seed_from_u64(4);
        store.unwind(9, Commit::default()).unwrap();
        chain = chain.cut(9);
        for _ in 0..6 {
            chain.grow(&mut rng);
            store
                .commit(Commit::block(Arc::clone(chain.tip())))
                .unwrap();
        }
        let id = chain.id(15);
        store
            .commit(Commit {
                safe: Some(id),
                finalized: Some(id),
                ..Commit::default()
            })
            .unwrap();
        for (n, model) in chain.models.iter().enumerate() {
            let root = store.passer_root(n as u64).unwrap().unwrap();
            assert_eq!(Some(root), chain.blocks[n].header.withdrawals_root);
            // Rebuild the storage trie of that block from nodes found by hash alone.
            let mut nodes = HashNodes::default();
            collect(&store, root, &mut nodes);
            let slots = model
                .accounts
                .get(&MESSAGE_PASSER)
                .map(|e| e.1.clone())
                .unwrap_or_default();
            let mut full = chain.nodes[n].clone();
            let proof = foggara_trie::prove(
                &mut full,
                model.root(),
                MESSAGE_PASSER,
                &slots.keys().copied().collect::<Vec<_>>(),
            )
            .unwrap();
            for shown in proof.storage {
                assert_ne!(shown.value, U256::ZERO);
                for node in shown.proof {
                    assert_eq!(
                        nodes.0.get(&alloy_primitives::keccak256(&node)),
                        Some(&node)
                    );
                }
            }
        }
    }
}

/// Every node that can be reached from `hash`: any 32 bytes after `a0` may be a child's hash.
fn collect(store: &Store, hash: B256, nodes: &mut HashNodes) {
    let Some(node) = store.passer_node(hash).unwrap() else {
        return;
    };
    for at in 0..node.len().saturating_sub(32) {
        if node[at] == 0xa0 {
            collect(store, B256::from_slice(&node[at + 1..at + 33]), nodes);
        }
    }
    nodes.0.insert(hash, node);
}
