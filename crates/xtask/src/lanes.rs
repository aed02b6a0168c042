//! Every test of the workspace, in two lanes side by side: those that wait for blocks of a second
//! each, and those that compute. One after the other, as `cargo test` runs them, the machine idles
//! in the first half and is late in the second.

use crate::machine::{cargo, root};
use eyre::{Result, WrapErr, bail};
use serde_json::Value;
use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

/// Packages whose tests wait more than they compute: whole chains.
const WAITING: [&str; 2] = ["bin/foggara", "crates/foggara"];

/// A compiled test program.
#[derive(Debug)]
struct Program {
    executable: PathBuf,
    /// Folder of its package, in which it runs.
    package: PathBuf,
    name: String,
}

/// Compiles all tests, then runs them with this environment.
pub(crate) fn run(env: &[(String, OsString)]) -> Result<()> {
    let (waiting, computing): (Vec<_>, Vec<_>) = compile()?
        .into_iter()
        .partition(|program| WAITING.iter().any(|dir| program.package.ends_with(dir)));
    println!(
        "==> {} test programs that wait, {} that compute",
        waiting.len(),
        computing.len()
    );
    let failed = std::thread::scope(|scope| {
        let lane = scope.spawn(|| lane(&waiting, env));
        let mut failed = self::lane(&computing, env);
        if !doctests() {
            failed.push("doctests".to_owned());
        }
        failed.extend(lane.join().expect("a lane does not panic"));
        failed
    });
    all_passed(&failed)
}

/// Compiles all tests, then runs those of one package with this environment.
pub(crate) fn run_package(package: &str, env: &[(String, OsString)]) -> Result<()> {
    let mut programs = compile()?;
    programs.retain(|program| program.package.ends_with(package));
    all_passed(&lane(&programs, env))
}

fn all_passed(failed: &[String]) -> Result<()> {
    if !failed.is_empty() {
        bail!("these tests failed: {}", failed.join(", "));
    }
    Ok(())
}

fn compile() -> Result<Vec<Program>> {
    println!("==> compile the tests");
    let start = Instant::now();
    let output = Command::new(cargo())
        .current_dir(root())
        .args(["test", "--workspace", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("the tests do not compile: {}", output.status);
    }
    let mut programs = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: Value = serde_json::from_str(line).wrap_err("a message of cargo")?;
        programs.extend(program(&message));
    }
    println!(
        "==> {} test programs compiled in {} s",
        programs.len(),
        start.elapsed().as_secs()
    );
    Ok(programs)
}

/// The test program that a message of cargo announces, if it does.
fn program(message: &Value) -> Option<Program> {
    if message["profile"]["test"] != true {
        return None;
    }
    let package = PathBuf::from(message["manifest_path"].as_str()?);
    let package = package.parent()?.to_path_buf();
    let crate_name = package.file_name()?.to_string_lossy().into_owned();
    Some(Program {
        executable: message["executable"].as_str()?.into(),
        name: format!("{crate_name}: {}", message["target"]["name"].as_str()?),
        package,
    })
}

/// Runs programs one after the other; the names of those that failed. What a program prints comes in
/// one piece, so that two lanes can be read.
fn lane(programs: &[Program], env: &[(String, OsString)]) -> Vec<String> {
    let mut failed = Vec::new();
    for program in programs {
        let start = Instant::now();
        let output = Command::new(&program.executable)
            .current_dir(&program.package)
            .env("CARGO_MANIFEST_DIR", &program.package)
            .envs(env.iter().map(|(key, value)| (key, value)))
            .output();
        let (passed, text) = match output {
            Ok(output) => {
                let out = String::from_utf8_lossy(&output.stdout).into_owned();
                let err = String::from_utf8_lossy(&output.stderr).into_owned();
                (output.status.success(), format!("{out}{err}"))
            }
            Err(error) => (false, error.to_string()),
        };
        let seconds = start.elapsed().as_secs_f32();
        println!("==> {} ({seconds:.1} s)\n{}", program.name, text.trim());
        if !passed {
            failed.push(program.name.clone());
        }
    }
    failed
}

fn doctests() -> bool {
    println!("==> doctests");
    let status = Command::new(cargo())
        .current_dir(root())
        .args(["test", "--workspace", "--doc", "--quiet"])
        .status();
    status.is_ok_and(|status| status.success())
}
