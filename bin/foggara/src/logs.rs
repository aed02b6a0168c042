//! Logs go to standard error; blocks and the banner to standard output.

use crate::{config::LogConfig, exit::Usage};
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging.
///
/// # Errors
/// An unknown format or an invalid filter.
pub(crate) fn init(config: &LogConfig) -> eyre::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|error| Usage(format!("log.filter {:?}: {error}", config.filter)))?;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    match config.format.as_str() {
        "human" => builder.init(),
        "json" => builder.json().init(),
        other => {
            return Err(Usage(format!(
                "log.format is {other:?}, allowed are human and json"
            ))
            .into());
        }
    }
    Ok(())
}
