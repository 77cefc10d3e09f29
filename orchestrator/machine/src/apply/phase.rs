//! What a frame does, kept in step with timers and the index of open tasks.
//!
//! Owns: the only places where a frame's phase changes.

use crate::effect::Effect;
use crate::execution::{Execution, Others};
use crate::frame::{Frame, Phase};
use crate::map_run::MapRun;
use crate::nested;
use baton_language::resource::INSIDE;

/// Gives frame `id` another phase.
pub(super) fn change(execution: &mut Execution, id: u32, phase: Phase) {
    let Execution {
        main,
        others,
        timers,
        ..
    } = execution;
    if id == 0 {
        timers.disarm(0, main);
        main.phase = phase;
        timers.arm(0, main);
        return;
    }
    let Some(Others { frames, tasks, .. }) = others.as_deref_mut() else {
        return;
    };
    let Some(frame) = frames.get_mut(&id) else {
        return;
    };
    timers.disarm(id, frame);
    if let Some(task) = frame.awaits() {
        tasks.remove(&task);
    }
    frame.phase = phase;
    if let Some(task) = frame.awaits() {
        tasks.insert(task, id);
    }
    timers.arm(id, frame);
}

/// Changes the map run that frame `id` waits for, if it waits for one.
pub(super) fn change_map_run(execution: &mut Execution, id: u32, change: impl FnOnce(&mut MapRun)) {
    let Execution {
        main,
        others,
        timers,
        ..
    } = execution;
    let frame = match (id, others.as_deref_mut()) {
        (0, _) => Some(main),
        (_, Some(others)) => others.frames.get_mut(&id),
        (_, None) => None,
    };
    let Some(frame) = frame else {
        return;
    };
    timers.disarm(id, frame);
    if let Phase::MapRun(run) = &mut frame.phase {
        change(run);
    }
    timers.arm(id, frame);
}

/// Ends whatever frame `id` is doing, with the frames it made; tasks that were open are cancelled. Of branches and
/// iterations it is remembered how far they were, until [`forget`].
pub(super) fn cancel(execution: &mut Execution, id: u32, effects: &mut Vec<Effect>) {
    let Some(frame) = execution.frame(id) else {
        return;
    };
    match &frame.phase {
        Phase::Idle => return,
        Phase::Task(task) => match nested::awaited(&execution.arn, task) {
            Some(execution) => effects.push(Effect::StopChild { execution }),
            None if &*task.queue == INSIDE => {}
            None => effects.push(Effect::Cancel { task: task.id }),
        },
        Phase::MapRun(run) => {
            let running = run.running.keys();
            let stops = running.filter_map(|index| nested::item_arn(run, *index));
            effects.extend(stops.map(|execution| Effect::StopChild { execution }));
        }
        Phase::Waiting { .. } | Phase::Retrying { .. } | Phase::Held(_) => {}
        Phase::Forked(_) => {
            for child in execution.children(id) {
                shelve(execution, child, effects);
            }
            shelve_fork(execution, id);
        }
    }
    change(execution, id, Phase::Idle);
}

/// Ends frame `id` (not frame 0), cancelling what it does, and remembers how far it was.
pub(super) fn shelve(execution: &mut Execution, id: u32, effects: &mut Vec<Effect>) {
    cancel(execution, id, effects);
    if let Some(frame) = take(execution, id)
        && let Some(others) = execution.others.as_deref_mut()
    {
        let fallen = others.fallen.get_or_insert_default();
        fallen.frames.insert(id, frame);
    }
}

/// Remembers the fork that frame `id` waits for.
fn shelve_fork(execution: &mut Execution, id: u32) {
    let Some(Phase::Forked(fork)) = execution
        .frame_mut(id)
        .map(|frame| std::mem::replace(&mut frame.phase, Phase::Idle))
    else {
        return;
    };
    let others = execution.others.get_or_insert_default();
    let fallen = others.fallen.get_or_insert_default();
    fallen.forks.insert(id, *fork);
}

/// The failure of frame `id`'s state was taken: nothing will go on where its branches or iterations were.
pub(super) fn forget(execution: &mut Execution, id: u32) {
    let Some(others) = execution.others.as_deref_mut() else {
        return;
    };
    let Some(fallen) = others.fallen.as_deref_mut() else {
        return;
    };
    let mut gone = vec![id];
    while let Some(parent) = gone.pop() {
        fallen.forks.remove(&parent);
        let is_child = |frame: &Frame| frame.origin.is_some_and(|o| o.parent == parent);
        let children = fallen.frames.extract_if(.., |_, frame| is_child(frame));
        gone.extend(children.map(|(child, _)| child));
    }
    if fallen.frames.is_empty() && fallen.forks.is_empty() {
        others.fallen = None;
    }
}

/// Takes frame `id` (not frame 0), which does nothing any more, and its variables.
pub(super) fn take(execution: &mut Execution, id: u32) -> Option<Frame> {
    let frame = execution.others.as_deref_mut()?.frames.remove(&id)?;
    execution.variable_bytes = execution
        .variable_bytes
        .saturating_sub(frame.variable_bytes());
    Some(frame)
}
