//! The result of a closed execution, from the views: for whoever asks for it again (R12).

use baton_engine::Views;
use baton_schemas::history::{Event, EventKind, Failure, HistoryRecord, Restated};
use baton_schemas::request::ExecutionClosed;
use std::sync::Arc;

/// The result of `execution`; `None` if the views don't have it, or it runs.
pub fn closed(views: &dyn Views, execution: &Arc<str>) -> Option<ExecutionClosed> {
    let mut closed = None;
    let mut traceparent = None;
    for json in views.history(execution)? {
        for event in events(HistoryRecord::from_json(&json).ok()?) {
            let (status, failure) = match event.kind {
                EventKind::ExecutionStarted(started) => {
                    traceparent = started.traceparent;
                    continue;
                }
                EventKind::ExecutionSucceeded => ("SUCCEEDED", Failure::default()),
                EventKind::ExecutionFailed(failure) => ("FAILED", failure),
                EventKind::ExecutionAborted(failure) => ("ABORTED", failure),
                EventKind::ExecutionTimedOut(failure) => ("TIMED_OUT", failure),
                _ => continue,
            };
            let output = if status == "SUCCEEDED" {
                event.data
            } else {
                None
            };
            closed = Some((status, output, failure));
        }
    }
    let (status, output, failure) = closed?;
    Some(ExecutionClosed {
        execution: execution.clone(),
        status,
        output,
        failure,
        traceparent,
    })
}

fn events(record: HistoryRecord) -> Vec<Event> {
    match record {
        HistoryRecord::Transition(transition) => transition.events,
        HistoryRecord::Restatement {
            state: Restated::Execution { transitions, .. },
            ..
        } => transitions
            .into_iter()
            .flat_map(|step| step.events)
            .collect(),
        _ => Vec::new(),
    }
}
