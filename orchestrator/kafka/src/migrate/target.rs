//! The broker that everything goes to.
//!
//! Owns: its topics from their making to their final settings. While they are filled, nothing there may delete, compact or
//! restamp records, whatever the settings will say afterwards.

use super::source::{Positions, Source};
use super::tally::{Tally, time_ms};
use super::{Endpoint, FILLER, MigrateError, Topic, asked, client, consumer, partition};
use crate::block_on::block_on;
use crate::client::{self as logs, Logged};
use crate::limits::REQUEST_TIMEOUT;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How topics are while they are filled.
const HELD: [(&str, &str); 4] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "CreateTime"),
];
const BATCH_BYTES: &str = "max.message.bytes";
/// Kafka's default for it; the batches written here are no larger, but for single records.
const BATCH_BYTES_DEFAULT: i64 = 1_048_588;
const GROUP: &str = "baton.migrate";
/// How long a record is tried, milliseconds.
const SEND_TIMEOUT_MS: &str = "120000";
const FLUSH_TIMEOUT: Duration = Duration::from_secs(150);
/// Pause for room in the producer's queue.
const ROOM: Duration = Duration::from_millis(50);

/// Clients of the target.
pub struct Target {
    endpoint: Endpoint,
    replication: i32,
    admin: AdminClient<Logged>,
    consumer: BaseConsumer<Logged>,
    producer: BaseProducer<Watched>,
}

/// What was written to a partition.
#[derive(Default)]
pub struct Written {
    /// All that must be found there.
    pub tally: Tally,
    /// Records of the source.
    pub copied: u64,
    /// Fillers that stay.
    pub fillers: u64,
}

/// Holds acknowledgements against the map of offsets.
#[derive(Default)]
struct Watched(Mutex<Option<String>>);

impl Target {
    /// Connects when something is asked.
    pub fn new(endpoint: &Endpoint, replication: i32) -> Result<Self, MigrateError> {
        let setting = || asked("a setting of the client");
        let ours = [
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("linger.ms", "20"),
            ("compression.type", "zstd"),
            // The topic's own bound counts, and that is for batches as they are written, compressed.
            ("message.max.bytes", "1000000000"),
            ("message.timeout.ms", SEND_TIMEOUT_MS),
        ];
        let admin = AdminClient::from_config_and_context(&client(endpoint, &[]), Logged("migrate"));
        let producer =
            BaseProducer::from_config_and_context(&client(endpoint, &ours), Watched::default());
        Ok(Self {
            endpoint: endpoint.clone(),
            replication,
            admin: admin.map_err(setting())?,
            consumer: consumer(endpoint, GROUP)?,
            producer: producer.map_err(setting())?,
        })
    }

    /// A target with any of these topics is not empty.
    pub fn refuse_taken(&self, topics: &[Topic]) -> Result<(), MigrateError> {
        let what = format!("the topics of {}", self.endpoint.brokers);
        let metadata = self.admin.inner().fetch_metadata(None, REQUEST_TIMEOUT);
        let metadata = metadata.map_err(asked(what))?;
        let there: BTreeSet<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
        let names = topics.iter().map(|topic| topic.name.as_str());
        let taken: Vec<&str> = names.filter(|name| there.contains(name)).collect();
        if taken.is_empty() {
            return Ok(());
        }
        Err(MigrateError::Refused(format!(
            "{} has these topics already, and a copy needs them not to be there: {}",
            self.endpoint.brokers,
            taken.join(", ")
        )))
    }

    /// Makes the topics. Whether their final settings will be taken is asked first.
    pub fn make(&self, topics: &[Topic]) -> Result<(), MigrateError> {
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        self.create(topics, &options.validate_only(true), |topic| {
            topic.settings.clone()
        })?;
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        self.create(topics, &options, held)
    }

