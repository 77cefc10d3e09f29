//! StartExecution.

use super::error::{ApiError, ErrorCode};
use super::remote::{Answer, Request};
use super::versions::Target;
use super::{App, names};
use crate::{ids, limits};
use baton_schemas::Payload;
use baton_schemas::arn::{execution_arn, express_arn};
use std::sync::Arc;

/// The type of machines whose executions have no history.
pub const EXPRESS: &str = "EXPRESS";

/// What a caller gives.
#[derive(Clone, Debug)]
pub struct StartInput<'a> {
    /// ARN of the machine, or of a version or alias of it.
    pub machine: &'a str,
    /// Name; one is made when absent.
    pub name: Option<&'a str>,
    /// Input as JSON text; `{}` when absent.
    pub input: Option<&'a str>,
    /// Trace context of the request.
    pub traceparent: Arc<str>,
}

/// What was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedExecution {
    /// ARN.
    pub execution: Arc<str>,
    /// When, milliseconds since the epoch.
    pub start_ms: i64,
}

impl App {
    /// Starts an execution; the answer says that the start is durable.
    ///
    /// The same name with the same input while the execution runs is the same start.
    pub(crate) async fn start(&self, start: StartInput<'_>) -> Result<StartedExecution, ApiError> {
        let name = match start.name {
            Some(name) => {
                names::check_name(name)?;
                name.to_owned()
            }
            None => ids::uuid(),
        };
        let target = self.target(start.machine, &name).await?;
        self.start_target(&target, &name, start).await
    }

    /// Starts an execution of what was found. Express executions of the same name are told apart by an id.
    async fn start_target(
        &self,
        target: &Target,
        name: &str,
        start: StartInput<'_>,
    ) -> Result<StartedExecution, ApiError> {
        let definition = &target.definition;
        let input = input_of(&start)?;
        let execution = match &*definition.entry.kind {
            EXPRESS => express_arn(&definition.arn, name, &ids::uuid()),
            _ => execution_arn(&definition.arn, name),
        };
        let execution = execution.ok_or_else(|| ApiError::no_machine(start.machine))?;
        let span = tracing::Span::current();
        span.record("execution.arn", &*execution);
        span.record("state_machine.name", &*definition.entry.name);
        let request = Request::Start {
            execution: execution.clone(),
            revision: definition.revision,
            input,
            traceparent: start.traceparent,
            qualifier: target.qualifier.clone(),
        };
        match self.at_owner(&request).await? {
            Answer::Started(start_ms) => Ok(StartedExecution {
                execution,
                start_ms,
            }),
            _ => Err(other_answer()),
        }
    }
}

/// Another node answered another question: only possible between versions.
pub fn other_answer() -> ApiError {
    let message = "another node answered something else: run the same version on all nodes";
    ApiError::new(ErrorCode::InternalFailure, message)
}

/// The input of an execution: `{}` when absent.
///
/// # Errors
/// InvalidExecutionInput, ValidationException.
pub fn input_of(start: &StartInput<'_>) -> Result<Payload, ApiError> {
    start
        .input
        .map_or_else(|| Ok(Payload::empty_object()), execution_input)
}

fn execution_input(text: &str) -> Result<Payload, ApiError> {
    if text.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(too_long("input", limits::PAYLOAD_BYTES_MAX));
    }
    Payload::from_text(text).map_err(|e| {
        ApiError::new(
            ErrorCode::InvalidExecutionInput,
            format!("Invalid State Machine Execution Input: '{e}'"),
        )
    })
}

/// AWS's words for a text that is too long and must not be repeated.
pub fn too_long(field: &str, max: usize) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must have length less than or equal to {max}"
    ))
}
