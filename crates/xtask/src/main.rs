//! Our chores. `cargo xtask --help` lists them.

mod bench;
mod bench_ai;
mod bench_riscv;
mod checks;
mod lanes;
mod machine;
mod tidy;

use clap::{Parser, Subcommand};
use eyre::Result;
use machine::{Step, cargo, root};
use std::ffi::OsString;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Chores of the Foggara workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Installs what the tests need from lock files, then runs every test of the workspace.
    Test {
        /// Arguments for `cargo test`, for instance `-p foggara-trie`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Runs the long forms: 1,000 blocks on either L1, 100 kills.
    Soak,
    /// Runs the tests of the AI operations with as many random cases as a change needs.
    Cases,
    /// Runs every check beside the tests: fmt, clippy, doc, no-std, contracts, vectors, tidy, deny.
    Ci,
    /// Builds the pure crates without `std`, and for riscv64 where a toolchain is found.
    NoStd,
    /// Compiles the contracts and writes their artifacts.
    Contracts {
        /// Compare with the committed artifacts instead of writing them.
        #[arg(long)]
        check: bool,
    },
    /// Rewrites the golden vectors in `testdata/`.
    Vectors {
        /// Fail if that would change a file.
        #[arg(long)]
        check: bool,
    },
    /// Looks for files nobody reaches, crates missing from the README, arrows against the layers.
    Tidy,
    /// Runs a measurement.
    Bench {
        /// What to measure.
        #[command(subcommand)]
        what: bench::Bench,
    },
}

fn main() -> Result<()> {
    match Cli::parse().chore {
        Chore::Test { args } => test(&args, &[]),
        Chore::Soak => test(&[], &[("FOGGARA_SOAK", "1")]),
        Chore::Cases => cases(),
        Chore::Ci => checks::ci(),
        Chore::NoStd => checks::no_std(),
        Chore::Contracts { check } => checks::contracts(check),
        Chore::Vectors { check } => checks::vectors(check),
        Chore::Tidy => tidy::tidy(),
        Chore::Bench { what } => bench::run(what),
    }
}

/// Counts of random cases per change (`PRECOMPILES.md` section 11), by the variables that the tests read:
/// calls of each function, good and broken; calls of each backend; shapes shared among threads; steps of
/// the tensor store and its trees.
const CASES: [(&str, &str); 4] = [
    ("FOGGARA_AI_CASES", "100000"),
    ("FOGGARA_CONFORMANCE_CASES", "100000"),
    ("FOGGARA_PARALLEL_CASES", "10000"),
    ("FOGGARA_CASES", "100000"),
];

fn cases() -> Result<()> {
    let env = CASES.map(|(key, value)| (key.to_owned(), value.into()));
    lanes::run_package("precompiles", &env)
}

/// Every test of the workspace, or what `args` select, with everything in place that tests look for.
fn test(args: &[String], extra_env: &[(&str, &str)]) -> Result<()> {
    machine::need_node()?;
    machine::npm_install("e2e")?;
    machine::npm_install("contracts")?;
    if std::env::var_os("FOGGARA_FIXTURES").is_none() {
        println!("FOGGARA_FIXTURES is not set: Ethereum's state tests will not run.");
    }
    let mut env: Vec<(String, OsString)> = extra_env
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.into()))
        .collect();
    env.push(("FOGGARA_E2E".to_owned(), root().join("e2e").into()));
    if let Some(anvil) = machine::anvil() {
        env.push(("FOGGARA_ANVIL".to_owned(), anvil.into()));
    }
    if args.is_empty() {
        return lanes::run(&env);
    }
    let step = Step::new("test", cargo()).arg("test").args(args);
    env.into_iter()
        .fold(step, |step, (key, value)| step.env(key, value))
        .run()
}
