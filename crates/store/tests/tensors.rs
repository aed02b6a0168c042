//! Stored tensors: written with their block, read by id from any view, left by an unwind, collected late.

mod common;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use common::*;
use foggara_evm::record_slot;
use foggara_primitives::{
    AccountChange, AccountInfo, StateDiff, StateSource, StoredTensor, TensorSource,
    addresses::AI_TENSOR,
};
use foggara_store::{Commit, ExecutedBlock, Overlay, Store, TENSOR_RETENTION, Table};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{ops::ControlFlow, sync::Arc};

/// Packed bytes of a row of the table.
const RUN: usize = 65_536;

fn tensor(seed: u8, size: usize) -> StoredTensor {
    let bytes: Vec<u8> = (0..size)
        .map(|n| u8::try_from(n * 31 % 251).unwrap() ^ seed)
        .collect();
    let descriptor = Bytes::from(keccak256(&bytes).to_vec());
    StoredTensor {
        id: keccak256(&descriptor),
        page_roots: Bytes::from(vec![seed; size.div_ceil(4_096) * 32]),
        descriptor,
        bytes: bytes.into(),
    }
}

/// A block on the chain's tip that stores tensors until `expiry`; zero clears their records.
fn storing(chain: &mut Chain, tensors: &[&StoredTensor], expiry: u64) -> Arc<ExecutedBlock> {
    let info = AccountInfo {
        nonce: 1,
        ..AccountInfo::default()
    };
    let record = match expiry {
        0 => U256::ZERO,
        _ => (U256::from(1) << 248) | (U256::from(expiry) << 64) | U256::from(1),
    };
    let change = AccountChange {
        info: Some(info),
        storage: tensors
            .iter()
            .map(|tensor| (record_slot(tensor.id), record))
            .collect(),
        ..AccountChange::default()
    };
    let diff = StateDiff {
        accounts: [(AI_TENSOR, change)].into(),
    };
    let mut nodes = chain.nodes.last().unwrap().clone();
    let mut block = seal(&mut nodes, Some(chain.tip()), diff, 1, expiry);
    if expiry > 0 {
        block.tensors = tensors.iter().map(|tensor| (*tensor).clone()).collect();
    }
    let mut model = chain.models.last().unwrap().clone();
    model.apply(&block.diff);
    nodes.apply(&block.trie);
    chain.blocks.push(Arc::new(block));
    chain.models.push(model);
    chain.nodes.push(nodes);
    Arc::clone(chain.tip())
}

fn reads(source: &dyn TensorSource, tensor: &StoredTensor) {
    let StoredTensor {
        id,
        descriptor,
        bytes,
        page_roots,
    } = tensor;
    assert_eq!(source.descriptor(*id).unwrap().as_ref(), Some(descriptor));
    assert_eq!(source.page_roots(*id).unwrap().as_ref(), Some(page_roots));
    let size = bytes.len();
    let mut rng = StdRng::seed_from_u64(size as u64);
    let mut ranges = vec![0..size, 0..1, size - 1..size, 0..0];
    for edge in (RUN..size).step_by(RUN) {
        ranges.extend([edge - 1..edge, edge..edge + 1, edge - 1..edge + 1, 0..edge]);
    }
    for _ in 0..20 {
        let start = rng.random_range(0..size);
        ranges.push(start..rng.random_range(start..=size));
    }
    for range in ranges {
        let found = source.bytes(*id, range.start as u64..range.end as u64);
        assert_eq!(found.unwrap().unwrap()[..], bytes[range]);
    }
    assert_eq!(source.bytes(*id, 0..size as u64 + 1).unwrap(), None);
    assert_eq!(source.bytes(*id, u64::MAX - 1..u64::MAX).unwrap(), None);
}

fn lacks(source: &dyn TensorSource, id: B256) {
    assert_eq!(source.descriptor(id).unwrap(), None);
    assert_eq!(source.page_roots(id).unwrap(), None);
    assert_eq!(source.bytes(id, 0..1).unwrap(), None);
}

#[test]
fn any_range_is_read_from_the_head_from_the_past_and_before_it_is_durable() {
    let sizes = [1, 6, 4_096, RUN - 1, RUN, RUN + 1, 3 * RUN, 200_000];
    let all: Vec<_> = (0..)
        .zip(sizes)
        .map(|(seed, size)| tensor(seed, size))
        .collect();
    for (store, _dir) in stores(&archive()) {
        let mut chain = Chain::random(90, 3);
        chain.write(&store);
        let before = store.latest_view().unwrap();
        let block = storing(&mut chain, &all.iter().collect::<Vec<_>>(), 9_999);
        let more = tensor(99, 70_000);
        let on_top = storing(&mut chain, &[&more], 9_999);
        // Two blocks that no disk has seen.
        let mut overlay = Overlay::new(before, [Arc::clone(&block), Arc::clone(&on_top)]).unwrap();
        let source = overlay.tensors();
        for tensor in all.iter().chain([&more]) {
            reads(&*source, tensor);
        }
        lacks(&*source, B256::repeat_byte(7));
        store.commit(Commit::block(block)).unwrap();
        let older = store.latest_view().unwrap();
        store.commit(Commit::block(on_top)).unwrap();
        chain.grow(&mut StdRng::seed_from_u64(1));
        store
            .commit(Commit::block(Arc::clone(chain.tip())))
            .unwrap();
        // One block in memory over those on disk, the head, a view of the past, one made before the rest.
        let over = Overlay::new(older.clone(), [Arc::clone(&chain.blocks[5])]).unwrap();
        let past = store.view_at(4).unwrap();
        for view in [store.latest_view().unwrap(), past, older] {
            let mut view = view;
            let source = view.tensors();
            all.iter().for_each(|tensor| reads(&*source, tensor));
        }
        let mut over = over;
        all.iter()
            .chain([&more])
            .for_each(|tensor| reads(&*over.tensors(), tensor));
        lacks(
            &*store.latest_view().unwrap().tensors(),
            B256::repeat_byte(7),
        );
    }
}

