//! What has gathered since the last write, per partition and execution.
//!
//! Owns: coalescing. A window holds what became effective within one flush interval; an execution that starts and
//! closes within it is one [`Delta`] and costs four puts. Folding knows nothing of what lies on disk.

use baton_engine::views::{Applied, Change, ClosedAs, Opened, Redrives};
use baton_schemas::history::{Closed, Positions};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What waits to be written.
#[derive(Debug, Default)]
pub struct Window {
    /// Per history partition.
    pub partitions: BTreeMap<i32, PartitionWindow>,
    /// Records in it.
    pub records: u64,
    /// What they cost in memory, bytes.
    pub bytes: u64,
}

/// What waits to be written of one partition.
#[derive(Debug, Default)]
pub struct PartitionWindow {
    /// Everything before this window is to be forgotten.
    pub reset: bool,
    /// Where the partition stands after it; `None` if it was only forgotten.
    pub at: Option<At>,
    /// Bases that history is kept from, if they changed.
    pub rebased: Option<Vec<(i64, i64)>>,
    /// Starts of Express executions that still run, if a mark said.
    pub express: Option<Vec<i64>>,
    /// Executions changed, by ARN.
    pub deltas: FxHashMap<Arc<str>, Delta>,
    /// Executions whose ARN was taken by a later one within the window.
    pub superseded: Vec<(Arc<str>, Delta)>,
    /// Names taken without an execution.
    pub names: Vec<Closed>,
}

/// Where a partition stands: the checkpoint without its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// Offset of the last record.
    pub offset: i64,
    /// Its epoch.
    pub epoch: i64,
    /// Its sequence number.
    pub seq: u64,
    /// Positions of inputs.
    pub positions: Positions,
    /// Mark (R10).
    pub mark: i64,
    /// Where a reader without store begins (R14).
    pub base: Option<i64>,
    /// Latest time recorded, milliseconds since the epoch.
    pub now_ms: i64,
    /// Accepted records since the last complete restatement.
    pub since_base: u64,
    /// Bases that history is kept from, `(claim offset, completed ms)`; a window has them in
    /// [`PartitionWindow::rebased`] if they changed.
    pub bases: Vec<(i64, i64)>,
    /// Starts of Express executions that still run; a window has them in [`PartitionWindow::express`] if a mark said.
    #[serde(default)]
    pub express: Vec<i64>,
}

/// How one execution changed.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// When it started.
    pub start_ms: i64,
    /// Set if it started in this window.
    pub opened: Option<Opened>,
    /// Set if it closed in this window.
    pub closed: Option<ClosedAs>,
    /// Offset of the record that closed it; of meaning with `closed` only.
    pub closed_at: i64,
    /// Its records, `(offset, JSON)`, oldest first.
    pub records: Vec<(i64, Bytes)>,
    /// Set if it was redriven in this window: it is open again unless `closed` says otherwise.
    pub redriven: Option<Redrives>,
    /// A restatement among them: which one, and the facts of the start that it states.
    pub restated: Option<(usize, Opened)>,
}

impl Window {
    /// Adds a record. What it contains must be newer than what the window has of its partition.
    pub fn apply(&mut self, applied: Applied) {
        let Applied {
            partition,
            offset,
            epoch,
            seq,
            positions,
            mark,
            base,
            now_ms,
            since_base,
            change,
        } = applied;
        let window = self.partitions.entry(partition).or_default();
        window.at = Some(At {
            offset,
            epoch,
            seq,
            positions,
            mark,
            base,
            now_ms,
            since_base,
            bases: Vec::new(),
            express: Vec::new(),
        });
        match change {
            Change::None => {}
            Change::Step {
                execution,
                start_ms,
                json,
                opened,
                closed,
            } => {
                let delta = window.delta(execution, start_ms, opened.is_some());
                delta.opened = opened.or(delta.opened.take());
                if closed.is_some() {
                    (delta.closed, delta.closed_at) = (closed, offset);
                }
                delta.records.push((offset, json));
            }
            Change::Reopened {
                execution,
                start_ms,
                opened,
                redrives,
                past,
                json,
                closed,
            } => {
                let delta = window.delta(execution, start_ms, false);
                if delta.opened.is_none() && delta.restated.is_none() {
                    delta.restated = Some((delta.records.len(), opened));
                    // Where its past was said: right before.
                    delta.records.push((offset - 1, past));
                }
                (delta.closed, delta.closed_at) = (closed, offset);
                delta.redriven = Some(redrives);
                delta.records.push((offset, json));
            }
            Change::Rebased(bases) => window.rebased = Some(bases),
            Change::Marked(express) => window.express = Some(express),
            Change::Names(names) => window.names.extend(names),
            Change::Restated {
                execution,
                start_ms,
                opened,
                json,
            } => {
                let delta = window.delta(execution, start_ms, false);
                if delta.opened.is_none() && delta.restated.is_none() {
                    delta.restated = Some((delta.records.len(), opened));
                    delta.records.push((offset, json));
                }
            }
        }
    }

