//! How a state fails: tried again, caught, or passed up to what contains it.
//!
//! Owns: the order Retry, Catch, end of the frame (ASL "Errors"), and the abortion of siblings when a branch or
//! iteration fails.
//!
//! ```text
//! failure -> a retrier has attempts left  -> RetryScheduled
//!         -> a catcher matches            -> [Parallel|Map]StateFailed? -> StateExited -> its Next
//!         -> neither, frame 0             -> [Parallel|Map]StateFailed? -> ExecutionFailed
//!         -> neither, branch or iteration -> siblings aborted           -> failure of the Parallel or Map
//! ```

use crate::context::Lens;
use crate::data::{Doc, assigned};
use crate::decide::{Decider, Flow};
use crate::errors;
use crate::frame::{Origin, Phase};
use crate::retry;
use baton_language::EvalError;
use baton_language::jsonata::{QUERY_EVALUATION_ERROR, Source};
use baton_language::program::{Catcher, State, StateKind};
use baton_schemas::Payload;
use baton_schemas::history::{Assigned, EventKind, Failure};
use serde_json::{Value, json};

impl Decider<'_> {
    /// An expression of the frame's state failed.
    pub fn fail_evaluation(&mut self, frame: u32, error: &EvalError) -> Flow {
        let entered = self
            .execution
            .frame(frame)
            .map_or(0, |frame| frame.entered_id);
        let name = self.state_of(frame).map_or("", |state| &*state.name);
        let failure = errors::evaluation(name, entered, error);
        if error.error != QUERY_EVALUATION_ERROR {
            return self.fail(frame, failure);
        }
        let is_new = self.evaluation_failed(frame, error, &failure)?;
        let mut last = self.execution.frame(frame).map_or(0, |frame| frame.prev);
        let is_map = |state: &State| matches!(state.kind, StateKind::Map(_));
        let may_retry = self.will_retry(frame, &failure);
        if is_new && !may_retry && self.state_of(frame).is_some_and(is_map) {
            // A Map that can't begin is shown as one that failed (recorded from AWS).
            last = self.emit_after(
                last,
                frame,
                EventKind::MapStateFailed(failure.clone()),
                None,
            )?;
        }
        self.fail_after(last, frame, failure, None)
    }

    /// Writes EvaluationFailed; whether the state had not begun its work.
    ///
    /// An expression that is evaluated on entry is shown beside the entry, not after it: both follow the same event
    /// (recorded from AWS). A Wait is entered first.
    fn evaluation_failed(&mut self, id: u32, error: &EvalError, failure: &Failure) -> Flow<bool> {
        let (Some(frame), Some(state)) = (self.execution.frame(id), self.state_of(id)) else {
            return Ok(false);
        };
        let is_new = frame.prev == frame.entered_id;
        let is_wait = matches!(state.kind, StateKind::Wait(_));
        let prev = if is_new && !is_wait {
            frame.entered_prev
        } else {
            frame.prev
        };
        let event = EventKind::EvaluationFailed {
            state: state.name.clone(),
            location: error.location.clone(),
            failure: failure.clone(),
        };
        self.emit_after(prev, id, event, None)?;
        Ok(is_new)
    }

    fn will_retry(&self, id: u32, failure: &Failure) -> bool {
        let (Some(frame), Some(state)) = (self.execution.frame(id), self.state_of(id)) else {
            return false;
        };
        retry::pick(&state.retry, &frame.retries, failure.error.as_deref()).is_some()
    }

    /// The frame's state failed.
    pub fn fail(&mut self, frame: u32, failure: Failure) -> Flow {
        let last = self.execution.frame(frame).map_or(0, |frame| frame.prev);
        self.fail_after(last, frame, failure, None)
    }

    /// The frame's task ran out of time; a lost heartbeat is recorded as States.Timeout, and taken under either name.
    pub fn fail_timed_out(&mut self, frame: u32, heartbeat: bool) -> Flow {
        let last = self.execution.frame(frame).map_or(0, |frame| frame.prev);
        let known_as = heartbeat.then_some(errors::HEARTBEAT_TIMEOUT);
        self.fail_after(last, frame, errors::timeout(), known_as)
    }

    /// The same; what comes next follows event `last`. Retriers and catchers look at `known_as` where there is such a name.
    fn fail_after(
        &mut self,
        last: u64,
        frame: u32,
        failure: Failure,
        known_as: Option<&'static str>,
    ) -> Flow {
        let Some(state) = self.state_of(frame) else {
            return Ok(());
        };
        let error = known_as.or(failure.error.as_deref());
        let used = self
            .execution
            .frame(frame)
            .map_or(&[][..], |frame| &frame.retries);
        if let Some(index) = retry::pick(&state.retry, used, error) {
            let count = used.get(index).copied().unwrap_or(0);
            let seed = format!("{}#{last}", self.execution.arn);
            let delay_ms = retry::delay_ms(&state.retry[index], count, &seed);
            let due_ms = self.now_ms.saturating_add(delay_ms);
            let scheduled = EventKind::RetryScheduled {
                due_ms,
                retrier: index as u32,
            };
            return self.emit_after(last, frame, scheduled, None).map(drop);
        }
        let mut last = last;
        if self
            .execution
            .frame(frame)
            .is_some_and(|frame| frame.is_forked())
        {
            let failed = match &state.kind {
                StateKind::Map(_) => EventKind::MapStateFailed(failure.clone()),
                _ => EventKind::ParallelStateFailed(failure.clone()),
            };
            last = self.emit_after(last, frame, failed, None)?;
        }
        match state
            .catch
            .iter()
            .find(|catcher| errors::matches(&catcher.errors, error))
        {
            Some(catcher) => self.caught(frame, state, catcher, &failure),
            None => self.fail_frame(last, frame, failure, known_as),
        }
    }

    /// A catcher takes the failure: its output goes to the catcher's `Next`, past `OutputPath`.
    fn caught(&mut self, frame: u32, state: &State, catcher: &Catcher, failure: &Failure) -> Flow {
        let Some(found) = self.execution.frame(frame) else {
            return Ok(());
        };
        let (last, entered) = (found.prev, found.entered_id);
        let error = error_output(failure);
        let lens = Lens::new(self.execution, found, self.now_ms).with_error(Source::Value(&error));
        match handled(catcher, &found.input, &error, &lens) {
            Ok((output, _)) if output.len() > self.execution.limits.payload_bytes => {
                self.fail_frame(last, frame, errors::too_large(&state.name), None)
            }
            Ok(leaving) => match self.refuse_variables(leaving.1.as_deref()) {
                Some(failure) => self.fail_frame(last, frame, failure, None),
                None => self.leave(frame, state, leaving, Some(catcher.next)),
            },
            Err(error) => {
                let failure = errors::evaluation(&state.name, entered, &error);
                let mut last = last;
                if error.error == QUERY_EVALUATION_ERROR {
                    self.evaluation_failed(frame, &error, &failure)?;
                    last = self.execution.frame(frame).map_or(0, |frame| frame.prev);
                }
                self.fail_frame(last, frame, failure, None)
            }
        }
    }

    /// Nothing in the frame takes the failure.
    fn fail_frame(
        &mut self,
        last: u64,
        id: u32,
        failure: Failure,
        known_as: Option<&'static str>,
    ) -> Flow {
        let Some(Origin { parent, index }) =
            self.execution.frame(id).and_then(|frame| frame.origin)
        else {
            return self
                .emit_after(last, id, EventKind::ExecutionFailed(failure), None)
                .map(drop);
        };
        if let Some(state) = self.state_of(parent)
            && let StateKind::Map(_) = &state.kind
        {
            let failed = EventKind::MapIterationFailed {
                name: state.name.clone(),
                index,
            };
            self.emit_after(last, id, failed, None)?;
        }
        self.abort_children(parent, Some(id))?;
        self.fail_after(last, parent, failure, known_as)
    }

    /// Ends everything that frame `parent` made, but for the one that failed.
    fn abort_children(&mut self, parent: u32, failed: Option<u32>) -> Flow {
        let state = self.state_of(parent);
        for child in self.execution.children(parent) {
            if Some(child) == failed {
                continue;
            }
            self.abort_state(child)?;
            let index = self
                .execution
                .frame(child)
                .and_then(|frame| frame.origin)
                .map_or(0, |origin| origin.index);
            if let Some(state) = state
                && let StateKind::Map(_) = &state.kind
            {
                let aborted = EventKind::MapIterationAborted {
                    name: state.name.clone(),
                    index,
                };
                self.emit(child, aborted, None)?;
            }
        }
        Ok(())
    }

    /// Ends the state that a frame is in from outside.
    fn abort_state(&mut self, id: u32) -> Flow {
        let Some(frame) = self.execution.frame(id) else {
            return Ok(());
        };
        let forked = frame.fork().is_some();
        let idle = frame.phase == Phase::Idle;
        if forked {
            self.abort_children(id, None)?;
        }
        if idle {
            return Ok(());
        }
        let aborted = match self.state_of(id).map(|state| &state.kind) {
            Some(StateKind::Parallel { .. }) => EventKind::ParallelStateAborted,
            Some(StateKind::Map(_)) => EventKind::MapStateAborted,
            Some(StateKind::Wait(_)) => EventKind::WaitStateAborted,
            _ => EventKind::TaskStateAborted,
        };
        self.emit(id, aborted, None).map(drop)
    }
}

/// The output and the variables of a state whose failure a catcher takes.
fn handled(
    catcher: &Catcher,
    raw: &Payload,
    error: &Value,
    lens: &Lens<'_>,
) -> Result<(Payload, Option<Box<Assigned>>), EvalError> {
    let assigned = assigned(catcher.assign.as_ref(), lens, || Doc::Value(error.clone()))?;
    let output = match (&catcher.output, &catcher.result_path) {
        (Some(form), _) => Payload::from_value(&lens.fill(form)?),
        (None, None) => raw.clone(),
        (None, Some(path)) if path.is_root() => Payload::from_value(error),
        (None, Some(path)) => Payload::from_value(&path.insert(raw.to_value(), error.clone())?),
    };
    Ok((output, assigned))
}

/// A catcher's input: `Error` and `Cause`. AWS writes null for what the task did not say, and an empty cause for a timeout.
fn error_output(failure: &Failure) -> Value {
    let timed_out = failure.error.as_deref() == Some(errors::TIMEOUT);
    let cause = failure.cause.as_deref().or(timed_out.then_some(""));
    json!({ "Error": failure.error.as_deref(), "Cause": cause })
}
