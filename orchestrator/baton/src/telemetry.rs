//! Logs: where they go and how they look. Fields are named with dots, the same everywhere (docs/operations.md).
//!
//! Traces are beneath: `spans` makes them of the history, `recorder` beside the node's work, `export` sends them.

pub mod export;
pub mod recorder;
mod spans;

use crate::cli::LogFormat;
use crate::config::Error;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// The local store's engine reports its daily work as news.
const FILTER_DEFAULT: &str = "info,lsm_tree=warn,fjall=warn";

/// Starts logging to standard error. Called once.
///
/// # Errors
/// When the filter can't be read.
pub fn start(format: LogFormat, filter: Option<&str>) -> Result<(), Error> {
    let filter = filter.unwrap_or(FILTER_DEFAULT);
    let filter =
        EnvFilter::try_new(filter).map_err(|e| Error(format!("log filter {filter:?}: {e}")))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Human => logs.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| Error(format!("logging can't be started: {e}")))
}

/// From now on panics are in the log. What becomes of one is decided where it happens: a thread of the engine ends the
/// process, since others would go on with what is no longer whole; a record or file that makes a library panic is caught
/// by whoever reads it, for else it would end the process again after every restart.
pub fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(panic = %info, "a panic: a bug of Baton, or a record or file that a library can't bear");
        before(info);
    }));
}