    /// Forgets everything of a partition.
    pub fn reset(&mut self, partition: i32) {
        self.partitions.insert(
            partition,
            PartitionWindow {
                reset: true,
                ..PartitionWindow::default()
            },
        );
    }
}

impl PartitionWindow {
    fn delta(&mut self, execution: Arc<str>, start_ms: i64, opens: bool) -> &mut Delta {
        if opens
            && self
                .deltas
                .get(&execution)
                .is_some_and(|delta| delta.closed.is_some())
        {
            let earlier = self.deltas.remove(&execution).expect("it was just found");
            self.superseded.push((execution.clone(), earlier));
        }
        self.deltas.entry(execution).or_insert_with(|| Delta {
            start_ms,
            ..Delta::default()
        })
    }
}

impl Delta {
    /// Facts of the start, if the execution's place in the store is made by this delta: it started in it, or it was
    /// restated and the store doesn't know it (`known`).
    pub fn start(&self, known: bool) -> Option<&Opened> {
        let restated = self
            .restated
            .as_ref()
            .filter(|_| !known)
            .map(|(_, opened)| opened);
        self.opened.as_ref().or(restated)
    }

    /// The records that belong to the history: a restatement stands for what came before it in an execution that the
    /// store doesn't know, and is passed over in one that it does (`known`).
    pub fn history(&self, known: bool) -> impl Iterator<Item = &(i64, Bytes)> {
        let (from, skip) = match self.restated {
            None => (0, None),
            Some((at, _)) if known => (0, Some(at)),
            Some((at, _)) => (at, None),
        };
        self.records
            .iter()
            .enumerate()
            .skip(from)
            .filter(move |(n, _)| Some(*n) != skip)
            .map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_machine::Status;

    fn applied(offset: i64, change: Change) -> Applied {
        Applied {
            partition: 0,
            offset,
            epoch: 0,
            seq: 1,
            positions: Positions::default(),
            mark: 0,
            base: None,
            now_ms: 0,
            since_base: 0,
            change,
        }
    }

    fn opened() -> Opened {
        Opened {
            machine: "m".into(),
            revision: 1,
            start_hash: 2,
        }
    }

    fn step(opens: bool, closes: bool) -> Change {
        Change::Step {
            execution: "x".into(),
            start_ms: 5,
            json: Bytes::from_static(b"{}"),
            opened: opens.then(opened),
            closed: closes.then_some(ClosedAs {
                status: Status::Succeeded,
                stop_ms: 9,
            }),
        }
    }

    fn restated() -> Change {
        Change::Restated {
            execution: "x".into(),
            start_ms: 5,
            opened: opened(),
            json: Bytes::from_static(b"[]"),
        }
    }

    fn offsets(delta: &Delta, known: bool) -> Vec<i64> {
        delta.history(known).map(|(offset, _)| *offset).collect()
    }

    #[test]
    fn an_execution_is_one_delta_until_its_name_is_taken_again() {
        let mut window = Window::default();
        for (offset, change) in [
            step(true, false),
            step(false, false),
            step(false, true),
            step(true, false),
        ]
        .into_iter()
        .enumerate()
        {
            window.apply(applied(offset as i64, change));
        }
        let partition = &window.partitions[&0];
        assert_eq!(offsets(&partition.superseded[0].1, false), [0, 1, 2]);
        assert!(partition.superseded[0].1.closed.is_some());
        assert_eq!(offsets(&partition.deltas["x"], false), [3]);
        assert_eq!(partition.at.as_ref().map(|at| at.offset), Some(3));
    }

    #[test]
    fn a_restatement_counts_only_for_what_is_not_known() {
        let mut window = Window::default();
        for (offset, change) in [
            step(false, false),
            restated(),
            step(false, false),
            restated(),
        ]
        .into_iter()
        .enumerate()
        {
            window.apply(applied(offset as i64, change));
        }
        let delta = &window.partitions[&0].deltas["x"];
        assert_eq!(offsets(delta, true), [0, 2]);
        assert_eq!(offsets(delta, false), [1, 2]);
        assert_eq!(delta.start(true), None);
        assert_eq!(delta.start(false), Some(&opened()));
    }
}
