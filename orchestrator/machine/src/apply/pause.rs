//! Events of a pause.
//!
//! Owns: that an execution is paused, and what tasks said meanwhile.

use super::phase;
use crate::execution::Execution;
use crate::frame::{HeldTask, Phase};
use baton_schemas::Payload;
use baton_schemas::history::{Event, Failure};

/// From here on nothing is scheduled and no timer fires.
pub(super) fn pause(execution: &mut Execution, now_ms: i64) {
    let interventions = execution.interventions.get_or_insert_default();
    interventions.paused_ms = Some(now_ms);
}

/// It goes on.
pub(super) fn resume(execution: &mut Execution) {
    execution.unpause();
}

/// The task is closed; what it said waits.
pub(super) fn hold(execution: &mut Execution, event: &Event, task: u64, failure: &Option<Failure>) {
    let Some(frame) = execution.frame(event.frame) else {
        return;
    };
    if frame.task().is_none_or(|open| open.id != task) {
        return;
    }
    let started = frame.is_started();
    let output = || event.data.clone().unwrap_or_else(Payload::empty_object);
    let outcome = failure.clone().map_or_else(|| Ok(output()), Err);
    let held = HeldTask { started, outcome };
    phase::change(execution, event.frame, Phase::Held(Box::new(held)));
}
