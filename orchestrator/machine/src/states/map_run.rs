//! Map (distributed): child executions, by way of a map run.
//!
//! ```text
//! StateEntered, or retry due   -> MapStateStarted -> MapRunStarted
//! items wanted, results to keep -> MapRunAsked      (a node reads or writes; one thing at a time)
//! it answers                   -> MapRunAnswered
//! room and items               -> MapChildrenStarted (at most so many a step; the next step follows at once)
//! a child reports              -> MapChildEnded
//! all done                     -> MapRunSucceeded -> MapStateSucceeded -> StateExited
//! too many failed, or no items -> MapRunFailed -> failure: MapStateFailed
//! ```
//! Asked, answered, started and ended are internal: AWS shows none of them, and they don't count for the history's bound.

use super::map_plan;
use crate::context::Lens;
use crate::data::Doc;
use crate::decide::{Decider, Flow};
use crate::errors;
use crate::execution::Execution;
use crate::frame::Frame;
use crate::limits::{
    MAP_CHILD_BYTES_PER_STEP_MAX, MAP_CHILDREN_PER_STEP_MAX, MAP_ITEM_BYTES_PER_READ_MAX,
    MAP_ITEMS_PER_READ_MAX,
};
use crate::map_run::{Answer, Asked, Beginning, ChildReport, MapRun, MapRunBounds, Part};
use crate::nested;
use baton_language::EvalError;
use baton_language::program::{Distributed, Map, StateKind};
use baton_schemas::Payload;
use baton_schemas::history::{EventKind, Failure};
use serde_json::{Value, json};
use std::sync::Arc;

/// Begins the run. `items` are those of the state's input, as an array; `None` where a reader has them.
pub(super) fn begin(
    decider: &mut Decider<'_>,
    frame: u32,
    map: &Map,
    distributed: &Distributed,
    items: Option<(Payload, u64)>,
) -> Flow {
    let length = items.as_ref().map_or(0, |(_, length)| *length);
    decider.emit(frame, EventKind::MapStateStarted { length }, None)?;
    let planned = decider.with_lens(frame, |state, lens, raw| {
        let input = Doc::Text(raw.clone()).filtered(state.input_path.as_ref(), lens)?;
        map_plan::plan(map, distributed, lens, &input)
    });
    let (state, planned) = match planned {
        Some((state, Ok(planned))) => (state, planned),
        Some((_, Err(error))) => return decider.fail_evaluation(frame, &error),
        None => return Ok(()),
    };
    let label = distributed.label.as_deref();
    let arn = nested::run_arn(decider.execution, &state.name, label, decider.next_id());
    let beginning = Beginning {
        plan: planned.plan,
        items: items.map(|(array, _)| array),
    };
    let data = serde_json::to_string(&beginning)
        .ok()
        .and_then(|text| Payload::from_text(&text).ok());
    decider.emit(frame, EventKind::MapRunStarted { arn }, data)?;
    match planned.refused {
        Some(cause) => fail_run(
            decider,
            frame,
            errors::failure(errors::ITEM_READER_FAILED, &cause),
        ),
        None => go_on(decider, frame),
    }
}

/// Does what can be done now: fails, asks, starts children, or ends the run.
pub(crate) fn go_on(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let Some(run) = run_of(decider, frame).filter(|_| !decider.is_paused()) else {
        return Ok(());
    };
    if let Some(failure) = run.failure.clone() {
        // Results that are to be written are written first; children that still run are stopped with the state.
        if run.plan.writer.is_none() || run.results.manifest.is_some() || !run.running.is_empty() {
            return fail_run(decider, frame, failure);
        }
    }
    if let Some(part) = run.wants_written() {
        return ask(decider, frame, json!({ "write": part }));
    }
    if run.wants_items() {
        ask(decider, frame, json!({ "read": true }))?;
    }
    if run_of(decider, frame).is_some_and(MapRun::may_start) {
        return start_children(decider, frame);
    }
    let is_done = run_of(decider, frame).is_some_and(|run| {
        run.is_over()
            && run.asked.is_none()
            && run.failure.is_none()
            && (run.plan.writer.is_none() || run.results.manifest.is_some())
    });
    if is_done {
        succeed(decider, frame)
    } else {
        Ok(())
    }
}

