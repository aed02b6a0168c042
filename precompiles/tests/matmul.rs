//! MATMUL through the front door: golden vectors, gas, errors, hostile calldata, and a reference
//! written from the specification with wide integers.

use alloy_primitives::{B256, Bytes, hex, keccak256};
use foggara_precompiles::{
    CallKind, Fatal, Host, Loaded, NoHost, OpError, Outcome, Portable, REGISTRY, Record,
    address_of, call, op_at,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const SELECTOR: [u8; 4] = [0x20, 0xad, 0x9b, 0xa0];

fn run(input: &[u8], gas: u64, host: &mut dyn Host) -> Outcome {
    call(op_at(address_of(1)).unwrap(), input, gas, host, &Portable)
}

fn revert(error: OpError, gas: u64) -> Outcome {
    Outcome::Revert {
        gas,
        data: error.encode(),
    }
}

fn words(bytes: usize) -> u64 {
    bytes.div_ceil(32) as u64
}

#[derive(Debug, Clone)]
struct Matmul {
    flags: u8,
    kind: u8,
    sides: [u32; 4],
    a: Vec<u8>,
    b: Vec<u8>,
}

fn word(value: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&value.to_be_bytes());
    word
}

impl Matmul {
    /// Canonical calldata; `a` and `b` are encoded operands.
    fn calldata(&self) -> Vec<u8> {
        let padded = |bytes: &[u8]| {
            let mut tail = word(bytes.len() as u64).to_vec();
            tail.extend_from_slice(bytes);
            tail.resize(tail.len().next_multiple_of(32), 0);
            tail
        };
        let (a, b) = (padded(&self.a), padded(&self.b));
        let [batch, m, k, n] = self.sides.map(u64::from);
        let head = [
            self.flags.into(),
            self.kind.into(),
            batch,
            m,
            k,
            n,
            256,
            256 + a.len() as u64,
        ];
        let mut out = SELECTOR.to_vec();
        head.iter().for_each(|value| out.extend(word(*value)));
        out.extend(a);
        out.extend(b);
        out
    }

    fn sizes(&self) -> (usize, usize) {
        [(1, 4), (1, 4), (2, 8), (4, 4), (4, 8)][self.kind as usize]
    }

    /// Bytes of A, B and C, and multiply-adds.
    fn volumes(&self) -> (usize, usize, usize, u64) {
        let [batch, m, k, n] = self.sides.map(|side| side as usize);
        let (element, sum) = self.sizes();
        let b_batch = if self.flags & 4 == 0 { batch } else { 1 };
        (
            batch * m * k * element,
            b_batch * n * k * element,
            batch * m * n * sum,
            (batch * m * k * n) as u64,
        )
    }

    fn gas(&self) -> u64 {
        let (a, b, c, multiply_adds) = self.volumes();
        let per_gas = [128, 128, 64, 16, 8][self.kind as usize];
        let twice = |bit: u8| if self.flags & bit != 0 { 2 } else { 1 };
        150 + words(a) * twice(1)
            + words(b) * twice(2)
            + 3 * words(c)
            + multiply_adds.div_ceil(per_gas)
    }

    /// The result as the specification defines it, in 128 bits.
    fn reference(&self) -> Vec<u8> {
        let [batch, m, k, n] = self.sides.map(|side| side as usize);
        let (size, sum_size) = self.sizes();
        let read = |bytes: &[u8], at: usize, signed: bool| -> i128 {
            let mut value = 0i128;
            for (place, byte) in bytes[1..][at * size..(at + 1) * size].iter().enumerate() {
                value |= i128::from(*byte) << (8 * place);
            }
            let top = 1i128 << (8 * size - 1);
            if signed && value >= top {
                value - 2 * top
            } else {
                value
            }
        };
        let mut out = Vec::new();
        for z in 0..batch {
            for i in 0..m {
                for j in 0..n {
                    let mut sum = 0i128;
                    for l in 0..k {
                        let a = z * m * k
                            + if self.flags & 1 != 0 {
                                l * m + i
                            } else {
                                i * k + l
                            };
                        let b = if self.flags & 2 != 0 {
                            l * n + j
                        } else {
                            j * k + l
                        };
                        let b = b + if self.flags & 4 != 0 { 0 } else { z * n * k };
                        sum += read(&self.a, a, self.kind != 1) * read(&self.b, b, true);
                    }
                    if self.kind < 3 {
                        let limit = 1i128 << (8 * sum_size - 1);
                        assert!((-limit..limit).contains(&sum), "exact by the limits");
                    }
                    out.extend_from_slice(&sum.to_le_bytes()[..sum_size]);
                }
            }
        }
        out
    }

