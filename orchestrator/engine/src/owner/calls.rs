//! Calls of the API.
//!
//! Owns: what StartExecution, StopExecution and the SendTask calls lead to, and what is answered. Every answer waits for
//! what was appended before it (R6).

use super::Owner;
use super::decide::NewExecution;
use super::express::{is_express, is_express_task};
use super::inputs::stimulus_of;
use super::memory::Held;
use super::state::start_hash;
use crate::call::{Call, CallError, CallId, Reply, StartCall};
use crate::ports::Action;
use baton_machine::{MapRunBounds, Stimulus};
use baton_schemas::history::{Cause, Failure};
use baton_schemas::partition::partition_of;
use baton_schemas::{Outcome, TaskToken};
use std::sync::Arc;

impl Owner {
    pub(super) fn on_call(&mut self, id: CallId, call: Call, out: &mut Vec<Action>) {
        if !self.is_serving() {
            let reply = Err(CallError::NotOwner {
                partition: self.settings.partition,
            });
            out.push(Action::Reply { id, reply });
        } else if self.memory.held.len() + self.memory.in_flight.len()
            >= self.settings.in_flight_max
        {
            out.push(Action::Reply {
                id,
                reply: Err(CallError::Throttled(
                    "too many records in flight: try again",
                )),
            });
        } else if self.memory.reclaim.is_some() {
            self.memory.held.push_back(Held::Call(id, call));
        } else {
            match call {
                Call::Start(start) => self.on_start_call(id, *start, out),
                Call::StartSync(start) => self.on_start_sync_call(id, *start, out),
                Call::Stop { execution, failure } => {
                    self.on_stop_call(id, &execution, failure, out)
                }
                Call::Redrive { execution, token } => {
                    self.on_redrive_call(id, &execution, token, out)
                }
                Call::Pause { execution, paused } => {
                    self.on_pause_call(id, &execution, paused, out)
                }
                Call::UpdateMapRun {
                    execution,
                    run,
                    bounds,
                } => self.on_update_call(id, &execution, run, bounds, out),
                Call::Complete { token, outcome } => {
                    self.on_complete_call(id, &token, outcome, out)
                }
            }
        }
    }

    /// Takes what waited for a claim.
    pub(super) fn release_held(&mut self, out: &mut Vec<Action>) {
        for held in std::mem::take(&mut self.memory.held) {
            match held {
                Held::Call(id, call) => self.on_call(id, call, out),
                Held::Refused(id, reason) => self.on_sent(id, Err(reason), out),
                Held::RegistryRead => self.settle_parked(out),
                Held::Recalled(execution, steps) => self.on_recalled(&execution, steps, out),
            }
        }
    }

    fn on_start_call(&mut self, id: CallId, call: StartCall, out: &mut Vec<Action>) {
        if let Err(e) = self.check_partition(&call.execution) {
            self.reply(id, Err(e), out);
            return;
        }
        if is_express(&call.definition) {
            let reply = self.start_express(call, (None, None), http(id), out);
            self.reply(id, reply, out);
            return;
        }
        let hash = start_hash(&call.definition.arn, &call.input, None);
        if let Some(slot) = self.memory.state.executions.get(&call.execution) {
            let reply = if slot.start_hash == hash {
                Ok(Reply::Started {
                    start_ms: slot.start_ms,
                })
            } else {
                Err(CallError::ExecutionAlreadyExists(call.execution))
            };
            self.reply(id, reply, out);
            return;
        }
        if self.memory.state.names.get(&call.execution).is_some() {
            self.reply(
                id,
                Err(CallError::ExecutionAlreadyExists(call.execution)),
                out,
            );
            return;
        }
        if self.memory.state.executions.len() >= self.settings.open_executions_max {
            self.reply(
                id,
                Err(CallError::Throttled("too many open executions: try again")),
                out,
            );
            return;
        }
        let new = NewExecution {
            execution: call.execution,
            definition: &call.definition,
            input: call.input,
            traceparent: call.traceparent,
            reply_to: None,
            qualifier: call.qualifier,
            parent: None,
            machine: None,
            cause: http(id),
        };
        let start_ms = self.now_ms;
        let reply = self.start(new, out).map(|()| Reply::Started { start_ms });
        self.reply(id, reply, out);
    }

