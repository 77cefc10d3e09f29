//! ListExecutions, over the partitions of all nodes.
//!
//! Each node lists what it owns; the pages are merged, newest start first. A page's cursor is the last execution shown,
//! so it means the same whoever owns what by then.

use super::error::ApiError;
use super::executions::qualifier;
use super::remote::{Answer, Request};
use super::start::EXPRESS;
use super::sync::not_supported;
use super::{App, Parts, names};
use crate::limits;
use baton_engine::search::{Condition, Findable};
use baton_engine::views::{ListQuery, Summary};
use baton_machine::Status;
use baton_schemas::partition::partition_of;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which executions are wanted; see [`ListQuery`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListRequest {
    /// Of this machine (ARN).
    pub machine: Option<Arc<str>>,
    /// Children of this map run (ARN).
    #[serde(default)]
    pub map_run: Option<Arc<str>>,
    /// Started as this version, or through this alias: `3`, `live`.
    #[serde(default)]
    pub qualifier: Option<Arc<str>>,
    /// With this status.
    pub status: Option<Arc<str>>,
    /// Redriven, or never redriven.
    #[serde(default)]
    pub redriven: Option<bool>,
    /// Started at or after, milliseconds since the epoch.
    pub from_ms: Option<i64>,
    /// Started before.
    pub before_ms: Option<i64>,
    /// Name begins with this.
    pub name_prefix: Option<Arc<str>>,
    /// All of these hold of it.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// At most this many.
    pub limit: usize,
    /// Only what comes after this: `(start_ms, ARN)`.
    pub after: Option<(i64, Arc<str>)>,
}

/// One execution of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// ARN.
    pub execution: Arc<str>,
    /// ARN of its machine.
    pub machine: Arc<str>,
    /// Revision of its definition.
    pub revision: u64,
    /// `RUNNING`, `SUCCEEDED`, ...
    pub status: Arc<str>,
    /// When it started, milliseconds since the epoch.
    pub start_ms: i64,
    /// When it closed.
    pub stop_ms: Option<i64>,
    /// Version, or alias and version, that was named at the start.
    #[serde(default)]
    pub qualifier: Option<Arc<str>>,
    /// How often it was redriven.
    #[serde(default)]
    pub redrive_count: u32,
    /// When last, milliseconds since the epoch.
    #[serde(default)]
    pub redrive_ms: Option<i64>,
    /// The map run that it is a child of.
    #[serde(default)]
    pub map_run: Option<Arc<str>>,
    /// What else it is found by.
    #[serde(default)]
    pub findable: Findable,
}

/// A page.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListAnswer {
    /// Newest start first.
    pub executions: Vec<Listed>,
    /// For [`ListRequest::after`] of the next page; `None` on the last.
    pub next: Option<(i64, Arc<str>)>,
    /// Set when a partition has no reachable owner, so that its executions are missing.
    #[serde(default)]
    pub incomplete: bool,
}

impl App {
    /// A page of executions. A machine that is named must exist.
    pub(crate) async fn list_executions(
        &self,
        request: ListRequest,
    ) -> Result<ListAnswer, ApiError> {
        if let Some(machine) = &request.machine {
            names::check_machine_arn(machine)?;
            // Express executions are nowhere but in memory.
            if &*self.existing_machine(machine).await?.entry.kind == EXPRESS {
                return Err(not_supported());
            }
        }
        let (mut urls, mut incomplete) = (BTreeSet::new(), false);
        for partition in 0..self.parts.cluster.partitions() {
            if !self.parts.cluster.owns(partition) {
                match self.parts.cluster.owner_url(partition) {
                    Some(url) if url != self.settings.url => drop(urls.insert(url)),
                    _ => incomplete = true,
                }
            }
        }
        let request = Request::List(request);
        let mut answers = vec![super::local::perform(self, &request).await?];
        let asked = urls.iter().map(|url| self.ask(url, &request));
        for (answer, url) in futures::future::join_all(asked)
            .await
            .into_iter()
            .zip(&urls)
        {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    incomplete = true;
                    tracing::warn!(node.url = %url, %error, "a list lacks the executions of a node");
                }
            }
        }
        let pages = answers.into_iter().filter_map(|answer| match answer {
            Answer::List(page) => Some(page),
            _ => None,
        });
        let Request::List(ListRequest { limit, .. }) = request else {
            return Ok(ListAnswer::default());
        };
        let mut merged = merge(pages, limit);
        merged.incomplete |= incomplete;
        Ok(merged)
    }
}

