//! What goes into an owner and what comes out of it.
//!
//! Owns: the vocabulary between the sans-IO owner and whatever drives it (the Kafka adapter, the simulation). All times
//! are milliseconds since the epoch; all offsets are Kafka's.

use crate::call::{Call, CallError, CallId, Reply};
use crate::views::{Applied, Checkpoint};
use baton_schemas::history::{InputTopic, Step};
use baton_schemas::request::{ExecutionClosed, ReplyTo};
use baton_schemas::topics::Topics;
use baton_schemas::{Command, Completion, Control, ExecutionLog, Record, Request};
use bytes::Bytes;
use std::sync::Arc;

/// Facts an owner needs beyond its inputs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this node, written into claims.
    pub node: Arc<str>,
    /// The partition owned.
    pub partition: i32,
    /// Number of partitions N of history, completions and requests.
    pub partitions: i32,
    /// Topic names.
    pub topics: Topics,
    /// Bounds of executions.
    pub machine: baton_machine::Limits,
    /// Largest history record, bytes.
    pub record_bytes_max: usize,
    /// Most records in flight.
    pub in_flight_max: usize,
    /// Most open executions.
    pub open_executions_max: usize,
    /// See [`crate::limits::RESTATE_EVERY_RECORDS`].
    pub restate_every_records: u64,
    /// How long the history of closed executions is kept; see [`crate::limits::CLOSED_KEPT_MS`].
    pub closed_kept_ms: i64,
    /// How long the names of closed executions stay taken; see [`crate::limits::CLOSED_KEPT_MS`].
    pub names_kept_ms: i64,
    /// See [`crate::limits::COMMAND_RESEND_MS`].
    pub command_resend_ms: i64,
    /// See [`crate::limits::CLOCK_SKEW_MAX_MS`].
    pub clock_skew_max_ms: i64,
    /// Rules taken out, for the simulation's proof that each is needed; empty in every real build.
    pub without: Without,
}

/// Rules that a simulation run takes out to see that the checks catch it. All false in production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// R1..R14 by number; index 0 is unused.
    pub rule: [bool; 15],
}

/// What an owner is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The group gave the partition to this node. Claims follow.
    Assigned,
    /// The partition is no longer this node's: drop everything.
    Revoked,
    /// What became of an [`Action::Append`].
    Appended {
        /// As in the action.
        id: u64,
        /// What became of it.
        result: Appended,
    },
    /// Answer to [`Action::LoadCheckpoint`].
    Checkpoint(Option<Box<Checkpoint>>),
    /// Answer to [`Action::ReadHistory`], in one or more parts, in offset order.
    History {
        /// As in the action.
        read: u64,
        /// `(offset, value)` of each record.
        records: Vec<(i64, Bytes)>,
        /// Set on the last part.
        last: bool,
    },
    /// A read failed; the owner starts over.
    HistoryFailed {
        /// As in the action.
        read: u64,
        /// Why, in words.
        reason: String,
    },
    /// Answer to [`Action::LookAtEnd`]: the history partition's next offset.
    HistoryEnd {
        /// The offset that the next record will get.
        next: i64,
    },
    /// Answer to [`Action::OpenInputs`]: the next offsets of the input partitions at that moment.
    InputsOpened {
        /// Completions.
        completions_end: i64,
        /// Requests.
        requests_end: i64,
    },
    /// Inputs could not be opened where asked: the position is out of the topic's range (R7).
    InputsOutOfRange {
        /// What was asked and what there is, in words.
        reason: String,
    },
    /// A record of an input topic, in offset order per topic.
    Record {
        /// Which topic.
        topic: InputTopic,
        /// Its offset.
        offset: i64,
        /// What it says.
        record: InputRecord,
    },
    /// Everything below `next` of this input topic has been read and given (offsets without records are passed over).
    ReadUpTo {
        /// Which topic.
        topic: InputTopic,
        /// Next offset that can come.
        next: i64,
    },
    /// A call, over HTTP or from inside.
    Call {
        /// To answer by.
        id: CallId,
        /// What is asked.
        call: Call,
    },
    /// Answer to [`Action::Recall`].
    Recalled {
        /// As in the action.
        execution: Arc<str>,
        /// The execution's steps, oldest first; `None` if neither the views nor the log have them.
        steps: Option<Vec<Step>>,
    },
    /// What became of an [`Action::Send`].
    Sent {
        /// As in the action.
        id: u64,
        /// `Err`: permanently refused by the topic, with the reason.
        result: Result<(), String>,
    },
    /// Answer to the newest [`Action::ReadRegistry`]; earlier ones, which may be of an earlier life, are never answered.
    RegistryRead,
    /// Answer to [`Action::CheckOwnership`].
    Ownership {
        /// Whether the partition is still this node's.
        ours: bool,
    },
    /// Time has passed.
    Tick,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Acknowledged at this offset.
    At {
        /// Its offset.
        offset: i64,
        /// The broker's clock at the append, if the topic records it.
        broker_ms: Option<i64>,
    },
    /// Acknowledged, but the client doesn't know the offset.
    NoOffset,
    /// Not acknowledged; it may or may not have been appended.
    Failed {
        /// Why, in words.
        reason: String,
    },
}

