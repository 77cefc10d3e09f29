//! From a stimulus to an appended record.
//!
//! Owns: the live path. The machine decides, the state changes at once (memory runs ahead of the acknowledgement), one
//! record is appended, and its effects wait in it. Size is checked before the append (R9).

use super::Owner;
use super::fold::{close_if_done, keeps, pending_effect};
use super::logs::logs_of;
use super::memory::Then;
use super::outbox::Effects;
use super::records::Records;
use super::state::{Slot, logging_of, start_hash, started_by, to_bytes};
use crate::call::{CallError, CallId, Reply};
use crate::definitions::Definition;
use crate::limits::{COOLING_MAX, PACKED_PER_RECORD_MAX};
use crate::ports::Action;
use crate::views::{Change, Opened};
use baton_machine::{Effect, Execution, Start, Stimulus};
use baton_schemas::Payload;
use baton_schemas::history::{Cause, Event, Failure, HistoryRecord, Step, Transition};
use baton_schemas::parent::Parent;
use baton_schemas::request::ReplyTo;
use bytes::Bytes;
use std::sync::Arc;

/// A start that has passed all checks.
pub struct NewExecution<'a> {
    pub execution: Arc<str>,
    pub definition: &'a Definition,
    pub input: Payload,
    pub traceparent: Option<Arc<str>>,
    pub reply_to: Option<ReplyTo>,
    pub qualifier: Option<Arc<str>>,
    /// The execution that starts this one, and what this one calls its machine if it is a Map's child.
    pub parent: Option<Box<Parent>>,
    pub machine: Option<Arc<str>>,
    pub cause: Cause,
}

impl Owner {
    /// Starts an execution whose name is free.
    pub(super) fn start(
        &mut self,
        new: NewExecution<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), CallError> {
        let arn = new.execution;
        let machine = new.machine.clone();
        let machine = machine.unwrap_or_else(|| new.definition.arn.clone());
        let start_hash = start_hash(&machine, &new.input, new.parent.as_deref());
        // The views have a Map's children under their run.
        let item = new.parent.as_ref().and_then(|p| p.item.as_ref());
        let machine = item.map_or(machine, |item| item.run.clone());
        let started = started_by(
            new.definition,
            new.traceparent,
            new.reply_to,
            new.qualifier,
            (new.machine, new.parent),
        );
        let start = Start {
            arn: arn.clone(),
            started,
            input: new.input,
        };
        let now_ms = self.now_ms;
        let (execution, step) = Execution::start(
            new.definition.program.clone(),
            start,
            now_ms,
            self.settings.machine,
        );
        let logging = logging_of(new.definition);
        let logs = logs_of(&step.events, &arn, now_ms, logging, 0);
        let json = self.transition_json(&arn, new.cause, step.events)?;
        let revision = new.definition.revision;
        let opened = Opened {
            machine,
            revision,
            start_hash,
        };
        let slot = Slot {
            execution,
            start_ms: now_ms,
            start_hash,
            records: Records::default(),
            cools: false,
            due_ms: None,
            restated: self.memory.epoch,
            ignored: 0,
            logging,
        };
        let executions = &mut self.memory.state.executions;
        executions.insert(arn.clone(), Box::new(slot));
        self.advance(&arn, json, Some(opened), step.effects, true, out);
        self.log_when_effective(logs);
        Ok(())
    }

    /// Gives `stimulus` to an open execution; answers `reply` when the step is effective. `false` if nothing changed.
    pub(super) fn step(
        &mut self,
        arn: &Arc<str>,
        stimulus: Stimulus,
        cause: Cause,
        reply: Option<(CallId, Reply)>,
        out: &mut Vec<Action>,
    ) -> bool {
        self.restate_before_touch(arn, out);
        let now_ms = self.now_ms;
        let Some(slot) = self.memory.state.executions.get_mut(arn) else {
            return false;
        };
        if let Stimulus::TaskSucceeded { task, .. } | Stimulus::TaskFailed { task, .. } = &stimulus
            && let Some((queue, scheduled_ms)) = slot.execution.open_task(*task)
            && self.task_times.len() < crate::limits::TASK_TIMES_MAX
        {
            let took_ms = now_ms - scheduled_ms;
            self.task_times.push((queue.clone(), took_ms));
        }
        let step = slot.execution.handle(stimulus, now_ms);
        if step.events.is_empty() {
            self.rearm(arn);
            if let Some((id, reply)) = reply {
                self.reply(id, Ok(reply), out);
            }
            return false;
        }
        let is_kept = keeps(slot, &step.events);
        let redrives = slot.execution.redrive_count();
        let logs = logs_of(&step.events, arn, now_ms, slot.logging, redrives);
        match self.transition_json(arn, cause.clone(), step.events) {
            Ok(json) => {
                self.advance(arn, json, None, step.effects, is_kept, out);
                self.log_when_effective(logs);
            }
            Err(too_large) => self.fail_instead(arn, cause, &too_large, out),
        }
        if !self.is_serving() {
            // Not even the failure could be stored: halted, and nothing can be promised.
            let refused = CallError::NotOwner {
                partition: self.settings.partition,
            };
            out.extend(reply.map(|(id, _)| Action::Reply {
                id,
                reply: Err(refused),
            }));
            return false;
        }
        if let Some((id, reply)) = reply {
            self.reply(id, Ok(reply), out);
        }
        true
    }

