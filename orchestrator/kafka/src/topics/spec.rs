//! What each topic must be like, and why.

use crate::config::Config;
use crate::limits::RECORD_OVERHEAD_BYTES;
use baton_engine::limits::RECORD_BYTES_MAX;

const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// How long commands, completions and requests are kept.
const WORK_KEPT_MS: i64 = 7 * DAY_MS;
/// Size of the files of a history partition. Deletion frees whole files, so each partition has up to one more than what
/// is kept; Kafka's own default is 1 GiB.
const HISTORY_SEGMENT_BYTES: i64 = 128 * 1024 * 1024;
/// How long dead letters are kept.
const DEAD_LETTERS_KEPT_MS: i64 = 30 * DAY_MS;
/// How long logged events of executions are kept.
const EXECUTION_LOGS_KEPT_MS: i64 = 7 * DAY_MS;
/// Partitions of their topic.
const EXECUTION_LOG_PARTITIONS: i32 = 4;
/// How long announcements and cancellations are kept.
const SHORT_MS: i64 = 3_600 * 1_000;
/// Partitions of the dead-letter topic.
const DEAD_LETTER_PARTITIONS: i32 = 1;

/// What a setting of a topic must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Exactly this, or the orchestrator does not start.
    Exactly(String),
    /// A number of at least this, or -1; else the orchestrator does not start.
    AtLeast(i64),
    /// Given when the topic is made; another value is the operator's choice.
    Default(String),
}

/// A topic as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Number of partitions when it is made.
    pub partitions: i32,
    /// Whether another number is refused.
    pub partitions_fixed: bool,
    /// Settings.
    pub settings: Vec<(&'static str, Rule)>,
}

/// The topics with N partitions, and the fixed ones.
#[must_use]
pub fn specs(config: &Config, partitions: i32) -> Vec<TopicSpec> {
    let topics = config.topics();
    vec![
        history(&topics.history, partitions),
        work(&topics.completions, partitions, true),
        work(&topics.requests, partitions, true),
        short(&topics.nodes),
        short(&topics.control),
        spec(
            &topics.execution_logs,
            (EXECUTION_LOG_PARTITIONS, false),
            vec![
                ("cleanup.policy", exactly("delete")),
                ("retention.ms", default(EXECUTION_LOGS_KEPT_MS)),
            ],
        ),
        spec(
            &topics.dead_letter,
            (DEAD_LETTER_PARTITIONS, false),
            vec![
                ("cleanup.policy", exactly("delete")),
                ("retention.ms", default(DEAD_LETTERS_KEPT_MS)),
                ("max.message.bytes", default(record_bytes())),
            ],
        ),
    ]
}

/// The registry, which is needed before N is known.
#[must_use]
pub fn registry(config: &Config) -> TopicSpec {
    let kept = vec![
        ("cleanup.policy", exactly("delete")),
        ("retention.ms", exactly("-1")),
        ("retention.bytes", exactly("-1")),
        ("unclean.leader.election.enable", exactly("false")),
        ("max.message.bytes", default(record_bytes())),
    ];
    spec(&config.topics().registry, (1, true), kept)
}

/// The topic of a task queue.
#[must_use]
pub fn queue(config: &Config, queue: &str) -> TopicSpec {
    work(
        &config.topics().commands(queue),
        config.queue_partitions,
        false,
    )
}

fn history(name: &str, partitions: i32) -> TopicSpec {
    let settings = vec![
        ("cleanup.policy", exactly("delete")),
        ("retention.ms", exactly("-1")),
        ("retention.bytes", exactly("-1")),
        ("message.timestamp.type", exactly("LogAppendTime")),
        ("unclean.leader.election.enable", exactly("false")),
        ("max.message.bytes", Rule::AtLeast(record_bytes())),
        ("segment.bytes", default(HISTORY_SEGMENT_BYTES)),
    ];
    spec(name, (partitions, true), settings)
}

fn work(name: &str, partitions: i32, fixed: bool) -> TopicSpec {
    let settings = vec![
        ("cleanup.policy", exactly("delete")),
        ("retention.ms", default(WORK_KEPT_MS)),
    ];
    spec(name, (partitions, fixed), settings)
}

fn short(name: &str) -> TopicSpec {
    spec(
        name,
        (1, true),
        vec![
            ("cleanup.policy", exactly("delete")),
            ("retention.ms", default(SHORT_MS)),
        ],
    )
}

fn record_bytes() -> i64 {
    (RECORD_BYTES_MAX + RECORD_OVERHEAD_BYTES) as i64
}

fn spec(
    name: &str,
    (partitions, partitions_fixed): (i32, bool),
    settings: Vec<(&'static str, Rule)>,
) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        partitions_fixed,
        settings,
    }
}

fn exactly(value: &str) -> Rule {
    Rule::Exactly(value.to_owned())
}

fn default(value: i64) -> Rule {
    Rule::Default(value.to_string())
}

impl Rule {
    /// The value that a new topic gets.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Exactly(value) | Self::Default(value) => value.clone(),
            Self::AtLeast(value) => value.to_string(),
        }
    }
}
