//! Events of distributed Maps.
//!
//! Owns: how a run begins, what its internal events change, and their effects: children to start, items to read, results
//! to write.

use super::phase;
use crate::children;
use crate::effect::Effect;
use crate::execution::Execution;
use crate::frame::{Frame, Phase};
use crate::map_run::{Answer, Asked, Beginning, Child, ChildReport, MapRun, MapRunBounds, Plan};
use baton_language::program::Transformation;
use baton_schemas::Payload;
use baton_schemas::history::Event;
use serde_json::Value;
use std::sync::Arc;

/// The run begins.
pub(super) fn start(execution: &mut Execution, event: &Event, arn: &Arc<str>, now_ms: i64) {
    super::follow(execution, event);
    let beginning = event
        .data
        .as_ref()
        .and_then(|data| serde_json::from_str(data.as_str()).ok());
    let beginning = beginning.unwrap_or(Beginning {
        plan: Plan::default(),
        items: None,
    });
    let run = MapRun::new(event.id, arn.clone(), beginning, now_ms);
    phase::change(execution, event.frame, Phase::MapRun(Box::new(run)));
}

/// Something is asked for: the effect is a command that a node serves itself.
pub(super) fn ask(
    execution: &mut Execution,
    event: &Event,
    now_ms: i64,
    effects: &mut Vec<Effect>,
) {
    let part = event.data.as_ref().and_then(|data| {
        let asked: Value = data.to_value();
        serde_json::from_value(asked.get("write")?.clone()).ok()
    });
    let asked = part.map_or(Asked::Read, |part| Asked::Write { part });
    change(execution, event, now_ms, |run| run.ask(asked));
    if let Some(frame) = execution.frame(event.frame) {
        effects.extend(execution.map_command(frame).map(Effect::Command));
    }
}

/// What was asked for came.
pub(super) fn answer(execution: &mut Execution, event: &Event, now_ms: i64) {
    let answer: Option<Answer> = event
        .data
        .as_ref()
        .and_then(|data| serde_json::from_str(data.as_str()).ok());
    let Some(answer) = answer else {
        return;
    };
    change(execution, event, now_ms, |run| run.answer(answer));
}

/// Children start.
pub(super) fn start_children(
    execution: &mut Execution,
    event: &Event,
    (first, sizes): (u64, &[u32]),
    now_ms: i64,
    effects: &mut Vec<Effect>,
) {
    let inputs: Vec<Payload> = event
        .data
        .as_ref()
        .and_then(|data| serde_json::from_str(data.as_str()).ok())
        .unwrap_or_default();
    change(execution, event, now_ms, |run| {
        for (n, input) in inputs.iter().enumerate() {
            let size = sizes.get(n).copied().unwrap_or(1);
            let child = Child {
                items: size,
                input: input.clone(),
            };
            run.running.insert(first + n as u64, child);
            run.given += u64::from(size);
            let waiting = run.items.len().min(size as usize);
            run.items.drain(..waiting);
        }
        run.started = first + inputs.len() as u64;
    });
    let Some(run) = execution.frame(event.frame).and_then(Frame::map_run) else {
        return;
    };
    for (index, input) in (first..).zip(inputs) {
        let child = children::of_run(execution, event.frame, run, index, input);
        effects.extend(child.map(Effect::StartChild));
    }
}

/// A child ended.
pub(super) fn end_child(
    execution: &mut Execution,
    event: &Event,
    (index, status): (u64, &str),
    now_ms: i64,
) {
    let report: Option<ChildReport> = event
        .data
        .as_ref()
        .and_then(|data| serde_json::from_str(data.as_str()).ok());
    let bytes_max = execution.limits.payload_bytes;
    let form =
        children::map_of(execution, event.frame).map(|(_, map)| children::transformation(map));
    change(execution, event, now_ms, |run| {
        run.end_child(index, status);
        if let Some(report) = report {
            run.keep(report, form.unwrap_or(Transformation::Compact), bytes_max);
        }
        run.tolerate();
    });
}

/// UpdateMapRun.
pub(super) fn rebound(execution: &mut Execution, event: &Event, now_ms: i64) {
    let bounds: Option<MapRunBounds> = event
        .data
        .as_ref()
        .and_then(|data| serde_json::from_str(data.as_str()).ok());
    let bounds = bounds.unwrap_or_default();
    change(execution, event, now_ms, |run| {
        let plan = &mut run.plan;
        plan.concurrency = bounds.concurrency.unwrap_or(plan.concurrency);
        plan.tolerated_count = bounds.tolerated_count.or(plan.tolerated_count);
        plan.tolerated_percentage = bounds.tolerated_percentage.or(plan.tolerated_percentage);
        run.tolerate();
    });
}

/// Changes the run that the event's frame waits for, and says when it goes on by itself.
fn change(execution: &mut Execution, event: &Event, now_ms: i64, change: impl FnOnce(&mut MapRun)) {
    phase::change_map_run(execution, event.frame, |run| {
        change(run);
        // The next step, not this one: a step has a bound.
        run.due_ms = run.may_start().then_some(now_ms.saturating_add(1));
    });
}
