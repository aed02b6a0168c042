//! Real clients against `foggara dev`: the npm package `e2e/` at the folder that `FOGGARA_E2E` names, and the forge
//! scripts of `contracts/`.

mod common;
#[path = "clients/scripts.rs"]
mod scripts;

use common::{Node, folder, run_within};
use std::{path::PathBuf, process::Command, time::Duration};

/// Longest run of a file; compilers take their time.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs one file of the package against a node of its own.
async fn passes(file: &str) {
    let Some(package) = std::env::var_os("FOGGARA_E2E").map(PathBuf::from) else {
        eprintln!("NOT RUN: {file}: FOGGARA_E2E is not set, `cargo xtask test` sets it");
        return;
    };
    let home = folder();
    let mut node = Node::spawn(["dev", "--tmp"]);
    node.ready().await;
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-force-exit", "--test-reporter=spec", file])
        .current_dir(&package)
        .env("FOGGARA_RPC", &node.rpc.url)
        .env("FOGGARA_L1_RPC", &node.l1.url)
        .env("TMPDIR", home.path());
    let said = tokio::task::spawn_blocking(move || run_within(&mut command, LIMIT))
        .await
        .unwrap();
    println!("{}", said.out);
    node.assert_alive();
    assert_eq!(said.code, Some(0), "{file}\n{}\n{}", said.out, said.err);
    let skipped = said
        .out
        .lines()
        .any(|line| line.contains("skipped") && !line.ends_with(" 0"));
    assert!(!skipped, "{file} left something out\n{}", said.out);
    node.stop("TERM");
}

#[tokio::test]
async fn viem() {
    passes("viem.test.mjs").await;
}

#[tokio::test]
async fn ethers() {
    passes("ethers.test.mjs").await;
}

#[tokio::test]
async fn cast() {
    passes("cast.test.mjs").await;
}

#[tokio::test]
async fn forge() {
    passes("forge.test.mjs").await;
}

#[tokio::test]
async fn l1() {
    passes("l1.test.mjs").await;
}
