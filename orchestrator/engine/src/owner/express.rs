//! Express executions: run in memory, without a history (docs/decisions/0008).
//!
//! ```text
//! StartSyncExecution               -> run ------------------------------------> answer          at most once
//! StartExecution, start by record  -> record of the start -> effective -> run -> report, mark   at least once
//! ```
//! Owns: their runs. Of one that nobody waits for, the start is a history record, and the run is that record's effect
//! (R10): marks name the starts whose runs are not over, a recovery runs those again, and no base moves past them (R14).
//! Of one that somebody waits for, nothing is recorded: losing memory (R3) ends it, and its caller is told. Tasks are
//! commands as everywhere; their tokens name the epoch of the run, so that what belongs to an earlier run is not taken
//! for this one's. Must not: write anything but the start.

use super::Owner;
use super::fold::pending_effect;
use super::inputs::stimulus_of;
use super::logs::logs_of;
use super::memory::Then;
use super::outbound::outbound_of;
use super::state::{ExpressStart, logging_of, started_by};
use crate::call::{CallError, CallId, Finished, Reply, StartCall};
use crate::definitions::Definition;
use crate::limits::{EXPRESS_RUN_MS_MAX, EXPRESS_RUNS_MAX};
use crate::ports::{Action, Outbound};
use crate::views::Change;
use baton_machine::limits::EXPRESS_EVENTS_MAX;
use baton_machine::logging::Logging;
use baton_machine::{Closing, Effect, Execution, Limits, Start, Step, Stimulus};
use baton_schemas::Outcome;
use baton_schemas::history::{Cause, Event, EventKind, Express as Kind, Failure};
use baton_schemas::parent::Parent;
use baton_schemas::request::ReplyTo;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bits of a task's id within its run; those above are the run's epoch. A history's ids never get this far.
const TASK_BITS: u32 = 20;

/// All Express executions of a partition.
#[derive(Default)]
pub struct Express {
    runs: FxHashMap<Arc<str>, Run>,
    /// `(due_ms, ARN)` of every run with a timer; each has one, its end.
    timers: BTreeSet<(i64, Arc<str>)>,
    /// What was sent and is not acknowledged.
    sends: FxHashMap<u64, What>,
    /// Recorded starts that are not yet effective, by append id.
    accepted: BTreeMap<u64, (Arc<Definition>, ExpressStart)>,
    /// Their ARNs.
    accepted_arns: FxHashSet<Arc<str>>,
    /// Effective starts whose runs are not over, by offset.
    open: BTreeMap<i64, Arc<str>>,
    /// Whether any has ended since the last mark.
    pub has_ended: bool,
}

/// One run.
struct Run {
    execution: Execution,
    /// Epoch in which it began.
    epoch: u64,
    start_ms: i64,
    due_ms: i64,
    for_whom: ForWhom,
    logging: Logging,
}

/// Who is to hear of the end.
enum ForWhom {
    /// A caller.
    Caller(CallId),
    /// The mark: the start stands at this offset.
    Mark(i64),
}

/// What a send is.
enum What {
    /// The command of a task.
    Command(Arc<str>, u64),
    /// The result of the execution that was started at this offset.
    Report(i64),
    /// Anything that nothing waits for.
    Other,
}

impl Express {
    /// Offsets up to `upto` of starts whose runs are not over, for the mark.
    pub fn open_upto(&mut self, upto: i64) -> Vec<i64> {
        self.has_ended = false;
        self.open.range(..=upto).map(|(at, _)| *at).collect()
    }

    /// The first start whose run is not over.
    pub fn first_open(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    /// When the next timer is due, milliseconds since the epoch.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.timers.first().map(|(due_ms, _)| *due_ms)
    }

    /// Whether this send is one of theirs.
    pub fn is_sent(&self, id: u64) -> bool {
        self.sends.contains_key(&id)
    }

    /// Whether another one may begin.
    pub fn has_room(&self) -> bool {
        self.runs.len() + self.accepted.len() < EXPRESS_RUNS_MAX
    }

    /// How many run now.
    pub fn running(&self) -> usize {
        self.runs.len()
    }

    /// Callers that wait, when memory is dropped.
    pub fn callers(self) -> impl Iterator<Item = CallId> {
        let mut callers: Vec<CallId> = self
            .runs
            .into_values()
            .filter_map(|run| run.caller())
            .collect();
        callers.sort_unstable();
        callers.into_iter()
    }

