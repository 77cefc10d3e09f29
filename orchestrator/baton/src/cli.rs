//! The command line. Each setting is a flag, an environment variable and a key of the configuration file.

use crate::apply::ApplyArguments;
use crate::client::{
    DescribeArguments, DoctorArguments, JobCommand, Many, QueueCommand, StartAgainArguments,
    StopArguments, ViewCommand,
};
use crate::complete::CompletionArguments;
use crate::embedded::ADDRESS_DEFAULT;
use crate::output::Showing;
use crate::picture::GraphArguments;
use crate::rehearse::TestArguments;
use baton_broker::server::User;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use std::net::{SocketAddr, ToSocketAddrs};
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
    /// Runs the embedded broker alone.
    Broker(BrokerArguments),
    /// Copies everything from the embedded broker to a Kafka, where executions go on. No node and no worker runs meanwhile.
    Migrate(MigrateArguments),
    /// Starts an execution.
    Start(StartArguments),
    /// Prints the changes of an execution as they come; the exit code says how it ended: 0 succeeded, 3 failed, 4 timed
    /// out, 5 aborted.
    Watch(WatchArguments),
    /// Prints the history of an execution.
    History(WatchArguments),
    /// Lets an execution that did not succeed, or many, go on where they failed, were stopped or timed out.
    Redrive(RedriveArguments),
    /// Starts executions again, with the inputs of those that meet a condition.
    StartAgain(StartAgainArguments),
    /// Jobs: what is done with many executions.
    #[command(subcommand)]
    Job(JobCommand),
    /// Pauses an execution: nothing more of it is scheduled until it is resumed.
    Pause(ExecutionArguments),
    /// Lets a paused execution go on.
    Resume(ExecutionArguments),
    /// Draws where the time of an execution went: its trace, without a collector.
    Trace(TraceArguments),
    /// Lists executions, newest start first.
    List(ListArguments),
    /// Describes an execution or a state machine.
    Describe(DescribeArguments),
    /// Stops an execution, or many.
    Stop(StopArguments),
    /// Saved views: filters of executions with a name.
    #[command(subcommand)]
    View(ViewCommand),
    /// Task queues: consumers, lag, rate.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Looks for what stands in the way: readiness, clock, queues that nobody consumes.
    Doctor(DoctorArguments),
    /// Makes the definitions of files what the server has, after a look at the difference.
    Apply(ApplyArguments),
    /// Runs unit tests of workflows: mocks, a virtual clock, no server.
    Test(TestArguments),
    /// Draws a definition.
    Graph(GraphArguments),
    /// Prints what a shell completes.
    Completion(CompletionArguments),
    /// Checks definitions, without any node; the exit code is 1 if one has an error.
    Validate(ValidateArguments),
    /// Sends one record to a topic.
    Send(SendArguments),
    /// Runs a ready-made worker: Lambda functions as they are, or HTTP calls.
    #[cfg(feature = "workers")]
    Worker(Box<crate::worker::WorkerArguments>),
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

/// `broker`.
#[derive(Clone, Debug, Args)]
pub struct BrokerArguments {
    /// Folder; the broker's files are in `broker` within it, as `dev` and `serve` have them
    #[arg(long, env = "BATON_DATA", default_value = "baton-data")]
    pub data: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value_t = SocketAddr::from(ADDRESS_DEFAULT), value_parser = address)]
    pub listen: SocketAddr,
    /// HOST:PORT that clients are told to connect to [default: the address by which each reached it]
    #[arg(long, value_parser = host_and_port)]
    pub advertised: Option<(String, u16)>,
    /// Whether records are on the disk before they are acknowledged
    #[arg(long, env = "BATON_BROKER_FSYNC", default_value_t = true, action = ArgAction::Set)]
    pub fsync: bool,
    /// Make no topic because a client asks for it
    #[arg(long)]
    pub no_auto_create: bool,
    /// NAME:PASSWORD of a user (SASL PLAIN); may be repeated. Without one everybody may connect
    #[arg(long = "user", env = "BATON_BROKER_USERS", hide_env_values = true, value_delimiter = ',', value_parser = user)]
    pub users: Vec<User>,
    /// How often retention and compaction are looked at, milliseconds
    #[arg(long, default_value_t = 5_000)]
    pub housekeeping_ms: u64,
    /// How logs look [default: human]
    #[arg(long, env = "BATON_LOG")]
    pub log: Option<LogFormat>,
    /// Which logs are written [default: info]
    #[arg(long, env = "BATON_LOG_FILTER")]
    pub log_filter: Option<String>,
}

