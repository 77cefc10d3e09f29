//! Turns what becomes effective into spans, beside the node's work.
//!
//! Owns: the thread that does so and its bounded queue, trackers of open executions, and what is told again after a
//! takeover. What finds no room is dropped and counted: traces never hold up a workflow. Must not: decide what a span is
//! (`spans`) or know the protocol (`export`).
//!
//! A node that was killed may have taken spans of its last seconds with it. Whoever owns the partition next works the last
//! [`AGAIN_MS`] of the history before its claim through once more: ids and times follow from the history, so a span that
//! was exported before is the same span again.

use super::export::{Spans, Target};
use super::spans::Tracker;
use crate::config::Error;
use baton_engine::{Applied, ViewWriter, Views, views::Change};
use baton_schemas::history::{Event, HistoryRecord, Restated};
use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use opentelemetry_sdk::trace::SpanData;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Most records that wait for the thread; past it they are dropped and counted.
const QUEUE_MAX: usize = 20_000;
/// Most executions whose open spans are kept; those of others are found again in the views when needed.
const TRACKERS_MAX: usize = 20_000;
/// How much of the history before a claim is worked through again, milliseconds.
const AGAIN_MS: i64 = 5_000;
/// Most records kept for that, of one partition.
const AGAIN_MAX: usize = 10_000;
/// What is older than this is being folded, and was told by whoever wrote it, milliseconds.
const YOUNG_MS: i64 = 60_000;
/// Longest time that ended spans wait for company.
const EXPORT_EVERY: Duration = Duration::from_secs(1);
/// How long the thread sleeps when nothing waits.
const IDLE: Duration = Duration::from_secs(60);

/// What became of spans, for `/metrics`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Taken by the collector.
    pub exported: AtomicU64,
    /// Given up because the collector did not take them.
    pub refused: AtomicU64,
    /// History records that found no room in the queue.
    pub skipped: AtomicU64,
}

/// The running thread.
pub struct Recorder {
    items: Sender<Item>,
    ended: Receiver<()>,
    counters: Arc<Counters>,
}

enum Item {
    Step(Step),
    /// A partition was claimed.
    Claim {
        partition: i32,
        now_ms: i64,
    },
    /// A partition's history is read from its beginning.
    Reset(i32),
    Stop,
}

#[derive(Clone)]
struct Step {
    partition: i32,
    offset: i64,
    now_ms: i64,
    execution: Arc<str>,
    json: Bytes,
    closes: bool,
}

impl Recorder {
    /// Starts the thread; histories of executions that it has not seen from their start come from `views`.
    ///
    /// # Errors
    /// The exporter can't be made, or the operating system gives no thread.
    pub fn start(target: Target, views: Arc<dyn Views>) -> Result<Self, Error> {
        let (items, waiting) = bounded(QUEUE_MAX);
        let (end, ended) = bounded(0);
        let (made, exporter) = bounded(1);
        let counters = Arc::<Counters>::default();
        let shared = counters.clone();
        let thread = move || {
            let _told_when_dropped: Sender<()> = end;
            // Made here, since its HTTP client must not be made within an asynchronous runtime.
            match target.exporter() {
                Ok(exporter) => {
                    drop(made.send(Ok(())));
                    run(Work::new(views), Spans::new(exporter, shared), &waiting);
                }
                Err(error) => drop(made.send(Err(error))),
            }
        };
        let thread = std::thread::Builder::new()
            .name("baton-spans".to_owned())
            .spawn(thread);
        thread.map_err(|e| Error(format!("a thread for traces can't be started: {e}")))?;
        exporter
            .recv()
            .map_err(|_| Error("traces can't be exported: the thread ended".to_owned()))??;
        Ok(Self {
            items,
            ended,
            counters,
        })
    }

    /// The same writer of views, whose records become spans too.
    pub fn listen(&self, inner: Box<dyn ViewWriter>) -> Box<dyn ViewWriter> {
        Box::new(Listener {
            inner,
            items: self.items.clone(),
            counters: self.counters.clone(),
        })
    }

    /// What became of spans.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Exports what there is and ends the thread, within `timeout`.
    pub fn stop(&self, timeout: Duration) {
        // A queue that is full, or a thread that has ended, is not waited for.
        if self.items.try_send(Item::Stop).is_ok() {
            let _ = self.ended.recv_timeout(timeout);
        }
    }
}

struct Listener {
    inner: Box<dyn ViewWriter>,
    items: Sender<Item>,
    counters: Arc<Counters>,
}

