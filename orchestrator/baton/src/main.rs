//! `baton`: the orchestrator as one program.
//!
//! Owns: the command line, configuration, telemetry, putting the crates together, and an orderly end. Must not: hold
//! any rule of its own.
//!
//! Reading path: `cli`, `config`, `serve` (what is started in which order, and ended in which), `node` (what the API
//! sees of the engine), `embedded`, `migrate`, `bindings`, `dev`, `telemetry`; `client` has the commands that only ask a
//! node, `apply`, `rehearse`, `picture` and `validate` those that work on files.

mod apply;
mod bindings;
mod cli;
mod client;
mod complete;
mod config;
mod dev;
mod documents;
mod embedded;
mod figures;
mod lines;
mod migrate;
mod node;
mod output;
mod picture;
mod process;
mod rehearse;
mod serve;
mod telemetry;
mod validate;
#[cfg(feature = "workers")]
mod worker;

use clap::Parser;
use cli::Command;
use config::{Config, Error};
use std::process::ExitCode;
use std::sync::LazyLock;

/// For librdkafka's C code too: it makes each record and header on one thread and frees it on another, which glibc's
/// allocator is slow at and holds on to memory for (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    LazyLock::force(&process::STARTED_S);
    let command = cli::Cli::parse().command;
    if !matches!(
        command,
        Command::Serve(_) | Command::Dev(_) | Command::Broker(_)
    ) {
        output::end_with_the_reader();
    }
    let result = match command {
        Command::Serve(arguments) => Config::load(*arguments).and_then(|config| node(config, None)),
        Command::Dev(arguments) => {
            dev::configure(*arguments).and_then(|(config, dev)| node(config, Some(dev)))
        }
        Command::Migrate(arguments) => migrate::run(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Broker(arguments) => embedded::alone(arguments).map(|()| ExitCode::SUCCESS),
        Command::Start(arguments) => client::start(arguments),
        Command::Watch(arguments) => client::watch(arguments),
        Command::History(arguments) => client::history(arguments),
        Command::Redrive(arguments) => client::redrive(arguments),
        Command::StartAgain(arguments) => client::start_again(arguments),
        Command::Job(command) => client::jobs(command),
        Command::Pause(arguments) => client::intervene(arguments, "pause"),
        Command::Resume(arguments) => client::intervene(arguments, "resume"),
        Command::Trace(arguments) => client::trace(arguments),
        Command::List(arguments) => client::list(arguments),
        Command::Describe(arguments) => client::describe(arguments),
        Command::Stop(arguments) => client::stop(arguments),
        Command::View(command) => client::views(command),
        Command::Queue(command) => client::queues(command),
        Command::Doctor(arguments) => client::doctor(&arguments),
        Command::Apply(arguments) => apply::apply(&arguments),
        Command::Test(arguments) => rehearse::test(&arguments),
        Command::Graph(arguments) => picture::graph(&arguments),
        Command::Completion(arguments) => Ok(complete::completion(&arguments)),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Send(arguments) => client::send(arguments),
        #[cfg(feature = "workers")]
        Command::Worker(arguments) => worker::run(*arguments),
        #[cfg(feature = "demo")]
        Command::DemoWorker(arguments) => {
            dev::worker::serve(&arguments).map(|()| ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("baton: {error}");
        ExitCode::FAILURE
    })
}

/// Runs a node until it is told to end.
fn node(config: Config, dev: Option<dev::Dev>) -> Result<ExitCode, Error> {
    telemetry::start(config.log, config.log_filter.as_deref())?;
    serve::run(config, dev).map(|()| ExitCode::SUCCESS)
}
