//! The tensor store over a chain in memory: every function, its rules, its gas, its errors.

#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod joins;
mod life;
mod model;
mod operands;
mod world;

use world::{World, put};

const I8: u8 = 3;
const I16: u8 = 5;
const I32: u8 = 6;
const U32: u8 = 12;
const STORE: u8 = 0x80;
/// Bytes of a page.
const PAGE: usize = 4_096;

fn ramp(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n * 7 % 251) as u8 + 1).collect()
}

/// A tensor put a block ago.
fn world_with(dtype: u8, shape: &[u32], data: &[u8]) -> (World, [u8; 32]) {
    let mut world = World::default();
    let id = world.tensor(&put(dtype, shape, 1, data)).id();
    world.next_block(1);
    (world, id)
}
