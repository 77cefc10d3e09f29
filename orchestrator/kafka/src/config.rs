//! Configuration, and the settings of every client made from it.
//!
//! Owns: which librdkafka settings each client has. The user's `[kafka]` section is passed on verbatim to all of them,
//! except for settings that safety rests on: overriding those is refused.

use baton_engine::limits as engine;
use baton_schemas::topics::{PREFIX_DEFAULT, Topics};
use rdkafka::ClientConfig;
use std::collections::HashMap;
use std::sync::Arc;

/// Partitions N on a cluster.
pub const PARTITIONS_CLUSTER: i32 = 32;
/// Partitions N on one small machine.
pub const PARTITIONS_DEV: i32 = 4;
/// Partitions of a task queue's topic on a cluster.
pub const QUEUE_PARTITIONS_CLUSTER: i32 = 8;

/// Settings that can't be overridden, and why.
const FIXED: &[(&str, &str)] = &[
    ("acks", "an answer must mean that the record is replicated"),
    (
        "request.required.acks",
        "an answer must mean that the record is replicated",
    ),
    (
        "enable.idempotence",
        "a retried append must not appear twice or out of order",
    ),
    (
        "max.in.flight",
        "records must reach the log in the order in which they were decided",
    ),
    (
        "max.in.flight.requests.per.connection",
        "records must reach the log in the order in which they were decided",
    ),
    (
        "isolation.level",
        "a worker's aborted transaction must not complete a task",
    ),
    (
        "enable.auto.commit",
        "positions come from the history (rule R7)",
    ),
    (
        "enable.auto.offset.store",
        "positions come from the history (rule R7)",
    ),
    (
        "auto.offset.reset",
        "a lost position must be seen, never guessed (rule R7)",
    ),
    (
        "enable.partition.eof",
        "owners must learn when they have read all there is (rule R11)",
    ),
    (
        "allow.auto.create.topics",
        "topics are made by the node, with the settings that safety rests on",
    ),
    (
        "partition.assignment.strategy",
        "all nodes must agree on it",
    ),
    (
        "partitioner",
        "all producers must agree on a key's partition",
    ),
    ("transactional.id", "the history is the transaction"),
    ("group.id", "it is built from `prefix`"),
    ("group.instance.id", "it is built from `prefix` and `node`"),
    ("session.timeout.ms", "set `session_timeout_ms` instead"),
    ("bootstrap.servers", "set `brokers` instead"),
    ("metadata.broker.list", "set `brokers` instead"),
];

