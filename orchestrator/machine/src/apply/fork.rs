//! Events of Parallel and Map states.
//!
//! Owns: how frames are made and end. Frame ids count up in the order of the events and are never used again.

use super::phase;
use crate::effect::Effect;
use crate::execution::Execution;
use crate::frame::{Fork, Frame, Origin, Phase};
use crate::limits::FAN_OUT_MAX;
use baton_language::program::StateKind;
use baton_schemas::Payload;
use baton_schemas::history::Event;

/// A Parallel state begins: one frame for each branch.
pub(super) fn start_branches(execution: &mut Execution, event: &Event) {
    super::follow(execution, event);
    let branches = match execution
        .frame(event.frame)
        .and_then(|f| f.state)
        .map(|id| &execution.program.state(id).kind)
    {
        Some(StateKind::Parallel { branches }) => branches.len() as u64,
        _ => 0,
    };
    let fork = Fork {
        running: branches,
        started: branches,
        items: Vec::new(),
        results: vec![None; branches as usize],
    };
    phase::change(execution, event.frame, Phase::Forked(Box::new(fork)));
    for index in 0..branches {
        make_frame(execution, event, index, Payload::empty_object());
    }
}

/// A branch ended well: its output is kept and its frame ends.
pub(super) fn branch_ended(execution: &mut Execution, event: &Event, index: u64) {
    keep_result(execution, event.frame, index, event.prev);
}

/// A Map begins; its iterations have events of their own.
pub(super) fn start_map(execution: &mut Execution, event: &Event, length: u64) {
    super::follow(execution, event);
    if is_distributed(execution, event.frame) {
        return; // Its run has an event of its own.
    }
    let items: Vec<Payload> = event
        .data
        .as_ref()
        .and_then(|items| serde_json::from_str(items.as_str()).ok())
        .unwrap_or_default();
    let length = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .min(FAN_OUT_MAX);
    let fork = Fork {
        running: 0,
        started: 0,
        items,
        results: vec![None; length],
    };
    phase::change(execution, event.frame, Phase::Forked(Box::new(fork)));
}

fn is_distributed(execution: &Execution, frame: u32) -> bool {
    let state = execution.frame(frame).and_then(|frame| frame.state);
    match state.map(|id| &execution.program.state(id).kind) {
        Some(StateKind::Map(map)) => map.distributed.is_some(),
        _ => false,
    }
}

/// An iteration begins: a frame for it. The event belongs to the Map's frame.
pub(super) fn start_iteration(execution: &mut Execution, event: &Event) {
    let Some(fork) = execution.frame_mut(event.frame).and_then(Frame::fork_mut) else {
        return;
    };
    let index = fork.started;
    fork.started += 1;
    fork.running += 1;
    let input = event.data.clone().unwrap_or_else(Payload::empty_object);
    make_frame(execution, event, index, input);
}

/// An iteration ended well. The event belongs to the iteration's frame.
pub(super) fn iteration_ended(execution: &mut Execution, event: &Event, index: u64) {
    keep_result(execution, event.frame, index, event.id);
}

/// An iteration failed or was aborted: its frame ends.
pub(super) fn iteration_lost(execution: &mut Execution, event: &Event, effects: &mut Vec<Effect>) {
    let Some(origin) = execution.frame(event.frame).and_then(|f| f.origin) else {
        return;
    };
    phase::shelve(execution, event.frame, effects);
    if let Some(fork) = execution.frame_mut(origin.parent).and_then(Frame::fork_mut) {
        fork.running = fork.running.saturating_sub(1);
    }
}

fn make_frame(execution: &mut Execution, event: &Event, index: u64, input: Payload) {
    let others = execution.others.get_or_insert_default();
    others.last = others.last.saturating_add(1);
    let origin = Origin {
        parent: event.frame,
        index,
    };
    others
        .frames
        .insert(others.last, Frame::new(event.id, input, Some(origin)));
}

/// Ends frame `id` and gives its output to the frame that made it, whose next event will follow event `prev`.
fn keep_result(execution: &mut Execution, id: u32, index: u64, prev: u64) {
    phase::change(execution, id, Phase::Idle);
    let Some(child) = phase::take(execution, id) else {
        return;
    };
    let Some(parent) = child
        .origin
        .and_then(|origin| execution.frame_mut(origin.parent))
    else {
        return;
    };
    parent.prev = prev;
    if let Some(fork) = parent.fork_mut() {
        fork.running = fork.running.saturating_sub(1);
        if let Some(slot) = fork.results.get_mut(index as usize) {
            *slot = Some(child.input);
        }
    }
}
