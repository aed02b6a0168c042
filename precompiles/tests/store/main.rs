//! The tensor store over a chain in memory: every function, its rules, its gas, its errors.

#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod model;
mod world;

use alloy_primitives::{hex, keccak256};
use foggara_precompiles::{CallKind, OpError, Record};
use world::*;

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

#[test]
fn the_worked_example() {
    let mut world = World::default();
    let call = put(I8, &[2, 3], 1, &hex!("01fe030405fa"));
    assert_eq!(
        keccak256(&call),
        hex!("1feb7608e01cad2508ede0c4df4525ac0d4b0d24f08c54e93d72456ed1f3e6ba")
    );
    let end = world.call(TENSOR, &call, 23_815);
    let id = hex!("c393da5d0e98570a89710df6061af7992313a3a32f44895a2b4fda9777e67704");
    assert_eq!(end, End::Ok(23_815, id.to_vec()));
    let expiry = world.now + EPOCH;
    let record = Record {
        created_block: 100,
        expiry,
    };
    assert_eq!(world.journal.records[&id], record);
    let mut slot = [0; 32];
    slot[0] = 1;
    slot[16..24].copy_from_slice(&expiry.to_be_bytes());
    slot[31] = 100;
    assert_eq!(
        (record.encode(), Record::decode(slot)),
        (slot, Some(record))
    );
    assert_eq!(Record::decode([0; 32]), None);
    let mut by = [0; 32];
    by[12..].copy_from_slice(&CALLER);
    let topic = keccak256("TensorStored(bytes32,address,uint64)").0;
    assert_eq!(world.journal.logs, [([topic, id, by], word(expiry))]);
    assert_eq!(world.bytes[&id].bytes[..], hex!("01fe030405fa"));
    assert_eq!(world.metered, 23_815);
    // One gas less.
    let mut world = World::default();
    assert_eq!(world.call(TENSOR, &call, 23_814), End::OutOfGas);
    assert!(world.journal.records.is_empty() && world.bytes.is_empty() && world.metered == 0);
}

#[test]
fn put_again_keeps_its_age_and_never_shortens_its_time() {
    let (mut world, id) = world_with(I8, &[6], &ramp(6));
    let first = world.journal.records[&id];
    // The meter counts a new record, the call spends a live one; it must be given the former.
    let metered = world.metered;
    let call = put(I8, &[6], 2, &ramp(6));
    let full = 150 + 22_100 + 1_500 + 16 + 1 + 2 * 32;
    assert_eq!(world.clone().call(TENSOR, &call, full - 1), End::OutOfGas);
    assert_eq!(
        world.call(TENSOR, &call, full),
        End::Ok(full - 17_100, id.to_vec())
    );
    assert_eq!(world.metered - metered, full);
    let second = Record {
        expiry: world.now + 2 * EPOCH,
        ..first
    };
    assert_eq!(world.journal.records[&id], second);
    world.next_block(10);
    world.tensor(&put(I8, &[6], 1, &ramp(6)));
    assert_eq!(world.journal.records[&id], second);
    // At the expiry it starts anew.
    world.next_block(0);
    world.now = second.expiry - 1;
    assert_eq!(world.clone().tensor(&call).gas(), full - 17_100);
    world.now = second.expiry;
    assert_eq!(world.tensor(&call), End::Ok(full, id.to_vec()));
    let third = Record {
        created_block: world.block,
        expiry: world.now + 2 * EPOCH,
    };
    assert_eq!(world.journal.records[&id], third);
}

#[test]
fn nothing_uses_an_expired_tensor() {
    let (mut world, id) = world_with(I8, &[2, 3], &ramp(6));
    let product = || matmul(0, 2, 3, 1, stored(id, 0, 0), inline(&[1, 1, 1]));
    world.now = world.journal.records[&id].expiry - 1;
    assert!(matches!(
        world.clone().call(MATMUL, &product(), 9_999),
        End::Ok(..)
    ));
    world.now += 1;
    for (code, call) in [
        (MATMUL, product()),
        (TENSOR, read(id, 0, 0)),
        (TENSOR, touch(id, 1)),
        (TENSOR, concat(I8, &[2, 3], 1, &[id])),
    ] {
        let gas = 150 + (call.len() as u64).div_ceil(32) + 2_100;
        let end = world.clone().call(code, &call, 99_999);
        assert_eq!(end, End::Err(gas, OpError::TensorExpired(id)));
    }
    // What is known of it is known still, and a fetch never happened.
    let out = world.tensor(&info(id)).output();
    let record = world.journal.records[&id];
    let expected = [
        word(3),
        word(160),
        out[64..96].try_into().unwrap(),
        word(100),
        word(record.expiry),
        word(2),
        word(2),
        word(3),
    ];
    assert_eq!(out, expected.concat());
    let unknown = [7; 32];
    for call in [
        info(unknown),
        read(unknown, 0, 0),
        touch(unknown, 1),
        prune(unknown),
    ] {
        assert_eq!(world.tensor(&call).error(), OpError::UnknownTensor(unknown));
    }
}

