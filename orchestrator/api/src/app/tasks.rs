//! StopExecution, SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.

use super::error::{ApiError, ErrorCode};
use super::remote::{Answer, Request, TaskOutcome};
use super::start::{other_answer, too_long};
use super::{App, names};
use crate::limits;
use baton_schemas::history::Failure;
use baton_schemas::{Payload, TaskToken};

impl App {
    /// Stops an execution; returns when it was stopped, milliseconds since the epoch. A closed one stays as it is.
    pub(crate) async fn stop(&self, execution: &str, failure: Failure) -> Result<i64, ApiError> {
        names::check_execution_arn(execution)?;
        check_failure(&failure)?;
        tracing::Span::current().record("execution.arn", execution);
        let request = Request::Stop {
            execution: execution.into(),
            failure,
        };
        match self.at_owner(&request).await? {
            Answer::Stopped(stop_ms) => Ok(stop_ms),
            _ => Err(other_answer()),
        }
    }

    /// SendTaskSuccess: `output` is JSON text.
    pub(crate) async fn succeed_task(&self, token: &str, output: &str) -> Result<(), ApiError> {
        if output.len() > limits::PAYLOAD_BYTES_MAX {
            return Err(too_long("output", limits::PAYLOAD_BYTES_MAX));
        }
        let output = Payload::from_text(output).map_err(|e| {
            ApiError::new(ErrorCode::InvalidOutput, format!("Invalid Output: '{e}'"))
        })?;
        self.complete(token, TaskOutcome::Succeeded(output)).await
    }

    /// SendTaskFailure.
    pub(crate) async fn fail_task(&self, token: &str, failure: Failure) -> Result<(), ApiError> {
        check_failure(&failure)?;
        self.complete(token, TaskOutcome::Failed(failure)).await
    }

    /// SendTaskHeartbeat.
    pub(crate) async fn heartbeat_task(&self, token: &str) -> Result<(), ApiError> {
        self.complete(token, TaskOutcome::Heartbeat).await
    }

    async fn complete(&self, token: &str, outcome: TaskOutcome) -> Result<(), ApiError> {
        let Some((execution, _)) = TaskToken::from_opaque(token).parts() else {
            return Err(ApiError::new(
                ErrorCode::InvalidToken,
                "Invalid Token: 'Invalid token'",
            ));
        };
        tracing::Span::current().record("execution.arn", &*execution);
        let request = Request::Complete {
            execution,
            token: token.into(),
            outcome,
        };
        match self.at_owner(&request).await? {
            Answer::Completed => Ok(()),
            _ => Err(other_answer()),
        }
    }
}

fn check_failure(failure: &Failure) -> Result<(), ApiError> {
    let longer = |text: &Option<std::sync::Arc<str>>, max: usize| {
        text.as_ref().is_some_and(|t| t.chars().count() > max)
    };
    if longer(&failure.error, limits::ERROR_LENGTH_MAX) {
        return Err(too_long("error", limits::ERROR_LENGTH_MAX));
    }
    if longer(&failure.cause, limits::CAUSE_LENGTH_MAX) {
        return Err(too_long("cause", limits::CAUSE_LENGTH_MAX));
    }
    Ok(())
}
