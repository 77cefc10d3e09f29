//! RedriveExecution, and Baton's own pause and resumption of an execution.
//!
//! Owns: what is said about whether an execution can be redriven. Must not: decide it; the owner does, with the same rule.

use super::error::ApiError;
use super::executions::ExecutionView;
use super::list::status_of;
use super::remote::{Answer, Request};
use super::start::other_answer;
use super::{App, names};
use crate::ids;
use baton_machine::limits::HISTORY_EVENTS_MAX;
use baton_machine::redrive::Candidate;
use std::time::{SystemTime, UNIX_EPOCH};

impl App {
    /// Redrives a closed execution; when, milliseconds since the epoch. A repeated `token` is the same redrive.
    ///
    /// # Errors
    /// ExecutionNotRedrivable, ExecutionDoesNotExist, ExecutionLimitExceeded, InvalidArn.
    pub(crate) async fn redrive(
        &self,
        execution: &str,
        token: Option<&str>,
    ) -> Result<i64, ApiError> {
        names::check_execution_arn(execution)?;
        tracing::Span::current().record("execution.arn", execution);
        // With a token of its own, a call that is asked again because its answer was lost is one redrive too.
        let token = token.map_or_else(|| ids::uuid().into(), Into::into);
        let request = Request::Redrive {
            execution: execution.into(),
            token,
        };
        match self.at_owner(&request).await? {
            Answer::Redriven(redrive_ms) => Ok(redrive_ms),
            _ => Err(other_answer()),
        }
    }

    /// Pauses an execution, or lets it go on; since when it is paused, milliseconds since the epoch.
    ///
    /// # Errors
    /// ExecutionClosed, ExecutionDoesNotExist, InvalidArn.
    pub(crate) async fn pause(
        &self,
        execution: &str,
        paused: bool,
    ) -> Result<Option<i64>, ApiError> {
        names::check_execution_arn(execution)?;
        tracing::Span::current().record("execution.arn", execution);
        let request = Request::Pause {
            execution: execution.into(),
            paused,
        };
        match self.at_owner(&request).await? {
            Answer::Paused(paused_ms) => Ok(paused_ms),
            _ => Err(other_answer()),
        }
    }
}

/// `redriveStatus` and, if that is NOT_REDRIVABLE, the reason.
pub fn redrive_status(view: &ExecutionView) -> (&'static str, Option<&'static str>) {
    let candidate = status_of(&view.status).map(|status| Candidate {
        status,
        started_ms: view.start_ms,
        closed_ms: view.stop_ms,
        last_id: view.last_id,
        history_events_max: HISTORY_EVENTS_MAX,
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = now.map_or(0, |now| now.as_millis() as i64);
    match candidate.and_then(|candidate| candidate.refusal(now_ms)) {
        Some(reason) => ("NOT_REDRIVABLE", Some(reason)),
        None => ("REDRIVABLE", None),
    }
}