    /// Copies a partition; returns what must be found there when what is before `first` has been deleted.
    pub fn write(
        &self,
        source: &Source,
        topic: &str,
        number: i32,
        (first, end): (i64, i64),
    ) -> Result<Written, MigrateError> {
        let mut written = Written::default();
        let mut at = 0;
        let mut last_ms = 1;
        source.read(topic, number, (first, end), &mut |message| {
            last_ms = time_ms(message);
            self.fill(
                &mut written,
                (topic, number),
                (first, at..message.offset()),
                last_ms,
            )?;
            let record = BaseRecord::with_opaque_to(topic, message.offset() as usize)
                .partition(number)
                .timestamp(last_ms);
            let record = BaseRecord {
                key: message.key(),
                payload: message.payload(),
                headers: message.headers().map(|headers| headers.detach()),
                ..record
            };
            self.send(record)?;
            written.tally.add(message);
            written.copied += 1;
            at = message.offset() + 1;
            Ok(())
        })?;
        self.fill(&mut written, (topic, number), (first, at..end), last_ms)?;
        let flushed = self.producer.flush(FLUSH_TIMEOUT);
        self.refuse_problems()?;
        flushed.map_err(asked(format!("writing {topic}[{number}]")))?;
        Ok(written)
    }

    /// Deletes the fillers below the first record.
    pub fn delete_before(&self, topic: &str, number: i32, first: i64) -> Result<(), MigrateError> {
        if first == 0 {
            return Ok(());
        }
        let what = format!("deleting before {topic}[{number}] {first}");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, number, Offset::Offset(first))
            .map_err(asked(what.clone()))?;
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        let deleted = block_on(self.admin.delete_records(&list, &options));
        let deleted = deleted.map_err(asked(what.clone()))?;
        for element in deleted.elements() {
            element.error().map_err(asked(what.clone()))?;
        }
        Ok(())
    }

    /// What is in a partition, which begins and ends where it should.
    pub fn read_back(
        &self,
        topic: &str,
        number: i32,
        range: (i64, i64),
    ) -> Result<Tally, MigrateError> {
        let now = self
            .admin
            .inner()
            .fetch_watermarks(topic, number, REQUEST_TIMEOUT);
        let now = now.map_err(asked(format!("the offsets of {topic}[{number}]")))?;
        if now != range {
            return Err(MigrateError::Differs(format!(
                "{topic}[{number}]: the copy has offsets {} to {} instead of {} to {}",
                now.0, now.1, range.0, range.1
            )));
        }
        let mut tally = Tally::default();
        partition::read(&self.consumer, (topic, number), range, &mut |message| {
            tally.add(message);
            Ok(())
        })?;
        Ok(tally)
    }

    /// Gives the topics the settings that they had.
    pub fn set_settings(&self, topics: &[Topic]) -> Result<(), MigrateError> {
        for topic in topics {
            let what = format!("the settings of {}", topic.name);
            let mut alter = AlterConfig::new(ResourceSpecifier::Topic(&topic.name));
            for (name, value) in &topic.settings {
                alter = alter.set(name, value);
            }
            let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
            let altered = block_on(self.admin.alter_configs([&alter], &options));
            for one in altered.map_err(asked(what.clone()))? {
                one.map_err(|(_, code)| MigrateError::Refused(format!("{what}: {code}")))?;
            }
        }
        Ok(())
    }

    /// Commits the positions of the groups.
    pub fn set_positions(&self, groups: &BTreeMap<String, Positions>) -> Result<(), MigrateError> {
        for (group, positions) in groups {
            let what = format!("the positions of the group {group}");
            let committing = consumer(&self.endpoint, group)?;
            let mut list = TopicPartitionList::new();
            for (topic, number, offset, beside) in positions {
                let mut element = list.add_partition(topic, *number);
                element.set_metadata(beside);
                element
                    .set_offset(Offset::Offset(*offset))
                    .map_err(asked(what.clone()))?;
            }
            committing
                .commit(&list, CommitMode::Sync)
                .map_err(asked(what))?;
        }
        Ok(())
    }

    /// Takes back what [`Self::make`] made; it is said if that fails.
    pub fn delete(&self, topics: &[Topic]) {
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        let gone = |code: &RDKafkaErrorCode| {
            matches!(
                code,
                RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition
            )
        };
        match block_on(self.admin.delete_topics(&names, &options)) {
            Ok(results) => {
                for (topic, code) in results.into_iter().filter_map(Result::err) {
                    if !gone(&code) {
                        tracing::warn!(kafka.topic = topic, kafka.error = %code, "a half-copied topic is left: delete it");
                    }
                }
            }
            Err(error) => {
                tracing::warn!(kafka.error = %error, topics = names.join(","), "half-copied topics are left: delete them");
            }
        }
    }

    fn create(
        &self,
        topics: &[Topic],
        options: &AdminOptions,
        settings: impl Fn(&Topic) -> BTreeMap<String, String>,
    ) -> Result<(), MigrateError> {
        for topic in topics {
            let settings = settings(topic);
            let replication = TopicReplication::Fixed(self.replication);
            let new = NewTopic::new(&topic.name, topic.ranges.len() as i32, replication);
            let new = settings
                .iter()
                .fold(new, |new, (name, value)| new.set(name, value));
            let what = format!("making the topic {}", topic.name);
            let made = block_on(self.admin.create_topics([&new], options));
            for one in made.map_err(asked(what.clone()))? {
                one.map_err(|(_, code)| {
                    let settings: Vec<String> =
                        settings.iter().map(|(n, v)| format!("{n}={v}")).collect();
                    let settings = settings.join(" ");
                    MigrateError::Refused(format!("{what} with {settings}: {code}"))
                })?;
            }
        }
        Ok(())
    }

    /// Fills offsets without a record; those below `first` are deleted afterwards and don't count.
    fn fill(
        &self,
        written: &mut Written,
        (topic, number): (&str, i32),
        (first, offsets): (i64, std::ops::Range<i64>),
        time_ms: i64,
    ) -> Result<(), MigrateError> {
        for offset in offsets {
            let record = BaseRecord::with_opaque_to(topic, offset as usize)
                .partition(number)
                .timestamp(time_ms)
                .key(FILLER);
            self.send(record)?;
            if offset >= first {
                written.tally.add_tombstone(offset, time_ms, FILLER);
                written.fillers += 1;
            }
        }
        Ok(())
    }

    fn send(&self, record: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), MigrateError> {
        let mut record = record;
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((error, back))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    record = back;
                    self.producer.poll(ROOM);
                }
                Err((error, back)) => {
                    return Err(asked(format!("writing to {}", back.topic))(error));
                }
            }
        }
        self.producer.poll(Duration::ZERO);
        self.refuse_problems()
    }

    fn refuse_problems(&self) -> Result<(), MigrateError> {
        let first = self.producer.context().0.lock();
        let first = first.unwrap_or_else(PoisonError::into_inner).clone();
        first.map_or(Ok(()), |problem| Err(MigrateError::Differs(problem)))
    }
}

impl ClientContext for Watched {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        logs::log("migrate", level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        logs::log_error("migrate", &error, reason);
    }
}

impl ProducerContext for Watched {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, expected: usize) {
        let problem = match result {
            // A repeated request is acknowledged without an offset; the reading back decides.
            Ok(message) if message.offset() < 0 || message.offset() == expected as i64 => return,
            Ok(message) => format!(
                "{}[{}]: record {expected} came to offset {}: somebody else writes there",
                message.topic(),
                message.partition(),
                message.offset()
            ),
            Err((error, message)) => format!(
                "{}[{}]: record {expected} was not taken: {error}",
                message.topic(),
                message.partition()
            ),
        };
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(problem);
    }
}

/// A topic's settings while it is filled: its own, but for what would touch the records.
fn held(topic: &Topic) -> BTreeMap<String, String> {
    let mut settings = topic.settings.clone();
    settings.extend(HELD.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let bytes = topic.batch_bytes_max.max(BATCH_BYTES_DEFAULT);
    settings.insert(BATCH_BYTES.to_owned(), bytes.to_string());
    settings
}
