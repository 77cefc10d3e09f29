//! What becomes effective, for the local views; and what the views give back.
//!
//! Owns: the ports of the local store. The store is a checkpoint of effective state that can be lost at any time: it is
//! written behind the acknowledgement, and folded again from the log.

use crate::search::{Condition, Findable};
use baton_machine::Status;
use baton_schemas::arn::ExecutionArn;
use baton_schemas::history::{Closed, Positions};
use bytes::Bytes;
use std::sync::Arc;

/// One history record that became effective.
#[derive(Clone, Debug)]
pub struct Applied {
    /// History partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The epoch it belongs to (a claim: its own offset).
    pub epoch: i64,
    /// Its sequence number (a claim: 0).
    pub seq: u64,
    /// Positions of inputs after it.
    pub positions: Positions,
    /// Mark after it (R10).
    pub mark: i64,
    /// Where a reader without store begins (R14), after it.
    pub base: Option<i64>,
    /// Latest time recorded, milliseconds since the epoch.
    pub now_ms: i64,
    /// Accepted records since the last complete restatement (R14), this one included.
    pub since_base: u64,
    /// What it changed.
    pub change: Change,
}

/// What an effective record changed.
#[derive(Clone, Debug)]
pub enum Change {
    /// Nothing that a view shows (claims, marks, rejected inputs).
    None,
    /// One step of one execution.
    Step {
        /// ARN.
        execution: Arc<str>,
        /// When the execution started; with the ARN it names the execution in the views.
        start_ms: i64,
        /// The history record as written: [`baton_schemas::history::HistoryRecord`] in JSON.
        json: Bytes,
        /// Set by the step that started the execution.
        opened: Option<Opened>,
        /// Set by the step that closed it.
        closed: Option<ClosedAs>,
    },
    /// A closed execution was redriven: it is open again, under the start that it had.
    Reopened {
        /// ARN.
        execution: Arc<str>,
        /// When it started.
        start_ms: i64,
        /// Facts of its start.
        opened: Opened,
        /// The redrive.
        redrives: Redrives,
        /// Its history up to here as one history record, for views that do not have it.
        past: Bytes,
        /// The history record that redrives it.
        json: Bytes,
        /// Set if the same step closed it again.
        closed: Option<ClosedAs>,
    },
    /// A restatement is complete: these are the bases that history is still kept from, `(claim offset, completed_ms)`,
    /// oldest first.
    Rebased(Vec<(i64, i64)>),
    /// A mark: offsets, up to it, of starts of Express executions that still run.
    Marked(Vec<i64>),
    /// A name that is taken without an execution (a stop that came before its start), or restated.
    Names(Vec<Closed>),
    /// An execution as restated (R14): replaces what the view has of it.
    Restated {
        /// ARN.
        execution: Arc<str>,
        /// When it started.
        start_ms: i64,
        /// Facts of its start.
        opened: Opened,
        /// The restatement as one history record (in the log it may stand in several parts).
        json: Bytes,
    },
}

/// Facts of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// ARN of the state machine.
    pub machine: Arc<str>,
    /// Revision of its definition.
    pub revision: u64,
    /// 64-bit hash of machine and input, to recognise a repeated start.
    pub start_hash: u64,
}

/// How often and when last an execution was redriven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redrives {
    /// How often.
    pub count: u32,
    /// When last, milliseconds since the epoch.
    pub last_ms: Option<i64>,
}

/// Facts of a close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedAs {
    /// How.
    pub status: Status,
    /// When, milliseconds since the epoch.
    pub stop_ms: i64,
}

/// Effective state of a partition as the store has it, all of one moment.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// Offset of the last record contained.
    pub offset: i64,
    /// Its epoch.
    pub epoch: i64,
    /// Its sequence number.
    pub seq: u64,
    /// Positions of inputs.
    pub positions: Positions,
    /// Mark.
    pub mark: i64,
    /// Where a reader without store begins.
    pub base: Option<i64>,
    /// Latest time recorded, milliseconds since the epoch.
    pub now_ms: i64,
    /// Accepted records since the last complete restatement.
    pub since_base: u64,
    /// As last told by [`Change::Rebased`].
    pub bases: Vec<(i64, i64)>,
    /// As last told by [`Change::Marked`].
    pub express: Vec<i64>,
    /// Open executions, and closed ones whose closing offset lies beyond `mark` (their effects may have to be sent
    /// again).
    pub open: Vec<ExecutionRecords>,
    /// Closed executions whose names are taken.
    pub closed: Vec<Closed>,
}

