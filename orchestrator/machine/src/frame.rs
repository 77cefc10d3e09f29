//! Frames: threads of control within an execution.
//!
//! Owns: what is remembered of each thread. Frame 0 is the execution's own; every Parallel branch and Map iteration is
//! a frame of its own until it ends. Kept small: most executions are one frame that waits for one task.

use crate::map_run::MapRun;
use baton_language::program::StateId;
use baton_schemas::Payload;
use baton_schemas::history::{Assigned, Failure, Resource};
use std::collections::VecDeque;
use std::sync::Arc;

/// One thread of control.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    /// `previousEventId` of the frame's next event.
    pub prev: u64,
    /// The state it is in, if any.
    pub state: Option<StateId>,
    /// Id of the event by which it entered that state; 0 once it has left it.
    pub entered_id: u64,
    /// `previousEventId` of that event.
    pub entered_prev: u64,
    /// When it did, milliseconds since the epoch.
    pub entered_ms: i64,
    /// Input of that state; after the state's exit its output.
    pub input: Payload,
    /// What it is doing.
    pub phase: Phase,
    /// How often each retrier of the state was used; empty until the first retry.
    pub retries: Vec<u32>,
    /// Variables that its states assigned; those of the frames around it are read through `origin`.
    pub variables: Option<Box<Assigned>>,
    /// Whom its end is reported to; `None` for frame 0.
    pub origin: Option<Origin>,
}

/// Where a frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The frame that made it.
    pub parent: u32,
    /// Number of the branch or iteration, from 0.
    pub index: u64,
}

/// What a frame is doing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// Nothing; between two steps only before the first state and after the last.
    Idle,
    /// Waits until `due_ms` (Wait).
    Waiting {
        /// Milliseconds since the epoch.
        due_ms: i64,
    },
    /// Waits until `due_ms` to try the state again.
    Retrying {
        /// Milliseconds since the epoch.
        due_ms: i64,
    },
    /// Waits for a worker.
    Task(Box<OpenTask>),
    /// The task ended while the execution was paused; what it said is used when the execution is resumed.
    Held(Box<HeldTask>),
    /// Waits for its branches or iterations.
    Forked(Box<Fork>),
    /// Waits for the children of a distributed Map.
    MapRun(Box<MapRun>),
}

/// A task that ended while its execution was paused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeldTask {
    /// Whether ActivityStarted was written.
    pub started: bool,
    /// What the worker said.
    pub outcome: Result<Payload, Failure>,
}

/// A task that was scheduled and has not ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenTask {
    /// Id of the event that scheduled it.
    pub id: u64,
    /// What it calls.
    pub resource: Resource,
    /// Task queue.
    pub queue: Arc<str>,
    /// From 0.
    pub attempt: u32,
    /// Whether ActivityStarted was written.
    pub started: bool,
    /// Whether TaskSubmitted was written: a first answer may come twice.
    pub submitted: bool,
    /// When it was scheduled, milliseconds since the epoch.
    pub scheduled_ms: i64,
    /// When it has timed out, milliseconds since the epoch.
    pub deadline_ms: Option<i64>,
    /// Heartbeat interval, seconds.
    pub heartbeat_s: Option<u64>,
    /// Last sign of life, milliseconds since the epoch.
    pub heartbeat_ms: i64,
    /// What the worker gets.
    pub input: Payload,
}

/// A Parallel or Map state that runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fork {
    /// Branches or iterations that run now.
    pub running: u64,
    /// How many were started so far.
    pub started: u64,
    /// Items of a Map, where iterations yet to start or `$$.Map.Item.Value` need them; else empty.
    pub items: Vec<Payload>,
    /// What each branch or iteration yielded.
    pub results: Vec<Option<Payload>>,
}

/// Frames that are about to enter a state in this step.
pub(crate) type Ready = VecDeque<(u32, StateId, Payload)>;