    fn has(&self, arn: &str) -> bool {
        self.runs.contains_key(arn) || self.accepted_arns.contains(arn)
    }
}

impl Run {
    fn caller(&self) -> Option<CallId> {
        match self.for_whom {
            ForWhom::Caller(id) => Some(id),
            ForWhom::Mark(_) => None,
        }
    }

    /// The task of a token's id, if it is of this run.
    fn task(&self, id: u64) -> Option<u64> {
        (id >> TASK_BITS == self.epoch).then_some(id & ((1 << TASK_BITS) - 1))
    }
}

/// Whether the definition's executions are Express.
pub fn is_express(definition: &Definition) -> bool {
    &*definition.entry.kind == "EXPRESS"
}

/// Whether a token's id is that of a task of an Express execution.
pub fn is_express_task(id: u64) -> bool {
    id >> TASK_BITS > 0
}

impl Owner {
    /// StartSyncExecution.
    pub(super) fn on_start_sync_call(
        &mut self,
        id: CallId,
        call: StartCall,
        out: &mut Vec<Action>,
    ) {
        let refused = if !is_express(&call.definition) {
            Some(CallError::NotExpress)
        } else if let Err(e) = self.check_partition(&call.execution) {
            Some(e)
        } else if self.memory.express.has(&call.execution) {
            Some(CallError::ExecutionAlreadyExists(call.execution.clone()))
        } else {
            self.no_room()
        };
        if let Some(error) = refused {
            self.reply(id, Err(error), out);
            return;
        }
        let mut started = started_by(
            &call.definition,
            call.traceparent,
            None,
            call.qualifier,
            (None, None),
        );
        started.express = Some(Kind::Synchronous);
        let start = ExpressStart {
            execution: call.execution,
            started: Box::new(started),
            input: call.input,
        };
        self.run_express(&call.definition, start, ForWhom::Caller(id), out);
    }

    /// A start that nobody waits for: recorded first. Asked for again while it runs, it is one start.
    pub(super) fn start_express(
        &mut self,
        call: StartCall,
        (reply_to, parent): (Option<ReplyTo>, Option<Box<Parent>>),
        cause: Cause,
        out: &mut Vec<Action>,
    ) -> Result<Reply, CallError> {
        let start_ms = self.now_ms;
        if self.memory.express.has(&call.execution) {
            let run = self.memory.express.runs.get(&call.execution);
            let start_ms = run.map_or(start_ms, |run| run.start_ms);
            // A parent that asks again hears again that it runs (R12).
            self.send_express(&call.execution, Effect::Started { start_ms }, out);
            return Ok(Reply::Started { start_ms });
        }
        if let Some(error) = self.no_room() {
            return Err(error);
        }
        let StartCall {
            execution,
            definition,
            input,
            traceparent,
            qualifier,
        } = call;
        let mut started = started_by(
            &definition,
            traceparent,
            reply_to,
            qualifier,
            (None, parent),
        );
        started.express = Some(Kind::Asynchronous);
        let start = ExpressStart {
            execution: execution.clone(),
            started: Box::new(started),
            input,
        };
        let event = Event {
            id: 1,
            prev: 0,
            frame: 0,
            kind: EventKind::ExecutionStarted(start.started.clone()),
            data: Some(start.input.clone()),
        };
        let json = self.transition_json(&execution, cause, vec![event])?;
        self.memory.state.now_ms = start_ms;
        self.append(
            execution.clone(),
            json,
            Change::None,
            Vec::new(),
            Then::Run,
            out,
        );
        let id = self.last_append_id();
        self.memory.express.accepted_arns.insert(execution);
        self.memory.express.accepted.insert(id, (definition, start));
        Ok(Reply::Started { start_ms })
    }

    /// The record of a start is effective: the execution runs.
    pub(super) fn express_accepted(&mut self, append: u64, offset: i64, out: &mut Vec<Action>) {
        if let Some((definition, start)) = self.memory.express.accepted.remove(&append) {
            self.memory.express.accepted_arns.remove(&start.execution);
            let arn = start.execution.clone();
            self.memory.express.open.insert(offset, arn);
            self.run_express(&definition, start, ForWhom::Mark(offset), out);
        }
    }

