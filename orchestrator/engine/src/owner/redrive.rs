//! RedriveExecution: a closed execution goes on (docs/decisions/0007).
//!
//! ```text
//! call -> Recall (views, or the log) -> Recalled -> [Restated::Recalled, ...] + transition ExecutionRedriven ...
//! ```
//! Owns: what is known of an execution that has closed, and how it comes back. Memory has only its name, so its history is
//! asked for, held against the name, and said again in front of the transition that reopens it: a reader that begins at
//! a later base needs no older record, and what stands in the log without that transition counts for nothing. Must not:
//! act before the transition is effective.

use super::Owner;
use super::calls::http;
use super::fold::close_if_done;
use super::logs::logs_of;
use super::memory::{Held, Redriving, Then};
use super::outbox::Effects;
use super::records::Records;
use super::state::{Name, Slot, logging_of, start_hash, to_bytes};
use crate::call::{CallError, CallId, Reply};
use crate::limits::RECALLS_MAX;
use crate::ports::Action;
use crate::views::{Change, Opened, Redrives};
use baton_machine::limits::{REDRIVE_PERIOD_MS, REDRIVE_TOKEN_MS};
use baton_machine::logging::Logging;
use baton_machine::{Execution, Status, Stimulus};
use baton_schemas::history::{EventKind, HistoryRecord, Restated, Step};
use bytes::Bytes;
use std::sync::Arc;

/// A closed execution as its history says, not yet in memory.
struct Closed {
    execution: Execution,
    opened: Opened,
    start_ms: i64,
    logging: Logging,
}

impl Owner {
    pub(super) fn on_redrive_call(
        &mut self,
        id: CallId,
        execution: &Arc<str>,
        token: Option<Arc<str>>,
        out: &mut Vec<Action>,
    ) {
        match self.admit_redrive(execution, token.as_deref()) {
            Ok(Some(reply)) => self.reply(id, Ok(reply), out),
            Err(error) => self.reply(id, Err(error), out),
            Ok(None) => {
                let waiting = self.memory.recalls.entry(execution.clone()).or_default();
                waiting.push(Redriving { call: id, token });
                if waiting.len() == 1 {
                    out.push(Action::Recall {
                        execution: execution.clone(),
                        through: self.memory.next_offset - 1,
                    });
                }
            }
        }
    }

    /// What can be said without the history; `None` if it is needed.
    fn admit_redrive(
        &self,
        arn: &Arc<str>,
        token: Option<&str>,
    ) -> Result<Option<Reply>, CallError> {
        self.check_partition(arn)?;
        let state = &self.memory.state;
        if let Some(slot) = state.executions.get(arn) {
            return match self.repeated(&slot.execution, token) {
                Some(reply) => Ok(Some(reply)),
                None => Err(CallError::ExecutionNotRedrivable(
                    "Execution is RUNNING and cannot be redriven",
                )),
            };
        }
        // A stop that came before its start left a name and no history.
        let name = state.names.get(arn).filter(|name| name.start_hash != 0);
        let Some(name) = name else {
            return Err(CallError::ExecutionDoesNotExist(arn.clone()));
        };
        if self.now_ms.saturating_sub(name.closed_ms) > REDRIVE_PERIOD_MS {
            return Err(CallError::ExecutionNotRedrivable(
                "Execution redrivable period exceeded",
            ));
        }
        if state.executions.len() >= self.settings.open_executions_max {
            let limit = self.settings.open_executions_max;
            return Err(CallError::ExecutionLimitExceeded(limit));
        }
        if self.memory.recalls.values().map(Vec::len).sum::<usize>() >= RECALLS_MAX {
            return Err(CallError::Throttled("too many redrives at once: try again"));
        }
        Ok(None)
    }

    /// The answer to a call that was answered before.
    fn repeated(&self, execution: &Execution, token: Option<&str>) -> Option<Reply> {
        let since_ms = self.now_ms.saturating_sub(REDRIVE_TOKEN_MS);
        let redrive = execution.redrive_of(token?, since_ms)?;
        Some(Reply::Redriven {
            redrive_ms: redrive.at_ms,
        })
    }

    pub(super) fn on_recalled(
        &mut self,
        arn: &Arc<str>,
        steps: Option<Vec<Step>>,
        out: &mut Vec<Action>,
    ) {
        if !self.memory.recalls.contains_key(arn) {
            return; // of an earlier life
        }
        if self.memory.reclaim.is_some() {
            self.memory
                .held
                .push_back(Held::Recalled(arn.clone(), steps));
            return;
        }
        let waiting = self.memory.recalls.remove(arn).unwrap_or_default();
        for Redriving { call, token } in waiting {
            // Another one may have redriven it meanwhile.
            let reply = match self.admit_redrive(arn, token.as_deref()) {
                Ok(Some(reply)) => Ok(reply),
                Ok(None) => self.redrive(arn, steps.as_deref(), token, call, out),
                Err(error) => Err(error),
            };
            self.reply(call, reply, out);
        }
    }

