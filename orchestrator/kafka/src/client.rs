//! What librdkafka says, as log lines; and the wake-up of a consumer's thread.

use crate::limits::MEET_TIMEOUT;
use crossbeam_channel::{Receiver, bounded};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::statistics::Statistics;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

/// Sends a client's own log lines to `tracing`.
#[derive(Clone, Copy, Debug)]
pub struct Logged(pub &'static str);

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(self.0, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(self.0, &error, reason);
    }

    fn stats(&self, _statistics: Statistics) {}
}

impl ConsumerContext for Logged {}

/// A line that librdkafka wrote. Its "info" lines (reconnects and the like) are for debugging.
pub fn log(role: &str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    // It is one of producers too, whatever the warning says: they ask for topics by it (rd_kafka_metadata).
    if facility == "CONFWARN" && message.contains("allow.auto.create.topics") {
        return;
    }
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::warn!(kafka.client = role, kafka.facility = facility, "{message}");
        }
        RDKafkaLogLevel::Warning => {
            tracing::info!(kafka.client = role, kafka.facility = facility, "{message}")
        }
        _ => tracing::debug!(kafka.client = role, kafka.facility = facility, "{message}"),
    }
}

/// An error of a whole client; librdkafka goes on trying by itself.
pub fn log_error(role: &str, error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
        return; // not an error, and frequent
    }
    tracing::debug!(kafka.client = role, kafka.error = %error, "{reason}");
}

/// Makes a consumer learn which brokers lead a topic, and connect, before it is given a partition of it.
///
/// librdkafka gives up at once on the leaders of a topic that it meets while it has no connection yet, and looks for them
/// again only once a second. Must not be called while a fetch waits: the broker would answer only after that.
pub fn meet<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str) {
    if let Err(e) = consumer.fetch_metadata(Some(topic), MEET_TIMEOUT) {
        tracing::debug!(kafka.topic = topic, kafka.error = %e, "the topic's leaders are not known yet");
    }
}

/// A consumer, and a channel that holds something whenever the consumer may have something. So its thread can wait for
/// records and commands at once.
pub fn waking_consumer<C>(
    config: &ClientConfig,
    context: C,
) -> KafkaResult<(BaseConsumer<C>, Receiver<()>)>
where
    C: ConsumerContext,
{
    let mut consumer = BaseConsumer::from_config_and_context(config, context)?;
    let (wake, woken) = bounded(1);
    consumer.set_nonempty_callback(move || {
        let _already_awake = wake.try_send(());
    });
    Ok((consumer, woken))
}

/// A client may log a line between two records; only this many empty answers in a row mean that there is nothing.
pub const EMPTY_POLLS: usize = 3;

/// Follows a topic of one partition, for one thread that also waits for something else.
pub struct Tail {
    consumer: BaseConsumer<Logged>,
    /// Holds something whenever there may be records.
    pub woken: Receiver<()>,
    role: &'static str,
}

impl Tail {
    /// Reads nothing yet.
    pub fn new(settings: &ClientConfig, role: &'static str) -> KafkaResult<Self> {
        let (consumer, woken) = waking_consumer(settings, Logged(role))?;
        Ok(Self {
            consumer,
            woken,
            role,
        })
    }

    /// Begins at `from`. May wait for a broker for a moment.
    pub fn begin(&self, topic: &str, from: Offset) -> KafkaResult<()> {
        meet(&self.consumer, topic);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, from)?;
        self.consumer.assign(&list)
    }

    /// The next record that is there already.
    pub fn next(&self) -> Option<BorrowedMessage<'_>> {
        let mut empty = 0;
        while empty < EMPTY_POLLS {
            match self.consumer.poll(Duration::ZERO) {
                None => empty += 1,
                Some(Ok(message)) => return Some(message),
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(e)) => {
                    tracing::debug!(kafka.client = self.role, kafka.error = %e, "reading goes on");
                }
            }
        }
        None
    }
}
