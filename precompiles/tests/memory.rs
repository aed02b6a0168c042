//! What a call allocates: nothing to speak of before its gas is checked, and at most 64 bytes per
//! gas and 4 MiB while it works. A counting allocator looks at every function, at random calls and
//! at the shapes whose results are largest for their price.

// A global allocator; parts of another test, with numbers that are small by construction.
#![allow(
    unsafe_code,
    unreachable_pub,
    dead_code,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

#[path = "reference/abi.rs"]
mod abi;
#[path = "reference/call.rs"]
mod call;
#[path = "reference/errors.rs"]
mod errors;
#[path = "reference/generate/mod.rs"]
mod generate;
#[path = "reference/gradient.rs"]
mod gradient;
#[path = "reference/privacy.rs"]
mod privacy;
#[path = "reference/tensor/mod.rs"]
mod tensor;
#[path = "reference/wide.rs"]
mod wide;

use abi::{Value, encode, int, word};
use foggara_precompiles::{NoHost, Outcome, Portable, address_of, call as run_call, op_at};
use generate::case;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes in use, and the most there were.
static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every request is handed to the system's allocator unchanged; counting touches no memory
// of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(used, Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Outcome of a call, and the most bytes it had in use at once.
fn measured(op: u8, input: &[u8], gas: u64) -> (Outcome, usize) {
    let op = op_at(address_of(op)).unwrap();
    let before = USED.load(Relaxed);
    PEAK.store(before, Relaxed);
    let outcome = run_call(op, input, gas, &mut NoHost, &Portable);
    (outcome, PEAK.load(Relaxed) - before)
}

/// The references to operands of 256 clients, and an error's data: nothing that grows with a shape.
const BEFORE_THE_GAS_MAX: usize = 32 << 10;

#[derive(Default)]
struct Worst {
    before_gas: (usize, String),
    per_gas: (f64, String),
}

impl Worst {
    fn look(&mut self, about: &str, op: u8, input: &[u8]) {
        let (outcome, peak) = measured(op, input, u64::MAX >> 1);
        let gas = match &outcome {
            Outcome::Success { gas, .. } => *gas,
            Outcome::Revert { gas, data } if data[..4] == [0x83, 0xb6, 0x2c, 0xb9] => *gas,
            Outcome::Revert { gas, .. } => {
                self.before(about, peak);
                let (short, peak) = measured(op, input, gas - 1);
                assert_eq!(short, Outcome::OutOfGas, "{about}");
                self.before(about, peak);
                return;
            }
            other => panic!("{about}: {other:?}"),
        };
        drop(outcome);
        let most = usize::try_from(gas).unwrap() * 64 + (4 << 20);
        assert!(peak <= most, "{about}: {peak} bytes for {gas} gas");
        let per_gas = peak.saturating_sub(4 << 20) as f64 / gas as f64;
        if per_gas > self.per_gas.0 {
            self.per_gas = (per_gas, about.into());
        }
        for given in [gas - 1, gas / 2, 150, 0] {
            let (short, peak) = measured(op, input, given);
            assert_eq!(short, Outcome::OutOfGas, "{about}");
            self.before(about, peak);
        }
    }

    fn before(&mut self, about: &str, peak: usize) {
        assert!(
            peak <= BEFORE_THE_GAS_MAX,
            "{about}: {peak} bytes before the gas check"
        );
        if peak > self.before_gas.0 {
            self.before_gas = (peak, about.into());
        }
    }
}

fn zeros(size: usize) -> Value {
    Value::Bytes(vec![0; 1 + size])
}

fn group(count: usize, size: usize) -> Value {
    Value::Array(vec![vec![0; 1 + size]; count])
}

fn ints(values: &[i64]) -> Vec<Value> {
    values.iter().map(|value| int(*value)).collect()
}

