//! The child executions that an execution waits for.
//!
//! Owns: what each is started with, as often as it is asked: at first by the event that starts it, and again when nobody
//! knows whether that start, or its report, got through (R10, R12). What a child is called is in `nested`.

use crate::effect::ChildStart;
use crate::execution::Execution;
use crate::frame::{Frame, Phase};
use crate::map_run::MapRun;
use crate::nested;
use baton_language::program::{Distributed, StateKind, Transformation};
use baton_language::resource::INSIDE;
use baton_schemas::Payload;
use baton_schemas::parent::ReportForm;
use std::sync::Arc;

impl Execution {
    /// Starts of all children that are waited for, to be asked for again, in the order of their frames.
    #[must_use]
    pub fn open_children(&self) -> Vec<Box<ChildStart>> {
        let mut open = Vec::new();
        for id in self.frame_ids() {
            let Some(frame) = self.frame(id) else {
                continue;
            };
            match &frame.phase {
                Phase::Task(task) if &*task.queue == INSIDE => {
                    open.extend(nested::of_task(&self.arn, task));
                }
                Phase::MapRun(run) => {
                    let running = run.running.iter();
                    let starts = running.filter_map(|(index, child)| {
                        of_run(self, id, run, *index, child.input.clone())
                    });
                    open.extend(starts);
                }
                _ => {}
            }
        }
        open
    }

    /// Whether the map run of this event id waits for its child of this number.
    #[must_use]
    pub fn awaits_child(&self, run: u64, index: u64) -> bool {
        let frame = self.frame_of(run).and_then(|id| self.frame(id));
        let run = frame.and_then(Frame::map_run);
        run.is_some_and(|run| run.running.contains_key(&index))
    }

    /// When the task or map run of this event id began to wait, milliseconds since the epoch, if it is open.
    #[must_use]
    pub fn open_since_ms(&self, task: u64) -> Option<i64> {
        match &self.frame(self.frame_of(task)?)?.phase {
            Phase::Task(task) => Some(task.scheduled_ms),
            Phase::MapRun(run) => Some(run.started_ms),
            _ => None,
        }
    }
}

/// A child of the map run that `frame` waits for, as it is started.
pub(crate) fn of_run(
    execution: &Execution,
    frame: u32,
    run: &MapRun,
    index: u64,
    input: Payload,
) -> Option<Box<ChildStart>> {
    let (name, map) = map_of(execution, frame)?;
    let in_full = run.plan.writer.is_some() || transformation(map) == Transformation::None;
    let report = if in_full {
        ReportForm::ItemInFull
    } else {
        ReportForm::Item
    };
    nested::item(execution, run, (name, map.express), index, report, input)
}

/// What becomes of the results of a distributed Map.
pub(crate) fn transformation(map: &Distributed) -> Transformation {
    let writer = map.writer.as_ref();
    writer.map_or(Transformation::Compact, |writer| writer.transformation)
}

/// Name and fields of the distributed Map that a frame is in.
pub(crate) fn map_of(execution: &Execution, frame: u32) -> Option<(Arc<str>, &Distributed)> {
    let state = execution.program.state(execution.frame(frame)?.state?);
    match &state.kind {
        StateKind::Map(map) => Some((state.name.clone(), map.distributed.as_deref()?)),
        _ => None,
    }
}
