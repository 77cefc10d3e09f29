//! What the adapter measures beyond plain counters: durations, and figures by status, queue or partition.
//!
//! Owns: the histograms' bounds and how many label values there may be. The driver writes, `/metrics` reads. Cheap: an
//! addition or two for a record; appends are sampled, one of each partition at a time.

use crate::driver::TOPICS;
use baton_engine::views::{Applied, Change, ClosedAs};
use baton_machine::Status;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most task queues with a figure of their own; the others share [`OTHER_QUEUES`].
pub const QUEUES_MAX: usize = 100;
/// What further queues are shown as. No queue's topic can have this name.
pub const OTHER_QUEUES: &str = "(others)";
/// Upper bounds of durations within the node and the brokers, seconds.
pub const SHORT_S: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
/// Upper bounds of durations of work, seconds.
pub const LONG_S: [f64; 12] = [
    0.005, 0.025, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 3_600.0, 21_600.0, 86_400.0,
];
/// How an execution can close, in the order of [`Measures::closed`].
const CLOSED: [Status; 4] = [
    Status::Succeeded,
    Status::Failed,
    Status::Aborted,
    Status::TimedOut,
];

/// Durations by upper bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Durations {
    /// Upper bounds, seconds.
    pub bounds: &'static [f64; 12],
    /// For each bound, how many were no longer than it and longer than the bound before.
    pub counts: [u64; 12],
    /// How many there were.
    pub count: u64,
    /// All together, seconds.
    pub seconds: f64,
}

impl Durations {
    fn new(bounds: &'static [f64; 12]) -> Self {
        Self {
            bounds,
            counts: [0; 12],
            count: 0,
            seconds: 0.0,
        }
    }

    fn add(&mut self, seconds: f64) {
        self.count += 1;
        self.seconds += seconds;
        if let Some(i) = self.bounds.iter().position(|bound| seconds <= *bound) {
            self.counts[i] += 1;
        }
    }
}

/// Everything measured, at one moment.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Executions started by this node's owners.
    pub started: u64,
    /// Executions closed, by status as AWS names it.
    pub closed: Vec<(&'static str, u64)>,
    /// From start to close.
    pub executions: Durations,
    /// From append to acknowledgement; sampled.
    pub appends: Durations,
    /// From assignment, or the loss of memory, until a partition serves.
    pub recoveries: Durations,
    /// From the scheduling of a task to its completion, by queue.
    pub tasks: Vec<(Arc<str>, Durations)>,
    /// Claims of this node's owners that were folded.
    pub claims: u64,
    /// Records sent to the dead-letter topic.
    pub dead_letters: u64,
    /// Effects sent and not yet acknowledged.
    pub outbox: u64,
    /// History records appended and not yet effective.
    pub in_flight: u64,
    /// Records that wait in an input topic: topic, partition, records.
    pub lags: Vec<(&'static str, i32, i64)>,
}

/// See the module.
#[derive(Debug)]
pub struct Measures {
    started: AtomicU64,
    closed: [AtomicU64; CLOSED.len()],
    pub(crate) claims: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) outbox: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    executions: Durations,
    appends: Durations,
    recoveries: Durations,
    tasks: FxHashMap<Arc<str>, Durations>,
    /// By place in [`TOPICS`] and partition.
    lags: BTreeMap<(usize, i32), i64>,
}

impl Default for Measures {
    fn default() -> Self {
        let inner = Inner {
            executions: Durations::new(&LONG_S),
            appends: Durations::new(&SHORT_S),
            recoveries: Durations::new(&SHORT_S),
            tasks: FxHashMap::default(),
            lags: BTreeMap::new(),
        };
        Self {
            started: AtomicU64::default(),
            closed: Default::default(),
            claims: AtomicU64::default(),
            dead_letters: AtomicU64::default(),
            outbox: AtomicU64::default(),
            in_flight: AtomicU64::default(),
            inner: Mutex::new(inner),
        }
    }
}

