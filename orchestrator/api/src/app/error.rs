//! Errors of operations: a code that has a page in docs/errors.md, and words.
//!
//! Owns: the codes, and which HTTP status each has in the REST API. The AWS protocol's own status is decided in `aws`.

use baton_engine::CallError;
use baton_engine::registry::RegistryError;
use serde::{Deserialize, Serialize};

/// An operation's error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What sort.
    pub code: ErrorCode,
    /// What is wrong, where, and how to mend it; worded as AWS words it where AWS has the error.
    pub message: String,
}

/// Writes the codes with their REST status, and what follows from the list.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $status:literal,)+) => {
        /// Sorts of errors. Names that AWS has are AWS's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum ErrorCode { $($(#[$doc])* $code,)+ }

        impl ErrorCode {
            /// All codes; each has a section in docs/errors.md.
            #[cfg(test)]
            pub const ALL: &'static [Self] = &[$(Self::$code,)+];

            /// The name, as the AWS protocol and the problem type show it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)+ }
            }

            /// Status of the REST API.
            pub fn status(self) -> u16 {
                match self { $(Self::$code => $status,)+ }
            }
        }
    };
}

codes! {
    /// A parameter is missing, too long or not allowed.
    ValidationException = 400,
    /// The body is not JSON, or a value has the wrong type.
    SerializationException = 400,
    /// Not an ARN, or one of something else.
    InvalidArn = 400,
    /// A name with characters that are not allowed.
    InvalidName = 400,
    /// The definition does not compile.
    InvalidDefinition = 400,
    /// The input is not JSON.
    InvalidExecutionInput = 400,
    /// The output is not JSON.
    InvalidOutput = 400,
    /// A page token or task token that this API did not make.
    InvalidToken = 400,
    /// A logging configuration that contradicts itself.
    InvalidLoggingConfiguration = 400,
    /// UpdateStateMachine without anything to update.
    MissingRequiredParameter = 400,
    /// The name is taken by a machine with another definition.
    StateMachineAlreadyExists = 409,
    /// No such machine.
    StateMachineDoesNotExist = 404,
    /// The name is taken by an execution with another input, or one that has closed.
    ExecutionAlreadyExists = 409,
    /// No such execution.
    ExecutionDoesNotExist = 404,
    /// The task has ended, timed out, or its execution has closed.
    TaskTimedOut = 409,
    /// StartSyncExecution of a machine that is not EXPRESS.
    StateMachineTypeNotSupported = 400,
    /// No such alias, version, tagged resource or Map Run.
    ResourceNotFound = 404,
    /// A machine has as many versions or aliases as it may have.
    ServiceQuotaExceededException = 409,
    /// A resource would have more tags than it may have.
    TooManyTags = 400,
    /// No such activity.
    ActivityDoesNotExist = 404,
    /// The activity exists with another encryption.
    ActivityAlreadyExists = 409,
    /// Too many workers wait for tasks of one activity.
    ActivityWorkerLimitExceeded = 429,
    /// The execution can't be redriven.
    ExecutionNotRedrivable = 409,
    /// There are as many open executions as may be.
    ExecutionLimitExceeded = 429,
    /// The execution has closed, so it can't be paused or resumed.
    ExecutionClosed = 409,
    /// Somebody else changed the same thing again and again at the same time.
    ConflictException = 409,
    /// No signature and no key, where one is asked for.
    MissingAuthenticationTokenException = 401,
    /// A key that this server does not have, or a wrong secret.
    UnrecognizedClientException = 401,
    /// The signature is not that of the request, or is too old.
    InvalidSignatureException = 403,
    /// The header that holds the signature lacks something.
    IncompleteSignatureException = 400,
    /// A bound is reached: try again later.
    ThrottlingException = 429,
    /// The request body is too large.
    RequestEntityTooLarge = 413,
    /// No operation of this name.
    UnknownOperationException = 404,
    /// No such path.
    NotFound = 404,
    /// The path exists, but not with this method.
    MethodNotAllowed = 405,
    /// Nobody who can answer is reachable, or no answer came in time. What was asked may have happened.
    ServiceUnavailable = 503,
    /// Between nodes only: the partition is not this node's.
    NotOwner = 421,
    /// Between nodes only: the answer was lost, and what was asked may be recorded.
    InDoubt = 503,
    /// A fault of Baton.
    InternalFailure = 500,
}

impl ApiError {
    /// An error of this sort.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A [`ErrorCode::ValidationException`].
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ValidationException, message)
    }

    /// A page token that was not made here (AWS's words).
    pub fn invalid_page_token() -> Self {
        Self::new(ErrorCode::InvalidToken, "Invalid Token: 'Invalid token'")
    }

    /// No such machine (AWS's words).
    pub fn no_machine(arn: &str) -> Self {
        Self::new(
            ErrorCode::StateMachineDoesNotExist,
            format!("State Machine Does Not Exist: '{arn}'"),
        )
    }

    /// No such execution (AWS's words).
    pub fn no_execution(arn: &str) -> Self {
        Self::new(
            ErrorCode::ExecutionDoesNotExist,
            format!("Execution Does Not Exist: '{arn}'"),
        )
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let code = match &error {
            CallError::NotOwner { .. } => ErrorCode::NotOwner,
            CallError::InDoubt { .. } => ErrorCode::InDoubt,
            CallError::ExecutionAlreadyExists(_) => ErrorCode::ExecutionAlreadyExists,
            CallError::ExecutionDoesNotExist(_) => ErrorCode::ExecutionDoesNotExist,
            CallError::ExecutionNotRedrivable(_) => ErrorCode::ExecutionNotRedrivable,
            CallError::ExecutionLimitExceeded(_) => ErrorCode::ExecutionLimitExceeded,
            CallError::ExecutionClosed(_) => ErrorCode::ExecutionClosed,
            CallError::CutOff => ErrorCode::ServiceUnavailable,
            CallError::NotExpress => ErrorCode::StateMachineTypeNotSupported,
            CallError::InvalidToken(_) => ErrorCode::InvalidToken,
            CallError::TaskTimedOut => ErrorCode::TaskTimedOut,
            CallError::Throttled(_) => ErrorCode::ThrottlingException,
            CallError::TooLarge { .. } => ErrorCode::ValidationException,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let code = match &error {
            RegistryError::Outdated { .. } => ErrorCode::ConflictException,
            RegistryError::Unavailable(_) => ErrorCode::ServiceUnavailable,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_section_in_the_documentation() {
        let page = include_str!("../../../../docs/errors.md");
        let missing: Vec<&str> = ErrorCode::ALL
            .iter()
            .map(|code| code.name())
            .filter(|name| !page.contains(&format!("\n## {name}\n")))
            .collect();
        assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
    }
}
