//! Each limit of section 3 at its value and one above: given too little gas for the work, a call at
//! the limit runs out of it, a call above is refused.

use crate::{
    abi::{Value, int, word},
    call::{World, function},
    compare,
    generate::reference,
};
use alloy_primitives::hex;
use foggara_precompiles::Outcome;

const LONG: [u8; 20] = [7; 20];
const MIB: usize = 1 << 20;

/// A world with one account whose code is longer than any real one.
fn world() -> World {
    let mut world = World::default();
    world
        .codes
        .insert(LONG, vec![0; 1 + (MIB << 7) + 64].into());
    world
}

fn long(bytes: usize) -> Value {
    Value::Bytes(reference(LONG, 0, bytes))
}

fn clients(count: usize, bytes: usize) -> Value {
    Value::Array(vec![reference(LONG, 0, bytes); count])
}

fn ints(values: &[i128]) -> Vec<Value> {
    values.iter().map(|value| int(*value)).collect()
}

/// How a call ends that has gas for its operands, not for its work.
fn end(name: &str, args: &[Value], world: &World) -> String {
    let function = function(name);
    let mut input = function.selector.to_be_bytes().to_vec();
    input.extend(crate::abi::encode(args));
    let gas = 2_600 + 300 * 100 + 150 + input.len().div_ceil(32) as u64;
    match compare(function.op, &input, gas, world, &name) {
        Outcome::OutOfGas => "at the limit".into(),
        Outcome::Revert { data, .. } if data.len() == 68 => {
            assert_eq!(data[..4], hex!("677fd0e3"), "{name}");
            let number = |at: usize| u64::from_be_bytes(data[at..at + 8].try_into().unwrap());
            format!("{} of {}", number(28), number(60))
        }
        other => panic!("{name}: {}", crate::show(&other)),
    }
}

