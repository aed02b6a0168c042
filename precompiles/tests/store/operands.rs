//! Stored tensors as operands, and results that are stored.

use crate::{
    I8, I32, STORE, ramp,
    world::{
        EPOCH, End, MATMUL, TENSOR, Value, World, calldata, concat, info, inline, int, matmul,
        one_bytes, prune, put, read, stored, touch, word,
    },
    world_with,
};
use alloy_primitives::hex;
use foggara_precompiles::{CallKind, OpError, Record};

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
    let head = [u64::from(STORE), 0, 2, m, k, n, 0, 0, 0, 0, 0].map(int);
    let mut args = Vec::from(head);
    args.push(Value::Bytes(inline(&[1, 2, 3])));
    args.push(Value::Bytes(stored(w, 0, 0)));
    args.push(Value::Bytes(inline(&[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0])));
    args.extend([Value::Bytes(Vec::new()), Value::Bytes(Vec::new())]);
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
                int(flags),
                int(dtype),
                int(10_000),
                Value::Words(vec![word(3); 32]),
                int(0),
                Value::Array(operands),
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
