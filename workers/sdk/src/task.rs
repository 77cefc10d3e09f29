//! A task as its handler sees it.

use crate::error::{BAD_INPUT, TaskError};
use crate::outlet::{Outlet, Reply};
use baton_schemas::{Command, Completion, Outcome, Payload, TaskToken};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Name of the `tracing` span that a handler runs in.
pub(crate) const SPAN_NAME: &str = "task";

/// One task: one attempt at a Task state. Cheap to clone.
#[derive(Clone)]
pub struct Task {
    shared: Arc<Shared>,
}

struct Shared {
    command: Command,
    queue: Arc<str>,
    traceparent: Option<Arc<str>>,
    reply: Reply,
    outlet: Arc<dyn Outlet>,
    cancelled: AtomicBool,
    cancelled_notify: Notify,
    begun: Instant,
}

impl Task {
    pub(crate) fn new(command: Command, queue: Arc<str>, outlet: Arc<dyn Outlet>) -> Self {
        let traceparent = command
            .traceparent
            .as_deref()
            .and_then(crate::trace::child_of);
        let reply = Reply {
            topic: Arc::clone(&command.reply_topic),
            partition: command.reply_partition,
        };
        let (cancelled, cancelled_notify) = (AtomicBool::new(false), Notify::new());
        Self {
            shared: Arc::new(Shared {
                command,
                queue,
                traceparent,
                reply,
                outlet,
                cancelled,
                cancelled_notify,
                begun: Instant::now(),
            }),
        }
    }

    /// The task's token: the same whenever the same task is delivered, so it serves as an idempotency key.
    #[must_use]
    pub fn token(&self) -> &TaskToken {
        &self.shared.command.token
    }

    /// ARN of the execution.
    #[must_use]
    pub fn execution(&self) -> &str {
        &self.shared.command.execution
    }

    /// Name of the state.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.shared.command.state
    }

    /// Name of the task queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.shared.queue
    }

    /// ARN of what the state calls, such as `arn:aws:states:::lambda:invoke`; `None` where the queue says it all.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.shared.command.resource.as_deref()
    }

    /// Number of the attempt, from 0.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.shared.command.attempt
    }

    /// When the task was scheduled, milliseconds since the epoch.
    #[must_use]
    pub fn scheduled_ms(&self) -> i64 {
        self.shared.command.time_ms
    }

    /// The input as it came.
    #[must_use]
    pub fn raw_input(&self) -> &Payload {
        &self.shared.command.input
    }

    /// The input as a `T`.
    ///
    /// # Errors
    /// A `Worker.BadInput` failure that says where the input differs, ready to be returned with `?`.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, TaskError> {
        serde_json::from_str(self.raw_input().as_str()).map_err(|e| {
            TaskError::new(
                BAD_INPUT,
                format!("the input of state {:?}: {e}", self.state()),
            )
        })
    }

    /// When the workflow gives up waiting, milliseconds since the epoch; the handler's future is dropped then.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<i64> {
        self.shared.command.deadline_ms
    }

    /// Time left until the deadline; zero when it has passed.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let at_ms = self.deadline_ms()?;
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as i64);
        let left_ms = u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0);
        Some(Duration::from_millis(left_ms))
    }

    /// The interval within which the workflow expects a heartbeat.
    #[must_use]
    pub fn heartbeat_interval(&self) -> Option<Duration> {
        self.shared
            .command
            .heartbeat_s
            .filter(|s| *s > 0)
            .map(Duration::from_secs)
    }

    /// `traceparent` of this task's span, to be passed on to what the handler calls (W3C Trace Context).
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.shared.traceparent.as_deref()
    }

    /// Tells the workflow that the task goes on, with progress detail (`()` for none).
    ///
    /// Whether it was handed to the broker's client; `false` if that is full or `detail` is not JSON, which is no
    /// reason to stop: the next one will do.
    pub fn heartbeat(&self, detail: impl Serialize) -> bool {
        let Ok(text) = serde_json::to_string(&detail) else {
            return false;
        };
        let detail = if text == "null" {
            None
        } else {
            Payload::from_text(&text).ok()
        };
        self.beat(detail)
    }

    /// Whether the workflow no longer wants the result.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Completes when the workflow no longer wants the result; meant for `tokio::select!`.
    pub async fn cancelled(&self) {
        let notified = self.shared.cancelled_notify.notified();
        tokio::pin!(notified);
        // Registered before the flag is read, so that a cancellation in between is not missed.
        notified.as_mut().enable();
        if !self.is_cancelled() {
            notified.await;
        }
    }

    pub(crate) fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
        self.shared.cancelled_notify.notify_waiters();
    }

    pub(crate) fn beat(&self, detail: Option<Payload>) -> bool {
        self.shared.outlet.heartbeat(
            &self.shared.reply,
            &self.completion(Outcome::Heartbeat(detail)),
        )
    }

    pub(crate) fn completion(&self, outcome: Outcome) -> Completion {
        Completion {
            token: self.token().clone(),
            outcome,
            traceparent: self.shared.traceparent.clone(),
        }
    }

    /// Since when this process has it.
    pub(crate) fn begun(&self) -> Instant {
        self.shared.begun
    }

    pub(crate) fn reply(&self) -> &Reply {
        &self.shared.reply
    }

    pub(crate) fn span(&self) -> tracing::Span {
        let command = &self.shared.command;
        tracing::info_span!(
            SPAN_NAME,
            execution.id = self.execution(),
            task.token = self.token().as_str(),
            state.name = self.state(),
            task.queue = self.queue(),
            task.attempt = self.attempt(),
            trace.parent = command.traceparent.as_deref(),
            trace.context = self.traceparent(),
            error.name = tracing::field::Empty,
        )
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("queue", &self.queue())
            .field("command", &self.shared.command)
            .finish()
    }
}
