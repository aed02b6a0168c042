//! One test per rule of the stages: what is taken, what is skipped, and what drops the channel.

mod common;

use alloy_primitives::{Address, B256, Bytes, U256};
use common::*;
use foggara_batch::{SingularBatch, compress_zlib, cut_frames, encode_content, encode_payload};
use foggara_derive::{
    BatchFault, DropReason, L1Input, Payload, ResetReason, Step, system_config_of,
};
use foggara_primitives::{L1Info, Phase, SystemConfig};
use rstest::rstest;

const W: u64 = 10;

/// A world whose L1 has `blocks` blocks after genesis, none of them with data.
fn world(blocks: u64) -> World {
    let mut world = World::new(W);
    world.mine_empty(blocks);
    world
}

#[test]
fn honest_batches_become_their_blocks() {
    let mut world = world(3);
    let blocks = world.build_on_safe(14);
    let (first, second) = blocks.split_at(5);
    assert_eq!(world.land(&[world.span(first)]), 5);
    assert_eq!(world.land(&singulars(second)), 9);
    for (derived, built) in world.chain.iter().zip(&blocks) {
        assert_eq!(derived.block, built.block);
        assert_eq!(derived.attributes, built.attributes);
        assert_eq!(derived.sys, built.sys);
        assert!(derived.from_channel && derived.whole);
    }
    assert_eq!(world.chain[0].derived_from, GENESIS_L1 + 4);
    assert!(world.dropped.is_empty(), "{:?}", world.dropped);
}

#[test]
fn blobs_and_calldata_carry_the_same() {
    let mut world = world(3);
    let blocks = world.build_on_safe(6);
    let frames = frames(id(1), &[world.span(&blocks)], 40);
    assert!(frames.len() > 3);
    world.mine(vec![
        blob_payload(&frames[..2]),
        payload(&frames[2..3]),
        blob_payload(&frames[3..]),
    ]);
    assert_eq!(world.chain.len(), 6);
}

#[test]
fn r1_a_batch_before_the_next_time_is_past_and_the_channel_goes_on() {
    for early in [BLOCK_TIME, 1] {
        let mut world = world(3);
        let blocks = world.build_on_safe(2);
        let mut past = blocks[0].singular();
        past.timestamp -= early;
        past.transactions = vec![Bytes::new()];
        let batches = [
            past.encode(),
            blocks[0].singular().encode(),
            blocks[1].singular().encode(),
        ];
        assert_eq!(world.land(&batches), 2);
        assert_eq!(world.reasons(), [&DropReason::Past]);
    }
}

#[rstest]
#[case::empty(Bytes::new())]
#[case::deposit(Bytes::from_static(&[0x7e, 1, 2]))]
fn r3_an_empty_or_deposit_transaction_drops_the_channel(#[case] forbidden: Bytes) {
    let mut world = world(3);
    let blocks = world.build_on_safe(2);
    let mut bad = blocks[0].singular();
    bad.transactions.push(forbidden);
    let batches = [
        bad.encode(),
        blocks[0].singular().encode(),
        blocks[1].singular().encode(),
    ];
    assert_eq!(world.land(&batches), 0);
    assert_eq!(
        world.reasons(),
        [&DropReason::Invalid(BatchFault::Transaction)]
    );
}

#[test]
fn r3_an_unknown_type_in_a_singular_batch_makes_a_deposits_only_block() {
    let mut world = world(3);
    let blocks = world.build_on_safe(3);
    let mut unknown = blocks[1].singular();
    unknown.transactions = vec![Bytes::from_static(&[0x05, 1, 2])];
    let batches = [
        blocks[0].singular().encode(),
        unknown.encode(),
        blocks[2].singular().encode(),
    ];
    assert_eq!(world.land(&batches), 2);
    assert!(world.chain[0].whole && !world.chain[1].whole);
    assert_eq!(world.chain[1].attributes.transactions.len(), 1);
    assert_eq!(world.deriver.cursor().phase, Phase::None);
    // The rest of the channel is gone, the next channel is read.
    let blocks = world.build_on_safe(1);
    assert_eq!(world.land(&singulars(&blocks)), 1);
}

