//! Every operation against a reference written from the specification alone, in integers of any
//! width: results, gas, errors and their order, hostile calldata.
//!
//! `FOGGARA_AI_CASES` sets the number of random calls of each function, `FOGGARA_AI_FUNCTION` the only
//! function whose results are compared.

// One crate, nothing to reach; numbers that are small by construction.
#![allow(
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod abi;
mod call;
mod errors;
mod examples;
mod faults;
mod generate;
mod gradient;
mod laws;
mod limits;
mod onnx;
mod privacy;
mod tensor;
mod wide;

use call::{World, expected, functions};
use foggara_precompiles::{Backend, Outcome, Portable, address_of, op_at};
use generate::{Case, case};
use std::sync::OnceLock;

/// Every backend that this machine can run.
fn backends() -> &'static [Box<dyn Backend>] {
    static BACKENDS: OnceLock<Vec<Box<dyn Backend>>> = OnceLock::new();
    BACKENDS.get_or_init(|| {
        let mut all: Vec<Box<dyn Backend>> = vec![Box::new(Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            use foggara_precompiles::{Avx2, Avx512};
            all.extend(Avx2::detect().map(|backend| Box::new(backend) as _));
            all.extend(Avx512::detect().map(|backend| Box::new(backend) as _));
        }
        all
    })
}

/// The outcome that all backends agree on.
fn run(op: u8, input: &[u8], gas: u64, world: &World) -> Outcome {
    let op = op_at(address_of(op)).unwrap();
    let on = |backend: &dyn Backend| {
        foggara_precompiles::call(op, input, gas, &mut world.clone(), backend)
    };
    let portable = on(&Portable);
    for backend in &backends()[1..] {
        let other = on(&**backend);
        assert!(
            other == portable,
            "{} {}, gas {gas}, calldata {}\nportable {}\n{} {}",
            op.name,
            world.codes.len(),
            alloy_primitives::hex::encode(input),
            show(&portable),
            backend.name(),
            show(&other),
        );
    }
    portable
}

/// Runs a call and compares; the outcome that both have.
fn compare(op: u8, input: &[u8], gas: u64, world: &World, about: &dyn std::fmt::Debug) -> Outcome {
    let expected = expected(op, input, gas, world);
    let got = run(op, input, gas, world);
    assert!(
        expected.contains(&got),
        "op {op:#x}, gas {gas}\n{about:?}\ncalldata {}\nwant {:?}\ngot  {}",
        alloy_primitives::hex::encode(input),
        expected.iter().map(show).collect::<Vec<_>>(),
        show(&got),
    );
    got
}

fn show(outcome: &Outcome) -> String {
    let hex = alloy_primitives::hex::encode::<&[u8]>;
    match outcome {
        Outcome::Success { gas, output } => format!("success {gas} {}", hex(output)),
        Outcome::Revert { gas, data } => format!("revert {gas} {}", hex(data)),
        other => format!("{other:?}"),
    }
}

fn cases(usual: u64) -> u64 {
    std::env::var("FOGGARA_AI_CASES")
        .ok()
        .map_or(usual, |cases| cases.parse().unwrap())
}

#[derive(Debug, Default)]
struct Count {
    calls: u64,
    successes: u64,
    outputs: u64,
}

/// Random calls of one function: result and exact gas; one gas less; the meter.
fn results_and_gas(name: &'static str) -> Count {
    let mut count = Count::default();
    for seed in 0..cases(2_000) {
        let case @ Case { op, world, .. } = &case(name, seed);
        let input = case.calldata();
        let about = &(name, seed);
        let outcome = compare(*op, &input, u64::MAX >> 1, world, about);
        count.calls += 1;
        let gas = match outcome {
            Outcome::Success { gas, output } => {
                count.successes += 1;
                count.outputs += output.len() as u64;
                gas
            }
            // A bad element costs as much as a good one.
            Outcome::Revert { gas, data } if data[..4] == [0x83, 0xb6, 0x2c, 0xb9] => gas,
            other => panic!("{about:?}: {}", show(&other)),
        };
        if seed % 8 == 0 {
            compare(*op, &input, gas, world, about);
            let short = compare(*op, &input, gas - 1, world, about);
            assert_eq!(short, Outcome::OutOfGas);
            for left in [gas, gas - 1] {
                let world = World {
                    meter_left: Some(left),
                    ..world.clone()
                };
                compare(*op, &input, gas, &world, about);
            }
        }
    }
    count
}

#[test]
fn results_and_gas_equal_the_wide_reference() {
    let only = std::env::var("FOGGARA_AI_FUNCTION").ok();
    let is_asked = |name: &str| only.as_deref().is_none_or(|only| only == name);
    for function in functions().filter(|function| is_asked(function.name)) {
        let start = std::time::Instant::now();
        let count = results_and_gas(function.name);
        assert!(count.successes * 10 >= count.calls * 9);
        println!("{:14} {count:?} {:?}", function.name, start.elapsed());
    }
}
