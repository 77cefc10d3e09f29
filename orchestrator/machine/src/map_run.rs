//! A distributed Map that runs: what is remembered of its items, children and results.
//!
//! Owns: the state that the run's internal events fold into, and what follows from it without deciding: whether a child
//! may start, whether too many failed. Bounded: items are read in chunks, inputs are kept of children that run, and results
//! are either written out in parts or end with the bound of a payload.

use baton_language::program::Transformation;
use baton_schemas::Payload;
use baton_schemas::history::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How a run runs, fixed at its start but for what UpdateMapRun changes; kept in MapRunStarted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Most children that run at once.
    pub concurrency: u64,
    /// Most items that may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_count: Option<u64>,
    /// The same in percent of all items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_percentage: Option<f64>,
    /// What the item reader reads, without where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<Value>,
    /// Most items of one child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_items: Option<u64>,
    /// Largest input of one child that has several items, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_bytes: Option<u64>,
    /// Where results are written; else they are the state's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<Value>,
}

/// New bounds of a run (UpdateMapRun); what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MapRunBounds {
    /// `maxConcurrency`; 0 is as much as there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u64>,
    /// `toleratedFailureCount`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_count: Option<u64>,
    /// `toleratedFailurePercentage`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_percentage: Option<f64>,
}

/// Data of MapRunStarted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Beginning {
    pub plan: Plan,
    /// Items that are in the state's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Payload>,
}

/// What a run asks the outside for, one thing at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// More items.
    Read,
    /// A part of the results to be written, or the manifest that ends them.
    Write {
        /// Which of the parts, see [`Written`].
        part: Part,
    },
}

/// What is written at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Results of children that succeeded.
    Succeeded,
    /// Results of the others.
    Failed,
    /// The list of all files.
    Manifest,
}

/// What the outside answers: items, or a file that was written.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    /// Items that were read.
    #[serde(default)]
    pub items: Option<Vec<Payload>>,
    /// Where reading began, as it was asked.
    #[serde(default)]
    pub from: Option<Value>,
    /// Where reading goes on; absent at the end.
    #[serde(default)]
    pub cursor: Option<Value>,
    /// Name and size of the file that was written.
    #[serde(default)]
    pub written: Option<Value>,
}

/// What a child reports of its end.
#[derive(Debug, Deserialize)]
pub(crate) struct ChildReport {
    /// Its number.
    pub child: u64,
    /// `SUCCEEDED`, `FAILED`, `ABORTED` or `TIMED_OUT`.
    pub status: Arc<str>,
    /// Its output, if it succeeded.
    #[serde(default)]
    pub output: Option<Payload>,
    /// All that is known of it, if asked for or if it failed.
    #[serde(default)]
    pub details: Option<Payload>,
}

/// How many items or children are in which state, as DescribeMapRun shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MapRunCounts {
    /// Not yet given to a child; of children: none.
    pub pending: u64,
    /// With a child that runs.
    pub running: u64,
    /// With a child that succeeded.
    pub succeeded: u64,
    /// With a child that failed.
    pub failed: u64,
    /// With a child that timed out.
    pub timed_out: u64,
    /// With a child that was stopped.
    pub aborted: u64,
    /// All.
    pub total: u64,
    /// Whose results are written.
    pub results_written: u64,
}

/// A child that runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Child {
    /// How many items it has.
    pub items: u32,
    /// Its input: its start may have to be asked for again.
    pub input: Payload,
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MapRun {
    /// Event id of MapRunStarted: names the run in tokens.
    pub id: u64,
    /// Its ARN.
    pub arn: Arc<str>,
    /// When it started, milliseconds since the epoch.
    pub started_ms: i64,
    pub plan: Plan,
    /// Items read and not yet given to a child.
    pub items: VecDeque<Payload>,
    /// Where reading goes on; `None` when all is read.
    pub cursor: Option<Value>,
    /// What was asked for and not yet answered.
    pub asked: Option<Asked>,
    /// Items read so far.
    pub read: u64,
    /// Items given to children.
    pub given: u64,
    /// Children started.
    pub started: u64,
    /// Children that run.
    pub running: BTreeMap<u64, Child>,
    /// Items that are done.
    pub item_counts: MapRunCounts,
    /// Children that are done.
    pub child_counts: MapRunCounts,
    pub results: Results,
    /// Why the run fails, once it does.
    pub failure: Option<Failure>,
    /// When it goes on by itself: at once, where one step would do too much. Milliseconds since the epoch.
    pub due_ms: Option<i64>,
}

/// A map run as it stands, for whoever asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MapRunStatus {
    /// Its ARN.
    pub arn: Arc<str>,
    /// When it started, milliseconds since the epoch.
    pub start_ms: i64,
    /// Most children at once.
    pub max_concurrency: u64,
    /// Most items that may fail.
    pub tolerated_failure_count: u64,
    /// The same in percent.
    pub tolerated_failure_percentage: f64,
    /// Items by state.
    pub item_counts: MapRunCounts,
    /// Children by state.
    pub execution_counts: MapRunCounts,
}