#[test]
fn r3_an_unknown_type_in_a_span_batch_drops_span_and_channel() {
    let mut world = world(3);
    let blocks = world.build_on_safe(2);
    let good = world.span(&blocks[..1]);
    let at = good
        .windows(4)
        .rposition(|window| window[0] == 2 && window[1] >= 0xc0)
        .unwrap();
    let mut bad = good.clone();
    bad[at] = 5;
    assert_eq!(world.land(&[bad, good]), 0);
    assert!(matches!(world.reasons()[..], [DropReason::Undecodable(_)]));
}

#[test]
fn r4_frame_zero_of_the_open_channel_in_a_later_payload_restarts_it() {
    let mut world = world(3);
    let blocks = world.build_on_safe(6);
    let frames = frames(id(1), &[world.span(&blocks)], 40);
    world.mine(vec![payload(&frames[..2]), payload(&frames)]);
    assert_eq!(world.chain.len(), 6);
    assert!(world.has_dropped(&DropReason::Replaced));
}

#[test]
fn r5_batches_before_a_broken_stream_count() {
    let mut world = world(3);
    let blocks = world.build_on_safe(3);
    let content = encode_content(&singulars(&blocks));
    let bytes = compress_zlib(&content, 0);
    let cut = Bytes::from(bytes[..bytes.len() - 30].to_vec());
    world.mine(vec![payload(&cut_frames(id(1), &cut, 1_000_000).unwrap())]);
    assert_eq!(world.chain.len(), 2);
    assert!(world.has_dropped(&DropReason::Stream));
    assert_eq!(world.deriver.cursor().phase, Phase::None);
}

#[test]
fn r6_malformed_config_updates_are_skipped_and_a_new_batcher_rules_at_once() {
    let mut world = world(2);
    let batcher = Address::repeat_byte(0xbb);
    let bad = config_update(9, B256::ZERO);
    world.mine_with(
        vec![],
        vec![bad, config_update(0, batcher.into_word())],
        vec![],
    );
    assert_eq!(world.deriver.batcher(), batcher);
    assert_eq!(world.reasons(), [&DropReason::ConfigUpdate(1)]);
    assert_eq!(world.deriver.sys().batcher, BATCHER);
}

#[test]
fn config_updates_hold_from_the_first_block_of_their_epoch() {
    let mut world = world(1);
    let limit = U256::from(30_000_000);
    let changed = world.l1_tip() + 1;
    world.mine_with(
        vec![],
        vec![config_update(2, limit), config_update(4, B256::ZERO)],
        vec![],
    );
    world.mine_empty(2);
    let blocks = world.build_on_safe(14);
    assert_eq!(world.land(&[world.span(&blocks)]), 14);
    for block in &world.chain {
        let after = block.block.l1_origin.number >= changed;
        assert_eq!(block.attributes.gas_limit == 30_000_000, after);
        // Zero parameters stand for the chain's own and read back as such.
        assert_eq!(block.sys.eip1559_params, world.chain[0].sys.eip1559_params);
    }
    let first = &world
        .chain
        .iter()
        .find(|block| block.block.l1_origin.number == changed)
        .unwrap();
    assert!(first.attributes.eip1559_params.is_zero());
}

#[test]
fn deposits_stand_in_the_first_block_of_their_epoch_and_bad_logs_are_counted() {
    let mut world = world(1);
    let mut bad = deposit(b"bad");
    bad.data = alloy_primitives::LogData::new_unchecked(bad.topics().to_vec(), Bytes::new());
    let epoch = world.l1_tip() + 1;
    world.mine_with(
        vec![],
        vec![],
        vec![(3, deposit(b"one")), (4, bad), (9, deposit(b"two"))],
    );
    world.mine_empty(2);
    let blocks = world.build_on_safe(14);
    assert_eq!(world.land(&[world.span(&blocks)]), 14);
    assert!(world.has_dropped(&DropReason::Deposit(1)));
    for block in &world.chain {
        let first = block.block.l1_origin.number == epoch && block.block.sequence_number == 0;
        let deposits = block
            .attributes
            .transactions
            .iter()
            .filter(|tx| tx[0] == 0x7e)
            .count();
        assert_eq!(deposits, if first { 3 } else { 1 });
    }
}

