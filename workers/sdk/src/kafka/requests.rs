//! The producer of start requests.

use super::{config, config::KafkaOptions};
use crate::WorkerError;
use baton_schemas::Request;
use baton_schemas::record::Outgoing;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for room in the producer's queue.
const QUEUE_WAIT: Duration = Duration::from_secs(5);
/// How long a request is tried before the task fails, milliseconds. The workflow can try again; the request is the same.
const SEND_TIMEOUT_MS: &str = "15000";

/// Sends requests to their topic; the key decides the partition.
pub struct Requests {
    producer: FutureProducer,
    topic: Arc<str>,
}

impl Requests {
    /// Connects lazily.
    ///
    /// # Errors
    /// A property that librdkafka doesn't take.
    pub fn new(kafka: &str, topic: Arc<str>) -> Result<Self, WorkerError> {
        let options = KafkaOptions {
            brokers: kafka.to_owned(),
            common: Vec::new(),
            consumer: Vec::new(),
            producer: vec![("message.timeout.ms".to_owned(), SEND_TIMEOUT_MS.to_owned())],
        };
        let producer =
            config::producer(&options)
                .create()
                .map_err(|source| WorkerError::Client {
                    client: "producer",
                    source,
                })?;
        Ok(Self { producer, topic })
    }

    /// Completes when the request is durable.
    ///
    /// # Errors
    /// Why it is not, in words.
    pub async fn send(&self, request: &Request) -> Result<(), String> {
        let record = request.to_record();
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header {
                key: name,
                value: Some(&value[..]),
            });
        }
        let key = record.key.as_deref().unwrap_or_default();
        let value = record.value.as_deref().unwrap_or_default();
        let out = FutureRecord::to(&self.topic)
            .key(key)
            .payload(value)
            .headers(headers);
        let sent = self.producer.send(out, QUEUE_WAIT).await;
        sent.map(drop)
            .map_err(|(error, _)| format!("{}: {error}", self.topic))
    }
}
