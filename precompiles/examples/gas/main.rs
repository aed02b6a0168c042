//! Measures what a gas unit of the AI operations costs in time, and looks for the dearest.
//!
//! `cargo run --release -p foggara-precompiles --example gas -- [--shapes N] [--backend NAME] [FUNCTION...]`, or
//! `cargo xtask bench gas`.
//!
//! Each function is called with `N` random shapes. The dearest are measured again, for a busy machine makes
//! any shape look dear once; those that stay are changed one gene at a time for as long as that makes them
//! dearer, and measured side by side with the two yardsticks of the chain in the same process: the
//! `ecrecover` precompile by `k256`, and the KECCAK256 opcode. One thread. A gas unit should take 10 ns at
//! most, no more than 1 / 1.25 of `ecrecover`'s, and no more than KECCAK256's: a function misses a gate
//! otherwise, and the program fails.
//!
//! Source: `PRECOMPILES.md` section 5.
#![allow(clippy::cast_possible_truncation, reason = "sizes here are small")]

#[allow(dead_code, reason = "some of it serves the tests")]
#[path = "../../tests/common/calldata.rs"]
mod calldata;
mod genes;
mod shelf;
mod targets;

use alloy_primitives::keccak256;
use foggara_precompiles::{Backend, Choice, Outcome, address_of, call, op_at, select};
use genes::{Case, Genes};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};
use rand::{Rng, SeedableRng, rngs::StdRng};

use std::{hint::black_box, time::Instant};
use targets::{TARGETS, Target};

/// Shapes of a function that are measured again.
const CANDIDATES: usize = 40;
/// Of these, those that are looked at closely.
const CLOSER: usize = 4;
/// Changes of a shape that are tried.
const CHANGES: usize = 40;
/// Runs of the last measurement.
const RUNS: usize = 15;
/// Gas of `ecrecover`.
const ECRECOVER_GAS: f64 = 3_000.0;
/// Bytes that the KECCAK256 yardstick hashes.
const KECCAK_BYTES: usize = 64 << 10;

fn main() {
    let mut args = std::env::args().skip(1);
    let (mut shapes, mut name, mut functions) = (4_200usize, "avx2".to_owned(), Vec::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--shapes" => shapes = args.next().and_then(|n| n.parse().ok()).expect("a number"),
            "--backend" => name = args.next().expect("a name"),
            _ => functions.push(arg),
        }
    }
    let choice: Choice = name
        .parse()
        .expect("auto, portable, avx2, avx512-vnni or neon");
    let selection = select(choice);
    assert!(selection.alarm.is_none(), "{:?}", selection.alarm);
    let backend = selection.backend;
    println!("backend {}, {shapes} shapes a function", backend.name());
    let yardsticks = Yardsticks::new();
    println!("| function | shapes | Mgas/s at worst | of ecrecover | of KECCAK256 | shape |");
    println!("|---|---|---|---|---|---|");
    let mut missed = 0;
    for target in TARGETS {
        if !functions.is_empty() && !functions.iter().any(|name| name == target.name) {
            continue;
        }
        let (tried, genes) = search(target, shapes, &*backend);
        let worst = Worst::measure(target, &genes, &*backend, &yardsticks);
        println!("| {} | {tried} | {worst}", target.name);
        missed += u32::from(!worst.passes());
    }
    println!("{missed} functions miss a gate");
    std::process::exit(i32::from(missed > 0));
}

/// The dearest shape that a search finds, and how many it looked at.
fn search(target: &Target, shapes: usize, backend: &dyn Backend) -> (usize, Genes) {
    let mut rng = StdRng::seed_from_u64(keccak256(target.name)[0].into());
    let mut worst: Vec<(f64, Genes)> = Vec::new();
    let mut accepted = 0;
    for _ in 0..shapes {
        let genes: Genes = rng.random();
        let rate = rate(target, &genes, backend, 2);
        accepted += usize::from(rate.is_finite());
        worst.push((rate, genes));
        worst.sort_by(|a, b| a.0.total_cmp(&b.0));
        worst.truncate(CANDIDATES);
    }
    assert!(
        accepted * 4 > shapes * 3,
        "{}: most shapes are refused",
        target.name
    );
    for (rate_of, genes) in &mut worst {
        *rate_of = rate(target, genes, backend, 5);
    }
    worst.sort_by(|a, b| a.0.total_cmp(&b.0));
    worst.truncate(CLOSER);
    let mut tried = accepted;
    for (rate_of, genes) in &mut worst {
        for _ in 0..CHANGES {
            let mut changed = *genes;
            let gene = &mut changed[rng.random_range(0..10)];
            *gene = if rng.random() {
                rng.random()
            } else {
                gene.wrapping_add(2)
            };
            let new = rate(target, &changed, backend, 5);
            tried += 1;
            if new < *rate_of {
                (*rate_of, *genes) = (new, changed);
            }
        }
    }
    worst.sort_by(|a, b| a.0.total_cmp(&b.0));
    (tried, worst[0].1)
}

