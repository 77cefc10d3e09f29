//! Folding the history (R2): which records count, and what they change.
//!
//! Owns: the reader's side of the log. A claim begins an epoch; any other record counts only if its epoch is the last
//! claim's offset and its sequence number the next one. Used for recovery only: the live path changes the same state
//! by the same events.

use super::outbound::outbound_of;
use super::outbox::{Effects, PendingEffect};
use super::records::Records;
use super::state::{ExpressStart, Name, Names, Slot, State, logging_of, start_hash};
use super::texts::Texts;
use crate::definitions::Definitions;
use crate::limits::{COOLING_MAX, IGNORED_KEPT_MAX, PACKED_PER_RECORD_MAX};
use crate::ports::{Outbound, Settings};
use crate::views::{Applied, Change, Checkpoint, ClosedAs, Opened};
use baton_machine::{Effect, Execution};
use baton_schemas::Record;
use baton_schemas::arn::arn_hash;
use baton_schemas::history::{
    Cause, Event, EventKind, Failure, HistoryRecord, InputTopic, PassedOn, Restated, Started, Step,
    Transition,
};
use baton_schemas::request::{ExecutionClosed, ReplyTo};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A fold under way.
pub struct Fold {
    pub(super) state: State,
    /// Offset of the last claim; `None` before the first, when nothing counts.
    pub(super) epoch: Option<i64>,
    seq: u64,
    /// Offset that must come next, if the fold began at a checkpoint.
    contiguous_from: Option<i64>,
    /// Records up to this offset are in the checkpoint; only refused and passed-on inputs among them are of interest.
    effects_only_through: i64,
    next: i64,
    pub(super) since_base: u64,
    pub(super) bases: VecDeque<(i64, i64)>,
    /// An execution whose restatement has begun: ARN, its claim, steps so far.
    pub(super) gathering: Option<(Arc<str>, i64, Vec<Step>)>,
    pub(super) texts: Texts,
    /// A closed execution that the next record may redrive.
    pub(super) recalled: Option<Recalled>,
    /// The executions of a checkpoint are being read.
    pub(super) of_checkpoint: bool,
    /// Starts of Express executions up to the checkpoint's mark that still ran.
    still_run: Vec<i64>,
}

/// A closed execution whose history was said again, or was just read.
pub struct Recalled {
    pub(super) arn: Arc<str>,
    pub(super) slot: Slot,
    /// Its history as one record.
    pub(super) past: Bytes,
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
            gathering: None,
            texts: Texts::default(),
            recalled: None,
            of_checkpoint: false,
            still_run: Vec::new(),
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
    /// An execution runs a revision that the registry, as far as it has been read, doesn't have.
    UnknownRevision(String),
    /// A record that counts can't be understood.
    Broken(String),
}