impl MapRunStatus {
    pub(crate) fn of(run: &MapRun) -> Self {
        Self {
            arn: run.arn.clone(),
            start_ms: run.started_ms,
            max_concurrency: run.plan.concurrency,
            tolerated_failure_count: run.plan.tolerated_count.unwrap_or(0),
            tolerated_failure_percentage: run.plan.tolerated_percentage.unwrap_or(0.0),
            item_counts: run.items_by_state(),
            execution_counts: run.children_by_state(),
        }
    }
}

/// What the children gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Results {
    /// In order, where they become the state's result.
    pub kept: BTreeMap<u64, Payload>,
    /// Sum of their lengths, bytes.
    pub bytes: usize,
    /// Whether they are more than a payload may be; then none are kept.
    pub too_large: bool,
    /// Text of the next file of children that succeeded.
    pub succeeded: Vec<Payload>,
    /// The same of the others.
    pub failed: Vec<Payload>,
    /// Sum of the lengths of both, bytes.
    pub waiting_bytes: usize,
    /// What is being written.
    pub writing: Vec<Payload>,
    /// Files written: `(part, name and size)`.
    pub files: Vec<(Part, Value)>,
    /// The manifest, once it is written.
    pub manifest: Option<Value>,
}

impl MapRun {
    /// A run that begins, by event `id`.
    pub fn new(id: u64, arn: Arc<str>, beginning: Beginning, now_ms: i64) -> Self {
        let items: VecDeque<Payload> = beginning
            .items
            .as_ref()
            .and_then(|items| serde_json::from_str(items.as_str()).ok())
            .unwrap_or_default();
        let cursor = beginning.plan.reader.is_some().then_some(Value::Null);
        Self {
            id,
            arn,
            started_ms: now_ms,
            plan: beginning.plan,
            read: items.len() as u64,
            items,
            cursor,
            asked: None,
            given: 0,
            started: 0,
            running: BTreeMap::new(),
            item_counts: MapRunCounts::default(),
            child_counts: MapRunCounts::default(),
            results: Results::default(),
            failure: None,
            due_ms: None,
        }
    }

    /// Asks for something: what is to be written is set apart, since more may come meanwhile.
    pub fn ask(&mut self, asked: Asked) {
        let results = &mut self.results;
        results.writing = match asked {
            Asked::Write {
                part: Part::Succeeded,
            } => std::mem::take(&mut results.succeeded),
            Asked::Write { part: Part::Failed } => std::mem::take(&mut results.failed),
            Asked::Write {
                part: Part::Manifest,
            }
            | Asked::Read => Vec::new(),
        };
        let bytes: usize = results.writing.iter().map(Payload::len).sum();
        results.waiting_bytes = results.waiting_bytes.saturating_sub(bytes);
        self.asked = Some(asked);
    }

    /// Takes what was asked for.
    pub fn answer(&mut self, answer: Answer) {
        match self.asked.take() {
            Some(Asked::Read) => {
                let items = answer.items.unwrap_or_default();
                self.read += items.len() as u64;
                self.items.extend(items);
                self.cursor = answer.cursor;
                self.tolerate();
            }
            Some(Asked::Write { part }) => {
                let written = answer.written.unwrap_or_default();
                self.results.writing = Vec::new();
                match part {
                    Part::Manifest => self.results.manifest = Some(written),
                    part => self.results.files.push((part, written)),
                }
            }
            None => {}
        }
    }

    /// Whether every item was read.
    pub fn all_read(&self) -> bool {
        self.cursor.is_none()
    }

    /// Whether a child may start now. One with several items waits until it has as many as it may.
    pub fn may_start(&self) -> bool {
        let room = (self.running.len() as u64) < self.plan.concurrency;
        let is_batched = self.plan.batch_items.is_some() || self.plan.batch_bytes.is_some();
        let wanted = match (is_batched, self.plan.batch_items) {
            (false, _) => 1,
            // By size alone: what a chunk holds is enough to choose from.
            (true, items) => items.unwrap_or(u64::MAX),
        };
        let enough = self.items.len() as u64 >= wanted || self.all_read() || self.is_stocked();
        self.failure.is_none() && room && enough && !self.items.is_empty()
    }

    /// Whether so many items wait that no more are read.
    pub fn is_stocked(&self) -> bool {
        self.items.len() >= crate::limits::MAP_ITEMS_WAITING_MAX
            || self.items.iter().map(Payload::len).sum::<usize>()
                >= crate::limits::MAP_ITEM_BYTES_WAITING_MAX
    }

    /// Whether more items are to be asked for.
    pub fn wants_items(&self) -> bool {
        let wanted = (self.plan.batch_items.unwrap_or(1)).max(100);
        // By size alone nobody knows how many make a batch: then as many as may wait.
        let by_size = self.plan.batch_bytes.is_some() && self.plan.batch_items.is_none();
        let few = by_size || (self.items.len() as u64) < wanted;
        self.asked.is_none()
            && self.failure.is_none()
            && !self.all_read()
            && few
            && !self.is_stocked()
    }