/// Gas per second of the fastest of some runs.
fn rate(target: &Target, genes: &Genes, backend: &dyn Backend, runs: usize) -> f64 {
    let case = Case::new(target, genes, backend);
    let fastest = (0..runs).map(|_| run(target, &case, backend));
    fastest.fold(0.0, f64::max)
}

/// Gas per second of one run; without end if the call is refused, for its result may be too large.
fn run(target: &Target, case: &Case, backend: &dyn Backend) -> f64 {
    let op = op_at(address_of(target.op)).expect("an operation");
    let mut shelf = case.shelf.clone();
    let start = Instant::now();
    let outcome = call(op, &case.calldata, u64::MAX, &mut shelf, backend);
    let seconds = start.elapsed().as_secs_f64();
    match black_box(outcome) {
        Outcome::Success { gas, .. } => gas as f64 / seconds,
        _ => f64::INFINITY,
    }
}

/// The chain's own prices, to be measured beside ours.
struct Yardsticks {
    hash: [u8; 32],
    signature: Signature,
    id: RecoveryId,
    data: Vec<u8>,
}

impl Yardsticks {
    fn new() -> Self {
        let key = SigningKey::from_slice(&[7; 32]).expect("a key");
        let hash = [9; 32];
        let (signature, id) = key.sign_prehash_recoverable(&hash).expect("a signature");
        Self {
            hash,
            signature,
            id,
            data: vec![3; KECCAK_BYTES],
        }
    }

    /// Gas per second.
    fn ecrecover(&self) -> f64 {
        let start = Instant::now();
        let key = VerifyingKey::recover_from_prehash(&self.hash, &self.signature, self.id);
        let point = key.expect("a point").to_encoded_point(false);
        black_box(keccak256(&point.as_bytes()[1..]));
        ECRECOVER_GAS / start.elapsed().as_secs_f64()
    }

    /// Gas per second: 30 and 6 per word.
    fn keccak(&self) -> f64 {
        let start = Instant::now();
        black_box(keccak256(black_box(&self.data)));
        (30 + 6 * KECCAK_BYTES / 32) as f64 / start.elapsed().as_secs_f64()
    }
}

/// The dearest shape of a function.
struct Worst {
    shape: String,
    rate: f64,
    ecrecover: f64,
    keccak: f64,
}

impl Worst {
    fn measure(
        target: &Target,
        genes: &Genes,
        backend: &dyn Backend,
        yardsticks: &Yardsticks,
    ) -> Self {
        let case = Case::new(target, genes, backend);
        let mut worst = Self {
            rate: 0.0,
            ecrecover: 0.0,
            keccak: 0.0,
            shape: case.shape.clone(),
        };
        for _ in 0..RUNS {
            worst.rate = worst.rate.max(run(target, &case, backend));
            worst.ecrecover = worst.ecrecover.max(yardsticks.ecrecover());
            worst.keccak = worst.keccak.max(yardsticks.keccak());
        }
        worst
    }

    fn passes(&self) -> bool {
        self.rate >= 100e6 && self.rate >= 1.25 * self.ecrecover && self.rate >= self.keccak
    }
}

impl std::fmt::Display for Worst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} | {:.2}x | {:.2}x | {}{} |",
            self.rate / 1e6,
            self.rate / self.ecrecover,
            self.rate / self.keccak,
            self.shape,
            if self.passes() { "" } else { " MISSED" },
        )
    }
}
