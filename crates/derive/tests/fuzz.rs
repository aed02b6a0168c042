//! Arbitrary payload bytes never panic and never stop derivation.
//!
//! Seeded; `FOGGARA_CASES` raises the number of payloads.

mod common;

use alloy_primitives::Bytes;
use common::*;
use foggara_batch::{compress_zlib, cut_frames, encode_content, encode_payload};
use foggara_derive::Payload;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};

fn cases() -> usize {
    std::env::var("FOGGARA_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000)
}

#[test]
fn arbitrary_payloads_never_stop_derivation() {
    let mut rng = StdRng::seed_from_u64(0xf0_99a4a);
    let mut left = cases();
    while left > 0 {
        // A new world now and then keeps the simulated L1 short.
        let mut world = World::new(rng.random_range(4..12));
        world.mine_empty(3);
        for _ in 0..60 {
            let payloads: Vec<Payload> = (0..50.min(left))
                .map(|_| arbitrary(&world, &mut rng))
                .collect();
            left -= payloads.len();
            let before = world.l1_tip();
            world.mine(payloads);
            assert_eq!(world.deriver.cursor().l1_number, before + 1);
        }
    }
}

/// Bytes that get as deep into the stages as chance and a valid shell let them.
fn arbitrary(world: &World, rng: &mut StdRng) -> Payload {
    let depth = rng.random_range(0..6);
    let mut bytes = match depth {
        0 => noise(rng, 300),
        1 => [vec![0], noise(rng, 300)].concat(),
        2 => {
            let channel = noise(rng, 300);
            framed(rng, &channel)
        }
        3 => {
            let content = noise(rng, 600);
            framed(rng, &compress_zlib(&content, 1))
        }
        4 => {
            let mut batch = noise(rng, 400);
            batch.insert(0, rng.random_range(0..3));
            framed(rng, &compress_zlib(&encode_content(&[batch]), 1))
        }
        _ => {
            let blocks = world.build_on_safe(rng.random_range(1..4));
            let mut batch = if rng.random_bool(0.5) {
                world.span(&blocks)
            } else {
                blocks[0].singular().encode()
            };
            flip(rng, &mut batch, 3);
            framed(rng, &compress_zlib(&encode_content(&[batch]), 1))
        }
    };
    if rng.random_bool(0.3) {
        flip(rng, &mut bytes, 2);
    }
    if rng.random_bool(0.02) {
        bytes.resize(131_072, 0);
        return Payload::Blob(bytes.into());
    }
    Payload::Calldata(bytes.into())
}

fn noise(rng: &mut StdRng, max: usize) -> Vec<u8> {
    let mut out = vec![0; rng.random_range(0..=max)];
    rng.fill_bytes(&mut out);
    out
}

fn framed(rng: &mut StdRng, channel: &[u8]) -> Vec<u8> {
    let size = rng.random_range(20..2_000);
    encode_payload(&cut_frames(id(rng.random()), &Bytes::copy_from_slice(channel), size).unwrap())
}

fn flip(rng: &mut StdRng, bytes: &mut [u8], count: usize) {
    for _ in 0..count.min(bytes.len()) {
        let at = rng.random_range(0..bytes.len());
        bytes[at] ^= 1 << rng.random_range(0..8);
    }
}