#[test]
fn limits_hold_at_their_value_and_not_above() {
    let world = world();
    let at = |name: &str, args: Vec<Value>| {
        assert_eq!(end(name, &args, &world), "at the limit", "{name}");
    };
    let above = |name: &str, args: Vec<Value>, says: [usize; 2]| {
        let says = format!("{} of {}", says[0], says[1]);
        assert_eq!(end(name, &args, &world), says, "{name}");
    };
    let with = |head: &[i128], tail: Vec<Value>| [ints(head), tail].concat();

    // Sides and multiply-adds of products; bytes of the result.
    let matmul = |kind: i128, [batch, m, k, n]: [usize; 4], sizes: [usize; 2]| {
        let (a, b) = (batch * m * k * sizes[0], batch * n * k * sizes[1]);
        let sides = [batch, m, k, n].map(|side| side as i128);
        with(&[&[0, kind], &sides[..]].concat(), vec![long(a), long(b)])
    };
    at("matmul", matmul(0, [1, 65_535, 4, 16], [1, 1]));
    above(
        "matmul",
        matmul(0, [1, 65_536, 4, 1], [1, 1]),
        [65_536, 65_535],
    );
    above(
        "matmul",
        matmul(0, [1, 1, 4, 65_536], [1, 1]),
        [65_536, 65_535],
    );
    above(
        "matmul",
        matmul(0, [65_536, 1, 4, 1], [1, 1]),
        [65_536, 65_535],
    );
    at("matmul", matmul(2, [1, 30, 32_768, 300], [2, 2]));
    above(
        "matmul",
        matmul(2, [1, 3, 32_769, 3], [2, 2]),
        [32_769, 32_768],
    );
    at("matmul", matmul(0, [1, 256, 32_768, 256], [1, 1]));
    above(
        "matmul",
        matmul(0, [1, 257, 32_768, 256], [1, 1]),
        [257 << 23, 1 << 31],
    );
    at("matmul", matmul(3, [1, 1_024, 8, 1_024], [4, 4]));
    above(
        "matmul",
        matmul(3, [1, 1_024, 8, 1_025], [4, 4]),
        [4 * 1_024 * 1_025, 4 * MIB],
    );
    above(
        "matmul",
        matmul(4, [1, 1_024, 8, 513], [4, 4]),
        [8 * 1_024 * 513, 4 * MIB],
    );
    at("matmul", matmul(0, [2_048, 1, 32_768, 1], [1, 1]));
    above(
        "matmul",
        matmul(0, [2_049, 1, 32_768, 1], [1, 1]),
        [2 * (2_049 << 15), 128 * MIB],
    );

    // An inline operand; an output of an operand's size.
    let inline = |bytes: usize| Value::Bytes(vec![0; 1 + bytes]);
    at("unary", with(&[0, 0, 3, 0, 0], vec![inline(MIB)]));
    above(
        "unary",
        with(&[0, 0, 3, 0, 0], vec![inline(MIB + 1)]),
        [MIB + 1, MIB],
    );
    at("unary", with(&[0, 0, 3, 0, 0], vec![long(4 * MIB)]));
    above(
        "unary",
        with(&[0, 0, 3, 0, 0], vec![long(4 * MIB + 1)]),
        [4 * MIB + 1, 4 * MIB],
    );
    at("binary", with(&[0, 0, 6], vec![long(4 * MIB), long(4)]));
    above(
        "binary",
        with(&[0, 0, 6], vec![long(4 * MIB + 4), long(4)]),
        [4 * MIB + 4, 4 * MIB],
    );
    above(
        "scaled",
        with(
            &[0, 0, 3, 0, 0, 0, 1, 1, 1, 0, 1],
            vec![long(4 * MIB + 1), long(1)],
        ),
        [4 * MIB + 1, 4 * MIB],
    );
    above(
        "lut",
        with(&[0], vec![long(4 * MIB + 1), long(256)]),
        [4 * MIB + 1, 4 * MIB],
    );
    at("shift", with(&[0, 3, 6, 0], vec![long(MIB)]));
    above(
        "shift",
        with(&[0, 3, 6, 0], vec![long(MIB + 1)]),
        [4 * MIB + 4, 4 * MIB],
    );
    above(
        "requant",
        with(&[0, 1, 3, 1, 0, 0, 1], vec![long(16 * MIB + 4), long(4)]),
        [4 * MIB + 1, 4 * MIB],
    );
    at(
        "sgd",
        with(&[0, 0, 1, 1], vec![long(4 * MIB), long(4 * MIB)]),
    );
    above(
        "sgd",
        with(&[0, 0, 1, 1], vec![long(4 * MIB + 4), long(4 * MIB + 4)]),
        [4 * MIB + 4, 4 * MIB],
    );
    at("clip", with(&[0, 3, 1], vec![long(4 * MIB)]));
    above(
        "clip",
        with(&[0, 5, 1], vec![long(4 * MIB + 2)]),
        [4 * MIB + 2, 4 * MIB],
    );
    at("reduce", with(&[0, 0, 3, 1 << 19, 2, 1], vec![long(MIB)]));
    above(
        "reduce",
        with(&[0, 0, 3, (1 << 19) + 1, 1, 1], vec![long((1 << 19) + 1)]),
        [4 * MIB + 8, 4 * MIB],
    );
    at("topk", with(&[3, 1, 200_000, 1_024], vec![long(200_000)]));
    above(
        "topk",
        with(&[3, 1, 2_000, 1_025], vec![long(2_000)]),
        [1_025, 1_024],
    );
    at(
        "expand",
        with(&[0, 32, 1 << 20, 0, 0, 0], vec![Value::Bytes(vec![])]),
    );
    above(
        "expand",
        with(&[0, 32, (1 << 20) + 1, 0, 0, 0], vec![Value::Bytes(vec![])]),
        [4 * MIB + 4, 4 * MIB],
    );

    // Elements of a client, clients, and all operands.
    at(
        "signMajority",
        with(&[0, 3, 4 << 20], vec![clients(2, 4 * MIB)]),
    );
    above(
        "signMajority",
        with(&[0, 3, (4 << 20) + 1], vec![clients(2, 4 * MIB + 1)]),
        [4 * MIB + 1, 4 * MIB],
    );
    at("gram", with(&[3, 4 << 20], vec![clients(2, 4 * MIB)]));
    above(
        "gram",
        with(&[3, (4 << 20) + 1], vec![clients(2, 4 * MIB + 1)]),
        [4 * MIB + 1, 4 * MIB],
    );
    for name in ["gram", "sqdist"] {
        at(name, with(&[3, 1_024], vec![clients(256, 1_024)]));
        above(
            name,
            with(&[3, 1_024], vec![clients(257, 1_024)]),
            [257, 256],
        );
    }
    at(
        "median",
        with(&[0, 3, 1 << 19], vec![clients(256, MIB / 2)]),
    );
    above(
        "median",
        with(&[0, 3, (1 << 19) + 1], vec![clients(256, MIB / 2 + 1)]),
        [128 * MIB + 256, 128 * MIB],
    );
    let xs = |count: usize| Value::Words((1..=count).map(|x| word(x as i128)).collect());
    at(
        "reconstruct",
        with(&[0, 0, 64], vec![xs(256), clients(256, 512)]),
    );
    above(
        "reconstruct",
        with(&[0, 0, 64], vec![xs(257), clients(257, 512)]),
        [257, 256],
    );
    above(
        "reconstruct",
        with(&[0, 0, 1 << 20], vec![xs(1), clients(1, 8 * MIB)]),
        [8 * MIB, 4 * MIB],
    );
}
