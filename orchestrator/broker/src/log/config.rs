//! Settings of a topic: Kafka's names, types, defaults and bounds.
//!
//! Owns: which settings there are and what values they take. A setting that would do something here that it does not
//! do is refused; those that have no meaning on one node with group fsync are kept and shown.

use super::{ConfigEntry, ConfigKind, LogError, limits::BATCH_BYTES_MAX};
use std::collections::BTreeMap;

/// What a topic's settings say, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    /// Age at which records are deleted, ms; -1: never.
    pub retention_ms: i64,
    /// Size of a partition from which on the oldest segments are deleted; -1: unbounded.
    pub retention_bytes: i64,
    /// Size at which a segment ends.
    pub segment_bytes: u64,
    /// Age at which a segment ends, ms.
    pub segment_ms: i64,
    /// Whether retention deletes.
    pub deletes: bool,
    /// Whether only the last record of a key is kept.
    pub compacts: bool,
    /// Part of a log that must be new since the last compaction before the next.
    pub min_dirty_ratio: f64,
    /// How long a tombstone can be read after compaction, ms.
    pub delete_retention_ms: i64,
    /// Age that a record must have before it is compacted, ms.
    pub min_compaction_lag_ms: i64,
    /// Largest batch.
    pub max_message_bytes: usize,
    /// Whether the broker's time replaces the producer's.
    pub log_append_time: bool,
}

/// A setting: name, type, default, and what it may be.
struct Known(&'static str, ConfigKind, &'static str, Values);

/// What values a setting takes.
enum Values {
    /// A whole number within bounds.
    Number(i64, i64),
    /// A fraction from 0 to 1.
    Ratio,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, separated by commas.
    Words(&'static [&'static str]),
    /// Anything.
    Any,
}

use ConfigKind::{Boolean, Double, Int, List, Long, String as Text};
use Values::{Any, Number, Ratio, Word, Words};

const TRUTH: &[&str] = &["true", "false"];
const MAX: i64 = i64::MAX;
const INT_MAX: i64 = i32::MAX as i64;

/// All settings by name. Defaults are Kafka's, but for smaller segments.
const KNOWN: &[Known] = &[
    Known(
        "cleanup.policy",
        List,
        "delete",
        Words(&["delete", "compact"]),
    ),
    Known("compression.type", Text, "producer", Word(&["producer"])),
    Known("delete.retention.ms", Long, "86400000", Number(0, MAX)),
    Known("file.delete.delay.ms", Long, "60000", Number(0, MAX)),
    Known(
        "flush.messages",
        Long,
        "9223372036854775807",
        Number(1, MAX),
    ),
    Known("flush.ms", Long, "9223372036854775807", Number(0, MAX)),
    Known("follower.replication.throttled.replicas", List, "", Any),
    Known("index.interval.bytes", Int, "4096", Number(0, INT_MAX)),
    Known("leader.replication.throttled.replicas", List, "", Any),
    Known(
        "max.compaction.lag.ms",
        Long,
        "9223372036854775807",
        Number(1, MAX),
    ),
    Known(
        "max.message.bytes",
        Int,
        "1048588",
        Number(0, BATCH_BYTES_MAX as i64),
    ),
    Known(
        "message.timestamp.after.max.ms",
        Long,
        "9223372036854775807",
        Number(0, MAX),
    ),
    Known(
        "message.timestamp.before.max.ms",
        Long,
        "9223372036854775807",
        Number(0, MAX),
    ),
    Known(
        "message.timestamp.type",
        Text,
        "CreateTime",
        Word(&["CreateTime", "LogAppendTime"]),
    ),
    Known("min.cleanable.dirty.ratio", Double, "0.5", Ratio),
    Known("min.compaction.lag.ms", Long, "0", Number(0, MAX)),
    Known("min.insync.replicas", Int, "1", Number(1, 1)),
    Known("preallocate", Boolean, "false", Word(TRUTH)),
    Known("retention.bytes", Long, "-1", Number(-1, MAX)),
    Known("retention.ms", Long, "604800000", Number(-1, MAX)),
    Known("segment.bytes", Int, "134217728", Number(14, INT_MAX)),
    Known("segment.index.bytes", Int, "10485760", Number(4, INT_MAX)),
    Known("segment.jitter.ms", Long, "0", Number(0, MAX)),
    Known("segment.ms", Long, "604800000", Number(1, MAX)),
    Known(
        "unclean.leader.election.enable",
        Boolean,
        "false",
        Word(&["false"]),
    ),
];

