//! One entry of an execution's history.
//!
//! Owns: the event kinds, named after AWS's 62 history event types, plus the few that AWS does not show and replay
//! needs (id 0, see [`EventKind::is_internal`]). An event holds facts only: folding events in order gives the
//! execution's state again without deciding anything.

use crate::Payload;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One entry of an execution's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// AWS's event id: 1, 2, 3, ... without gaps; 0 for an internal event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub id: u64,
    /// AWS's `previousEventId`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prev: u64,
    /// The frame (thread of control) that the event belongs to; 0 is the execution's own.
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub frame: u32,
    /// What happened.
    #[serde(rename = "e")]
    pub kind: EventKind,
    /// The event's one JSON payload: `input`, `output`, `parameters`, by kind. See each kind.
    #[serde(
        default,
        deserialize_with = "crate::payload::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<Payload>,
}

/// The type of a state, as written in `Type`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum StateType {
    /// `Pass`
    Pass,
    /// `Task`
    Task,
    /// `Choice`
    Choice,
    /// `Wait`
    Wait,
    /// `Succeed`
    Succeed,
    /// `Fail`
    Fail,
    /// `Parallel`
    Parallel,
    /// `Map`
    Map,
}

/// What happened. Names follow AWS; `data` says what [`Event::data`] holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EventKind {
    /// data: input. The execution exists from here on.
    ExecutionStarted(Box<Started>),
    /// data: output.
    ExecutionSucceeded,
    /// The execution ended with an error.
    ExecutionFailed(Failure),
    /// StopExecution.
    ExecutionAborted(Failure),
    /// `TimeoutSeconds` of the machine ran out.
    ExecutionTimedOut(Failure),
    /// RedriveExecution: a closed execution goes on where it did not end well.
    ExecutionRedriven(Box<Redriven>),

    /// data: input. AWS: `<Type>StateEntered`.
    StateEntered {
        /// Type of the state.
        state: StateType,
        /// Name of the state.
        name: Arc<str>,
    },
    /// data: output. AWS: `<Type>StateExited`.
    StateExited {
        /// Type of the state.
        state: StateType,
        /// Name of the state.
        name: Arc<str>,
        /// AWS's `assignedVariables`: what the state's `Assign` gave, by name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assigned: Option<Box<Assigned>>,
    },
    /// An expression of the state failed (JSONata).
    EvaluationFailed {
        /// Name of the state.
        state: Arc<str>,
        /// The field, as AWS names it: `Output/result`; absent where AWS names none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<Arc<str>>,
        /// Error and cause.
        failure: Failure,
    },

    /// data: parameters. A task exists from here on; its token names this event's id.
    TaskScheduled(Box<TaskScheduled>),
    /// The task's command is on its way.
    TaskStarted(Resource),
    /// data: output. First answer of a task that goes on (`.sync`, callback).
    TaskSubmitted(Resource),
    /// data: output.
    TaskSucceeded(Resource),
    /// The task failed.
    TaskFailed(Resource, Failure),
    /// The task's timeout or heartbeat ran out.
    TaskTimedOut(Resource, Failure),

    /// data: input. A function ARN as `Resource`.
    LambdaFunctionScheduled(Box<TaskScheduled>),
    /// The function's command is on its way.
    LambdaFunctionStarted,
    /// data: output.
    LambdaFunctionSucceeded,
    /// The function failed.
    LambdaFunctionFailed(Failure),
    /// The function's timeout ran out.
    LambdaFunctionTimedOut(Failure),

    /// data: input. An activity ARN as `Resource`.
    ActivityScheduled(Box<TaskScheduled>),
    /// A worker took the activity's task.
    ActivityStarted {
        /// As the worker calls itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worker: Option<Arc<str>>,
    },
    /// data: output.
    ActivitySucceeded,
    /// The activity failed.
    ActivityFailed(Failure),
    /// The activity's timeout or heartbeat ran out.
    ActivityTimedOut(Failure),

    /// All branches begin; frames are made for them in order.
    ParallelStateStarted,
    /// All branches succeeded.
    ParallelStateSucceeded,
    /// A branch failed, or the state itself.
    ParallelStateFailed(Failure),
    /// The state was ended from outside.
    ParallelStateAborted,
    /// A Map begins. data: the items, internal (AWS shows none), where iterations start later or read them.
    MapStateStarted {
        /// Number of items.
        length: u64,
    },
    /// All iterations succeeded.
    MapStateSucceeded,
    /// An iteration failed, or the state itself.
    MapStateFailed(Failure),
    /// The state was ended from outside.
    MapStateAborted,
    /// An iteration begins; a frame is made for it. `frame` is the Map's. data: its input, internal (AWS shows none).
    MapIterationStarted {
        /// Name of the Map state.
        name: Arc<str>,
        /// From 0.
        index: u64,
    },
    /// The iteration ended well. `frame` is the iteration's.
    MapIterationSucceeded {
        /// Name of the Map state.
        name: Arc<str>,
        /// From 0.
        index: u64,
    },
    /// The iteration failed.
    MapIterationFailed {
        /// Name of the Map state.
        name: Arc<str>,
        /// From 0.
        index: u64,
    },
    /// The iteration was ended because another one failed.
    MapIterationAborted {
        /// Name of the Map state.
        name: Arc<str>,
        /// From 0.
        index: u64,
    },
    /// The run of a distributed Map begins. data: how it runs, internal (AWS shows none).
    MapRunStarted {
        /// ARN of the run.
        arn: Arc<str>,
    },
    /// The run ended well.
    MapRunSucceeded,
    /// The run failed.
    MapRunFailed(Failure),
    /// The Task state was ended from outside.
    TaskStateAborted,
    /// The Wait state was ended from outside.
    WaitStateAborted,

    /// Internal: the frame waits until `due_ms` (Wait).
    WaitStarted {
        /// Milliseconds since the epoch.
        due_ms: i64,
    },
    /// Internal: the state is tried again at `due_ms` (Retry); `prev` is what the next attempt's first event follows.
    RetryScheduled {
        /// Milliseconds since the epoch.
        due_ms: i64,
        /// Which retrier matched, from 0.
        retrier: u32,
    },
    /// Internal: a branch of a Parallel ended well; `prev` is its last event, `frame` the branch.
    BranchSucceeded {
        /// Number of the branch, from 0.
        index: u64,
    },
    /// Internal: a heartbeat came for the task scheduled by event `task`.
    HeartbeatRecorded {
        /// Event id of the task.
        task: u64,
    },
    /// Internal: the execution is paused: from here on nothing is scheduled and no timer fires.
    ExecutionPaused,
    /// Internal: it goes on. Completions that were held are used by the events that follow.
    ExecutionResumed,
    /// Internal: a task ended while the execution was paused; what it said waits. data: output, if it succeeded.
    CompletionHeld {
        /// Event id of the task.
        task: u64,
        /// Error and cause, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// Internal: a distributed Map asks for items to be read or results to be written. data: what.
    MapRunAsked,
    /// Internal: what it asked for. data: the items and where reading goes on, or what was written.
    MapRunAnswered,
    /// Internal: children of a distributed Map start. data: their inputs, an array.
    MapChildrenStarted {
        /// Number of the first, from 0.
        first: u64,
        /// How many items each has, where that is not one each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sizes: Vec<u32>,
    },
    /// Internal: a child of a distributed Map ended. data: its report.
    MapChildEnded {
        /// Its number, from 0.
        index: u64,
        /// `SUCCEEDED`, `FAILED`, `ABORTED` or `TIMED_OUT`.
        status: Arc<str>,
    },
    /// Internal: UpdateMapRun. data: the new bounds.
    MapRunChanged,
    /// Internal: a completion came for a task that is not open; nothing changed.
    CompletionIgnored {
        /// Event id named in the token.
        task: u64,
        /// Why, in words.
        reason: Arc<str>,
    },
}

