//! What `.ci/run` checks beside the tests.

use crate::{
    machine::{Step, cargo, need_node, npm_install, root},
    tidy,
};
use eyre::{Result, bail};
use std::process::Command;

/// The pure core, bottom up (`DESIGN.md` section 4).
pub(crate) const PURE: [&str; 7] = [
    "foggara-primitives",
    "foggara-precompiles",
    "foggara-batch",
    "foggara-trie",
    "foggara-derive",
    "foggara-evm",
    "foggara-stf",
];

/// Crates that need an operating system, C code or a source of randomness: none may be reachable
/// from the pure core without its `std` feature.
const HOST_ONLY: [&str; 11] = [
    "c-kzg",
    "blst",
    "secp256k1",
    "secp256k1-sys",
    "getrandom",
    "rayon",
    "tokio",
    "brotli",
    "mio",
    "parking_lot",
    "signet-libmdbx",
];

/// The bare RISC-V target that the fault-proof guest is built for.
pub(crate) const RISCV: &str = "riscv64imac-unknown-none-elf";

pub(crate) fn ci() -> Result<()> {
    Step::new("fmt", cargo())
        .args(["fmt", "--all", "--check"])
        .run()?;
    Step::new("clippy", cargo())
        .args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
        .run()?;
    Step::new("doc", cargo())
        .args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    no_std()?;
    contracts(true)?;
    forge_test()?;
    vectors(true)?;
    tidy::tidy()?;
    deny()
}

/// Each pure crate builds without `std` and pulls no host-only dependency.
pub(crate) fn no_std() -> Result<()> {
    for name in PURE {
        let tree = Command::new(cargo())
            .current_dir(root())
            .args([
                "tree",
                "-p",
                name,
                "--no-default-features",
                "-e",
                "normal",
                "--prefix",
                "none",
            ])
            .args(["--format", "{p}"])
            .output()?;
        if !tree.status.success() {
            bail!(
                "cargo tree -p {name} failed: {}",
                String::from_utf8_lossy(&tree.stderr)
            );
        }
        let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
        let seen = |host: &str| {
            tree.lines()
                .any(|line| line.split(' ').next() == Some(host))
        };
        if let Some(host) = HOST_ONLY.into_iter().find(|host| seen(host)) {
            bail!("{name} reaches {host} without its std feature");
        }
        Step::new(format!("no_std {name}"), cargo())
            .args(["check", "-p", name, "--no-default-features"])
            .run()?;
    }
    riscv()
}

fn riscv() -> Result<()> {
    if !has_riscv()? {
        println!(
            "NOT CHECKED: no {RISCV} toolchain here. Get one with `rustup target add {RISCV}`."
        );
        return Ok(());
    }
    for name in PURE {
        Step::new(format!("{RISCV} {name}"), cargo())
            .args([
                "check",
                "-p",
                name,
                "--no-default-features",
                "--target",
                RISCV,
            ])
            .run()?;
    }
    Ok(())
}

/// Whether the compiler has the libraries of [`RISCV`].
pub(crate) fn has_riscv() -> Result<bool> {
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()?;
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
    Ok(std::path::Path::new(&sysroot)
        .join("lib/rustlib")
        .join(RISCV)
        .is_dir())
}

pub(crate) fn contracts(check: bool) -> Result<()> {
    need_node()?;
    npm_install("contracts")?;
    let step = Step::new("contracts", "node")
        .dir("contracts")
        .arg("build.mjs");
    if check { step.arg("--check") } else { step }.run()
}

/// Runs the contracts' own tests, with fuzzing, and compares the gas that they measure with the committed one.
fn forge_test() -> Result<()> {
    if !root().join("contracts/node_modules/.bin/forge").exists() {
        println!(
            "NOT CHECKED: npm has no forge for this platform; `forge test` in contracts/ runs the tests."
        );
        return Ok(());
    }
    Step::new("forge test", "npx")
        .dir("contracts")
        .args(["--no-install", "forge", "test"])
        .env("FORGE_SNAPSHOT_CHECK", "true")
        .run()
}

/// Golden vectors are written by the tests that own a format, when asked to.
pub(crate) fn vectors(check: bool) -> Result<()> {
    let mut step =
        Step::new("vectors", cargo()).args(["test", "--workspace", "--test", "golden", "--quiet"]);
    if !check {
        step = step.env("FOGGARA_WRITE_VECTORS", "1");
    }
    step.run()
}

fn deny() -> Result<()> {
    let found = Command::new(cargo()).args(["deny", "--version"]).output();
    if !found.is_ok_and(|out| out.status.success()) {
        println!(
            "NOT CHECKED: cargo-deny is not installed. Get it with `cargo install cargo-deny`."
        );
        return Ok(());
    }
    Step::new("deny", cargo())
        .args(["deny", "check", "bans", "licenses", "sources"])
        .run()
}
