//! `baton`: the orchestrator as one program.
//!
//! Owns: the command line, configuration, telemetry, putting the crates together, and an orderly end. Must not: hold
//! any rule of its own.
//!
//! Reading path: `cli`, `config`, `serve` (what is started in which order, and ended in which), `node` (what the API
//! sees of the engine), `telemetry`.

mod cli;
mod config;
mod figures;
mod node;
mod process;
mod serve;
mod telemetry;

use clap::Parser;
use std::process::ExitCode;
use std::sync::LazyLock;

fn main() -> ExitCode {
    LazyLock::force(&process::STARTED_S);
    let cli::Cli {
        command: cli::Command::Serve(arguments),
    } = cli::Cli::parse();
    let result = config::Config::load(*arguments).and_then(|config| {
        telemetry::start(config.log, config.log_filter.as_deref())?;
        serve::run(config)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("baton: {error}");
            ExitCode::FAILURE
        }
    }
}
