//! The outbox (R10): what effective records call for, until their topics acknowledge it.
//!
//! Owns: which history offsets still have unacknowledged effects, and hence the mark. Effects leave only after their
//! record is effective; a permanent refusal becomes an event or a note. A task queue that nobody can write to holds up its
//! own commands and nothing else.

use super::Owner;
use super::fold::pending_effect;
use super::memory::Held;
use crate::limits::{MARK_EVERY_MS, MARK_EVERY_RECORDS, QUEUE_OUTBOX_MAX};
use crate::ports::{Action, Outbound};
use crate::views::Change;
use baton_machine::{Effect, Stimulus};
use baton_schemas::history::{Cause, Failure, HistoryRecord, InputTopic};
use baton_schemas::{Payload, Request};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Effects of one record.
pub type Effects = Vec<PendingEffect>;

/// `(ARN, event id)` of the task that a command is for.
type TaskKey = (Arc<str>, u64);

/// An effect and the task it is for, if any.
#[derive(Clone, Debug)]
pub struct PendingEffect {
    /// Set if it is a command or the start of a child.
    pub task: Option<TaskKey>,
    /// What to send.
    pub outbound: Outbound,
}

/// What was sent and not yet acknowledged, and commands that wait because too many of their queue are.
#[derive(Default)]
pub struct Outbox {
    /// Number of unacknowledged effects by history offset.
    by_offset: BTreeMap<i64, usize>,
    /// Sends by id.
    sends: FxHashMap<u64, Sent>,
    /// Task queues with anything unacknowledged.
    queues: FxHashMap<Arc<str>, Lane>,
}

/// What is remembered of a send.
struct Sent {
    /// Of the history record that calls for it.
    offset: i64,
    what: What,
}

enum What {
    /// Its queue and task.
    Command(Arc<str>, TaskKey),
    /// The start of a child, and the task or map run that waits for it.
    Child(TaskKey, Option<u64>),
    /// An input that belongs to another partition: where it was read.
    PassOn(Cause),
    /// Anything else, in words.
    Other(&'static str),
}

/// One task queue.
#[derive(Default)]
struct Lane {
    /// Commands sent and not acknowledged.
    sent: usize,
    /// `(history offset, task)` of commands that wait for their turn; at most one for each open task.
    waiting: VecDeque<(i64, TaskKey)>,
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

    /// Notes a send. `false`: the command has to wait for others of its queue, and is noted for that.
    fn add(&mut self, id: u64, offset: i64, effect: &PendingEffect) -> bool {
        *self.by_offset.entry(offset).or_insert(0) += 1;
        if let (Outbound::Command { queue, .. }, Some(task)) = (&effect.outbound, &effect.task) {
            let lane = self.queues.entry(queue.clone()).or_default();
            if lane.sent >= QUEUE_OUTBOX_MAX {
                lane.waiting.push_back((offset, task.clone()));
                return false;
            }
            lane.sent += 1;
        }
        let what = what_of(effect);
        self.sends.insert(id, Sent { offset, what });
        true
    }

    /// Takes a send out that was acknowledged or refused.
    fn remove(&mut self, id: u64) -> Option<Sent> {
        let sent = self.sends.remove(&id)?;
        self.settle(sent.offset);
        if let What::Command(queue, _) = &sent.what
            && let Some(lane) = self.queues.get_mut(queue)
        {
            lane.sent -= 1;
            if lane.sent == 0 && lane.waiting.is_empty() {
                self.queues.remove(queue);
            }
        }
        Some(sent)
    }

    /// The next command of `queue` that waits and may be sent now; it has to be added again.
    fn next_of(&mut self, queue: &str) -> Option<(i64, TaskKey)> {
        let lane = self.queues.get_mut(queue)?;
        if lane.sent >= QUEUE_OUTBOX_MAX {
            return None;
        }
        let (offset, task) = lane.waiting.pop_front()?;
        self.settle(offset);
        Some((offset, task))
    }

