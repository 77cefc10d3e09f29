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
pub type Output = Result<Payload, TaskError>;

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
        Box::pin(async move { work.await.and_then(|output| to_payload(&output)) })
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
        let span = tracing::Span::current();
        Box::pin(async move {
            let run = move || span.in_scope(|| work(task).and_then(|output| to_payload(&output)));
            match tokio::task::spawn_blocking(run).await {
                Ok(output) => output,
                Err(stopped) => Err(match stopped.try_into_panic() {
                    Ok(panic) => panicked(&*panic),
                    Err(cancelled) => TaskError::new(PANIC, cancelled),
                }),
            }
        })
    }
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

fn to_payload<R: Serialize + 'static>(output: &R) -> Output {
    // A payload is JSON already: passed on as it is, neither parsed nor copied.
    if let Some(payload) = (output as &dyn Any).downcast_ref::<Payload>() {
        return Ok(payload.clone());
    }
    let bad = |e| {
        TaskError::new(
            BAD_OUTPUT,
            format!("the handler's output can't be written as JSON: {e}"),
        )
    };
    let text = serde_json::to_string(output).map_err(bad)?;
    Payload::from_text(&text).map_err(bad)
}
