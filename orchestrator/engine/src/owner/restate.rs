//! Restatement and deletion (R14).
//!
//! Owns: stating everything live again after a new claim, so that the history before that claim can go. The claim is
//! made in the same life: its acknowledgement at the expected offset shows that memory is what a fold would find. An
//! execution is stated before anything new is appended to it, so a reader that begins at the claim never meets a step of
//! an execution it doesn't know. The base moves only when all of it is effective and all effects of records before the
//! claim are acknowledged.

use super::Owner;
use super::decide::steps_of;
use super::memory::Then;
use super::outbox::Effects;
use super::state::to_bytes;
use crate::limits::{COOLING_MAX, PACKED_PER_RECORD_MAX, RESTATE_BATCH, RESTATE_NAMES_PER_RECORD};
use crate::ports::{Action, Appended};
use crate::views::{Applied, Change};
use baton_schemas::history::{Closed, HistoryRecord, Restated, Step};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// A restatement under way.
pub struct Restating {
    /// Its claim's offset.
    claim: i64,
    /// Executions that may still have to be stated.
    executions: VecDeque<Arc<str>>,
    /// Names still to be stated.
    names: VecDeque<Closed>,
    /// Whether the closing record was appended.
    completed: bool,
}

impl Owner {
    /// Begins a restatement when enough was appended since the last one.
    pub(super) fn restate_if_due(&mut self, out: &mut Vec<Action>) {
        let idle = self.memory.restating.is_none() && self.memory.verify.is_none();
        if idle
            && self.may_append()
            && self.memory.since_base >= self.settings.restate_every_records
        {
            let id = self.fresh_id();
            self.memory.reclaim = Some(id);
            out.push(self.claim_record(id));
        }
    }

    /// The claim that begins a restatement was appended, or not.
    pub(super) fn on_reclaimed(&mut self, result: &Appended, out: &mut Vec<Action>) {
        let Appended::At { offset, .. } = result else {
            self.lose("the claim of a restatement failed", false, out);
            return;
        };
        let contiguous = *offset == self.memory.next_offset && self.memory.in_flight.is_empty();
        if !contiguous && !self.without(4) {
            // Something else stands in between: only a fold can tell what counts.
            self.lose(
                "the claim of a restatement is not where it was expected",
                true,
                out,
            );
            return;
        }
        self.memory.reclaim = None;
        self.memory.epoch = *offset;
        self.memory.seq = 0;
        self.memory.next_offset = offset + 1;
        out.push(Action::Apply(self.claim_applied(*offset)));
        out.push(Action::Owned { epoch: *offset });
        let mut executions: Vec<Arc<str>> = self.memory.state.executions.keys().cloned().collect();
        executions.sort();
        let names = self.memory.state.names.all().into();
        self.memory.restating = Some(Restating {
            claim: *offset,
            executions: executions.into(),
            names,
            completed: false,
        });
        self.release_held(out);
        self.continue_restating(out);
    }

    /// Whether a tick would get the restatement on.
    pub(super) fn restating_can_go_on(&self) -> bool {
        let room = self.memory.in_flight.len() < RESTATE_BATCH * 2;
        room && self
            .memory
            .restating
            .as_ref()
            .is_some_and(|r| !r.executions.is_empty() || !r.names.is_empty())
    }

    /// States some more of what is live.
    pub(super) fn continue_restating(&mut self, out: &mut Vec<Action>) {
        if !self.may_append() {
            return;
        }
        for _ in 0..RESTATE_BATCH {
            let Some(restating) = &mut self.memory.restating else {
                return;
            };
            if self.memory.in_flight.len() >= RESTATE_BATCH * 2 {
                return;
            }
            if let Some(arn) = restating.executions.pop_front() {
                self.restate_before_touch(&arn, out);
            } else if !restating.names.is_empty() {
                let count = restating.names.len().min(RESTATE_NAMES_PER_RECORD);
                let names: Vec<Closed> = restating.names.drain(..count).collect();
                self.append_restated(Restated::Names(names), Then::Nothing, out);
            } else {
                break;
            }
        }
        self.complete_restating(out);
    }

