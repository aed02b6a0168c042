//! Exit codes (`USERS.md` section 3.3).

use foggara::LaunchError;
use std::process::ExitCode;

/// Wrong usage or configuration.
const USAGE: u8 = 2;
/// L1 unreachable, or not the one of `rollup.json`.
const L1: u8 = 4;
/// Data folder from a newer version, or damaged.
const DATA: u8 = 5;
/// Port or data folder in use.
const IN_USE: u8 = 6;

/// An error of usage or configuration, as opposed to one at work.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A second Ctrl-C while the node was stopping.
const INTERRUPTED: u8 = 130;

/// The second Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted twice: the node did not stop in order; the next start recovers")]
pub(crate) struct Interrupted;

/// Says what went wrong in one sentence and turns it into an exit code.
pub(crate) fn code(outcome: eyre::Result<()>) -> ExitCode {
    let Err(report) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {report:#}");
    let code = match report.downcast_ref::<LaunchError>() {
        Some(LaunchError::Config(_)) => USAGE,
        Some(LaunchError::L1(_)) => L1,
        Some(LaunchError::Damaged(_)) => DATA,
        Some(LaunchError::InUse(_)) => IN_USE,
        _ if report.downcast_ref::<Usage>().is_some() => USAGE,
        _ if report.downcast_ref::<Interrupted>().is_some() => INTERRUPTED,
        _ => 1,
    };
    ExitCode::from(code)
}