impl From<String> for FoldError {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

impl From<&str> for FoldError {
    fn from(reason: &str) -> Self {
        Self::Broken(reason.to_owned())
    }
}

impl Fold {
    /// A fold that goes on from the store's checkpoint.
    pub fn from_checkpoint(
        checkpoint: Checkpoint,
        context: Folding<'_>,
    ) -> Result<Self, FoldError> {
        let Folding {
            settings,
            definitions,
            pending,
        } = context;
        // Express executions run on that started long before the mark.
        let next =
            (checkpoint.mark + 1).min(checkpoint.express.first().copied().unwrap_or(i64::MAX));
        let mut fold = Self {
            epoch: Some(checkpoint.epoch),
            seq: checkpoint.seq,
            contiguous_from: Some(next),
            effects_only_through: checkpoint.offset,
            next,
            of_checkpoint: true,
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
                        fold.restated(*offset, epoch, state, context)?
                    }
                    HistoryRecord::Claim { .. } | HistoryRecord::Mark { .. } => {
                        return Err("a claim or mark among an execution's records".into());
                    }
                };
            }
        }
        fold.state.positions = checkpoint.positions;
        fold.state.mark = checkpoint.mark;
        fold.still_run = checkpoint.express;
        fold.state.base = checkpoint.base;
        fold.state.now_ms = checkpoint.now_ms;
        fold.since_base = checkpoint.since_base;
        fold.bases = checkpoint.bases.into();
        fold.gathering = None;
        fold.recalled = None;
        fold.of_checkpoint = false;
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
                self.express_start(offset, &t);
                let effects = self.strays(t);
                if !effects.is_empty() && offset > self.state.mark {
                    context.pending.insert(offset, effects);
                }
            }
            if offset == self.effects_only_through {
                let still_run = std::mem::take(&mut self.still_run);
                self.drop_done(self.state.mark, &still_run);
            }
            return Ok(None);
        }
        let change = match record {
            HistoryRecord::Claim { now, .. } => {
                self.epoch = Some(offset);
                self.seq = 0;
                self.gathering = None;
                self.recalled = None;
                self.state.now_ms = self.state.now_ms.max(now);
                Change::None
            }
            HistoryRecord::Transition(t) => {
                if !self.accepts(t.epoch, t.seq, context.settings) {
                    return Ok(None);
                }
                self.transition(offset, t, json, context)?
            }
            HistoryRecord::Mark {
                epoch,
                seq,
                upto,
                base,
                positions,
                express,
            } => {
                if !self.accepts(epoch, seq, context.settings) {
                    return Ok(None);
                }
                self.marked(upto, base, &positions, context.pending);
                self.drop_done(upto, &express);
                Change::Marked(express)
            }
            HistoryRecord::Restatement { epoch, seq, state } => {
                if !self.accepts(epoch, seq, context.settings) {
                    return Ok(None);
                }
                let precedes = matches!(state, Restated::Recalled { .. });
                let change = self.restated(offset, epoch, state, context)?;
                if precedes {
                    // It counts only with the record that follows: views must not stand in between.
                    self.since_base += 1;
                    return Ok(None);
                }
                change
            }
        };
        self.since_base += 1;
        self.state.cool(COOLING_MAX, PACKED_PER_RECORD_MAX);
        Ok(Some(Applied {
            partition,
            offset,
            epoch: self.epoch.unwrap_or(offset),
            seq: self.seq,
            positions: self.state.positions.clone(),
            mark: self.state.mark,
            base: self.state.base,
            now_ms: self.state.now_ms,
            since_base: self.since_base,
            change,
        }))
    }

    /// The effects of an input that changed no execution: refused, passed on, or a report asked for again.
    fn strays(&self, t: Transition) -> Effects {
        let position = position_of(&t.cause);
        let dead = t
            .rejected
            .zip(position)
            .map(|(reason, (topic, offset))| Outbound::DeadLetter {
                topic,
                offset,
                record: None,
                reason,
            });
        let read_at = position.map_or(0, |(_, offset)| offset);
        let passed_on = t.passed_on.map(|p| pass_on(*p, read_at));
        let execution = t.execution;
        let report = t.report_again.map(|to| {
            let stopped = self
                .state
                .names
                .get(&execution)
                .is_some_and(|name| name.start_hash == 0);
            report_again(to, execution, stopped)
        });
        let outbound = dead.into_iter().chain(passed_on).chain(report);
        outbound
            .map(|outbound| PendingEffect {
                task: None,
                outbound,
            })
            .collect()
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
        mut t: Transition,
        json: &Bytes,
        context: Folding<'_>,
    ) -> Result<Change, FoldError> {
        self.state.now_ms = self.state.now_ms.max(t.now);
        if let Some((topic, at)) = position_of(&t.cause) {
            self.state.positions.advance(topic, at + 1);
        }
        self.note_base(t.base);
        if self.express_start(offset, &t) {
            return Ok(Change::None);
        }
        let (arn, now_ms) = (t.execution.clone(), t.now);
        let mut events = std::mem::take(&mut t.events);
        self.texts.share(&mut events);
        let mut effects = self.strays(t);
        let change = if events.is_empty() {
            Change::None
        } else {
            self.events(arn, &events, now_ms, json, &context, &mut effects)?
        };
        if !effects.is_empty() {
            context.pending.insert(offset, effects);
        }
        Ok(change)
    }

    /// Notes the start of an Express execution; whether `t` is one.
    fn express_start(&mut self, offset: i64, t: &Transition) -> bool {
        let Some(Event {
            kind: EventKind::ExecutionStarted(started),
            data: Some(input),
            ..
        }) = t.events.first()
        else {
            return false;
        };
        if started.express.is_none() {
            return false;
        }
        let start = ExpressStart {
            execution: t.execution.clone(),
            started: started.clone(),
            input: input.clone(),
        };
        self.state.express.insert(offset, start);
        true
    }

    /// Forgets Express executions up to a mark, but for those that it says still run.
    fn drop_done(&mut self, upto: i64, still_run: &[i64]) {
        self.state
            .express
            .retain(|at, _| *at > upto || still_run.binary_search(at).is_ok());
    }

    fn events(
        &mut self,
        arn: Arc<str>,
        events: &[Event],
        now_ms: i64,
        json: &Bytes,
        context: &Folding<'_>,
        pending: &mut Effects,
    ) -> Result<Change, FoldError> {
        let mut opened = None;
        let recalled = self.recalled.take();
        if let Some(EventKind::ExecutionRedriven(_)) = events.first().map(|e| &e.kind) {
            return self.redriven(arn, recalled, events, now_ms, json, context, pending);
        }
        if let Some(EventKind::ExecutionStarted(started)) = events.first().map(|e| &e.kind) {
            let input = events[0]
                .data
                .as_ref()
                .ok_or("ExecutionStarted without input")?;
            let start_hash = start_hash(&started.machine, input, started.parent.as_deref());
            let slot = self.new_slot(&arn, started.revision, now_ms, start_hash, context)?;
            opened = Some(Opened {
                machine: listed_under(started),
                revision: started.revision,
                start_hash,
            });
            let executions = &mut self.state.executions;
            executions.insert(arn.clone(), Box::new(slot));
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
                .filter_map(|e| pending_effect(&arn, &slot.execution, e, context.settings)),
        );
        if !keeps(slot, events) {
            return Ok(Change::None);
        }
        let start_ms = slot.start_ms;
        let closed = self.close_if_done(&arn, now_ms, json);
        if closed.is_none() {
            self.state.keep(&arn, json.clone());
        }
        Ok(Change::Step {
            execution: arn,
            start_ms,
            json: json.clone(),
            opened,
            closed,
        })
    }

    /// Takes a closed execution out of the open ones. While a checkpoint's executions are read, it stays at hand: the
    /// store keeps a redrive right behind what it redrives.
    pub(super) fn close_if_done(
        &mut self,
        arn: &Arc<str>,
        now_ms: i64,
        json: &Bytes,
    ) -> Option<ClosedAs> {
        if self.of_checkpoint
            && let Some(slot) = self.state.executions.get(arn)
            && slot.execution.status() != baton_machine::Status::Running
        {
            let mut slot = (**slot).clone();
            slot.records.push(json.clone());
            self.recalled = Some(Recalled {
                arn: arn.clone(),
                slot,
                past: Bytes::new(),
            });
        }
        close_if_done(&mut self.state, arn, now_ms)
    }

    pub(super) fn new_slot(
        &self,
        arn: &Arc<str>,
        revision: u64,
        start_ms: i64,
        start_hash: u64,
        context: &Folding<'_>,
    ) -> Result<Slot, FoldError> {
        let definition = context.definitions.revision(revision).ok_or_else(|| {
            FoldError::UnknownRevision(format!(
                "execution {arn} runs revision {revision} of its definition, which is not in the registry, or which \
                 this build can't compile: look at the registry topic, or upgrade baton"
            ))
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
            records: Records::default(),
            cools: false,
            due_ms: None,
            restated,
            ignored: 0,
            logging: logging_of(&definition),
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
}

/// The position that a cause takes up.
fn position_of(cause: &Cause) -> Option<(InputTopic, i64)> {
    match cause {
        Cause::Completions(at) => Some((InputTopic::Completions, *at)),
        Cause::Requests(at) => Some((InputTopic::Requests, *at)),
        Cause::Http(_) | Cause::Timer => None,
    }
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

/// What the views list an execution under: its machine, or the run of a Map's child.
pub fn listed_under(started: &Started) -> Arc<str> {
    let parent = started.parent.as_ref();
    let item = parent.and_then(|parent| parent.item.as_ref());
    item.map_or(&started.machine, |item| &item.run).clone()
}

/// Whether a step's record stays with its open execution and goes to the views. A sign of life does not: after a claim
/// every heartbeat counts from the claim at the earliest (R11), so none that was recorded before matters. Completions
/// that came too late stay up to a bound. The log has them all, until it is deleted behind a restatement.
pub fn keeps(slot: &mut Slot, events: &[Event]) -> bool {
    let all = |is: fn(&EventKind) -> bool| events.iter().all(|event| is(&event.kind));
    if events.is_empty() || all(|kind| matches!(kind, EventKind::HeartbeatRecorded { .. })) {
        return false;
    }
    if all(|kind| matches!(kind, EventKind::CompletionIgnored { .. })) {
        slot.ignored = slot.ignored.saturating_add(1);
        return slot.ignored <= IGNORED_KEPT_MAX;
    }
    true
}

/// An effect in the form it is sent, if anything is to be sent.
pub fn pending_effect(
    arn: &Arc<str>,
    execution: &Execution,
    effect: Effect,
    settings: &Settings,
) -> Option<PendingEffect> {
    let task = match &effect {
        Effect::Command(command) => Some((arn.clone(), command.task)),
        Effect::StartChild(child) => Some((arn.clone(), child.task)),
        _ => None,
    };
    outbound_of(arn, execution.started(), effect, settings)
        .map(|outbound| PendingEffect { task, outbound })
}

/// The result of a closed execution, told once more; `stopped` if it was stopped before its start, so that nobody has a
/// result.
pub fn report_again(to: ReplyTo, execution: Arc<str>, stopped: bool) -> Outbound {
    if !stopped {
        return Outbound::ReportAgain { to, execution };
    }
    let closed = ExecutionClosed {
        execution,
        status: baton_machine::Status::Aborted.as_str(),
        output: None,
        failure: Failure::default(),
        traceparent: None,
    };
    Outbound::Closed {
        to,
        closed: Box::new(closed),
    }
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
pub fn pass_on(passed_on: PassedOn, read_at: i64) -> Outbound {
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
        read_at,
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
