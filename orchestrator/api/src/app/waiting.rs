//! What an execution that runs is waiting for.
//!
//! Owns: finding the open tasks, waits and retries in its history, on the owner's node; saying in words why nothing
//! happens, with what the brokers know of the queues. Must not: decide anything.

use super::error::ApiError;
use super::remote::{Answer, Request};
use super::start::other_answer;
use super::workers::QueueHealth;
use super::{App, names};
use crate::ids;
use baton_engine::Views;
use baton_engine::recall::events_of;
use baton_schemas::history::{Event, EventKind};
use baton_schemas::time::rfc3339;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One thing that an execution waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Name of the state.
    pub state: Arc<str>,
    /// Since when, milliseconds since the epoch.
    pub since_ms: i64,
    /// For what.
    pub on: WaitingOn,
}

/// What may be waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitingOn {
    /// A worker's answer.
    Task {
        /// Task queue.
        queue: Arc<str>,
        /// Whether a first answer came: the rest is a callback's or a job's.
        submitted: bool,
        /// Whether a worker said that it began (activities).
        started: bool,
        /// Heartbeat interval, seconds.
        heartbeat_s: Option<u64>,
        /// Last heartbeat, milliseconds since the epoch.
        beat_ms: Option<i64>,
        /// Whether the resource waits for a callback (`.waitForTaskToken`).
        callback: bool,
    },
    /// The time of a Wait.
    Time {
        /// Milliseconds since the epoch.
        due_ms: i64,
    },
    /// The time of a retry.
    Retry {
        /// Milliseconds since the epoch.
        due_ms: i64,
        /// Which it will be, from 1.
        number: usize,
        /// The error that is dealt with.
        error: Option<Arc<str>>,
    },
}

impl App {
    /// What the execution waits for; nothing if it has closed.
    pub(crate) async fn waiting(&self, execution: &str) -> Result<Vec<Waiting>, ApiError> {
        names::check_execution_arn(execution)?;
        let request = Request::Waiting {
            execution: execution.into(),
        };
        match self.at_owner(&request).await? {
            Answer::Waiting(found) => Ok(found),
            _ => Err(other_answer()),
        }
    }
}

/// What this node's views say; `None` for an execution that they don't have.
pub fn found(views: &dyn Views, execution: &str) -> Option<Vec<Waiting>> {
    let records = views.history(execution)?;
    let events = records
        .iter()
        .flat_map(|json| events_of(json).unwrap_or_default());
    Some(open(events))
}

/// What each frame is at, after all events.
fn open(events: impl Iterator<Item = (i64, Event)>) -> Vec<Waiting> {
    let mut frames: BTreeMap<u32, Frame> = BTreeMap::new();
    for (at_ms, event) in events {
        if let EventKind::ExecutionSucceeded
        | EventKind::ExecutionFailed(_)
        | EventKind::ExecutionAborted(_)
        | EventKind::ExecutionTimedOut(_) = event.kind
        {
            return Vec::new();
        }
        if let EventKind::HeartbeatRecorded { task } = event.kind {
            let beaten = frames.values_mut().filter(|frame| frame.task == Some(task));
            beaten.for_each(|frame| frame.beat(at_ms));
            continue;
        }
        frames.entry(event.frame).or_default().take(at_ms, &event);
    }
    frames
        .into_values()
        .filter_map(|frame| frame.waiting)
        .collect()
}

/// One branch or iteration, or the execution itself.
#[derive(Default)]
struct Frame {
    state: Arc<str>,
    /// Event id of the open task.
    task: Option<u64>,
    retries: usize,
    error: Option<Arc<str>>,
    waiting: Option<Waiting>,
}

