//! Inputs that change no execution (R9, R12): refused, passed on, buried, or answered again.
//!
//! Owns: the history records that note them, since an input's position and every outgoing record need one, and their
//! bound.

use super::Owner;
use super::fold::{pass_on, report_again, tombstone};
use super::memory::Then;
use super::outbox::{Effects, PendingEffect};
use super::state::Name;
use crate::ports::{Action, Outbound};
use crate::views::Change;
use baton_machine::limits::{CAUSE_LENGTH_MAX, ERROR_LENGTH_MAX};
use baton_schemas::arn::arn_hash;
use baton_schemas::history::{
    Cause, Event, EventKind, Failure, HistoryRecord, InputTopic, PassedOn, Transition,
};
use baton_schemas::record::Outgoing;
use baton_schemas::request::{ReplyTo, StopRequest};
use baton_schemas::{Completion, Outcome, Payload, Record, Request};
use bytes::Bytes;
use std::sync::Arc;

/// Longest reason in a dead letter, characters.
const REASON_LENGTH_MAX: usize = 1_024;

impl Owner {
    /// A stop that came before its start: the name is taken, so that the start finds it stopped.
    pub(super) fn bury(&mut self, stop: StopRequest, cause: Cause, out: &mut Vec<Action>) {
        let arn = stop.execution;
        let failure = Failure {
            error: stop.failure.error.map(|e| shortened(&e, ERROR_LENGTH_MAX)),
            cause: stop
                .failure
                .cause
                .map(|c| shortened(&c, CAUSE_LENGTH_MAX / 8)),
        };
        let kind = EventKind::ExecutionAborted(failure);
        let event = Event {
            id: 1,
            prev: 0,
            frame: 0,
            kind,
            data: None,
        };
        let note = Transition {
            execution: arn.clone(),
            events: vec![event],
            ..self.note(cause)
        };
        let name = Name {
            start_hash: 0,
            closed_ms: self.now_ms,
        };
        self.memory.state.names.insert(arn_hash(&arn), name);
        let change = Change::Names(vec![tombstone(&arn, self.now_ms)]);
        self.append_note(note, change, None, out);
    }

    /// An input that can't be used goes to the dead-letter topic; that it was refused, and why, is in the history.
    ///
    /// `record` is the input as it was, where that is at hand. What was understood is not: its typed form holds only what
    /// the contract names, so the original is read again from its topic.
    pub(super) fn reject(
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
        let reason = shortened(reason, REASON_LENGTH_MAX);
        tracing::warn!(
            partition = self.settings.partition,
            kafka.topic = ?topic,
            kafka.offset = offset,
            "sent to the dead-letter topic: {reason}"
        );
        let note = Transition {
            rejected: Some(reason.clone()),
            ..self.note(cause)
        };
        let outbound = Outbound::DeadLetter {
            topic,
            offset,
            record,
            reason,
        };
        self.append_note(note, Change::None, Some(outbound), out);
    }

    /// Something that had to leave was refused for good by its topic, and nothing can be done but say so in the history.
    pub(super) fn note_refusal(&mut self, reason: &str, out: &mut Vec<Action>) {
        if self.may_append() {
            let note = Transition {
                rejected: Some(shortened(reason, REASON_LENGTH_MAX)),
                ..self.note(Cause::Timer)
            };
            self.append_note(note, Change::None, None, out);
        }
    }

    /// A start of an execution that has closed, whose starter wants to hear the result again.
    pub(super) fn report_again(
        &mut self,
        to: ReplyTo,
        execution: Arc<str>,
        stopped: bool,
        cause: Cause,
        out: &mut Vec<Action>,
    ) {
        let note = Transition {
            execution: execution.clone(),
            report_again: Some(to.clone()),
            ..self.note(cause)
        };
        let outbound = report_again(to, execution, stopped);
        self.append_note(note, Change::None, Some(outbound), out);
    }

    /// A completion that belongs to another partition is sent there. One that is too large to be noted goes on as the
    /// small failure that it would become there.
    pub(super) fn pass_on_completion(
        &mut self,
        partition: i32,
        cause: Cause,
        completion: Completion,
        out: &mut Vec<Action>,
    ) {
        let topic = InputTopic::Completions;
        if self.pass_on(topic, partition, cause.clone(), &completion, out) {
            return;
        }
        let text = "The task's completion is too large to be passed on to its partition.";
        let failure = Failure {
            error: Some("States.DataLimitExceeded".into()),
            cause: Some(text.into()),
        };
        let small = Completion {
            outcome: Outcome::Failed(failure),
            ..completion
        };
        self.pass_on(topic, partition, cause, &small, out);
    }

    pub(super) fn pass_on_request(
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
        let read_at = match cause {
            Cause::Completions(offset) | Cause::Requests(offset) => offset,
            Cause::Http(_) | Cause::Timer => 0,
        };
        let outbound = pass_on(passed_on.clone(), read_at);
        let note = Transition {
            passed_on: Some(Box::new(passed_on)),
            ..self.note(cause)
        };
        self.append_note(note, Change::None, Some(outbound), out)
    }

    /// A record of the present epoch that says nothing yet.
    fn note(&self, cause: Cause) -> Transition {
        Transition {
            epoch: self.memory.epoch,
            seq: self.memory.seq + 1,
            cause,
            now: self.now_ms,
            execution: Arc::from(""),
            events: Vec::new(),
            rejected: None,
            passed_on: None,
            report_again: None,
            base: self.memory.state.base,
        }
    }

    /// Appends a note; `false` if it would be too large, when nothing has happened.
    fn append_note(
        &mut self,
        note: Transition,
        change: Change,
        outbound: Option<Outbound>,
        out: &mut Vec<Action>,
    ) -> bool {
        let key = note.execution.clone();
        let json = Bytes::from(HistoryRecord::Transition(note).to_json());
        if json.len() > self.settings.record_bytes_max && !self.without(9) {
            return false;
        }
        self.next_seq();
        self.memory.state.now_ms = self.now_ms;
        let effect = |outbound| PendingEffect {
            task: None,
            outbound,
        };
        let effects: Effects = outbound.into_iter().map(effect).collect();
        self.append(key, json, change, effects, Then::Nothing, out);
        true
    }
}

/// At most `max` characters of `text`.
fn shortened(text: &str, max: usize) -> Arc<str> {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].into(),
        None => text.into(),
    }
}
