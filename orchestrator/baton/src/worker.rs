//! `baton worker`: ready-made workers within the program, each a process of its own (docs/decisions/0005-workers-in-the-binary.md).
//!
//! Owns: their command lines, and putting them on the worker library. What they do is in `workers/`; they share nothing
//! with a node but the wire contract.

use crate::cli::LogFormat;
use crate::config::Error;
use crate::telemetry;
use baton_worker::{Task, TaskError, Worker, WorkerBuilder};
use baton_worker_http::Caller;
use baton_worker_lambda::{Function, Options};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// `worker`.
#[derive(Debug, Args)]
pub struct WorkerArguments {
    #[command(subcommand)]
    kind: Kind,
}

/// Which one.
#[derive(Debug, Subcommand)]
enum Kind {
    /// Runs an AWS Lambda function unchanged: the command behind `--` finds the Lambda Runtime API in
    /// AWS_LAMBDA_RUNTIME_API and is given the tasks of queue lambda.FUNCTION.
    Lambda(LambdaArguments),
    /// Makes HTTP calls: the tasks of arn:aws:states:::http:invoke, and those of queues that are bound to a URL.
    Http(HttpArguments),
}

/// What every worker takes.
#[derive(Debug, Args)]
struct Common {
    /// Kafka: HOST:PORT of one or more brokers, comma-separated
    #[arg(long, env = "BATON_KAFKA", default_value = "127.0.0.1:9092")]
    kafka: String,
    /// A property of Kafka's clients, such as security.protocol=sasl_ssl; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = property)]
    kafka_config: Vec<(String, String)>,
    /// Prefix of topics and groups
    #[arg(long, env = "BATON_PREFIX", default_value = "baton.")]
    prefix: String,
    /// Name of this instance, unique and the same after a restart: it has its partitions back at once
    #[arg(long)]
    instance: Option<String>,
    /// Seconds that running tasks get when the worker is told to end
    #[arg(long, default_value_t = 25)]
    drain_timeout_s: u64,
    /// How logs look
    #[arg(long, env = "BATON_LOG", default_value = "human")]
    log: LogFormat,
    /// Which logs are written
    #[arg(long, env = "BATON_LOG_FILTER")]
    log_filter: Option<String>,
}

/// `worker lambda`.
#[derive(Debug, Args)]
struct LambdaArguments {
    /// Name of the function: its tasks are on queue lambda.FUNCTION
    #[arg(long)]
    function: String,
    /// Invocations at a time, each in a child process of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// Seconds that one invocation may take; then its child is killed
    #[arg(long, default_value_t = 900.0, value_parser = seconds)]
    timeout_s: f64,
    /// What the function is told to have, MB
    #[arg(long, default_value_t = baton_worker_lambda::limits::MEMORY_MB_DEFAULT)]
    memory_mb: u32,
    /// Set as _HANDLER, which some runtimes read
    #[arg(long)]
    handler: Option<String>,
    #[command(flatten)]
    common: Common,
    /// The program that runs the function, and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// `worker http`.
#[derive(Debug, Args)]
struct HttpArguments {
    /// Connections, queues bound to URLs, private addresses that may be called: docs/workers.md
    #[arg(long)]
    config: Option<PathBuf>,
    /// Calls at a time, of each queue that says nothing else
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Leave the tasks of arn:aws:states:::http:invoke to others
    #[arg(long)]
    no_invoke: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs the worker until SIGTERM or SIGINT.
///
/// # Errors
/// Wrong arguments, or Kafka's client.
pub fn run(arguments: WorkerArguments) -> Result<ExitCode, Error> {
    match arguments.kind {
        Kind::Lambda(arguments) => lambda(arguments),
        Kind::Http(arguments) => http(arguments),
    }
}

fn lambda(arguments: LambdaArguments) -> Result<ExitCode, Error> {
    let mut options = Options::new(arguments.function, arguments.command).map_err(Error)?;
    options.timeout = Duration::from_secs_f64(arguments.timeout_s);
    options.memory_mb = arguments.memory_mb;
    options.handler = arguments.handler;
    let function = Function::new(options);
    serve(arguments.common, move |worker| {
        let queue = function.queue();
        let handler = move |task| {
            let function = function.clone();
            async move { function.call(task).await }
        };
        worker
            .queue(queue, handler)
            .concurrency(arguments.concurrency.into())
    })
}

fn http(arguments: HttpArguments) -> Result<ExitCode, Error> {
    let config = match &arguments.config {
        Some(path) => baton_worker_http::Config::load(path),
        None => Ok(baton_worker_http::Config::default()),
    };
    let caller = config.and_then(Caller::new);
    let caller = caller.map_err(|error| Error(error.to_string()))?;
    let all = usize::from(arguments.concurrency);
    serve(arguments.common, move |mut worker| {
        if !arguments.no_invoke {
            let caller = caller.clone();
            let invoke = move |task: Task| {
                let caller = caller.clone();
                async move { unless_cancelled(&task, caller.invoke(task.clone())).await }
            };
            worker = worker
                .queue(baton_worker_http::QUEUE, invoke)
                .concurrency(all);
        }
        for (queue, limit) in caller.queues() {
            let caller = caller.clone();
            let bound = move |task: Task| {
                let caller = caller.clone();
                async move { unless_cancelled(&task, caller.bound(task.clone())).await }
            };
            worker = worker.queue(queue, bound).concurrency(limit.unwrap_or(all));
        }
        worker
    })
}

/// A call that nobody wants any more is broken off.
async fn unless_cancelled<T>(
    task: &Task,
    call: impl Future<Output = Result<T, TaskError>>,
) -> Result<T, TaskError> {
    tokio::select! {
        done = call => done,
        () = task.cancelled() => Err(TaskError::new("Worker.Cancelled", "the task was cancelled; the call was broken off")),
    }
}

/// Puts the queues of `with` on a worker and runs it.
fn serve(
    common: Common,
    with: impl FnOnce(WorkerBuilder) -> WorkerBuilder,
) -> Result<ExitCode, Error> {
    telemetry::start(common.log, common.log_filter.as_deref())?;
    let failed = |error: &dyn std::fmt::Display| Error(error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    let mut worker = Worker::builder()
        .kafka(common.kafka)
        .prefix(common.prefix)
        .drain_timeout(Duration::from_secs(common.drain_timeout_s));
    for (name, value) in common.kafka_config {
        worker = worker.kafka_config(name, value);
    }
    if let Some(instance) = common.instance {
        worker = worker.consumer_config("group.instance.id", instance);
    }
    runtime
        .block_on(async { with(worker).run().await })
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| failed(&error))
}

fn property(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("{text:?} is not NAME=VALUE"))
}

fn seconds(text: &str) -> Result<f64, String> {
    let longest = baton_worker_lambda::limits::TIMEOUT_MAX.as_secs_f64();
    text.parse()
        .ok()
        .filter(|seconds| *seconds > 0.0 && *seconds <= longest)
        .ok_or_else(|| format!("{text:?} is not a number of seconds between 0 and {longest}"))
}
