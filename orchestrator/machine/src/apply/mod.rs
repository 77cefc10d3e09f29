//! Folding events into an execution's state, the same when deciding and when replaying.
//!
//! Owns: what each event changes and which effects it has. Total and boring: no decisions, no evaluation of paths, no
//! errors. An event that fits nothing (a frame that is gone, say) changes nothing.

mod close;
mod fork;
mod map_run;
mod pause;
mod phase;
mod redrive;
mod task;

use crate::effect::{Effect, Status};
use crate::execution::Execution;
use crate::frame::Phase;
use baton_schemas::history::{Assigned, Event, EventKind, Started};

/// Changes `execution` by `event`, decided at `now_ms`.
pub(crate) fn apply(
    execution: &mut Execution,
    event: &Event,
    now_ms: i64,
    effects: &mut Vec<Effect>,
) {
    use EventKind as K;
    if event.id != 0 {
        execution.last_id = event.id;
    }
    match &event.kind {
        K::ExecutionStarted(started) => begin(execution, started, event, now_ms, effects),
        K::ExecutionSucceeded => close::close(
            execution,
            Status::Succeeded,
            None,
            event.data.clone(),
            now_ms,
            effects,
        ),
        K::ExecutionFailed(failure) => close::close(
            execution,
            Status::Failed,
            Some(failure),
            None,
            now_ms,
            effects,
        ),
        K::ExecutionAborted(failure) => close::close(
            execution,
            Status::Aborted,
            Some(failure),
            None,
            now_ms,
            effects,
        ),
        K::ExecutionTimedOut(failure) => close::close(
            execution,
            Status::TimedOut,
            Some(failure),
            None,
            now_ms,
            effects,
        ),

        K::ExecutionRedriven(redriven) => redrive::redrive(execution, event, redriven, now_ms),

        K::StateEntered { name, .. } => enter(execution, event, name, now_ms),
        K::StateExited { assigned, .. } => exit(execution, event, assigned.as_deref(), effects),
        K::EvaluationFailed { .. } => follow(execution, event),

        K::TaskScheduled(t) | K::LambdaFunctionScheduled(t) | K::ActivityScheduled(t) => {
            task::schedule(execution, event, t, now_ms, effects);
        }
        K::TaskStarted(_) | K::LambdaFunctionStarted => follow(execution, event),
        K::TaskSubmitted(_) => task::submit(execution, event),
        K::ActivityStarted { .. } => task::start(execution, event, now_ms),
        K::TaskSucceeded(_)
        | K::TaskFailed(..)
        | K::LambdaFunctionSucceeded
        | K::LambdaFunctionFailed(_)
        | K::ActivitySucceeded
        | K::ActivityFailed(_) => {
            phase::change(execution, event.frame, Phase::Idle);
            follow(execution, event);
        }
        K::TaskTimedOut(..)
        | K::LambdaFunctionTimedOut(_)
        | K::ActivityTimedOut(_)
        | K::TaskStateAborted => {
            phase::cancel(execution, event.frame, effects);
            follow(execution, event);
        }

        K::ParallelStateStarted => fork::start_branches(execution, event),
        K::BranchSucceeded { index } => fork::branch_ended(execution, event, *index),
        K::MapStateStarted { length } => fork::start_map(execution, event, *length),
        K::MapIterationStarted { .. } => fork::start_iteration(execution, event),
        K::MapIterationSucceeded { index, .. } => fork::iteration_ended(execution, event, *index),
        K::MapIterationFailed { .. } | K::MapIterationAborted { .. } => {
            fork::iteration_lost(execution, event, effects)
        }
        K::MapRunStarted { arn } => map_run::start(execution, event, arn, now_ms),
        K::MapRunAsked => map_run::ask(execution, event, now_ms, effects),
        K::MapRunAnswered => map_run::answer(execution, event, now_ms),
        K::MapChildrenStarted { first, sizes } => {
            map_run::start_children(execution, event, (*first, sizes), now_ms, effects)
        }
        K::MapChildEnded { index, status } => {
            map_run::end_child(execution, event, (*index, status), now_ms)
        }
        K::MapRunChanged => map_run::rebound(execution, event, now_ms),
        K::MapRunSucceeded | K::MapRunFailed(_) => follow(execution, event),
        K::ParallelStateSucceeded | K::MapStateSucceeded => {
            phase::change(execution, event.frame, Phase::Idle)
        }
        K::ParallelStateFailed(_)
        | K::MapStateFailed(_)
        | K::ParallelStateAborted
        | K::MapStateAborted => {
            phase::cancel(execution, event.frame, effects);
            follow(execution, event);
        }

        K::WaitStarted { due_ms } => {
            phase::change(execution, event.frame, Phase::Waiting { due_ms: *due_ms })
        }
        K::WaitStateAborted => {
            phase::change(execution, event.frame, Phase::Idle);
            follow(execution, event);
        }
        K::RetryScheduled { due_ms, retrier } => {
            retry(execution, event, *due_ms, *retrier, effects)
        }
        K::HeartbeatRecorded { task } => task::heartbeat(execution, *task, now_ms),
        K::ExecutionPaused => pause::pause(execution, now_ms),
        K::ExecutionResumed => pause::resume(execution),
        K::CompletionHeld { task, failure } => pause::hold(execution, event, *task, failure),
        K::CompletionIgnored { .. } => {}
    }
}

