//! Sending one record to any topic, for the command line and for demos.

use crate::block_on::block_on;
use crate::client::Logged;
use crate::config::Config;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};

/// How long a record is tried, milliseconds.
const TIMEOUT_MS: u32 = 5_000;

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Nobody acknowledged it in time.
    #[error("no broker answers at {address} within {} s", TIMEOUT_MS / 1_000)]
    Unreachable {
        /// Bootstrap servers.
        address: String,
    },
    /// What the client or the broker says.
    #[error(transparent)]
    Refused(#[from] KafkaError),
}

/// Sends a record and waits for its acknowledgement; returns its partition and offset. Without a key any partition.
///
/// # Errors
/// See [`PublishError`].
pub fn publish(
    config: &Config,
    topic: &str,
    key: Option<&str>,
    value: &[u8],
) -> Result<(i32, i64), PublishError> {
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
        Ok(Err((error, _)))
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut) =>
        {
            let address = config.brokers.clone();
            Err(PublishError::Unreachable { address })
        }
        Ok(Err((error, _))) => Err(error.into()),
        Err(_) => Err(KafkaError::Canceled.into()),
    }
}
