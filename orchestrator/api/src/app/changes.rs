//! Changes of all executions that a filter takes, as they become effective.
//!
//! Owns: what a change is, and asking one node for those of its partitions. Who reads them all asks every node, and takes
//! each partition's in order. Must not: keep anything; [`crate::recent`] does.

use super::error::ApiError;
use super::list::{self, ListRequest, Listed};
use super::{App, Parts, blocking};
use crate::limits;
use crate::recent::{Found, Offsets, Step};
use baton_engine::recall::events_of;
use baton_engine::views::ListQuery;
use baton_machine::{Status, aws_history};
use baton_schemas::arn::ExecutionArn;
use baton_schemas::history::EventKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Which changes are wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangesQuery {
    /// What the reader has seen.
    pub seen: Offsets,
    /// Of which executions: as for a list, without its page.
    pub filter: ListRequest,
    /// With inputs, outputs and parameters.
    pub include_data: bool,
}

/// Some changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangesPage {
    /// In order for each partition.
    pub changes: Vec<Changed>,
    /// What the reader has seen when it has these.
    pub seen: Offsets,
    /// Partitions of which changes before these are no longer at hand.
    pub lost: Vec<i32>,
}

/// One step of one execution.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changed {
    /// Its history partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The execution, with its status after this step.
    pub execution: Listed,
    /// The events, as AWS shows them.
    pub events: Vec<Value>,
}

/// Changes of this node's partitions; if there are none, they are waited for, for at most `wait_ms`.
///
/// # Errors
/// InternalFailure.
pub async fn local(app: &App, query: &ChangesQuery, wait_ms: u64) -> Result<ChangesPage, ApiError> {
    let deadline = Instant::now() + Duration::from_millis(wait_ms).min(limits::WAIT_ROUND);
    let recent = app.parts.watches.recent();
    let mut grown = recent.watch();
    let mut query = query.clone();
    loop {
        grown.mark_unchanged();
        let owned: Vec<i32> = (0..app.parts.cluster.partitions())
            .filter(|partition| app.parts.cluster.owns(*partition))
            .collect();
        let found = recent.behind(&owned, &query.seen, limits::CHANGES_EXAMINED);
        let is_more = found.steps.len() == limits::CHANGES_EXAMINED;
        let begins = found.seen.keys().any(|p| !query.seen.contains_key(p));
        let parts = app.parts.clone();
        let wanted = query.clone();
        let page = blocking(move || page(&parts, &wanted, found)).await?;
        let is_enough = begins || !page.changes.is_empty() || !page.lost.is_empty();
        if is_enough || Instant::now() >= deadline || app.is_draining() {
            return Ok(page);
        }
        query.seen.extend(page.seen);
        if is_more {
            continue;
        }
        tokio::select! {
            // The sender lives as long as the node.
            _ = grown.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = tokio::time::sleep(limits::OWNER_LOOK_EVERY) => {}
            () = app.drained() => {}
        }
    }
}

/// What the filter takes of the steps found.
fn page(parts: &Parts, query: &ChangesQuery, found: Found) -> ChangesPage {
    let taken = |wanted: ListQuery| {
        let steps = found.steps.iter();
        steps
            .filter_map(|step| changed(parts, &wanted, query.include_data, step))
            .collect()
    };
    ChangesPage {
        changes: query.filter.query().map_or_else(Vec::new, taken),
        seen: found.seen,
        lost: found.lost,
    }
}

fn changed(parts: &Parts, wanted: &ListQuery, include_data: bool, step: &Step) -> Option<Changed> {
    // The name alone decides much, before anything is looked up.
    if !wanted.names(&step.execution) {
        return None;
    }
    let mut summary = parts.views.describe(&step.execution)?;
    let events = events_of(&step.json).ok()?;
    // The views may be further than this step.
    summary.status = status_after(events.iter().map(|(_, event)| &event.kind));
    summary.stop_ms = match summary.status {
        Status::Running => None,
        _ => events.last().map(|(now_ms, _)| *now_ms),
    };
    let (status, start_ms, findable) = (summary.status, summary.start_ms, &summary.findable);
    if !wanted.takes(
        &step.execution,
        &summary.machine,
        status,
        start_ms,
        findable,
    ) {
        return None;
    }
    let region = ExecutionArn::parse(&step.execution).map_or("", |arn| arn.region);
    Some(Changed {
        partition: step.partition,
        offset: step.offset,
        events: events
            .iter()
            .filter_map(|(now_ms, event)| aws_history::to_aws(event, *now_ms, region, include_data))
            .collect(),
        execution: list::listed(parts, summary),
    })
}

/// How an execution stands after these events.
fn status_after<'a>(kinds: impl DoubleEndedIterator<Item = &'a EventKind>) -> Status {
    let ending = |kind: &EventKind| match kind {
        EventKind::ExecutionSucceeded => Some(Status::Succeeded),
        EventKind::ExecutionFailed(_) => Some(Status::Failed),
        EventKind::ExecutionAborted(_) => Some(Status::Aborted),
        EventKind::ExecutionTimedOut(_) => Some(Status::TimedOut),
        EventKind::ExecutionRedriven(_) => Some(Status::Running),
        _ => None,
    };
    kinds.rev().find_map(ending).unwrap_or(Status::Running)
}
