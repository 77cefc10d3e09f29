//! The partition owner: the heart of the engine, sans-IO.
//!
//! Owns: one partition. Everything that happens to its executions goes through [`Owner::handle`]: it decides (through
//! `machine`), appends, and acts only when the append is effective. Must not: read a clock, do I/O, or let anything
//! leave before the history record that calls for it is effective.
//!
//! | rule | what it demands | where |
//! |---|---|---|
//! | R1, R3 | memory begins with a claim, whose offset is the epoch | `claim` |
//! | R2 | epoch and sequence decide what counts | `fold` |
//! | R4 | what an acknowledgement is worth | `append` |
//! | R5 | look at the own history, ask the broker on a foreign claim | `append`, `timers` |
//! | R6 | replies wait for what was appended before them | `append` |
//! | R7 | positions come from the history | `state`, `inputs` |
//! | R9 | size is checked before the append | `decide`, `strays`, `restate` |
//! | R10 | outbox and marks | `outbox` |
//! | R11 | drain, then fire; `now` never goes back | `claim`, `timers` |
//! | R12 | strays are passed on, a stop before its start leaves a tombstone, children report | `strays`, `reports` |
//! | R14 | restatement and deletion | `restate` |
//!
//! R8 (one subscription) belongs to the adapter, R13 to [`crate::registry`].

mod append;
mod calls;
mod claim;
mod decide;
mod express;
mod fold;
mod inputs;
mod logs;
mod memory;
mod outbound;
mod outbox;
mod records;
mod redrive;
mod refold;
pub mod reports;
mod restate;
mod state;
mod strays;
mod texts;
mod timers;

use crate::call::{CallError, CallId, Reply};
use crate::definitions::Definitions;
use crate::ports::{Action, Input, Settings};
use baton_schemas::history::InputTopic;
use claim::Phase;
use memory::Memory;
use std::sync::Arc;

/// Owns one partition: everything that happens to its executions goes through [`Owner::handle`].
pub struct Owner {
    settings: Settings,
    definitions: Arc<dyn Definitions>,
    phase: Phase,
    /// Everything that a claim begins and losing it ends (R3).
    memory: Memory,
    /// Append, read and send ids; never used twice, also not after memory was dropped.
    last_id: u64,
    /// Claims made by this owner; varies the pause before the next one.
    claims: u64,
    /// Time of decisions: the clock, but never before what was recorded last (R11), milliseconds since the epoch.
    now_ms: i64,
    /// The clock as given, for pauses and intervals.
    clock_ms: i64,
    /// When it was ticked last: the next tick counts from there, since inputs may never pause.
    ticked_ms: i64,
    /// Tasks completed since somebody asked: queue, and how long after they were scheduled, milliseconds. For figures
    /// alone; past [`crate::limits::TASK_TIMES_MAX`] nothing is noted.
    task_times: Vec<(Arc<str>, i64)>,
}

impl Owner {
    /// An owner that owns nothing yet; it waits for [`Input::Assigned`].
    #[must_use]
    pub fn new(settings: Settings, definitions: Arc<dyn Definitions>) -> Self {
        Self {
            settings,
            definitions,
            phase: Phase::Idle,
            memory: Memory::default(),
            last_id: 0,
            claims: 0,
            now_ms: 0,
            clock_ms: 0,
            ticked_ms: 0,
            task_times: Vec::new(),
        }
    }