impl Frame {
    fn take(&mut self, at_ms: i64, event: &Event) {
        match &event.kind {
            EventKind::StateEntered { name, .. } => {
                *self = Self {
                    state: name.clone(),
                    ..Self::default()
                };
            }
            EventKind::TaskScheduled(task)
            | EventKind::LambdaFunctionScheduled(task)
            | EventKind::ActivityScheduled(task) => {
                self.task = Some(event.id);
                self.wait(
                    at_ms,
                    WaitingOn::Task {
                        queue: task.queue.clone(),
                        submitted: false,
                        started: false,
                        heartbeat_s: task.heartbeat_s,
                        beat_ms: None,
                        callback: task.resource.name.ends_with(".waitForTaskToken"),
                    },
                );
            }
            EventKind::TaskSubmitted(_) => self.mark(|submitted, _| *submitted = true),
            EventKind::ActivityStarted { .. } => self.mark(|_, started| *started = true),
            EventKind::TaskStarted(_) | EventKind::LambdaFunctionStarted => {}
            EventKind::WaitStarted { due_ms } => {
                self.wait(at_ms, WaitingOn::Time { due_ms: *due_ms })
            }
            EventKind::RetryScheduled { due_ms, .. } => {
                self.retries += 1;
                let on = WaitingOn::Retry {
                    due_ms: *due_ms,
                    number: self.retries,
                    error: self.error.take(),
                };
                self.wait(at_ms, on);
            }
            EventKind::TaskFailed(_, failure)
            | EventKind::TaskTimedOut(_, failure)
            | EventKind::LambdaFunctionFailed(failure)
            | EventKind::LambdaFunctionTimedOut(failure)
            | EventKind::ActivityFailed(failure)
            | EventKind::ActivityTimedOut(failure) => {
                self.error.clone_from(&failure.error);
                (self.task, self.waiting) = (None, None);
            }
            EventKind::CompletionIgnored { .. } => {}
            _ => (self.task, self.waiting) = (None, None),
        }
    }

    fn wait(&mut self, since_ms: i64, on: WaitingOn) {
        let state = self.state.clone();
        self.waiting = Some(Waiting {
            state,
            since_ms,
            on,
        });
    }

    fn mark(&mut self, with: impl FnOnce(&mut bool, &mut bool)) {
        if let Some(Waiting {
            on: WaitingOn::Task {
                submitted, started, ..
            },
            ..
        }) = &mut self.waiting
        {
            with(submitted, started);
        }
    }

    fn beat(&mut self, at_ms: i64) {
        if let Some(Waiting {
            on: WaitingOn::Task { beat_ms, .. },
            ..
        }) = &mut self.waiting
        {
            *beat_ms = Some(at_ms);
        }
    }
}

/// Why nothing happens, in words; `queues` as surveyed, if they could be.
pub fn in_words(waiting: &Waiting, queues: &[QueueHealth]) -> String {
    let now_ms = ids::now_ms();
    let since = lasted(now_ms - waiting.since_ms);
    match &waiting.on {
        WaitingOn::Time { due_ms } => format!("a Wait that ends at {}", rfc3339(*due_ms)),
        WaitingOn::Retry {
            due_ms,
            number,
            error,
        } => {
            let error = error.as_deref().unwrap_or("an error");
            format!("retry {number} after {error}, at {}", rfc3339(*due_ms))
        }
        WaitingOn::Task {
            submitted: true,
            callback: true,
            ..
        } => format!("a callback, for {since}"),
        WaitingOn::Task {
            submitted: true, ..
        } => format!("the end of a job that was submitted {since} ago"),
        WaitingOn::Task {
            queue,
            started,
            heartbeat_s,
            beat_ms,
            callback,
            ..
        } => {
            if let (Some(heartbeat_s), Some(beat_ms)) = (heartbeat_s, beat_ms) {
                let silent = lasted(now_ms - beat_ms);
                return format!(
                    "a worker of queue {queue}, for {since}; last heartbeat {silent} ago, one is due every {heartbeat_s} s"
                );
            }
            if *started {
                return format!("a worker that took the task from {queue} {since} ago");
            }
            let found = queues.iter().find(|found| found.state.name == **queue);
            let callback = if *callback {
                "; then for a callback"
            } else {
                ""
            };
            format!("{}, for {since}{callback}", of_queue(queue, found))
        }
    }
}

