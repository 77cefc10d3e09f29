//! How a worker is put together.

use crate::batch::{BatchOptions, Batching};
use crate::handler::{Blocking, Handler};
use crate::kafka::config::KafkaOptions;
use crate::limits::{CONCURRENCY_DEFAULT, DRAIN_DEFAULT};
use crate::{Metrics, Task, TaskError, Worker, WorkerError};
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
    pub(crate) metrics: Metrics,
    /// What was wrong with a queue; said by `build`.
    wrong: Option<WorkerError>,
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
            metrics: Metrics::default(),
            wrong: None,
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
    pub fn queue(self, name: impl Into<String>, handler: impl Handler) -> Self {
        self.boxed(name.into(), Arc::new(handler))
    }

    /// The same with a function that computes or blocks; it runs on a thread of its own. It can't be stopped at the
    /// task's deadline (its result is dropped then), so it may look at [`Task::is_cancelled`] and [`Task::time_left`].
    pub fn queue_blocking<F, R>(self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Task) -> Result<R, TaskError> + Send + Sync + 'static,
        R: Serialize + 'static,
    {
        self.boxed(name.into(), Arc::new(Blocking::new(handler)))
    }

    /// The same with a function that does several tasks at once: it gives one outcome for each task, in their order. Set
    /// [`Self::concurrency`] to a few batches: tasks that wait for their batch count as running.
    pub fn queue_batch<F, Fut, R>(
        self,
        name: impl Into<String>,
        options: BatchOptions,
        handler: F,
    ) -> Self
    where
        F: Fn(Vec<Task>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Result<R, TaskError>>> + Send + 'static,
        R: Serialize + Send + 'static,
    {
        self.boxed(name.into(), Arc::new(Batching::new(options, handler)))
    }

    /// The same with an async function that gets its input as a `T`, checked before against the JSON Schema of that type.
    /// A wrong input fails the task with `Worker.BadInput`, and says all that is wrong.
    #[cfg(feature = "schema")]
    pub fn queue_typed<T, F, Fut, R>(mut self, name: impl Into<String>, handler: F) -> Self
    where
        T: serde::de::DeserializeOwned + schemars::JsonSchema + Send + 'static,
        F: Fn(T, Task) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, TaskError>> + Send + 'static,
        R: Serialize + 'static,
    {
        let name = name.into();
        match crate::typed::Typed::<T, F>::new(&name, handler) {
            Ok(typed) => self.boxed(name, Arc::new(typed)),
            Err(error) => {
                self.wrong.get_or_insert(error);
                self
            }
        }
    }

    /// The same with a handler whose input is checked before against a JSON Schema of your own.
    #[cfg(feature = "schema")]
    pub fn queue_checked(
        mut self,
        name: impl Into<String>,
        schema: &serde_json::Value,
        handler: impl Handler,
    ) -> Self {
        let name = name.into();
        match crate::typed::Check::new(&name, schema) {
            Ok(check) => self.boxed(name, Arc::new(crate::typed::Checked::new(check, handler))),
            Err(error) => {
                self.wrong.get_or_insert(error);
                self
            }
        }
    }

    /// The same with a function whose effects on the inbox's database happen once for each task, however often its command
    /// comes. It runs on a thread of its own, one task after the other, since they share a database.
    #[cfg(feature = "inbox")]
    pub fn queue_once<F, R>(self, name: impl Into<String>, inbox: &crate::Inbox, handler: F) -> Self
    where
        F: Fn(&Task, &rusqlite::Transaction<'_>) -> Result<R, TaskError> + Send + Sync + 'static,
        R: Serialize + 'static,
    {
        let once = crate::inbox::Once::new(inbox.clone(), handler);
        self.boxed(name.into(), Arc::new(once))
    }

    /// The queue named last, for tests of its handler.
    pub(crate) fn last_queue(self) -> Result<(String, Arc<dyn Handler>), WorkerError> {
        let mut worker = self.build()?;
        let last = worker.options.queues.pop().ok_or(WorkerError::NoQueue)?;
        Ok((last.name, last.handler))
    }

    fn boxed(mut self, name: String, handler: Arc<dyn Handler>) -> Self {
        self.queues.push(QueueOptions {
            name,
            group: None,
            concurrency: None,
            handler,
        });
        self
    }

    /// Where tasks are counted; keep a clone of `metrics` to read it.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = metrics.clone();
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
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
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