/// `migrate`.
#[derive(Clone, Debug, Args)]
pub struct MigrateArguments {
    /// Kafka to copy to: HOST:PORT of one or more brokers, comma-separated. It has none of the topics
    #[arg(long)]
    pub to: String,
    /// Folder whose embedded broker is copied from; it is started for that
    #[arg(long, env = "BATON_DATA", default_value = "baton-data")]
    pub data: PathBuf,
    /// A running broker to copy from instead: HOST:PORT
    #[arg(long)]
    pub from: Option<String>,
    /// Copy only topics whose names begin with this; may be repeated
    #[arg(long)]
    pub only: Vec<String>,
    /// Replication factor of the topics on the target; -1 is its default
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub replication: i32,
    /// NAME=VALUE, a setting of librdkafka for the target, such as security.protocol=ssl; may be repeated
    #[arg(long, value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// The same for --from
    #[arg(long, value_parser = setting)]
    pub from_set: Vec<(String, String)>,
    /// Write the map of offsets to this file, a JSON line for each partition
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// How logs look [default: human]
    #[arg(long, env = "BATON_LOG")]
    pub log: Option<LogFormat>,
    /// Which logs are written [default: warn]
    #[arg(long, env = "BATON_LOG_FILTER")]
    pub log_filter: Option<String>,
}

/// Where a node answers.
#[derive(Clone, Debug, Args)]
pub struct Asking {
    /// URL of any node
    #[arg(long, env = "BATON_ENDPOINT", default_value = "http://127.0.0.1:7070")]
    pub endpoint: String,
    /// ID:SECRET of an access key, where the server asks for one
    #[arg(long, env = "BATON_ACCESS_KEY", hide_env_values = true)]
    pub access_key: Option<String>,
}

