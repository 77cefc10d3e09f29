//! Calls: what the API asks of an owner, and the answers.
//!
//! Every answer, errors included, is given when everything appended before its decision is effective (R6).

use crate::definitions::Definition;
use baton_machine::{MapRunBounds, Status};
use baton_schemas::history::Failure;
use baton_schemas::{Outcome, Payload, TaskToken};
use std::sync::Arc;

/// Names a call until it is answered.
pub type CallId = u64;

/// What is asked.
#[derive(Clone, Debug)]
pub enum Call {
    /// StartExecution. The name is fixed before the call is passed on, so that repeating it is one start.
    Start(Box<StartCall>),
    /// StartSyncExecution of an Express machine: answered when it has ended. Asked again, it is another execution.
    StartSync(Box<StartCall>),
    /// StopExecution.
    Stop {
        /// ARN.
        execution: Arc<str>,
        /// Error and cause, both optional.
        failure: Failure,
    },
    /// RedriveExecution.
    Redrive {
        /// ARN.
        execution: Arc<str>,
        /// `clientToken`: a repeated call is one redrive.
        token: Option<Arc<str>>,
    },
    /// PauseExecution or, with `false`, ResumeExecution.
    Pause {
        /// ARN.
        execution: Arc<str>,
        /// Whether it is to be paused.
        paused: bool,
    },
    /// UpdateMapRun.
    UpdateMapRun {
        /// ARN of the execution that runs the Map.
        execution: Arc<str>,
        /// ARN of the run.
        run: Arc<str>,
        /// The new bounds.
        bounds: MapRunBounds,
    },
    /// SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.
    Complete {
        /// Task token.
        token: TaskToken,
        /// How the task stands.
        outcome: Outcome,
    },
}

/// A start over HTTP.
#[derive(Clone, Debug)]
pub struct StartCall {
    /// ARN of the execution.
    pub execution: Arc<str>,
    /// The definition it runs.
    pub definition: Arc<Definition>,
    /// Input.
    pub input: Payload,
    /// `traceparent` of the caller.
    pub traceparent: Option<Arc<str>>,
    /// The version, or alias and version, that was named; see [`baton_schemas::history::Started::qualifier`].
    pub qualifier: Option<Arc<str>>,
}

/// A good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The execution runs (or ran already, with the same input).
    Started {
        /// When it was started.
        start_ms: i64,
    },
    /// A synchronous execution has ended.
    Finished(Box<Finished>),
    /// The execution is stopped.
    Stopped {
        /// When.
        stop_ms: i64,
    },
    /// The execution runs again.
    Redriven {
        /// When it was redriven.
        redrive_ms: i64,
    },
    /// The execution is paused, or runs on.
    Paused {
        /// Since when it is paused, if it is.
        paused_ms: Option<i64>,
    },
    /// The completion or heartbeat was taken.
    Completed,
}

/// How a synchronous execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub status: Status,
    /// Output, if it succeeded.
    pub output: Option<Payload>,
    /// Error and cause, if it did not.
    pub failure: Failure,
    /// When it started, milliseconds since the epoch.
    pub start_ms: i64,
    /// When it ended, milliseconds since the epoch.
    pub stop_ms: i64,
}

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Another node owns the partition, or nobody yet.
    #[error("partition {partition} is not owned by this node")]
    NotOwner {
        /// The partition.
        partition: i32,
    },
    /// The partition was lost while the call's record was on its way: it counts or it does not. Asking again tells, since
    /// the next owner has read what stands in the log.
    #[error("partition {partition} was lost while the record of this call was on its way")]
    InDoubt {
        /// The partition.
        partition: i32,
    },
    /// The name is taken by an execution with another input, or one that has closed.
    #[error("Execution Already Exists: '{0}'")]
    ExecutionAlreadyExists(Arc<str>),
    /// No such execution.
    #[error("Execution Does Not Exist: '{0}'")]
    ExecutionDoesNotExist(Arc<str>),
    /// The execution can't be redriven; AWS's words say why.
    #[error("{0}")]
    ExecutionNotRedrivable(&'static str),
    /// There are as many open executions as may be.
    #[error(
        "The maximum number of running executions has been reached. Concurrent execution limit: {0}"
    )]
    ExecutionLimitExceeded(usize),
    /// The execution has closed: it can't be paused or resumed.
    #[error("Execution has closed: '{0}'")]
    ExecutionClosed(Arc<str>),
    /// The synchronous execution was under way when its partition was lost: it is not run again.
    #[error(
        "the execution was cut off: its partition left this node; it may have run in part, and is not run again"
    )]
    CutOff,
    /// Only Express machines have synchronous executions.
    #[error("This operation is not supported by this type of state machine")]
    NotExpress,
    /// The token is not one of ours.
    #[error("Invalid Token: '{0}'")]
    InvalidToken(String),
    /// The task has ended or timed out, or its execution has closed.
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskTimedOut,
    /// A bound is reached: try again later.
    #[error("{0}")]
    Throttled(&'static str),
    /// The input makes a record too large to store.
    #[error(
        "the record would have {bytes} bytes; at most {limit} are possible: pass large data by reference"
    )]
    TooLarge {
        /// Size of the record.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
}

/// How the API reaches the owners of this node.
pub trait Calls: Send + Sync {
    /// Gives `call` to the owner of `partition`; `answer` is called exactly once, from another thread.
    fn call(
        &self,
        partition: i32,
        call: Call,
        answer: Box<dyn FnOnce(Result<Reply, CallError>) + Send>,
    );
}
