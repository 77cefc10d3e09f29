//! The command line. Each setting is a flag, an environment variable and a key of the configuration file.

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// AWS Step Functions on your own Kafka.
#[derive(Debug, Parser)]
#[command(name = "baton", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs an orchestrator node.
    Serve(Box<Arguments>),
    /// Runs a node with two example workflows and their workers, and prints every change of state.
    Dev(Box<DevArguments>),
    /// Starts an execution.
    Start(StartArguments),
    /// Prints the changes of an execution as they come; the exit code says how it ended: 0 succeeded, 3 failed, 4 timed
    /// out, 5 aborted.
    Watch(WatchArguments),
    /// Prints the history of an execution.
    History(WatchArguments),
    /// Lists executions, newest start first.
    List(ListArguments),
    /// Sends one record to a topic.
    Send(SendArguments),
    /// Runs the example workers; `dev` does that in a process of their own.
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    DemoWorker(DemoWorkerArguments),
}

/// What `dev` takes: all of `serve`, with defaults for one machine.
#[derive(Clone, Debug, Args)]
pub struct DevArguments {
    /// Leave the example workflows and their workers out
    #[arg(long)]
    pub no_demo: bool,
    #[command(flatten)]
    pub arguments: Arguments,
}

/// Where a node answers.
#[derive(Clone, Debug, Args)]
pub struct Asking {
    /// URL of any node
    #[arg(long, env = "BATON_ENDPOINT", default_value = "http://127.0.0.1:7070")]
    pub endpoint: String,
}

/// `start`.
#[derive(Clone, Debug, Args)]
pub struct StartArguments {
    /// Name or ARN of the state machine
    pub machine: String,
    /// JSON, @FILE, or - for standard input
    #[arg(long, default_value = "{}")]
    pub input: String,
    /// Name of the execution: the same name with the same input is one start [default: one is made]
    #[arg(long)]
    pub name: Option<String>,
    /// Watch it until it ends
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub asking: Asking,
}

/// `watch` and `history`.
#[derive(Clone, Debug, Args)]
pub struct WatchArguments {
    /// ARN of the execution, or MACHINE:NAME
    pub execution: String,
    /// Print each event as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub asking: Asking,
}

/// `list`.
#[derive(Clone, Debug, Args)]
pub struct ListArguments {
    /// Of this state machine alone: name or ARN
    #[arg(long)]
    pub machine: Option<String>,
    /// With this status alone: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED
    #[arg(long)]
    pub status: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    #[command(flatten)]
    pub asking: Asking,
}

/// `send`.
#[derive(Clone, Debug, Args)]
pub struct SendArguments {
    /// Topic
    pub topic: String,
    /// Value: text, @FILE, or - for standard input
    pub value: String,
    /// Key
    #[arg(long)]
    pub key: Option<String>,
    /// Kafka: HOST:PORT of one or more brokers, comma-separated
    #[arg(long, env = "BATON_KAFKA")]
    pub kafka: String,
}

/// `demo-worker`.
#[cfg(feature = "demo")]
#[derive(Clone, Debug, Args)]
pub struct DemoWorkerArguments {
    /// Kafka
    #[arg(long)]
    pub kafka: String,
    /// Prefix of topics
    #[arg(long)]
    pub prefix: String,
}

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Settings as given; what is absent is taken from the file, or is the default. docs/configuration.md describes each.
#[derive(Clone, Debug, Default, Args)]
pub struct Arguments {
    /// Kafka: HOST:PORT of one or more brokers, comma-separated
    #[arg(long, env = "BATON_KAFKA")]
    pub kafka: Option<String>,
    /// Configuration file (TOML); flags and environment variables override it
    #[arg(long, env = "BATON_CONFIG")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// The settings that flags, environment and file have in common.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address to serve HTTP on [default: 127.0.0.1:7070]
    #[arg(long, env = "BATON_HTTP")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
    /// Base URL under which other nodes reach this one [default: from --http]
    #[arg(long, env = "BATON_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Directory of the local store, which can be deleted at any time [default: baton-data]
    #[arg(long, env = "BATON_DATA")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Folder of binding files: a record on a topic starts an execution [default: none]
    #[arg(long, env = "BATON_BINDINGS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindings: Option<PathBuf>,
    /// Prefix of topics and of the consumer group [default: baton.]
    #[arg(long, env = "BATON_PREFIX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Name of this node, unique and the same after a restart [default: the host's name]
    #[arg(long, env = "BATON_NODE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Partitions of history, completions and requests, fixed at creation [default: 32, or what there is]
    #[arg(long, env = "BATON_PARTITIONS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,
    /// Partitions of the topic of a new task queue [default: 8]
    #[arg(long, env = "BATON_QUEUE_PARTITIONS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_partitions: Option<i32>,
    /// Replication factor of topics that are created [default: the broker's]
    #[arg(long, env = "BATON_REPLICATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<i32>,
    /// Whether missing topics are created [default: true]
    #[arg(long, env = "BATON_CREATE_TOPICS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_topics: Option<bool>,
    /// Compression of history and commands: none, lz4 or zstd [default: none]
    #[arg(long, env = "BATON_COMPRESSION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// How long the group waits for a silent node, milliseconds [default: 6000]
    #[arg(long, env = "BATON_SESSION_TIMEOUT_MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_timeout_ms: Option<u32>,
    /// How long an append may take before ownership is in doubt, milliseconds [default: 30000]
    #[arg(long, env = "BATON_APPEND_TIMEOUT_MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub append_timeout_ms: Option<u32>,
    /// How long closed executions and their names are kept, days [default: 90]
    #[arg(long, env = "BATON_CLOSED_KEPT_DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_kept_days: Option<u32>,
    /// Most open executions of one partition [default: 1000000]
    #[arg(long, env = "BATON_OPEN_EXECUTIONS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_executions_max: Option<usize>,
    /// Most history records of one partition on their way to Kafka [default: 20000]
    #[arg(long, env = "BATON_IN_FLIGHT_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<usize>,
    /// History records between two restatements [default: 1000000]
    #[arg(long, env = "BATON_RESTATE_EVERY_RECORDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restate_every_records: Option<u64>,
    /// Most HTTP requests at a time [default: 8192]
    #[arg(long, env = "BATON_REQUESTS_MAX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_max: Option<usize>,
    /// Longest orderly end, seconds [default: 30]
    #[arg(long, env = "BATON_SHUTDOWN_TIMEOUT_S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown_timeout_s: Option<u64>,
    /// Region in ARNs of new state machines [default: us-east-1]
    #[arg(long, env = "BATON_REGION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Account in ARNs of new state machines [default: 000000000000]
    #[arg(long, env = "BATON_ACCOUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// How logs look [default: human]
    #[arg(long, env = "BATON_LOG")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogFormat>,
    /// Which logs are written, such as info,baton_kafka=debug [default: info; RUST_LOG means the same]
    #[arg(long, env = "BATON_LOG_FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_filter: Option<String>,
    /// Trace collector: base URL of OTLP over HTTP, such as http://localhost:4318 [default: none, or what
    /// OTEL_EXPORTER_OTLP_ENDPOINT says]
    #[arg(long, env = "BATON_OTLP_ENDPOINT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
}
