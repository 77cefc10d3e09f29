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

/// From now on a panic in any thread is logged and ends the process: what others would go on with is no longer whole,
/// and another node, or this one restarted, takes over from the log.
pub fn abort_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(panic = %info, "a bug: the process ends; what was acknowledged is safe");
        before(info);
        std::process::abort();
    }));
}
