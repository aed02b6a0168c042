//! `put`, its age and its time, `touch`, `prune`, and what `put` refuses.

use crate::{
    I8, I16, U32, ramp,
    world::{
        CALLER, EPOCH, End, MATMUL, TENSOR, Value, World, calldata, concat, dims, info, inline,
        int, matmul, prune, put, read, stored, touch, word,
    },
    world_with,
};
use alloy_primitives::{hex, keccak256};
use foggara_precompiles::{OpError, Record};

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
        let args = [int(3), dims(&[6]), int(1), Value::Bytes(data)];
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
