//! What can happen to an execution.
//!
//! Owns: the facts that come in. A task is named by the id of the event that scheduled it, as in its token.

use crate::map_run::MapRunBounds;
use baton_schemas::Payload;
use baton_schemas::history::Failure;
use std::sync::Arc;

/// What can happen to an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// A worker took the activity's task (AWS shows ActivityStarted). Ignored for other tasks.
    TaskStarted {
        /// Event id.
        task: u64,
        /// As the worker calls itself.
        worker: Option<Arc<str>>,
    },
    /// The task gave a first answer and goes on (`.sync`, callback): AWS's TaskSubmitted.
    TaskSubmitted {
        /// Event id.
        task: u64,
        /// The first answer.
        output: Payload,
    },
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
    /// UpdateMapRun.
    ChangeMapRun {
        /// ARN of the run.
        run: Arc<str>,
        /// The new bounds.
        bounds: MapRunBounds,
    },
    /// Timers may be due. Heartbeat deadlines count as the later of the recorded one and `heartbeats_since_ms` + interval (R11).
    Tick {
        /// Time of the owner's claim, milliseconds since the epoch.
        heartbeats_since_ms: i64,
    },
    /// StopExecution.
    Stop(Failure),
    /// PauseExecution: nothing is scheduled and no timer fires from here on. Changes nothing if it is paused already.
    Pause,
    /// ResumeExecution: what was held and what is due goes on. Changes nothing if it is not paused.
    Resume,
    /// RedriveExecution of a closed execution. Changes nothing if [`crate::Execution::why_not_redrivable`] has a reason.
    Redrive {
        /// `clientToken` of the call.
        token: Option<Arc<str>>,
    },
    /// The execution took as long as it may (Express: five minutes).
    TimeOut,
    /// The engine can't let the execution go on (its record would be too large): it fails, uncaught.
    Fail(Failure),
}
