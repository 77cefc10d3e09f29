//! Effects of the machine in the form they are sent.
//!
//! Owns: what a command, a cancellation and a result look like, given the execution they belong to. Pure: the same
//! effect gives the same record on every emission, so that a repeat is recognised.

use crate::ports::{Outbound, Settings};
use baton_machine::{Effect, TaskCommand};
use baton_schemas::history::Started;
use baton_schemas::request::ExecutionClosed;
use baton_schemas::trace::{TraceContext, event_span};
use baton_schemas::{Command, Control, TaskToken};
use std::sync::Arc;

/// The record to send for `effect`; `None` if nobody wants one.
pub fn outbound_of(
    arn: &Arc<str>,
    started: &Started,
    effect: Effect,
    settings: &Settings,
) -> Option<Outbound> {
    match effect {
        Effect::Command(task) => Some(command(arn, started, task, settings)),
        Effect::Cancel { task } => Some(Outbound::Control(Control::Cancelled(TaskToken::new(
            arn, task,
        )))),
        Effect::Closed(closing) => started.reply_to.clone().map(|to| Outbound::Closed {
            to,
            closed: Box::new(ExecutionClosed {
                execution: arn.clone(),
                status: closing.status.as_str(),
                output: closing.output,
                failure: closing.failure,
                traceparent: started.traceparent.clone(),
            }),
        }),
    }
}

fn command(arn: &Arc<str>, started: &Started, task: TaskCommand, settings: &Settings) -> Outbound {
    // The task's own span: what the worker does is a child of it.
    let traceparent = TraceContext::of_execution(arn, started.traceparent.as_deref())
        .at(event_span(arn, task.task))
        .to_header();
    Outbound::Command {
        queue: task.queue,
        command: Box::new(Command {
            token: TaskToken::new(arn, task.task),
            execution: arn.clone(),
            state: task.state,
            attempt: task.attempt,
            time_ms: task.scheduled_ms,
            deadline_ms: task.deadline_ms,
            heartbeat_s: task.heartbeat_s,
            resource: task.resource,
            reply_topic: settings.topics.completions.clone(),
            reply_partition: settings.partition,
            traceparent: Some(traceparent),
            input: task.input,
        }),
    }
}
