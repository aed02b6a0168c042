//! Between two blocks everything follows from the cursor.
//!
//! Seeded L1 histories, honest and hostile, are derived once in one run. Then, from every cursor that the
//! run passed, a fresh pipeline is started with nothing but what a node stores, and must give the very
//! next block and cursor; by induction it gives the whole rest. Hostile histories hold foreign,
//! truncated, repeated and reordered frames, channels that time out, batches that are past, misplaced or
//! invalid in the middle of a channel, forced windows, changed batchers and deposits.

#![allow(clippy::cast_possible_truncation)]

mod common;

use alloy_primitives::{B256, Bytes, U256};
use common::*;
use foggara_batch::Frame;
use foggara_derive::{Deriver, L1Input, Payload, Step};
use foggara_primitives::SystemConfig;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::sync::Arc;

fn cases(default: u64) -> u64 {
    std::env::var("FOGGARA_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Resumes at every cursor of the run and compares what comes next.
fn assert_resumable(world: &World) {
    let blocks = world
        .chain
        .iter()
        .enumerate()
        .map(|(index, block)| (&block.cursor, index + 1));
    let idle = world.at_l1.iter().map(|(cursor, count)| (cursor, *count));
    for (cursor, count) in blocks.chain(idle) {
        let start = world.start_at(cursor, count);
        let mut deriver = Deriver::new(Arc::clone(&world.spec), start);
        let next = world.next_block(&mut deriver).map(|(block, _)| block);
        assert_eq!(next.as_ref(), world.chain.get(count), "after block {count}");
        if next.is_none() {
            assert_eq!(deriver.cursor(), world.deriver.cursor(), "at the tip");
        }
    }
}

/// Derives the same L1 again, pushing blocks ahead in random chunks and answering twice or not at all.
fn assert_chunking_does_not_matter(world: &World, rng: &mut StdRng) {
    let start = foggara_derive::SyncStart::genesis(&world.spec);
    let mut deriver = Deriver::new(Arc::clone(&world.spec), start);
    let mut chain = Vec::new();
    loop {
        match deriver.step(&deriver.safe().clone()) {
            Step::NeedL1(number) if number > world.l1_tip() => break,
            Step::NeedL1(number) => {
                let ahead = rng.random_range(0..100);
                let mut numbers: Vec<u64> = (number..=number + ahead).collect();
                numbers.push(number.saturating_sub(rng.random_range(0..3)));
                if rng.random_bool(0.5) {
                    numbers.shuffle(rng);
                }
                for block in numbers.iter().filter_map(|number| world.l1_at(*number)) {
                    deriver.push_l1(block.clone());
                }
            }
            Step::NeedL2(number) => deriver.push_l2(world.block(number)),
            Step::Attributes(derived) => {
                assert!(matches!(deriver.step(&deriver.safe().clone()), Step::Idle));
                let (block, _, whole) = execute(&derived);
                chain.push(block);
                deriver.applied(if whole {
                    foggara_derive::Applied::Accepted(block)
                } else {
                    foggara_derive::Applied::DepositsOnly(block)
                });
            }
            step => panic!("{step:?}"),
        }
    }
    let expected: Vec<_> = world.chain.iter().map(|block| block.block).collect();
    assert_eq!(chain, expected);
    assert_eq!(deriver.cursor(), world.deriver.cursor());
}

/// A schedule of honest batches on an L1 with deposits and config updates gives exactly the blocks.
#[test]
fn an_honest_schedule_gives_exactly_its_blocks() {
    for seed in 0..cases(60) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(rng.random_range(20..60));
        let length = rng.random_range(15..40);
        let mut skeleton: Vec<L1Input> = (1..=length)
            .map(|offset| random_events(&mut rng, l1_block(GENESIS_L1 + offset)))
            .collect();
        // The sequencer sees the whole L1 and builds all blocks first.
        world.l1.extend(skeleton.iter().cloned());
        let blocks = build_chain(&world, &mut rng, length - 2);
        world.l1.truncate(1);
        let mut posted = GENESIS_L1 + 1;
        let mut rest = &blocks[..];
        let mut channel = 0u8;
        while !rest.is_empty() {
            let (group, later) = rest.split_at(rng.random_range(1..=rest.len().min(25)));
            rest = later;
            let newest = group.last().unwrap().block.l1_origin.number;
            posted = posted.max(newest + 1 + rng.random_range(0..2));
            channel = channel.wrapping_add(1);
            let batches = if rng.random_bool(0.7) {
                vec![world.span(group)]
            } else {
                singulars(group)
            };
            let all = frames(id(channel), &batches, random_size(&mut rng));
            for frames in chunks(&mut rng, all) {
                let index = (posted - GENESIS_L1 - 1) as usize;
                while skeleton.len() <= index {
                    skeleton.push(l1_block(GENESIS_L1 + 1 + skeleton.len() as u64));
                }
                let data = if rng.random_bool(0.5) {
                    payload(&frames)
                } else {
                    blob_payload(&frames)
                };
                skeleton[index].payloads.push(data);
                posted += u64::from(rng.random_bool(0.1));
            }
        }
        for block in skeleton {
            world.mine_with(block.payloads, block.config_updates, block.deposits);
        }
        let derived: Vec<_> = world.chain.iter().map(|block| &block.attributes).collect();
        let built: Vec<_> = blocks.iter().map(|block| &block.attributes).collect();
        assert!(
            derived.len() >= built.len(),
            "seed {seed}: {:?}",
            world.dropped
        );
        assert_eq!(derived[..built.len()], built, "seed {seed}");
        assert!(
            world.chain[..built.len()]
                .iter()
                .all(|block| block.from_channel),
            "seed {seed}"
        );
        assert_chunking_does_not_matter(&world, &mut rng);
        assert_resumable(&world);
    }
}

#[test]
fn resuming_at_any_cursor_equals_the_continuous_run_under_a_hostile_batcher() {
    let (mut derived, mut from_channel, mut replaced, mut dropped) = (0, 0, 0, 0);
    for seed in 0..cases(250) {
        let mut rng = StdRng::seed_from_u64(seed);
        let world = hostile_history(&mut rng);
        derived += world.chain.len();
        from_channel += world
            .chain
            .iter()
            .filter(|block| block.from_channel)
            .count();
        replaced += world.chain.iter().filter(|block| !block.whole).count();
        dropped += world.dropped.len();
        assert_resumable(&world);
        assert_chunking_does_not_matter(&world, &mut rng);
    }
    // The histories are worth something.
    eprintln!(
        "{derived} blocks, {from_channel} from channels, {replaced} replaced, {dropped} drops"
    );
    assert!(from_channel * 4 > derived && replaced * 100 > derived && dropped > derived / 4);
}

fn hostile_history(rng: &mut StdRng) -> World {
    let mut world = World::new(rng.random_range(4..60));
    let mut pending: Vec<Frame> = Vec::new();
    for _ in 0..rng.random_range(10..40) {
        if rng.random_bool(0.1) {
            // Silence, sometimes beyond a channel's life.
            world.mine_empty(if rng.random_bool(0.2) {
                52
            } else {
                rng.random_range(1..8)
            });
        }
        let mut payloads = Vec::new();
        for _ in 0..rng.random_range(0..4) {
            if pending.is_empty() || rng.random_bool(0.15) {
                pending.extend(hostile_channel(&world, rng));
            }
            let count = rng.random_range(1..=pending.len().clamp(1, 6));
            let mut frames: Vec<Frame> = pending.drain(..count.min(pending.len())).collect();
            if rng.random_bool(0.15) {
                mutate(&mut frames, rng);
            }
            payloads.push(payload(&frames));
            if rng.random_bool(0.1) {
                payloads.push(payloads[rng.random_range(0..payloads.len())].clone());
            }
            if rng.random_bool(0.1) {
                payloads.push(garbage(&payloads, rng));
            }
        }
        let block = random_events(rng, l1_block(world.l1_tip() + 1));
        world.mine_with(payloads, block.config_updates, block.deposits);
    }
    world
}

/// A channel on top of the safe head with honest and spoilt batches in any order.
fn hostile_channel(world: &World, rng: &mut StdRng) -> Vec<Frame> {
    let back = rng.random_range(0..=world.safe().number.min(4)) * u64::from(rng.random_bool(0.3));
    let from = world.safe().number - back;
    let parent = world.block(from);
    let sys = match from.checked_sub(1) {
        Some(index) => world.chain[index as usize].sys,
        None => foggara_derive::SyncStart::genesis(&world.spec).sys,
    };
    let count = rng.random_range(1..20);
    let blocks = build_some(world, rng, (parent, sys), count);
    let mut batches = Vec::new();
    let mut rest = &blocks[..];
    while !rest.is_empty() {
        let (group, later) = rest.split_at(rng.random_range(1..=rest.len()));
        rest = later;
        match rng.random_range(0..10) {
            0..5 => batches.push(world.span(group)),
            5..8 => batches.extend(singulars(group)),
            8 => batches.push(spoilt_singular(&group[0], rng)),
            _ => batches.push(spoilt_span(world, &group[0], rng)),
        }
        if rng.random_bool(0.1) {
            batches.push(batches[rng.random_range(0..batches.len())].clone());
        }
    }
    if rng.random_bool(0.1) {
        batches.shuffle(rng);
    }
    frames(id(rng.random_range(0..6)), &batches, random_size(rng))
}

fn spoilt_singular(built: &Built, rng: &mut StdRng) -> Vec<u8> {
    let mut batch = built.singular();
    match rng.random_range(0..7) {
        0 => {
            batch.timestamp = batch
                .timestamp
                .wrapping_add(rng.random_range(0..3))
                .wrapping_sub(1)
        }
        1 => batch.parent_hash = B256::repeat_byte(1),
        2 => batch.epoch.number = batch.epoch.number.wrapping_add(1),
        3 => batch.epoch.hash = B256::repeat_byte(2),
        4 => batch.transactions.push(Bytes::new()),
        5 => batch.transactions.push(Bytes::from_static(&[5, 5])),
        _ => return vec![rng.random_range(0..4); 3],
    }
    batch.encode()
}

fn spoilt_span(world: &World, built: &Built, rng: &mut StdRng) -> Vec<u8> {
    let start = built
        .block
        .timestamp
        .wrapping_add(rng.random_range(0..4))
        .wrapping_sub(2);
    let count = rng.random_range(1..10);
    let changes: Vec<bool> = (0..count).map(|_| rng.random_bool(0.3)).collect();
    let end =
        built.block.l1_origin.number + changes.iter().filter(|change| **change).count() as u64;
    let end_hash = world
        .l1_at(end)
        .map_or(B256::ZERO, |block| block.header.hash);
    raw_span(start, end, built.block.parent_hash, end_hash, &changes)
}

fn mutate(frames: &mut Vec<Frame>, rng: &mut StdRng) {
    let at = rng.random_range(0..frames.len());
    match rng.random_range(0..7) {
        0 => {
            frames.remove(at);
        }
        1 => frames.push(frames[at].clone()),
        2 => frames.shuffle(rng),
        3 => frames[at].id = id(rng.random_range(0..6)),
        4 => frames[at].number = rng.random_range(0..4),
        5 => frames[at].is_last ^= true,
        _ => {
            let mut data = frames[at].data.to_vec();
            if let Some(byte) = data.first_mut() {
                *byte ^= 1 << rng.random_range(0..8);
            }
            frames[at].data = data.into();
        }
    }
}

fn garbage(payloads: &[Payload], rng: &mut StdRng) -> Payload {
    match &payloads[rng.random_range(0..payloads.len())] {
        Payload::Calldata(data) | Payload::Blob(data) => {
            let mut data = data.to_vec();
            data.truncate(rng.random_range(0..=data.len()));
            if let Some(byte) = data.last_mut() {
                *byte = rng.random();
            }
            Payload::Calldata(data.into())
        }
    }
}

fn random_events(rng: &mut StdRng, mut block: L1Input) -> L1Input {
    if rng.random_bool(0.2) {
        let update = match rng.random_range(0..4) {
            0 => config_update(2, U256::from(rng.random_range(21_000_000..200_000_000u64))),
            1 => config_update(4, U256::from((rng.random_range(1..500u64) << 32) | 6)),
            2 => config_update(5, U256::from(rng.random::<u32>())),
            _ => config_update(77, B256::ZERO),
        };
        block.config_updates.push(update);
    }
    for index in 0..rng.random_range(0..3u64) * u64::from(rng.random_bool(0.3)) {
        block
            .deposits
            .push((index * 3, deposit(&index.to_be_bytes())));
    }
    block
}

/// Blocks on top of `start`, some of them invalid, taking origins early or late as a sequencer may.
fn build_some(
    world: &World,
    rng: &mut StdRng,
    (mut parent, mut sys): (foggara_primitives::L2Ref, SystemConfig),
    count: usize,
) -> Vec<Built> {
    let mut out = Vec::new();
    for _ in 0..count {
        let time = parent.timestamp + BLOCK_TIME;
        let current = parent.l1_origin.number;
        let may = world
            .l1_at(current + 1)
            .is_some_and(|next| next.header.timestamp <= time);
        let origin = current + u64::from(may && rng.random_bool(0.8));
        let txs = (0..rng.random_range(0..3))
            .map(|index| {
                if rng.random_bool(0.03) {
                    invalid_tx(index)
                } else {
                    tx(index, &time.to_be_bytes())
                }
            })
            .collect();
        let built = world.build(&parent, &sys, origin, txs);
        (parent, sys) = (built.block, built.sys);
        out.push(built);
    }
    out
}

/// An honest chain over the L1 that `world` shows, up to the time of its block `last`.
fn build_chain(world: &World, rng: &mut StdRng, last: u64) -> Vec<Built> {
    let (mut parent, mut sys) = (world.safe(), *world.deriver.sys());
    let mut out = Vec::new();
    while parent.timestamp < GENESIS_TIME + last * L1_BLOCK_TIME {
        let time = parent.timestamp + BLOCK_TIME;
        let current = parent.l1_origin.number;
        let may = world
            .l1_at(current + 1)
            .is_some_and(|next| next.header.timestamp <= time);
        let origin = current + u64::from(may && rng.random_bool(0.7));
        let txs = (0..rng.random_range(0..3))
            .map(|n| tx(n, &time.to_be_bytes()))
            .collect();
        let built = world.build(&parent, &sys, origin, txs);
        (parent, sys) = (built.block, built.sys);
        out.push(built);
    }
    out
}

fn random_size(rng: &mut StdRng) -> usize {
    if rng.random_bool(0.5) {
        1_000
    } else {
        rng.random_range(20..200)
    }
}

/// Frames in payloads of random sizes.
fn chunks(rng: &mut StdRng, mut frames: Vec<Frame>) -> Vec<Vec<Frame>> {
    let mut out = Vec::new();
    while !frames.is_empty() {
        let rest = frames.split_off(rng.random_range(1..=frames.len()));
        out.push(std::mem::replace(&mut frames, rest));
    }
    out
}
