//! The end of an execution.
//!
//! Owns: what a closing event leaves: a status and nothing that waits. One that did not succeed keeps where it was, for
//! a redrive.

use super::phase;
use crate::effect::{Closing, Effect, Status};
use crate::execution::Execution;
use baton_schemas::Payload;
use baton_schemas::history::Failure;

/// Closes the execution; every open task is cancelled.
pub(super) fn close(
    execution: &mut Execution,
    status: Status,
    failure: Option<&Failure>,
    output: Option<Payload>,
    now_ms: i64,
    effects: &mut Vec<Effect>,
) {
    phase::cancel(execution, 0, effects);
    execution.timers.clear();
    execution.main.retries = Vec::new();
    if status == Status::Succeeded {
        execution.others = None;
        execution.main.variables = None;
        execution.variable_bytes = 0;
    }
    execution.unpause();
    execution.status = status;
    effects.push(Effect::Closed(Closing {
        status,
        output,
        failure: failure.cloned().unwrap_or_default(),
        input: execution.input.clone(),
        start_ms: execution.started_ms,
        stop_ms: now_ms,
    }));
}
