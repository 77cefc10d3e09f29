//! Records of the input topics (R7, R12).
//!
//! Owns: what a completion or request leads to. Each record is decided once, in offset order for each topic; its
//! position becomes durable with the history record it causes, or with a later one.

use super::Owner;
use super::decide::NewExecution;
use super::express::{is_express, is_express_task};
use super::memory::Held;
use super::reports;
use super::state::{Name, start_hash};
use crate::call::StartCall;
use crate::definitions::Definition;
use crate::ports::{Action, InputRecord};
use baton_machine::Stimulus;
use baton_schemas::history::{Cause, InputTopic};
use baton_schemas::parent::Parent;
use baton_schemas::partition::partition_of;
use baton_schemas::request::{ReplyTo, StartRequest, StopRequest};
use baton_schemas::{Completion, Outcome, Request};
use std::sync::Arc;

/// Errors of a child's start, as AWS's StartExecution names them.
const EXISTS: &str = "StepFunctions.ExecutionAlreadyExistsException";
const NO_MACHINE: &str = "StepFunctions.StateMachineDoesNotExistException";
const TOO_LARGE: &str = "States.DataLimitExceeded";
const NO_ROOM: &str = "StepFunctions.ExecutionLimitExceededException";
const STOPPED: &str = "States.TaskFailed";

impl Owner {
    pub(super) fn on_record(
        &mut self,
        topic: InputTopic,
        offset: i64,
        record: InputRecord,
        out: &mut Vec<Action>,
    ) {
        // Below the position: dealt with, by this owner or the one before (R7).
        let dealt_with = self
            .memory
            .state
            .positions
            .next(topic)
            .is_some_and(|next| offset < next);
        if !self.is_serving() || (dealt_with && !self.without(7)) {
            return;
        }
        debug_assert!(
            self.memory.reclaim.is_none(),
            "inputs wait while a claim is under way"
        );
        let record = match self.park_if_unknown(offset, record, out) {
            Some(record) => record,
            None => return,
        };
        self.memory.state.positions.advance(topic, offset + 1);
        let cause = match topic {
            InputTopic::Completions => Cause::Completions(offset),
            InputTopic::Requests => Cause::Requests(offset),
        };
        match record {
            InputRecord::Completion(completion) => self.on_completion(completion, cause, out),
            InputRecord::Request(Request::Start(start)) => {
                self.on_start_request(offset, start, out)
            }
            InputRecord::Request(Request::Stop(stop)) => self.on_stop_request(stop, cause, out),
            InputRecord::Malformed { record, reason } => {
                self.reject(cause, Some(record), &reason, out)
            }
        }
        self.memory.mark_due = true;
        self.on_read_up_to(topic, offset + 1, out);
    }

    /// Everything below `next` has been dealt with.
    pub(super) fn on_read_up_to(&mut self, topic: InputTopic, next: i64, out: &mut Vec<Action>) {
        if !self.is_serving() || (topic == InputTopic::Requests && self.memory.parked.is_some()) {
            return;
        }
        self.memory.done.advance(topic, next);
        self.end_drain_if_done(out);
    }

    fn on_completion(&mut self, completion: Completion, cause: Cause, out: &mut Vec<Action>) {
        let Some((arn, task)) = completion.token.parts() else {
            let reason = "the token is not one that baton gave out";
            self.reject(cause, None, reason, out);
            return;
        };
        let partition = partition_of(arn.as_bytes(), self.settings.partitions);
        if partition != self.settings.partition && !self.without(12) {
            self.pass_on_completion(partition, cause, completion, out);
            return;
        }
        if is_express_task(task) {
            // One that is not taken is of a run that is over: nobody needs to hear of it.
            self.express_completion(&arn, task, completion.outcome, out);
            return;
        }
        if !self.memory.state.executions.contains_key(&arn) {
            // A last sign of life often crosses the end; nobody needs to hear of it.
            if completion.outcome.ends() {
                let closed = self.memory.state.names.get(&arn).is_some();
                let reason = if closed {
                    "the execution has closed"
                } else {
                    "no such execution"
                };
                self.reject(cause, None, reason, out);
            }
            return;
        }
        self.step(
            &arn,
            stimulus_of(task, completion.outcome),
            cause,
            None,
            out,
        );
    }

    fn on_start_request(&mut self, offset: i64, start: StartRequest, out: &mut Vec<Action>) {
        let cause = Cause::Requests(offset);
        let partition = partition_of(start.execution.as_bytes(), self.settings.partitions);
        if partition != self.settings.partition {
            self.pass_on_request(partition, cause, &Request::Start(start), out);
            return;
        }
        let hash = start_hash(&start.machine, &start.input, start.parent.as_deref());
        if let Some(slot) = self.memory.state.executions.get(&start.execution) {
            // The same start again is one start; the running execution will report.
            if slot.start_hash != hash {
                let reason = "an execution with this name runs with another input";
                self.refuse_start(start, EXISTS, reason, cause, out);
            }
            return;
        }
        if let Some(name) = self.memory.state.names.get(&start.execution) {
            self.on_repeated_start(start, name, hash, cause, out);
            return;
        }
        let Some(definition) = self.definition_of(&start) else {
            let reason = format!("state machine {} does not exist", start.machine);
            self.refuse_start(start, NO_MACHINE, &reason, cause, out);
            return;
        };
        if is_express(&definition) {
            let call = StartCall {
                execution: start.execution,
                definition,
                input: start.input,
                traceparent: start.traceparent,
                qualifier: None,
            };
            let whose = (start.reply_to, start.parent.clone());
            if let Err(e) = self.start_express(call, whose, cause.clone(), out) {
                match start.parent {
                    Some(parent) => self.refuse_child(&parent, NO_ROOM, &e.to_string(), cause, out),
                    None => self.reject(cause, None, &e.to_string(), out),
                }
            }
            return;
        }
        let is_item = start.parent.as_ref().is_some_and(|p| p.item.is_some());
        let new = NewExecution {
            execution: start.execution,
            definition: &definition,
            input: start.input,
            traceparent: start.traceparent,
            reply_to: start.reply_to,
            qualifier: None,
            machine: is_item.then(|| start.machine.clone()),
            parent: start.parent.clone(),
            cause: cause.clone(),
        };
        if let Err(e) = self.start(new, out) {
            match start.parent {
                Some(parent) => self.refuse_child(&parent, TOO_LARGE, &e.to_string(), cause, out),
                None => self.reject(cause, None, &e.to_string(), out),
            }
        }
    }

