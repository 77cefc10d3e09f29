//! A worker without Kafka, for tests of handlers.
//!
//! The [`Harness`] runs a handler exactly as a worker does (concurrency excepted: the test decides what is sent when)
//! and shows what would go to Kafka: completions, heartbeats, committed offsets.

use crate::handler::Handler;
use crate::limits::{CONCURRENCY_DEFAULT, HARNESS_RECORDS_MAX};
use crate::offsets::Offsets;
use crate::outlet::{Outlet, Receipt, Reply};
use crate::runner::Runner;
use crate::{Metrics, TaskError, WorkerBuilder};
use baton_schemas::{Command, Completion, Outcome, Payload, TaskToken};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// A handler under test, served from memory.
pub struct Harness {
    runner: Arc<Runner>,
    offsets: Offsets,
    next_offset: AtomicI64,
    completions: mpsc::Receiver<Completion>,
    heartbeats: mpsc::Receiver<Completion>,
    metrics: Metrics,
}

impl Harness {
    /// Serves `queue` with `handler`, with automatic heartbeats. To be called within a tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(queue: &str, handler: impl Handler) -> Self {
        Self::serving(queue, Arc::new(handler))
    }

    fn serving(queue: &str, handler: Arc<dyn Handler>) -> Self {
        let (completions, seen_completions) = mpsc::channel(HARNESS_RECORDS_MAX);
        let (heartbeats, seen_heartbeats) = mpsc::channel(HARNESS_RECORDS_MAX);
        let outlet = Arc::new(Memory {
            completions,
            heartbeats,
        });
        let runtime = tokio::runtime::Handle::current();
        let metrics = Metrics::default();
        Self {
            runner: Runner::new(
                queue.into(),
                handler,
                outlet,
                runtime,
                CONCURRENCY_DEFAULT,
                true,
                &metrics,
            ),
            metrics,
            offsets: Offsets::default(),
            next_offset: AtomicI64::new(0),
            completions: seen_completions,
            heartbeats: seen_heartbeats,
        }
    }

    /// Serves the queue named last in `builder` (batch, typed, once and so on); Kafka's settings don't matter.
    ///
    /// # Panics
    /// If the builder has no queue or a wrong one, or outside of a tokio runtime.
    #[must_use]
    pub fn of(builder: WorkerBuilder) -> Self {
        let (queue, handler) = builder.last_queue().expect("a builder with a queue");
        Self::serving(&queue, handler)
    }

    /// What the worker has counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Delivers `command` as the next record of the queue; the same command twice is a repeat.
    pub fn send(&self, command: Command) {
        let offset = self.next_offset.fetch_add(1, Ordering::Relaxed);
        if let Some(position) = self.offsets.receive(0, offset) {
            self.runner.accept(command, position);
        }
    }

    /// Delivers a command with `input` and waits for its completion.
    pub async fn call(&mut self, input: impl Serialize) -> Completion {
        self.send(command(input));
        self.completion().await
    }

    /// The next completion (success or failure).
    ///
    /// # Panics
    /// Never while the harness lives.
    pub async fn completion(&mut self) -> Completion {
        self.completions
            .recv()
            .await
            .expect("the harness holds the sender")
    }

    /// The next heartbeat.
    ///
    /// # Panics
    /// Never while the harness lives.
    pub async fn heartbeat(&mut self) -> Completion {
        self.heartbeats
            .recv()
            .await
            .expect("the harness holds the sender")
    }

    /// The next completion, if there is one already.
    pub fn try_completion(&mut self) -> Option<Completion> {
        self.completions.try_recv().ok()
    }

    /// Cancels a task, as the orchestrator would.
    pub fn cancel(&self, token: &TaskToken) {
        self.runner.cancel(token);
    }

    /// The offset a worker would commit now: everything below is finished. Offsets count the sent commands from 0.
    #[must_use]
    pub fn committed(&self) -> i64 {
        self.offsets
            .to_commit(true)
            .first()
            .map_or(0, |(_, next)| *next)
    }

    /// Waits until no handler runs, at most `timeout`; whether none does.
    pub async fn idle(&self, timeout: Duration) -> bool {
        let runner = Arc::clone(&self.runner);
        let waited = tokio::task::spawn_blocking(move || {
            runner.wait_idle(timeout);
            runner.running() == 0
        });
        waited.await.unwrap_or(false)
    }
}

/// A command with `input` and a token of its own; change its fields as the test needs.
///
/// # Panics
/// If `input` can't be written as JSON.
pub fn command(input: impl Serialize) -> Command {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let execution = "arn:aws:states:us-east-1:000000000000:execution:test:test";
    let text = serde_json::to_string(&input).expect("test input serialises");
    Command {
        token: TaskToken::new(execution, COUNT.fetch_add(1, Ordering::Relaxed)),
        execution: execution.into(),
        state: "Test".into(),
        attempt: 0,
        time_ms: now_ms(),
        deadline_ms: None,
        heartbeat_s: None,
        resource: None,
        reply_topic: "baton.completions".into(),
        reply_partition: 0,
        traceparent: None,
        input: Payload::from_text(&text).expect("serde_json writes JSON"),
    }
}

/// What a completion says: the output, or the failure.
///
/// # Errors
/// The failure; what leaves the task open is one without a name.
pub fn outcome(completion: &Completion) -> Result<Value, TaskError> {
    match &completion.outcome {
        Outcome::Succeeded(output) => Ok(output.to_value()),
        Outcome::Failed(failure) => {
            let text = |part: &Option<Arc<str>>| part.as_deref().unwrap_or_default().to_owned();
            Err(TaskError {
                error: text(&failure.error),
                cause: text(&failure.cause),
            })
        }
        Outcome::Heartbeat(_) | Outcome::Started { .. } | Outcome::Submitted(_) => {
            Err(TaskError::new("", "the task goes on: this is no outcome"))
        }
    }
}

/// Milliseconds since the epoch, for deadlines.
#[must_use]
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

struct Memory {
    completions: mpsc::Sender<Completion>,
    heartbeats: mpsc::Sender<Completion>,
}

impl Outlet for Memory {
    fn complete(&self, _reply: &Reply, completion: &Completion, receipt: Receipt) {
        // Settled first: whoever has seen the completion sees its offset finished.
        receipt.settle();
        if self.completions.try_send(completion.clone()).is_err() {
            tracing::warn!(
                "harness: more than {HARNESS_RECORDS_MAX} completions that nobody has looked at"
            );
        }
    }

    fn heartbeat(&self, _reply: &Reply, heartbeat: &Completion) -> bool {
        self.heartbeats.try_send(heartbeat.clone()).is_ok()
    }
}
