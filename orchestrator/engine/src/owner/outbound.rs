//! Effects of the machine in the form they are sent.
//!
//! Owns: what a command, a cancellation and a result look like, given the execution they belong to. Pure: the same
//! effect gives the same record on every emission, so that a repeat is recognised.

use crate::ports::{Outbound, Settings};
use baton_machine::{Effect, TaskCommand};
use baton_schemas::history::Started;
use baton_schemas::request::ExecutionClosed;
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
    let traceparent = started
        .traceparent
        .as_deref()
        .and_then(|parent| child_of(parent, arn, task.task));
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
            reply_topic: settings.topics.completions.clone(),
            reply_partition: settings.partition,
            traceparent,
            input: task.input,
        }),
    }
}

/// A W3C `traceparent` with the parent's trace id and a span id of this task's own, the same on every emission;
/// `None` if the parent is not a `traceparent`.
fn child_of(parent: &str, arn: &str, task: u64) -> Option<Arc<str>> {
    let is_traceparent = parent.len() == 55 && parent.is_ascii() && parent.as_bytes()[35] == b'-';
    if !is_traceparent {
        return None;
    }
    // The ARN's last characters tell executions apart; FNV-1a spreads them over the span id.
    let seed = 0xcbf2_9ce4_8422_2325 ^ task.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let span = arn.bytes().rev().take(40).fold(seed, |h: u64, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    Some(format!("{}{:016x}{}", &parent[..36], span.max(1), &parent[52..]).into())
}
