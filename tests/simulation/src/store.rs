//! A simulated local store: keeps what was applied, loses the tail at a crash, gives checkpoints of what it kept.

use baton_engine::{Applied, Change, Checkpoint};
use baton_schemas::arn::arn_hash;
use baton_schemas::history::Closed;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One partition's part of a node's store.
#[derive(Default)]
pub struct Store {
    /// Everything applied since the last reset.
    pub applied: Vec<Applied>,
    /// How much of it is on disk.
    pub flushed: usize,
}

impl Store {
    /// Takes what became effective; what it has already is skipped.
    pub fn apply(&mut self, applied: Applied) {
        if self
            .applied
            .last()
            .is_none_or(|last| last.offset < applied.offset)
        {
            self.applied.push(applied);
        }
    }

    /// The process died: what was not written is gone.
    pub fn crash(&mut self) {
        self.applied.truncate(self.flushed);
    }

    /// Everything is gone.
    pub fn clear(&mut self) {
        self.applied.clear();
        self.flushed = 0;
    }

    /// What it has of an execution, on disk or not: its records, oldest first.
    #[must_use]
    pub fn history(&self, arn: &str) -> Option<Vec<Bytes>> {
        let mut records: Option<Vec<Bytes>> = None;
        for applied in &self.applied {
            match &applied.change {
                Change::Step {
                    execution,
                    json,
                    opened,
                    ..
                } if **execution == *arn => {
                    if opened.is_some() {
                        records = Some(Vec::new());
                    }
                    if let Some(records) = &mut records {
                        records.push(json.clone());
                    }
                }
                Change::Reopened {
                    execution,
                    past,
                    json,
                    ..
                } if **execution == *arn => {
                    let records = records.get_or_insert_with(|| vec![past.clone()]);
                    records.push(json.clone());
                }
                Change::Restated {
                    execution, json, ..
                } if **execution == *arn => records = Some(vec![json.clone()]),
                _ => {}
            }
        }
        records
    }

    /// The state on disk, all of one moment.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Box<Checkpoint>> {
        let kept = &self.applied[..self.flushed];
        let last = kept.last()?;
        let mut records: BTreeMap<Arc<str>, Vec<(i64, Bytes)>> = BTreeMap::new();
        let mut ended: BTreeMap<Arc<str>, i64> = BTreeMap::new();
        let mut closed = Vec::new();
        for applied in kept {
            match &applied.change {
                Change::None | Change::Rebased(_) | Change::Marked(_) => {}
                Change::Step {
                    execution,
                    json,
                    opened,
                    closed: end,
                    ..
                } => {
                    if let Some(opened) = opened {
                        records.insert(execution.clone(), Vec::new());
                        ended.remove(execution);
                        closed.push((execution.clone(), opened.start_hash, None));
                    }
                    if let Some(list) = records.get_mut(execution) {
                        list.push((applied.offset, json.clone()));
                    }
                    if let Some(end) = end {
                        ended.insert(execution.clone(), applied.offset);
                        if let Some(entry) = closed.iter_mut().rev().find(|c| c.0 == *execution) {
                            entry.2 = Some(end.stop_ms);
                        }
                    }
                }
                Change::Reopened {
                    execution,
                    past,
                    json,
                    opened,
                    closed: end,
                    ..
                } => {
                    // One that it has goes on where it is; the past is for a store that never saw it.
                    let known = closed.iter().any(|c| c.0 == *execution);
                    if !known {
                        closed.push((execution.clone(), opened.start_hash, None));
                        records.insert(execution.clone(), vec![(applied.offset - 1, past.clone())]);
                    }
                    if let Some(list) = records.get_mut(execution) {
                        list.push((applied.offset, json.clone()));
                    }
                    ended.remove(execution);
                    let entry = closed.iter_mut().rev().find(|c| c.0 == *execution);
                    if let Some(entry) = entry {
                        entry.2 = end.as_ref().map(|end| end.stop_ms);
                    }
                    if end.is_some() {
                        ended.insert(execution.clone(), applied.offset);
                    }
                }
                Change::Names(names) => {
                    closed.extend(
                        names
                            .iter()
                            .map(|c| (c.arn_hash.clone(), c.start_hash, Some(-c.closed_ms - 1))),
                    );
                }
                Change::Restated {
                    execution,
                    json,
                    opened,
                    ..
                } => {
                    if !closed.iter().any(|c| c.0 == *execution) {
                        closed.push((execution.clone(), opened.start_hash, None));
                    }
                    records.insert(execution.clone(), vec![(applied.offset, json.clone())]);
                }
            }
        }
        // A closed execution is kept while the mark has not passed its end: its effects may have to be sent again.
        records.retain(|arn, _| ended.get(arn).is_none_or(|end| *end > last.mark));
        let names = closed.into_iter().filter_map(|(key, start_hash, ms)| {
            let ms = ms?;
            // A negative time marks a name that is a hash already.
            let (arn_hash, closed_ms) = if ms < 0 {
                (key, -ms - 1)
            } else {
                (format!("{:032x}", arn_hash(&key)).into(), ms)
            };
            Some(Closed {
                arn_hash,
                start_hash,
                closed_ms,
            })
        });
        Some(Box::new(Checkpoint {
            offset: last.offset,
            epoch: last.epoch,
            seq: last.seq,
            positions: last.positions.clone(),
            mark: last.mark,
            base: last.base,
            now_ms: last.now_ms,
            since_base: last.since_base,
            bases: kept
                .iter()
                .rev()
                .find_map(|a| {
                    if let Change::Rebased(b) = &a.change {
                        Some(b.clone())
                    } else {
                        None
                    }
                })
                .unwrap_or_default(),
            express: kept
                .iter()
                .rev()
                .find_map(|a| match &a.change {
                    Change::Marked(express) => Some(express.clone()),
                    _ => None,
                })
                .unwrap_or_default(),
            open: records.into_iter().collect(),
            closed: names.collect(),
        }))
    }
}