fn of_queue(queue: &str, found: Option<&QueueHealth>) -> String {
    let Some(found) = found else {
        return format!("a worker of queue {queue}");
    };
    let groups = found.state.groups.iter().zip(&found.groups);
    let Some((group, (per_second, seen_ms))) = groups.max_by_key(|(group, _)| group.members.len())
    else {
        return format!(
            "a worker of queue {queue}: no consumer group has ever read {}",
            found.state.topic
        );
    };
    if group.members.is_empty() {
        let seen = seen_ms.map_or("not since this node started".to_owned(), rfc3339);
        return format!(
            "a worker of queue {queue}: no consumer in the group {}; last seen: {seen}",
            group.name
        );
    }
    if group.lag > 0 {
        let rate = per_second
            .map(|rate| format!(", {rate:.1} a second are done"))
            .unwrap_or_default();
        return format!(
            "a worker of queue {queue}: lag {} in the group {}{rate}",
            group.lag, group.name
        );
    }
    format!(
        "a worker of queue {queue}, which has taken it (group {}, lag 0)",
        group.name
    )
}

fn lasted(ms: i64) -> String {
    match ms.max(0) / 1_000 {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{GroupState, QueueState};
    use baton_schemas::history::{Failure, StateType};

    fn event(id: u64, kind: EventKind) -> (i64, Event) {
        let event = Event {
            id,
            prev: id - 1,
            frame: 0,
            kind,
            data: None,
        };
        (1_000 * id as i64, event)
    }

    fn entered(id: u64) -> (i64, Event) {
        let (state, name) = (StateType::Wait, "W".into());
        event(id, EventKind::StateEntered { state, name })
    }

    #[test]
    fn what_is_open_is_found_and_what_has_ended_is_not() {
        let waits = event(2, EventKind::WaitStarted { due_ms: 9 });
        let found = open([entered(1), waits.clone()].into_iter());
        assert_eq!(found[0].on, WaitingOn::Time { due_ms: 9 });
        let failed = event(
            3,
            EventKind::LambdaFunctionFailed(Failure {
                error: Some("Busy".into()),
                cause: None,
            }),
        );
        let retry = event(
            4,
            EventKind::RetryScheduled {
                due_ms: 7,
                retrier: 0,
            },
        );
        let found = open([entered(1), failed, retry].into_iter());
        let on = WaitingOn::Retry {
            due_ms: 7,
            number: 1,
            error: Some("Busy".into()),
        };
        assert_eq!(found[0].on, on);
        let ended = event(5, EventKind::ExecutionSucceeded);
        assert_eq!(open([entered(1), waits, ended].into_iter()), []);
    }

    #[test]
    fn a_queue_without_consumers_is_named() {
        let queue = |groups: Vec<GroupState>| QueueHealth {
            groups: vec![(None, None); groups.len()],
            state: QueueState {
                name: "work".into(),
                topic: "baton.commands.work".into(),
                groups,
                ..QueueState::default()
            },
        };
        let on = WaitingOn::Task {
            queue: "work".into(),
            submitted: false,
            started: false,
            heartbeat_s: None,
            beat_ms: None,
            callback: false,
        };
        let waiting = Waiting {
            state: "S".into(),
            since_ms: ids::now_ms() - 3_600_000,
            on,
        };
        let said = |groups| in_words(&waiting, &[queue(groups)]);
        assert!(
            said(vec![])
                .contains("no consumer group has ever read baton.commands.work, for 60 min")
        );
        let group = |lag, members: usize| GroupState {
            name: "g".into(),
            lag,
            done: 0,
            members: vec![(String::new(), String::new(), 1); members],
        };
        assert!(said(vec![group(3, 0)]).contains("no consumer in the group g"));
        assert!(said(vec![group(3, 1)]).contains("lag 3 in the group g"));
        assert!(said(vec![group(0, 1)]).contains("has taken it"));
    }
}
