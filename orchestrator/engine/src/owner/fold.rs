//! Folding the history (R2): which records count, and what they change.
//!
//! Owns: the reader's side of the log. A claim begins an epoch; any other record counts only if its epoch is the last
//! claim's offset and its sequence number the next one. Used for recovery only: the live path changes the same state
//! by the same events.

use super::outbound::outbound_of;
use super::outbox::{Effects, PendingEffect};
use super::state::{Name, Names, Slot, State, start_hash};
use crate::definitions::Definitions;
use crate::ports::{Outbound, Settings};
use crate::views::{Applied, Change, Checkpoint, ClosedAs, Opened};
use baton_machine::{Effect, Execution};
use baton_schemas::Record;
use baton_schemas::arn::arn_hash;
use baton_schemas::history::{
    Cause, Event, EventKind, HistoryRecord, InputTopic, PassedOn, Restated, Step, Transition,
};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A fold under way.
pub struct Fold {
    state: State,
    /// Offset of the last claim; `None` before the first, when nothing counts.
    epoch: Option<i64>,
    seq: u64,
    /// Offset that must come next, if the fold began at a checkpoint.
    contiguous_from: Option<i64>,
    /// Records up to this offset are in the checkpoint; only refused and passed-on inputs among them are of interest.
    effects_only_through: i64,
    next: i64,
    since_base: u64,
    bases: VecDeque<(i64, i64)>,
}

impl Default for Fold {
    /// A fold that begins with the log.
    fn default() -> Self {
        Self {
            state: State::default(),
            epoch: None,
            seq: 0,
            contiguous_from: None,
            effects_only_through: -1,
            next: 0,
            since_base: 0,
            bases: VecDeque::new(),
        }
    }
}

/// What folding a record needs besides the fold.
pub struct Folding<'a> {
    pub settings: &'a Settings,
    pub definitions: &'a dyn Definitions,
    /// Effects of records past the mark, by offset.
    pub pending: &'a mut BTreeMap<i64, Effects>,
}

/// Why a fold can't go on.
#[derive(Debug)]
pub enum FoldError {
    /// The log begins after the checkpoint.
    Gap,
    /// A record that counts can't be understood.
    Broken(String),
}

impl Fold {
    /// A fold that goes on from the store's checkpoint.
    pub fn from_checkpoint(checkpoint: Checkpoint, context: Folding<'_>) -> Result<Self, String> {
        let Folding {
            settings,
            definitions,
            pending,
        } = context;
        let mut fold = Self {
            epoch: Some(checkpoint.epoch),
            seq: checkpoint.seq,
            contiguous_from: Some(checkpoint.mark + 1),
            effects_only_through: checkpoint.offset,
            next: checkpoint.mark + 1,
            ..Self::default()
        };
        for (_, records) in &checkpoint.open {
            for (offset, json) in records {
                let context = Folding {
                    settings,
                    definitions,
                    pending,
                };
                match HistoryRecord::from_json(json).map_err(|e| e.to_string())? {
                    HistoryRecord::Transition(t) => fold.transition(*offset, t, json, context)?,
                    HistoryRecord::Restatement { state, epoch, .. } => {
                        fold.restated(*offset, epoch, state, json, context)?
                    }
                    HistoryRecord::Claim { .. } | HistoryRecord::Mark { .. } => {
                        return Err("a claim or mark among an execution's records".to_owned());
                    }
                };
            }
        }
        fold.state.positions = checkpoint.positions;
        fold.state.mark = checkpoint.mark;
        fold.state.base = checkpoint.base;
        fold.state.names = Names::default();
        fold.state.names.extend(&checkpoint.closed);
        *pending = pending.split_off(&(checkpoint.mark + 1));
        Ok(fold)
    }

    /// The offset to read from.
    pub fn next_offset(&self) -> i64 {
        self.next
    }

    pub fn epoch(&self) -> Option<i64> {
        self.epoch
    }

    pub fn note_base(&mut self, base: Option<i64>) {
        self.state.base = base.or(self.state.base);
    }

    pub fn base(&self) -> Option<i64> {
        self.state.base
    }

    /// The folded state, the number of records since its base, and the bases seen.
    pub fn finish(self) -> (State, u64, VecDeque<(i64, i64)>) {
        (self.state, self.since_base, self.bases)
    }

