//! What a worker counts: tasks by outcome, and how long handlers take.
//!
//! Owns: the counters of each queue and their text form for Prometheus. Names are constants here; none carries an id.

use crate::handler::{Answer, Output};
use crate::offsets::lock;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TASKS: &str = "baton_worker_tasks_total";
const RUNNING: &str = "baton_worker_tasks_running";
const SECONDS: &str = "baton_worker_task_seconds";
/// Upper bounds of the histogram's buckets, microseconds; the last bucket has none.
const BOUNDS_US: [u64; 12] = [
    100,
    500,
    1_000,
    5_000,
    10_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    30_000_000,
    300_000_000,
];

/// The counters of a worker's queues. Cheap to clone; give one to [`crate::WorkerBuilder::metrics`] and read it whenever
/// you like.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<Arc<str>, Arc<QueueMetrics>>>>);

/// The counters of one queue at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks that succeeded.
    pub succeeded: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Tasks that were left open for somebody else to end.
    pub submitted: u64,
    /// Tasks whose deadline passed, before their handler ran or while it did.
    pub expired: u64,
    /// Commands that came again and were answered without running a handler.
    pub repeated: u64,
    /// Handlers under way.
    pub running: u64,
    /// Time that handlers took, all together.
    pub busy: Duration,
}

/// How a handler ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Succeeded,
    Failed,
    Submitted,
    Expired,
    Repeated,
}

const ENDS: [(End, &str); 5] = [
    (End::Succeeded, "succeeded"),
    (End::Failed, "failed"),
    (End::Submitted, "submitted"),
    (End::Expired, "expired"),
    (End::Repeated, "repeated"),
];

/// The counters of one queue.
#[derive(Default)]
pub(crate) struct QueueMetrics {
    ends: [AtomicU64; ENDS.len()],
    running: AtomicU64,
    busy_us: AtomicU64,
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
}

impl Metrics {
    /// The counters of `queue`; all zero for one that isn't served.
    #[must_use]
    pub fn counts(&self, queue: &str) -> Counts {
        let found = lock(&self.0).get(queue).map(Arc::clone);
        found.map_or_else(Counts::default, |queue| queue.counts())
    }

    /// All counters in Prometheus's text format (version 0.0.4).
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let queues = lock(&self.0).clone();
        let mut text = String::new();
        // Writing to a text can't fail.
        let _ = write_all(&mut text, &queues);
        text
    }

    pub(crate) fn queue(&self, name: &Arc<str>) -> Arc<QueueMetrics> {
        Arc::clone(lock(&self.0).entry(Arc::clone(name)).or_default())
    }
}

impl QueueMetrics {
    pub fn begin(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    /// A handler that began is no longer under way.
    pub fn end(&self, how: End, took: Duration) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < took_us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.busy_us.fetch_add(took_us, Ordering::Relaxed);
        self.count(how);
    }

    pub fn count(&self, how: End) {
        self.ends[how as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn ended(&self, how: End) -> u64 {
        self.ends[how as usize].load(Ordering::Relaxed)
    }

    fn counts(&self) -> Counts {
        Counts {
            succeeded: self.ended(End::Succeeded),
            failed: self.ended(End::Failed),
            submitted: self.ended(End::Submitted),
            expired: self.ended(End::Expired),
            repeated: self.ended(End::Repeated),
            running: self.running.load(Ordering::Relaxed),
            busy: Duration::from_micros(self.busy_us.load(Ordering::Relaxed)),
        }
    }
}

impl From<&Output> for End {
    fn from(output: &Output) -> Self {
        match output {
            Ok(Answer::Done(_)) => Self::Succeeded,
            Ok(Answer::Submitted(_)) => Self::Submitted,
            Err(_) => Self::Failed,
        }
    }
}

fn write_all(
    text: &mut String,
    queues: &BTreeMap<Arc<str>, Arc<QueueMetrics>>,
) -> std::fmt::Result {
    writeln!(text, "# HELP {TASKS} Tasks by how they ended.")?;
    writeln!(text, "# TYPE {TASKS} counter")?;
    for (queue, metrics) in queues {
        for (end, name) in ENDS {
            let count = metrics.ended(end);
            writeln!(
                text,
                "{TASKS}{{queue=\"{queue}\",outcome=\"{name}\"}} {count}"
            )?;
        }
    }
    writeln!(text, "# HELP {RUNNING} Handlers under way.")?;
    writeln!(text, "# TYPE {RUNNING} gauge")?;
    for (queue, metrics) in queues {
        let running = metrics.running.load(Ordering::Relaxed);
        writeln!(text, "{RUNNING}{{queue=\"{queue}\"}} {running}")?;
    }
    writeln!(text, "# HELP {SECONDS} Time that handlers took.")?;
    writeln!(text, "# TYPE {SECONDS} histogram")?;
    for (queue, metrics) in queues {
        let mut below = 0;
        for (bucket, count) in metrics.buckets.iter().enumerate() {
            below += count.load(Ordering::Relaxed);
            let bound = BOUNDS_US.get(bucket).map_or_else(
                || "+Inf".to_owned(),
                |us| Duration::from_micros(*us).as_secs_f64().to_string(),
            );
            writeln!(
                text,
                "{SECONDS}_bucket{{queue=\"{queue}\",le=\"{bound}\"}} {below}"
            )?;
        }
        let busy = Duration::from_micros(metrics.busy_us.load(Ordering::Relaxed)).as_secs_f64();
        writeln!(text, "{SECONDS}_sum{{queue=\"{queue}\"}} {busy}")?;
        writeln!(text, "{SECONDS}_count{{queue=\"{queue}\"}} {below}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_readable_and_in_prometheus_s_form() {
        let metrics = Metrics::default();
        let queue = metrics.queue(&"resize".into());
        queue.begin();
        queue.begin();
        queue.end(End::Succeeded, Duration::from_millis(2));
        queue.count(End::Repeated);
        let counts = metrics.counts("resize");
        assert_eq!(
            (
                counts.succeeded,
                counts.repeated,
                counts.running,
                counts.busy
            ),
            (1, 1, 1, Duration::from_millis(2))
        );
        let text = metrics.to_prometheus();
        for line in [
            "baton_worker_tasks_total{queue=\"resize\",outcome=\"succeeded\"} 1",
            "baton_worker_tasks_running{queue=\"resize\"} 1",
            "baton_worker_task_seconds_bucket{queue=\"resize\",le=\"0.001\"} 0",
            "baton_worker_task_seconds_bucket{queue=\"resize\",le=\"0.005\"} 1",
            "baton_worker_task_seconds_count{queue=\"resize\"} 1",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line}\n{text}"
            );
        }
        assert_eq!(metrics.counts("another"), Counts::default());
    }
}