#[test]
fn only_its_own_transaction_reads_a_tensor_in_its_block() {
    let mut world = World::default();
    let id = world.tensor(&put(I8, &[2, 3], 1, &ramp(6))).id();
    let product = matmul(0, 2, 3, 1, stored(id, 0, 0), inline(&[1, 1, 1]));
    // Warm, and its pages cost nothing.
    let own = world.call(MATMUL, &product, 999_999);
    assert_eq!(own.gas(), 150 + 2 + 3 + 1 + 100);
    world.next_tx();
    let foreign = world.call(MATMUL, &product, 999_999);
    assert_eq!(foreign.error(), OpError::TensorNotMature(id));
    assert_eq!(
        world.tensor(&read(id, 0, 0)).error(),
        OpError::TensorNotMature(id)
    );
    // A transaction that makes it again is as good as the first: nobody can be shut out by another's put.
    let again = world.tensor(&put(I8, &[2, 3], 1, &ramp(6)));
    assert_eq!(again.gas(), 150 + 5_000 + 1_500 + 32 + 1 + 32);
    assert!(matches!(world.call(MATMUL, &product, 999_999), End::Ok(..)));
    world.next_block(0);
    let mature = world.call(MATMUL, &product, 999_999);
    assert_eq!(mature.gas(), 150 + 2 + 3 + 1 + 2_100 + 400);
    assert_eq!(mature.output(), own.output());
}

#[test]
fn touch_adds_to_the_old_expiry() {
    let (mut world, id) = world_with(I8, &[3_000], &ramp(3_000));
    let before = world.journal.records[&id];
    let gas = 150 + 5_000 + 1_500 + 3 * 32 * 4;
    let call = touch(id, 4);
    assert_eq!(world.clone().call(TENSOR, &call, gas - 1), End::OutOfGas);
    let expiry = before.expiry + 4 * EPOCH;
    assert_eq!(
        world.call(TENSOR, &call, gas),
        End::Ok(gas, word(expiry).to_vec())
    );
    assert_eq!(world.journal.records[&id], Record { expiry, ..before });
    assert_eq!(world.journal.logs.last().unwrap().1, word(expiry));
    // The second time the record is warm, and the price the same.
    assert_eq!(world.tensor(&call).gas(), gas);
    for epochs in [0, 105, u64::from(u32::MAX)] {
        assert_eq!(
            world.tensor(&touch(id, epochs)).error(),
            OpError::BadParam(1)
        );
    }
    // 9 epochs less a second are left: 95 more lie within 104 of now, 96 do not.
    assert_eq!(world.tensor(&touch(id, 96)).error(), OpError::BadParam(1));
    assert!(matches!(world.tensor(&touch(id, 95)), End::Ok(..)));
}

#[test]
fn prune_comes_after_the_retention() {
    let (mut world, id) = world_with(I8, &[6], &ramp(6));
    let call = prune(id);
    world.now = world.journal.records[&id].expiry + 60 * 86_400 - 1;
    let early = world.tensor(&call);
    assert_eq!(early, End::Err(150 + 2 + 2_100, OpError::BadParam(0)));
    world.next_block(1);
    let gas = 150 + 5_000 + 1_500;
    assert_eq!(world.clone().call(TENSOR, &call, gas - 1), End::OutOfGas);
    assert_eq!(world.call(TENSOR, &call, gas), End::Ok(gas, Vec::new()));
    assert!(world.journal.records.is_empty());
    assert_eq!(world.journal.logs.last().unwrap().1, word(0));
    assert_eq!(world.tensor(&call).error(), OpError::UnknownTensor(id));
    let again = world.tensor(&put(I8, &[6], 1, &ramp(6)));
    assert_eq!(again.gas(), 150 + 22_100 + 1_500 + 16 + 1 + 32);
}