/// The next event of the frame names this one as the previous.
fn follow(execution: &mut Execution, event: &Event) {
    if let Some(frame) = execution.frame_mut(event.frame) {
        frame.prev = event.id;
    }
}

/// The first event. The first state's event names 0 as the previous one, as AWS records it.
fn begin(
    execution: &mut Execution,
    started: &Started,
    event: &Event,
    now_ms: i64,
    effects: &mut Vec<Effect>,
) {
    if started.parent.is_some() {
        effects.push(Effect::Started { start_ms: now_ms });
    }
    *execution.started = started.clone();
    execution.started_ms = now_ms;
    if let Some(input) = &event.data {
        execution.input = input.clone();
        execution.main.input = input.clone();
    }
}

fn enter(execution: &mut Execution, event: &Event, name: &str, now_ms: i64) {
    let program = execution.program.clone();
    let Some(frame) = execution.frame_mut(event.frame) else {
        return;
    };
    let next = frame
        .state
        .and_then(|id| program.state(id).next)
        .filter(|id| &*program.state(*id).name == name);
    frame.state = next.or_else(|| program.find(name));
    frame.entered_id = event.id;
    frame.entered_prev = event.prev;
    frame.entered_ms = now_ms;
    frame.prev = event.id;
    frame.retries = Vec::new();
    if let Some(input) = &event.data {
        frame.input = input.clone();
    }
}

fn exit(
    execution: &mut Execution,
    event: &Event,
    assigned: Option<&Assigned>,
    effects: &mut Vec<Effect>,
) {
    phase::cancel(execution, event.frame, effects);
    phase::forget(execution, event.frame);
    let Some(frame) = execution.frame_mut(event.frame) else {
        return;
    };
    frame.prev = event.id;
    frame.entered_id = 0;
    frame.retries = Vec::new();
    if let Some(output) = &event.data {
        frame.input = output.clone();
    }
    if let Some(assigned) = assigned {
        let (mut added, mut replaced) = (0, 0);
        let variables = frame.variables.get_or_insert_default();
        for (name, value) in assigned {
            added += value.len();
            let before = variables.insert(name.clone(), value.clone());
            replaced += before.map_or(0, |value| value.len());
        }
        execution.variable_bytes = (execution.variable_bytes + added).saturating_sub(replaced);
    }
}

/// Counts the retry. `prev` of the internal event says what the next attempt's first event follows.
fn retry(
    execution: &mut Execution,
    event: &Event,
    due_ms: i64,
    retrier: u32,
    effects: &mut Vec<Effect>,
) {
    phase::cancel(execution, event.frame, effects);
    phase::forget(execution, event.frame);
    phase::change(execution, event.frame, Phase::Retrying { due_ms });
    let Some(frame) = execution.frame_mut(event.frame) else {
        return;
    };
    frame.prev = event.prev;
    let slot = retrier as usize;
    if slot < crate::limits::RETRIERS_MAX {
        if frame.retries.len() <= slot {
            frame.retries.resize(slot + 1, 0);
        }
        frame.retries[slot] = frame.retries[slot].saturating_add(1);
    }
}
