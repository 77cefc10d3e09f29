//! Errors by audience: [`TaskError`] is data for the workflow, [`WorkerError`] ends the process.

use crate::limits::CAUSE_BYTES_MAX;
use baton_schemas::history::Failure;
use std::fmt::Display;

/// Error name of a handler that panicked.
pub const PANIC: &str = "Worker.Panic";
/// Error name of an input that is not what the handler takes.
pub const BAD_INPUT: &str = "Worker.BadInput";
/// Error name of an output that can't be written as JSON.
pub const BAD_OUTPUT: &str = "Worker.BadOutput";
/// Error name of a task that was cancelled before its handler ran.
pub const CANCELLED: &str = "Worker.Cancelled";
/// Error name of an output that is larger than a record may be; AWS's name for it.
pub const TOO_LARGE: &str = "States.DataLimitExceeded";

/// Why a task failed, as the workflow's `Retry` and `Catch` see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskError {
    /// Error name that `ErrorEquals` is compared with, such as `Image.Broken`.
    pub error: String,
    /// What happened, for people.
    pub cause: String,
}

impl TaskError {
    /// A failure called `error`, explained by `cause`.
    #[must_use]
    pub fn new(error: impl Into<String>, cause: impl Display) -> Self {
        Self {
            error: error.into(),
            cause: cause.to_string(),
        }
    }

    pub(crate) fn into_failure(mut self) -> Failure {
        if self.cause.len() > CAUSE_BYTES_MAX {
            self.cause
                .truncate(self.cause.floor_char_boundary(CAUSE_BYTES_MAX));
        }
        Failure {
            error: Some(self.error.into()),
            cause: Some(self.cause.into()),
        }
    }
}

/// A failure of the worker's own means, not of the task.
#[cfg(feature = "inbox")]
pub(crate) fn worker_failure(name: &str, what: &str, error: impl Display) -> TaskError {
    tracing::error!(error.name = name, %error, "{what}");
    TaskError::new(name, format!("{what}: {error}"))
}

/// Why a worker can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The builder was given nothing to do.
    #[error("the worker has no queue: add one with `.queue(\"name\", handler)`")]
    NoQueue,
    /// The same queue was given twice.
    #[error("queue {0:?} has two handlers: give each queue one")]
    QueueTwice(String),
    /// The schema of a queue's input can't be used.
    #[error("queue {queue:?}: its input's schema is no JSON Schema: {reason}")]
    BadSchema {
        /// Whose it is.
        queue: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of the Kafka client is wrong.
    #[error(
        "the Kafka {client} could not be made: {source}; check `.kafka(..)` and `.kafka_config(..)`"
    )]
    Client {
        /// Which client.
        client: &'static str,
        /// What librdkafka says.
        source: rdkafka::error::KafkaError,
    },
    /// The operating system refused a thread or a signal handler.
    #[error("{what}: {source}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// The Kafka client can't go on; a new process can.
    #[error(
        "the Kafka {client} of queue {queue:?} stopped for good: {reason}; start the worker again"
    )]
    Fatal {
        /// Which client.
        client: &'static str,
        /// Whose it was.
        queue: String,
        /// What librdkafka says.
        reason: String,
    },
}