    fn random(rng: &mut StdRng, side_max: u32, inner_max: u32) -> Self {
        let side = |rng: &mut StdRng, max: u32| rng.random_range(1..=max);
        let sides = [
            side(rng, 3),
            side(rng, side_max),
            side(rng, inner_max),
            side(rng, side_max),
        ];
        let mut matmul = Self {
            flags: rng.random_range(0..8),
            kind: rng.random_range(0..5),
            sides,
            a: vec![],
            b: vec![],
        };
        let (a, b, ..) = matmul.volumes();
        matmul.a = operand(rng, a);
        matmul.b = operand(rng, b);
        matmul
    }
}

fn operand(rng: &mut StdRng, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size + 1];
    match rng.random_range(0..4) {
        0 => {
            let extremes = [0x00, 0x7f, 0x80, 0xff];
            bytes[1..]
                .iter_mut()
                .for_each(|byte| *byte = extremes[rng.random_range(0..4)]);
        }
        _ => rng.fill(&mut bytes[1..]),
    }
    bytes
}

fn encoded(output: &[u8]) -> Vec<u8> {
    let mut out = word(32).to_vec();
    out.extend(word(output.len() as u64));
    out.extend_from_slice(output);
    out.resize(out.len().next_multiple_of(32), 0);
    out
}

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(text)
        .unwrap()
        .as_array()
        .unwrap()
        .clone()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn golden_vectors() {
    let cases = vectors(include_str!("../../testdata/precompiles/matmul.json"));
    assert!(cases.len() >= 12);
    for case in &cases {
        let (input, gas) = (bytes_of(&case["calldata"]), case["gas"].as_u64().unwrap());
        let expected = Outcome::Success {
            gas,
            output: bytes_of(&case["output"]),
        };
        assert_eq!(run(&input, gas, &mut NoHost), expected, "{}", case["name"]);
        assert_eq!(
            run(&input, u64::MAX, &mut NoHost),
            expected,
            "{}",
            case["name"]
        );
        assert_eq!(
            run(&input, gas - 1, &mut NoHost),
            Outcome::OutOfGas,
            "{}",
            case["name"]
        );
    }
    // The specification's own example.
    let first = bytes_of(&cases[0]["calldata"]);
    let hash: B256 = "0x40730a85835cb5f056e401ff94522285129c77ccc534a7ce79104c4fab015eb9"
        .parse()
        .unwrap();
    assert_eq!(
        (first.len(), keccak256(&first), cases[0]["gas"].as_u64()),
        (388, hash, Some(156))
    );
    let output = hex!("12000000020000000e000000f6ffffff");
    assert_eq!(bytes_of(&cases[0]["output"]), encoded(&output));
}

#[test]
fn error_vectors() {
    let cases = vectors(include_str!(
        "../../testdata/precompiles/matmul_errors.json"
    ));
    assert!(cases.len() >= 38);
    for case in &cases {
        let (input, gas) = (bytes_of(&case["calldata"]), case["gas"].as_u64().unwrap());
        let expected = Outcome::Revert {
            gas,
            data: bytes_of(&case["revert"]),
        };
        assert_eq!(run(&input, gas, &mut NoHost), expected, "{}", case["name"]);
        assert_eq!(
            run(&input, gas - 1, &mut NoHost),
            Outcome::OutOfGas,
            "{}",
            case["name"]
        );
    }
}

#[test]
fn results_and_gas_equal_the_wide_reference() {
    let rng = &mut StdRng::seed_from_u64(1);
    for case in 0..100_000 {
        let (side, inner) = match case % 100 {
            0 => (12, 90),
            1..10 => (6, 40),
            _ => (4, 6),
        };
        let matmul = Matmul::random(rng, side, inner);
        let expected = Outcome::Success {
            gas: matmul.gas(),
            output: encoded(&matmul.reference()),
        };
        let outcome = run(&matmul.calldata(), matmul.gas(), &mut NoHost);
        assert!(outcome == expected, "{matmul:?}");
    }
}

