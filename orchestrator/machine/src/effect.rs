//! What an execution asks of the outside world.
//!
//! Owns: the effects of events. They are derived by `apply` alone, so replay finds the same ones. Must not do them.

use baton_schemas::Payload;
use baton_schemas::history::{Event, Failure};
use baton_schemas::parent::{MapItem, ReportForm};
use std::sync::Arc;

/// What must be done outside once the step's record is effective. Derived from events by `apply` alone, so that replay
/// finds the same effects.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a command.
    Command(TaskCommand),
    /// Tell the worker that the task of this event id is no longer wanted.
    Cancel {
        /// Event id of the task.
        task: u64,
    },
    /// Start a child execution.
    StartChild(Box<ChildStart>),
    /// Stop a child execution.
    StopChild {
        /// Its ARN.
        execution: Arc<str>,
    },
    /// The execution started: its parent hears of it, if it waits for that.
    Started {
        /// When, milliseconds since the epoch.
        start_ms: i64,
    },
    /// The execution closed.
    Closed(Closing),
}

/// A child execution to start.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildStart {
    /// Event id of the task or map run that it reports to.
    pub task: u64,
    /// Its ARN.
    pub execution: Arc<str>,
    /// ARN of its machine; of a Map's child that of the machine with the Map's label behind it.
    pub machine: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its input.
    pub input: Payload,
    /// What it reports.
    pub report: ReportForm,
    /// Set if it is a child of a distributed Map.
    pub item: Option<MapItem>,
}

/// A task to send to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskCommand {
    /// Event id; with the ARN it makes the token.
    pub task: u64,
    /// Task queue.
    pub queue: Arc<str>,
    /// Name of the state.
    pub state: Arc<str>,
    /// From 0.
    pub attempt: u32,
    /// When it was scheduled, milliseconds since the epoch.
    pub scheduled_ms: i64,
    /// After this time the task has timed out.
    pub deadline_ms: Option<i64>,
    /// Heartbeat interval, seconds.
    pub heartbeat_s: Option<u64>,
    /// ARN of what the state calls; `None` for a plain task queue, which says all.
    pub resource: Option<Arc<str>>,
    /// Input of the task.
    pub input: Payload,
}

/// How an execution closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Closing {
    /// How.
    pub status: Status,
    /// Output, if it succeeded.
    pub output: Option<Payload>,
    /// Error and cause, if it did not.
    pub failure: Failure,
    /// Its input.
    pub input: Payload,
    /// When it started, milliseconds since the epoch.
    pub start_ms: i64,
    /// When it closed, milliseconds since the epoch.
    pub stop_ms: i64,
}

/// What one stimulus led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Events, already applied; empty when nothing changed.
    pub events: Vec<Event>,
    /// Effects of these events.
    pub effects: Vec<Effect>,
}

/// Status of an execution, as AWS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `RUNNING`
    Running,
    /// `SUCCEEDED`
    Succeeded,
    /// `FAILED`
    Failed,
    /// `ABORTED`
    Aborted,
    /// `TIMED_OUT`
    TimedOut,
}

impl Status {
    /// As AWS writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
            Self::TimedOut => "TIMED_OUT",
        }
    }
}