#[test]
fn put_refuses_what_is_no_tensor() {
    let mut world = World::default();
    let id = world.tensor(&put(I8, &[6], 1, &ramp(6))).id();
    let error = |call: Vec<u8>| world.clone().tensor(&call).error();
    for dtype in [0, 1, 4, 8, U32, 255] {
        assert_eq!(error(put(dtype, &[6], 1, &ramp(6))), OpError::BadDtype(0));
    }
    for shape in [&[][..], &[0], &[6, 0], &[1, 1, 1, 1, 6]] {
        assert_eq!(error(put(I8, shape, 1, &ramp(6))), OpError::BadShape(1));
    }
    let max = 256 << 20;
    assert_eq!(
        error(put(I8, &[max as u32 + 1], 1, &[])),
        OpError::TooLarge { got: max + 1, max }
    );
    for epochs in [0, 105] {
        assert_eq!(error(put(I8, &[6], epochs, &ramp(6))), OpError::BadParam(2));
    }
    let (which, want) = (3, 12);
    for got in [0, 11, 13] {
        let mismatch = OpError::LengthMismatch { which, want, got };
        assert_eq!(error(put(I16, &[6], 1, &ramp(got as usize))), mismatch);
    }
    let with = |data: Vec<u8>| {
        let args = [Arg::Int(3), dims(&[6]), Arg::Int(1), Arg::Bytes(data)];
        calldata("put(uint8,uint32[],uint32,bytes)", &args)
    };
    for data in [stored(id, 0, 0), Vec::new(), vec![3; 7]] {
        assert_eq!(error(with(data)), OpError::BadOperand(3));
    }
    // From code: the same id, and an account's price.
    let code = [&[2][..], &[9; 20], &0u32.to_be_bytes(), &6u32.to_be_bytes()].concat();
    let mut other = World::default();
    let end = other.tensor(&with(code));
    assert_eq!(end.gas(), 150 + 22_100 + 1_500 + 16 + 1 + 32 + 2_600);
    assert_eq!(
        end.id(),
        World::default()
            .tensor(&put(I8, &[6], 1, &[1, 2, 3, 4, 5, 6]))
            .id()
    );
    // A word too wide anywhere among the dimensions.
    let mut dirty = put(I8, &[2, 3], 1, &ramp(6));
    dirty[4 + 4 * 32 + 2 * 32] = 1;
    assert_eq!(world.clone().tensor(&dirty).error(), OpError::BadCalldata);
}

#[test]
fn parts_join_where_pages_end() {
    // Rows of 100 bytes have a stride of 128: 32 rows are a page.
    let data = ramp(100 * 70);
    let mut world = World::default();
    let mut part = |rows: std::ops::Range<usize>| {
        let bytes = &data[rows.start * 100..rows.end * 100];
        world
            .tensor(&put(I8, &[rows.len() as u32, 100], 1, bytes))
            .id()
    };
    let ids = [part(0..32), part(32..64), part(64..70)];
    let odd = part(0..31);
    let whole = World::default().tensor(&put(I8, &[70, 100], 1, &data)).id();
    world.next_block(1);
    let call = concat(I8, &[70, 100], 3, &ids);
    let gas = 150 + 3 * 2_100 + 3 * 416 + 22_100 + 1_500 + 7 * 32 * 3;
    assert_eq!(world.clone().call(TENSOR, &call, gas - 1), End::OutOfGas);
    assert_eq!(world.call(TENSOR, &call, gas), End::Ok(gas, whole.to_vec()));
    assert_eq!(world.bytes[&whole].bytes[..], data);
    let expiry = world.now + 3 * EPOCH;
    assert_eq!(
        world.journal.records[&whole],
        Record {
            created_block: 101,
            expiry
        }
    );
    // The same id once more: live, and the parts warm.
    assert_eq!(world.tensor(&call).gas(), gas - 17_100 - 3 * 2_000);
    world.next_tx();

    let mut error = |call: Vec<u8>| world.tensor(&call).error();
    assert_eq!(
        error(concat(I8, &[63, 100], 1, &[odd, ids[0]])),
        OpError::BadShape(3)
    );
    assert_eq!(error(concat(I8, &[69, 100], 1, &ids)), OpError::BadShape(1));
    assert_eq!(error(concat(I8, &[70, 99], 1, &ids)), OpError::BadShape(3));
    assert_eq!(
        error(concat(I8, &[70, 10, 10], 1, &ids)),
        OpError::BadShape(3)
    );
    assert_eq!(error(concat(I8, &[7_000], 1, &ids)), OpError::BadShape(3));
    assert_eq!(error(concat(2, &[70, 100], 1, &ids)), OpError::BadDtype(3));
    assert_eq!(error(concat(I8, &[70, 100], 1, &[])), OpError::BadShape(3));
    let (got, max) = (1_025, 1_024);
    assert_eq!(
        error(concat(I8, &[70, 100], 1, &[ids[0]; 1_025])),
        OpError::TooLarge { got, max }
    );
    assert_eq!(error(concat(I8, &[70, 100], 0, &ids)), OpError::BadParam(2));
    let unknown = OpError::UnknownTensor([1; 32]);
    assert_eq!(
        error(concat(I8, &[70, 100], 1, &[ids[0], [1; 32]])),
        unknown
    );
    // The odd one may be the last.
    assert!(matches!(
        world.tensor(&concat(I8, &[63, 100], 1, &[ids[0], odd])),
        End::Ok(..)
    ));
}

