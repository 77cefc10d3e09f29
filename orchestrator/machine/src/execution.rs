//! (to be split) An execution's state, its stimuli and effects.

use baton_language::Program;
use baton_schemas::Payload;
use baton_schemas::history::{Event, Failure, Started};
use std::sync::Arc;

/// Configurable bounds; defaults in [`crate::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload, bytes.
    pub payload_bytes: usize,
    /// Most events in a history.
    pub history_events: u64,
}

/// One execution in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {}

/// What a new execution is.
#[derive(Clone, Debug)]
pub struct Start {
    /// ARN of the execution.
    pub arn: Arc<str>,
    /// Facts for the first event.
    pub started: Started,
    /// Input.
    pub input: Payload,
}

/// What can happen to an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// The task scheduled by event `task` succeeded.
    TaskSucceeded {
        /// Event id.
        task: u64,
        /// Its output.
        output: Payload,
    },
    /// It failed.
    TaskFailed {
        /// Event id.
        task: u64,
        /// Error and cause.
        failure: Failure,
    },
    /// A heartbeat of it.
    Heartbeat {
        /// Event id.
        task: u64,
    },
    /// Timers may be due. Heartbeat deadlines count as the later of the recorded one and `heartbeats_since_ms` + interval (R11).
    Tick {
        /// Time of the owner's claim, milliseconds since the epoch.
        heartbeats_since_ms: i64,
    },
    /// StopExecution.
    Stop(Failure),
}

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
    /// The execution closed.
    Closed(Closing),
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

/// What one stimulus led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Events, already applied; empty when nothing changed.
    pub events: Vec<Event>,
    /// Effects of these events.
    pub effects: Vec<Effect>,
}

impl Execution {
    /// Begins an execution: ExecutionStarted and everything up to where it must wait.
    #[must_use]
    pub fn start(_program: Arc<Program>, _start: Start, _now_ms: i64, _limits: Limits) -> (Self, Step) {
        todo!()
    }

    /// An execution before its first event, for replay: the first event applied must be ExecutionStarted.
    #[must_use]
    pub fn empty(_program: Arc<Program>, _arn: Arc<str>, _limits: Limits) -> Self {
        todo!()
    }

    /// Decides what a stimulus leads to and applies it. A stimulus for a task that is not open yields one
    /// `CompletionIgnored` event; a tick with nothing due yields no event.
    pub fn handle(&mut self, _stimulus: Stimulus, _now_ms: i64) -> Step {
        todo!()
    }

    /// Changes the state by one event, decided at `now_ms`, and adds the effects it has.
    pub fn apply(&mut self, _event: &Event, _now_ms: i64, _effects: &mut Vec<Effect>) {
        todo!()
    }

    /// When the next timer is due (wait, timeout, heartbeat, retry, execution timeout), milliseconds since the epoch.
    #[must_use]
    pub fn next_due_ms(&self, _heartbeats_since_ms: i64) -> Option<i64> {
        todo!()
    }

    /// `RUNNING` until a closing event was applied.
    #[must_use]
    pub fn status(&self) -> Status {
        todo!()
    }

    /// Commands of all open tasks, to be sent again.
    #[must_use]
    pub fn open_commands(&self) -> Vec<TaskCommand> {
        todo!()
    }

    /// Whether the task of this event id is open.
    #[must_use]
    pub fn is_open(&self, _task: u64) -> bool {
        todo!()
    }

    /// Facts of the first event.
    #[must_use]
    pub fn started(&self) -> &Started {
        todo!()
    }
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
