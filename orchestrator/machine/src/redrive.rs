//! Redrive: a closed execution goes on where it did not end well.
//!
//! ```text
//! FAILED, ABORTED, TIMED_OUT -> ExecutionRedriven -> each state that was entered and not left begins its work again
//! ```
//! Owns: what may be redriven (AWS: RedriveExecution) and how each frame goes on. States keep their input; retries count
//! from 0 and timeouts anew; of a Parallel or Map only the branches and iterations that failed or were aborted go on,
//! but one that failed by itself, after all of them had ended well, begins anew. A state goes on as after a retry,
//! without entering again; only Fail is entered again, as AWS says. Source: AWS Step Functions Developer Guide,
//! "Redriving executions".

use crate::data::arguments;
use crate::decide::{Decider, Flow};
use crate::effect::Status;
use crate::execution::Execution;
use crate::frame::Phase;
pub use crate::interventions::Redrive;
use crate::limits::{EXECUTION_AGE_MS_MAX, REDRIVE_PERIOD_MS};
use crate::states;
use baton_language::program::{StateId, StateKind};
use baton_schemas::Payload;
use baton_schemas::history::{EventKind, Redriven};
use std::sync::Arc;

/// What decides whether an execution can be redriven.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// How it stands.
    pub status: Status,
    /// When it started, milliseconds since the epoch.
    pub started_ms: i64,
    /// When it closed, milliseconds since the epoch.
    pub closed_ms: Option<i64>,
    /// Id of its last event.
    pub last_id: u64,
    /// Most events in a history.
    pub history_events_max: u64,
}

impl Candidate {
    /// Why it can't be redriven at `now_ms`, in AWS's words; `None` if it can.
    #[must_use]
    pub fn refusal(&self, now_ms: i64) -> Option<&'static str> {
        let over = |since_ms: i64, period_ms: i64| now_ms.saturating_sub(since_ms) > period_ms;
        match self.status {
            Status::Running => Some("Execution is RUNNING and cannot be redriven"),
            Status::Succeeded => Some("Execution is SUCCEEDED and cannot be redriven"),
            _ if self.last_id + 1 >= self.history_events_max => {
                Some("Execution history event limit exceeded")
            }
            _ if over(self.started_ms, EXECUTION_AGE_MS_MAX) => {
                Some("Execution has exceeded the max execution time")
            }
            _ if over(self.closed_ms.unwrap_or(now_ms), REDRIVE_PERIOD_MS) => {
                Some("Execution redrivable period exceeded")
            }
            _ => None,
        }
    }
}

impl Execution {
    /// Why the execution, which closed at `closed_ms`, can't be redriven at `now_ms`, in AWS's words; `None` if it can.
    #[must_use]
    pub fn why_not_redrivable(&self, closed_ms: i64, now_ms: i64) -> Option<&'static str> {
        let candidate = Candidate {
            status: self.status,
            started_ms: self.started_ms,
            closed_ms: Some(closed_ms),
            last_id: self.last_id,
            history_events_max: self.limits.history_events,
        };
        candidate.refusal(now_ms)
    }
}

impl Decider<'_> {
    pub(crate) fn redrive(&mut self, token: Option<Arc<str>>) -> Flow {
        // How long ago it closed is the caller's to check: memory does not keep it.
        if self
            .execution
            .why_not_redrivable(self.now_ms, self.now_ms)
            .is_some()
        {
            return Ok(());
        }
        let count = self.execution.redrive_count().saturating_add(1);
        let redriven = EventKind::ExecutionRedriven(Box::new(Redriven { count, token }));
        self.emit_after(self.execution.last_id, 0, redriven, None)?;
        for id in self.execution.frame_ids() {
            match self.execution.frame(id).map(|frame| &frame.phase) {
                Some(Phase::Idle) => self.go_on(id)?,
                Some(Phase::Forked(fork)) if fork.running == 0 => self.go_on_forked(id)?,
                _ => continue,
            }
            self.run()?;
            if self.is_closed() {
                break;
            }
        }
        Ok(())
    }

    /// A frame that waits for nothing goes on.
    fn go_on(&mut self, id: u32) -> Flow {
        let Some(frame) = self.execution.frame(id) else {
            return Ok(());
        };
        let (input, left) = (frame.input.clone(), frame.entered_id == 0);
        let Some(state) = self.state_of(id) else {
            return self.begin(id, input);
        };
        match (&state.kind, state.next) {
            (StateKind::Fail { .. }, _) => {
                let state = self.execution.frame(id).and_then(|frame| frame.state);
                state.map_or(Ok(()), |state| states::enter(self, id, state, input))
            }
            // The execution was ended between two states.
            (_, Some(next)) if left => states::enter(self, id, next, input),
            (StateKind::Choice { .. }, _) => states::again(self, id),
            _ if left => self.end(id, input),
            _ => states::again(self, id),
        }
    }

    /// A frame that had entered no state.
    fn begin(&mut self, id: u32, input: Payload) -> Flow {
        let origin = self.execution.frame(id).and_then(|frame| frame.origin);
        let Some(origin) = origin else {
            return states::enter(self, id, self.program.start, input);
        };
        let Some(parent) = self.state_of(origin.parent) else {
            return Ok(());
        };
        match &parent.kind {
            StateKind::Map(map) => states::enter(self, id, map.processor, input),
            StateKind::Parallel { branches } => match branches.get(origin.index as usize) {
                Some(start) => self.begin_branch(id, origin.parent, *start),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// A branch that had entered no state takes its input from the Parallel's once more.
    fn begin_branch(&mut self, id: u32, parent: u32, start: StateId) -> Flow {
        match self.with_lens(parent, |state, lens, raw| arguments(state, raw, lens)) {
            Some((_, Ok(input))) => states::enter(self, id, start, input.into_payload()),
            Some((_, Err(error))) => self.fail_evaluation(parent, &error),
            None => Ok(()),
        }
    }

    /// A Map of which nothing runs and some items were never started.
    fn go_on_forked(&mut self, id: u32) -> Flow {
        let Some(state) = self.state_of(id) else {
            return Ok(());
        };
        match &state.kind {
            StateKind::Map(map) => {
                let last = self.execution.last_id;
                states::map::go_on(self, id, map, last)
            }
            _ => states::parallel::go_on(self, id),
        }
    }
}
