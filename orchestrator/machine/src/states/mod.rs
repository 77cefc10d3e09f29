//! What each state type does, one file each.
//!
//! Owns: the way into a state. Each file opens with its transition table: event that was written last -> what happens
//! next. Ways out are `flow` (well) and `failing` (badly).

mod choice;
mod fail;
pub(crate) mod map;
mod map_plan;
pub(crate) mod map_run;
mod numbers;
pub(crate) mod parallel;
mod pass;
mod succeed;
pub(crate) mod task;
pub(crate) mod wait;

use crate::decide::{Decider, Flow};
use crate::flow::state_type;
use baton_language::program::{StateId, StateKind};
use baton_schemas::Payload;
use baton_schemas::history::EventKind;

/// The frame enters the state.
pub(crate) fn enter(decider: &mut Decider<'_>, frame: u32, id: StateId, input: Payload) -> Flow {
    let state = decider.program.state(id);
    let entered = EventKind::StateEntered {
        state: state_type(&state.kind),
        name: state.name.clone(),
    };
    decider.emit(frame, entered, Some(input))?;
    again(decider, frame)
}

/// The frame's state begins its work, for the first time or once more.
pub(crate) fn again(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let Some(state) = decider.state_of(frame) else {
        return Ok(());
    };
    match &state.kind {
        StateKind::Pass { result } => pass::run(decider, frame, result.as_ref()),
        StateKind::Task(task) => task::run(decider, frame, task),
        StateKind::Choice { rules, default } => choice::run(decider, frame, rules, *default),
        StateKind::Wait(wait) => wait::run(decider, frame, wait),
        StateKind::Succeed => succeed::run(decider, frame),
        StateKind::Fail { error, cause } => {
            fail::run(decider, frame, error.as_ref(), cause.as_ref())
        }
        StateKind::Parallel { branches } => parallel::run(decider, frame, branches),
        StateKind::Map(map) => map::run(decider, frame, map),
    }
}