    /// Runs again what an earlier owner, or this one in an earlier life, had not finished.
    pub(super) fn run_express_again(&mut self, out: &mut Vec<Action>) {
        for (offset, start) in std::mem::take(&mut self.memory.state.express) {
            let arn = start.execution.clone();
            let definition = self.definitions.revision(start.started.revision);
            match definition.filter(|_| !self.memory.express.has(&arn)) {
                Some(definition) => {
                    self.memory.express.open.insert(offset, arn);
                    self.run_express(&definition, start, ForWhom::Mark(offset), out);
                }
                None => tracing::warn!(
                    partition = self.settings.partition,
                    execution.arn = &*arn,
                    history.offset = offset,
                    "an Express execution is not run again: it runs already, or its revision is not in the registry"
                ),
            }
        }
    }

    /// A task of a run stands so; whether there was one to take it.
    pub(super) fn express_completion(
        &mut self,
        arn: &Arc<str>,
        id: u64,
        outcome: Outcome,
        out: &mut Vec<Action>,
    ) -> bool {
        let run = self.memory.express.runs.get(arn);
        let task = run.and_then(|run| Some((run, run.task(id)?)));
        let Some((_, task)) = task.filter(|(run, task)| run.execution.is_open(*task)) else {
            return false;
        };
        self.step_express(arn, stimulus_of(task, outcome), out);
        true
    }

    /// Fires the timers that are due.
    pub(super) fn fire_express(&mut self, out: &mut Vec<Action>) {
        while let Some((due_ms, arn)) = self.memory.express.timers.first().cloned() {
            if due_ms > self.now_ms {
                return;
            }
            self.memory.express.timers.remove(&(due_ms, arn.clone()));
            let Some(run) = self.memory.express.runs.get(&arn) else {
                continue;
            };
            let stimulus = if self.now_ms >= end_of(run.start_ms) {
                Stimulus::TimeOut
            } else {
                Stimulus::Tick {
                    heartbeats_since_ms: 0,
                }
            };
            self.step_express(&arn, stimulus, out);
        }
    }

    /// What became of a send.
    pub(super) fn express_sent(
        &mut self,
        id: u64,
        result: Result<(), String>,
        out: &mut Vec<Action>,
    ) {
        match (self.memory.express.sends.remove(&id), result) {
            (Some(What::Command(arn, task)), Err(reason)) => {
                let cause = format!("The task's command could not be sent to its queue: {reason}");
                let failure = Failure {
                    error: Some("Baton.CommandNotSent".into()),
                    cause: Some(cause.into()),
                };
                self.step_express(&arn, Stimulus::TaskFailed { task, failure }, out);
            }
            (Some(What::Report(at)), result) => {
                if let Err(reason) = result {
                    tracing::error!(
                        partition = self.settings.partition,
                        history.offset = at,
                        reason,
                        "the result of an Express execution could not be sent"
                    );
                }
                self.express_over(at, out);
            }
            _ => {}
        }
    }

    fn no_room(&self) -> Option<CallError> {
        let full = !self.memory.express.has_room();
        full.then_some(CallError::Throttled(
            "too many Express executions at once: try again",
        ))
    }

    fn run_express(
        &mut self,
        definition: &Arc<Definition>,
        start: ExpressStart,
        for_whom: ForWhom,
        out: &mut Vec<Action>,
    ) {
        let arn = start.execution;
        let begin = Start {
            arn: arn.clone(),
            started: *start.started,
            input: start.input,
        };
        let limits = Limits {
            history_events: EXPRESS_EVENTS_MAX,
            ..self.settings.machine
        };
        let start_ms = self.now_ms;
        let (execution, step) =
            Execution::start(definition.program.clone(), begin, start_ms, limits);
        let run = Run {
            execution,
            epoch: self.memory.epoch.unsigned_abs() + 1,
            start_ms,
            due_ms: end_of(start_ms),
            for_whom,
            logging: logging_of(definition),
        };
        let timer = (run.due_ms, arn.clone());
        self.memory.express.timers.insert(timer);
        self.memory.express.runs.insert(arn.clone(), run);
        self.after_step(&arn, step, out);
    }

    fn step_express(&mut self, arn: &Arc<str>, stimulus: Stimulus, out: &mut Vec<Action>) {
        let now_ms = self.now_ms;
        if let Some(run) = self.memory.express.runs.get_mut(arn) {
            let step = run.execution.handle(stimulus, now_ms);
            self.after_step(arn, step, out);
        }
    }

