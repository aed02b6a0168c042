//! Looks at the tree itself.

use crate::machine::{cargo, root};
use eyre::{Result, bail};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// The layers, bottom up: a crate may use those before it (`DESIGN.md` section 4).
const LAYERS: [&str; 21] = [
    "foggara-precompiles",
    "foggara-primitives",
    "foggara-batch",
    "foggara-derive",
    "foggara-trie",
    "foggara-evm",
    "foggara-stf",
    "foggara-bindings",
    "foggara-onnx",
    "foggara-store",
    "foggara-pool",
    "foggara-l1",
    "foggara-devl1",
    "foggara-sequencer",
    "foggara-batcher",
    "foggara-verifier",
    "foggara-rpc",
    "foggara",
    "foggara-testkit",
    "foggara-xtask",
    "foggara-cli",
];

/// Lines of a Rust file before its tests at which one looks for a seam.
const LINES_MAX: usize = 500;

pub(crate) fn tidy() -> Result<()> {
    println!("==> tidy");
    let mut faults = Vec::new();
    layers(&mut faults)?;
    let readme = fs::read_to_string(root().join("README.md"))?;
    for folder in ["precompiles".into(), "bin/foggara".into()]
        .into_iter()
        .chain(crates()?)
    {
        let folder: String = folder;
        if !readme.contains(&format!("`{folder}`")) {
            faults.push(format!("README.md does not name {folder}"));
        }
        sources(&root().join(&folder).join("src"), &mut faults)?;
    }
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("tidy found {} faults", faults.len())
}

fn crates() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        names.push(format!("crates/{}", entry?.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(names)
}

fn layers(faults: &mut Vec<String>) -> Result<()> {
    let metadata = Command::new(cargo())
        .current_dir(root())
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let rank: BTreeMap<&str, usize> = LAYERS.iter().enumerate().map(|(i, n)| (*n, i)).collect();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(own) = rank.get(name) else {
            faults.push(format!("{name} has no place in the layers"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let normal = dependency["kind"].is_null();
            let other = dependency["name"].as_str().unwrap_or_default();
            if normal && rank.get(other).is_some_and(|other| other >= own) {
                faults.push(format!(
                    "{name} must not depend on {other}: it stands above it"
                ));
            }
        }
    }
    Ok(())
}

fn sources(dir: &Path, faults: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, faults)?;
            continue;
        }
        if path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let shown = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        let is_tests = path.file_stem().is_some_and(|s| s == "tests")
            || path.components().any(|c| c.as_os_str() == "tests");
        let lines = text
            .lines()
            .take_while(|line| line.trim() != "#[cfg(test)]")
            .count();
        if lines > LINES_MAX && !is_tests {
            faults.push(format!("{shown} has {lines} lines without tests"));
        }
        if text.contains("TODO") && !shown.contains("xtask") {
            faults.push(format!("{shown} has a TODO"));
        }
        reached(&path, &shown, faults)?;
    }
    Ok(())
}

/// A file is reached when its parent module names it.
fn reached(path: &Path, shown: &str, faults: &mut Vec<String>) -> Result<()> {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if ["lib", "main", "mod"].contains(&stem.as_str()) {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(path);
    let sibling = dir.with_extension("rs");
    let parents = [
        dir.join("lib.rs"),
        dir.join("main.rs"),
        dir.join("mod.rs"),
        sibling,
    ];
    for parent in parents.iter().filter(|p| p.is_file()) {
        let text = fs::read_to_string(parent)?;
        if text.contains(&format!("mod {stem};")) || text.contains(&format!("mod {stem} ")) {
            return Ok(());
        }
    }
    if !dir.ends_with("bin") {
        faults.push(format!("{shown} is not reached by any module"));
    }
    Ok(())
}