impl Measures {
    /// A record became effective under this node's own claim.
    pub(crate) fn effective(&self, applied: &Applied) {
        let (start_ms, opened, closed) = match &applied.change {
            Change::Step {
                start_ms,
                opened,
                closed,
                ..
            } => (start_ms, opened.is_some(), closed),
            Change::Reopened {
                start_ms, closed, ..
            } => (start_ms, false, closed),
            _ => return,
        };
        if opened {
            self.started.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(ClosedAs { status, stop_ms }) = closed {
            if let Some(i) = CLOSED.iter().position(|known| known == status) {
                self.closed[i].fetch_add(1, Ordering::Relaxed);
            }
            self.lock().executions.add(seconds(stop_ms - start_ms));
        }
    }

    /// An append was acknowledged.
    pub(crate) fn appended(&self, took: Duration) {
        self.lock().appends.add(took.as_secs_f64());
    }

    /// A partition serves.
    pub(crate) fn recovered(&self, took: Duration) {
        self.lock().recoveries.add(took.as_secs_f64());
    }

    /// Tasks were completed: queue, and how long after they were scheduled, milliseconds.
    pub(crate) fn completed(&self, tasks: impl Iterator<Item = (Arc<str>, i64)>) {
        let mut inner = self.lock();
        for (queue, took_ms) in tasks {
            inner.of_queue(queue).add(seconds(took_ms));
        }
    }

    /// How many records wait, by place in the input topics and partition.
    pub(crate) fn lags(&self, lags: BTreeMap<(usize, i32), i64>) {
        self.lock().lags = lags;
    }

    /// Everything as it is now.
    #[must_use]
    pub fn now(&self) -> Measured {
        let get = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let inner = self.lock();
        let mut tasks: Vec<_> = inner
            .tasks
            .iter()
            .map(|(q, d)| (q.clone(), d.clone()))
            .collect();
        tasks.sort_by(|(a, _), (b, _)| a.cmp(b));
        let closed = CLOSED.iter().zip(&self.closed);
        let lags = inner.lags.iter();
        Measured {
            started: get(&self.started),
            closed: closed
                .map(|(status, n)| (status.as_str(), get(n)))
                .collect(),
            executions: inner.executions.clone(),
            appends: inner.appends.clone(),
            recoveries: inner.recoveries.clone(),
            tasks,
            claims: get(&self.claims),
            dead_letters: get(&self.dead_letters),
            outbox: get(&self.outbox),
            in_flight: get(&self.in_flight),
            lags: lags
                .map(|((topic, p), lag)| (name(*topic), *p, *lag))
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn of_queue(&mut self, queue: Arc<str>) -> &mut Durations {
        let is_known = self.tasks.contains_key(&queue);
        let shown = if is_known || self.tasks.len() < QUEUES_MAX {
            queue
        } else {
            OTHER_QUEUES.into()
        };
        self.tasks
            .entry(shown)
            .or_insert_with(|| Durations::new(&LONG_S))
    }
}

fn name(topic: usize) -> &'static str {
    use baton_schemas::history::InputTopic;
    match TOPICS[topic] {
        InputTopic::Completions => "completions",
        InputTopic::Requests => "requests",
    }
}

fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_queues_shown_is_bounded() {
        let measures = Measures::default();
        let queues = (0..2 * QUEUES_MAX).map(|i| (format!("q{i}").into(), 7));
        measures.completed(queues);
        let tasks = measures.now().tasks;
        assert_eq!(tasks.len(), QUEUES_MAX + 1);
        let others = tasks.iter().find(|(queue, _)| &**queue == OTHER_QUEUES);
        assert_eq!(
            others.map(|(_, durations)| durations.count),
            Some(QUEUES_MAX as u64)
        );
    }

    #[test]
    fn a_duration_is_counted_under_the_first_bound_that_holds_it() {
        let measures = Measures::default();
        measures.appended(Duration::from_millis(3));
        measures.appended(Duration::from_secs(60));
        let appends = measures.now().appends;
        assert_eq!((appends.count, appends.counts.iter().sum::<u64>()), (2, 1));
        assert_eq!(appends.counts[2], 1, "no longer than 5 ms");
    }
}
