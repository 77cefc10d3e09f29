//! The outbox (R10): what effective records call for, until their topics acknowledge it.
//!
//! Owns: which history offsets still have unacknowledged effects, and hence the mark. Effects leave only after their
//! record is effective; a permanent refusal becomes an event.

use super::Owner;
use super::memory::Held;
use crate::limits::{MARK_EVERY_MS, MARK_EVERY_RECORDS};
use crate::ports::{Action, Outbound};
use baton_machine::Stimulus;
use baton_schemas::history::{Cause, Failure, HistoryRecord};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Effects of one record.
pub type Effects = Vec<PendingEffect>;

/// `(ARN, event id)` of the task that a command is for.
type TaskKey = (Arc<str>, u64);

/// An effect and the task it is for, if any.
#[derive(Clone, Debug)]
pub struct PendingEffect {
    /// Set if it is a command.
    pub task: Option<TaskKey>,
    /// What to send.
    pub outbound: Outbound,
}

/// What was sent and not yet acknowledged.
#[derive(Default)]
pub struct Outbox {
    /// Number of unacknowledged effects by history offset.
    by_offset: BTreeMap<i64, usize>,
    /// Sends by id: history offset, and the task if it is a command.
    sends: FxHashMap<u64, (i64, Option<TaskKey>)>,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    pub fn outstanding(&self) -> usize {
        self.sends.len()
    }

    /// The first history offset with an unacknowledged effect.
    pub fn first_offset(&self) -> Option<i64> {
        self.by_offset.keys().next().copied()
    }

    fn add(&mut self, id: u64, offset: i64, task: Option<TaskKey>) {
        *self.by_offset.entry(offset).or_insert(0) += 1;
        self.sends.insert(id, (offset, task));
    }

    fn remove(&mut self, id: u64) -> Option<Option<TaskKey>> {
        let (offset, task) = self.sends.remove(&id)?;
        if let Some(count) = self.by_offset.get_mut(&offset) {
            *count -= 1;
            if *count == 0 {
                self.by_offset.remove(&offset);
            }
        }
        Some(task)
    }
}

impl Owner {
    /// Sends the effects of the record at `offset`, which is effective.
    pub(super) fn send_effects(&mut self, offset: i64, effects: Effects, out: &mut Vec<Action>) {
        for effect in effects {
            let id = self.fresh_id();
            self.memory.outbox.add(id, offset, effect.task);
            out.push(Action::Send {
                id,
                outbound: effect.outbound,
            });
        }
    }

    /// Sends what the fold found unmarked, but for tasks that have closed since.
    pub(super) fn send_pending(&mut self, out: &mut Vec<Action>) {
        for (offset, effects) in std::mem::take(&mut self.memory.pending) {
            let open: Effects = effects
                .into_iter()
                .filter(|effect| self.is_wanted(effect))
                .collect();
            self.send_effects(offset, open, out);
        }
    }

    fn is_wanted(&self, effect: &PendingEffect) -> bool {
        effect.task.as_ref().is_none_or(|(execution, task)| {
            self.memory
                .state
                .executions
                .get(execution)
                .is_some_and(|slot| slot.execution.is_open(*task))
        })
    }

    pub(super) fn on_sent(&mut self, id: u64, result: Result<(), String>, out: &mut Vec<Action>) {
        if self.memory.reclaim.is_some()
            && let Err(reason) = result
        {
            self.memory.held.push_back(Held::Refused(id, reason));
            return;
        }
        let Some(task) = self.memory.outbox.remove(id) else {
            return; // of an earlier life
        };
        self.memory.mark_due = true;
        match (result, task) {
            (Ok(()), _) => {}
            (Err(reason), Some((execution, task))) => {
                let failure = Failure {
                    error: Some("Baton.CommandNotSent".into()),
                    cause: Some(
                        format!("The task's command could not be sent to its queue: {reason}")
                            .into(),
                    ),
                };
                self.step(
                    &execution,
                    Stimulus::TaskFailed { task, failure },
                    Cause::Timer,
                    None,
                    out,
                );
            }
            (Err(reason), None) => {
                tracing::error!(
                    partition = self.settings.partition,
                    reason,
                    "a record could not be sent and is given up"
                );
            }
        }
        self.mark_if_due(out);
        self.continue_restating(out);
    }

    /// Appends a mark when enough has happened since the last one.
    pub(super) fn mark_if_due(&mut self, out: &mut Vec<Action>) {
        let memory = &self.memory;
        let enough = memory.since_mark >= MARK_EVERY_RECORDS
            || (memory.mark_due && self.clock_ms - memory.marked_ms >= MARK_EVERY_MS);
        let free = memory.in_flight.len() < self.settings.in_flight_max;
        if !enough || !free || !self.may_append() || !memory.pending.is_empty() {
            return;
        }
        // Without R10 the mark runs ahead of what the topics acknowledged.
        let first = if self.without(10) {
            None
        } else {
            self.memory.outbox.first_offset()
        };
        let upto = first.unwrap_or(self.memory.next_offset) - 1;
        if upto <= self.memory.state.mark
            && self.memory.marked_positions == self.memory.state.positions
        {
            return;
        }
        let upto = upto.max(self.memory.state.mark);
        self.memory.since_mark = 0;
        self.memory.mark_due = false;
        self.memory.marked_ms = self.clock_ms;
        self.memory.state.mark = upto;
        let seq = self.next_seq();
        let positions = self.memory.state.positions.clone();
        self.memory.marked_positions = positions.clone();
        let record = HistoryRecord::Mark {
            epoch: self.memory.epoch,
            seq,
            upto,
            base: self.memory.state.base,
            positions,
        };
        self.append_bare(record, super::memory::Then::Nothing, out);
    }
}