#[test]
fn vectors_join_end_to_end_and_long_rows_with_their_padding() {
    let data = ramp(3 * PAGE * 4);
    for (shape, cuts) in [
        // Rank 1: three pages of four, then one, then a bit.
        (
            vec![vec![3 * PAGE], vec![PAGE], vec![10]],
            vec![4 * PAGE + 10],
        ),
        // Rows of three pages in strides of four.
        (
            vec![vec![2, 3 * PAGE], vec![1, 3 * PAGE]],
            vec![3, 3 * PAGE],
        ),
        // Rank 3.
        (vec![vec![1, 2, PAGE], vec![2, 2, PAGE]], vec![3, 2, PAGE]),
    ] {
        let dims = |shape: &[usize]| shape.iter().map(|dim| *dim as u32).collect::<Vec<_>>();
        let mut world = World::default();
        let mut at = 0;
        let mut ids = Vec::new();
        for part in &shape {
            let size: usize = part.iter().product();
            ids.push(
                world
                    .tensor(&put(I8, &dims(part), 1, &data[at..at + size]))
                    .id(),
            );
            at += size;
        }
        // In the transaction that made the parts they are readable at once.
        let joined = world.tensor(&concat(I8, &dims(&cuts), 1, &ids)).id();
        let whole = World::default()
            .tensor(&put(I8, &dims(&cuts), 1, &data[..at]))
            .id();
        assert_eq!(joined, whole, "{shape:?}");
    }
}

#[test]
fn an_operand_pays_for_the_pages_it_touches() {
    // Rows of 2,049 bytes: a page each, 7 rows.
    let data = ramp(2_049 * 7);
    let (world, id) = world_with(I8, &[7, 2_049], &data);
    let ones = vec![1; 2_049];
    let price = |world: &mut World, operand: Vec<u8>, rows: u64| {
        let call = matmul(0, 1, 2_049, rows, inline(&ones), operand);
        let end = world.call(MATMUL, &call, 99_999);
        let rest = 150 + 65 + (rows * 2_049).div_ceil(32) + 3 * (rows * 4).div_ceil(32);
        end.gas() - rest - (rows * 2_049).div_ceil(128)
    };
    for (start, rows, pages) in [
        (0, 1, 1),
        (2_049, 1, 1),
        (0, 2, 2),
        (2_049, 3, 3),
        (1, 1, 2),
    ] {
        let mut world = world.clone();
        let operand = stored(id, start, rows * 2_049);
        assert_eq!(price(&mut world, operand, rows), 2_100 + 400 * pages);
        assert!(!world.is_resident(id));
    }
    let mut world = world;
    assert_eq!(price(&mut world, stored(id, 0, 0), 7), 2_100 + 400 * 7);
    // Now it is resident, to the end of the transaction.
    assert!(world.is_resident(id) && !world.is_created(id));
    assert_eq!(price(&mut world, stored(id, 0, 2_049), 1), 100);
    assert_eq!(
        world.tensor(&read(id, 2_049 * 6, 0)).gas(),
        150 + 100 + 65 + 3 * 65
    );
    world.next_tx();
    assert_eq!(price(&mut world, stored(id, 0, 2_049), 1), 2_100 + 400);
}