    fn settle(&mut self, offset: i64) {
        if let Some(count) = self.by_offset.get_mut(&offset) {
            *count -= 1;
            if *count == 0 {
                self.by_offset.remove(&offset);
            }
        }
    }
}

fn what_of(effect: &PendingEffect) -> What {
    match (&effect.outbound, &effect.task) {
        (Outbound::Command { queue, .. }, Some(task)) => What::Command(queue.clone(), task.clone()),
        (Outbound::Command { .. }, None) => What::Other("a command"),
        (Outbound::PassOn { topic, read_at, .. }, _) => What::PassOn(match topic {
            InputTopic::Completions => Cause::Completions(*read_at),
            InputTopic::Requests => Cause::Requests(*read_at),
        }),
        (Outbound::Request { request, .. }, Some(task)) => {
            What::Child(task.clone(), child_index(request))
        }
        (Outbound::Request { .. }, None) => What::Other("a child's stop"),
        (Outbound::Report { .. }, _) => What::Other("a child's report"),
        (Outbound::Control(_), _) => What::Other("a cancellation"),
        (Outbound::Closed { .. }, _) => What::Other("an execution's result"),
        (Outbound::ReportAgain { .. }, _) => What::Other("an execution's result, asked for again,"),
        (Outbound::Log(_), _) => What::Other("an execution's log record"),
        (Outbound::DeadLetter { .. }, _) => What::Other("a dead letter"),
    }
}

fn child_index(request: &Request) -> Option<u64> {
    let Request::Start(start) = request else {
        return None;
    };
    let item = start.parent.as_ref()?.item.as_ref()?;
    Some(item.index)
}

/// A child whose start was refused for good, as its parent hears of it.
fn not_started(task: u64, index: Option<u64>, cause: &str) -> Stimulus {
    let error = "Baton.ChildNotStarted";
    match index {
        None => Stimulus::TaskFailed {
            task,
            failure: Failure {
                error: Some(error.into()),
                cause: Some(cause.into()),
            },
        },
        Some(index) => Stimulus::TaskSucceeded {
            task,
            output: Payload::from_value(&serde_json::json!({
                "child": index, "status": "FAILED",
                "details": { "Status": "FAILED", "Error": error, "Cause": cause },
            })),
        },
    }
}

impl Owner {
    /// Sends the effects of the record at `offset`, which is effective.
    pub(super) fn send_effects(&mut self, offset: i64, effects: Effects, out: &mut Vec<Action>) {
        for effect in effects {
            let id = self.fresh_id();
            if self.memory.outbox.add(id, offset, &effect) {
                out.push(Action::Send {
                    id,
                    outbound: effect.outbound,
                });
            }
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
        let Some((arn, task)) = &effect.task else {
            return true;
        };
        let index = match &effect.outbound {
            Outbound::Request { request, .. } => child_index(request),
            _ => None,
        };
        let slot = self.memory.state.executions.get(arn);
        slot.is_some_and(|slot| match index {
            Some(index) => slot.execution.awaits_child(*task, index),
            None => slot.execution.is_open(*task),
        })
    }

    pub(super) fn on_sent(&mut self, id: u64, result: Result<(), String>, out: &mut Vec<Action>) {
        if self.memory.reclaim.is_some()
            && let Err(reason) = result
        {
            self.memory.held.push_back(Held::Refused(id, reason));
            return;
        }
        if self.memory.express.is_sent(id) {
            self.express_sent(id, result, out);
            return;
        }
        let Some(sent) = self.memory.outbox.remove(id) else {
            return; // of an earlier life
        };
        self.memory.mark_due = true;
        if let What::Command(queue, _) = &sent.what {
            self.send_waiting(queue, out);
        }
        if let Err(reason) = result {
            self.on_refused(sent, &reason, out);
        }
        self.mark_if_due(out);
        self.continue_restating(out);
    }

    /// Sends commands that waited for others of their queue, but for tasks that have closed since.
    fn send_waiting(&mut self, queue: &str, out: &mut Vec<Action>) {
        while let Some((offset, (arn, task))) = self.memory.outbox.next_of(queue) {
            let slot = self.memory.state.executions.get(&arn);
            let effect = slot.and_then(|slot| {
                let command = slot.execution.open_command(task)?;
                let effect = Effect::Command(command);
                pending_effect(&arn, &slot.execution, effect, &self.settings)
            });
            self.send_effects(offset, effect.into_iter().collect(), out);
        }
    }

    /// A topic refused a record for good: that becomes an event of the task, or a note in the history.
    fn on_refused(&mut self, sent: Sent, reason: &str, out: &mut Vec<Action>) {
        let Sent { offset, what } = sent;
        let what = match what {
            What::Command(_, (execution, task)) => {
                let cause = format!("The task's command could not be sent to its queue: {reason}");
                let failure = Failure {
                    error: Some("Baton.CommandNotSent".into()),
                    cause: Some(cause.into()),
                };
                let stimulus = Stimulus::TaskFailed { task, failure };
                self.step(&execution, stimulus, Cause::Timer, None, out);
                return;
            }
            What::Child((execution, task), index) => {
                let cause = format!("The child execution could not be started: {reason}");
                let stimulus = not_started(task, index, &cause);
                self.step(&execution, stimulus, Cause::Timer, None, out);
                return;
            }
            What::PassOn(cause) => {
                let reason = format!("could not be passed on to its partition: {reason}");
                self.reject(cause, None, &reason, out);
                return;
            }
            What::Other(what) => what,
        };
        tracing::error!(
            partition = self.settings.partition,
            history.offset = offset,
            reason,
            "{what} could not be sent; the history notes it"
        );
        let note = format!(
            "{what} that the history record at offset {offset} calls for could not be sent: {reason}"
        );
        self.note_refusal(&note, out);
    }

    /// Appends a mark when enough has happened since the last one.
    pub(super) fn mark_if_due(&mut self, out: &mut Vec<Action>) {
        let memory = &self.memory;
        let enough = memory.since_mark >= MARK_EVERY_RECORDS
            || (memory.mark_due && self.clock_ms - memory.marked_ms >= MARK_EVERY_MS);
        let free = memory.in_flight.len() < self.settings.in_flight_max;
        let unsent = !memory.pending.is_empty() || !memory.state.express.is_empty();
        if !enough || !free || !self.may_append() || unsent {
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
            && !self.memory.express.has_ended
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
        let express = self.memory.express.open_upto(upto);
        let record = HistoryRecord::Mark {
            epoch: self.memory.epoch,
            seq,
            upto,
            base: self.memory.state.base,
            positions,
            express: express.clone(),
        };
        let change = Change::Marked(express);
        self.append_bare(record, change, super::memory::Then::Nothing, out);
    }
}
