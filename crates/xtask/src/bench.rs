//! Measurements that print; of these only `gas` judges what it has measured.

use crate::{
    bench_ai::{self, BenchAi},
    bench_riscv,
    machine::{Step, anvil, cargo, need_node, npm_install, root},
};
use clap::Subcommand;
use eyre::{Result, eyre};

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Kernels of the AI operations against PyTorch, ONNX Runtime, numpy and Flower, on one core.
    Ai(BenchAi),
    /// RISC-V instructions of the AI operations' reference code, as a fault proof would run them.
    Riscv,
    /// What gas of the AI operations buys, on the dearest shapes that a search finds; fails if a gate is missed.
    Gas {
        /// Random shapes of each function.
        #[arg(long, default_value_t = 4_000)]
        shapes: u64,
        /// Functions to search, all if none is named.
        functions: Vec<String>,
    },
    /// Transfers per second and node CPU per transfer, foggara and anvil in the same window.
    Load {
        /// Transfers to send to each node.
        #[arg(long, default_value_t = 20_000)]
        transfers: u64,
    },
}

pub(crate) fn run(what: Bench) -> Result<()> {
    match what {
        Bench::Ai(what) => bench_ai::run(&what),
        Bench::Riscv => bench_riscv::run(),
        Bench::Gas { shapes, functions } => {
            Step::new("build", cargo())
                .args(["build", "--release", "-p", "foggara-precompiles"])
                .args(["--example", "gas"])
                .run()?;
            Step::new("gas", root().join("target/release/examples/gas"))
                .args(["--shapes", &shapes.to_string()])
                .args(functions)
                .run()
        }
        Bench::Load { transfers } => {
            need_node()?;
            npm_install("e2e")?;
            let anvil =
                anvil().ok_or_else(|| eyre!("no anvil binary for this platform came from npm"))?;
            Step::new("build", cargo())
                .args(["build", "--release", "--workspace", "--bins", "--examples"])
                .run()?;
            Step::new("load", root().join("target/release/examples/load"))
                .arg(root().join("target/release/foggara"))
                .arg(anvil)
                .arg(transfers.to_string())
                .run()
        }
    }
}
