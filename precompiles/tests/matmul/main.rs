//! MATMUL through the front door, against a reference written from the specification in 128 bits; what
//! it asks of its host; hostile calldata.

#[path = "../common/calldata.rs"]
#[allow(dead_code, reason = "each test takes a part")]
mod calldata;
mod host;

use calldata::{Value, calldata, encode, int};
use foggara_precompiles::{Host, NoHost, OpError, Outcome, Portable, address_of, call, op_at};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

const SIGNATURE: &str = "matmul((uint8,uint8,uint32,uint32,uint32,uint32),bytes,bytes)";

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

impl Matmul {
    /// Canonical calldata; `a` and `b` are encoded operands.
    fn calldata(&self) -> Vec<u8> {
        let [batch, m, k, n] = self.sides;
        let head = [self.flags.into(), self.kind.into(), batch, m, k, n].map(int);
        let operands = [&self.a, &self.b].map(|raw| Value::Bytes(raw.clone()));
        calldata(SIGNATURE, &[&head[..], &operands].concat())
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

/// A result of one `bytes`.
fn encoded(output: &[u8]) -> Vec<u8> {
    encode(&[Value::Bytes(output.to_vec())])
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
        match run(&input, given, &mut host::Chain::default()) {
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
