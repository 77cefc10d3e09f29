//! What librdkafka says, as log lines; and the wake-up of a consumer's thread.

use crate::limits::MEET_TIMEOUT;
use crossbeam_channel::{Receiver, bounded};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

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