    fn on_stop_call(
        &mut self,
        id: CallId,
        execution: &Arc<str>,
        failure: Failure,
        out: &mut Vec<Action>,
    ) {
        if let Err(e) = self.check_partition(execution) {
            self.reply(id, Err(e), out);
        } else if self.memory.state.executions.contains_key(execution) {
            let reply = Reply::Stopped {
                stop_ms: self.now_ms,
            };
            self.step(
                execution,
                Stimulus::Stop(failure),
                http(id),
                Some((id, reply)),
                out,
            );
        } else {
            let reply = match self.memory.state.names.get(execution) {
                Some(name) => Ok(Reply::Stopped {
                    stop_ms: name.closed_ms,
                }),
                None => Err(CallError::ExecutionDoesNotExist(execution.clone())),
            };
            self.reply(id, reply, out);
        }
    }

    fn on_pause_call(
        &mut self,
        id: CallId,
        execution: &Arc<str>,
        paused: bool,
        out: &mut Vec<Action>,
    ) {
        if let Err(e) = self.check_partition(execution) {
            self.reply(id, Err(e), out);
            return;
        }
        let Some(slot) = self.memory.state.executions.get(execution) else {
            let error = match self.memory.state.names.get(execution) {
                Some(_) => CallError::ExecutionClosed(execution.clone()),
                None => CallError::ExecutionDoesNotExist(execution.clone()),
            };
            self.reply(id, Err(error), out);
            return;
        };
        let since_ms = slot.execution.paused_ms().unwrap_or(self.now_ms);
        let reply = Reply::Paused {
            paused_ms: paused.then_some(since_ms),
        };
        self.step(
            execution,
            pause_or_resume(paused),
            http(id),
            Some((id, reply)),
            out,
        );
    }

    fn on_update_call(
        &mut self,
        id: CallId,
        execution: &Arc<str>,
        run: Arc<str>,
        bounds: MapRunBounds,
        out: &mut Vec<Action>,
    ) {
        if let Err(e) = self.check_partition(execution) {
            self.reply(id, Err(e), out);
        } else if self.memory.state.executions.contains_key(execution) {
            let stimulus = Stimulus::ChangeMapRun { run, bounds };
            let reply = Some((id, Reply::Completed));
            self.step(execution, stimulus, http(id), reply, out);
        } else {
            let error = CallError::ExecutionDoesNotExist(execution.clone());
            self.reply(id, Err(error), out);
        }
    }

    fn on_complete_call(
        &mut self,
        id: CallId,
        token: &TaskToken,
        outcome: Outcome,
        out: &mut Vec<Action>,
    ) {
        let Some((execution, task)) = token.parts() else {
            self.reply(
                id,
                Err(CallError::InvalidToken(token.as_str().to_owned())),
                out,
            );
            return;
        };
        if let Err(e) = self.check_partition(&execution) {
            self.reply(id, Err(e), out);
            return;
        }
        if is_express_task(task) {
            let taken = self.express_completion(&execution, task, outcome, out);
            let reply = if taken {
                Ok(Reply::Completed)
            } else {
                Err(CallError::TaskTimedOut)
            };
            self.reply(id, reply, out);
            return;
        }
        let open = self
            .memory
            .state
            .executions
            .get(&execution)
            .is_some_and(|slot| slot.execution.is_open(task));
        if open {
            self.step(
                &execution,
                stimulus_of(task, outcome),
                http(id),
                Some((id, Reply::Completed)),
                out,
            );
        } else {
            self.reply(id, Err(CallError::TaskTimedOut), out);
        }
    }

    pub(super) fn check_partition(&self, execution: &str) -> Result<(), CallError> {
        let partition = partition_of(execution.as_bytes(), self.settings.partitions);
        if partition == self.settings.partition {
            Ok(())
        } else {
            Err(CallError::NotOwner { partition })
        }
    }
}

pub fn http(id: CallId) -> Cause {
    Cause::Http(id.to_string().into())
}

/// What a pause or a resumption is to the machine.
pub fn pause_or_resume(paused: bool) -> Stimulus {
    if paused {
        Stimulus::Pause
    } else {
        Stimulus::Resume
    }
}
