//! Task.
//!
//! ```text
//! StateEntered, or retry due -> TaskScheduled, TaskStarted          (open; command goes out)
//! open -> TaskSubmitted                                             (open)
//!      -> TaskSucceeded -> StateExited
//!      -> TaskFailed    -> failure
//!      -> TaskTimedOut  -> failure: States.Timeout
//!      -> TaskStateAborted                                          (cancelled)
//! ```
//! LambdaFunction and Activity events take the place of Task events by the resource's family. ActivityStarted is written
//! when a worker took the task, at the latest before its result.

use super::numbers::number;
use crate::context::Lens;
use crate::data::{Doc, arguments};
use crate::decide::{Decider, Flow};
use crate::errors;
use crate::frame::Frame;
use crate::nested;
use baton_language::EvalError;
use baton_language::program::{State, StateKind, Task};
use baton_language::resource::{Family, INSIDE, lambda_queue};
use baton_schemas::Payload;
use baton_schemas::history::{EventKind, Failure, Resource, TaskScheduled};
use serde_json::Value;
use std::sync::Arc;

/// What a task is scheduled with.
struct Order {
    input: Payload,
    queue: Arc<str>,
    timeout_s: Option<u64>,
    heartbeat_s: Option<u64>,
    role_arn: Option<Arc<str>>,
}

/// Schedules the task.
pub(super) fn run(decider: &mut Decider<'_>, frame: u32, task: &Task) -> Flow {
    let next_id = decider.next_id();
    let (Some(state), Some(found)) = (decider.state_of(frame), decider.execution.frame(frame))
    else {
        return Ok(());
    };
    let attempt = found.attempt();
    let lens = Lens::new(decider.execution, found, decider.now_ms);
    let lens = if shows_token(task) {
        lens.with_task(next_id)
    } else {
        lens
    };
    let order = match order(state, task, &lens, found) {
        Ok(order) => order,
        Err(error) => return decider.fail_evaluation(frame, &error),
    };
    if order.input.len() > decider.execution.limits.payload_bytes {
        return decider.fail(frame, errors::too_large(shown(&resource(task))));
    }
    let details = Box::new(TaskScheduled {
        resource: resource(task),
        queue: order.queue,
        attempt,
        timeout_s: order.timeout_s,
        heartbeat_s: order.heartbeat_s,
        role_arn: order.role_arn,
    });
    let input = Some(order.input);
    match task.resource.family {
        Family::Task => {
            decider.emit(frame, EventKind::TaskScheduled(details), input)?;
            decider.emit(frame, EventKind::TaskStarted(resource(task)), None)?;
            return refuse_child(decider, frame);
        }
        Family::LambdaFunction => {
            decider.emit(frame, EventKind::LambdaFunctionScheduled(details), input)?;
            decider.emit(frame, EventKind::LambdaFunctionStarted, None)?;
        }
        Family::Activity => {
            decider.emit(frame, EventKind::ActivityScheduled(details), input)?;
        }
    }
    Ok(())
}

/// Fails a nested start whose parameters can't be one.
fn refuse_child(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let open = decider.execution.frame(frame).and_then(Frame::task);
    let Some(open) = open.filter(|open| &*open.queue == INSIDE) else {
        return Ok(());
    };
    match nested::of_task(&decider.execution.arn, open) {
        Ok(_) => Ok(()),
        Err(failure) => failed(decider, frame, failure),
    }
}

/// A worker took the activity's task. For other tasks, and the second time, only a sign of life.
pub(crate) fn started(decider: &mut Decider<'_>, frame: u32, worker: Option<Arc<str>>) -> Flow {
    let Some((_, task)) = open(decider, frame) else {
        return Ok(());
    };
    let Some(id) = decider
        .execution
        .frame(frame)
        .and_then(Frame::task)
        .map(|task| (task.id, task.started))
    else {
        return Ok(());
    };
    let kind = match (task.resource.family, id) {
        (Family::Activity, (_, false)) => EventKind::ActivityStarted { worker },
        (_, (task, _)) => EventKind::HeartbeatRecorded { task },
    };
    decider.emit(frame, kind, None).map(drop)
}

/// The task gave a first answer and goes on.
pub(crate) fn submitted(decider: &mut Decider<'_>, frame: u32, output: Payload) -> Flow {
    let Some((_, task)) = open(decider, frame) else {
        return Ok(());
    };
    if output.len() > decider.execution.limits.payload_bytes {
        return failed(decider, frame, errors::too_large(shown(&resource(task))));
    }
    let open = decider.execution.frame(frame).and_then(Frame::task);
    if let Some(open) = open.filter(|open| open.submitted) {
        let again = EventKind::HeartbeatRecorded { task: open.id };
        return decider.emit(frame, again, None).map(drop);
    }
    match task.resource.family {
        Family::Task => decider
            .emit(
                frame,
                EventKind::TaskSubmitted(resource(task)),
                Some(output),
            )
            .map(drop),
        Family::LambdaFunction | Family::Activity => Ok(()),
    }
}

