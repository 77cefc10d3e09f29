//! The typed program that a definition compiles to.
//!
//! Owns: the shape of a checked state machine. Every reference is resolved (a `Next` is a [`StateId`]), every number
//! is in range, every path is parsed; whoever runs a program needs no check of its own. States of all scopes lie in
//! one list; a scope (the machine itself, a Parallel branch, a Map processor) only says where it starts.

use crate::choice::Rule;
use crate::path::{Path, ReferencePath};
use crate::resource::{Resource, lambda_queue};
use crate::template::Template;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Index into [`Program::states`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateId(pub u32);

/// A checked state machine.
#[derive(Debug)]
pub struct Program {
    /// Where the machine starts.
    pub start: StateId,
    /// `TimeoutSeconds` of the machine.
    pub timeout_s: Option<u64>,
    /// All states of all scopes, in the order of the text.
    pub states: Vec<State>,
    /// Whether any path, template or rule of the program reads the context object (`$$`).
    pub reads_context: bool,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// Name, unique in the whole machine.
    pub name: Arc<str>,
    /// What it does.
    pub kind: StateKind,
    /// `InputPath`; `None` is JSON `null` (the state sees `{}`).
    pub input_path: Option<Path>,
    /// `OutputPath`; `None` is JSON `null` (the state yields `{}`).
    pub output_path: Option<Path>,
    /// `Parameters`.
    pub parameters: Option<Template>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`; `None` is JSON `null` (the result is dropped).
    pub result_path: Option<ReferencePath>,
    /// What comes after; `None` is `End: true`. Unused by Choice, Succeed and Fail.
    pub next: Option<StateId>,
    /// `Retry`, in order.
    pub retry: Vec<Retrier>,
    /// `Catch`, in order.
    pub catch: Vec<Catcher>,
}

/// What a state does.
#[derive(Debug)]
pub enum StateKind {
    /// Passes its input, or `Result`, on.
    Pass {
        /// `Result`.
        result: Option<Value>,
    },
    /// Has work done by a worker.
    Task(Task),
    /// Goes on by the first rule that matches.
    Choice {
        /// `Choices`, in order.
        rules: Vec<ChoiceBranch>,
        /// `Default`.
        default: Option<StateId>,
    },
    /// Waits.
    Wait(WaitFor),
    /// Ends its scope with success.
    Succeed,
    /// Ends its scope with an error.
    Fail {
        /// `Error` or `ErrorPath`.
        error: Option<TextSource>,
        /// `Cause` or `CausePath`.
        cause: Option<TextSource>,
    },
    /// Runs its branches side by side.
    Parallel {
        /// Start of each branch, in order.
        branches: Vec<StateId>,
    },
    /// Runs a processor for each item.
    Map(Map),
}

/// A Task state's own fields.
#[derive(Debug)]
pub struct Task {
    /// `Resource`.
    pub resource: Resource,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub timeout: Option<SecondsSource>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat: Option<SecondsSource>,
}

/// An inline Map state's own fields.
#[derive(Debug)]
pub struct Map {
    /// `ItemsPath`.
    pub items_path: Path,
    /// `ItemSelector` (or `Parameters` beside the legacy `Iterator`).
    pub item_selector: Option<Template>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; 0 is no limit.
    pub max_concurrency: SecondsSource,
    /// `ToleratedFailureCount` or `...Path`.
    pub tolerated_failure_count: Option<SecondsSource>,
    /// `ToleratedFailurePercentage` or `...Path`.
    pub tolerated_failure_percentage: Option<SecondsSource>,
    /// Start of the item processor.
    pub processor: StateId,
}

/// A rule of a Choice state and where it leads.
#[derive(Debug)]
pub struct ChoiceBranch {
    /// The condition.
    pub rule: Rule,
    /// `Next`.
    pub next: StateId,
}

/// How long a Wait state waits.
#[derive(Debug)]
pub enum WaitFor {
    /// `Seconds` or `SecondsPath`.
    Seconds(SecondsSource),
    /// `Timestamp`: milliseconds since the epoch.
    Timestamp(i64),
    /// `TimestampPath`.
    TimestampPath(Path),
}

/// A number that is written down or found in the input (seconds, counts, percentages).
#[derive(Debug)]
pub enum SecondsSource {
    /// Written down.
    Fixed(u64),
    /// Found by this path; must be a non-negative integer.
    Path(Path),
}

/// A text that is written down or found in the input.
#[derive(Debug)]
pub enum TextSource {
    /// Written down.
    Fixed(Arc<str>),
    /// Found by this path or intrinsic; must be a string.
    Path(Path),
}

/// One entry of `Retry`.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub errors: Vec<Arc<str>>,
    /// `IntervalSeconds`, default 1.
    pub interval_s: u64,
    /// `MaxAttempts`, default 3; 0 never retries.
    pub max_attempts: u64,
    /// `BackoffRate`, default 2.0, at least 1.0.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_s: Option<u64>,
    /// `JitterStrategy: FULL`.
    pub full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub errors: Vec<Arc<str>>,
    /// `ResultPath`; `None` is JSON `null`.
    pub result_path: Option<ReferencePath>,
    /// `Next`.
    pub next: StateId,
}

impl Program {
    /// The state with this id.
    #[must_use]
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    /// The task queues that are known from the definition alone, sorted, each once; so that their topics can be made
    /// when it is stored. A `lambda:invoke` counts if its `FunctionName` is written down.
    #[must_use]
    pub fn queues(&self) -> Vec<Arc<str>> {
        let queues: BTreeSet<Arc<str>> = self.states.iter().filter_map(State::queue).collect();
        queues.into_iter().collect()
    }

    /// The id of the state with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StateId> {
        self.states
            .iter()
            .position(|s| &*s.name == name)
            .map(|i| StateId(i as u32))
    }
}

impl State {
    /// The task queue of a Task state, if it doesn't depend on the data.
    #[must_use]
    pub fn queue(&self) -> Option<Arc<str>> {
        let StateKind::Task(task) = &self.kind else {
            return None;
        };
        let by_parameters = || lambda_queue(self.parameters.as_ref()?.fixed_text("FunctionName")?);
        task.resource.queue.clone().or_else(by_parameters)
    }
}

impl StateKind {
    /// Whether any path, template or rule of its own reads the context object.
    pub(crate) fn reads_context(&self) -> bool {
        let numbers = |sources: &[Option<&SecondsSource>]| {
            sources
                .iter()
                .flatten()
                .any(|source| matches!(source, SecondsSource::Path(path) if path.reads_context()))
        };
        match self {
            Self::Pass { .. }
            | Self::Succeed
            | Self::Parallel { .. }
            | Self::Wait(WaitFor::Timestamp(_)) => false,
            Self::Task(task) => numbers(&[task.timeout.as_ref(), task.heartbeat.as_ref()]),
            Self::Choice { rules, .. } => rules.iter().any(|branch| branch.rule.reads_context()),
            Self::Wait(WaitFor::Seconds(source)) => numbers(&[Some(source)]),
            Self::Wait(WaitFor::TimestampPath(path)) => path.reads_context(),
            Self::Fail { error, cause } => {
                let texts = [error, cause].into_iter().flatten();
                texts
                    .into_iter()
                    .any(|source| matches!(source, TextSource::Path(path) if path.reads_context()))
            }
            Self::Map(map) => {
                let tolerated = [
                    map.tolerated_failure_count.as_ref(),
                    map.tolerated_failure_percentage.as_ref(),
                ];
                map.items_path.reads_context()
                    || map
                        .item_selector
                        .as_ref()
                        .is_some_and(Template::reads_context)
                    || numbers(&[Some(&map.max_concurrency)])
                    || numbers(&tolerated)
            }
        }
    }
}
