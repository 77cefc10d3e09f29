//! Map runs: what the history of the parent says of them.
//!
//! Owns: the way from a run's ARN to its parent, by way of any of its children, which name it; and a run's figures, which
//! are the parent's history folded once more. A run without a single child is found by its parent only.

use super::error::{ApiError, ErrorCode};
use super::list::ListRequest;
use super::remote::{Answer, Request};
use super::start::other_answer;
use super::{App, Parts, names};
use baton_engine::Definitions;
use baton_engine::recall::events_of;
use baton_machine::{Execution, Limits, MapRunBounds, MapRunStatus};
use baton_schemas::TaskToken;
use baton_schemas::history::EventKind;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A map run as DescribeMapRun shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MapRunView {
    /// ARN of the execution that runs the Map.
    pub execution: Arc<str>,
    /// ARN of the run's state machine: the machine with the Map's label.
    pub machine: Arc<str>,
    /// `RUNNING`, `SUCCEEDED`, `FAILED` or `ABORTED`.
    pub status: Arc<str>,
    /// When it ended, milliseconds since the epoch.
    pub stop_ms: Option<i64>,
    /// Its bounds and counts.
    pub run: MapRunStatus,
}

impl App {
    /// All runs of an execution, newest first.
    pub(crate) async fn map_runs(&self, execution: &str) -> Result<Vec<MapRunView>, ApiError> {
        names::check_execution_arn(execution)?;
        let request = Request::MapRuns {
            execution: execution.into(),
        };
        match self.at_owner(&request).await? {
            Answer::MapRuns(runs) => Ok(runs),
            _ => Err(other_answer()),
        }
    }

    /// One run.
    pub(crate) async fn map_run(&self, run: &str) -> Result<MapRunView, ApiError> {
        let parent = self.parent_of(run).await?;
        let runs = self.map_runs(&parent).await?;
        runs.into_iter()
            .find(|view| &*view.run.arn == run)
            .ok_or_else(|| no_map_run(run))
    }

    /// Changes the bounds of a run that is under way.
    pub(crate) async fn update_map_run(
        &self,
        run: &str,
        bounds: MapRunBounds,
    ) -> Result<(), ApiError> {
        let view = self.map_run(run).await?;
        if &*view.status != "RUNNING" {
            let message = format!("The map run has ended: '{run}'");
            return Err(ApiError::new(ErrorCode::ValidationException, message));
        }
        let request = Request::UpdateMapRun {
            execution: view.execution,
            run: run.into(),
            bounds,
        };
        match self.at_owner(&request).await? {
            Answer::Completed => Ok(()),
            _ => Err(other_answer()),
        }
    }

    /// The execution that a run belongs to: its children know.
    async fn parent_of(&self, run: &str) -> Result<Arc<str>, ApiError> {
        let request = ListRequest {
            map_run: Some(run.into()),
            limit: 1,
            ..ListRequest::default()
        };
        let page = self.list_executions(request).await?;
        let child = page.executions.first().ok_or_else(|| no_map_run(run))?;
        let view = self.describe(&child.execution).await?;
        let token = view.parent.ok_or_else(|| no_map_run(run))?;
        let parts = TaskToken::from_opaque(&token.token).parts();
        parts
            .map(|(parent, _)| parent)
            .ok_or_else(|| no_map_run(run))
    }
}

/// What this node's views say of the runs of an execution, newest first.
///
/// # Errors
/// ExecutionDoesNotExist; InternalFailure when the views hold something unreadable.
pub fn local_runs(parts: &Parts, execution: &Arc<str>) -> Result<Vec<MapRunView>, ApiError> {
    let records = parts
        .views
        .history(execution)
        .ok_or_else(|| ApiError::no_execution(execution))?;
    let mut folded: Option<Execution> = None;
    let mut runs: Vec<MapRunView> = Vec::new();
    for bytes in &records {
        let events = events_of(bytes).map_err(|e| {
            let message = format!("a stored history record can't be read: {e}");
            ApiError::new(ErrorCode::InternalFailure, message)
        })?;
        for (now_ms, event) in events {
            if let EventKind::ExecutionStarted(started) = &event.kind {
                let Some(definition) = parts.registry.revision(started.revision) else {
                    return Ok(Vec::new());
                };
                let program = definition.program.clone();
                folded = Some(Execution::empty(
                    program,
                    execution.clone(),
                    Limits::default(),
                ));
            }
            let Some(state) = &mut folded else {
                continue;
            };
            state.apply(&event, now_ms, &mut Vec::new());
            for run in state.map_runs() {
                match runs.iter_mut().find(|view| view.run.arn == run.arn) {
                    Some(view) => view.run = run,
                    None => runs.push(begun(execution, run)),
                }
            }
            let ended = match &event.kind {
                EventKind::MapRunSucceeded => Some("SUCCEEDED"),
                EventKind::MapRunFailed(_) => Some("FAILED"),
                kind if kind.closes() => Some("ABORTED"),
                _ => None,
            };
            let last = runs.iter_mut().rev().find(|view| view.stop_ms.is_none());
            if let (Some(view), Some(status)) = (last, ended) {
                view.status = status.into();
                view.stop_ms = Some(now_ms);
            }
        }
    }
    runs.reverse();
    Ok(runs)
}

fn begun(execution: &Arc<str>, run: MapRunStatus) -> MapRunView {
    let machine = run.arn.replacen(":mapRun:", ":stateMachine:", 1);
    let machine = machine.rsplit_once(':').map_or("", |(machine, _)| machine);
    MapRunView {
        execution: execution.clone(),
        machine: machine.into(),
        status: "RUNNING".into(),
        stop_ms: None,
        run,
    }
}

fn no_map_run(run: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ResourceNotFound,
        format!("Resource not found: '{run}'"),
    )
}
