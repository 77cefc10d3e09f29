//! What became effective lately on this node, for streams of the changes of many executions.
//!
//! Owns: a bounded memory of history records, and saying honestly what it no longer has. A reader names for each partition
//! the offset that it has seen; what lies behind that is here, or the reader is told that it missed something. After a
//! partition has moved, its new owner folds the history and so has what the old one had. Must not: know filters or events.
//!
//! Nothing is kept until somebody has asked for the first time.

use crate::limits::{RECENT_BYTES_MAX, RECENT_OVERHEAD_BYTES};
use baton_engine::views::{Applied, Change};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// By partition, the offset up to which something was seen.
pub(crate) type Offsets = BTreeMap<i32, i64>;

/// What is kept, and who waits for more.
#[derive(Debug)]
pub(crate) struct Recent {
    is_kept: AtomicBool,
    kept: Mutex<Kept>,
    grown: watch::Sender<()>,
}

/// One step of one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub partition: i32,
    pub offset: i64,
    pub execution: Arc<str>,
    /// The history record.
    pub json: Bytes,
}

/// What a reader is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Steps in order for each partition.
    pub steps: Vec<Step>,
    /// What has been seen when these have.
    pub seen: Offsets,
    /// Partitions of which steps are missing before these.
    pub lost: Vec<i32>,
}

#[derive(Debug, Default)]
struct Kept {
    steps: BTreeMap<i32, VecDeque<Step>>,
    /// Partitions of the steps, oldest first.
    order: VecDeque<i32>,
    bytes: usize,
    /// Everything behind these offsets is kept.
    floors: Offsets,
    /// The last record of each partition, kept or not.
    latest: Offsets,
}

/// A record: partition, offset, and execution and JSON if it is a step.
pub(crate) type Record = (i32, i64, Option<(Arc<str>, Bytes)>);

/// What is kept of a batch.
pub(crate) fn records_of(batch: &[Applied]) -> Vec<Record> {
    let record = |applied: &Applied| {
        let step = match &applied.change {
            Change::Step {
                execution, json, ..
            }
            | Change::Reopened {
                execution, json, ..
            } => Some((execution.clone(), json.clone())),
            _ => None,
        };
        (applied.partition, applied.offset, step)
    };
    batch.iter().map(record).collect()
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            is_kept: AtomicBool::new(false),
            kept: Mutex::default(),
            grown: watch::Sender::new(()),
        }
    }
}

impl Recent {
    /// Whether anything is kept.
    pub fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::SeqCst)
    }

    /// Completes when there is more than at the call.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.grown.subscribe()
    }

    /// Keeps what [`records_of`] found in a batch, once the batch is in the views; wakes who waits.
    pub fn keep(&self, records: Vec<Record>) {
        let mut kept = self.kept();
        for (partition, offset, step) in records {
            kept.take(partition, offset, step);
        }
        drop(kept);
        self.grown.send_replace(());
    }

    /// Up to `limit` steps of these partitions behind `seen`. A partition that `seen` lacks begins now.
    pub fn behind(&self, partitions: &[i32], seen: &Offsets, limit: usize) -> Found {
        let mut kept = self.kept();
        self.is_kept.store(true, Ordering::SeqCst);
        let mut found = Found::default();
        for &partition in partitions {
            kept.behind(partition, seen.get(&partition).copied(), limit, &mut found);
        }
        found
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn take(&mut self, partition: i32, offset: i64, step: Option<(Arc<str>, Bytes)>) {
        // What is folded again is there already.
        if self
            .latest
            .get(&partition)
            .is_some_and(|last| offset <= *last)
        {
            return;
        }
        self.floors.entry(partition).or_insert(offset - 1);
        self.latest.insert(partition, offset);
        let Some((execution, json)) = step else {
            return;
        };
        self.bytes += bytes_of(&json);
        self.order.push_back(partition);
        self.steps.entry(partition).or_default().push_back(Step {
            partition,
            offset,
            execution,
            json,
        });
        while self.bytes > RECENT_BYTES_MAX {
            self.forget();
        }
    }

    /// Forgets the oldest step.
    fn forget(&mut self) {
        let oldest = self
            .order
            .pop_front()
            .and_then(|partition| self.steps.get_mut(&partition)?.pop_front());
        let Some(step) = oldest else {
            self.bytes = 0;
            return;
        };
        self.bytes = self.bytes.saturating_sub(bytes_of(&step.json));
        self.floors.insert(step.partition, step.offset);
    }

    fn behind(&mut self, partition: i32, seen: Option<i64>, limit: usize, found: &mut Found) {
        let latest = self.latest.get(&partition).copied();
        let Some(seen) = seen else {
            self.floors.entry(partition).or_insert(-1);
            found.seen.insert(partition, latest.unwrap_or(-1));
            return;
        };
        let seen = match self.floors.get(&partition) {
            Some(floor) if seen >= *floor => seen,
            Some(floor) => {
                found.lost.push(partition);
                *floor
            }
            // Keeping has only begun: what lies between is not known.
            None => {
                self.floors.insert(partition, seen);
                found.lost.push(partition);
                seen
            }
        };
        let steps = self.steps.entry(partition).or_default();
        let from = steps.partition_point(|step| step.offset <= seen);
        let room = limit.saturating_sub(found.steps.len());
        let before = found.steps.len();
        found
            .steps
            .extend(steps.iter().skip(from).take(room).cloned());
        let is_all = steps.len().saturating_sub(from) <= room;
        let upto = match found.steps[before..].last() {
            Some(last) if !is_all => last.offset,
            None if !is_all => seen,
            _ => latest.map_or(seen, |latest| latest.max(seen)),
        };
        found.seen.insert(partition, upto);
    }
}

/// What a step costs in memory: its JSON, and an estimate of the rest.
fn bytes_of(json: &Bytes) -> usize {
    json.len() + RECENT_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests;
