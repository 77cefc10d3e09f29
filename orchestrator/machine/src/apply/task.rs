//! Events of tasks.
//!
//! Owns: how a task opens and shows signs of life. Its end is a change of phase.

use super::phase;
use crate::effect::Effect;
use crate::execution::Execution;
use crate::frame::{OpenTask, Phase, seconds_to_ms};
use crate::nested;
use baton_language::resource::INSIDE;
use baton_schemas::Payload;
use baton_schemas::history::{Event, TaskScheduled};

/// The task opens and its command goes out.
pub(super) fn schedule(
    execution: &mut Execution,
    event: &Event,
    details: &TaskScheduled,
    now_ms: i64,
    effects: &mut Vec<Effect>,
) {
    let task = OpenTask {
        id: event.id,
        resource: details.resource.clone(),
        queue: details.queue.clone(),
        attempt: details.attempt,
        started: false,
        submitted: false,
        scheduled_ms: now_ms,
        deadline_ms: details
            .timeout_s
            .map(|s| now_ms.saturating_add(seconds_to_ms(s))),
        heartbeat_s: details.heartbeat_s,
        heartbeat_ms: now_ms,
        input: event.data.clone().unwrap_or_else(Payload::empty_object),
    };
    phase::change(execution, event.frame, Phase::Task(Box::new(task)));
    super::follow(execution, event);
    if let Some(frame) = execution.frame(event.frame)
        && let Some(task) = frame.task()
    {
        if &*task.queue == INSIDE {
            // What can't be started the machine fails itself.
            let child = nested::of_task(&execution.arn, task).ok();
            effects.extend(child.map(Effect::StartChild));
        } else {
            effects.push(Effect::Command(execution.command(frame, task)));
        }
    }
}

/// A worker took the activity's task: its heartbeats count from here.
pub(super) fn start(execution: &mut Execution, event: &Event, now_ms: i64) {
    touch(execution, event.frame, now_ms, true);
    super::follow(execution, event);
}

/// The task gave its first answer.
pub(super) fn submit(execution: &mut Execution, event: &Event) {
    if let Some(task) = execution.frame_mut(event.frame).and_then(|f| f.task_mut()) {
        task.submitted = true;
    }
    super::follow(execution, event);
}

/// A sign of life.
pub(super) fn heartbeat(execution: &mut Execution, task: u64, now_ms: i64) {
    if let Some(frame) = execution.frame_of(task) {
        touch(execution, frame, now_ms, false);
    }
}

fn touch(execution: &mut Execution, id: u32, now_ms: i64, started: bool) {
    let Some(task) = execution.frame(id).and_then(|frame| frame.task()) else {
        return;
    };
    let mut task = Box::new(task.clone());
    task.heartbeat_ms = task.heartbeat_ms.max(now_ms);
    task.started |= started;
    phase::change(execution, id, Phase::Task(task));
}
