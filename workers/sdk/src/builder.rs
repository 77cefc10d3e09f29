//! How a worker is put together.

use crate::handler::{Blocking, Handler};
use crate::kafka::config::KafkaOptions;
use crate::limits::{CONCURRENCY_DEFAULT, DRAIN_DEFAULT};
use crate::{Task, TaskError, Worker, WorkerError};
use baton_schemas::topics::PREFIX_DEFAULT;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Worker`]; every one but a queue has a default.
#[must_use = "a builder does nothing until `run` or `build`"]
pub struct WorkerBuilder {
    pub(crate) kafka: KafkaOptions,
    pub(crate) prefix: String,
    pub(crate) queues: Vec<QueueOptions>,
    pub(crate) concurrency: usize,
    pub(crate) auto_heartbeat: bool,
    pub(crate) drain_timeout: Duration,
}

pub(crate) struct QueueOptions {
    pub name: String,
    pub group: Option<String>,
    pub concurrency: Option<usize>,
    pub handler: Arc<dyn Handler>,
}

impl WorkerBuilder {
    pub(crate) fn new() -> Self {
        let kafka = KafkaOptions {
            brokers: "127.0.0.1:9092".to_owned(),
            common: Vec::new(),
            consumer: Vec::new(),
            producer: Vec::new(),
        };
        Self {
            kafka,
            prefix: PREFIX_DEFAULT.to_owned(),
            queues: Vec::new(),
            concurrency: CONCURRENCY_DEFAULT,
            auto_heartbeat: true,
            drain_timeout: DRAIN_DEFAULT,
        }
    }

    /// Brokers as `host:port`, several separated by commas; default `127.0.0.1:9092`.
    pub fn kafka(mut self, brokers: impl Into<String>) -> Self {
        self.kafka.brokers = brokers.into();
        self
    }

    /// A librdkafka property of all clients, such as `security.protocol`.
    pub fn kafka_config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.kafka.common.push((key.into(), value.into()));
        self
    }

    /// A librdkafka property of consumers alone, such as `group.instance.id`.
    pub fn consumer_config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.kafka.consumer.push((key.into(), value.into()));
        self
    }

    /// A librdkafka property of the producer alone, such as `compression.type`.
    pub fn producer_config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.kafka.producer.push((key.into(), value.into()));
        self
    }

    /// Prefix of Baton's topics and groups; default `baton.`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Serves task queue `name` (the part after `task.` in a Task state's resource) with an async function.
    pub fn queue(mut self, name: impl Into<String>, handler: impl Handler) -> Self {
        let (name, handler) = (name.into(), Arc::new(handler));
        self.queues.push(QueueOptions {
            name,
            group: None,
            concurrency: None,
            handler,
        });
        self
    }

    /// The same with a function that computes or blocks; it runs on a thread of its own. It can't be stopped at the
    /// task's deadline (its result is dropped then), so it may look at [`Task::is_cancelled`] and [`Task::time_left`].
    pub fn queue_blocking<F, R>(mut self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Task) -> Result<R, TaskError> + Send + Sync + 'static,
        R: Serialize + 'static,
    {
        let (name, handler) = (name.into(), Arc::new(Blocking::new(handler)));
        self.queues.push(QueueOptions {
            name,
            group: None,
            concurrency: None,
            handler,
        });
        self
    }

    /// Handlers that run at the same time per queue; default 64. After `queue`: of that queue alone.
    pub fn concurrency(mut self, limit: usize) -> Self {
        match self.queues.last_mut() {
            Some(queue) => queue.concurrency = Some(limit),
            None => self.concurrency = limit,
        }
        self
    }

    /// Consumer group of the queue named last; default `<prefix>worker.<queue>`.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        if let Some(queue) = self.queues.last_mut() {
            queue.group = Some(group.into());
        }
        self
    }

    /// Whether heartbeats are sent by themselves while a handler runs, for tasks that expect some; default yes.
    pub fn auto_heartbeat(mut self, on: bool) -> Self {
        self.auto_heartbeat = on;
        self
    }

    /// How long running handlers may go on after a stop signal; default 25 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// No queue, or one queue twice.
    pub fn build(self) -> Result<Worker, WorkerError> {
        if self.queues.is_empty() {
            return Err(WorkerError::NoQueue);
        }
        for (at, queue) in self.queues.iter().enumerate() {
            if self.queues[..at]
                .iter()
                .any(|other| other.name == queue.name)
            {
                return Err(WorkerError::QueueTwice(queue.name.clone()));
            }
        }
        Ok(Worker::new(self))
    }

    /// Builds the worker and runs it until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// As [`Self::build`] and [`Worker::run`].
    pub async fn run(self) -> Result<(), WorkerError> {
        self.build()?.run().await
    }
}

#[cfg(test)]
mod tests {
    use crate::{Task, TaskError, Worker, WorkerError};

    async fn nothing(_: Task) -> Result<(), TaskError> {
        Ok(())
    }

    #[test]
    fn a_worker_needs_queues_and_each_once() {
        assert!(matches!(
            Worker::builder().build(),
            Err(WorkerError::NoQueue)
        ));
        let twice = Worker::builder()
            .queue("a", nothing)
            .queue("b", nothing)
            .queue("a", nothing)
            .build();
        assert!(matches!(twice, Err(WorkerError::QueueTwice(name)) if name == "a"));
    }

    #[test]
    fn concurrency_is_of_all_queues_or_of_the_last() {
        let builder = Worker::builder()
            .concurrency(3)
            .queue("a", nothing)
            .queue("b", nothing)
            .concurrency(1);
        assert_eq!(builder.concurrency, 3);
        assert_eq!(
            builder
                .queues
                .iter()
                .map(|q| q.concurrency)
                .collect::<Vec<_>>(),
            [None, Some(1)]
        );
    }
}