#[test]
fn r8_a_span_whose_first_new_block_has_an_older_origin_is_dropped_whole() {
    let mut world = world(4);
    let blocks = world.build_on_safe(8);
    assert_eq!(world.land(&singulars(&blocks)), 8);
    let safe = world.safe();
    assert_eq!(safe.l1_origin.number, GENESIS_L1 + 1);
    // Block 8 again with the genesis epoch, then block 9, whose epoch lags behind the safe head's,
    // then one that would be right.
    let parent = world.block(7);
    let span = raw_span(
        safe.timestamp,
        GENESIS_L1 + 1,
        parent.hash,
        world.epoch(GENESIS_L1 + 1).hash,
        &[false, false, true],
    );
    let good = world.build_on_safe(1);
    assert_eq!(world.land(&[span, good[0].singular().encode()]), 0);
    assert_eq!(
        world.reasons(),
        [&DropReason::Invalid(BatchFault::EpochBehind)]
    );
}

#[test]
fn r9_a_span_whose_first_block_has_expired_is_void_as_a_whole() {
    let mut world = world(3);
    let blocks = world.build_on_safe(14);
    assert_eq!(world.land(&singulars(&blocks[..2])), 2);
    world.mine_empty(6);
    // L1 block genesis + W + 1: the genesis epoch has expired, the span still begins there.
    assert_eq!(world.l1_tip(), GENESIS_L1 + W);
    let forced = world.chain.len();
    assert!(forced > 2, "the window of the genesis epoch has expired");
    let span = world.span(&blocks);
    assert_eq!(world.land(&[span]), 6, "only what is forced");
    assert!(
        world.has_dropped(&DropReason::Invalid(BatchFault::Expired))
            || world.has_dropped(&DropReason::Invalid(BatchFault::Parent))
    );
}

#[test]
fn r9_span_prefix_table() {
    let mut world = world(5);
    let blocks = world.build_on_safe(13);
    assert_eq!(world.land(&singulars(&blocks)), 13);
    let safe = world.safe();
    let next = safe.timestamp + BLOCK_TIME;
    let epoch = safe.l1_origin.number;
    assert_eq!(epoch, GENESIS_L1 + 2);
    let hash = |number| world.epoch(number).hash;
    let two_back = world.block(safe.number - 2);
    let invalid = DropReason::Invalid;
    let cases = [
        (
            "future",
            raw_span(next + 1, epoch, safe.hash, hash(epoch), &[false; 3]),
            invalid(BatchFault::Future),
        ),
        (
            "between",
            raw_span(next - 1, epoch, safe.hash, hash(epoch), &[false; 3]),
            invalid(BatchFault::Misaligned),
        ),
        (
            "off the boundary",
            raw_span(
                safe.timestamp - 1,
                epoch,
                two_back.hash,
                hash(epoch),
                &[false; 4],
            ),
            invalid(BatchFault::Misaligned),
        ),
        (
            "at genesis",
            raw_span(GENESIS_TIME, epoch, B256::ZERO, hash(epoch), &[false; 20]),
            invalid(BatchFault::NoParent),
        ),
        (
            "wrong parent",
            raw_span(next, epoch, two_back.hash, hash(epoch), &[false; 3]),
            invalid(BatchFault::Parent),
        ),
        (
            "wrong parent in overlap",
            raw_span(
                safe.timestamp - BLOCK_TIME,
                epoch,
                safe.hash,
                hash(epoch),
                &[false; 3],
            ),
            invalid(BatchFault::Parent),
        ),
        (
            "epoch ahead",
            raw_span(next, epoch + 2, safe.hash, hash(epoch + 2), &[true; 1]),
            invalid(BatchFault::EpochAhead),
        ),
        (
            "wrong end hash",
            raw_span(next, epoch, safe.hash, hash(epoch + 1), &[false; 3]),
            invalid(BatchFault::OriginHash),
        ),
        (
            "epoch behind",
            raw_span(next, epoch, safe.hash, hash(epoch), &[false, true]),
            invalid(BatchFault::EpochBehind),
        ),
        (
            "past",
            raw_span(
                next - 2 * BLOCK_TIME,
                epoch,
                two_back.hash,
                hash(epoch),
                &[false; 2],
            ),
            DropReason::Past,
        ),
        (
            "unknown end",
            raw_span(
                next,
                epoch + 50,
                safe.hash,
                B256::repeat_byte(1),
                &[true; 51],
            ),
            DropReason::UnknownEnd,
        ),
        (
            "end below the safe origin",
            raw_span(next, epoch - 1, safe.hash, hash(epoch - 1), &[false]),
            DropReason::UnknownEnd,
        ),
    ];
    for (name, span, why) in cases {
        let mut world = clone_at_tip(&world);
        let good = world.build_on_safe(1)[0].singular().encode();
        let goes_on = matches!(why, DropReason::Past | DropReason::UnknownEnd);
        assert_eq!(world.land(&[span, good]), usize::from(goes_on), "{name}");
        assert_eq!(world.reasons(), [&why], "{name}");
    }
}