    /// Folds one record; `Some` is what the views are told of it.
    pub fn record(
        &mut self,
        offset: i64,
        json: &Bytes,
        context: Folding<'_>,
    ) -> Result<Option<Applied>, FoldError> {
        if self
            .contiguous_from
            .take()
            .is_some_and(|expected| expected != offset)
        {
            return Err(FoldError::Gap);
        }
        self.next = offset + 1;
        let record = match HistoryRecord::from_json(json) {
            Ok(record) => record,
            Err(e) if is_newer(json) => return Err(FoldError::Broken(e.to_string())),
            // Not written by any owner: it can't carry the epoch, so it doesn't count.
            Err(_) => return Ok(None),
        };
        let partition = context.settings.partition;
        if offset <= self.effects_only_through {
            if let HistoryRecord::Transition(t) = record {
                let effects = strays(t.rejected, t.passed_on, position_of(&t.cause));
                if !effects.is_empty() {
                    context.pending.insert(offset, effects);
                }
            }
            return Ok(None);
        }
        let change = match record {
            HistoryRecord::Claim { now, .. } => {
                self.epoch = Some(offset);
                self.seq = 0;
                self.state.now_ms = self.state.now_ms.max(now);
                Change::None
            }
            HistoryRecord::Transition(t) => {
                if !self.accepts(t.epoch, t.seq, context.settings) {
                    return Ok(None);
                }
                self.transition(offset, t, json, context)
                    .map_err(FoldError::Broken)?
            }
            HistoryRecord::Mark {
                epoch,
                seq,
                upto,
                base,
                positions,
            } => {
                if !self.accepts(epoch, seq, context.settings) {
                    return Ok(None);
                }
                self.marked(upto, base, &positions, context.pending);
                Change::None
            }
            HistoryRecord::Restatement { epoch, seq, state } => {
                if !self.accepts(epoch, seq, context.settings) {
                    return Ok(None);
                }
                self.restated(offset, epoch, state, json, context)
                    .map_err(FoldError::Broken)?
            }
        };
        self.since_base += 1;
        Ok(Some(Applied {
            partition,
            offset,
            epoch: self.epoch.unwrap_or(offset),
            seq: self.seq,
            positions: self.state.positions.clone(),
            mark: self.state.mark,
            base: self.state.base,
            change,
        }))
    }

    fn accepts(&mut self, epoch: i64, seq: u64, settings: &Settings) -> bool {
        let without = settings.without.rule;
        let current = self.epoch == Some(epoch) || (without[1] && self.epoch.is_some());
        let next = seq == self.seq + 1 || without[2];
        if current && next {
            self.seq = seq;
        }
        current && next
    }

    fn transition(
        &mut self,
        offset: i64,
        t: Transition,
        json: &Bytes,
        context: Folding<'_>,
    ) -> Result<Change, String> {
        self.state.now_ms = self.state.now_ms.max(t.now);
        let position = position_of(&t.cause);
        if let Some((topic, at)) = position {
            self.state.positions.advance(topic, at + 1);
        }
        self.note_base(t.base);
        let mut effects = strays(t.rejected, t.passed_on, position);
        let change = if t.events.is_empty() {
            Change::None
        } else {
            self.events(t.execution, &t.events, t.now, json, &context, &mut effects)?
        };
        if !effects.is_empty() {
            context.pending.insert(offset, effects);
        }
        Ok(change)
    }

