//! The result of a closed execution, from the views: for whoever asks for it again (R12).

use baton_engine::{Views, reports};
use baton_machine::{Closing, Status};
use baton_schemas::Completion;
use baton_schemas::history::{Event, EventKind, Failure, HistoryRecord, Restated, Started};
use baton_schemas::request::ExecutionClosed;
use std::sync::Arc;

/// The result of `execution`; `None` if the views don't have it, or it runs.
pub fn closed(views: &dyn Views, execution: &Arc<str>) -> Option<ExecutionClosed> {
    let (started, closing) = life(views, execution)?;
    Some(ExecutionClosed {
        execution: execution.clone(),
        status: closing.status.as_str(),
        output: closing.output,
        failure: closing.failure,
        traceparent: started.traceparent,
    })
}

/// What `execution` reports to the one that started it; `None` if none did, or as above.
pub fn to_parent(views: &dyn Views, execution: &Arc<str>) -> Option<Completion> {
    let (started, closing) = life(views, execution)?;
    let parent = started.parent.as_deref()?;
    // One that waits for the start alone is told of that.
    reports::closed(execution, &started.machine, parent, &closing)
        .or_else(|| reports::started(execution, parent, closing.start_ms))
}

/// How an execution started and closed.
fn life(views: &dyn Views, execution: &str) -> Option<(Started, Closing)> {
    let mut first = None;
    let mut last = None;
    for json in views.history(execution)? {
        for (now_ms, event) in events(HistoryRecord::from_json(&json).ok()?) {
            let (status, failure) = match event.kind {
                EventKind::ExecutionStarted(started) => {
                    first = Some((*started, event.data?, now_ms));
                    continue;
                }
                EventKind::ExecutionSucceeded => (Status::Succeeded, Failure::default()),
                EventKind::ExecutionFailed(failure) => (Status::Failed, failure),
                EventKind::ExecutionAborted(failure) => (Status::Aborted, failure),
                EventKind::ExecutionTimedOut(failure) => (Status::TimedOut, failure),
                _ => continue,
            };
            let output = event.data.filter(|_| status == Status::Succeeded);
            last = Some((status, output, failure, now_ms));
        }
    }
    let (started, input, start_ms) = first?;
    let (status, output, failure, stop_ms) = last?;
    let closing = Closing {
        status,
        output,
        failure,
        input,
        start_ms,
        stop_ms,
    };
    Some((started, closing))
}

fn events(record: HistoryRecord) -> Vec<(i64, Event)> {
    let steps = match record {
        HistoryRecord::Transition(transition) => vec![(transition.now, transition.events)],
        HistoryRecord::Restatement {
            state: Restated::Execution { transitions, .. },
            ..
        } => transitions
            .into_iter()
            .map(|step| (step.now, step.events))
            .collect(),
        _ => Vec::new(),
    };
    let each = |(now, events): (i64, Vec<Event>)| events.into_iter().map(move |e| (now, e));
    steps.into_iter().flat_map(each).collect()
}
