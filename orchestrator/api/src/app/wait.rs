//! Waiting, at the owner, for an execution to change.
//!
//! Owns: when a waiting request is answered: at a change that it wants, after its time, when the node shuts down, or when
//! the partition is no longer this node's (then it is tried again at the new owner). Reads show effective state only.

use super::error::{ApiError, ErrorCode};
use super::executions::{self, ExecutionView};
use super::history::{self, HistoryPage, HistoryQuery};
use super::{App, blocking};
use crate::limits;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One execution; if it is open, it is looked at again until it has closed or `wait_ms` are over.
///
/// # Errors
/// ExecutionDoesNotExist, NotOwner, ThrottlingException.
pub async fn closed(
    app: &App,
    execution: &Arc<str>,
    wait_ms: u64,
) -> Result<ExecutionView, ApiError> {
    let (views, arn) = (app.parts.views.clone(), execution.clone());
    let read = move || executions::view(&*views, &arn).ok_or_else(|| ApiError::no_execution(&arn));
    until(app, execution, wait_ms, read, |view| view.stop_ms.is_some()).await
}

/// A page of a history; if it would be empty and the execution is open, the next events are waited for, for at most
/// `wait_ms`.
///
/// # Errors
/// ExecutionDoesNotExist, NotOwner, ThrottlingException.
pub async fn events(
    app: &App,
    query: &HistoryQuery,
    wait_ms: u64,
) -> Result<HistoryPage, ApiError> {
    let (views, wanted) = (app.parts.views.clone(), query.clone());
    let read = move || history::page(&*views, &wanted);
    let enough = |page: &HistoryPage| !page.events.is_empty() || page.is_last;
    until(app, &query.execution, wait_ms, read, enough).await
}

/// Reads until it is `enough`, each time that the execution changed.
async fn until<T: Send + 'static>(
    app: &App,
    execution: &Arc<str>,
    wait_ms: u64,
    read: impl Fn() -> Result<T, ApiError> + Clone + Send + 'static,
    enough: impl Fn(&T) -> bool,
) -> Result<T, ApiError> {
    if wait_ms == 0 {
        return blocking(read).await?;
    }
    let deadline = Instant::now() + Duration::from_millis(wait_ms).min(limits::WAIT_ROUND);
    // Before the first look, so that no change falls between a look and the wait.
    let watch = app.parts.watches.watch(execution)?;
    loop {
        let found = blocking(read.clone()).await??;
        if enough(&found) || app.is_draining() {
            return Ok(found);
        }
        tokio::select! {
            () = watch.changed() => {}
            () = tokio::time::sleep_until(deadline) => return Ok(found),
            () = app.drained() => return Ok(found),
            () = lost(app, execution) => return Err(not_owner(app.partition(execution))),
        }
    }
}

/// Completes when another node owns the execution's partition: its changes are no longer told here.
async fn lost(app: &App, execution: &str) {
    let partition = app.partition(execution);
    while app.parts.cluster.owns(partition) {
        tokio::time::sleep(limits::OWNER_LOOK_EVERY).await;
    }
}

fn not_owner(partition: i32) -> ApiError {
    let message = format!("partition {partition} went to another node");
    ApiError::new(ErrorCode::NotOwner, message)
}