/// Large shapes: name, arguments.
fn large() -> Vec<(&'static str, Vec<Value>)> {
    let with = |head: &[i64], tail: Vec<Value>| [ints(head), tail].concat();
    let absent = || Value::Bytes(vec![]);
    let linear = |mode: i64, m: i64, k: i64, n: i64, scales: Value| {
        let (x, w) = (zeros((m * k) as usize), zeros((n * k) as usize));
        let top = if mode == 2 { 0 } else { 127 };
        with(
            &[0, 0, mode, m, k, n, 0, 0, 0, 0, top],
            vec![x, w, absent(), scales, absent()],
        )
    };
    let one_scale = || Value::Bytes(vec![0, 0, 0, 0, 0x3f]);
    let million = 1_000_000;
    let words = |count: usize| Value::Words((1..=count).map(|x| word(x as i128)).collect());
    vec![
        (
            "matmul",
            with(
                &[0, 0, 1, 1_000, 1, 1_000],
                vec![zeros(1_000), zeros(1_000)],
            ),
        ),
        (
            "matmul",
            with(
                &[3, 0, 1, 512, 512, 512],
                vec![zeros(512 * 512), zeros(512 * 512)],
            ),
        ),
        (
            "matmul",
            with(&[3, 2, 1, 512, 4, 512], vec![zeros(4_096), zeros(4_096)]),
        ),
        (
            "matmul",
            with(
                &[2, 4, 1, 1, 32_768, 1],
                vec![zeros(131_072), zeros(131_072)],
            ),
        ),
        (
            "matmul",
            with(
                &[0, 3, 65_535, 1, 1, 1],
                vec![zeros(262_140), zeros(262_140)],
            ),
        ),
        ("linear", linear(1, 1_000, 1, 1_000, one_scale())),
        ("linear", linear(2, 1_000, 1, 1_000, absent())),
        ("linear", linear(1, 300, 300, 300, one_scale())),
        ("binary", with(&[0, 0, 3], vec![zeros(million), zeros(1)])),
        (
            "binary",
            with(&[0, 2, 6], vec![zeros(million), zeros(million)]),
        ),
        ("lut", with(&[0], vec![zeros(million), zeros(256)])),
        (
            "requant",
            with(&[0, 1, 3, 1, 0, 0, 127], vec![zeros(million), one_scale()]),
        ),
        ("shift", with(&[0, 2, 6, 0], vec![zeros(million)])),
        ("unary", with(&[0, 1, 6, 0, 0], vec![zeros(million)])),
        (
            "reduce",
            with(&[0, 0, 3, 500_000, 1, 1], vec![zeros(500_000)]),
        ),
        (
            "reduce",
            with(&[0, 0, 3, 1, 1_000, 1_000], vec![zeros(million)]),
        ),
        (
            "reduce",
            with(&[0, 4, 3, 1_000, 1_000, 1], vec![zeros(million)]),
        ),
        ("topk", with(&[3, 1_000, 800, 800], vec![zeros(800_000)])),
        ("topk", with(&[6, 1, 250_000, 1_024], vec![zeros(million)])),
        ("sum", with(&[0, 64, 100_000], vec![group(2, 800_000)])),
        ("sum", with(&[0, 32, 1], vec![group(256, 4)])),
        ("mean", {
            let mut args = with(&[0, 3, million as i64], vec![words(2)]);
            args.extend([int(0), group(2, million)]);
            args
        }),
        (
            "median",
            with(&[0, 3, million as i64], vec![group(1, million)]),
        ),
        ("median", with(&[0, 6, 1_000], vec![group(256, 4_000)])),
        ("trimmed", with(&[0, 6, 4_000, 30], vec![group(64, 16_000)])),
        (
            "signMajority",
            with(&[0, 3, million as i64], vec![group(1, million)]),
        ),
        (
            "signMajority",
            with(&[0, 6, 4_000], vec![group(200, 16_000)]),
        ),
        ("gram", with(&[3, 1], vec![group(256, 1)])),
        ("gram", with(&[5, 100_000], vec![group(4, 200_000)])),
        ("sqdist", with(&[3, 1], vec![group(256, 1)])),
        ("krum", with(&[3, 1, 100, 100], vec![group(256, 1)])),
        ("krum", with(&[5, 10_000, 3, 1], vec![group(20, 20_000)])),
        ("clip", with(&[0, 3, 5], vec![zeros(million)])),
        ("normSq", with(&[6], vec![zeros(million)])),
        (
            "sgd",
            with(&[0, 8, 1, 1], vec![zeros(million), zeros(million)]),
        ),
        (
            "momentum",
            with(
                &[0, 8, 1, 1, 1],
                vec![zeros(million), zeros(million), zeros(million)],
            ),
        ),
        (
            "adam",
            with(
                &[0, 8, 1, 1, 1, 1],
                vec![
                    zeros(400_000),
                    zeros(400_000),
                    zeros(800_000),
                    zeros(400_000),
                ],
            ),
        ),
        ("expand", with(&[0, 32, 1 << 20, 0, 0, 0], vec![absent()])),
        (
            "expand",
            with(&[1, 64, 1 << 17, 0, 0, 0], vec![zeros(1 << 20)]),
        ),
        (
            "reconstruct",
            with(&[0, 0, 1], vec![words(256), group(256, 8)]),
        ),
        (
            "reconstruct",
            with(&[0, 1, 100], vec![words(100), group(100, 3_200)]),
        ),
        (
            "reconstruct",
            with(&[0, 0, 100_000], vec![words(1), group(1, 800_000)]),
        ),
    ]
}