impl Listener {
    fn tell(&self, item: Item) {
        if self.items.try_send(item).is_err() {
            self.counters.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl ViewWriter for Listener {
    fn apply(&mut self, batch: Vec<Applied>) {
        let items: Vec<Item> = batch.iter().filter_map(item).collect();
        // The views first: the thread may look there for what came before.
        self.inner.apply(batch);
        items.into_iter().for_each(|item| self.tell(item));
    }

    fn reset(&mut self, partition: i32) {
        self.inner.reset(partition);
        self.tell(Item::Reset(partition));
    }
}

fn item(applied: &Applied) -> Option<Item> {
    let (partition, offset, now_ms) = (applied.partition, applied.offset, applied.now_ms);
    match &applied.change {
        Change::Step {
            execution,
            json,
            closed,
            ..
        }
        | Change::Reopened {
            execution,
            json,
            closed,
            ..
        } => Some(Item::Step(Step {
            partition,
            offset,
            now_ms,
            execution: execution.clone(),
            json: json.clone(),
            closes: closed.is_some(),
        })),
        Change::None if applied.seq == 0 => Some(Item::Claim { partition, now_ms }),
        _ => None,
    }
}

/// The thread.
fn run(mut work: Work, mut spans: Spans, items: &Receiver<Item>) {
    loop {
        let due = spans.due(EXPORT_EVERY);
        let wait = due.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()));
        match items.recv_timeout(wait) {
            Ok(Item::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(item) => spans.add(work.take(item, clock_ms())),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if spans.is_due(EXPORT_EVERY) {
            spans.export();
        }
    }
    spans.export_all();
}

/// What the thread keeps.
struct Work {
    views: Arc<dyn Views>,
    trackers: BTreeMap<Arc<str>, Tracker>,
    /// In the order in which they came.
    order: VecDeque<Arc<str>>,
    partitions: BTreeMap<i32, Seen>,
}

/// What was seen of a partition.
#[derive(Default)]
struct Seen {
    /// First offset that was not worked through.
    next: i64,
    /// Records from before the claim that may have to be told again.
    again: VecDeque<Step>,
}

impl Work {
    fn new(views: Arc<dyn Views>) -> Self {
        Self {
            views,
            trackers: BTreeMap::new(),
            order: VecDeque::new(),
            partitions: BTreeMap::new(),
        }
    }

    /// Works one item in; gives the spans that ended.
    fn take(&mut self, item: Item, clock_ms: i64) -> Vec<SpanData> {
        let mut ended = Vec::new();
        match item {
            Item::Step(step) => {
                let seen = self.partitions.entry(step.partition).or_default();
                if step.offset < seen.next {
                    return ended;
                }
                if clock_ms - step.now_ms < YOUNG_MS {
                    self.tell_again(step.partition, &mut ended);
                    self.work(&step, &mut ended);
                } else {
                    seen.keep(step);
                }
            }
            Item::Claim { partition, now_ms } if clock_ms - now_ms < YOUNG_MS => {
                self.tell_again(partition, &mut ended);
            }
            Item::Claim { .. } | Item::Stop => {}
            Item::Reset(partition) => {
                self.partitions.remove(&partition);
            }
        }
        ended
    }

    /// Works through what came before a claim.
    fn tell_again(&mut self, partition: i32, ended: &mut Vec<SpanData>) {
        let seen = self.partitions.get_mut(&partition);
        let again = seen.map(|seen| std::mem::take(&mut seen.again));
        for step in again.into_iter().flatten() {
            self.work(&step, ended);
        }
    }

    fn work(&mut self, step: &Step, ended: &mut Vec<SpanData>) {
        if let Some(seen) = self.partitions.get_mut(&step.partition) {
            seen.next = seen.next.max(step.offset + 1);
        }
        let Some((now_ms, events)) = steps(&step.json).pop() else {
            return;
        };
        // Internal events neither begin nor end a span.
        let Some(first) = events.iter().map(|event| event.id).find(|id| *id != 0) else {
            return;
        };
        let tracker = self.tracker(&step.execution, first);
        for event in events.iter().filter(|event| event.id != 0) {
            tracker.apply(event, now_ms, ended);
        }
        if step.closes {
            self.trackers.remove(&step.execution);
        }
    }

    /// The tracker of an execution as it was before event `first`.
    fn tracker(&mut self, execution: &Arc<str>, first: u64) -> &mut Tracker {
        let fits = self
            .trackers
            .get(execution)
            .is_some_and(|tracker| tracker.is_before(first));
        if !fits {
            let tracker = self.rebuilt(execution, first);
            if self.trackers.insert(execution.clone(), tracker).is_none() {
                self.order.push_back(execution.clone());
            }
            self.forget_oldest();
        }
        self.trackers.get_mut(execution).expect("just put there")
    }

    /// A tracker that has worked in everything before event `first`, from the views if that is more than nothing.
    fn rebuilt(&self, execution: &Arc<str>, first: u64) -> Tracker {
        let mut tracker = Tracker::new(execution.clone());
        if first > 1 {
            let records = self.views.history(execution).unwrap_or_default();
            let steps = records.iter().flat_map(|json| steps(json));
            let mut told_before = Vec::new();
            for (now_ms, events) in steps {
                for event in events
                    .iter()
                    .filter(|event| event.id != 0 && event.id < first)
                {
                    tracker.apply(event, now_ms, &mut told_before);
                }
            }
        }
        tracker
    }

    fn forget_oldest(&mut self) {
        while self.trackers.len() > TRACKERS_MAX || self.order.len() > 2 * TRACKERS_MAX {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.trackers.remove(&oldest);
        }
    }
}

impl Seen {
    /// Keeps a record in case that the claim comes next, and forgets those too old for that.
    fn keep(&mut self, step: Step) {
        let from_ms = step.now_ms - AGAIN_MS;
        self.again.push_back(step);
        while self.again.len() > AGAIN_MAX
            || self.again.front().is_some_and(|old| old.now_ms < from_ms)
        {
            self.again.pop_front();
        }
    }
}

/// Times and events of the steps in a record of an execution's history.
fn steps(json: &[u8]) -> Vec<(i64, Vec<Event>)> {
    match HistoryRecord::from_json(json) {
        Ok(HistoryRecord::Transition(transition)) => vec![(transition.now, transition.events)],
        Ok(HistoryRecord::Restatement {
            state: Restated::Execution { transitions, .. },
            ..
        }) => transitions
            .into_iter()
            .map(|step| (step.now, step.events))
            .collect(),
        _ => Vec::new(),
    }
}

fn clock_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests;
