//! Moving to another Kafka: copies the topics of a broker that nobody writes to, each record to the offset that it had.
//!
//! Owns: the order of the steps, and the checks that make the copy one to go on from. Must not: know what the records say.
//!
//! Offsets mean something here: an owner's epoch is the offset of its claim, a definition's revision is its offset in the
//! registry, and the history holds the offsets of the inputs that were applied. Kafka gives offsets in the order of the
//! records, so the map from old to new offsets is kept the identity: what the source has deleted below, or compacted away
//! between, is filled with [`FILLER`]s, and those below are deleted again. Each acknowledgement is held against the map, and
//! in the end every partition is read back and compared.

mod partition;
mod source;
mod tally;
mod target;

use crate::client::Logged;
use rdkafka::ClientConfig;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;
use source::Source;
use std::collections::{BTreeMap, HashMap};
use target::Target;

/// Key of the tombstones at offsets where the source has no record.
pub const FILLER: &[u8] = b"baton.migrate.filler";

/// A broker, and how to get in.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `host:port` of one or more brokers, comma-separated.
    pub brokers: String,
    /// librdkafka's settings, verbatim.
    pub settings: HashMap<String, String>,
}

/// What to copy where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The source. Nobody writes to it.
    pub from: Endpoint,
    /// The target. It has none of the topics.
    pub to: Endpoint,
    /// Only topics whose names begin with one of these; all, if there is none.
    pub only: Vec<String>,
    /// Replication factor on the target; -1 is its default.
    pub replication: i32,
}

/// One partition as it was copied: from `first` on, each record is at the offset that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset of the first record.
    pub first: i64,
    /// Offset of the next one to be written.
    pub end: i64,
    /// Records of the source.
    pub records: u64,
    /// Fillers between them that stay.
    pub fillers: u64,
    /// SHA-256 over offsets, times, keys, values and headers, hexadecimal; the same on both sides.
    pub sha256: String,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every partition.
    pub partitions: Vec<Copied>,
    /// Consumer groups whose positions were set.
    pub groups: usize,
}

/// Why nothing, or not everything, was copied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A broker does not answer, or says no.
    #[error("{what}: {source}")]
    Kafka {
        /// What was asked.
        what: String,
        /// The answer.
        source: KafkaError,
    },
    /// The source or the target is not as it must be; says what to do.
    #[error("{0}")]
    Refused(String),
    /// The copy is not the original.
    #[error("{0}")]
    Differs(String),
}

/// A topic of the source.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub name: String,
    /// First offset and end of each partition; of a topic whose records are left behind both are 0.
    pub ranges: Vec<(i64, i64)>,
    /// Settings that it has of its own.
    pub settings: BTreeMap<String, String>,
    /// Its largest batch, set or not.
    pub batch_bytes_max: i64,
}

/// Copies, checks, and only then sets settings and positions of groups. `told` hears of each topic that has been copied.
///
/// # Errors
/// Nothing is changed at the source, and topics made at the target are deleted again.
pub fn migrate(plan: &Plan, told: &mut dyn FnMut(&str, &[Copied])) -> Result<Report, MigrateError> {
    let source = Source::new(&plan.from)?;
    let topics = source.topics(&plan.only)?;
    let groups = source.groups(&topics)?;
    let target = Target::new(&plan.to, plan.replication)?;
    target.refuse_taken(&topics)?;
    let done = target.make(&topics).and_then(|()| {
        let mut report = Report::default();
        for topic in &topics {
            let copied = copy(&source, &target, topic)?;
            told(&topic.name, &copied);
            report.partitions.extend(copied);
        }
        source.check_unchanged(&topics)?;
        target.set_settings(&topics)?;
        target.set_positions(&groups)?;
        report.groups = groups.len();
        Ok(report)
    });
    if done.is_err() {
        target.delete(&topics);
    }
    done
}

fn copy(source: &Source, target: &Target, topic: &Topic) -> Result<Vec<Copied>, MigrateError> {
    let ranges = topic.ranges.iter().zip(0..);
    ranges
        .map(|(&(first, end), number)| {
            let expected = target.write(source, &topic.name, number, (first, end))?;
            target.delete_before(&topic.name, number, first)?;
            let found = target.read_back(&topic.name, number, (first, end))?;
            let at = format!("{}[{number}]", topic.name);
            if found.records != expected.copied + expected.fillers {
                return Err(MigrateError::Differs(format!(
                    "{at}: {} records were written, {} are there",
                    expected.copied + expected.fillers,
                    found.records
                )));
            }
            let (sent, read) = (expected.tally.digest(), found.digest());
            if sent != read {
                return Err(MigrateError::Differs(format!(
                    "{at}: the copy is not the original: SHA-256 {read} instead of {sent}; does somebody else write there?"
                )));
            }
            Ok(Copied {
                topic: topic.name.clone(),
                partition: number,
                first,
                end,
                records: expected.copied,
                fillers: expected.fillers,
                sha256: sent,
            })
        })
        .collect()
}

fn asked(what: impl Into<String>) -> impl FnOnce(KafkaError) -> MigrateError {
    let what = what.into();
    move |source| MigrateError::Kafka { what, source }
}

/// What every client of an endpoint has in common; the user's settings go last.
fn client(endpoint: &Endpoint, ours: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &endpoint.brokers)
        .set("client.id", "baton-migrate");
    for (name, value) in ours {
        config.set(*name, *value);
    }
    for (name, value) in &endpoint.settings {
        config.set(name, value);
    }
    config.set_log_level(RDKafkaLogLevel::Error);
    config
}

/// A consumer that reads partitions assigned by hand from a given offset, and commits only when told to.
fn consumer(endpoint: &Endpoint, group: &str) -> Result<BaseConsumer<Logged>, MigrateError> {
    let config = client(
        endpoint,
        &[
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "error"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("check.crcs", "true"),
        ],
    );
    BaseConsumer::from_config_and_context(&config, Logged("migrate"))
        .map_err(asked("a setting of the client"))
}