    fn events(
        &mut self,
        arn: Arc<str>,
        events: &[Event],
        now_ms: i64,
        json: &Bytes,
        context: &Folding<'_>,
        pending: &mut Effects,
    ) -> Result<Change, String> {
        let mut opened = None;
        if let Some(EventKind::ExecutionStarted(started)) = events.first().map(|e| &e.kind) {
            let input = events[0]
                .data
                .as_ref()
                .ok_or("ExecutionStarted without input")?;
            let start_hash = start_hash(&started.machine, input);
            let slot = self.new_slot(&arn, started.revision, now_ms, start_hash, context)?;
            opened = Some(Opened {
                machine: started.machine.clone(),
                revision: started.revision,
                start_hash,
            });
            self.state.executions.insert(arn.clone(), slot);
        }
        let Some(slot) = self.state.executions.get_mut(&arn) else {
            // A stop that came before its start: the name is taken, nothing runs.
            let name = Name {
                start_hash: 0,
                closed_ms: now_ms,
            };
            self.state.names.insert(arn_hash(&arn), name);
            return Ok(Change::Names(vec![tombstone(&arn, now_ms)]));
        };
        let mut effects = Vec::new();
        for event in events {
            slot.execution.apply(event, now_ms, &mut effects);
        }
        pending.extend(
            effects
                .into_iter()
                .filter_map(|e| pending_effect(&arn, &slot.execution, e, now_ms, context.settings)),
        );
        slot.records.push(json.clone());
        let start_ms = slot.start_ms;
        let closed = close_if_done(&mut self.state, &arn, now_ms);
        Ok(Change::Step {
            execution: arn,
            start_ms,
            json: json.clone(),
            opened,
            closed,
        })
    }

    fn new_slot(
        &self,
        arn: &Arc<str>,
        revision: u64,
        start_ms: i64,
        start_hash: u64,
        context: &Folding<'_>,
    ) -> Result<Slot, String> {
        let definition = context.definitions.revision(revision).ok_or_else(|| {
            format!("execution {arn} runs revision {revision}, which is not in the registry")
        })?;
        let execution = Execution::empty(
            definition.program.clone(),
            arn.clone(),
            context.settings.machine,
        );
        let restated = self.epoch.unwrap_or(0);
        Ok(Slot {
            execution,
            start_ms,
            start_hash,
            records: Vec::new(),
            due_ms: None,
            restated,
        })
    }

    fn marked(
        &mut self,
        upto: i64,
        base: Option<i64>,
        positions: &baton_schemas::history::Positions,
        pending: &mut BTreeMap<i64, Effects>,
    ) {
        self.state.mark = self.state.mark.max(upto);
        *pending = pending.split_off(&(upto + 1));
        for (topic, next) in &positions.0 {
            self.state.positions.advance(*topic, *next);
        }
        self.note_base(base);
    }

    fn restated(
        &mut self,
        offset: i64,
        epoch: i64,
        state: Restated,
        json: &Bytes,
        context: Folding<'_>,
    ) -> Result<Change, String> {
        match state {
            Restated::Names(closed) => {
                self.state.names.extend(&closed);
                Ok(Change::Names(closed))
            }
            Restated::Complete { positions, now } => {
                for (topic, next) in &positions.0 {
                    self.state.positions.advance(*topic, *next);
                }
                self.state.now_ms = self.state.now_ms.max(now);
                self.state.base = Some(epoch);
                self.since_base = 0;
                self.bases.push_back((epoch, now));
                Ok(Change::None)
            }
            Restated::Execution {
                execution,
                transitions,
            } => {
                let (slot, opened) =
                    self.replay(&execution, epoch, &transitions, json, &context)?;
                let effects: Effects = slot
                    .execution
                    .open_commands()
                    .into_iter()
                    .filter_map(|c| {
                        pending_effect(
                            &execution,
                            &slot.execution,
                            Effect::Command(c),
                            0,
                            context.settings,
                        )
                    })
                    .collect();
                if !effects.is_empty() {
                    context.pending.insert(offset, effects);
                }
                let start_ms = slot.start_ms;
                self.state.executions.insert(execution.clone(), slot);
                Ok(Change::Restated {
                    execution,
                    start_ms,
                    opened,
                    json: json.clone(),
                })
            }
        }
    }

    fn replay(
        &mut self,
        arn: &Arc<str>,
        epoch: i64,
        transitions: &[Step],
        json: &Bytes,
        context: &Folding<'_>,
    ) -> Result<(Slot, Opened), String> {
        let first = transitions
            .first()
            .and_then(|step| step.events.first())
            .ok_or("an execution without events")?;
        let (EventKind::ExecutionStarted(started), Some(input)) = (&first.kind, &first.data) else {
            return Err("an execution that does not begin with ExecutionStarted".to_owned());
        };
        let start_hash = start_hash(&started.machine, input);
        let opened = Opened {
            machine: started.machine.clone(),
            revision: started.revision,
            start_hash,
        };
        let mut slot = self.new_slot(
            arn,
            started.revision,
            transitions[0].now,
            start_hash,
            context,
        )?;
        for step in transitions {
            for event in &step.events {
                slot.execution.apply(event, step.now, &mut Vec::new());
            }
            self.state.now_ms = self.state.now_ms.max(step.now);
        }
        slot.records.push(json.clone());
        slot.restated = epoch;
        Ok((slot, opened))
    }
}