/// `start`.
#[derive(Clone, Debug, Args)]
pub struct StartArguments {
    /// Name or ARN of the state machine
    pub machine: String,
    /// JSON, @FILE, or - for standard input
    #[arg(long, default_value = "{}")]
    pub input: String,
    /// Name of the execution: while one of that name is open, a start with the same input is that one; later, or with
    /// another input, it is refused [default: one is made]
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

/// `redrive`.
#[derive(Clone, Debug, Args)]
pub struct RedriveArguments {
    /// ARN of the execution, or MACHINE:NAME
    pub execution: Option<String>,
    #[command(flatten)]
    pub many: Many,
    #[command(flatten)]
    pub asking: Asking,
}

/// `pause` and `resume`.
#[derive(Clone, Debug, Args)]
pub struct ExecutionArguments {
    /// ARN of the execution, or MACHINE:NAME
    pub execution: String,
    #[command(flatten)]
    pub asking: Asking,
}

/// `trace`.
#[derive(Clone, Debug, Args)]
pub struct TraceArguments {
    /// ARN of the execution, or MACHINE:NAME
    pub execution: String,
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
    /// Which ended with this error; 'Card.*' for all that begin so
    #[arg(long)]
    pub error: Option<String>,
    /// Which meet this: "customer = 'c-1' and total >= 100"; names are machine, status, name, started, error and search
    /// attributes. May be repeated
    #[arg(long = "where", value_name = "CONDITIONS")]
    pub conditions: Vec<String>,
    /// Those of this saved view
    #[arg(long)]
    pub view: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    #[command(flatten)]
    pub showing: Showing,
    #[command(flatten)]
    pub asking: Asking,
}

/// `validate`.
#[derive(Clone, Debug, Args)]
pub struct ValidateArguments {
    /// Files in JSON, or YAML if they end with .yaml or .yml; - is standard input, in JSON
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Refuse what Baton adds to the language, so that definitions run on AWS unchanged
    #[arg(long)]
    pub strict: bool,
    /// As definitions of Express machines
    #[arg(long)]
    pub express: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    pub output: Findings,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Findings {
    /// With the line and a caret under the place.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
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
    #[arg(long, env = "BATON_KAFKA", default_value = "127.0.0.1:9092")]
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
    /// Kafka: HOST:PORT of one or more brokers, comma-separated [default: the embedded broker is started]
    #[arg(long, env = "BATON_KAFKA")]
    pub kafka: Option<String>,
    /// Keep everything in a folder that is removed at the end; with the embedded broker only
    #[arg(long, conflicts_with_all = ["kafka", "data"])]
    pub ephemeral: bool,
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
    #[arg(long, env = "BATON_HTTP", value_parser = address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
    /// Base URL under which other nodes reach this one [default: from --http]
    #[arg(long, env = "BATON_URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Folder of the local store, which can be deleted at any time; the embedded broker's log is in it too, which can't
    /// [default: baton-data]
    #[arg(long, env = "BATON_DATA")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Address of the embedded broker, which runs if no Kafka is named; port 0 takes a free one [default: 127.0.0.1:9092]
    #[arg(long, env = "BATON_BROKER", value_parser = address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker: Option<SocketAddr>,
    /// Whether the embedded broker has records on the disk before it acknowledges them [default: true]
    #[arg(long, env = "BATON_BROKER_FSYNC")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_fsync: Option<bool>,
    /// Folder of binding files: a record on a topic starts an execution [default: none]
    #[arg(long, env = "BATON_BINDINGS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindings: Option<PathBuf>,
    /// URL of an S3-compatible object store for distributed Maps [default: AWS's, by AWS_REGION and AWS credentials]
    #[arg(long, env = "BATON_S3_ENDPOINT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_endpoint: Option<String>,
    /// Folder below which distributed Maps may read files and write results [default: none]
    #[arg(long, env = "BATON_MAP_FILES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_files: Option<PathBuf>,
    /// Prefix of topics and of the consumer group [default: baton.]
    #[arg(long, env = "BATON_PREFIX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Name of this node, unique and the same after a restart [default: the host's name]
    #[arg(long, env = "BATON_NODE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Partitions of history, completions and requests, fixed at creation [default: 32, embedded 4, or what there is]
    #[arg(long, env = "BATON_PARTITIONS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,
    /// Partitions of the topic of a new task queue [default: 8, embedded 4]
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
    /// File of access keys, ID SECRET on each line: callers must sign with one (SigV4), or give it over HTTP Basic
    /// [default: none, nothing is asked for]
    #[arg(long, env = "BATON_ACCESS_KEYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_keys: Option<PathBuf>,
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

/// An address to listen on; a name is looked up, and of `localhost` it is the address that other defaults have.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|e| format!("{e}; expected HOST:PORT, such as 127.0.0.1:7070"))?
        .collect();
    let v4 = found.iter().find(|address| address.is_ipv4());
    v4.or(found.first())
        .copied()
        .ok_or_else(|| "that name has no address".to_owned())
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let (host, port) = parts.ok_or("expected HOST:PORT")?;
    let port = port.parse().map_err(|e| format!("the port: {e}"))?;
    Ok((host.to_owned(), port))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = parts.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn user(text: &str) -> Result<User, String> {
    let parts = text.split_once(':').filter(|(name, _)| !name.is_empty());
    let (name, password) = parts.ok_or("expected NAME:PASSWORD")?;
    Ok(User {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}