/// The same world, resumed.
fn clone_at_tip(world: &World) -> World {
    let start = world.start_at(world.deriver.cursor(), world.chain.len());
    let mut copy = World::new(W);
    copy.l1 = world.l1.clone();
    copy.chain = world.chain.clone();
    copy.frames = world.frames.clone();
    copy.deriver = foggara_derive::Deriver::new(world.spec.clone(), start);
    copy
}

#[test]
fn r10_a_span_with_an_unknown_last_origin_is_skipped_and_the_channel_goes_on() {
    let mut world = world(3);
    let safe = world.safe();
    let good = world.build_on_safe(1);
    let unknown = raw_span(
        safe.timestamp + BLOCK_TIME,
        GENESIS_L1 + 30,
        safe.hash,
        B256::repeat_byte(1),
        &[true; 30],
    );
    assert_eq!(world.land(&[unknown, good[0].singular().encode()]), 1);
    assert_eq!(world.reasons(), [&DropReason::UnknownEnd]);
}

#[test]
fn a_span_overlapping_the_safe_chain_gives_only_its_new_blocks() {
    let mut world = world(4);
    let blocks = world.build_on_safe(14);
    assert_eq!(world.land(&[world.span(&blocks[..6])]), 6);
    assert_eq!(world.land(&[world.span(&blocks[2..10])]), 4);
    assert_eq!(world.land(&[world.span(&blocks)]), 4);
    assert_eq!(world.safe(), blocks[13].block);
    assert_eq!(world.deriver.cursor().phase, Phase::None);
}

#[test]
fn a_span_invalid_in_the_middle_keeps_its_first_blocks() {
    let mut world = world(3);
    let mut blocks = world.build_on_safe(5);
    blocks[3].transactions = vec![invalid_tx(1)];
    assert_eq!(world.land(&[world.span(&blocks)]), 4);
    assert!(world.chain[2].whole && !world.chain[3].whole);
    assert_eq!(world.deriver.cursor().phase, Phase::None);
}

#[rstest]
#[case::future(|batch: &mut SingularBatch| batch.timestamp += 1, BatchFault::Future)]
#[case::parent(|batch: &mut SingularBatch| batch.parent_hash.0[0] ^= 1, BatchFault::Parent)]
#[case::epoch_hash(|batch: &mut SingularBatch| batch.epoch.hash.0[0] ^= 1, BatchFault::OriginHash)]
#[case::epoch_behind(|batch: &mut SingularBatch| batch.epoch.number -= 1, BatchFault::EpochBehind)]
#[case::epoch_ahead(|batch: &mut SingularBatch| batch.epoch.number += 2, BatchFault::EpochAhead)]
#[case::epoch_far(|batch: &mut SingularBatch| batch.epoch.number = u64::MAX, BatchFault::EpochAhead)]
fn a_singular_batch_that_does_not_fit_drops_the_channel(
    #[case] change: fn(&mut SingularBatch),
    #[case] fault: BatchFault,
) {
    let mut world = world(3);
    let blocks = world.build_on_safe(2);
    let mut bad = blocks[0].singular();
    change(&mut bad);
    assert_eq!(
        world.land(&[bad.encode(), blocks[0].singular().encode()]),
        0
    );
    assert_eq!(world.reasons(), [&DropReason::Invalid(fault)]);
}

#[test]
fn a_batch_may_not_be_older_than_its_origin() {
    let mut world = world(3);
    let mut early = world.build_on_safe(1)[0].singular();
    early.epoch = world.epoch(GENESIS_L1 + 1);
    assert_eq!(world.land(&[early.encode()]), 0);
    assert_eq!(
        world.reasons(),
        [&DropReason::Invalid(BatchFault::BeforeOrigin)]
    );
}

