//! How a state ends well, and what follows.
//!
//! Owns: StateExited, the way to the next state, and the end of frames: the execution's success, a branch's or an
//! iteration's. Failures are in `failing`.

use crate::context::Lens;
use crate::data::{Doc, Leaving, leave_with};
use crate::decide::{Decider, Flow};
use crate::errors;
use crate::limits::VARIABLES_BYTES_MAX;
use crate::states;
use baton_language::program::{State, StateId, StateKind};
use baton_schemas::Payload;
use baton_schemas::history::{Assigned, EventKind, Failure, StateType};

impl<'a> Decider<'a> {
    /// The state that a frame is in.
    pub fn state_of(&self, frame: u32) -> Option<&'a State> {
        self.execution
            .frame(frame)?
            .state
            .map(|id| self.program.state(id))
    }

    /// Ends the state whose work gave `result`.
    pub fn finish(&mut self, frame: u32, result: Doc) -> Flow {
        let (Some(state), Some(found)) = (self.state_of(frame), self.execution.frame(frame)) else {
            return Ok(());
        };
        let shown = result.clone();
        let lens = Lens::new(self.execution, found, self.now_ms).with_result(shown.source());
        match leave_with(state, &found.input, result, &lens) {
            Ok(leaving) => self.exit(frame, leaving, state.next),
            Err(error) => self.fail_evaluation(frame, &error),
        }
    }

    /// Leaves the state, for `next` or for the end of the frame.
    pub fn exit(&mut self, frame: u32, leaving: Leaving, next: Option<StateId>) -> Flow {
        let Some(state) = self.state_of(frame) else {
            return Ok(());
        };
        let output = leaving.output.into_payload();
        if output.len() > self.execution.limits.payload_bytes {
            return self.fail(frame, errors::too_large(&state.name));
        }
        if let Some(failure) = self.refuse_variables(leaving.assigned.as_deref()) {
            return self.fail(frame, failure);
        }
        self.leave(frame, state, (output, leaving.assigned), next)
    }

    /// Why these variables can't be assigned, if they can't.
    pub fn refuse_variables(&self, assigned: Option<&Assigned>) -> Option<Failure> {
        let bytes: usize = assigned?.values().map(Payload::len).sum();
        let all = bytes.saturating_add(self.execution.variable_bytes);
        if bytes > self.execution.limits.payload_bytes {
            Some(errors::variables_too_large(
                self.execution.limits.payload_bytes,
            ))
        } else if all > VARIABLES_BYTES_MAX {
            Some(errors::variables_too_large(VARIABLES_BYTES_MAX))
        } else {
            None
        }
    }

    /// Writes StateExited and goes on.
    pub fn leave(
        &mut self,
        frame: u32,
        state: &State,
        (output, assigned): (Payload, Option<Box<Assigned>>),
        next: Option<StateId>,
    ) -> Flow {
        let exited = EventKind::StateExited {
            state: state_type(&state.kind),
            name: state.name.clone(),
            assigned,
        };
        self.emit(frame, exited, Some(output.clone()))?;
        match next {
            Some(next) => {
                self.ready.push_front((frame, next, output));
                Ok(())
            }
            None => self.end(frame, output),
        }
    }

    /// Evaluates something for the state that `frame` is in; `None` if it is in none.
    pub fn with_lens<T>(
        &self,
        frame: u32,
        evaluate: impl FnOnce(&'a State, &Lens<'_>, &Payload) -> T,
    ) -> Option<(&'a State, T)> {
        let state = self.state_of(frame)?;
        let frame = self.execution.frame(frame)?;
        let lens = Lens::new(self.execution, frame, self.now_ms);
        Some((state, evaluate(state, &lens, &frame.input)))
    }

    /// The last state of the frame ended.
    pub(crate) fn end(&mut self, id: u32, output: Payload) -> Flow {
        let Some(origin) = self.execution.frame(id).and_then(|frame| frame.origin) else {
            return self
                .emit(id, EventKind::ExecutionSucceeded, Some(output))
                .map(drop);
        };
        let Some(parent) = self.state_of(origin.parent) else {
            return Ok(());
        };
        let last = self.execution.frame(id).map_or(0, |frame| frame.prev);
        match &parent.kind {
            StateKind::Map(map) => {
                let done = EventKind::MapIterationSucceeded {
                    name: parent.name.clone(),
                    index: origin.index,
                };
                self.emit(id, done, None)?;
                states::map::go_on(self, origin.parent, map, last)
            }
            _ => {
                self.emit(
                    id,
                    EventKind::BranchSucceeded {
                        index: origin.index,
                    },
                    None,
                )?;
                states::parallel::go_on(self, origin.parent)
            }
        }
    }
}

/// The type of a state, as its events name it.
pub(crate) fn state_type(kind: &StateKind) -> StateType {
    match kind {
        StateKind::Pass { .. } => StateType::Pass,
        StateKind::Task(_) => StateType::Task,
        StateKind::Choice { .. } => StateType::Choice,
        StateKind::Wait(_) => StateType::Wait,
        StateKind::Succeed => StateType::Succeed,
        StateKind::Fail { .. } => StateType::Fail,
        StateKind::Parallel { .. } => StateType::Parallel,
        StateKind::Map(_) => StateType::Map,
    }
}
