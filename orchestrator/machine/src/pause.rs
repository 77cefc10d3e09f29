//! Pause and resume: an execution that stands still without losing anything.
//!
//! ```text
//! running -Pause-> ExecutionPaused  -> paused
//! paused  -a task ends-> CompletionHeld            (the task is closed, its outcome waits)
//! paused  -a timer is due->                        (nothing; it fires after the resumption)
//! paused  -Resume-> ExecutionResumed -> TaskSucceeded, ... of each held task, in the order of the frames -> running
//! ```
//! Owns: what a paused execution does with stimuli. Signs of life, first answers and StopExecution count as ever: they
//! schedule nothing. A map run notes what its children report, and starts no more of them until the resumption.

use crate::decide::{Decider, Flow};
use crate::frame::Phase;
use crate::states;
use baton_schemas::Payload;
use baton_schemas::history::{EventKind, Failure};

impl Decider<'_> {
    pub(crate) fn is_paused(&self) -> bool {
        self.execution.is_paused()
    }

    pub(crate) fn pause(&mut self) -> Flow {
        if self.is_paused() {
            return Ok(());
        }
        self.emit_after(0, 0, EventKind::ExecutionPaused, None)
            .map(drop)
    }

    /// A task ended: what it said waits.
    pub(crate) fn hold(&mut self, task: u64, outcome: Result<Payload, Failure>) -> Flow {
        let Some(frame) = self.execution.frame_of(task) else {
            return self.ignore(task, "no open task has this id");
        };
        let (output, failure) = match outcome {
            Ok(output) => (Some(output), None),
            Err(failure) => (None, Some(failure)),
        };
        let held = EventKind::CompletionHeld { task, failure };
        self.emit_after(0, frame, held, output).map(drop)
    }

    /// Goes on: first with what was held. Timers that are due fire at the next tick.
    pub(crate) fn resume(&mut self) -> Flow {
        if !self.is_paused() {
            return Ok(());
        }
        self.emit_after(0, 0, EventKind::ExecutionResumed, None)?;
        let held = |phase: &Phase| match phase {
            Phase::Held(held) => Some(held.outcome.clone()),
            _ => None,
        };
        for id in self.execution.frame_ids() {
            let frame = self.execution.frame(id);
            let is_map_run = frame.is_some_and(|frame| frame.map_run().is_some());
            match frame.and_then(|frame| held(&frame.phase)) {
                Some(Ok(output)) => states::task::succeeded(self, id, output)?,
                Some(Err(failure)) => states::task::failed(self, id, failure)?,
                None if is_map_run => states::map_run::resumed(self, id)?,
                None => continue,
            }
            self.run()?;
            if self.is_closed() {
                break;
            }
        }
        Ok(())
    }
}