#[test]
fn a_singular_batch_lands_in_the_last_block_of_its_window_and_not_after() {
    let mut world = world(W - 1);
    let block = world.build_on_safe(1);
    let (cursor, sys) = (world.deriver.cursor().clone(), *world.deriver.sys());
    assert_eq!(cursor.l1_number + 1, GENESIS_L1 + W);
    let in_time = world.land(&singulars(&block));
    assert_eq!(in_time, 5, "the batch, and the rest of the epoch is forced");
    assert!(world.chain[0].from_channel && !world.chain[1].from_channel);

    // Epoch genesis + 1 expires with L1 block genesis + 1 + W; one block later it is too late.
    let late = world.build_many(&world.safe(), &sys, 1);
    world.mine_empty(1);
    assert!(world.chain.len() > 5 && !world.chain[5].from_channel);
    let before = world.chain.len();
    world.land(&singulars(&late));
    assert!(
        world.chain[before..]
            .iter()
            .all(|block| !block.from_channel)
    );
}

#[test]
fn past_the_drift_only_empty_batches_pass_and_only_if_no_origin_could_be_adopted() {
    // The genesis epoch lasts 1,800 s of L2 time, then L1 goes on.
    let mut world = World::new(4_000);
    let next_time = |number: u64| l1_block(number).header.timestamp;
    world.mine_empty(160);
    let count = usize::try_from(1_800 / BLOCK_TIME).unwrap() + 1;
    let (mut parent, mut sys) = (world.safe(), *world.deriver.sys());
    let blocks: Vec<Built> = (0..count)
        .map(|_| {
            let built = world.build(&parent, &sys, GENESIS_L1, vec![]);
            (parent, sys) = (built.block, built.sys);
            built
        })
        .collect();
    let (last, inside) = blocks.split_last().unwrap();
    assert_eq!(world.land(&[world.span(inside)]), count - 1);
    // The next block is 1,802 s after its origin, and the next origin could have been taken long ago.
    assert_eq!(world.land(&singulars(std::slice::from_ref(last))), 0);
    assert_eq!(world.reasons(), [&DropReason::Invalid(BatchFault::Drift)]);
    // It may take the next origin, within whose drift it lies.
    let moved = world.build(&world.safe(), &sys, GENESIS_L1 + 1, vec![tx(1, b"")]);
    assert!(moved.block.timestamp <= next_time(GENESIS_L1 + 1) + 1_800);
    assert_eq!(world.land(&singulars(&[moved])), 1);
}

#[test]
fn past_the_drift_an_empty_batch_may_stay_while_the_next_origin_is_not_due() {
    let mut world = World::new(400);
    // One L1 block that comes 3,000 s late.
    let mut late = l1_block(GENESIS_L1 + 1);
    late.header.timestamp = GENESIS_TIME + 3_000;
    let mut after = l1_block(GENESIS_L1 + 2);
    after.header.timestamp = GENESIS_TIME + 3_012;
    world.l1.extend([late, after]);
    world.mine_empty(0);
    let (mut parent, mut sys) = (world.safe(), *world.deriver.sys());
    let mut batches = Vec::new();
    for number in 1..=1_400u64 {
        let full = number * BLOCK_TIME <= 1_800;
        let txs = if full { vec![tx(number, b"")] } else { vec![] };
        let built = world.build(&parent, &sys, GENESIS_L1, txs);
        (parent, sys) = (built.block, built.sys);
        batches.push(built);
    }
    let mut bad = batches[1_000].singular();
    bad.transactions = vec![tx(0, b"")];
    let mut encoded = singulars(&batches[..1_000]);
    encoded.push(bad.encode());
    let third = L1Input {
        payloads: vec![one_payload(id(1), &encoded)],
        ..late_block(GENESIS_L1 + 3)
    };
    world.l1.push(third);
    let fourth = L1Input {
        payloads: vec![one_payload(id(2), &singulars(&batches[1_000..]))],
        ..late_block(GENESIS_L1 + 4)
    };
    world.l1.push(fourth);
    world.l1.push(late_block(GENESIS_L1 + 5));
    world.mine_run();
    assert_eq!(world.chain.len(), 1_400);
    assert_eq!(world.reasons(), [&DropReason::Invalid(BatchFault::Drift)]);
}

