//! Kafka's error codes for what went wrong.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

use crate::log::LogError;

/// The code of a result: 0 if nothing is wrong.
pub(super) fn code(error: Option<ResponseError>) -> i16 {
    error.map_or(0, |error| error.code())
}

/// The code and the message of an error of the log.
pub(super) fn explain(error: &LogError) -> (i16, Option<StrBytes>) {
    (of_log(error).code(), Some(error.to_string().into()))
}

/// Kafka's error for an error of the log.
pub(super) fn of_log(error: &LogError) -> ResponseError {
    match error {
        LogError::UnknownTopicOrPartition => ResponseError::UnknownTopicOrPartition,
        LogError::OffsetOutOfRange { .. } => ResponseError::OffsetOutOfRange,
        LogError::OutOfOrderSequence { .. } => ResponseError::OutOfOrderSequenceNumber,
        LogError::InvalidProducerEpoch { .. } => ResponseError::InvalidProducerEpoch,
        LogError::CorruptMessage(_) => ResponseError::CorruptMessage,
        LogError::InvalidRecord(_) => ResponseError::InvalidRecord,
        LogError::MessageTooLarge { .. } => ResponseError::MessageTooLarge,
        LogError::TopicExists(_) => ResponseError::TopicAlreadyExists,
        LogError::InvalidTopic(_) => ResponseError::InvalidTopicException,
        LogError::InvalidPartitions(_) => ResponseError::InvalidPartitions,
        LogError::InvalidConfig(_) => ResponseError::InvalidConfig,
        LogError::DiskFull | LogError::Io(_) => ResponseError::KafkaStorageError,
    }
}

/// Runs what waits for the disk where it holds up no other request.
pub(super) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("the log's operations do not panic")
}