/// What was asked for came.
pub(crate) fn answered(decider: &mut Decider<'_>, frame: u32, output: Payload) -> Flow {
    let Some(run) = run_of(decider, frame) else {
        return Ok(());
    };
    if let Ok(report) = serde_json::from_str::<ChildReport>(output.as_str()) {
        return child_ended(decider, frame, &report, output);
    }
    let answer: Option<Answer> = serde_json::from_str(output.as_str()).ok();
    let fits = match (&run.asked, &answer) {
        (Some(Asked::Read), Some(answer)) => {
            answer.items.is_some()
                && (answer.from == run.cursor
                    || answer.from.is_none() && run.cursor == Some(Value::Null))
        }
        (Some(Asked::Write { .. }), Some(answer)) => answer.written.is_some(),
        _ => false,
    };
    if !fits {
        // An answer that came twice: reading or writing is done at least once.
        return decider.ignore(run.id, "the map run does not wait for this");
    }
    decider.emit(frame, EventKind::MapRunAnswered, Some(output))?;
    go_on(decider, frame)
}

/// What was asked for can't be had.
pub(crate) fn refused(decider: &mut Decider<'_>, frame: u32, failure: Failure) -> Flow {
    let Some(run) = run_of(decider, frame) else {
        return Ok(());
    };
    if run.asked.is_none() {
        return decider.ignore(run.id, "the map run does not wait for this");
    }
    if decider.is_paused() {
        return decider.ignore(run.id, "the execution is paused; the map run asks again");
    }
    fail_run(decider, frame, failure)
}

/// The execution goes on after a pause. What was asked for is asked for again: a refusal meanwhile did not count.
pub(crate) fn resumed(decider: &mut Decider<'_>, frame: u32) -> Flow {
    match run_of(decider, frame).map(|run| run.asked.clone()) {
        None => Ok(()),
        Some(None) => go_on(decider, frame),
        Some(Some(Asked::Read)) => ask(decider, frame, json!({ "read": true })),
        Some(Some(Asked::Write { part })) => ask(decider, frame, json!({ "write": part })),
    }
}

/// UpdateMapRun.
pub(crate) fn changed(decider: &mut Decider<'_>, frame: u32, bounds: &MapRunBounds) -> Flow {
    let data = serde_json::to_string(bounds)
        .ok()
        .and_then(|text| Payload::from_text(&text).ok());
    decider.emit(frame, EventKind::MapRunChanged, data)?;
    go_on(decider, frame)
}

/// What the run asks the outside for, as it stands.
pub(crate) fn request(execution: &Execution, frame: &Frame, run: &MapRun) -> Option<Payload> {
    let request = match run.asked.as_ref()? {
        Asked::Read => {
            let reader = run.plan.reader.as_ref()?;
            let left = reader["max_items"]
                .as_u64()
                .map(|max| max.saturating_sub(run.read));
            json!({ "read": reader, "cursor": run.cursor, "items_max": left.unwrap_or(u64::MAX).min(MAP_ITEMS_PER_READ_MAX), "left": left,
                "bytes_max": MAP_ITEM_BYTES_PER_READ_MAX })
        }
        Asked::Write { part } => {
            let state = execution.program.state(frame.state?);
            let StateKind::Map(map) = &state.kind else {
                return None;
            };
            let json_lines = map.distributed.as_ref()?.writer.as_ref()?.json_lines;
            map_plan::file(run, *part, json_lines)?
        }
    };
    Some(Payload::from_value(&request))
}