#[test]
fn sums_are_exact_at_the_longest_inner_dimension() {
    for (kind, a, b) in [
        (0, 0x80, 0x80),
        (1, 0xff, 0x80),
        (2, 0x80, 0x80),
        (3, 0x80, 0x7f),
        (4, 0x80, 0x80),
    ] {
        let mut matmul = Matmul {
            flags: 0,
            kind,
            sides: [1, 2, 32_768, 3],
            a: vec![],
            b: vec![],
        };
        let (element, _) = matmul.sizes();
        let side = |top: u8, elements: usize| {
            let mut bytes = vec![0];
            (0..elements).for_each(|_| {
                bytes.resize(
                    bytes.len() + element - 1,
                    if top == 0x7f { 0xff } else { 0 },
                );
                bytes.push(top);
            });
            bytes
        };
        (matmul.a, matmul.b) = (side(a, 2 * 32_768), side(b, 3 * 32_768));
        let expected = Outcome::Success {
            gas: matmul.gas(),
            output: encoded(&matmul.reference()),
        };
        assert!(
            run(&matmul.calldata(), matmul.gas(), &mut NoHost) == expected,
            "kind {kind}"
        );
    }
}

/// A chain with some accounts, and a record of what was asked.
#[derive(Default)]
struct Chain {
    codes: BTreeMap<[u8; 20], Bytes>,
    warm: BTreeSet<[u8; 20]>,
    loads: usize,
    kind: CallKind,
    meter_left: Option<u64>,
    metered: Vec<u64>,
    broken: bool,
    cancelled: bool,
}

