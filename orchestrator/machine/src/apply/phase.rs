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

/// Ends whatever frame `id` is doing, with the frames it made; tasks that were open are cancelled.
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
        Phase::Waiting { .. } | Phase::Retrying { .. } => {}
        Phase::Forked(_) => remove_children(execution, id, effects),
    }
    change(execution, id, Phase::Idle);
}

/// Removes frame `id` (not frame 0), cancelling what it does.
pub(super) fn remove(execution: &mut Execution, id: u32, effects: &mut Vec<Effect>) {
    cancel(execution, id, effects);
    take(execution, id);
}

/// Takes frame `id` (not frame 0), which does nothing any more, and its variables.
pub(super) fn take(execution: &mut Execution, id: u32) -> Option<Frame> {
    let frame = execution.others.as_deref_mut()?.frames.remove(&id)?;
    execution.variable_bytes = execution
        .variable_bytes
        .saturating_sub(frame.variable_bytes());
    Some(frame)
}

fn remove_children(execution: &mut Execution, parent: u32, effects: &mut Vec<Effect>) {
    let children: Vec<u32> = execution.children(parent);
    for child in children {
        remove(execution, child, effects);
    }
}
