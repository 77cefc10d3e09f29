//! What a handler is: an async function from [`Task`] to output or [`TaskError`].
//!
//! Owns: the two kinds of handler (async, blocking) behind one boxed form, and how their output becomes JSON.

use crate::error::{BAD_OUTPUT, PANIC};
use crate::{Payload, Task, TaskError};
use futures::future::BoxFuture;
use serde::Serialize;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// What a handler's future gives once its output is JSON.
pub type Output = Result<Answer, TaskError>;

/// What a handler that did not fail has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The task is done; its output.
    Done(Payload),
    /// The first answer of a task that goes on, and that another completion will end: a job was submitted, or somebody was
    /// given the task's token (`.waitForTaskToken`).
    Submitted(Payload),
}

/// A handler of one task queue. Implemented by `async fn(Task) -> Result<impl Serialize, TaskError>`.
pub trait Handler: Send + Sync + 'static {
    /// Begins one task.
    fn start(&self, task: Task) -> BoxFuture<'static, Output>;
}

impl<F, Fut, R> Handler for F
where
    F: Fn(Task) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, TaskError>> + Send + 'static,
    R: Serialize + 'static,
{
    fn start(&self, task: Task) -> BoxFuture<'static, Output> {
        let work = self(task);
        Box::pin(async move { work.await.and_then(|output| to_answer(&output)) })
    }
}

/// A handler that computes or waits without yielding; runs on tokio's blocking threads.
pub(crate) struct Blocking<F>(Arc<F>);

impl<F> Blocking<F> {
    pub(crate) fn new(work: F) -> Self {
        Self(Arc::new(work))
    }
}

impl<F, R> Handler for Blocking<F>
where
    F: Fn(Task) -> Result<R, TaskError> + Send + Sync + 'static,
    R: Serialize + 'static,
{
    fn start(&self, task: Task) -> BoxFuture<'static, Output> {
        let work = Arc::clone(&self.0);
        blocking(move || work(task).and_then(|output| to_answer(&output)))
    }
}

/// `work` on one of tokio's blocking threads, within the span of its task.
pub(crate) fn blocking(
    work: impl FnOnce() -> Output + Send + 'static,
) -> BoxFuture<'static, Output> {
    let span = tracing::Span::current();
    Box::pin(async move {
        match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
            Ok(output) => output,
            Err(stopped) => Err(match stopped.try_into_panic() {
                Ok(panic) => panicked(&*panic),
                Err(cancelled) => TaskError::new(PANIC, cancelled),
            }),
        }
    })
}

/// Calls `step`, which runs user code; a panic in it becomes a failure.
pub(crate) fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, TaskError> {
    // Whatever the user's code left half done is dropped with it; our own state is behind its own locks.
    std::panic::catch_unwind(AssertUnwindSafe(step)).map_err(|panic| panicked(&*panic))
}

/// The failure that stands for a panic.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> TaskError {
    let words = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    TaskError::new(PANIC, words.unwrap_or("the handler panicked"))
}

pub(crate) fn to_answer<R: Serialize + 'static>(output: &R) -> Output {
    // A payload is JSON already: passed on as it is, neither parsed nor copied.
    if let Some(payload) = (output as &dyn Any).downcast_ref::<Payload>() {
        return Ok(Answer::Done(payload.clone()));
    }
    if let Some(answer) = (output as &dyn Any).downcast_ref::<Answer>() {
        return Ok(answer.clone());
    }
    let bad = |e| {
        TaskError::new(
            BAD_OUTPUT,
            format!("the handler's output can't be written as JSON: {e}"),
        )
    };
    Payload::write(output).map(Answer::Done).map_err(bad)
}