#[test]
fn references_outside_the_tensor_are_refused() {
    let (mut world, id) = world_with(I8, &[2, 3], &ramp(6));
    let mut product = |operand: Vec<u8>| {
        world.next_tx();
        world.call(
            MATMUL,
            &matmul(0, 1, 3, 1, operand, inline(&[1, 1, 1])),
            99_999,
        )
    };
    for (start, count) in [(6, 0), (7, 0), (4, 3), (0, 7), (u64::MAX, 1), (1, u64::MAX)] {
        assert_eq!(
            product(stored(id, start, count)).error(),
            OpError::BadOperand(1)
        );
    }
    for size in [0, 48, 50] {
        let mut operand = stored(id, 0, 3);
        operand.resize(size, 0);
        assert_eq!(product(operand).error(), OpError::BadOperand(1));
    }
    let (which, want, got) = (1, 3, 4);
    let mismatch = OpError::LengthMismatch { which, want, got };
    assert_eq!(product(stored(id, 2, 0)).error(), mismatch);
    assert!(matches!(product(stored(id, 3, 0)), End::Ok(..)));
    // The last elements by count and to the end are one thing.
    assert_eq!(product(stored(id, 3, 0)), product(stored(id, 3, 3)));
    let (mut world, id) = world_with(2, &[2, 3], &ramp(6));
    let call = matmul(0, 1, 3, 1, stored(id, 0, 3), inline(&[1, 1, 1]));
    assert_eq!(
        world.call(MATMUL, &call, 99_999).error(),
        OpError::BadDtype(1)
    );
    // With too little gas for a cold record it is not loaded; a warm one costs 100.
    world.next_tx();
    assert_eq!(world.call(MATMUL, &call, 150 + 2_099), End::OutOfGas);
    assert!(world.journal.warm.is_empty());
}

#[test]
fn bytes_are_fetched_only_once_they_are_paid_for() {
    let (mut world, id) = world_with(I8, &[64, 64], &ramp(4_096));
    let call = matmul(0, 1, 4_096, 1, inline(&ramp(4_096)), stored(id, 0, 0));
    let gas = world.clone().call(MATMUL, &call, 99_999).gas();
    world.fetched = 0;
    world.meter_left = gas - 1;
    let error = OpError::AiGasLimit {
        want: gas,
        left: gas - 1,
    };
    let end = world.call(MATMUL, &call, 99_999);
    assert_eq!(end.error(), error);
    // The descriptor, no more; and nothing is resident that was not paid for.
    assert_eq!(world.fetched, 1);
    assert!(!world.is_resident(id));
}

#[test]
fn results_are_stored_for_an_epoch() {
    let mut world = World::default();
    let (a, b) = (inline(&hex!("01fe030405fa")), inline(&hex!("070809ff0001")));
    let plain = world.call(MATMUL, &matmul(0, 2, 3, 2, a.clone(), b.clone()), 9_999);
    let c = one_bytes(&plain.clone().output());
    let call = matmul(STORE, 2, 3, 2, a, b);
    let gas = plain.gas() + 22_100 + 1_500 + 2 * 16 + 32;
    assert_eq!(world.clone().call(MATMUL, &call, gas - 1), End::OutOfGas);
    let end = world.call(MATMUL, &call, gas);
    assert_eq!(end.gas(), gas);
    let output = end.output();
    assert_eq!(output.len(), 96);
    let id: [u8; 32] = one_bytes(&output).try_into().unwrap();
    // Rows and columns; and it can be read at once.
    assert_eq!(world.clone().tensor(&put(I32, &[2, 2], 1, &c)).id(), id);
    assert_eq!(
        one_bytes(&world.clone().tensor(&read(id, 0, 0)).output()),
        c
    );
    let expiry = world.now + EPOCH;
    assert_eq!(
        world.journal.records[&id],
        Record {
            created_block: 100,
            expiry
        }
    );
    // Again: its record is live.
    assert_eq!(world.call(MATMUL, &call, gas).gas(), gas - 17_100);
}