fn late_block(number: u64) -> L1Input {
    let mut block = l1_block(number);
    block.header.timestamp += 3_000;
    block
}

#[test]
fn forced_blocks_fill_the_epoch_and_every_epoch_has_one() {
    let mut world = world(W);
    // L1 block genesis + W is consumed: the genesis epoch is filled up to the time of the next.
    assert_eq!(world.chain.len(), 5);
    assert!(
        world
            .chain
            .iter()
            .all(|block| block.block.l1_origin.number == GENESIS_L1)
    );
    assert!(
        world
            .chain
            .iter()
            .all(|block| !block.from_channel && block.derived_from == GENESIS_L1 + W)
    );
    world.mine_empty(1);
    assert_eq!(world.chain.len(), 11);
    assert_eq!(world.safe().l1_origin.number, GENESIS_L1 + 1);
    for pair in world.chain.windows(2) {
        assert_eq!(
            pair[1].block.timestamp,
            pair[0].block.timestamp + BLOCK_TIME
        );
        assert_eq!(pair[0].attributes.transactions.len(), 1);
    }

    // An L2 ahead of L1: each epoch still gets one block.
    let mut world = World::new(W);
    world.mine_empty(2);
    let (mut parent, mut sys) = (world.safe(), *world.deriver.sys());
    let ahead: Vec<Built> = (0..30)
        .map(|_| {
            let built = world.build(&parent, &sys, GENESIS_L1, vec![]);
            (parent, sys) = (built.block, built.sys);
            built
        })
        .collect();
    assert_eq!(world.land(&[world.span(&ahead)]), 30);
    world.mine_empty(W);
    let forced: Vec<_> = world.chain[30..].iter().map(|block| block.block).collect();
    let origins: Vec<u64> = forced
        .iter()
        .map(|block| block.l1_origin.number - GENESIS_L1)
        .collect();
    assert_eq!(origins, [1, 2, 3]);
    assert!(forced.iter().all(|block| block.sequence_number == 0));
}

#[test]
fn deposits_of_a_silent_epoch_are_forced() {
    let mut world = world(1);
    world.mine_with(vec![], vec![], vec![(0, deposit(b"exit"))]);
    world.mine_empty(W);
    let first = world
        .chain
        .iter()
        .find(|block| block.block.l1_origin.number == GENESIS_L1 + 2)
        .expect("the epoch is forced");
    assert_eq!(first.attributes.transactions.len(), 2);
}

#[test]
fn the_last_batch_of_an_expiring_window_is_read_before_anything_is_forced() {
    let mut world = world(W);
    assert_eq!(world.chain.len(), 5);
    // The next epoch expires with the next L1 block; a batch for its first block stands in it.
    let block = world.build_on_safe(1);
    assert_eq!(block[0].block.l1_origin.number, GENESIS_L1 + 1);
    assert_eq!(world.land(&singulars(&block)), 6);
    assert!(world.chain[5].from_channel);
    assert!(world.chain[6..].iter().all(|block| !block.from_channel));
}

#[rstest]
#[case::last_in_time(50, 3)]
#[case::one_late(51, 0)]
fn a_channel_lives_fifty_l1_blocks(#[case] distance: u64, #[case] expected: usize) {
    let mut world = World::new(200);
    world.mine_empty(3);
    let blocks = world.build_on_safe(3);
    let frames = frames(id(1), &[world.span(&blocks)], 40);
    world.mine(vec![payload(&frames[..1])]);
    let opened = world.l1_tip();
    world.mine_empty(distance - 1);
    world.mine(vec![payload(&frames[1..])]);
    assert_eq!(world.l1_tip(), opened + distance);
    assert_eq!(world.chain.len(), expected);
    assert_eq!(world.has_dropped(&DropReason::TimedOut), expected == 0);
    assert_eq!(world.deriver.cursor().phase, Phase::None);
}