    /// What a start is to run: a Map's child the revision that its parent runs.
    fn definition_of(&self, start: &StartRequest) -> Option<Arc<Definition>> {
        match start.parent.as_ref().and_then(|p| p.item.as_ref()) {
            Some(item) => self.definitions.revision(item.revision),
            None => self.definitions.current(&start.machine),
        }
    }

    /// A start that can't be: the parent hears of it, or it goes to the dead letters.
    fn refuse_start(
        &mut self,
        start: StartRequest,
        error: &str,
        reason: &str,
        cause: Cause,
        out: &mut Vec<Action>,
    ) {
        match start.parent {
            Some(parent) => self.refuse_child(&parent, error, reason, cause, out),
            None => self.reject(cause, None, reason, out),
        }
    }

    fn refuse_child(
        &mut self,
        parent: &Parent,
        error: &str,
        reason: &str,
        cause: Cause,
        out: &mut Vec<Action>,
    ) {
        let report = reports::refused(parent, error, reason);
        self.pass_on_completion(parent.partition, cause, report, out);
    }

    /// A start whose name is taken by a closed execution: the same start means "report again" (R12).
    fn on_repeated_start(
        &mut self,
        start: StartRequest,
        name: Name,
        hash: u64,
        cause: Cause,
        out: &mut Vec<Action>,
    ) {
        if name.start_hash != hash && name.start_hash != 0 {
            let reason = "an execution with this name has closed; it had another input";
            self.refuse_start(start, EXISTS, reason, cause, out);
        } else if let Some(parent) = start.parent {
            if name.start_hash == 0 {
                let reason = "it was stopped before it started";
                self.refuse_child(&parent, STOPPED, reason, cause, out);
                return;
            }
            // The views know its parent, and hence what to report.
            let to = ReplyTo {
                topic: self.settings.topics.completions.clone(),
                partition: parent.partition,
            };
            self.report_again(to, start.execution, false, cause, out);
        } else if let Some(to) = start.reply_to {
            self.report_again(to, start.execution, name.start_hash == 0, cause, out);
        }
    }

    /// Before "does not exist", the registry is read to its end (R13): a start whose machine is not known waits, undecided,
    /// so its position stays where it is. `None` if it waits.
    fn park_if_unknown(
        &mut self,
        offset: i64,
        record: InputRecord,
        out: &mut Vec<Action>,
    ) -> Option<InputRecord> {
        let InputRecord::Request(Request::Start(start)) = record else {
            return Some(record);
        };
        let state = &self.memory.state;
        let is_ours = partition_of(start.execution.as_bytes(), self.settings.partitions)
            == self.settings.partition;
        let is_taken = state.executions.contains_key(&start.execution)
            || state.names.get(&start.execution).is_some();
        if !is_ours || is_taken || self.definition_of(&start).is_some() {
            return Some(InputRecord::Request(Request::Start(start)));
        }
        self.memory.parked = Some((offset, start));
        out.push(Action::ReadRegistry);
        None
    }

    pub(super) fn on_registry_read(&mut self, out: &mut Vec<Action>) {
        if self.memory.reclaim.is_some() {
            self.memory.held.push_back(Held::RegistryRead);
        } else {
            self.settle_parked(out);
            self.fold_again(out);
        }
    }

    /// Decides the start that waited for the registry.
    pub(super) fn settle_parked(&mut self, out: &mut Vec<Action>) {
        if !self.may_append() {
            return;
        }
        if let Some((offset, start)) = self.memory.parked.take() {
            self.memory
                .state
                .positions
                .advance(InputTopic::Requests, offset + 1);
            self.on_start_request(offset, start, out);
            self.on_read_up_to(InputTopic::Requests, offset + 1, out);
        }
    }

    fn on_stop_request(&mut self, stop: StopRequest, cause: Cause, out: &mut Vec<Action>) {
        let arn = stop.execution.clone();
        let partition = partition_of(arn.as_bytes(), self.settings.partitions);
        if partition != self.settings.partition {
            self.pass_on_request(partition, cause, &Request::Stop(stop), out);
        } else if self.memory.state.executions.contains_key(&arn) {
            self.step(&arn, Stimulus::Stop(stop.failure), cause, None, out);
        } else if self.memory.state.names.get(&arn).is_none() {
            self.bury(stop, cause, out);
        }
    }
}

/// What an outcome is to the machine.
pub fn stimulus_of(task: u64, outcome: Outcome) -> Stimulus {
    match outcome {
        Outcome::Succeeded(output) => Stimulus::TaskSucceeded { task, output },
        Outcome::Failed(failure) => Stimulus::TaskFailed { task, failure },
        Outcome::Heartbeat(_) => Stimulus::Heartbeat { task },
        Outcome::Started { worker } => Stimulus::TaskStarted { task, worker },
        Outcome::Submitted(output) => Stimulus::TaskSubmitted { task, output },
    }
}
