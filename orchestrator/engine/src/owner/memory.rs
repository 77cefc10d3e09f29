//! Everything an owner keeps between a claim and its loss (R3).
//!
//! Owns: the speculative state (ahead of the acknowledgements), what is in flight, the outbox and the timer queue. It is
//! dropped as a whole and begun anew by a claim; nothing in it survives.

use crate::call::{Call, CallError, CallId, Reply};
use crate::owner::express::Express;
use crate::owner::outbox::{Effects, Outbox};
use crate::owner::restate::Restating;
use crate::owner::state::State;
use crate::views::Applied;
use baton_schemas::ExecutionLog;
use baton_schemas::history::{Positions, Step};
use baton_schemas::request::StartRequest;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// See the module.
#[derive(Default)]
pub struct Memory {
    /// The claim's offset.
    pub epoch: i64,
    /// When the claim was acknowledged, milliseconds since the epoch.
    pub claimed_ms: i64,
    /// Sequence number used last in this epoch.
    pub seq: u64,
    /// The offset that the next acknowledgement should carry.
    pub next_offset: i64,
    /// Appended, not yet effective.
    pub in_flight: VecDeque<InFlight>,
    /// State including what is in flight.
    pub state: State,
    /// Inputs dealt with in this life, including those that changed nothing.
    pub done: Positions,
    /// Effects sent and not yet acknowledged.
    pub outbox: Outbox,
    /// Effects found by the fold, sent when the drain is over.
    pub pending: BTreeMap<i64, Effects>,
    /// `(due_ms, ARN)` of every execution with a timer.
    pub timers: BTreeSet<(i64, Arc<str>)>,
    /// A look at the log under way because an acknowledgement was not the expected one (R4) or something was seen (R5).
    pub verify: Option<Verify>,
    /// `next_offset` when the end of the log was asked for.
    pub looked_at: Option<i64>,
    /// When the end was looked at last, milliseconds since the epoch.
    pub looked_ms: i64,
    /// A new claim in the same life is under way, to begin a restatement.
    pub reclaim: Option<u64>,
    /// What waits for that claim.
    pub held: VecDeque<Held>,
    /// Denials that wait for a look at the end of the log, asked for after they were made.
    pub denials: Vec<(CallId, Result<Reply, CallError>)>,
    /// How many of the denials the look under way is good for.
    pub denials_looked: usize,
    /// Whether the registry was read to its end since a fold met an unknown revision.
    pub registry_read: bool,
    /// Positions as the last mark said them.
    pub marked_positions: Positions,
    /// The restatement under way.
    pub restating: Option<Restating>,
    /// Accepted records since the last complete restatement.
    pub since_base: u64,
    /// `(claim offset, completed_ms)` of complete restatements, oldest first.
    pub bases: VecDeque<(i64, i64)>,
    /// A start whose machine is not known yet: the registry is being read to its end.
    pub parked: Option<(i64, StartRequest)>,
    /// Redrives that wait for the histories of their executions, by ARN.
    pub recalls: BTreeMap<Arc<str>, Vec<Redriving>>,
    /// Express executions, which nothing but memory knows.
    pub express: Express,
    /// Effective records since the last mark was appended.
    pub since_mark: u64,
    /// Whether anything that a mark would say has changed since.
    pub mark_due: bool,
    /// When the last mark was appended.
    pub marked_ms: i64,
    /// When open commands were looked through for sending again.
    pub swept_ms: i64,
    /// A fold under way.
    pub folding: Option<super::fold::Fold>,
}

/// Something that came while a claim of the same life was under way.
pub enum Held {
    /// A call.
    Call(CallId, Call),
    /// A send that was refused.
    Refused(u64, String),
    /// The registry was read.
    RegistryRead,
    /// The history of a closed execution was found, or not.
    Recalled(Arc<str>, Option<Vec<Step>>),
}

/// A call that redrives an execution and waits for its history.
pub struct Redriving {
    /// To answer by.
    pub call: CallId,
    /// `clientToken`.
    pub token: Option<Arc<str>>,
}

/// A record appended and not yet effective.
pub struct InFlight {
    /// Append id.
    pub id: u64,
    /// Its sequence number, to find it when the log is read back (R4).
    pub seq: u64,
    /// What to send when it is effective.
    pub effects: Effects,
    /// What to tell the views; the offset is filled in.
    pub applied: Applied,
    /// What to answer then.
    pub replies: Vec<(CallId, Result<Reply, CallError>)>,
    /// What else happens then.
    pub then: Then,
    /// Log records to send then.
    pub logs: Vec<ExecutionLog>,
}

/// What happens when a record becomes effective, beyond effects and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The restatement is complete: its claim is the new base.
    Rebase,
    /// The Express execution that it starts begins to run.
    Run,
    /// Nothing, and the views are not told: the record counts only with the one that follows it.
    Precede,
}

/// A look at the own history under way.
pub struct Verify {
    /// Read id.
    pub read: u64,
    /// Acknowledgements that came meanwhile, in order; `None` for one without offset.
    pub acks: VecDeque<(u64, Option<i64>)>,
    /// `(offset, seq)` of own records seen.
    pub seen: Vec<(i64, u64)>,
    /// A claim of somebody else was seen.
    pub foreign: bool,
    /// One past the last offset read.
    pub next: i64,
}
