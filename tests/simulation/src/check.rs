//! An independent reader of the history, and what must always hold of it.
//!
//! Owns: its own fold by rules R1 and R2 (not the engine's), so that the engine is checked against something it does not
//! share. Whatever breaks an invariant is noted in `broken` with words.

use baton_engine::reports;
use baton_machine::{Closing, Status};
use baton_schemas::Completion;
use baton_schemas::history::{Cause, Event, EventKind, Failure, HistoryRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether a command or a child may follow from the event.
fn begins(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::TaskScheduled(_) | EventKind::MapRunStarted { .. }
    )
}

/// What an independent reader knows of a partition.
#[derive(Default)]
pub struct Fold {
    epoch: Option<i64>,
    seq: u64,
    /// Step number at which each epoch's claim was appended.
    pub claims: BTreeMap<i64, u64>,
    /// Executions by ARN, closed ones included.
    pub executions: BTreeMap<Arc<str>, Seen>,
    /// Inputs applied: (is completions, offset).
    causes: BTreeSet<(bool, i64)>,
    /// Names buried by a stop before their start.
    pub buried: BTreeSet<Arc<str>>,
    /// Tokens of tasks that timed out, with the epoch in which.
    pub timed_out: Vec<(Arc<str>, u64, i64)>,
    /// Step number of the last accepted record.
    pub last_accepted: u64,
    /// Latest `now` accepted.
    now_ms: i64,
    /// Set when an accepted record's time lies before an earlier one's.
    pub clock_went_back: Option<String>,
    /// What does not hold.
    pub broken: Option<String>,
}

/// An execution as read.
#[derive(Default)]
pub struct Seen {
    /// `(now, event)`, in order.
    pub events: Vec<(i64, Event)>,
    /// Highest event id.
    last_id: u64,
    /// The closing event's kind has been read.
    pub closed: bool,
    /// Revision of its definition.
    pub revision: u64,
    /// How often it was redriven: it had closed before.
    pub redrives: u32,
}

impl Fold {
    /// Reads one record.
    pub fn read(&mut self, offset: i64, value: &[u8], step: u64) {
        let record = match HistoryRecord::from_json(value) {
            Ok(record) => record,
            Err(e) => return self.fail(format!("unreadable record at {offset}: {e}")),
        };
        let (epoch, seq) = match &record {
            HistoryRecord::Claim { .. } => {
                self.epoch = Some(offset);
                self.seq = 0;
                self.claims.insert(offset, step);
                return;
            }
            HistoryRecord::Transition(t) => (t.epoch, t.seq),
            HistoryRecord::Mark { epoch, seq, .. }
            | HistoryRecord::Restatement { epoch, seq, .. } => (*epoch, *seq),
        };
        if self.epoch != Some(epoch) || seq != self.seq + 1 {
            return; // ignored by every reader
        }
        self.seq = seq;
        self.last_accepted = step;
        if let HistoryRecord::Transition(t) = record {
            if t.now < self.now_ms {
                self.clock_went_back.get_or_insert(format!(
                    "time went back at {offset}: {} after {}",
                    t.now, self.now_ms
                ));
            }
            self.now_ms = self.now_ms.max(t.now);
            let cause = match t.cause {
                Cause::Completions(at) => Some((true, at)),
                Cause::Requests(at) => Some((false, at)),
                Cause::Http(_) | Cause::Timer => None,
            };
            if cause.is_some_and(|cause| !self.causes.insert(cause)) {
                self.fail(format!(
                    "input {cause:?} applied twice, the second time at {offset}"
                ));
            }
            if !t.events.is_empty() {
                self.events(&t.execution, t.now, t.events, epoch, offset);
            }
        }
    }

    fn events(&mut self, arn: &Arc<str>, now: i64, events: Vec<Event>, epoch: i64, offset: i64) {
        let starts = matches!(events[0].kind, EventKind::ExecutionStarted(_));
        if !starts && !self.executions.contains_key(arn) {
            if matches!(events[0].kind, EventKind::ExecutionAborted(_)) {
                self.buried.insert(arn.clone());
            } else {
                self.fail(format!("events of unknown execution {arn} at {offset}"));
            }
            return;
        }
        if starts && (self.executions.contains_key(arn) || self.buried.contains(arn)) {
            self.fail(format!("{arn} started twice, the second time at {offset}"));
            return;
        }
        let mut broken = None;
        let seen = self.executions.entry(arn.clone()).or_default();
        for event in events {
            if let EventKind::ExecutionStarted(started) = &event.kind {
                seen.revision = started.revision;
            }
            if let EventKind::ExecutionRedriven(redriven) = &event.kind
                && seen.closed
            {
                seen.closed = false;
                seen.redrives += 1;
                if redriven.count != seen.redrives {
                    broken = Some(format!(
                        "{arn}: redrive {} is said to be {}",
                        seen.redrives, redriven.count
                    ));
                }
                let again = |(_, e): &(i64, Event)| matches!(&e.kind, EventKind::ExecutionRedriven(r) if r.token == redriven.token);
                if seen.events.iter().any(again) {
                    broken = Some(format!("{arn}: one call redrove it twice, at {offset}"));
                }
            }
            if seen.closed {
                broken = Some(format!(
                    "{arn}: {:?} after the end, at {offset}",
                    event.kind
                ));
            }
            if !event.kind.is_internal() {
                if event.id != seen.last_id + 1 {
                    broken = Some(format!(
                        "{arn}: event {} follows {}, at {offset}",
                        event.id, seen.last_id
                    ));
                }
                seen.last_id = event.id;
            }
            if matches!(event.kind, EventKind::TaskTimedOut(..)) {
                self.timed_out.push((arn.clone(), event.prev - 1, epoch));
            }
            seen.closed |= event.kind.closes();
            seen.events.push((now, event));
        }
        if let Some(broken) = broken {
            self.fail(broken);
        }
    }

    /// Whether the history says that this task was scheduled.
    #[must_use]
    pub fn scheduled(&self, arn: &str, task: u64) -> bool {
        self.executions.get(arn).is_some_and(|seen| {
            seen.events
                .iter()
                .any(|(_, e)| e.id == task && begins(&e.kind))
        })
    }

    /// ARNs of open executions.
    #[must_use]
    pub fn open(&self) -> Vec<Arc<str>> {
        self.executions
            .iter()
            .filter(|(_, seen)| !seen.closed)
            .map(|(arn, _)| arn.clone())
            .collect()
    }

    /// How a closed execution ended, for its parent.
    #[must_use]
    pub fn report(&self, arn: &str) -> Option<Completion> {
        let seen = self.executions.get(arn)?;
        let (start_ms, first) = seen.events.first()?;
        let (stop_ms, last) = seen.events.iter().find(|(_, e)| e.kind.closes())?;
        let EventKind::ExecutionStarted(started) = &first.kind else {
            return None;
        };
        let (status, failure) = match &last.kind {
            EventKind::ExecutionSucceeded => (Status::Succeeded, Failure::default()),
            EventKind::ExecutionAborted(failure) => (Status::Aborted, failure.clone()),
            EventKind::ExecutionTimedOut(failure) => (Status::TimedOut, failure.clone()),
            EventKind::ExecutionFailed(failure) => (Status::Failed, failure.clone()),
            _ => return None,
        };
        let closing = Closing {
            status,
            output: last.data.clone().filter(|_| status == Status::Succeeded),
            failure,
            input: first.data.clone()?,
            start_ms: *start_ms,
            stop_ms: *stop_ms,
        };
        let parent = started.parent.as_deref()?;
        reports::closed(arn, &started.machine, parent, &closing)
    }

    fn fail(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}