impl TopicConfig {
    /// Takes settings apart; the first that is unknown or impossible is an error.
    pub fn parse(set: &BTreeMap<String, String>) -> Result<Self, LogError> {
        for (name, value) in set {
            let known = KNOWN.iter().find(|known| known.0 == name);
            let known = known.ok_or_else(|| {
                LogError::InvalidConfig(format!("unknown topic setting {name:?}"))
            })?;
            known.check(value)?;
        }
        let value = |name: &str| {
            set.get(name)
                .map_or_else(|| default_of(name), String::as_str)
        };
        let number = |name: &str| value(name).trim().parse::<i64>().expect("checked above");
        let policies: Vec<_> = value("cleanup.policy").split(',').map(str::trim).collect();
        Ok(TopicConfig {
            retention_ms: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
            segment_bytes: number("segment.bytes") as u64,
            segment_ms: number("segment.ms"),
            deletes: policies.contains(&"delete"),
            compacts: policies.contains(&"compact"),
            min_dirty_ratio: value("min.cleanable.dirty.ratio")
                .trim()
                .parse()
                .expect("checked above"),
            delete_retention_ms: number("delete.retention.ms"),
            min_compaction_lag_ms: number("min.compaction.lag.ms"),
            max_message_bytes: number("max.message.bytes") as usize,
            log_append_time: value("message.timestamp.type") == "LogAppendTime",
        })
    }
}

/// All settings as they stand, by name.
pub fn describe(set: &BTreeMap<String, String>) -> Vec<ConfigEntry> {
    let entry = |known: &Known| ConfigEntry {
        name: known.0,
        value: set.get(known.0).map_or(known.2, String::as_str).to_owned(),
        default: known.2.to_owned(),
        is_set: set.contains_key(known.0),
        kind: known.1,
    };
    KNOWN.iter().map(entry).collect()
}

fn default_of(name: &str) -> &'static str {
    KNOWN
        .iter()
        .find(|known| known.0 == name)
        .expect("asked for by its name")
        .2
}

impl Known {
    fn check(&self, value: &str) -> Result<(), LogError> {
        let value = value.trim();
        let (is_valid, expected) = match &self.3 {
            Number(low, high) => {
                let valid = value
                    .parse::<i64>()
                    .is_ok_and(|number| (*low..=*high).contains(&number));
                (valid, format!("a whole number from {low} to {high}"))
            }
            Ratio => (
                value
                    .parse::<f64>()
                    .is_ok_and(|ratio| (0.0..=1.0).contains(&ratio)),
                "a number from 0 to 1".to_owned(),
            ),
            Word(words) => (words.contains(&value), words.join(" or ")),
            Words(words) => {
                let valid = value.split(',').all(|word| words.contains(&word.trim()));
                (
                    valid,
                    format!("some of {}, separated by commas", words.join(", ")),
                )
            }
            Any => (true, String::new()),
        };
        if is_valid {
            return Ok(());
        }
        Err(LogError::InvalidConfig(format!(
            "{} can't be {value:?} here; use {expected}",
            self.0
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<TopicConfig, LogError> {
        TopicConfig::parse(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn every_default_is_valid() {
        for known in KNOWN {
            with(known.0, known.2).unwrap();
        }
        assert!(KNOWN.is_sorted_by_key(|known| known.0));
    }

    #[test]
    fn values_are_taken_apart() {
        let both = with("cleanup.policy", "compact, delete").unwrap();
        assert!(both.compacts && both.deletes);
        assert!(!with("cleanup.policy", "compact").unwrap().deletes);
        assert!(
            with("message.timestamp.type", "LogAppendTime")
                .unwrap()
                .log_append_time
        );
        assert_eq!(with("retention.ms", "-1").unwrap().retention_ms, -1);
    }

    #[test]
    fn what_can_not_be_is_refused_with_a_hint() {
        for (name, value) in [
            ("no.such", "1"),
            ("retention.ms", "soon"),
            ("retention.ms", "-2"),
            ("cleanup.policy", "burn"),
            ("min.cleanable.dirty.ratio", "NaN"),
            ("compression.type", "zstd"),
            ("min.insync.replicas", "2"),
        ] {
            let error = with(name, value).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