impl Host for Chain {
    fn kind(&self) -> CallKind {
        self.kind
    }
    fn code(&mut self, account: [u8; 20]) -> Result<Loaded<Bytes>, Fatal> {
        if self.broken {
            return Err(Fatal::Source("broken".into()));
        }
        self.loads += 1;
        let value = self.codes.get(&account).cloned().unwrap_or_default();
        Ok(Loaded {
            value,
            is_cold: self.warm.insert(account),
        })
    }
    fn meter(&mut self, gas: u64) -> Result<(), u64> {
        match self.meter_left {
            Some(left) if left < gas => Err(left),
            _ => {
                self.metered.push(gas);
                Ok(())
            }
        }
    }
    fn set_record(&mut self, _: [u8; 32], _: Option<Record>) -> Result<(), Fatal> {
        Ok(())
    }
    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

fn reference_to(account: [u8; 20], offset: u32, length: u32) -> Vec<u8> {
    let mut operand = vec![2];
    operand.extend(account);
    operand.extend(offset.to_be_bytes());
    operand.extend(length.to_be_bytes());
    operand
}

#[test]
fn operands_come_from_code() {
    let rng = &mut StdRng::seed_from_u64(5);
    let inline = Matmul {
        sides: [1, 4, 9, 5],
        ..Matmul::random(rng, 1, 1)
    };
    let inline = Matmul {
        flags: 0,
        kind: 0,
        a: operand(rng, 36),
        b: operand(rng, 45),
        ..inline
    };
    let (one, two) = ([1; 20], [2; 20]);
    let chain = || {
        let mut code = vec![0; 11];
        code.extend(&inline.a[1..]);
        code.extend(&inline.b[1..]);
        let codes = BTreeMap::from([(one, code.clone().into()), (two, code.into())]);
        Chain {
            codes,
            ..Default::default()
        }
    };
    let expected = |gas| Outcome::Success {
        gas,
        output: encoded(&inline.reference()),
    };
    let with = |a, b| {
        Matmul {
            a,
            b,
            ..inline.clone()
        }
        .calldata()
    };
    let (plain, a, b) = (
        inline.gas(),
        reference_to(one, 10, 36),
        reference_to(one, 46, 45),
    );

    // Twice the same account: cold, then warm. Another account: cold again.
    for (b, accounts) in [
        (b.clone(), 2_700),
        (reference_to(two, 46, 45), 5_200),
        (inline.b.clone(), 2_600),
    ] {
        let (gas, input) = (plain + accounts, with(a.clone(), b));
        assert_eq!(run(&input, gas, &mut chain()), expected(gas));
        assert_eq!(run(&input, gas - 1, &mut chain()), Outcome::OutOfGas);
        let mut host = chain();
        run(&input, gas, &mut host);
        assert_eq!(host.metered, [gas]);
    }
    // A warm account.
    let (gas, input) = (plain + 100, with(a.clone(), inline.b.clone()));
    assert_eq!(
        run(
            &input,
            gas,
            &mut Chain {
                warm: BTreeSet::from([one]),
                ..chain()
            }
        ),
        expected(gas)
    );

    // The range ends with the code, or one byte past it; code that is no data; no code.
    let last = |length| {
        with(
            reference_to(one, 10 + 36 + 45 - 36 + length - 36, length),
            inline.b.clone(),
        )
    };
    assert!(matches!(
        run(&last(36), 10_000, &mut chain()),
        Outcome::Success { .. }
    ));
    let bad = |account, offset, host: &mut Chain| {
        let input = with(reference_to(account, offset, 36), inline.b.clone());
        let gas = 150 + words(input.len()) + 2_600;
        assert_eq!(
            run(&input, gas, host),
            revert(OpError::BadCode(account), gas)
        );
        host.warm.clear();
        assert_eq!(run(&input, gas - 1, host), Outcome::OutOfGas);
    };
    bad(one, 10 + 36 + 45 - 35, &mut chain());
    bad(one, u32::MAX, &mut chain());
    bad([9; 20], 0, &mut chain());
    let mut host = chain();
    host.codes.insert(one, vec![0xef; 100].into());
    bad(one, 0, &mut host);

    // An error after an account was met costs that account too.
    let input = with(a.clone(), vec![0, 1]);
    let gas = 150 + words(input.len()) + 2_600;
    let error = OpError::LengthMismatch {
        which: 2,
        want: 45,
        got: 1,
    };
    assert_eq!(run(&input, gas, &mut chain()), revert(error, gas));

    // Nothing is loaded that is not paid for.
    let mut host = chain();
    assert_eq!(
        run(&with(a.clone(), b.clone()), 249, &mut host),
        Outcome::OutOfGas
    );
    assert_eq!(host.loads, 0);
    let mut host = Chain {
        broken: true,
        ..chain()
    };
    let outcome = run(&with(a, b), 10_000, &mut host);
    assert_eq!(outcome, Outcome::Fatal(Fatal::Source("broken".into())));
}

#[test]
fn the_meter_comes_after_the_gas_and_before_the_work() {
    let rng = &mut StdRng::seed_from_u64(6);
    let matmul = Matmul::random(rng, 5, 5);
    let (gas, input) = (matmul.gas(), matmul.calldata());
    let mut host = Chain {
        meter_left: Some(gas),
        ..Default::default()
    };
    assert!(matches!(
        run(&input, gas, &mut host),
        Outcome::Success { .. }
    ));
    let mut host = Chain {
        meter_left: Some(gas - 1),
        ..Default::default()
    };
    let error = OpError::AiGasLimit {
        want: gas,
        left: gas - 1,
    };
    assert_eq!(
        run(&input, 10_000, &mut host),
        revert(error, 150 + words(input.len()))
    );
    assert!(host.metered.is_empty());
    let mut host = Chain {
        meter_left: Some(0),
        ..Default::default()
    };
    assert_eq!(run(&input, gas - 1, &mut host), Outcome::OutOfGas);
}

#[test]
fn a_direct_call_with_value_is_refused_first() {
    let kind = |is_direct, has_value| CallKind {
        is_direct,
        is_static: true,
        has_value,
    };
    let matmul = Matmul::random(&mut StdRng::seed_from_u64(7), 5, 5);
    let mut host = Chain {
        kind: kind(true, true),
        ..Default::default()
    };
    assert_eq!(run(&[], 150, &mut host), revert(OpError::NotPayable, 150));
    for kind in [kind(true, false), kind(false, true), kind(false, false)] {
        let mut host = Chain {
            kind,
            ..Default::default()
        };
        assert!(matches!(
            run(&matmul.calldata(), 10_000, &mut host),
            Outcome::Success { .. }
        ));
    }
}

#[test]
fn a_cancelled_call_is_fatal() {
    let matmul = Matmul {
        flags: 0,
        kind: 0,
        sides: [1, 256, 256, 256],
        a: vec![0; 65_537],
        b: vec![0; 65_537],
    };
    let mut host = Chain {
        cancelled: true,
        ..Default::default()
    };
    let outcome = run(&matmul.calldata(), 1_000_000, &mut host);
    assert_eq!(outcome, Outcome::Fatal(Fatal::Cancelled));
}

#[test]
fn no_other_operation_takes_its_selector() {
    for op in REGISTRY.iter().filter(|op| op.code != 1) {
        let outcome = call(op, &SELECTOR, 151, &mut NoHost, &Portable);
        assert_eq!(
            outcome,
            revert(OpError::UnknownSelector(SELECTOR), 151),
            "{}",
            op.name
        );
    }
}

#[test]
fn calldata_cut_at_any_byte_is_refused() {
    let rng = &mut StdRng::seed_from_u64(8);
    for _ in 0..20 {
        let matmul = Matmul::random(rng, 5, 9);
        let whole = matmul.calldata();
        // Only the padding after the last tail may be missing.
        let needed = whole.len() - (matmul.b.len().next_multiple_of(32) - matmul.b.len());
        for end in 0..whole.len() {
            let outcome = run(&whole[..end], 1_000_000, &mut NoHost);
            if end < needed {
                assert_eq!(
                    outcome,
                    revert(OpError::BadCalldata, 150 + words(end)),
                    "{end}"
                );
            } else {
                assert!(matches!(outcome, Outcome::Success { .. }), "{end}");
            }
        }
        // Bytes after the last tail are ignored.
        let mut longer = whole.clone();
        longer.extend([0xff; 77]);
        assert_eq!(
            run(&longer, matmul.gas(), &mut NoHost),
            run(&whole, matmul.gas(), &mut NoHost)
        );
    }
}

#[test]
fn dirty_upper_bits_are_refused() {
    let matmul = Matmul::random(&mut StdRng::seed_from_u64(9), 5, 5);
    let whole = matmul.calldata();
    let refused = revert(OpError::BadCalldata, 150 + words(whole.len()));
    for (index, size) in [
        (0, 1),
        (1, 1),
        (2, 4),
        (3, 4),
        (4, 4),
        (5, 4),
        (6, 8),
        (7, 8),
    ] {
        for byte in 0..32 - size {
            for bit in 0..8 {
                let mut dirty = whole.clone();
                dirty[4 + 32 * index + byte] |= 1 << bit;
                assert_eq!(
                    run(&dirty, 1_000_000, &mut NoHost),
                    refused,
                    "{index} {byte} {bit}"
                );
            }
        }
    }
}

#[test]
fn offsets_may_overlap_and_end_with_the_calldata() {
    // Both operands are one tail.
    let matmul = Matmul {
        flags: 0,
        kind: 0,
        sides: [1, 2, 3, 2],
        a: vec![0, 1, 2, 3, 4, 5, 6],
        b: vec![0, 1, 2, 3, 4, 5, 6],
    };
    let mut shared = matmul.calldata();
    let expected = run(&shared, 156, &mut NoHost);
    assert!(matches!(expected, Outcome::Success { .. }));
    shared[4 + 7 * 32..4 + 8 * 32].copy_from_slice(&word(256));
    shared.truncate(4 + 256 + 32 + 7);
    assert_eq!(run(&shared, 156, &mut NoHost), expected);
    // An offset at every place, also at and over the end.
    let end = (shared.len() - 4) as u64;
    for offset in (0..end + 64).chain([u64::from(u32::MAX), 1 << 62, u64::MAX - 31, u64::MAX]) {
        let mut moved = shared.clone();
        moved[4 + 7 * 32..4 + 8 * 32].copy_from_slice(&word(offset));
        let outcome = run(&moved, 1_000_000, &mut NoHost);
        if offset > end - 32 {
            assert_eq!(
                outcome,
                revert(OpError::BadCalldata, 150 + words(moved.len())),
                "{offset}"
            );
        } else {
            assert!(matches!(
                outcome,
                Outcome::Success { .. } | Outcome::Revert { .. }
            ));
        }
    }
}

#[test]
fn hostile_calldata_never_panics_and_never_costs_more_than_given() {
    let rng = &mut StdRng::seed_from_u64(10);
    let mut ends = BTreeMap::<[u8; 4], usize>::new();
    for _ in 0..100_000 {
        let mut input = Matmul::random(rng, 4, 5).calldata();
        for _ in 0..rng.random_range(1..4) {
            let at = match rng.random_range(0..3) {
                0 => rng.random_range(0..input.len()),
                1 => 4 + 32 * rng.random_range(0..9) + 31,
                _ => 4 + 32 * rng.random_range(0..9) + rng.random_range(24..32),
            };
            let at = at.min(input.len() - 1);
            match rng.random_range(0..4) {
                0 => input[at] = rng.random(),
                1 => input[at] ^= 1 << rng.random_range(0..8),
                2 => {
                    input[at] = *[0, 1, 2, 0x7f, 0x80, 0xff]
                        .get(rng.random_range(0..6))
                        .unwrap()
                }
                _ if rng.random_bool(0.3) => input.truncate(rng.random_range(1..=input.len())),
                _ => {}
            }
        }
        let given = *[0, 151, 170, 1_000, 100_000]
            .get(rng.random_range(0..5))
            .unwrap();
        let mut host = Chain::default();
        match run(&input, given, &mut host) {
            Outcome::Success { gas, output } => {
                assert!(gas <= given && output.len() % 32 == 0 && output.len() >= 96);
                *ends.entry([0; 4]).or_default() += 1;
            }
            Outcome::Revert { gas, data } => {
                assert!(gas <= given && gas >= 150 + words(input.len()));
                *ends.entry(data[..4].try_into().unwrap()).or_default() += 1;
            }
            Outcome::OutOfGas => *ends.entry([0xff; 4]).or_default() += 1,
            Outcome::Fatal(fatal) => panic!("{fatal:?}"),
        }
    }
    assert!(
        ends.len() >= 8 && ends.values().all(|count| *count > 20),
        "{ends:?}"
    );
}

#[test]
#[ignore = "a measurement"]
fn million_gas_per_second() {
    let rng = &mut StdRng::seed_from_u64(11);
    let shapes: &[(u8, u8, [u32; 4])] = &[
        (0, 0, [1, 64, 64, 64]),
        (0, 0, [1, 1, 1_024, 1_000]),
        (0, 0, [1, 256, 256, 256]),
        (0, 0, [1, 512, 512, 512]),
        (0, 0, [1, 1, 32_768, 1]),
        (0, 0, [1, 1_000, 1, 1_000]),
        (0, 0, [1, 1_000, 1_000, 1]),
        (0, 0, [1, 8, 1_000, 1_000]),
        (0, 0, [1, 1_000, 4, 1_000]),
        (0, 0, [1, 60_000, 1, 1]),
        (0, 0, [65_535, 1, 1, 1]),
        (0, 0, [4_000, 8, 8, 8]),
        (0, 0, [16, 64, 64, 64]),
        (1, 0, [1, 512, 512, 512]),
        (2, 0, [1, 512, 512, 512]),
        (2, 0, [1, 1, 1_024, 1_000]),
        (1, 0, [1, 1_000, 1_000, 1]),
        (0, 1, [1, 256, 256, 256]),
        (0, 2, [1, 256, 256, 256]),
        (0, 3, [1, 256, 256, 256]),
        (0, 4, [1, 256, 256, 256]),
    ];
    let mut measure = |flags, kind, sides, by_code: bool| {
        let mut matmul = Matmul {
            flags,
            kind,
            sides,
            a: vec![],
            b: vec![],
        };
        let (a, b, ..) = matmul.volumes();
        (matmul.a, matmul.b) = (operand(rng, a), operand(rng, b));
        let mut host = Chain::default();
        let mut gas = matmul.gas();
        if by_code {
            // Longer than an inline operand may be: only the test's chain has code that long.
            host.codes
                .insert([1; 20], std::mem::take(&mut matmul.b).into());
            matmul.b = reference_to([1; 20], 0, b.try_into().unwrap());
            host.warm.insert([1; 20]);
            gas += 100;
        }
        let input = matmul.calldata();
        let mut best = u128::MAX;
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 200 {
            let start = std::time::Instant::now();
            let outcome = run(&input, gas, &mut host);
            best = best.min(start.elapsed().as_nanos());
            assert!(matches!(outcome, Outcome::Success { .. }));
        }
        let multiply_adds = matmul.volumes().3;
        println!(
            "kind {kind} flags {flags} {sides:?}: {gas} gas, {:.3} ms, {} Mgas/s, {:.2} G multiply-adds/s",
            best as f64 / 1e6,
            u128::from(gas) * 1_000 / best,
            multiply_adds as f64 / best as f64,
        );
    };
    shapes
        .iter()
        .for_each(|(flags, kind, sides)| measure(*flags, *kind, *sides, false));
    measure(0, 0, [1, 1, 4_096, 4_096], true);
    measure(2, 0, [1, 1, 4_096, 4_096], true);
    measure(0, 0, [1, 8, 1_024, 1_024], true);
    measure(0, 0, [1, 1_024, 1_024, 1_024], true);
}