/// How this node uses Kafka.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port` of one or more brokers, comma-separated.
    pub brokers: String,
    /// Prefix of topics, group and instance ids. Default `baton.`.
    pub prefix: String,
    /// Name of this node, unique in the cluster and the same after a restart.
    pub node: Arc<str>,
    /// Base URL under which other nodes reach this one.
    pub url: Arc<str>,
    /// Partitions N; `None` takes what is recorded, or what the topics have, or [`Self::partitions_default`].
    pub partitions: Option<i32>,
    /// N for new topics if nothing else says it.
    pub partitions_default: i32,
    /// Partitions of a new task queue's topic.
    pub queue_partitions: i32,
    /// Replication factor of new topics; -1 is the broker's default.
    pub replication: i32,
    /// Whether missing topics are created.
    pub create_topics: bool,
    /// How long the group waits for a silent node, milliseconds.
    pub session_timeout_ms: u32,
    /// Whether a node that restarts has its partitions back at once (`group.instance.id`).
    pub static_membership: bool,
    /// How long an append may take before ownership is in doubt, milliseconds.
    pub append_timeout_ms: u32,
    /// `none`, `lz4`, `zstd`, ...: of history and effects.
    pub compression: String,
    /// Passed on verbatim to every client.
    pub kafka: HashMap<String, String>,
    /// Bounds of executions.
    pub machine: baton_machine::Limits,
    /// Most records in flight of one partition.
    pub in_flight_max: usize,
    /// Most open executions of one partition.
    pub open_executions_max: usize,
    /// Records between restatements.
    pub restate_every_records: u64,
    /// How long the history of closed executions is kept, milliseconds.
    pub closed_kept_ms: i64,
    /// How long the names of closed executions stay taken, milliseconds.
    pub names_kept_ms: i64,
    /// How far the clock may be off the broker's, milliseconds.
    pub clock_skew_max_ms: i64,
}

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Safety rests on it.
    #[error("[kafka] {name}: can't be overridden, because {reason}: remove it")]
    Fixed {
        /// The setting.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// Out of range.
    #[error("{name} = {value}: must be {expected}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl Config {
    /// The defaults for a cluster.
    #[must_use]
    pub fn new(brokers: &str, node: &str, url: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            prefix: PREFIX_DEFAULT.to_owned(),
            node: node.into(),
            url: url.into(),
            partitions: None,
            partitions_default: PARTITIONS_CLUSTER,
            queue_partitions: QUEUE_PARTITIONS_CLUSTER,
            replication: -1,
            create_topics: true,
            session_timeout_ms: 6_000,
            static_membership: true,
            append_timeout_ms: 30_000,
            compression: "none".to_owned(),
            kafka: HashMap::new(),
            machine: baton_machine::Limits::default(),
            in_flight_max: engine::IN_FLIGHT_MAX,
            open_executions_max: engine::OPEN_EXECUTIONS_MAX,
            restate_every_records: engine::RESTATE_EVERY_RECORDS,
            closed_kept_ms: engine::CLOSED_KEPT_MS,
            names_kept_ms: engine::CLOSED_KEPT_MS,
            clock_skew_max_ms: engine::CLOCK_SKEW_MAX_MS,
        }
    }

    /// Names of the topics.
    #[must_use]
    pub fn topics(&self) -> Topics {
        Topics::new(&self.prefix)
    }

    /// Whether the settings can be used.
    ///
    /// # Errors
    /// The first that can't, and why.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (name, reason) in FIXED {
            if self.kafka.contains_key(*name) {
                return Err(ConfigError::Fixed {
                    name: (*name).to_owned(),
                    reason,
                });
            }
        }
        for (name, value) in [
            (
                "partitions",
                self.partitions.unwrap_or(self.partitions_default),
            ),
            ("partitions_default", self.partitions_default),
            ("queue_partitions", self.queue_partitions),
        ] {
            if !(1..=crate::limits::PARTITIONS_MAX).contains(&value) {
                return Err(ConfigError::OutOfRange {
                    name,
                    value: value.to_string(),
                    expected: "1 to 10,000",
                });
            }
        }
        for (name, value) in [("brokers", &*self.brokers), ("node", &*self.node)] {
            if value.trim().is_empty() {
                return Err(ConfigError::OutOfRange {
                    name,
                    value: "\"\"".to_owned(),
                    expected: "given",
                });
            }
        }
        Ok(())
    }

    /// What every client has in common.
    pub(crate) fn client(&self, role: &str) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", format!("baton-{}-{role}", self.node))
            .set("socket.nagle.disable", "true")
            // A question about a topic must not make it, with whatever settings the broker has for that.
            .set("allow.auto.create.topics", "false")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "60000");
        client
    }

    /// The user's settings, last so that they win.
    pub(crate) fn with_users(&self, mut client: ClientConfig, consumer: bool) -> ClientConfig {
        for (name, value) in &self.kafka {
            if is_for(name, consumer) {
                client.set(name, value);
            }
        }
        client
    }

    /// A consumer of partitions assigned by hand.
    pub(crate) fn consumer(&self, role: &str, isolation: &str, reset: &str) -> ClientConfig {
        let mut client = self.client(role);
        client
            .set("group.id", format!("{}orchestrator", self.prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", reset)
            .set("isolation.level", isolation)
            .set("fetch.wait.max.ms", "500")
            .set("fetch.min.bytes", "1")
            .set("fetch.error.backoff.ms", "1")
            .set("fetch.queue.backoff.ms", "1")
            .set("queued.min.messages", "100000")
            .set(
                "queued.max.messages.kbytes",
                crate::limits::READ_AHEAD_KBYTES_MAX.to_string(),
            )
            .set("check.crcs", "false");
        self.with_users(client, true)
    }

    /// The member of the group: it only learns which partitions are this node's, and reads nothing.
    pub(crate) fn member(&self) -> ClientConfig {
        let mut client = self.client("member");
        client
            .set("group.id", format!("{}orchestrator", self.prefix))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", self.session_timeout_ms.to_string())
            // A member learns at its next heartbeat that partitions are given out anew, and until then those stand still.
            .set(
                "heartbeat.interval.ms",
                (self.session_timeout_ms / 12).clamp(100, 3_000).to_string(),
            )
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "latest")
            .set("queued.min.messages", "1");
        if self.static_membership {
            client.set("group.instance.id", format!("{}{}", self.prefix, self.node));
        }
        self.with_users(client, true)
    }

    /// A producer. `timeout_ms` 0 tries for ever.
    pub(crate) fn producer(&self, role: &str, timeout_ms: u32) -> ClientConfig {
        let message_bytes = engine::RECORD_BYTES_MAX + 2 * crate::limits::RECORD_OVERHEAD_BYTES;
        let mut client = self.client(role);
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("max.in.flight", "1")
            .set("batch.num.messages", "10000")
            .set("batch.size", "1000000")
            .set("message.max.bytes", message_bytes.to_string())
            .set(
                "queue.buffering.max.messages",
                crate::limits::PRODUCER_QUEUE_MAX.to_string(),
            )
            .set(
                "queue.buffering.max.kbytes",
                (crate::limits::PRODUCER_QUEUE_BYTES_MAX / 1024).to_string(),
            )
            .set("message.timeout.ms", timeout_ms.to_string())
            .set("retry.backoff.ms", "20")
            .set("retry.backoff.max.ms", "500")
            .set("partitioner", "murmur2_random")
            .set("compression.type", &self.compression);
        self.with_users(client, false)
    }
}