#[test]
fn orphans_are_harmless_and_come_back() {
    let (kept, orphan) = (tensor(1, 70_000), tensor(2, 5_000));
    for (store, _dir) in stores(&archive()) {
        let mut chain = Chain::random(91, 2);
        storing(&mut chain, &[&kept], 9_999);
        chain.write(&store);
        let mut branch = chain.clone();
        store
            .commit(Commit::block(storing(&mut chain, &[&orphan], 9_999)))
            .unwrap();
        store.unwind(3, Commit::default()).unwrap();
        let mut view = store.latest_view().unwrap();
        // The state knows nothing of it; whoever asked for the bytes all the same would get the right ones.
        let record = view.storage(AI_TENSOR, record_slot(orphan.id)).unwrap();
        assert_eq!(record, U256::ZERO);
        reads(&*view.tensors(), &orphan);
        reads(&*view.tensors(), &kept);
        // The other branch makes it again.
        branch.grow(&mut StdRng::seed_from_u64(3));
        storing(&mut branch, &[&orphan], 8_888);
        for block in &branch.blocks[4..] {
            store.commit(Commit::block(Arc::clone(block))).unwrap();
        }
        let mut view = store.latest_view().unwrap();
        reads(&*view.tensors(), &orphan);
        assert_ne!(
            view.storage(AI_TENSOR, record_slot(orphan.id)).unwrap(),
            U256::ZERO
        );
    }
}

/// Moves the tip to another time.
fn at(chain: &mut Chain, timestamp: u64) -> Arc<ExecutedBlock> {
    let block = Arc::make_mut(chain.blocks.last_mut().unwrap());
    block.header.timestamp = timestamp;
    block.hash = block.header.hash_slow();
    let l2 = block.l2.as_mut().unwrap();
    (l2.hash, l2.timestamp) = (block.hash, timestamp);
    Arc::clone(chain.tip())
}

fn ids(store: &Store, table: Table) -> Vec<B256> {
    let mut ids = Vec::new();
    let each = |key: &[u8], _: &[u8]| {
        ids.push(B256::from_slice(&key[..32]));
        ControlFlow::Continue(())
    };
    store.walk_table(table, &[], each).unwrap();
    ids.dedup();
    ids
}

#[test]
fn bytes_are_collected_after_their_retention_and_descriptors_with_their_record() {
    let (short, long, cleared, orphan) = (
        tensor(1, 70_000),
        tensor(2, 10),
        tensor(3, 5_000),
        tensor(4, 300),
    );
    for (store, _dir) in stores(&archive()) {
        let mut chain = Chain::random(92, 1);
        storing(&mut chain, &[&short, &cleared], 500);
        storing(&mut chain, &[&long], u64::MAX >> 1);
        chain.write(&store);
        let lost = storing(&mut chain.clone(), &[&orphan], 9);
        store.commit(Commit::block(lost)).unwrap();
        store.unwind(3, Commit::default()).unwrap();
        let collected = |bytes: &[&StoredTensor], descriptors: &[&StoredTensor]| {
            assert_eq!(store.collect_tensors(B256::ZERO).unwrap(), None);
            let sorted = |tensors: &[&StoredTensor]| {
                let mut ids: Vec<_> = tensors.iter().map(|tensor| tensor.id).collect();
                ids.sort();
                ids
            };
            assert_eq!(ids(&store, Table::TensorBytes), sorted(bytes));
            assert_eq!(ids(&store, Table::TensorPageRoots), sorted(bytes));
            assert_eq!(ids(&store, Table::TensorDescriptors), sorted(descriptors));
        };
        let finalize = |block: &ExecutedBlock| {
            let id = Some(foggara_primitives::BlockId {
                hash: block.hash,
                number: block.header.number,
            });
            let labels = Commit {
                safe: id,
                finalized: id,
                ..Commit::default()
            };
            store.commit(labels).unwrap();
        };
        // What has no record is nobody's; what is expired is kept for long.
        let kept = [&short, &long, &cleared];
        collected(&kept, &kept);
        // A record is cleared, a second before the retention of the other is over.
        let late = 500 + TENSOR_RETENTION;
        storing(&mut chain, &[&cleared], 0);
        let block = at(&mut chain, late - 1);
        store.commit(Commit::block(Arc::clone(&block))).unwrap();
        // That block may still be lost.
        collected(&kept, &kept);
        finalize(&block);
        collected(&[&short, &long], &[&short, &long]);
        chain.grow(&mut StdRng::seed_from_u64(5));
        let block = at(&mut chain, late);
        store.commit(Commit::block(Arc::clone(&block))).unwrap();
        collected(&[&short, &long], &[&short, &long]);
        finalize(&block);
        collected(&[&long], &[&short, &long]);
        let mut view = store.latest_view().unwrap();
        reads(&*view.tensors(), &long);
        assert_eq!(view.tensors().bytes(short.id, 0..1).unwrap(), None);
    }
}