#[test]
fn frames_of_a_channel_must_come_in_order_over_payloads() {
    let mut world = world(3);
    let blocks = world.build_on_safe(3);
    let frames = frames(id(1), &[world.span(&blocks)], 25);
    let one = |index: usize| payload(&frames[index..=index]);
    let rest = || payload(&frames[3..]);
    // A gap, a repetition and a stranger's frame are passed over; the channel stays open.
    let stranger = foggara_batch::Frame {
        id: id(2),
        ..frames[1].clone()
    };
    world.mine(vec![
        one(1),
        one(0),
        one(2),
        payload(&[stranger]),
        one(1),
        one(1),
        one(2),
        rest(),
    ]);
    assert_eq!(world.chain.len(), 3);
    assert_eq!(world.reasons(), [&DropReason::Frame; 4]);
}

#[test]
fn a_new_channel_replaces_the_open_one() {
    let mut world = world(3);
    let blocks = world.build_on_safe(3);
    let old = frames(id(1), &[world.span(&blocks)], 25);
    let new = frames(id(2), &singulars(&blocks[..1]), 60);
    world.mine(vec![
        payload(&old[..2]),
        payload(&new[..1]),
        payload(&old[2..]),
        payload(&new[1..]),
    ]);
    assert_eq!(world.chain.len(), 1);
    assert!(world.has_dropped(&DropReason::Replaced));
}

#[test]
fn a_channel_of_unknown_compression_or_content_is_passed_over() {
    let mut world = world(3);
    let blocks = world.build_on_safe(1);
    let raw = |byte: u8, bytes: &[u8]| {
        payload(&cut_frames(id(byte), &Bytes::copy_from_slice(bytes), 1_000_000).unwrap())
    };
    world.mine(vec![
        raw(1, &[0x02, 1, 2, 3]),
        raw(2, &[]),
        raw(3, &[0x01, 0xff, 0xff]),
        raw(4, &compress_zlib(b"\x82\x07\x07", 1)),
        raw(5, &compress_zlib(&encode_content(&[vec![0u8]]), 1)),
        one_payload(id(6), &singulars(&blocks)),
    ]);
    assert_eq!(world.chain.len(), 1);
}

#[test]
fn d13_what_one_l1_block_inflates_is_bounded() {
    // Two channels of 100,000,000 bytes fill the budget exactly; what follows in the block is lost.
    let bomb = compress_zlib(&vec![0x80; 100_000_000], 1);
    let bomb = |byte: u8| {
        payload(&cut_frames(id(byte), &Bytes::copy_from_slice(&bomb), 1_000_000).unwrap())
    };
    let mut world = world(3);
    let blocks = world.build_on_safe(1);
    let honest = |byte: u8| one_payload(id(byte), &singulars(&blocks));
    world.mine(vec![bomb(1), bomb(2), honest(3), honest(4)]);
    assert_eq!(world.chain.len(), 0);
    assert!(world.has_dropped(&DropReason::InflateBudget));
    let cursor = world.deriver.cursor();
    assert_eq!(cursor.phase, Phase::None);
    assert_eq!((cursor.payloads_taken, cursor.frames_taken), (4, 0));
    assert!(cursor.inflated > 200_000_000);
    // The next L1 block has its own budget.
    world.mine(vec![bomb(5), honest(6)]);
    assert_eq!(world.chain.len(), 1);
}

#[test]
fn an_l1_block_that_does_not_follow_is_a_reset() {
    let mut world = world(2);
    let mut other = l1_block(world.l1_tip() + 1);
    other.header.parent_hash = B256::repeat_byte(9);
    world.deriver.push_l1(other);
    let safe = world.safe();
    for _ in 0..2 {
        let step = world.deriver.step(&safe);
        assert!(
            matches!(step, Step::Reset(ResetReason::L1Mismatch { .. })),
            "{step:?}"
        );
    }
}

#[test]
fn another_safe_head_is_a_reset() {
    let mut world = world(2);
    let mut safe = world.safe();
    safe.hash = B256::repeat_byte(9);
    let step = world.deriver.step(&safe);
    assert!(
        matches!(step, Step::Reset(ResetReason::SafeMismatch { .. })),
        "{step:?}"
    );
}