/// Settings of the other kind of client only give warnings; leave them out.
fn is_for(name: &str, consumer: bool) -> bool {
    const CONSUMER: [&str; 5] = ["fetch.", "queued.", "check.crcs", "max.poll.", "heartbeat."];
    const PRODUCER: [&str; 8] = [
        "linger.",
        "queue.buffering.",
        "batch.",
        "compression.",
        "delivery.",
        "message.timeout",
        "retries",
        "sticky.",
    ];
    let other: &[&str] = if consumer { &PRODUCER } else { &CONSUMER };
    !other.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safety_cannot_be_overridden() {
        for (name, _) in FIXED {
            let mut config = Config::new("b:9092", "n", "http://n");
            config.kafka.insert((*name).to_owned(), "x".to_owned());
            let error = config.check().expect_err("refused").to_string();
            assert!(
                error.contains(name) && error.contains("remove it"),
                "{error}"
            );
        }
    }

    #[test]
    fn users_settings_win_and_go_where_they_belong() {
        let mut config = Config::new("b:9092", "n", "http://n");
        config.kafka.insert("linger.ms".to_owned(), "5".to_owned());
        config
            .kafka
            .insert("fetch.wait.max.ms".to_owned(), "50".to_owned());
        config
            .kafka
            .insert("security.protocol".to_owned(), "ssl".to_owned());
        config.check().expect("these may be set");
        let (producer, consumer) = (
            config.producer("p", 0),
            config.consumer("c", "read_committed", "error"),
        );
        assert_eq!(
            (producer.get("linger.ms"), consumer.get("linger.ms")),
            (Some("5"), None)
        );
        assert_eq!(
            (
                producer.get("fetch.wait.max.ms"),
                consumer.get("fetch.wait.max.ms")
            ),
            (None, Some("50"))
        );
        assert_eq!(
            (
                producer.get("security.protocol"),
                consumer.get("security.protocol")
            ),
            (Some("ssl"), Some("ssl"))
        );
    }

    #[test]
    fn the_number_of_partitions_is_bounded() {
        let mut config = Config::new("b:9092", "n", "http://n");
        config.partitions = Some(0);
        assert!(config.check().is_err());
        config.partitions = Some(10_001);
        assert!(config.check().is_err());
    }
}
