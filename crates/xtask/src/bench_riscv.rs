//! `cargo xtask bench riscv`: instructions that calls of the AI operations take on RISC-V.
//!
//! Guest and interpreter are a workspace of their own, with its own lock file.

use crate::{
    checks::{RISCV, has_riscv},
    machine::{Step, cargo, root},
};
use eyre::{Result, bail};

/// Both programs.
const TOOL: &str = "tools/bench-riscv";

pub(crate) fn run() -> Result<()> {
    if !has_riscv()? {
        bail!("NOT MEASURED: no {RISCV} toolchain here. Get one with `rustup target add {RISCV}`.");
    }
    let target = root().join("target/bench-riscv");
    let build = |name: &str| {
        Step::new(name, cargo())
            .dir(TOOL)
            .env("CARGO_TARGET_DIR", &target)
            // Incremental builds inline less, and the count would depend on the caller's environment.
            .env("CARGO_INCREMENTAL", "0")
            .args(["build", "--release", "--locked", "--package", name])
    };
    build("foggara-bench-riscv-guest")
        .args(["--target", RISCV])
        .run()?;
    build("foggara-bench-riscv-host").run()?;
    Step::new("bench riscv", target.join("release/bench-riscv"))
        .arg(target.join(RISCV).join("release/guest"))
        .run()
}