    /// Appends the closing record once nothing before the claim is outstanding.
    fn complete_restating(&mut self, out: &mut Vec<Action>) {
        let Some(restating) = &mut self.memory.restating else {
            return;
        };
        let claim = restating.claim;
        let done =
            restating.executions.is_empty() && restating.names.is_empty() && !restating.completed;
        let settled = self
            .memory
            .outbox
            .first_offset()
            .is_none_or(|first| first >= claim);
        // The start of an Express execution is stated nowhere else: the base waits until it has run.
        let settled = settled
            && self
                .memory
                .express
                .first_open()
                .is_none_or(|at| at >= claim);
        if done && (settled || self.settings.without.rule[10]) {
            restating.completed = true;
            let positions = self.memory.state.positions.clone();
            let (now, bases) = (self.now_ms, self.memory.bases.iter().copied().collect());
            let state = Restated::Complete {
                positions,
                now,
                bases,
            };
            self.append_restated(state, Then::Rebase, out);
        }
    }

    /// States one execution, if the present restatement hasn't yet.
    pub(super) fn restate_before_touch(&mut self, arn: &Arc<str>, out: &mut Vec<Action>) {
        let Some(claim) = self.memory.restating.as_ref().map(|r| r.claim) else {
            return;
        };
        if self.without(14) {
            return;
        }
        let Some(slot) = self.memory.state.executions.get_mut(arn) else {
            return;
        };
        if slot.restated >= claim {
            return;
        }
        slot.restated = claim;
        let records = std::mem::take(&mut slot.records).all();
        let mut parts = self.parts_of(steps_of(&records)).into_iter().peekable();
        let mut part = 0;
        while let Some(transitions) = parts.next() {
            let more = parts.peek().is_some();
            let state = Restated::Execution {
                execution: arn.clone(),
                transitions,
                part,
                more,
            };
            let json = self.append_restated(state, Then::Nothing, out);
            self.memory.state.keep(arn, json);
            part += 1;
        }
        let state = &mut self.memory.state;
        state.cool(COOLING_MAX, PACKED_PER_RECORD_MAX);
    }

    /// An execution's steps, in parts that each fit a history record (R9).
    pub(super) fn parts_of(&self, steps: Vec<Step>) -> Vec<Vec<Step>> {
        // Every step was within the bound when it was appended; the rest of a statement takes a few hundred bytes more.
        let limit = if self.without(9) {
            usize::MAX
        } else {
            self.settings.record_bytes_max
        };
        let mut parts: Vec<Vec<Step>> = Vec::new();
        let mut bytes = 0;
        for step in steps {
            let size = serde_json::to_vec(&step).map_or(0, |json| json.len());
            match parts.last_mut() {
                Some(part) if bytes + size <= limit => part.push(step),
                _ => {
                    bytes = 0;
                    parts.push(vec![step]);
                }
            }
            bytes += size;
        }
        parts
    }

    pub(super) fn append_restated(
        &mut self,
        state: Restated,
        then: Then,
        out: &mut Vec<Action>,
    ) -> Bytes {
        let seq = self.next_seq();
        let key = match &state {
            Restated::Execution { execution, .. } | Restated::Recalled { execution, .. } => {
                execution.clone()
            }
            Restated::Names(_) | Restated::Complete { .. } => Arc::from(""),
        };
        let json = to_bytes(&HistoryRecord::Restatement {
            epoch: self.memory.epoch,
            seq,
            state,
        });
        self.append(key, json.clone(), Change::None, Effects::new(), then, out);
        json
    }

    /// The restatement is effective: readers may begin at its claim, and what is older than the retention may go.
    pub(super) fn rebased(&mut self, applied: &mut Applied, out: &mut Vec<Action>) {
        let Some(restating) = self.memory.restating.take() else {
            return;
        };
        self.memory.state.base = Some(restating.claim);
        applied.base = Some(restating.claim);
        applied.since_base = 0;
        self.memory.since_base = 0;
        self.memory.bases.push_back((restating.claim, self.now_ms));
        let expired_before = self.now_ms - self.settings.closed_kept_ms;
        let mut before = None;
        // Whatever closed after a base's completion is in the log from that base on.
        while let Some((claim, completed_ms)) = self.memory.bases.front().copied() {
            if completed_ms > expired_before {
                break;
            }
            before = Some(claim);
            self.memory.bases.pop_front();
        }
        applied.change = Change::Rebased(self.memory.bases.iter().copied().collect());
        out.extend(before.map(|before| Action::DeleteHistory { before }));
    }

    fn claim_applied(&self, offset: i64) -> Applied {
        let state = &self.memory.state;
        Applied {
            partition: self.settings.partition,
            offset,
            epoch: offset,
            seq: 0,
            positions: state.positions.clone(),
            mark: state.mark,
            base: state.base,
            now_ms: state.now_ms,
            since_base: self.memory.since_base,
            change: Change::None,
        }
    }
}
