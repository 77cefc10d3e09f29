//! StartSyncExecution: a start whose answer is the result.
//!
//! Owns: the name of such an execution, and how long it may take. As with AWS the machine must be EXPRESS, and each call
//! is an execution of its own, whatever name is given.

use super::App;
use super::error::{ApiError, ErrorCode};
use super::executions::ExecutionView;
use super::names;
use super::start::StartInput;
use crate::{ids, limits};
use baton_schemas::history::Failure;
use std::time::Instant;

/// How a synchronous execution ended.
pub struct SyncExecution {
    /// The name that was given, or the one that was made.
    pub name: String,
    /// The execution; its own name has an id behind the given one.
    pub view: ExecutionView,
}

impl App {
    /// Starts an execution and waits until it has closed. One that takes longer than
    /// [`limits::SYNC_EXECUTION_MAX`] is stopped, and counts as timed out.
    ///
    /// # Errors
    /// StateMachineTypeNotSupported; those of StartExecution; ServiceUnavailable when this node shuts down first: the
    /// execution goes on.
    pub(crate) async fn start_sync(
        &self,
        start: StartInput<'_>,
    ) -> Result<SyncExecution, ApiError> {
        let id = ids::uuid();
        let name = match start.name {
            Some(name) => {
                names::check_name(name)?;
                name.to_owned()
            }
            None => id.clone(),
        };
        let target = self.target(start.machine, &name).await?;
        if &*target.definition.entry.kind != "EXPRESS" {
            return Err(ApiError::new(
                ErrorCode::StateMachineTypeNotSupported,
                "This operation is not supported by this type of state machine",
            ));
        }
        let begun = Instant::now();
        let started = self
            .start_target(&target, &format!("{name}:{id}"), start)
            .await?;
        let mut view = None;
        while view.is_none() && begun.elapsed() < limits::SYNC_EXECUTION_MAX {
            view = self.closed(&started.execution).await?;
        }
        if let Some(view) = view {
            return Ok(SyncExecution { name, view });
        }
        let failure = Failure {
            error: Some("States.Timeout".into()),
            cause: None,
        };
        self.stop(&started.execution, failure).await?;
        let mut view = self.describe(&started.execution).await?;
        if &*view.status == "ABORTED" {
            view.status = "TIMED_OUT".into();
        }
        Ok(SyncExecution { name, view })
    }

    /// The execution, if it closes within one round of waiting.
    async fn closed(&self, execution: &str) -> Result<Option<ExecutionView>, ApiError> {
        if self.is_draining() {
            let message = "this node is shutting down; the execution goes on";
            return Err(ApiError::new(ErrorCode::ServiceUnavailable, message));
        }
        let round = u64::try_from(limits::WAIT_ROUND.as_millis()).unwrap_or(u64::MAX);
        let view = self.outcome(execution, round).await?;
        Ok(view.stop_ms.is_some().then_some(view))
    }
}
