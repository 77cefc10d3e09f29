//! Runs the commands of one queue, wherever they come from.
//!
//! Owns: what happens to a received command: run it, answer it again, join it to the same task under way, or drop it.
//! Each command ends in exactly one of: its completion sent with its receipt, or its receipt settled (no completion is
//! owed), or its receipt dropped (somebody else will do it). Must not: know Kafka.

mod book;
mod drive;
mod pace;
mod recent;
mod slots;

use crate::error::{CANCELLED, TaskError};
use crate::handler::{Answer, Handler, Output, guarded};
use crate::metrics::{End, Metrics, QueueMetrics};
use crate::offsets::{Position, lock};
use crate::outlet::{Outlet, Receipt, Reply};
use crate::task::Task;
use baton_schemas::{Command, Outcome, TaskToken};
use book::Book;
use futures::future::BoxFuture;
use pace::Pace;
use slots::Slots;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tracing::Instrument;

/// The tasks of one queue.
pub struct Runner {
    queue: Arc<str>,
    handler: Arc<dyn Handler>,
    outlet: Arc<dyn Outlet>,
    runtime: tokio::runtime::Handle,
    auto_heartbeat: bool,
    metrics: Arc<QueueMetrics>,
    book: Mutex<Book>,
    slots: Slots,
    pace: Pace,
}

impl Runner {
    /// A runner that starts at most `concurrency` handlers at a time on `runtime`.
    pub fn new(
        queue: Arc<str>,
        handler: Arc<dyn Handler>,
        outlet: Arc<dyn Outlet>,
        runtime: tokio::runtime::Handle,
        concurrency: usize,
        auto_heartbeat: bool,
        metrics: &Metrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            metrics: metrics.queue(&queue),
            queue,
            handler,
            outlet,
            runtime,
            auto_heartbeat,
            book: Mutex::default(),
            slots: Slots::new(concurrency),
            pace: Pace::default(),
        })
    }

    /// Takes on `command`. Doesn't wait for its handler; call it only when there [`Self::has_room`].
    pub fn accept(self: &Arc<Self>, command: Command, position: Position) {
        let mut receipt = Receipt::new(position);
        {
            let mut book = lock(&self.book);
            if let Some(completion) = book.recent.get(&command.token).cloned() {
                drop(book);
                self.metrics.count(End::Repeated);
                tracing::debug!(
                    task.token = command.token.as_str(),
                    "repeated command: its completion is sent again"
                );
                let reply = Reply {
                    topic: command.reply_topic,
                    partition: command.reply_partition,
                };
                return self.outlet.complete(&reply, &completion, receipt);
            }
            receipt = match book.join(&command.token, receipt) {
                Ok(()) => return,
                Err(receipt) => receipt,
            };
            if book.was_cancelled(&command.token) {
                drop(book);
                let task = self.task(command);
                self.metrics.begin();
                let failure =
                    TaskError::new(CANCELLED, "the task was cancelled before its handler ran");
                return self.finish(&task, Err(failure), Some(receipt), Duration::ZERO);
            }
        }
        let task = self.task(command);
        if task.time_left() == Some(Duration::ZERO) {
            tracing::warn!(
                task.token = task.token().as_str(),
                "command dropped: its deadline has passed"
            );
            self.metrics.count(End::Expired);
            return receipt.settle();
        }
        self.metrics.begin();
        self.start(task, receipt);
    }

    /// Whether one more handler may start.
    pub fn has_room(&self) -> bool {
        self.slots.free()
    }

    /// Handlers that run beside the polling thread.
    pub fn running(&self) -> usize {
        self.slots.taken()
    }

    /// Waits until a handler ends, at most `timeout`; returns at once if there is room.
    pub fn wait_for_room(&self, timeout: Duration) {
        self.slots.wait(timeout, Slots::free);
    }

    /// Waits until no handler runs, at most `timeout`.
    pub fn wait_idle(&self, timeout: Duration) {
        self.slots.wait(timeout, |slots| slots.taken() == 0);
    }

    /// Tells the task that its result is no longer wanted, now or when its command comes.
    pub fn cancel(&self, token: &TaskToken) {
        lock(&self.book).cancel(token);
    }

    /// Drops all running handlers; their commands stay unfinished.
    pub fn abort_all(&self) {
        lock(&self.book).abort_all();
    }

    fn task(&self, command: Command) -> Task {
        Task::new(command, Arc::clone(&self.queue), Arc::clone(&self.outlet))
    }

    /// Polls the handler once right here, since most that need no waiting are done then; what goes on is spawned.
    fn start(self: &Arc<Self>, task: Task, receipt: Receipt) {
        let span = task.span();
        let entered = span.enter();
        let _runtime = self.runtime.enter();
        let mut work = match guarded(|| self.handler.start(task.clone())) {
            Ok(work) => work,
            Err(panic) => return self.finish(&task, Err(panic), Some(receipt), Duration::ZERO),
        };
        if !self.pace.is_slow() {
            let polled = guarded(|| work.as_mut().poll(&mut Context::from_waker(Waker::noop())));
            // One look at the clock serves the pace and the metrics.
            let took = task.begun().elapsed();
            self.pace.note(took);
            match polled {
                Ok(Poll::Ready(output)) => return self.finish(&task, output, Some(receipt), took),
                Err(panic) => return self.finish(&task, Err(panic), Some(receipt), took),
                Ok(Poll::Pending) => {}
            }
        }
        drop(entered);
        self.spawn(task, work, receipt, span);
    }

    fn spawn(
        self: &Arc<Self>,
        task: Task,
        work: BoxFuture<'static, Output>,
        receipt: Receipt,
        span: tracing::Span,
    ) {
        let slot = self.slots.take();
        let token = task.token().clone();
        lock(&self.book).begin(task.clone(), receipt);
        let runner = Arc::clone(self);
        let running = async move {
            let output = drive::drive(&task, work, runner.auto_heartbeat).await;
            match output {
                Some(output) => runner.finish(&task, output, None, task.begun().elapsed()),
                None => runner.expire(&task),
            }
            // Given back last: whoever sees no handler running sees all their completions sent.
            drop(slot);
        };
        let handle = self.runtime.spawn(running.instrument(span));
        lock(&self.book).started(&token, handle.abort_handle());
    }

    /// Sends what the handler gave. `receipt` is that of a task that never entered the book.
    fn finish(&self, task: &Task, output: Output, receipt: Option<Receipt>, took: Duration) {
        self.metrics.end(End::from(&output), took);
        let outcome = match output {
            Ok(Answer::Done(payload)) => Outcome::Succeeded(payload),
            Ok(Answer::Submitted(first)) => Outcome::Submitted(first),
            Err(error) => {
                tracing::Span::current().record("error.name", error.error.as_str());
                tracing::debug!(error = error.error, cause = error.cause, "task failed");
                Outcome::Failed(error.into_failure())
            }
        };
        let completion = task.completion(outcome);
        let receipt = {
            let mut book = lock(&self.book);
            book.recent.put(completion.clone());
            receipt.or_else(|| book.end(task.token()))
        };
        if let Some(receipt) = receipt {
            self.outlet.complete(task.reply(), &completion, receipt);
        }
    }

    /// The workflow has given up on the task by itself, so nothing is sent.
    fn expire(&self, task: &Task) {
        self.metrics.end(End::Expired, task.begun().elapsed());
        tracing::Span::current().record("error.name", "States.Timeout");
        tracing::warn!("handler dropped: the task's deadline has passed");
        if let Some(receipt) = lock(&self.book).end(task.token()) {
            receipt.settle();
        }
    }
}
