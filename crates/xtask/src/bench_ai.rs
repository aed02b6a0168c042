//! `cargo xtask bench ai`: our kernels against their peers, and the golden values that the peers make.
//!
//! The peers live in a virtual environment of their own under `target/`; no test needs it.

use crate::machine::{Step, cargo, root};
use eyre::{Result, WrapErr, bail};
use std::{fs, path::PathBuf, process::Command};

const REQUIREMENTS: &str = "tools/bench-ai/requirements.txt";

/// What the golden values are made by, and where they lie.
const GOLDENS: [(&str, &str); 3] = [
    ("goldens_r_onnx.py", "testdata/goldens"),
    ("goldens_mlp.py", "testdata/onnx"),
    ("goldens_ops.py", "testdata/onnx/ops"),
];

/// What to measure, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchAi {
    /// Only make the environment of the peers (5 GB, downloads from PyPI).
    #[arg(long)]
    setup: bool,
    /// Rewrite the golden values in testdata/ instead of measuring.
    #[arg(long)]
    goldens: bool,
    /// Only measurements with this text in their title.
    #[arg(long, default_value = "")]
    only: String,
    /// How often to measure: a ratio counts if it holds each time.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

pub(crate) fn run(what: &BenchAi) -> Result<()> {
    let python = environment()?;
    if what.setup {
        return Ok(());
    }
    if what.goldens {
        for (script, folder) in GOLDENS {
            Step::new(script, &python)
                .arg(root().join("tools/bench-ai").join(script))
                .arg(folder)
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .run()?;
        }
        return Ok(());
    }
    Step::new("build", cargo())
        .args([
            "build",
            "--release",
            "-p",
            "foggara-precompiles",
            "--example",
            "peers",
        ])
        .run()?;
    Step::new("bench ai", &python)
        .arg(root().join("tools/bench-ai/bench.py"))
        .arg(root().join("target/release/examples/peers"))
        .args(["--only", &what.only, "--rounds", &what.rounds.to_string()])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run()
}

/// The Python of the environment, which is made unless it was for these requirements.
fn environment() -> Result<PathBuf> {
    let home = root().join("target/bench-ai");
    let python = home.join("venv/bin/python");
    let wanted = fs::read(root().join(REQUIREMENTS)).wrap_err(REQUIREMENTS)?;
    let stamp = home.join("requirements.installed");
    if python.is_file() && fs::read(&stamp).is_ok_and(|seen| seen == wanted) {
        return Ok(python);
    }
    fs::create_dir_all(&home)?;
    Step::new("venv", python_3()?)
        .args(["-m", "venv", "--clear"])
        .arg(home.join("venv"))
        .run()?;
    Step::new("pip install", &python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-cache-dir",
            "-r",
            REQUIREMENTS,
        ])
        .run()?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// A Python that the pinned wheels exist for.
fn python_3() -> Result<&'static str> {
    for name in ["python3.11", "python3.12", "python3.13", "python3"] {
        let check = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))";
        let found = Command::new(name).args(["-c", check]).output();
        if found.is_ok_and(|out| out.status.success()) {
            return Ok(name);
        }
    }
    bail!("no Python 3.11 to 3.13 is here: the pinned wheels of the peers are for those")
}
