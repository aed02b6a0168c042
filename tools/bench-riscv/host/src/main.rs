//! Counts the RISC-V instructions that the reference code of the AI operations takes.
//!
//! `bench-riscv GUEST` runs the guest program in an interpreter, once for each case, and the same call
//! natively; it prints a Markdown table, and fails if gas or a byte of an output differs.
//!
//! *Steps* are instructions executed, from the first of the program to its `ecall`. A second run gets one
//! gas too few and stops where the work would begin: the difference is the work.
#![allow(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]

mod cases;
mod machine;

use cases::{Case, cases};
use eyre::{Result, WrapErr, bail, ensure, eyre};
use foggara_precompiles::{NoHost, Outcome, Portable, address_of, call, op_at};
use machine::{End, Guest};

/// Steps that a gas unit may take: "proof" among the gates of the AI operations.
const STEPS_PER_GAS_MAX: f64 = 2_048.0;

fn main() -> Result<()> {
    let path = std::env::args()
        .nth(1)
        .ok_or_else(|| eyre!("usage: bench-riscv GUEST"))?;
    let guest = Guest::new(std::fs::read(&path).wrap_err(path)?)?;
    println!("| call | steps | before the work | of | steps each | gas | steps per gas | output |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut faults = Vec::new();
    for case in cases() {
        match Measured::new(&guest, &case) {
            Ok(measured) => println!("{}", measured.row(&case)),
            Err(fault) => faults.push(format!("{}: {fault}", case.title)),
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    Ok(())
}

/// What a call takes.
struct Measured {
    /// Steps of the whole program.
    steps: u64,
    /// Steps until the work would have begun.
    steps_before: u64,
    gas: u64,
    /// Checksum of the output, the same as that of the native run.
    checksum: u64,
}

impl Measured {
    fn new(guest: &Guest, case: &Case) -> Result<Self> {
        let op = op_at(address_of(case.op)).ok_or_else(|| eyre!("no such operation"))?;
        let native = call(op, &case.calldata, u64::MAX, &mut NoHost, &Portable);
        let Outcome::Success { gas, output } = native else {
            bail!("refused natively: {native:?}");
        };
        let run = guest.run(case.op, &case.calldata, gas)?;
        let End::Success {
            gas: gas_seen,
            output: output_seen,
        } = run.end
        else {
            bail!("refused by the guest: {:?}", run.end);
        };
        ensure!(gas_seen == gas, "gas {gas_seen}, natively {gas}");
        let (seen, checksum) = (fnv1a(&output_seen), fnv1a(&output));
        ensure!(
            output_seen == output,
            "output {seen:016x}, natively {checksum:016x}"
        );
        let before = guest.run(case.op, &case.calldata, gas - 1)?;
        ensure!(
            before.end == End::OutOfGas,
            "one gas too few gives {:?}",
            before.end
        );
        let per_gas = run.steps as f64 / gas as f64;
        ensure!(
            per_gas <= STEPS_PER_GAS_MAX,
            "{per_gas:.0} steps per gas, {STEPS_PER_GAS_MAX} allowed"
        );
        Ok(Self {
            steps: run.steps,
            steps_before: before.steps,
            gas,
            checksum,
        })
    }

    fn row(&self, case: &Case) -> String {
        format!(
            "| {} | {} | {} | {} {} | {:.2} | {} | {:.0} | {:016x} |",
            case.title,
            self.steps,
            self.steps_before,
            case.count,
            case.unit,
            (self.steps - self.steps_before) as f64 / case.count as f64,
            self.gas,
            self.steps as f64 / self.gas as f64,
            self.checksum,
        )
    }
}

/// FNV-1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