    /// Takes one input at time `now_ms` (the clock's, milliseconds since the epoch) and adds to `out` what is to be
    /// done, in order.
    pub fn handle(&mut self, input: Input, now_ms: i64, out: &mut Vec<Action>) {
        self.clock_ms = now_ms;
        self.now_ms = if self.without(11) {
            now_ms
        } else {
            now_ms.max(self.memory.state.now_ms)
        };
        match input {
            Input::Assigned => self.on_assigned(out),
            Input::Revoked => self.on_revoked(out),
            Input::Appended { id, result } => self.on_appended(id, result, now_ms, out),
            Input::Checkpoint(checkpoint) => self.on_checkpoint(checkpoint, out),
            Input::History {
                read,
                records,
                last,
            } => self.on_history(read, &records, last, out),
            Input::HistoryFailed { read, reason } => self.on_history_failed(read, &reason, out),
            Input::HistoryEnd { next } => self.on_history_end(next, out),
            Input::InputsOpened {
                completions_end,
                requests_end,
            } => {
                self.on_inputs_opened(completions_end, requests_end, out);
            }
            Input::InputsOutOfRange { reason } => self.halt(reason, out),
            Input::Record {
                topic,
                offset,
                record,
            } => self.on_record(topic, offset, record, out),
            Input::ReadUpTo { topic, next } => self.on_read_up_to(topic, next, out),
            Input::Call { id, call } => self.on_call(id, call, out),
            Input::Recalled { execution, steps } => self.on_recalled(&execution, steps, out),
            Input::Sent { id, result } => self.on_sent(id, result, out),
            Input::RegistryRead => self.on_registry_read(out),
            Input::Ownership { ours } => self.on_ownership(ours, out),
            Input::Tick => {
                self.ticked_ms = now_ms;
                self.on_tick(out);
            }
        }
    }

    /// Whether the owner takes a record of this topic now; if not, the reader pauses and asks again after the next input.
    #[must_use]
    pub fn wants(&self, topic: InputTopic) -> bool {
        self.is_serving()
            && self.memory.reclaim.is_none()
            && self.memory.in_flight.len() < self.settings.in_flight_max
            && self.memory.outbox.outstanding() < crate::limits::OUTBOX_MAX
            && (topic != InputTopic::Requests
                || (self.memory.parked.is_none() && self.memory.express.has_room()))
    }

    /// When the owner wants its next [`Input::Tick`], milliseconds since the epoch; `None` while it owns nothing.
    #[must_use]
    pub fn next_tick_ms(&self) -> Option<i64> {
        self.next_tick()
    }

    /// Whether nothing is under way: all appends effective, all effects acknowledged. For a graceful stop.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.memory.in_flight.is_empty() && self.memory.outbox.is_empty()
    }

    /// Whether the partition is claimed, folded and drained: it serves calls and fires timers.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Active)
    }

    /// The epoch under which the partition is owned, if it is.
    #[must_use]
    pub fn epoch(&self) -> Option<i64> {
        self.is_serving().then_some(self.memory.epoch)
    }

    /// Effects sent and not yet acknowledged.
    #[must_use]
    pub fn effects_under_way(&self) -> usize {
        self.memory.outbox.outstanding()
    }

    /// Records appended and not yet effective.
    #[must_use]
    pub fn appends_under_way(&self) -> usize {
        self.memory.in_flight.len()
    }

    /// Tasks completed since the last time this was asked: queue, and how long after they were scheduled, milliseconds.
    pub fn take_task_times(&mut self) -> Vec<(Arc<str>, i64)> {
        std::mem::take(&mut self.task_times)
    }

    /// Express executions that run now.
    #[must_use]
    pub fn express_running(&self) -> usize {
        self.memory.express.running()
    }

    /// Open executions in memory.
    #[must_use]
    pub fn open_executions(&self) -> usize {
        self.memory.state.executions.len()
    }

    fn is_serving(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. } | Phase::Active)
    }

    /// A rule taken out by the simulation; never true in production.
    fn without(&self, rule: usize) -> bool {
        self.settings.without.rule[rule]
    }

    fn fresh_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Answers a call once everything appended before this moment is effective (R6).
    fn reply(&mut self, id: CallId, reply: Result<Reply, CallError>, out: &mut Vec<Action>) {
        let without = self.settings.without.rule;
        match self.memory.in_flight.back_mut() {
            Some(last) if !without[6] => last.replies.push((id, reply)),
            // "There is no such thing" is true only if nobody else wrote meanwhile: look first.
            None if is_denial(&reply) && !without[5] && !without[6] => {
                self.memory.denials.push((id, reply));
                if self.memory.looked_at.is_none() {
                    self.ask_for_end(out);
                }
            }
            _ => out.push(Action::Reply { id, reply }),
        }
    }
}

/// Whether the answer says that something is not, which a record unseen could make untrue. What was is so for ever.
fn is_denial(reply: &Result<Reply, CallError>) -> bool {
    matches!(
        reply,
        Err(CallError::ExecutionDoesNotExist(_) | CallError::TaskTimedOut)
    )
}
