//! Effects of the machine in the form they are sent.
//!
//! Owns: what a command, a cancellation, a child's start and a result look like, given the execution they belong to. Pure: the same
//! effect gives the same record on every emission, so that a repeat is recognised.

use super::reports;
use crate::ports::{Outbound, Settings};
use baton_machine::{ChildStart, Effect, TaskCommand};
use baton_schemas::arn::{ExecutionArn, name_problem};
use baton_schemas::history::{Failure, Started};
use baton_schemas::parent::Parent;
use baton_schemas::partition::partition_of;
use baton_schemas::request::{ExecutionClosed, StartRequest, StopRequest};
use baton_schemas::trace::{TraceContext, event_span};
use baton_schemas::{Command, Completion, Control, Request, TaskToken};
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
        Effect::StartChild(child) => Some(start_child(arn, started, *child, settings)),
        Effect::StopChild { execution } => Some(Outbound::Request {
            partition: partition_of(execution.as_bytes(), settings.partitions),
            request: Box::new(Request::Stop(StopRequest {
                execution,
                failure: Failure::default(),
            })),
        }),
        Effect::Started { start_ms } => {
            let parent = started.parent.as_deref()?;
            report(parent, reports::started(arn, parent, start_ms)?)
        }
        Effect::Closed(closing) if started.parent.is_some() => {
            let parent = started.parent.as_deref()?;
            report(
                parent,
                reports::closed(arn, &started.machine, parent, &closing)?,
            )
        }
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

fn report(parent: &Parent, completion: Completion) -> Option<Outbound> {
    Some(Outbound::Report {
        partition: parent.partition,
        completion: Box::new(completion),
    })
}

fn start_child(
    arn: &Arc<str>,
    started: &Started,
    child: ChildStart,
    settings: &Settings,
) -> Outbound {
    let traceparent = TraceContext::of_execution(arn, started.traceparent.as_deref())
        .at(event_span(arn, child.task))
        .to_header();
    let parent = Parent {
        token: TaskToken::new(arn, child.task).as_str().into(),
        partition: settings.partition,
        report: child.report,
        item: child.item.map(Box::new),
    };
    if let Some((error, cause)) = impossible(&child.execution) {
        return Outbound::Report {
            partition: settings.partition,
            completion: Box::new(reports::refused(&parent, error, &cause)),
        };
    }
    Outbound::Request {
        partition: partition_of(child.execution.as_bytes(), settings.partitions),
        request: Box::new(Request::Start(StartRequest {
            execution: child.execution,
            machine: child.machine,
            name: child.name,
            input: child.input,
            reply_to: None,
            traceparent: Some(traceparent),
            parent: Some(Box::new(parent)),
        })),
    }
}

/// Why there can be no execution with this ARN, as AWS's StartExecution says it: error and cause.
fn impossible(execution: &str) -> Option<(&'static str, String)> {
    let Some(arn) = ExecutionArn::parse(execution) else {
        let cause = format!("Invalid Arn: '{execution}'");
        return Some(("StepFunctions.InvalidArnException", cause));
    };
    let machine = arn.machine.split('/').next().unwrap_or(arn.machine);
    let problem = name_problem(arn.name).or_else(|| name_problem(machine))?;
    let cause = format!("Invalid Name: the name in '{execution}' {problem}");
    Some(("StepFunctions.InvalidNameException", cause))
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