fn run_of<'a>(decider: &'a Decider<'_>, frame: u32) -> Option<&'a MapRun> {
    decider.execution.frame(frame).and_then(Frame::map_run)
}

fn ask(decider: &mut Decider<'_>, frame: u32, what: Value) -> Flow {
    let data = Some(Payload::from_value(&what));
    decider.emit_internal(frame, EventKind::MapRunAsked, data)
}

fn child_ended(decider: &mut Decider<'_>, frame: u32, report: &ChildReport, data: Payload) -> Flow {
    let Some(run) = run_of(decider, frame) else {
        return Ok(());
    };
    if !run.running.contains_key(&report.child) {
        return decider.ignore(run.id, "this child of the map run does not run any more");
    }
    let ended = EventKind::MapChildEnded {
        index: report.child,
        status: report.status.clone(),
    };
    decider.emit_internal(frame, ended, Some(data))?;
    go_on(decider, frame)
}

/// Starts as many children as one step may.
fn start_children(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let Some(StateKind::Map(map)) = decider.state_of(frame).map(|state| &state.kind) else {
        return Ok(());
    };
    let made = decider.with_lens(frame, |_, _, _| ()).and_then(|_| {
        let found = decider.execution.frame(frame)?;
        let run = found.map_run()?;
        Some((run.started, inputs(decider, found, run, map)))
    });
    let Some((first, made)) = made else {
        return Ok(());
    };
    let (inputs, sizes) = match made {
        Ok(made) => made,
        Err(failure) => return fail_run(decider, frame, failure),
    };
    let texts: Vec<&str> = inputs.iter().map(Payload::as_str).collect();
    let data = Payload::from_text(&format!("[{}]", texts.join(","))).ok();
    let is_plain = sizes.iter().all(|size| *size == 1);
    let sizes = if is_plain { Vec::new() } else { sizes };
    decider.emit_internal(frame, EventKind::MapChildrenStarted { first, sizes }, data)?;
    if run_of(decider, frame).is_some_and(MapRun::wants_items) {
        ask(decider, frame, json!({ "read": true }))?;
    }
    Ok(())
}

/// Inputs of the next children, and how many items each has.
type Inputs = (Vec<Payload>, Vec<u32>);