    /// Whether more has failed than is tolerated. A share is known only when all items are.
    pub fn is_exceeded(&self) -> bool {
        let failed =
            self.item_counts.failed + self.item_counts.timed_out + self.item_counts.aborted;
        let by_count = match (self.plan.tolerated_count, self.plan.tolerated_percentage) {
            (Some(count), _) => failed > count,
            (None, Some(_)) => false,
            (None, None) => failed > 0,
        };
        let by_share = self.plan.tolerated_percentage.is_some_and(|tolerated| {
            self.all_read() && self.read > 0 && failed as f64 * 100.0 / self.read as f64 > tolerated
        });
        by_count || by_share
    }

    /// Fails the run if more has failed than is tolerated (AWS: `States.ExceedToleratedFailureThreshold`).
    pub fn tolerate(&mut self) {
        if self.failure.is_none() && self.is_exceeded() {
            let cause = "The specified tolerated failure threshold was exceeded";
            self.failure = Some(crate::errors::failure(crate::errors::EXCEEDED, cause));
        }
    }

    /// Notes that the child ended.
    pub fn end_child(&mut self, index: u64, status: &str) {
        let Some(child) = self.running.remove(&index) else {
            return;
        };
        for (counts, n) in [
            (&mut self.item_counts, u64::from(child.items)),
            (&mut self.child_counts, 1),
        ] {
            match status {
                "SUCCEEDED" => counts.succeeded += n,
                "TIMED_OUT" => counts.timed_out += n,
                "ABORTED" => counts.aborted += n,
                _ => counts.failed += n,
            }
        }
    }

    /// Keeps what the child gave: as the state's result, or for a file.
    pub fn keep(&mut self, report: ChildReport, transformation: Transformation, bytes_max: usize) {
        let succeeded = &*report.status == "SUCCEEDED";
        let details = report.details.clone();
        let shown = match (succeeded, transformation) {
            (false, _) | (true, Transformation::None) => details.or(report.output),
            (true, Transformation::Compact | Transformation::Flatten) => report.output.or(details),
        };
        let nothing = || Payload::from_value(&Value::Null);
        let shown = shown.unwrap_or_else(nothing);
        let parts = match transformation {
            Transformation::Flatten if succeeded => flat(shown),
            _ => vec![shown],
        };
        let results = &mut self.results;
        if self.plan.writer.is_some() {
            results.waiting_bytes += parts.iter().map(Payload::len).sum::<usize>();
            let file = if succeeded {
                &mut results.succeeded
            } else {
                &mut results.failed
            };
            file.extend(parts);
            return;
        }
        if results.too_large {
            return;
        }
        let text: Vec<&str> = parts.iter().map(Payload::as_str).collect();
        let joined = Payload::from_text(&format!("[{}]", text.join(",")));
        if let Ok(joined) = joined {
            results.bytes += joined.len();
            results.kept.insert(report.child, joined);
        }
        if results.bytes > bytes_max.saturating_add(2 * results.kept.len() + 2) {
            results.too_large = true;
            results.kept = BTreeMap::new();
        }
    }

    /// The state's result: what the children gave, in the order of the items; `None` if it is too large.
    pub fn result(&self, bytes_max: usize) -> Option<Payload> {
        if self.results.too_large {
            return None;
        }
        let mut text = String::from("[");
        for kept in self.results.kept.values() {
            let inside = &kept.as_str()[1..kept.len() - 1];
            if text.len() > 1 && !inside.is_empty() {
                text.push(',');
            }
            text.push_str(inside);
        }
        text.push(']');
        if text.len() > bytes_max {
            return None;
        }
        Payload::from_text(&text).ok()
    }

    /// Which part of the results is to be written now, if any.
    pub fn wants_written(&self) -> Option<Part> {
        if self.plan.writer.is_none() || self.asked.is_some() {
            return None;
        }
        let is_full = self.results.waiting_bytes >= crate::limits::MAP_RESULT_FILE_BYTES;
        let results = &self.results;
        if !(is_full || self.is_over()) {
            return None;
        }
        if !results.succeeded.is_empty() {
            Some(Part::Succeeded)
        } else if !results.failed.is_empty() {
            Some(Part::Failed)
        } else {
            (self.is_over() && results.manifest.is_none()).then_some(Part::Manifest)
        }
    }

    /// Whether no child runs and none will start.
    pub fn is_over(&self) -> bool {
        let no_more = self.failure.is_some() || (self.all_read() && self.items.is_empty());
        self.running.is_empty() && no_more
    }

    /// Items by state.
    pub fn items_by_state(&self) -> MapRunCounts {
        let running: u64 = self.running.values().map(|c| u64::from(c.items)).sum();
        MapRunCounts {
            pending: self.read.saturating_sub(self.given),
            running,
            total: self.read,
            ..self.item_counts
        }
    }

    /// Children by state.
    pub fn children_by_state(&self) -> MapRunCounts {
        MapRunCounts {
            running: self.running.len() as u64,
            total: self.started,
            ..self.child_counts
        }
    }
}

/// The items of an array; anything else is one item.
fn flat(value: Payload) -> Vec<Payload> {
    if value.as_str().trim_start().starts_with('[') {
        serde_json::from_str(value.as_str()).unwrap_or_else(|_| vec![value])
    } else {
        vec![value]
    }
}