/// A record of an input topic.
#[derive(Clone, Debug)]
pub enum InputRecord {
    /// From completions.
    Completion(Completion),
    /// From requests.
    Request(Request),
    /// Can't be read as either: goes to the dead-letter topic.
    Malformed {
        /// As it was.
        record: Record,
        /// Why, in words.
        reason: String,
    },
}

/// What an owner wants done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Append to the history partition. Appends must reach the broker in the order given.
    Append {
        /// To report by.
        id: u64,
        /// Key: execution ARN, or empty.
        key: Arc<str>,
        /// Value.
        json: Bytes,
    },
    /// Load the local store's checkpoint of this partition.
    LoadCheckpoint,
    /// The views of this partition are to be built anew: what follows begins at the start of the log.
    ResetViews,
    /// Read the history partition.
    ReadHistory {
        /// To report by; a newer read makes an older one void.
        read: u64,
        /// Where from.
        from: ReadFrom,
        /// The last offset wanted; reading ends there.
        through: i64,
    },
    /// Find the history of a closed execution: in the views, or else in the history partition by
    /// [`crate::recall::Recall`]. It closed before this moment.
    Recall {
        /// ARN.
        execution: Arc<str>,
        /// The last offset that has to be looked at.
        through: i64,
    },
    /// Say where the history partition ends.
    LookAtEnd,
    /// Begin reading the input topics here (`None`: at the topic's earliest record), and say where they end now.
    OpenInputs {
        /// Next offset of completions.
        completions: Option<i64>,
        /// Next offset of requests.
        requests: Option<i64>,
    },
    /// Stop reading the input topics.
    CloseInputs,
    /// Send a record that an effective history record calls for.
    Send {
        /// To report by; several sends may share one id, each is reported.
        id: u64,
        /// What and where to.
        outbound: Outbound,
    },
    /// Answer a call.
    Reply {
        /// The call.
        id: CallId,
        /// The answer.
        reply: Result<Reply, CallError>,
    },
    /// These became effective, in order: for the views.
    Apply(Applied),
    /// Read the registry to its end.
    ReadRegistry,
    /// Ask the broker whether the partition is still this node's (synchronous offset commit in the current generation).
    CheckOwnership,
    /// Delete the history before this offset.
    DeleteHistory {
        /// First offset that is kept.
        before: i64,
    },
    /// The partition is owned under this epoch and its state is folded: tell other nodes.
    Owned {
        /// The claim's offset.
        epoch: i64,
    },
    /// The partition was given up (memory dropped); another [`Input::Assigned`] is needed unless a claim follows.
    Released,
    /// The partition can't go on until somebody looks: alarm.
    Halt {
        /// What is wrong and what to do, in words.
        reason: String,
    },
}

/// Where a read of the history begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// The first record that is still there.
    Earliest,
    /// This offset, or the first after it that is still there.
    Offset(i64),
    /// The last `n` offsets before (and including) `through`.
    Last(i64),
}

/// A record to send.
#[derive(Clone, Debug)]
pub enum Outbound {
    /// To the topic of a task queue, key-partitioned.
    Command {
        /// Task queue.
        queue: Arc<str>,
        /// The command.
        command: Box<Command>,
    },
    /// To the requests topic: a child execution to start or stop.
    Request {
        /// The child's partition.
        partition: i32,
        /// The request.
        request: Box<Request>,
    },
    /// To the completions topic: what a child reports to its parent.
    Report {
        /// The parent's partition.
        partition: i32,
        /// The report.
        completion: Box<Completion>,
    },
    /// To the control topic.
    Control(Control),
    /// To whoever started the execution by a record.
    Closed {
        /// Where to.
        to: ReplyTo,
        /// The result.
        closed: Box<ExecutionClosed>,
    },
    /// A finished execution's result again, from the views.
    ReportAgain {
        /// Where to.
        to: ReplyTo,
        /// ARN.
        execution: Arc<str>,
    },
    /// An input that belongs to another partition.
    PassOn {
        /// Which topic.
        topic: InputTopic,
        /// The right partition.
        partition: i32,
        /// The offset that it was read at, on the owner's own partition.
        read_at: i64,
        /// The record.
        record: Record,
    },
    /// To the topic of execution logs.
    Log(Box<ExecutionLog>),
    /// To the dead-letter topic.
    DeadLetter {
        /// Where it was read.
        topic: InputTopic,
        /// Its offset there.
        offset: i64,
        /// As it was; `None`: read it again from there.
        record: Option<Record>,
        /// Why.
        reason: Arc<str>,
    },
}
