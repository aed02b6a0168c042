//! What the chores need of the machine, and how they run a command.

use eyre::{Result, WrapErr, bail};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The cargo that runs us.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// One command, announced before and timed after.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    command: Command,
}

impl Step {
    pub(crate) fn new(name: impl Into<String>, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root());
        Self {
            name: name.into(),
            command,
        }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(root().join(dir));
        self
    }

    /// Runs the command; an exit status other than zero is an error that names the step.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("==> {}", self.name);
        let start = Instant::now();
        let status = self
            .command
            .status()
            .wrap_err_with(|| format!("cannot start {}", self.name))?;
        if !status.success() {
            bail!("{} failed: {status}", self.name);
        }
        println!("==> {} done in {} s", self.name, start.elapsed().as_secs());
        Ok(())
    }
}

/// Fails with what to install when Node or npm is missing.
pub(crate) fn need_node() -> Result<()> {
    for tool in ["node", "npm"] {
        if Command::new(tool).arg("--version").output().is_err() {
            bail!(
                "{tool} is missing: install Node 20 or newer with npm, the real clients and anvil come from there"
            );
        }
    }
    Ok(())
}

/// Installs a folder's npm packages from its lock file, unless that was already done for this lock file.
pub(crate) fn npm_install(dir: &str) -> Result<()> {
    let folder = root().join(dir);
    let lock = std::fs::read(folder.join("package-lock.json"))
        .wrap_err_with(|| format!("{dir}/package-lock.json"))?;
    let stamp = folder.join("node_modules/.foggara-lock");
    if std::fs::read(&stamp).is_ok_and(|seen| seen == lock) {
        return Ok(());
    }
    Step::new(format!("npm ci in {dir}"), "npm")
        .dir(dir)
        .args(["ci", "--no-audit", "--no-fund"])
        .run()?;
    std::fs::write(stamp, lock)?;
    Ok(())
}

/// The anvil binary that npm brought for this platform.
pub(crate) fn anvil() -> Option<PathBuf> {
    let packages = root().join("e2e/node_modules/@foundry-rs");
    let mut found: Vec<PathBuf> = std::fs::read_dir(packages)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with("anvil-"))
        })
        .map(|path| path.join("bin/anvil"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.pop()
}