#[test]
fn a_block_reads_back_as_the_configuration_it_was_made_with() {
    let mut world = world(1);
    let scalar = SystemConfig::scalar_word(7, 8);
    let fee = (U256::from(3) << 64) | U256::from(4);
    world.mine_with(
        vec![],
        vec![
            config_update(5, fee),
            config_update(2, U256::from(25_000_000)),
        ],
        vec![],
    );
    world.mine_empty(1);
    let blocks = world.build_on_safe(8);
    world.land(&[world.span(&blocks)]);
    assert_ne!(scalar, world.chain[0].sys.scalar);
    for block in &world.chain {
        let params = block.sys.eip1559_params;
        let header = alloy_consensus::Header {
            number: block.block.number,
            gas_limit: block.attributes.gas_limit,
            extra_data: [&[0][..], params.as_slice()].concat().into(),
            parent_hash: block.block.parent_hash,
            timestamp: block.block.timestamp,
            ..Default::default()
        };
        let first = block.attributes.transactions.first().map(|tx| tx.as_ref());
        assert_eq!(
            system_config_of(&world.spec, &header, first).unwrap(),
            block.sys
        );
        let read = foggara_derive::l2_ref(&world.spec, &header, block.block.hash, first).unwrap();
        assert_eq!(read, block.block);
    }
}

#[test]
fn l1_attributes_name_the_origin_and_the_fees() {
    let mut world = world(3);
    let blocks = world.build_on_safe(8);
    world.land(&[world.span(&blocks)]);
    for block in &world.chain {
        let first = block.attributes.transactions[0].clone();
        let info = foggara_derive::l1_info_of(block.block.number, Some(&first)).unwrap();
        let origin = &world.l1_at(block.block.l1_origin.number).unwrap().header;
        let expected = L1Info {
            base_fee_scalar: 1_368,
            blob_base_fee_scalar: 810_949,
            sequence_number: block.block.sequence_number,
            time: origin.timestamp,
            number: origin.number,
            base_fee: U256::from(origin.base_fee),
            blob_base_fee: world
                .spec
                .foggara
                .blob_base_fee(origin.timestamp, origin.excess_blob_gas),
            block_hash: origin.hash,
            batcher_hash: BATCHER.into_word(),
            operator_fee_scalar: 0,
            operator_fee_constant: 0,
        };
        assert_eq!(info, expected);
        assert_eq!(block.attributes.prev_randao, origin.prev_randao);
        assert_eq!(
            Some(block.attributes.parent_beacon_block_root),
            origin.parent_beacon_block_root
        );
    }
}

#[test]
fn garbage_payloads_are_skipped() {
    let mut world = world(3);
    let blocks = world.build_on_safe(1);
    let good = encode_payload(&frames(id(1), &singulars(&blocks), 1_000_000));
    let mut version = good.clone();
    version[0] = 1;
    let calldata = |bytes: Vec<u8>| Payload::Calldata(bytes.into());
    world.mine(vec![
        calldata(vec![]),
        calldata(vec![0]),
        calldata(version),
        calldata(good[..good.len() - 1].to_vec()),
        calldata([&good[..], &[7]].concat()),
        Payload::Blob(Bytes::from(vec![0xff; 131_072])),
        calldata(good),
    ]);
    assert_eq!(world.chain.len(), 1);
    assert_eq!(world.dropped.len(), 6);
    assert_eq!(world.deriver.cursor().payloads_taken, 7);
}

/// Events of L1 blocks whose epoch has not begun are held up to 32 MiB; beyond that the block is asked
/// for again when its epoch begins.
#[test]
fn events_beyond_the_memory_bound_are_asked_for_again() {
    let mut world = World::new(W);
    let large = vec![7u8; 12 << 20];
    for index in 0..4 {
        world.mine_with(vec![], vec![], vec![(index, deposit(&large))]);
    }
    world.mine_empty(W - 4);
    world.mine_empty(5);
    let tip = world.deriver.cursor().l1_number;
    assert_eq!(world.safe().l1_origin.number, tip - W);
    for epoch in 1..=4 {
        let first = world
            .chain
            .iter()
            .find(|block| block.block.l1_origin.number == GENESIS_L1 + epoch)
            .unwrap();
        assert_eq!(first.attributes.transactions.len(), 2, "epoch {epoch}");
        assert!(first.attributes.transactions[1].len() > large.len());
    }
    assert!(
        world.asked_again.contains(&(GENESIS_L1 + 3)),
        "{:?}",
        world.asked_again
    );
    assert!(!world.asked_again.contains(&(GENESIS_L1 + 1)));
}