/// The position that a cause takes up.
fn position_of(cause: &Cause) -> Option<(InputTopic, i64)> {
    match cause {
        Cause::Completions(at) => Some((InputTopic::Completions, *at)),
        Cause::Requests(at) => Some((InputTopic::Requests, *at)),
        Cause::Http(_) | Cause::Timer => None,
    }
}

/// The effects of a refused or passed-on input.
fn strays(
    rejected: Option<Arc<str>>,
    passed_on: Option<Box<PassedOn>>,
    position: Option<(InputTopic, i64)>,
) -> Effects {
    let dead = rejected
        .zip(position)
        .map(|(reason, (topic, offset))| PendingEffect {
            task: None,
            outbound: Outbound::DeadLetter {
                topic,
                offset,
                record: None,
                reason,
            },
        });
    let passed_on = passed_on.map(|p| PendingEffect {
        task: None,
        outbound: pass_on(*p),
    });
    dead.into_iter().chain(passed_on).collect()
}

/// Takes a closed execution out of the open ones and remembers its name.
pub fn close_if_done(state: &mut State, arn: &Arc<str>, now_ms: i64) -> Option<ClosedAs> {
    let slot = state.executions.get(arn)?;
    let status = slot.execution.status();
    if status == baton_machine::Status::Running {
        return None;
    }
    let name = Name {
        start_hash: slot.start_hash,
        closed_ms: now_ms,
    };
    state.executions.remove(arn);
    state.names.insert(arn_hash(arn), name);
    Some(ClosedAs {
        status,
        stop_ms: now_ms,
    })
}

/// An effect in the form it is sent, if anything is to be sent.
pub fn pending_effect(
    arn: &Arc<str>,
    execution: &Execution,
    effect: Effect,
    now_ms: i64,
    settings: &Settings,
) -> Option<PendingEffect> {
    let task = match &effect {
        Effect::Command(command) => Some((arn.clone(), command.task)),
        _ => None,
    };
    outbound_of(arn, execution.started(), effect, now_ms, settings)
        .map(|outbound| PendingEffect { task, outbound })
}

/// The name of an execution that was stopped before it was started.
pub fn tombstone(arn: &str, now_ms: i64) -> baton_schemas::history::Closed {
    let arn_hash = format!("{:032x}", arn_hash(arn)).into();
    baton_schemas::history::Closed {
        arn_hash,
        start_hash: 0,
        closed_ms: now_ms,
    }
}

/// A passed-on input in the form it is sent.
pub fn pass_on(passed_on: PassedOn) -> Outbound {
    let headers = passed_on
        .headers
        .iter()
        .map(|(name, value)| {
            (
                Cow::Owned(name.to_string()),
                Bytes::copy_from_slice(value.as_bytes()),
            )
        })
        .collect();
    let record = Record {
        key: Some(Bytes::copy_from_slice(passed_on.key.as_bytes())),
        headers,
        value: passed_on
            .value
            .map(|v| Bytes::copy_from_slice(v.as_str().as_bytes())),
    };
    Outbound::PassOn {
        topic: passed_on.topic,
        partition: passed_on.partition,
        record,
    }
}

/// The base that a record carries, if it does. A record names a base only once that is effective, so even one that
/// does not count (a zombie's) may be believed; the record that completes a restatement itself may not.
pub fn base_of(json: &[u8]) -> Option<i64> {
    match HistoryRecord::from_json(json).ok()? {
        HistoryRecord::Transition(t) => t.base,
        HistoryRecord::Mark { base, .. } => base,
        HistoryRecord::Claim { .. } | HistoryRecord::Restatement { .. } => None,
    }
}

/// Whether the bytes are a record of a newer format, which must not be passed over.
fn is_newer(json: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Version {
        v: u32,
    }
    serde_json::from_slice::<Version>(json).is_ok_and(|version| version.v > 1)
}