/// The task succeeded.
pub(crate) fn succeeded(decider: &mut Decider<'_>, frame: u32, output: Payload) -> Flow {
    let Some((_, task)) = open(decider, frame) else {
        return Ok(());
    };
    if output.len() > decider.execution.limits.payload_bytes {
        return failed(decider, frame, errors::too_large(shown(&resource(task))));
    }
    ensure_started(decider, frame, task)?;
    let kind = match task.resource.family {
        Family::Task => EventKind::TaskSucceeded(resource(task)),
        Family::LambdaFunction => EventKind::LambdaFunctionSucceeded,
        Family::Activity => EventKind::ActivitySucceeded,
    };
    decider.emit(frame, kind, Some(output.clone()))?;
    decider.finish(frame, Doc::Text(output))
}

/// The task failed.
pub(crate) fn failed(decider: &mut Decider<'_>, frame: u32, failure: Failure) -> Flow {
    let Some((_, task)) = open(decider, frame) else {
        return Ok(());
    };
    ensure_started(decider, frame, task)?;
    let kind = match task.resource.family {
        Family::Task => EventKind::TaskFailed(resource(task), failure.clone()),
        Family::LambdaFunction => EventKind::LambdaFunctionFailed(failure.clone()),
        Family::Activity => EventKind::ActivityFailed(failure.clone()),
    };
    decider.emit(frame, kind, None)?;
    decider.fail(frame, failure)
}

/// The task's time is over. A lost heartbeat is recorded as States.Timeout too, as AWS does.
pub(crate) fn timed_out(decider: &mut Decider<'_>, frame: u32, heartbeat: bool) -> Flow {
    let Some((_, task)) = open(decider, frame) else {
        return Ok(());
    };
    let failure = errors::timeout();
    let kind = match task.resource.family {
        Family::Task => EventKind::TaskTimedOut(resource(task), failure.clone()),
        Family::LambdaFunction => EventKind::LambdaFunctionTimedOut(failure.clone()),
        Family::Activity => EventKind::ActivityTimedOut(failure),
    };
    decider.emit(frame, kind, None)?;
    decider.fail_timed_out(frame, heartbeat)
}

/// Whether `$$` has the token. AWS shows none for a plain function ARN.
fn shows_token(task: &Task) -> bool {
    task.resource.family != Family::LambdaFunction
}

fn order(state: &State, task: &Task, lens: &Lens<'_>, frame: &Frame) -> Result<Order, EvalError> {
    let input = Doc::Text(frame.input.clone()).filtered(state.input_path.as_ref(), lens)?;
    let seconds = |source, field| number(source, field, lens, || input.view());
    let timeout_s = task
        .timeout
        .as_ref()
        .map(|source| seconds(source, "TimeoutSecondsPath"))
        .transpose()?;
    let heartbeat_s = task
        .heartbeat
        .as_ref()
        .map(|source| seconds(source, "HeartbeatSecondsPath"))
        .transpose()?;
    let role_arn = match &task.credentials {
        None => None,
        Some(recipe) => {
            let credentials = lens.make(recipe, || input.clone())?;
            credentials
                .get("RoleArn")
                .and_then(Value::as_str)
                .map(Arc::from)
        }
    };
    let input = arguments(state, &frame.input, lens)?;
    let queue = match &task.resource.queue {
        Some(queue) => queue.clone(),
        None => function_queue(&input)?,
    };
    Ok(Order {
        input: input.into_payload(),
        queue,
        timeout_s,
        heartbeat_s,
        role_arn,
    })
}

/// The queue of `lambda:invoke`: named after the function, without account, version or alias.
fn function_queue(input: &Doc) -> Result<Arc<str>, EvalError> {
    let value = input.view();
    let name = value.get("FunctionName").and_then(Value::as_str);
    name.and_then(lambda_queue).ok_or_else(|| {
        let cause =
            "The parameters of 'lambda:invoke' have no 'FunctionName' that names a function.";
        EvalError {
            error: errors::RUNTIME,
            cause: cause.to_owned(),
            location: None,
        }
    })
}

fn open<'a>(decider: &Decider<'a>, frame: u32) -> Option<(&'a State, &'a Task)> {
    let state = decider.state_of(frame)?;
    match &state.kind {
        StateKind::Task(task) => Some((state, task)),
        _ => None,
    }
}

fn ensure_started(decider: &mut Decider<'_>, frame: u32, task: &Task) -> Flow {
    let started = decider
        .execution
        .frame(frame)
        .is_some_and(Frame::is_started);
    if task.resource.family == Family::Activity && !started {
        decider.emit(frame, EventKind::ActivityStarted { worker: None }, None)?;
    }
    Ok(())
}

fn resource(task: &Task) -> Resource {
    Resource {
        kind: task.resource.kind.clone(),
        name: task.resource.name.clone(),
    }
}

/// How causes name the resource: its type, or the ARN.
fn shown(resource: &Resource) -> &str {
    if resource.kind.is_empty() {
        &resource.name
    } else {
        &resource.kind
    }
}