    /// Does what a step asks for, at once: no record has to come first.
    fn after_step(&mut self, arn: &Arc<str>, step: Step, out: &mut Vec<Action>) {
        let Some(run) = self.memory.express.runs.get_mut(arn) else {
            return;
        };
        let due_ms = run.execution.next_due_ms(0).unwrap_or(i64::MAX);
        let due_ms = due_ms.min(end_of(run.start_ms));
        let old = std::mem::replace(&mut run.due_ms, due_ms);
        self.memory.express.timers.remove(&(old, arn.clone()));
        self.memory.express.timers.insert((due_ms, arn.clone()));
        self.log_express(arn, &step.events, out);
        let mut closing = None;
        for effect in step.effects {
            match effect {
                Effect::Closed(end) => closing = Some(end),
                effect => self.send_express(arn, effect, out),
            }
        }
        if let Some(closing) = closing {
            self.finish_express(arn, closing, out);
        }
    }

    fn send_express(&mut self, arn: &Arc<str>, effect: Effect, out: &mut Vec<Action>) {
        let Some(run) = self.memory.express.runs.get(arn) else {
            return;
        };
        let named = |task: u64| (run.epoch << TASK_BITS) | task;
        let (what, effect) = match effect {
            Effect::Command(mut command) => {
                let what = What::Command(arn.clone(), command.task);
                command.task = named(command.task);
                (what, Effect::Command(command))
            }
            Effect::Cancel { task } => (What::Other, Effect::Cancel { task: named(task) }),
            Effect::StartChild(mut child) => {
                let what = What::Command(arn.clone(), child.task);
                child.task = named(child.task);
                (what, Effect::StartChild(child))
            }
            Effect::StopChild { .. } | Effect::Started { .. } => (What::Other, effect),
            Effect::Closed(_) => return,
        };
        if let Some(effect) = pending_effect(arn, &run.execution, effect, &self.settings) {
            self.emit_express(what, effect.outbound, out);
        }
    }

    fn emit_express(&mut self, what: What, outbound: Outbound, out: &mut Vec<Action>) {
        let id = self.fresh_id();
        self.memory.express.sends.insert(id, what);
        out.push(Action::Send { id, outbound });
    }

    fn finish_express(&mut self, arn: &Arc<str>, closing: Closing, out: &mut Vec<Action>) {
        let Some(run) = self.memory.express.runs.remove(arn) else {
            return;
        };
        self.memory
            .express
            .timers
            .remove(&(run.due_ms, arn.clone()));
        let at = match run.for_whom {
            ForWhom::Caller(id) => {
                let finished = Finished {
                    status: closing.status,
                    output: closing.output,
                    failure: closing.failure,
                    start_ms: run.start_ms,
                    stop_ms: self.now_ms,
                };
                // Nothing of it is in the history, so the answer waits for no record (R6).
                let reply = Ok(Reply::Finished(Box::new(finished)));
                out.push(Action::Reply { id, reply });
                return;
            }
            ForWhom::Mark(at) => at,
        };
        let started = run.execution.started();
        match outbound_of(arn, started, Effect::Closed(closing), &self.settings) {
            // It is over when whoever asked for the result has it.
            Some(outbound) => self.emit_express(What::Report(at), outbound, out),
            None => self.express_over(at, out),
        }
    }

    /// Nothing of the execution that was started at `at` is left to be done.
    fn express_over(&mut self, at: i64, out: &mut Vec<Action>) {
        self.memory.express.open.remove(&at);
        self.memory.express.has_ended = true;
        self.memory.mark_due = true;
        self.mark_if_due(out);
    }

    fn log_express(&mut self, arn: &Arc<str>, events: &[Event], out: &mut Vec<Action>) {
        let Some(run) = self.memory.express.runs.get(arn) else {
            return;
        };
        for log in logs_of(events, arn, self.now_ms, run.logging, 0) {
            self.emit_express(What::Other, Outbound::Log(Box::new(log)), out);
        }
    }
}

/// When an Express execution has taken as long as it may, milliseconds since the epoch.
fn end_of(start_ms: i64) -> i64 {
    start_ms.saturating_add(EXPRESS_RUN_MS_MAX)
}