    fn redrive(
        &mut self,
        arn: &Arc<str>,
        steps: Option<&[Step]>,
        token: Option<Arc<str>>,
        call: CallId,
        out: &mut Vec<Action>,
    ) -> Result<Reply, CallError> {
        const NOT_AT_HAND: CallError = CallError::Throttled(
            "the history of the execution is not at hand: neither this node's store nor the log has all of it; try again",
        );
        let name = self.memory.state.names.get(arn);
        let found = steps.zip(name).and_then(|(steps, name)| {
            let closed = self.closed(arn, steps, name)?;
            Some((steps, name, closed))
        });
        let Some((steps, name, closed)) = found else {
            return Err(NOT_AT_HAND);
        };
        let Closed {
            mut execution,
            opened,
            start_ms,
            logging,
        } = closed;
        if let Some(reply) = self.repeated(&execution, token.as_deref()) {
            return Ok(reply);
        }
        let now_ms = self.now_ms;
        if let Some(why) = execution.why_not_redrivable(name.closed_ms, now_ms) {
            return Err(CallError::ExecutionNotRedrivable(why));
        }
        let step = execution.handle(Stimulus::Redrive { token }, now_ms);
        let logs = logs_of(
            &step.events,
            arn,
            now_ms,
            logging,
            execution.redrive_count(),
        );
        let parts = self.parts_of(steps.to_vec());
        // The parts take the numbers before the transition's, which must fit before anything is appended (R9).
        let behind = parts.len() as u64;
        let json = self.transition_json_behind(behind, arn, http(call), step.events)?;
        let mut records = Vec::with_capacity(parts.len() + 1);
        for (part, transitions) in (0..).zip(parts) {
            let state = Restated::Recalled {
                execution: arn.clone(),
                transitions,
                part,
            };
            records.push(self.append_restated(state, Then::Precede, out));
        }
        self.next_seq();
        records.push(json.clone());
        let past = whole(arn, self.memory.epoch, steps.to_vec());
        let effects: Effects = self.effects_of(arn, &execution, step.effects);
        let redrives = redrives_of(&execution);
        let slot = Slot {
            execution,
            start_ms,
            start_hash: opened.start_hash,
            records: Records::default(),
            cools: false,
            due_ms: None,
            restated: self.memory.epoch,
            ignored: 0,
            logging,
        };
        self.memory.state.now_ms = now_ms;
        let executions = &mut self.memory.state.executions;
        executions.insert(arn.clone(), Box::new(slot));
        for record in records {
            self.memory.state.keep(arn, record);
        }
        self.rearm(arn);
        let change = Change::Reopened {
            execution: arn.clone(),
            start_ms,
            opened,
            redrives,
            past,
            json: json.clone(),
            closed: close_if_done(&mut self.memory.state, arn, now_ms),
        };
        self.append(arn.clone(), json, change, effects, Then::Nothing, out);
        self.log_when_effective(logs);
        Ok(Reply::Redriven { redrive_ms: now_ms })
    }

    /// The execution as `steps` have it, if they are all that the name says: a copy that lags or begins late is not.
    fn closed(&self, arn: &Arc<str>, steps: &[Step], name: Name) -> Option<Closed> {
        let first = steps.first()?;
        let (EventKind::ExecutionStarted(started), Some(input)) =
            (&first.events.first()?.kind, &first.events.first()?.data)
        else {
            return None;
        };
        let opened = Opened {
            machine: started.machine.clone(),
            revision: started.revision,
            start_hash: start_hash(&started.machine, input, started.parent.as_deref()),
        };
        let definition = self.definitions.revision(started.revision)?;
        let mut execution = Execution::empty(
            definition.program.clone(),
            arn.clone(),
            self.settings.machine,
        );
        let (mut last_id, mut closed_ms) = (0, None);
        for step in steps {
            for event in &step.events {
                if event.id != 0 && event.id != last_id + 1 {
                    return None;
                }
                last_id = last_id.max(event.id);
                execution.apply(event, step.now, &mut Vec::new());
                if event.kind.closes() {
                    closed_ms = Some(step.now);
                }
            }
        }
        let is_all = opened.start_hash == name.start_hash
            && closed_ms == Some(name.closed_ms)
            && execution.status() != Status::Running;
        is_all.then_some(Closed {
            execution,
            opened,
            start_ms: first.now,
            logging: logging_of(&definition),
        })
    }
}

/// An execution's steps as one record, for memory and views; only records of the log are bounded.
pub fn whole(arn: &Arc<str>, epoch: i64, steps: Vec<Step>) -> Bytes {
    let state = Restated::Execution {
        execution: arn.clone(),
        transitions: steps,
        part: 0,
        more: false,
    };
    let record = HistoryRecord::Restatement {
        epoch,
        seq: 0,
        state,
    };
    to_bytes(&record)
}

/// The redrives of an execution, as the views keep them.
pub fn redrives_of(execution: &Execution) -> Redrives {
    Redrives {
        count: execution.redrive_count(),
        last_ms: execution.last_redrive().map(|redrive| redrive.at_ms),
    }
}
