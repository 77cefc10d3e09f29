//! The load driver of the benchmark: starts executions by records, keeps a number of them in flight, and measures from
//! the start request to the record that reports the result.
//!
//! It knows only the wire contract: it produces to `requests` with a reply topic of its own and consumes that. Prints one
//! JSON line. Must not: link the orchestrator.

mod client;
mod load;

use clap::Parser;
use std::process::ExitCode;

/// Options of the driver.
#[derive(Parser)]
#[command(
    name = "baton-bench",
    about = "Starts executions by records and measures until their results are reported"
)]
pub struct Arguments {
    /// `host:port` of a broker.
    #[arg(long)]
    kafka: String,
    /// ARN of the state machine to start.
    #[arg(long)]
    machine: String,
    /// Number of partitions of the requests topic.
    #[arg(long)]
    partitions: i32,
    /// Prefix of the topics.
    #[arg(long, default_value = "baton.")]
    prefix: String,
    /// Topic that results are reported to; made if it is not there, with one partition.
    #[arg(long, default_value = "bench.results")]
    results: String,
    /// Executions that are measured.
    #[arg(long)]
    count: usize,
    /// Executions before that, one at a time, not measured.
    #[arg(long, default_value_t = 50)]
    warm_up: usize,
    /// Executions in flight.
    #[arg(long)]
    in_flight: usize,
    /// Bytes of each execution's input.
    #[arg(long, default_value_t = 300)]
    payload: usize,
    /// Distinguishes the names of this run's executions.
    #[arg(long)]
    run: String,
}

fn main() -> ExitCode {
    match load::run(&Arguments::parse()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("baton-bench: {e}");
            ExitCode::FAILURE
        }
    }
}