fn inputs(
    decider: &Decider<'_>,
    frame: &Frame,
    run: &MapRun,
    map: &Map,
) -> Result<Inputs, Failure> {
    let entered = frame.entered_id;
    let name = frame
        .state
        .map_or("", |id| &*decider.program.state(id).name);
    let failed = |error: EvalError| errors::evaluation(name, entered, &error);
    let bytes_max = decider.execution.limits.payload_bytes;
    let room = (run.plan.concurrency as usize).saturating_sub(run.running.len());
    let most = room.min(MAP_CHILDREN_PER_STEP_MAX);
    let (mut inputs, mut sizes, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut items = run.items.iter();
    let mut index = run.given;
    let mut next = items.next();
    let batcher = map.distributed.as_ref().and_then(|d| d.batcher.as_ref());
    while inputs.len() < most && bytes < MAP_CHILD_BYTES_PER_STEP_MAX && next.is_some() {
        let items_max = match (&batcher, run.plan.batch_items) {
            (None, _) => 1,
            (Some(_), items) => items.unwrap_or(u64::MAX),
        };
        let mut batch: Vec<Payload> = Vec::new();
        let mut batch_bytes = 0;
        let shared = match batcher.and_then(|batcher| batcher.input.as_ref()) {
            None => None,
            Some(recipe) => {
                let lens = Lens::new(decider.execution, frame, decider.now_ms);
                let made =
                    filtered(decider, frame, &lens).and_then(|input| lens.make(recipe, || input));
                Some(made.map_err(failed)?)
            }
        };
        while let Some(item) = next {
            let selected = select(decider, frame, map, index, item).map_err(failed)?;
            let is_full = run
                .plan
                .batch_bytes
                .is_some_and(|max| batch_bytes + selected.len() as u64 > max);
            if is_full && !batch.is_empty() {
                break;
            }
            batch_bytes += selected.len() as u64 + 1;
            batch.push(selected);
            index += 1;
            next = items.next();
            if batch.len() as u64 >= items_max {
                break;
            }
        }
        let is_last = next.is_none() && run.all_read() || run.is_stocked();
        let is_partial = batcher.is_some() && next.is_none() && (batch.len() as u64) < items_max;
        if is_partial && !is_last && !inputs.is_empty() {
            break; // It may yet grow.
        }
        let size = batch.len() as u32;
        let input = match batcher {
            None => batch.pop().unwrap_or_else(Payload::empty_object),
            Some(_) => joined(&batch, shared.as_ref()),
        };
        if input.len() > bytes_max {
            return Err(errors::too_large(name));
        }
        bytes += input.len();
        inputs.push(input);
        sizes.push(size);
    }
    Ok((inputs, sizes))
}

/// One input of several items: `{"BatchInput", "Items"}`.
fn joined(items: &[Payload], shared: Option<&Value>) -> Payload {
    let texts: Vec<&str> = items.iter().map(Payload::as_str).collect();
    let items = texts.join(",");
    let text = match shared {
        Some(shared) => format!("{{\"BatchInput\":{shared},\"Items\":[{items}]}}"),
        None => format!("{{\"Items\":[{items}]}}"),
    };
    Payload::from_text(&text).expect("JSON texts between commas and brackets are JSON")
}

/// The item as `ItemSelector` makes it.
fn select(
    decider: &Decider<'_>,
    frame: &Frame,
    map: &Map,
    index: u64,
    item: &Payload,
) -> Result<Payload, EvalError> {
    let Some(selector) = &map.item_selector else {
        return Ok(item.clone());
    };
    let lens = Lens::new(decider.execution, frame, decider.now_ms).with_item(index, item);
    let input = filtered(decider, frame, &lens)?;
    let made = lens.make(selector, || input)?;
    Ok(Payload::from_value(&made))
}

/// The state's input through `InputPath`.
fn filtered(decider: &Decider<'_>, frame: &Frame, lens: &Lens<'_>) -> Result<Doc, EvalError> {
    let path = frame
        .state
        .map(|id| decider.program.state(id).input_path.as_ref());
    Doc::Text(frame.input.clone()).filtered(path.flatten(), lens)
}

/// The run failed, and the state with it.
fn fail_run(decider: &mut Decider<'_>, frame: u32, failure: Failure) -> Flow {
    decider.emit(frame, EventKind::MapRunFailed(failure.clone()), None)?;
    decider.fail(frame, failure)
}

/// All children are done and few enough failed.
fn succeed(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let Some(run) = run_of(decider, frame) else {
        return Ok(());
    };
    let result = match &run.results.manifest {
        Some(manifest) => Some(Payload::from_value(&json!({
            "MapRunArn": &*run.arn,
            "ResultWriterDetails": map_plan::details(run, manifest),
        }))),
        None => run.result(decider.execution.limits.payload_bytes),
    };
    let run_ended = decider.emit(frame, EventKind::MapRunSucceeded, None)?;
    let Some(result) = result else {
        let name = decider.state_of(frame).map_or("", |state| &*state.name);
        return decider.fail(frame, errors::too_large(name));
    };
    decider.emit_after(run_ended, frame, EventKind::MapStateSucceeded, None)?;
    decider.finish(frame, Doc::Text(result))
}

/// Which part of the results an event is about, for what is written next.
pub(super) fn part_name(part: Part) -> &'static str {
    match part {
        Part::Succeeded => "SUCCEEDED",
        Part::Failed => "FAILED",
        Part::Manifest => "manifest",
    }
}

/// Shared text of a name.
pub(super) fn text(value: &Value) -> Option<Arc<str>> {
    value.as_str().map(Arc::from)
}