#[test]
fn writers_are_called_directly_and_not_statically() {
    let (world, id) = world_with(I8, &[2, 3], &ramp(6));
    let calls = [
        (TENSOR, put(I8, &[6], 1, &ramp(6))),
        (TENSOR, concat(I8, &[2, 3], 1, &[id])),
        (TENSOR, touch(id, 1)),
        (TENSOR, prune(id)),
        (
            MATMUL,
            matmul(STORE, 2, 3, 1, stored(id, 0, 0), inline(&[1; 3])),
        ),
    ];
    for (code, call) in calls {
        for (is_direct, is_static) in [(true, true), (false, true), (false, false)] {
            let mut world = world.clone();
            world.kind = CallKind {
                is_direct,
                is_static,
                has_value: false,
            };
            let before = (world.journal.clone(), world.bytes.clone());
            let error = match is_static {
                true => OpError::StaticStore,
                false => OpError::DirectCallOnly,
            };
            let gas = 150 + (call.len() as u64).div_ceil(32);
            assert_eq!(world.call(code, &call, 99_999), End::Err(gas, error));
            assert_eq!((world.journal, world.bytes), before);
        }
        let mut world = world.clone();
        world.kind.has_value = true;
        assert_eq!(world.call(code, &call, 99_999).error(), OpError::NotPayable);
    }
    // Readers answer alike under every kind, and what they warm and make resident counts.
    for (is_direct, is_static) in [(true, true), (false, true), (false, false), (true, false)] {
        let mut world = world.clone();
        world.kind = CallKind {
            is_direct,
            is_static,
            has_value: false,
        };
        assert!(matches!(world.tensor(&info(id)), End::Ok(..)));
        assert_eq!(world.tensor(&read(id, 0, 0)).gas(), 150 + 1 + 3 + 100 + 400);
        assert_eq!(world.tensor(&read(id, 0, 0)).gas(), 150 + 1 + 3 + 100);
    }
}

#[test]
fn a_call_that_fails_after_the_work_leaves_nothing() {
    // A bias out of range is found only during the work: the full price is spent, nothing stays.
    let (mut world, id) = world_with(I8, &[2, 3], &ramp(6));
    let before = world.journal.clone();
    let end = world.call(0x02, &linear_with_a_bad_bias(id), 999_999);
    assert_eq!(
        end.clone().error(),
        OpError::BadElement { which: 3, index: 0 }
    );
    assert!(end.gas() > 22_100);
    assert_eq!(world.journal, before);
    assert!(!world.is_resident(id));
}

/// `linear`, mode 2, whose bias is out of range; its result is to be stored.
fn linear_with_a_bad_bias(w: [u8; 32]) -> Vec<u8> {
    let (m, k, n) = (1, 3, 2);
    let head = [u64::from(STORE), 0, 2, m, k, n, 0, 0, 0, 0, 0].map(Arg::Int);
    let mut args = Vec::from(head);
    args.push(Arg::Bytes(inline(&[1, 2, 3])));
    args.push(Arg::Bytes(stored(w, 0, 0)));
    args.push(Arg::Bytes(inline(&[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0])));
    args.extend([Arg::Bytes(Vec::new()), Arg::Bytes(Vec::new())]);
    let head = "uint8,uint8,uint8,uint32,uint32,uint32,int32,int32,int32,int32,int32";
    calldata(
        &format!("linear(({head}),bytes,bytes,bytes,bytes,bytes)"),
        &args,
    )
}

#[test]
fn a_federated_round_costs_what_the_specification_says() {
    let mut world = World::default();
    let signature = "mean(uint8,uint8,uint32,int32[],uint64,bytes[])";
    for (dtype, size, inline_gas, stored_gas) in
        [(I32, 4, 66_656, 261_856), (I8, 1, 36_672, 142_272)]
    {
        let clients: Vec<Vec<u8>> = (0..32u8)
            .map(|client| {
                ramp(10_000 * size)
                    .iter()
                    .map(|byte| byte ^ client)
                    .collect()
            })
            .collect();
        let ids: Vec<[u8; 32]> = clients
            .iter()
            .map(|data| {
                let end = world.tensor(&put(dtype, &[10_000], 1, data));
                if dtype == I8 {
                    assert_eq!(end.gas(), 29_391);
                }
                end.id()
            })
            .collect();
        world.next_block(1);
        let mut round = |flags: u8, operands: Vec<Vec<u8>>| {
            world.next_tx();
            let args = [
                Arg::Int(flags.into()),
                Arg::Int(dtype.into()),
                Arg::Int(10_000),
                Arg::Words(vec![word(3); 32]),
                Arg::Int(0),
                Arg::List(operands),
            ];
            world.call(0x10, &calldata(signature, &args), 1 << 24)
        };
        let handles = || ids.iter().map(|id| stored(*id, 0, 0)).collect();
        let by_value = round(0, clients.iter().map(|data| inline(data)).collect());
        let by_handle = round(0, handles());
        assert_eq!((by_value.gas(), by_handle.gas()), (inline_gas, stored_gas));
        assert_eq!(by_value.output(), by_handle.output());
        let kept = round(STORE, handles());
        assert_eq!(kept.gas(), stored_gas + 44_880);
    }
}