impl ListRequest {
    /// As views are asked; `None` if nothing can be wanted.
    pub fn query(&self) -> Option<ListQuery> {
        let status = match self.status.as_deref().map(status_of) {
            // AWS has a status more, PENDING_REDRIVE, in which nothing ever is here.
            Some(None) => return None,
            Some(status) => status,
            None => None,
        };
        Some(ListQuery {
            // The views have a Map's children under their run.
            machine: self.map_run.clone().or(self.machine.clone()),
            status,
            started_from_ms: self.from_ms,
            started_before_ms: self.before_ms,
            name_prefix: self.name_prefix.clone(),
            conditions: self.conditions.clone(),
            limit: self.limit,
            after: self.after.clone(),
        })
    }
}

/// The page from this node's views, without what belongs to partitions that it does not own (any more).
pub fn local_page(parts: &Parts, request: &ListRequest) -> ListAnswer {
    let partitions = parts.cluster.partitions();
    let Some(mut query) = request.query() else {
        return ListAnswer::default();
    };
    let mut answer = ListAnswer::default();
    for _ in 0..limits::LIST_ROUNDS_MAX {
        let page = parts.views.list(&query);
        query.after = page.next.filter(|_| page.more);
        for summary in page.executions {
            if answer.executions.len() == request.limit {
                return with_next(answer);
            }
            let partition = partition_of(summary.execution.as_bytes(), partitions);
            if parts.cluster.owns(partition) {
                let listed = listed(parts, summary);
                let as_redriven = request
                    .redriven
                    .is_none_or(|redriven| redriven == (listed.redrive_count > 0));
                if as_redriven
                    && is_wanted(request.qualifier.as_deref(), listed.qualifier.as_deref())
                {
                    answer.executions.push(listed);
                }
            }
        }
        if query.after.is_none() {
            return answer;
        }
        if answer.executions.len() == request.limit {
            return with_next(answer);
        }
    }
    answer.next = query.after;
    answer
}

/// Merges pages of several nodes into one.
///
/// What a node has not shown yet comes after its page's last entry; so nothing after the first such place is shown.
fn merge(pages: impl Iterator<Item = ListAnswer>, limit: usize) -> ListAnswer {
    // As the views have them: by start and then ARN, both descending.
    let key = |(start_ms, arn): &(i64, Arc<str>)| std::cmp::Reverse((*start_ms, arn.clone()));
    let mut all = Vec::new();
    let mut bound: Option<(i64, Arc<str>)> = None;
    for page in pages {
        if let Some(next) = page.next {
            bound = match bound {
                Some(old) if key(&old) <= key(&next) => Some(old),
                _ => Some(next),
            };
        }
        all.extend(page.executions);
    }
    all.sort_by_key(|e: &Listed| key(&(e.start_ms, e.execution.clone())));
    all.dedup_by(|a, b| a.execution == b.execution);
    if let Some(bound) = &bound {
        all.retain(|e| key(&(e.start_ms, e.execution.clone())) <= key(bound));
    }
    let cut = all.len() > limit;
    all.truncate(limit);
    let answer = ListAnswer {
        executions: all,
        next: bound,
        incomplete: false,
    };
    if cut { with_next(answer) } else { answer }
}