/// Variables by name: what `Assign` gave.
pub type Assigned = BTreeMap<Arc<str>, Payload>;

/// Details of [`EventKind::ExecutionStarted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Started {
    /// ARN of the state machine.
    pub machine: Arc<str>,
    /// The definition's revision: its offset in the registry topic.
    pub revision: u64,
    /// `roleArn` of the machine at that revision.
    pub role_arn: Arc<str>,
    /// W3C trace context that the execution continues or began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Arc<str>>,
    /// Where the result is to be reported as a record, if the starter asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<crate::request::ReplyTo>,
    /// The version that was named at the start, `3`, or the alias and the version it led to, `live:3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<Arc<str>>,
    /// The execution that started this one, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<crate::parent::Parent>>,
    /// Set for an Express execution, of which nothing but its start is in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub express: Option<Express>,
}

/// How an Express execution was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Express {
    /// Nobody waits: it is run at least once, again after a crash.
    Asynchronous,
    /// A caller waits for the result: it is run at most once, and is never in the history.
    Synchronous,
}

impl Started {
    /// ARNs of the alias and of the version that were named at the start.
    #[must_use]
    pub fn alias_and_version(&self) -> (Option<String>, Option<String>) {
        crate::arn::alias_and_version(&self.machine, self.qualifier.as_deref())
    }
}

/// Details of [`EventKind::ExecutionRedriven`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redriven {
    /// How often the execution has been redriven, this time included.
    pub count: u32,
    /// `clientToken` of the call, by which its repetition is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Arc<str>>,
}

/// What kind of resource a task calls, as AWS names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// `resourceType`, such as `lambda` or `baton`.
    pub kind: Arc<str>,
    /// `resource`, such as `invoke` or `task.resize`.
    pub name: Arc<str>,
}

/// Details of a scheduled task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskScheduled {
    /// Resource as AWS names it; for a function or activity ARN `kind` is empty and `name` the ARN.
    pub resource: Resource,
    /// The task queue that the command goes to.
    pub queue: Arc<str>,
    /// Attempt number, from 0.
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub attempt: u32,
    /// `timeoutInSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
    /// `heartbeatInSeconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_s: Option<u64>,
    /// `taskCredentials.roleArn`: the role that the state's `Credentials` name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<Arc<str>>,
}

/// Error name and cause, both optional as in AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Error name, such as `States.Timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
    /// Human-readable cause, often JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<str>>,
}

impl Failure {
    /// `{"error", "cause"}` as JSON, absent parts left out.
    ///
    /// # Panics
    /// Never: two strings serialise.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a failure serialises")
    }
}

impl EventKind {
    /// Whether AWS's history does not show this event; such events have id 0.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(
            self,
            Self::WaitStarted { .. }
                | Self::RetryScheduled { .. }
                | Self::BranchSucceeded { .. }
                | Self::HeartbeatRecorded { .. }
                | Self::ExecutionPaused
                | Self::ExecutionResumed
                | Self::CompletionHeld { .. }
                | Self::MapRunAsked
                | Self::MapRunAnswered
                | Self::MapChildrenStarted { .. }
                | Self::MapChildEnded { .. }
                | Self::MapRunChanged
                | Self::CompletionIgnored { .. }
        )
    }

    /// Whether the execution is closed by this event.
    #[must_use]
    pub fn closes(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded
                | Self::ExecutionFailed(_)
                | Self::ExecutionAborted(_)
                | Self::ExecutionTimedOut(_)
        )
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_zero_u32(n: &u32) -> bool {
    *n == 0
}
