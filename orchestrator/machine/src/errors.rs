//! Error names: what matches what, and how failures are worded and bounded.
//!
//! Owns: ASL's reserved errors ("Errors", `ErrorEquals`) as AWS treats them, and the wording of AWS's causes.

use crate::limits::{CAUSE_LENGTH_MAX, ERROR_LENGTH_MAX};
use baton_language::EvalError;
use baton_schemas::history::Failure;
use std::sync::Arc;

/// Matches any error but those that must be named, or can't be caught at all.
pub(crate) const ALL: &str = "States.ALL";
/// Matches any error but a timeout.
pub(crate) const TASK_FAILED: &str = "States.TaskFailed";
/// A task took too long, or showed no sign of life.
pub(crate) const TIMEOUT: &str = "States.Timeout";
/// A task showed no sign of life.
pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
/// The definition and the data don't fit; never caught, as AWS records it.
pub(crate) const RUNTIME: &str = "States.Runtime";
/// A payload is too large; caught only by name.
pub(crate) const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// More items of a distributed Map failed than it tolerates.
pub(crate) const EXCEEDED: &str = "States.ExceedToleratedFailureThreshold";
/// A distributed Map's items could not be read.
pub(crate) const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";

/// Whether an `ErrorEquals` list matches `error`.
pub(crate) fn matches(error_equals: &[Arc<str>], error: Option<&str>) -> bool {
    let error = error.unwrap_or("");
    error != RUNTIME && error_equals.iter().any(|name| matches_one(name, error))
}

fn matches_one(name: &str, error: &str) -> bool {
    match name {
        ALL => error != DATA_LIMIT_EXCEEDED,
        TASK_FAILED => ![TIMEOUT, HEARTBEAT_TIMEOUT, DATA_LIMIT_EXCEEDED].contains(&error),
        TIMEOUT => [TIMEOUT, HEARTBEAT_TIMEOUT].contains(&error),
        _ => name == error,
    }
}

/// An expression of the state failed.
pub(crate) fn evaluation(state: &str, entered: u64, error: &EvalError) -> Failure {
    failure(
        error.error,
        &format!("{}{}", preamble(state, entered), error.cause),
    )
}

/// AWS's opening of a cause.
pub(crate) fn preamble(state: &str, entered: u64) -> String {
    format!(
        "An error occurred while executing the state '{state}' (entered at the event id #{entered}). "
    )
}

/// A result or parameter of `what` (a state, resource type or ARN) is too large.
pub(crate) fn too_large(what: &str) -> Failure {
    let cause = format!(
        "The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    failure(DATA_LIMIT_EXCEEDED, &cause)
}

/// `Assign` gives more than `bytes_max` bytes, alone or with what is assigned already.
pub(crate) fn variables_too_large(bytes_max: usize) -> Failure {
    let cause = format!("The variables have more than {bytes_max} bytes.");
    failure(DATA_LIMIT_EXCEEDED, &cause)
}

/// A timeout, which AWS records without a cause.
pub(crate) fn timeout() -> Failure {
    Failure {
        error: Some(Arc::from(TIMEOUT)),
        cause: None,
    }
}

/// Error and cause, bounded.
pub(crate) fn failure(error: &str, cause: &str) -> Failure {
    bounded(Failure {
        error: Some(Arc::from(error)),
        cause: Some(Arc::from(cause)),
    })
}

/// The same failure with over-long texts cut.
pub(crate) fn bounded(failure: Failure) -> Failure {
    Failure {
        error: failure.error.map(|text| cut(text, ERROR_LENGTH_MAX)),
        cause: failure.cause.map(|text| cut(text, CAUSE_LENGTH_MAX)),
    }
}

fn cut(text: Arc<str>, length_max: usize) -> Arc<str> {
    if text.len() <= length_max {
        return text;
    }
    match text.char_indices().nth(length_max) {
        Some((at, _)) => Arc::from(&text[..at]),
        None => text,
    }
}
