//! Listens to the control topic and passes cancellations on to the runners.
//!
//! Reads from the end, by no group's offsets: every worker hears everything, and what was said before it lived concerns
//! tasks that it does not have.

use super::config::{KafkaOptions, control_consumer};
use super::message::View;
use crate::WorkerError;
use crate::handler::guarded;
use crate::limits::{POLL_WAIT, TOPIC_REFRESH};
use crate::runner::Runner;
use crate::worker::Stop;
use baton_schemas::Control;
use baton_schemas::topics::Topics;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for the broker to describe the topic.
const METADATA_WAIT: Duration = Duration::from_secs(5);

/// The listener of one worker process.
pub struct ControlLoop {
    topic: Arc<str>,
    consumer: BaseConsumer<Quiet>,
    runners: Vec<Arc<Runner>>,
    stop: Arc<Stop>,
}

struct Quiet;

impl ControlLoop {
    /// Connects lazily.
    ///
    /// # Errors
    /// A property that librdkafka doesn't take.
    pub fn new(
        topics: &Topics,
        options: &KafkaOptions,
        runners: Vec<Arc<Runner>>,
        stop: Arc<Stop>,
    ) -> Result<Self, WorkerError> {
        let consumer = control_consumer(options, &format!("{}worker.control", topics.prefix))
            .create_with_context(Quiet)
            .map_err(|source| WorkerError::Client {
                client: "consumer",
                source,
            })?;
        Ok(Self {
            topic: Arc::clone(&topics.control),
            consumer,
            runners,
            stop,
        })
    }

    /// Listens until the worker stops; cancellations are a courtesy, so errors are logged and lived with.
    pub fn run(self) {
        while !self.stop.asked() && !self.assign() {
            self.stop.wait(TOPIC_REFRESH);
        }
        while !self.stop.asked() {
            match self.consumer.poll(POLL_WAIT) {
                None => {}
                Some(Err(error)) => tracing::debug!(%error, "control topic"),
                Some(Ok(message)) => match guarded(|| Control::from_view(&View(&message))) {
                    Ok(Ok(Control::Cancelled(token))) => {
                        self.runners.iter().for_each(|runner| runner.cancel(&token))
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "control record not understood"),
                    Err(panic) => tracing::debug!(error = %panic, "control record not readable"),
                },
            }
        }
    }

    /// Assigns all partitions from their end; `false` if the topic isn't there yet.
    fn assign(&self) -> bool {
        let Ok(metadata) = self
            .consumer
            .fetch_metadata(Some(&self.topic), METADATA_WAIT)
        else {
            return false;
        };
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics().iter().filter(|t| t.error().is_none()) {
            for partition in topic.partitions() {
                if list
                    .add_partition_offset(&self.topic, partition.id(), Offset::End)
                    .is_err()
                {
                    return false;
                }
            }
        }
        list.count() > 0 && self.consumer.assign(&list).is_ok()
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The queues' own clients say the same, louder.
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ConsumerContext for Quiet {}
