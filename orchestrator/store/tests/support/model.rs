//! The store as it would be if memory were endless and nothing ever stopped.

use baton_engine::search::Findable;
use baton_engine::views::{Applied, Change, Checkpoint, ListQuery, Opened, Redrives, Summary};
use baton_machine::Status;
use baton_schemas::arn::{ExecutionArn, arn_hash};
use baton_schemas::history::Closed;
use bytes::Bytes;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All partitions.
#[derive(Default)]
pub struct Model {
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Default)]
struct Partition {
    last: Option<Applied>,
    executions: BTreeMap<Arc<str>, Execution>,
    names: BTreeMap<Arc<str>, Closed>,
    bases: Vec<(i64, i64)>,
    express: Vec<i64>,
}

struct Execution {
    summary: Summary,
    start_hash: u64,
    records: Vec<(i64, Bytes)>,
    closed_at: Option<i64>,
}

impl Model {
    pub fn apply(&mut self, applied: &Applied) {
        let partition = self.partitions.entry(applied.partition).or_default();
        partition.last = Some(applied.clone());
        match &applied.change {
            Change::None => {}
            Change::Rebased(bases) => partition.bases.clone_from(bases),
            Change::Marked(express) => partition.express.clone_from(express),
            Change::Names(names) => {
                partition.names.extend(
                    names
                        .iter()
                        .map(|name| (name.arn_hash.clone(), name.clone())),
                );
            }
            Change::Step {
                execution,
                start_ms,
                json,
                opened,
                closed,
            } => {
                if let Some(opened) = opened {
                    partition.executions.insert(
                        execution.clone(),
                        Execution::new(execution, *start_ms, opened),
                    );
                }
                let Some(found) = partition.executions.get_mut(execution) else {
                    return;
                };
                found.records.push((applied.offset, json.clone()));
                if let Some(closed) = closed {
                    found.summary.status = closed.status;
                    found.summary.stop_ms = Some(closed.stop_ms);
                    found.closed_at = Some(applied.offset);
                }
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
                let found = partition
                    .executions
                    .entry(execution.clone())
                    .or_insert_with(|| {
                        let mut new = Execution::new(execution, *start_ms, opened);
                        new.records.push((applied.offset - 1, past.clone()));
                        new
                    });
                found.records.push((applied.offset, json.clone()));
                found.summary.redrives = *redrives;
                found.summary.status = closed.as_ref().map_or(Status::Running, |c| c.status);
                found.summary.stop_ms = closed.as_ref().map(|c| c.stop_ms);
                found.closed_at = closed.as_ref().map(|_| applied.offset);
            }
            Change::Restated {
                execution,
                start_ms,
                opened,
                json,
            } => {
                if !partition.executions.contains_key(execution) {
                    let mut new = Execution::new(execution, *start_ms, opened);
                    new.records.push((applied.offset, json.clone()));
                    partition.executions.insert(execution.clone(), new);
                }
            }
        }
    }

    pub fn reset(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }

    pub fn arns(&self) -> impl Iterator<Item = &str> {
        self.partitions
            .values()
            .flat_map(|partition| partition.executions.keys())
            .map(|arn| &**arn)
    }

    pub fn open_executions(&self) -> u64 {
        let all = self
            .partitions
            .values()
            .flat_map(|partition| partition.executions.values());
        all.filter(|execution| execution.summary.status == Status::Running)
            .count() as u64
    }

    pub fn describe(&self, arn: &str) -> Option<Summary> {
        self.find(arn).map(|execution| execution.summary.clone())
    }

    pub fn history(&self, arn: &str) -> Option<Vec<Bytes>> {
        self.find(arn).map(|execution| {
            execution
                .records
                .iter()
                .map(|(_, json)| json.clone())
                .collect()
        })
    }

    pub fn list(&self, query: &ListQuery) -> Vec<Summary> {
        let all = self
            .partitions
            .values()
            .flat_map(|partition| partition.executions.values());
        let mut found: Vec<_> = all
            .map(|execution| &execution.summary)
            .filter(|s| matches(query, s))
            .cloned()
            .collect();
        found.sort_by_key(|s| Reverse((s.start_ms, s.execution.clone())));
        found
    }

    pub fn checkpoint(&self, partition: i32) -> Option<Checkpoint> {
        let partition = self.partitions.get(&partition)?;
        let last = partition.last.as_ref()?;
        let mut open = Vec::new();
        let mut closed = partition.names.clone();
        for (arn, execution) in &partition.executions {
            if execution.closed_at.is_none_or(|offset| offset > last.mark) {
                open.push((
                    execution.summary.start_ms,
                    (arn.clone(), execution.records.clone()),
                ));
            }
            if let Some(closed_ms) = execution.summary.stop_ms {
                let arn_hash: Arc<str> = format!("{:032x}", arn_hash(arn)).into();
                let start_hash = execution.start_hash;
                closed.insert(
                    arn_hash.clone(),
                    Closed {
                        arn_hash,
                        start_hash,
                        closed_ms,
                    },
                );
            }
        }
        open.sort();
        Some(Checkpoint {
            offset: last.offset,
            epoch: last.epoch,
            seq: last.seq,
            positions: last.positions.clone(),
            mark: last.mark,
            base: last.base,
            now_ms: last.now_ms,
            since_base: last.since_base,
            bases: partition.bases.clone(),
            express: partition.express.clone(),
            open: open.into_iter().map(|(_, open)| open).collect(),
            closed: closed.into_values().collect(),
        })
    }

    fn find(&self, arn: &str) -> Option<&Execution> {
        self.partitions
            .values()
            .find_map(|partition| partition.executions.get(arn))
    }
}

impl Execution {
    fn new(arn: &Arc<str>, start_ms: i64, opened: &Opened) -> Self {
        let summary = Summary {
            execution: arn.clone(),
            machine: opened.machine.clone(),
            revision: opened.revision,
            status: Status::Running,
            start_ms,
            stop_ms: None,
            redrives: Redrives::default(),
            findable: Findable::default(),
        };
        Self {
            summary,
            start_hash: opened.start_hash,
            records: Vec::new(),
            closed_at: None,
        }
    }
}

fn matches(query: &ListQuery, summary: &Summary) -> bool {
    let name = ExecutionArn::parse(&summary.execution).map_or("", |arn| arn.name);
    query
        .machine
        .as_ref()
        .is_none_or(|machine| *machine == summary.machine)
        && query.status.is_none_or(|status| status == summary.status)
        && query
            .started_from_ms
            .is_none_or(|ms| summary.start_ms >= ms)
        && query
            .started_before_ms
            .is_none_or(|ms| summary.start_ms < ms)
        && query
            .name_prefix
            .as_ref()
            .is_none_or(|prefix| name.starts_with(&**prefix))
}