/// An execution's ARN and its history records, oldest first: `(offset, history record in JSON)` of each.
pub type ExecutionRecords = (Arc<str>, Vec<(i64, Bytes)>);

/// Takes what became effective. Must not block for long: it is called by the thread that drives the owners.
pub trait ViewWriter: Send {
    /// Takes records of one or more partitions, in order for each partition. A record may come again, after an owner
    /// dropped its memory and folded from a checkpoint that lagged: offsets that the writer has are skipped.
    fn apply(&mut self, batch: Vec<Applied>);

    /// Forgets everything of a partition; what follows begins at the start of its log.
    fn reset(&mut self, partition: i32);
}

/// Gives checkpoints. May block; called off the hot path.
pub trait Checkpoints: Send + Sync {
    /// The checkpoint of a partition; `None` if there is none (or it can't be read: it is folded again).
    fn load(&self, partition: i32) -> Option<Box<Checkpoint>>;

    /// History records in JSON of an execution, oldest first, if they are at hand: [`Views::history`] of whoever has both.
    fn recall(&self, execution: &str) -> Option<Vec<Bytes>> {
        let _ = execution;
        None
    }
}

/// Answers queries of effective state. May block; called off the hot path.
pub trait Views: Send + Sync {
    /// One execution, by ARN.
    fn describe(&self, execution: &str) -> Option<Summary>;

    /// Its history records in JSON, oldest first; `None` if the execution is unknown.
    fn history(&self, execution: &str) -> Option<Vec<Bytes>>;

    /// Executions, newest start first.
    fn list(&self, query: &ListQuery) -> ListPage;

    /// Why the views no longer follow what becomes effective, if so: then what they have is not to be shown, since a
    /// caller would be told that what was accepted does not exist.
    fn ended(&self) -> Option<Arc<str>> {
        None
    }
}

/// What a list shows of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// ARN.
    pub execution: Arc<str>,
    /// ARN of its machine.
    pub machine: Arc<str>,
    /// Revision of its definition.
    pub revision: u64,
    /// How it stands.
    pub status: Status,
    /// When it started.
    pub start_ms: i64,
    /// When it closed.
    pub stop_ms: Option<i64>,
    /// How often and when last it was redriven.
    pub redrives: Redrives,
    /// What else it is found by.
    pub findable: Findable,
}

/// Which executions are wanted.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    /// Of this machine.
    pub machine: Option<Arc<str>>,
    /// With this status.
    pub status: Option<Status>,
    /// Started at or after this time.
    pub started_from_ms: Option<i64>,
    /// Started before this time.
    pub started_before_ms: Option<i64>,
    /// Name begins with this.
    pub name_prefix: Option<Arc<str>>,
    /// All of these hold of it.
    pub conditions: Vec<Condition>,
    /// At most this many.
    pub limit: usize,
    /// Only what comes after this summary in the order of the list: `(start_ms, ARN)`.
    pub after: Option<(i64, Arc<str>)>,
}

impl ListQuery {
    /// Whether the name of the execution with this ARN is one that is wanted.
    #[must_use]
    pub fn names(&self, arn: &str) -> bool {
        let name = || ExecutionArn::parse(arn).map_or(arn, |parsed| parsed.name);
        self.name_prefix
            .as_ref()
            .is_none_or(|prefix| name().starts_with(&**prefix))
    }

    /// Whether an execution is wanted, wherever the page begins.
    #[must_use]
    pub fn takes(
        &self,
        arn: &str,
        machine: &str,
        status: Status,
        start_ms: i64,
        findable: &Findable,
    ) -> bool {
        self.status.is_none_or(|wanted| wanted == status)
            && self
                .machine
                .as_deref()
                .is_none_or(|wanted| wanted == machine)
            && self.started_from_ms.is_none_or(|from| start_ms >= from)
            && self
                .started_before_ms
                .is_none_or(|before| start_ms < before)
            && self.names(arn)
            && findable.meets(&self.conditions)
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// The executions.
    pub executions: Vec<Summary>,
    /// Whether there may be more.
    pub more: bool,
    /// Where the next page begins, set with `more`: the next query's `after`. The work of a page is bounded, so a
    /// page may hold fewer executions than asked for, or none, and still not be the last.
    pub next: Option<(i64, Arc<str>)>,
}