/// Calls that ask for much and are wrong.
fn wrong() -> Vec<(&'static str, Vec<Value>)> {
    let with = |head: &[i64], tail: Vec<Value>| [ints(head), tail].concat();
    let many = |count: usize| Value::Array(vec![vec![0; 2]; count]);
    let words = |count: usize| Value::Words(vec![word(1); count]);
    let top = u32::MAX.into();
    vec![
        (
            "matmul",
            with(&[0, 0, top, top, top, top], vec![zeros(1), zeros(1)]),
        ),
        (
            "matmul",
            with(&[0, 0, 1, 2_000, 1, 2_000], vec![zeros(1), zeros(1)]),
        ),
        ("reduce", with(&[0, 0, 3, top, top, top], vec![zeros(1)])),
        ("topk", with(&[3, top, top, 1_024], vec![zeros(1)])),
        (
            "expand",
            with(&[0, 64, top, 0, 0, 0], vec![Value::Bytes(vec![])]),
        ),
        ("sum", with(&[0, 32, top], vec![many(257)])),
        ("sum", with(&[0, 32, 1], vec![many(20_000)])),
        ("median", with(&[0, 3, 1], vec![many(20_000)])),
        (
            "mean",
            [with(&[0, 3, 1], vec![words(30_000)]), vec![int(0), many(1)]].concat(),
        ),
        (
            "mean",
            [
                with(&[0, 3, 1], vec![words(30_000)]),
                vec![int(0), many(30_000)],
            ]
            .concat(),
        ),
        ("gram", with(&[3, 1], vec![many(20_000)])),
        ("krum", with(&[3, 1, 0, 1], vec![many(20_000)])),
        (
            "reconstruct",
            with(&[0, 0, 1], vec![words(30_000), many(30_000)]),
        ),
        ("reconstruct", with(&[0, 0, top], vec![words(1), many(1)])),
    ]
}

#[test]
fn memory_is_bounded_by_gas_and_comes_after_it() {
    let mut worst = Worst::default();
    for (name, args) in large().into_iter().chain(wrong()) {
        let function = call::function(name);
        let input = [&function.selector.to_be_bytes()[..], &encode(&args)].concat();
        worst.look(name, function.op, &input);
    }
    for function in call::functions() {
        let calls = (0..).map(|seed| (seed, case(function.name, seed)));
        for (seed, case) in calls
            .filter(|(_, case)| case.world.codes.is_empty())
            .take(300)
        {
            worst.look(
                &format!("{} {seed}", function.name),
                case.op,
                &case.calldata(),
            );
        }
    }
    println!("before the gas check: {:?}", worst.before_gas);
    println!("beyond 4 MiB, bytes per gas: {:?}", worst.per_gas);
}
