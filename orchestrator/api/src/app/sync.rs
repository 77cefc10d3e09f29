//! StartSyncExecution: a start whose answer is the result.
//!
//! Owns: the ARN of such an execution. As with AWS the machine must be EXPRESS, and each call is an execution of its own,
//! whatever name is given; it runs at most once. Must not: ask twice when an answer was lost.

use super::App;
use super::error::{ApiError, ErrorCode};
use super::executions::ExecutionView;
use super::names;
use super::remote::{Answer, Request};
use super::start::{EXPRESS, StartInput, input_of, other_answer};
use crate::ids;
use baton_schemas::arn::express_arn;

/// How a synchronous execution ended.
pub struct SyncExecution {
    /// The name that was given, or the one that was made.
    pub name: String,
    /// The execution; in its ARN an id stands behind the name.
    pub view: ExecutionView,
}

impl App {
    /// Starts an execution and waits until it has ended.
    ///
    /// # Errors
    /// StateMachineTypeNotSupported; those of StartExecution; ServiceUnavailable when its node or its partition was lost
    /// meanwhile: it may have run in part, and is not run again.
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
        let definition = &target.definition;
        if &*definition.entry.kind != EXPRESS {
            return Err(not_supported());
        }
        let input = input_of(&start)?;
        let execution = express_arn(&definition.arn, &name, &id)
            .ok_or_else(|| ApiError::no_machine(start.machine))?;
        tracing::Span::current().record("execution.arn", &*execution);
        let request = Request::StartSync {
            execution,
            revision: definition.revision,
            input,
            traceparent: start.traceparent,
            qualifier: target.qualifier.clone(),
        };
        match self.at_owner(&request).await? {
            Answer::Execution(view) => Ok(SyncExecution { name, view: *view }),
            _ => Err(other_answer()),
        }
    }
}

/// The operation is for machines of the other type (AWS's words).
pub fn not_supported() -> ApiError {
    ApiError::new(
        ErrorCode::StateMachineTypeNotSupported,
        "This operation is not supported by this type of state machine",
    )
}