    /// Appends what was decided and keeps memory in step.
    fn advance(
        &mut self,
        arn: &Arc<str>,
        json: Bytes,
        opened: Option<Opened>,
        effects: Vec<Effect>,
        is_kept: bool,
        out: &mut Vec<Action>,
    ) {
        let now_ms = self.now_ms;
        self.memory.state.now_ms = now_ms;
        let settings = &self.settings;
        let slot = self
            .memory
            .state
            .executions
            .get_mut(arn)
            .expect("the execution was just stepped");
        let start_ms = slot.start_ms;
        let execution = &slot.execution;
        let effects: Effects = effects
            .into_iter()
            .filter_map(|e| pending_effect(arn, execution, e, settings))
            .collect();
        self.rearm(arn);
        let closed = close_if_done(&mut self.memory.state, arn, now_ms);
        if is_kept && closed.is_none() {
            self.memory.state.keep(arn, json.clone());
            let state = &mut self.memory.state;
            state.cool(COOLING_MAX, PACKED_PER_RECORD_MAX);
        }
        let step = Change::Step {
            execution: arn.clone(),
            start_ms,
            json: json.clone(),
            opened,
            closed,
        };
        let change = if is_kept { step } else { Change::None };
        self.append(arn.clone(), json, change, effects, Then::Nothing, out);
    }

    /// The record of a step, within the bound (R9). Takes a sequence number only if it fits.
    pub(super) fn transition_json(
        &mut self,
        arn: &Arc<str>,
        cause: Cause,
        events: Vec<Event>,
    ) -> Result<Bytes, CallError> {
        let json = self.transition_json_behind(0, arn, cause, events)?;
        self.next_seq();
        Ok(json)
    }

    /// The same of a step behind `ahead` other records; takes no sequence number.
    pub(super) fn transition_json_behind(
        &self,
        ahead: u64,
        arn: &Arc<str>,
        cause: Cause,
        events: Vec<Event>,
    ) -> Result<Bytes, CallError> {
        let record = HistoryRecord::Transition(Transition {
            epoch: self.memory.epoch,
            seq: self.memory.seq + ahead + 1,
            cause,
            now: self.now_ms,
            execution: arn.clone(),
            events,
            rejected: None,
            passed_on: None,
            report_again: None,
            base: self.memory.state.base,
        });
        let json = to_bytes(&record);
        let limit = self.settings.record_bytes_max;
        if json.len() > limit && !self.without(9) {
            return Err(CallError::TooLarge {
                bytes: json.len(),
                limit,
            });
        }
        Ok(json)
    }

    /// The effects of an execution's step in the form they are sent.
    pub(super) fn effects_of(
        &self,
        arn: &Arc<str>,
        execution: &Execution,
        effects: Vec<Effect>,
    ) -> Effects {
        let sent = |effect| pending_effect(arn, execution, effect, &self.settings);
        effects.into_iter().filter_map(sent).collect()
    }

    /// A step's record would be too large: the step is forgotten and the execution fails instead, in a small record.
    fn fail_instead(
        &mut self,
        arn: &Arc<str>,
        cause: Cause,
        why: &CallError,
        out: &mut Vec<Action>,
    ) {
        let slot = self
            .memory
            .state
            .executions
            .get_mut(arn)
            .expect("the execution was just stepped");
        slot.execution = replay(
            &slot.execution,
            arn,
            &slot.records.all(),
            self.settings.machine,
        );
        let failure = Failure {
            error: Some("States.DataLimitExceeded".into()),
            cause: Some(why.to_string().into()),
        };
        let step = slot.execution.handle(Stimulus::Fail(failure), self.now_ms);
        match self.transition_json(arn, cause, step.events) {
            Ok(json) => self.advance(arn, json, None, step.effects, true, out),
            Err(e) => self.halt(
                format!("execution {arn} can't even be failed: {e}; raise record_bytes_max"),
                out,
            ),
        }
    }

    /// Enters an execution's next timer into the queue.
    pub(super) fn rearm(&mut self, arn: &Arc<str>) {
        let since_ms = self.memory.claimed_ms;
        let Some(slot) = self.memory.state.executions.get_mut(arn) else {
            return;
        };
        let due_ms = slot.execution.next_due_ms(since_ms);
        if due_ms == slot.due_ms {
            return;
        }
        if let Some(old) = slot.due_ms {
            self.memory.timers.remove(&(old, arn.clone()));
        }
        slot.due_ms = due_ms;
        if let Some(due_ms) = due_ms {
            self.memory.timers.insert((due_ms, arn.clone()));
        }
    }

    /// Enters all timers anew, after a fold.
    pub(super) fn arm_all(&mut self) {
        let arns: Vec<Arc<str>> = self.memory.state.executions.keys().cloned().collect();
        for arn in arns {
            self.rearm(&arn);
        }
    }
}

/// The execution as its records say.
fn replay(
    like: &Execution,
    arn: &Arc<str>,
    records: &[Bytes],
    limits: baton_machine::Limits,
) -> Execution {
    let mut execution = Execution::empty(like.program().clone(), arn.clone(), limits);
    for step in steps_of(records) {
        for event in &step.events {
            execution.apply(event, step.now, &mut Vec::new());
        }
    }
    execution
}

/// The steps in an execution's records.
///
/// # Panics
/// If the records are not those that an owner wrote or folded, which would be a bug.
pub fn steps_of(records: &[Bytes]) -> Vec<Step> {
    crate::recall::steps_of(records)
        .expect("records in memory were written or folded by this build")
}