/// The page with a cursor behind its last entry.
fn with_next(mut answer: ListAnswer) -> ListAnswer {
    answer.next = answer
        .executions
        .last()
        .map(|last| (last.start_ms, last.execution.clone()));
    answer
}

/// Whether an execution was started as it is asked for; a version also if an alias led to it.
fn is_wanted(wanted: Option<&str>, found: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    found.is_some_and(|found| found.split(':').any(|part| part == wanted))
}

/// A summary as lists show it.
pub fn listed(parts: &Parts, summary: Summary) -> Listed {
    // A history is read only where there can be something to find.
    let has_versions = parts.registry.highest_version(&summary.machine) > 0;
    let qualifier = has_versions.then(|| qualifier(&*parts.views, &summary.execution));
    // A Map's child is listed under its run, which has its machine in its ARN.
    let map_run = summary.machine.contains(":mapRun:");
    let machine = match summary.machine.rsplit_once(':') {
        Some((run, _)) if map_run => run.replacen(":mapRun:", ":stateMachine:", 1),
        _ => summary.machine.to_string(),
    };
    Listed {
        qualifier: qualifier.flatten(),
        execution: summary.execution,
        machine: machine.into(),
        map_run: map_run.then_some(summary.machine.clone()),
        revision: summary.revision,
        status: summary.status.as_str().into(),
        start_ms: summary.start_ms,
        stop_ms: summary.stop_ms,
        redrive_count: summary.redrives.count,
        redrive_ms: summary.redrives.last_ms,
        findable: summary.findable,
    }
}

/// The status with this name.
pub fn status_of(text: &str) -> Option<Status> {
    [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::Aborted,
        Status::TimedOut,
    ]
    .into_iter()
    .find(|status| status.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(start_ms: i64, name: &str) -> Listed {
        Listed {
            execution: name.into(),
            machine: "m".into(),
            revision: 1,
            status: "RUNNING".into(),
            start_ms,
            stop_ms: None,
            qualifier: None,
            redrive_count: 0,
            redrive_ms: None,
            map_run: None,
            findable: Findable::default(),
        }
    }

    fn names(answer: &ListAnswer) -> Vec<&str> {
        answer.executions.iter().map(|e| &*e.execution).collect()
    }

    #[test]
    fn merging_never_passes_over_what_a_node_has_not_shown() {
        let full = ListAnswer {
            executions: vec![entry(9, "a"), entry(7, "b")],
            next: Some((7, "b".into())),
            incomplete: false,
        };
        let rest = ListAnswer {
            executions: vec![entry(8, "c"), entry(2, "d")],
            next: None,
            incomplete: false,
        };
        let merged = merge([full, rest].into_iter(), 10);
        assert_eq!(names(&merged), ["a", "c", "b"]);
        assert_eq!(merged.next, Some((7, "b".into())));
    }

    #[test]
    fn what_started_in_the_same_millisecond_is_on_one_page_or_the_next() {
        // As the views give it: the later ARN first, and a cursor behind the last shown.
        let page = ListAnswer {
            executions: vec![entry(9, "c"), entry(7, "b"), entry(7, "a")],
            next: Some((7, "a".into())),
            incomplete: false,
        };
        let merged = merge([page].into_iter(), 10);
        assert_eq!(names(&merged), ["c", "b", "a"]);
        assert_eq!(merged.next, Some((7, "a".into())));
    }

    #[test]
    fn a_merged_page_is_cut_at_the_limit() {
        let one = ListAnswer {
            executions: vec![entry(9, "a"), entry(7, "b")],
            next: None,
            incomplete: false,
        };
        let two = ListAnswer {
            executions: vec![entry(8, "c"), entry(2, "d")],
            next: None,
            incomplete: false,
        };
        let merged = merge([one, two].into_iter(), 2);
        assert_eq!(names(&merged), ["a", "c"]);
        assert_eq!(merged.next, Some((8, "c".into())));
    }
}
