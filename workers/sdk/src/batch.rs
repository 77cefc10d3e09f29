//! Handlers that do several tasks at once, for what costs about the same for one as for many.
//!
//! Owns: gathering the tasks of a batch, and handing each its own outcome. Offsets, repeats, heartbeats and deadlines stay
//! those of single tasks.

use crate::error::BAD_OUTPUT;
use crate::handler::{Handler, Output, to_answer};
use crate::limits::BATCH_MAX;
use crate::{Task, TaskError};
use futures::future::BoxFuture;
use serde::Serialize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// How a batch is gathered.
#[derive(Clone, Copy, Debug)]
pub struct BatchOptions {
    /// Tasks of a batch, at most.
    pub tasks_max: usize,
    /// How long the first task of a batch waits for others.
    pub wait: Duration,
}

impl Default for BatchOptions {
    /// 100 tasks, 10 ms.
    fn default() -> Self {
        Self {
            tasks_max: 100,
            wait: Duration::from_millis(10),
        }
    }
}

/// A batch handler as a handler of single tasks.
pub(crate) struct Batching<F> {
    options: BatchOptions,
    work: Arc<F>,
    waiting: OnceLock<mpsc::Sender<Waiting>>,
}

/// A task and who waits for its outcome.
type Waiting = (Task, oneshot::Sender<Output>);

impl<F, Fut, R> Batching<F>
where
    F: Fn(Vec<Task>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<R, TaskError>>> + Send + 'static,
    R: Serialize + Send + 'static,
{
    pub fn new(options: BatchOptions, work: F) -> Self {
        let options = BatchOptions {
            tasks_max: options.tasks_max.clamp(1, BATCH_MAX),
            ..options
        };
        Self {
            options,
            work: Arc::new(work),
            waiting: OnceLock::new(),
        }
    }

    /// Where tasks wait; whoever gathers them is started with the first one, within the worker's runtime.
    fn waiting(&self) -> mpsc::Sender<Waiting> {
        let start = || {
            let (waiting, waited) = mpsc::channel(BATCH_MAX);
            tokio::spawn(gather(self.options, Arc::clone(&self.work), waited));
            waiting
        };
        self.waiting.get_or_init(start).clone()
    }
}

impl<F, Fut, R> Handler for Batching<F>
where
    F: Fn(Vec<Task>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<R, TaskError>>> + Send + 'static,
    R: Serialize + Send + 'static,
{
    fn start(&self, task: Task) -> BoxFuture<'static, Output> {
        let waiting = self.waiting();
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            let lost = || TaskError::new(crate::error::PANIC, "the batch of this task panicked");
            if waiting.send((task, tell)).await.is_err() {
                return Err(lost());
            }
            told.await.unwrap_or_else(|_| Err(lost()))
        })
    }
}

/// Forms batches and starts them, for as long as the handler lives.
async fn gather<F, Fut, R>(
    options: BatchOptions,
    work: Arc<F>,
    mut waiting: mpsc::Receiver<Waiting>,
) where
    F: Fn(Vec<Task>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<R, TaskError>>> + Send + 'static,
    R: Serialize + Send + 'static,
{
    while let Some(first) = waiting.recv().await {
        let until = Instant::now() + options.wait;
        let mut batch = vec![first];
        while batch.len() < options.tasks_max {
            match timeout_at(until, waiting.recv()).await {
                Ok(Some(next)) => batch.push(next),
                Ok(None) | Err(_) => break,
            }
        }
        let work = Arc::clone(&work);
        // A task of its own: the next batch gathers meanwhile, and a panic ends this one only.
        tokio::spawn(async move {
            let (tasks, told): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let outcomes = work(tasks).await;
            give(outcomes, told);
        });
    }
}

fn give<R: Serialize + 'static>(
    outcomes: Vec<Result<R, TaskError>>,
    told: Vec<oneshot::Sender<Output>>,
) {
    let (given, wanted) = (outcomes.len(), told.len());
    if given != wanted {
        let cause = format!("the batch handler gave {given} outcomes for {wanted} tasks");
        for tell in told {
            // One whose deadline has passed waits no longer.
            let _ = tell.send(Err(TaskError::new(BAD_OUTPUT, &cause)));
        }
        return;
    }
    for (outcome, tell) in outcomes.into_iter().zip(told) {
        let _ = tell.send(outcome.and_then(|output| to_answer(&output)));
    }
}
