//! Records of the input topics (R7, R12).
//!
//! Owns: what a completion or request leads to. Each record is decided once, in offset order for each topic; its
//! position becomes durable with the history record it causes, or with a later one.

use super::Owner;
use super::decide::NewExecution;
use super::fold::{pass_on, tombstone};
use super::memory::Then;
use super::outbox::{Effects, PendingEffect};
use super::state::{Name, start_hash};
use crate::ports::{Action, InputRecord, Outbound};
use crate::views::Change;
use baton_machine::Stimulus;
use baton_schemas::arn::arn_hash;
use baton_schemas::history::{
    Cause, Event, EventKind, Failure, HistoryRecord, InputTopic, PassedOn, Transition,
};
use baton_schemas::partition::partition_of;
use baton_schemas::record::Outgoing;
use baton_schemas::request::{StartRequest, StopRequest};
use baton_schemas::{Completion, Outcome, Payload, Record, Request};
use bytes::Bytes;
use std::sync::Arc;

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
        if self.memory.parked.is_none() || topic != InputTopic::Requests {
            self.on_read_up_to(topic, offset + 1, out);
        }
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
        if !self.memory.state.executions.contains_key(&arn) {
            // A last heartbeat often crosses the end; nobody needs to hear of it.
            if !matches!(completion.outcome, Outcome::Heartbeat(_)) {
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
        let hash = start_hash(&start.machine, &start.input);
        if let Some(slot) = self.memory.state.executions.get(&start.execution) {
            // The same start again is one start; the running execution will report.
            if slot.start_hash != hash {
                let reason = "an execution with this name runs with another input";
                self.reject(cause, None, reason, out);
            }
            return;
        }
        if let Some(name) = self.memory.state.names.get(&start.execution) {
            self.on_repeated_start(start, name, hash, cause, out);
            return;
        }
        match self.definitions.current(&start.machine) {
            Some(definition) => {
                let new = NewExecution {
                    execution: start.execution.clone(),
                    definition: &definition,
                    input: start.input.clone(),
                    traceparent: start.traceparent.clone(),
                    reply_to: start.reply_to.clone(),
                    cause: cause.clone(),
                };
                if let Err(e) = self.start(new, out) {
                    self.reject(cause, None, &e.to_string(), out);
                }
            }
            None => {
                // Before "does not exist", the registry is read to its end (R13).
                self.memory.parked = Some((offset, start));
                out.push(Action::ReadRegistry);
            }
        }
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
            self.reject(cause, None, reason, out);
        } else if let Some(to) = start.reply_to {
            let id = self.fresh_id();
            out.push(Action::Send {
                id,
                outbound: Outbound::ReportAgain {
                    to,
                    execution: start.execution,
                },
            });
        }
    }

    pub(super) fn on_registry_read(&mut self, out: &mut Vec<Action>) {
        let Some((offset, start)) = self.memory.parked.take() else {
            return;
        };
        if self.definitions.current(&start.machine).is_some() {
            self.on_start_request(offset, start, out);
        } else {
            let reason = format!("state machine {} does not exist", start.machine);
            self.reject(Cause::Requests(offset), None, &reason, out);
        }
        self.on_read_up_to(InputTopic::Requests, offset + 1, out);
    }

    fn on_stop_request(&mut self, stop: StopRequest, cause: Cause, out: &mut Vec<Action>) {
        let arn = stop.execution.clone();
        let partition = partition_of(arn.as_bytes(), self.settings.partitions);
        if partition != self.settings.partition {
            self.pass_on_request(partition, cause, &Request::Stop(stop), out);
        } else if self.memory.state.executions.contains_key(&arn) {
            self.step(&arn, Stimulus::Stop(stop.failure), cause, None, out);
        } else if self.memory.state.names.get(&arn).is_none() {
            self.bury(&arn, stop, cause, out);
        }
    }

    /// A stop that came before its start: the name is taken, so that the start finds it stopped.
    fn bury(&mut self, arn: &Arc<str>, stop: StopRequest, cause: Cause, out: &mut Vec<Action>) {
        let event = Event {
            id: 1,
            prev: 0,
            frame: 0,
            kind: EventKind::ExecutionAborted(stop.failure),
            data: None,
        };
        let name = Name {
            start_hash: 0,
            closed_ms: self.now_ms,
        };
        self.memory.state.names.insert(arn_hash(arn), name);
        let json = self.stray_json(cause, arn.clone(), vec![event], None, None);
        let change = Change::Names(vec![tombstone(arn, self.now_ms)]);
        self.append(
            arn.clone(),
            json,
            change,
            Effects::new(),
            Then::Nothing,
            out,
        );
    }

    /// An input that can't be used goes to the dead-letter topic; that it was refused, and why, is in the history.
    ///
    /// `record` is the input as it was, where that is at hand. What was understood is not: its typed form holds only what
    /// the contract names, so the original is read again from its topic.
    fn reject(
        &mut self,
        cause: Cause,
        record: Option<Record>,
        reason: &str,
        out: &mut Vec<Action>,
    ) {
        let (topic, offset) = match cause {
            Cause::Completions(offset) => (InputTopic::Completions, offset),
            Cause::Requests(offset) => (InputTopic::Requests, offset),
            Cause::Http(_) | Cause::Timer => return,
        };
        let reason: Arc<str> = reason.into();
        let json = self.stray_json(cause, Arc::from(""), Vec::new(), Some(reason.clone()), None);
        let outbound = Outbound::DeadLetter {
            topic,
            offset,
            record,
            reason,
        };
        let effects = vec![PendingEffect {
            task: None,
            outbound,
        }];
        self.append(
            Arc::from(""),
            json,
            Change::None,
            effects,
            Then::Nothing,
            out,
        );
    }

    /// A completion that belongs to another partition is sent there (R12). One that is too large to be noted goes on as
    /// the small failure that it would become there (R9).
    fn pass_on_completion(
        &mut self,
        partition: i32,
        cause: Cause,
        completion: Completion,
        out: &mut Vec<Action>,
    ) {
        if self.pass_on(
            InputTopic::Completions,
            partition,
            cause.clone(),
            &completion,
            out,
        ) {
            return;
        }
        let failure = Failure {
            error: Some("States.DataLimitExceeded".into()),
            cause: Some(
                "The task's completion is too large to be passed on to its partition.".into(),
            ),
        };
        let small = Completion {
            outcome: Outcome::Failed(failure),
            ..completion
        };
        self.pass_on(InputTopic::Completions, partition, cause, &small, out);
    }

    fn pass_on_request(
        &mut self,
        partition: i32,
        cause: Cause,
        request: &Request,
        out: &mut Vec<Action>,
    ) {
        if !self.pass_on(InputTopic::Requests, partition, cause.clone(), request, out) {
            let reason = "too large to be passed on to its partition: produce it to the partition of its key (murmur2)";
            self.reject(cause, None, reason, out);
        }
    }

    /// Notes an input that belongs to another partition and sends it there; `false` if the note would be too large.
    fn pass_on(
        &mut self,
        topic: InputTopic,
        partition: i32,
        cause: Cause,
        input: &impl Outgoing,
        out: &mut Vec<Action>,
    ) -> bool {
        let text = |bytes: &[u8]| -> Arc<str> { String::from_utf8_lossy(bytes).into() };
        let mut headers = Vec::new();
        input.for_each_header(&mut |name, value| headers.push((name.into(), text(value))));
        let value = input.value().and_then(|v| Payload::from_bytes(&v).ok());
        let key = input.key().map_or_else(|| Arc::from(""), text);
        let passed_on = PassedOn {
            topic,
            partition,
            key,
            headers,
            value,
        };
        let effects = vec![PendingEffect {
            task: None,
            outbound: pass_on(passed_on.clone()),
        }];
        let seq_before = self.memory.seq;
        let json = self.stray_json(
            cause,
            Arc::from(""),
            Vec::new(),
            None,
            Some(Box::new(passed_on)),
        );
        if json.len() > self.settings.record_bytes_max && !self.without(9) {
            self.memory.seq = seq_before;
            return false;
        }
        self.append(
            Arc::from(""),
            json,
            Change::None,
            effects,
            Then::Nothing,
            out,
        );
        true
    }

    fn stray_json(
        &mut self,
        cause: Cause,
        execution: Arc<str>,
        events: Vec<Event>,
        rejected: Option<Arc<str>>,
        passed_on: Option<Box<PassedOn>>,
    ) -> Bytes {
        let seq = self.next_seq();
        self.memory.state.now_ms = self.now_ms;
        let (epoch, base, now) = (self.memory.epoch, self.memory.state.base, self.now_ms);
        let record = Transition {
            epoch,
            seq,
            cause,
            now,
            execution,
            events,
            rejected,
            passed_on,
            base,
        };
        Bytes::from(HistoryRecord::Transition(record).to_json())
    }
}

/// What an outcome is to the machine.
pub fn stimulus_of(task: u64, outcome: Outcome) -> Stimulus {
    match outcome {
        Outcome::Succeeded(output) => Stimulus::TaskSucceeded { task, output },
        Outcome::Failed(failure) => Stimulus::TaskFailed { task, failure },
        Outcome::Heartbeat(_) => Stimulus::Heartbeat { task },
    }
}
