//! What the adapter counts. Names and units are in the fields; the binary exports them.

use crate::measures::Measures;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start, updated once per batch; gauges as of the last batch.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) inputs: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) calls_throttled: AtomicU64,
    pub(crate) appends: AtomicU64,
    pub(crate) append_failures: AtomicU64,
    pub(crate) sends: AtomicU64,
    pub(crate) send_failures: AtomicU64,
    pub(crate) applied: AtomicU64,
    pub(crate) halts: AtomicU64,
    pub(crate) unusable: AtomicU64,
    pub(crate) open_executions: AtomicU64,
    pub(crate) owned_partitions: AtomicU64,
    pub(crate) measures: Measures,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Batches of the driver.
    pub batches: u64,
    /// Records of input topics given to owners.
    pub inputs: u64,
    /// Calls given to owners.
    pub calls: u64,
    /// Calls refused because too many waited.
    pub calls_throttled: u64,
    /// Records appended to the history.
    pub appends: u64,
    /// Appends that failed or whose outcome is unknown.
    pub append_failures: u64,
    /// Effects sent.
    pub sends: u64,
    /// Effects refused for good by their topic.
    pub send_failures: u64,
    /// Effective records given to the views.
    pub applied: u64,
    /// Partitions that halted.
    pub halts: u64,
    /// Records of topics that only nodes write which can't be used, and were passed over.
    pub unusable: u64,
    /// Open executions in memory (gauge).
    pub open_executions: u64,
    /// Partitions owned and folded (gauge).
    pub owned_partitions: u64,
}

impl Counters {
    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            batches: get(&self.batches),
            inputs: get(&self.inputs),
            calls: get(&self.calls),
            calls_throttled: get(&self.calls_throttled),
            appends: get(&self.appends),
            append_failures: get(&self.append_failures),
            sends: get(&self.sends),
            send_failures: get(&self.send_failures),
            applied: get(&self.applied),
            halts: get(&self.halts),
            unusable: get(&self.unusable),
            open_executions: get(&self.open_executions),
            owned_partitions: get(&self.owned_partitions),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

pub(crate) fn set(gauge: &AtomicU64, value: u64) {
    gauge.store(value, Ordering::Relaxed);
}
