//! Sending one record to any topic, for the command line and for demos.

use crate::block_on::block_on;
use crate::client::Logged;
use crate::config::Config;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord};

/// How long a record is tried, milliseconds.
const TIMEOUT_MS: u32 = 15_000;

/// Sends a record and waits for its acknowledgement; returns its partition and offset. Without a key any partition.
///
/// # Errors
/// What the client or the broker says.
pub fn publish(
    config: &Config,
    topic: &str,
    key: Option<&str>,
    value: &[u8],
) -> Result<(i32, i64), KafkaError> {
    let mut settings = config.producer("publish", TIMEOUT_MS);
    // Whoever sends by hand may make a topic, if the broker makes any.
    settings.set("allow.auto.create.topics", "true");
    let producer: FutureProducer<Logged> =
        FutureProducer::from_config_and_context(&settings, Logged("publish"))?;
    let mut record: FutureRecord<'_, str, [u8]> = FutureRecord::to(topic).payload(value);
    record.key = key;
    let sent = producer.send_result(record).map_err(|(error, _)| error)?;
    match block_on(sent) {
        Ok(Ok(delivery)) => Ok((delivery.partition, delivery.offset)),
        Ok(Err((error, _))) => Err(error),
        Err(_) => Err(KafkaError::Canceled),
    }
}
