//! Worker health: queues, who consumes them, how fast, and when somebody was last seen.
//!
//! Owns: comparing one survey of the brokers with the one before. Rates and "last seen" are of this node's life: nothing is
//! written down. Must not: ask brokers itself ([`crate::Queues::survey`] does).

use super::error::{ApiError, ErrorCode};
use super::{App, blocking};
use crate::ids;
use crate::limits::{SURVEY_EVERY, SURVEY_FRESH};
use crate::ports::{Figure, FigureKind, GroupState, QueueState};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What the last surveys said.
#[derive(Debug, Default)]
pub struct Surveys(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    taken: Option<Instant>,
    queues: Vec<QueueState>,
    /// By queue and group.
    groups: BTreeMap<(String, String), Progress>,
}

/// How a group of a queue gets on.
#[derive(Clone, Debug, Default)]
struct Progress {
    done: i64,
    at: Option<Instant>,
    per_second: Option<f64>,
    seen_ms: Option<i64>,
}

/// A queue with what was observed of its groups.
#[derive(Clone, Debug)]
pub struct QueueHealth {
    /// As the brokers know it.
    pub state: QueueState,
    /// For each group, in the same order: records a second between the last two surveys, and when it last had a member
    /// (milliseconds since the epoch).
    pub groups: Vec<(Option<f64>, Option<i64>)>,
}

impl Surveys {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what a survey found.
    fn take(&self, queues: Vec<QueueState>, now_ms: i64) {
        let (now, mut known) = (Instant::now(), self.known());
        let mut groups = BTreeMap::new();
        for queue in &queues {
            for group in &queue.groups {
                let key = (queue.name.clone(), group.name.clone());
                let before = known.groups.remove(&key).unwrap_or_default();
                groups.insert(key, before.then(group, now, now_ms));
            }
        }
        *known = Known {
            taken: Some(now),
            queues,
            groups,
        };
    }

    fn health(&self) -> Vec<QueueHealth> {
        let known = self.known();
        let of = |queue: &QueueState| QueueHealth {
            groups: queue
                .groups
                .iter()
                .map(|group| {
                    let key = (queue.name.clone(), group.name.clone());
                    let progress = known.groups.get(&key);
                    progress.map_or((None, None), |found| (found.per_second, found.seen_ms))
                })
                .collect(),
            state: queue.clone(),
        };
        known.queues.iter().map(of).collect()
    }

    fn is_fresh(&self) -> bool {
        self.known()
            .taken
            .is_some_and(|taken| taken.elapsed() < SURVEY_FRESH)
    }

    /// Figures of the last survey.
    pub fn figures(&self) -> Vec<Figure> {
        let known = self.known();
        let label = |queue: &QueueState| vec![("queue", queue.name.clone())];
        let lag = |queue: &QueueState| {
            queue
                .groups
                .iter()
                .map(|group| group.lag)
                .max()
                .unwrap_or(queue.end)
        };
        let consumers = |queue: &QueueState| {
            queue
                .groups
                .iter()
                .map(|group| group.members.len())
                .sum::<usize>()
        };
        let idle = |queue: &QueueState| lag(queue) > 0 && consumers(queue) == 0;
        let family = |name, help, value: &dyn Fn(&QueueState) -> f64| {
            let values = known
                .queues
                .iter()
                .map(|queue| (label(queue), value(queue)));
            Figure::labelled(name, help, FigureKind::Gauge, values.collect::<Vec<_>>())
        };
        vec![
            family(
                "baton_queue_lag_records",
                "Commands of a task queue that its slowest group has not committed.",
                &|queue| lag(queue) as f64,
            ),
            family(
                "baton_queue_consumers",
                "Members of consumer groups that a task queue's partitions are given to.",
                &|queue| consumers(queue) as f64,
            ),
            family(
                "baton_queue_stuck",
                "1 while commands wait on a task queue that nobody consumes: executions stand still.",
                &|queue| f64::from(u8::from(idle(queue))),
            ),
        ]
    }
}

impl Progress {
    /// The progress after another look at the group.
    fn then(&self, group: &GroupState, now: Instant, now_ms: i64) -> Self {
        let seconds = self
            .at
            .map(|at| (now - at).as_secs_f64())
            .filter(|seconds| *seconds > 0.0);
        let per_second = seconds.map(|seconds| (group.done - self.done).max(0) as f64 / seconds);
        let is_there = !group.members.is_empty() || (self.at.is_some() && group.done > self.done);
        Self {
            done: group.done,
            at: Some(now),
            per_second: per_second.or(self.per_second),
            seen_ms: if is_there { Some(now_ms) } else { self.seen_ms },
        }
    }
}

impl App {
    /// All queues, from a survey that is a few seconds old at most.
    ///
    /// # Errors
    /// ServiceUnavailable when the brokers don't say.
    pub(crate) async fn queues_health(&self) -> Result<Vec<QueueHealth>, ApiError> {
        if !self.surveys.is_fresh() {
            self.survey().await?;
        }
        Ok(self.surveys.health())
    }

    async fn survey(&self) -> Result<(), ApiError> {
        let queues = self.parts.queues.clone();
        let found = blocking(move || queues.survey()).await?;
        let found = found.map_err(|why| {
            let message = format!("the brokers don't say who consumes what: {why}");
            ApiError::new(ErrorCode::ServiceUnavailable, message)
        })?;
        self.surveys.take(found, ids::now_ms());
        Ok(())
    }

    /// Surveys the queues again and again until the node shuts down, so that metrics and rates are there.
    pub async fn keep_surveying(self: Arc<Self>) {
        loop {
            if let Err(error) = self.survey().await {
                tracing::debug!(%error, "the task queues could not be surveyed");
            }
            tokio::select! {
                () = tokio::time::sleep(SURVEY_EVERY) => {}
                () = self.drained() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(done: i64, lag: i64, members: usize) -> QueueState {
        QueueState {
            name: "q".to_owned(),
            end: done + lag,
            groups: vec![GroupState {
                name: "g".to_owned(),
                lag,
                done,
                members: vec![("c".to_owned(), "h".to_owned(), 1); members],
            }],
            ..QueueState::default()
        }
    }

    fn figure(surveys: &Surveys, name: &str) -> f64 {
        let figures = surveys.figures();
        let found = figures.iter().find(|figure| figure.name == name);
        found.unwrap().samples[0].value
    }

    #[test]
    fn progress_is_what_lies_between_two_looks() {
        let surveys = Surveys::default();
        surveys.take(vec![queue(10, 5, 1)], 1_000);
        assert_eq!(surveys.health()[0].groups, [(None, Some(1_000))]);
        surveys.take(vec![queue(10, 7, 0)], 2_000);
        let (per_second, seen_ms) = surveys.health()[0].groups[0];
        assert_eq!(
            (per_second, seen_ms),
            (Some(0.0), Some(1_000)),
            "nobody is there any more"
        );
        assert_eq!(figure(&surveys, "baton_queue_lag_records"), 7.0);
        assert_eq!(figure(&surveys, "baton_queue_stuck"), 1.0);
        surveys.take(vec![queue(12, 5, 1)], 3_000);
        assert!(
            surveys.health()[0].groups[0]
                .0
                .is_some_and(|rate| rate > 0.0)
        );
        assert_eq!(figure(&surveys, "baton_queue_stuck"), 0.0);
    }
}