impl Frame {
    /// A frame before its first state.
    pub fn new(prev: u64, input: Payload, origin: Option<Origin>) -> Self {
        Self {
            prev,
            state: None,
            entered_id: 0,
            entered_prev: 0,
            entered_ms: 0,
            input,
            phase: Phase::Idle,
            retries: Vec::new(),
            variables: None,
            origin,
        }
    }

    /// Sum of its own variables, bytes.
    pub fn variable_bytes(&self) -> usize {
        let variables = self
            .variables
            .iter()
            .flat_map(|variables| variables.values());
        variables.map(Payload::len).sum()
    }

    /// Number of retries of the present state so far.
    pub fn attempt(&self) -> u32 {
        self.retries.iter().copied().fold(0, u32::saturating_add)
    }

    /// The open task, if the frame waits for one.
    pub fn task(&self) -> Option<&OpenTask> {
        match &self.phase {
            Phase::Task(task) => Some(task),
            _ => None,
        }
    }

    /// Whether ActivityStarted was written of the frame's task, open or held.
    pub fn is_started(&self) -> bool {
        match &self.phase {
            Phase::Task(task) => task.started,
            Phase::Held(held) => held.started,
            _ => false,
        }
    }

    /// The map run, if the frame waits for one.
    pub fn map_run(&self) -> Option<&MapRun> {
        match &self.phase {
            Phase::MapRun(run) => Some(run),
            _ => None,
        }
    }

    /// Event id of what it waits for and others may answer: an open task, or a map run.
    pub fn awaits(&self) -> Option<u64> {
        match &self.phase {
            Phase::Task(task) => Some(task.id),
            Phase::MapRun(run) => Some(run.id),
            _ => None,
        }
    }

    /// Whether it waits for what it made itself, so that the state was shown as begun.
    pub fn is_forked(&self) -> bool {
        matches!(self.phase, Phase::Forked(_) | Phase::MapRun(_))
    }

    /// The open task, to change what no timer depends on.
    pub fn task_mut(&mut self) -> Option<&mut OpenTask> {
        match &mut self.phase {
            Phase::Task(task) => Some(task),
            _ => None,
        }
    }

    /// The fork, if the frame waits for one.
    pub fn fork(&self) -> Option<&Fork> {
        match &self.phase {
            Phase::Forked(fork) => Some(fork),
            _ => None,
        }
    }

    /// The same, to change it.
    pub fn fork_mut(&mut self) -> Option<&mut Fork> {
        match &mut self.phase {
            Phase::Forked(fork) => Some(fork),
            _ => None,
        }
    }

    /// When the frame's own timer is due: wait, retry or task timeout.
    pub fn due_ms(&self) -> Option<i64> {
        match &self.phase {
            Phase::Waiting { due_ms } | Phase::Retrying { due_ms } => Some(*due_ms),
            Phase::Task(task) => task.deadline_ms,
            Phase::MapRun(run) => run.due_ms,
            Phase::Idle | Phase::Held(_) | Phase::Forked(_) => None,
        }
    }

    /// `(interval, last sign of life)` of a task that must show signs of life, milliseconds.
    pub fn heartbeat(&self) -> Option<(i64, i64)> {
        let task = self.task()?;
        Some((seconds_to_ms(task.heartbeat_s?), task.heartbeat_ms))
    }
}

/// Seconds as milliseconds, without overflow.
pub(crate) fn seconds_to_ms(seconds: u64) -> i64 {
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Execution;
    use baton_schemas::history::Started;

    #[test]
    fn an_execution_that_waits_for_one_task_stays_under_a_kilobyte() {
        // What it owns beside payloads and texts that it shares with the events: itself, its start, its task.
        let bytes = size_of::<Execution>() + size_of::<Started>() + size_of::<OpenTask>();
        assert!(
            bytes < 700,
            "{bytes} bytes; executions by the million wait in memory"
        );
    }
}
