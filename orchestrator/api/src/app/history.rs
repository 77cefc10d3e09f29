//! GetExecutionHistory.

use super::error::{ApiError, ErrorCode};
use super::remote::{Answer, Request};
use super::start::other_answer;
use super::{App, names};
use baton_engine::Views;
use baton_engine::recall::events_of;
use baton_machine::aws_history;
use baton_schemas::arn::ExecutionArn;
use baton_schemas::history::{Event, EventKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// Which events are wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// ARN of the execution.
    pub execution: Arc<str>,
    /// Only events after this id (before it, when reversed). Ids have no gaps, so this is a stable position.
    pub after: Option<u64>,
    /// At most this many.
    pub limit: usize,
    /// Newest first.
    pub reverse: bool,
    /// With inputs, outputs and parameters.
    pub include_data: bool,
}

/// A page of a history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HistoryPage {
    /// Events as AWS shows them.
    pub events: Vec<Value>,
    /// For [`HistoryQuery::after`] of the next page; `None` on the last.
    pub next: Option<u64>,
    /// Whether the execution had closed when this page was read, and nothing comes after it.
    #[serde(default)]
    pub is_last: bool,
}

impl App {
    /// A page of an execution's history.
    pub(crate) async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, ApiError> {
        names::check_execution_arn(&query.execution)?;
        tracing::Span::current().record("execution.arn", &*query.execution);
        match self.at_owner(&Request::History(query)).await? {
            Answer::History(page) => Ok(page),
            _ => Err(other_answer()),
        }
    }

    /// The same; an answer without events may wait up to `wait_ms` (at most [`crate::limits::WAIT_ROUND`]) for some.
    pub(crate) async fn events(
        &self,
        query: HistoryQuery,
        wait_ms: u64,
    ) -> Result<HistoryPage, ApiError> {
        names::check_execution_arn(&query.execution)?;
        match self.at_owner(&Request::Events { query, wait_ms }).await? {
            Answer::History(page) => Ok(page),
            _ => Err(other_answer()),
        }
    }
}

/// The page from this node's views.
///
/// # Errors
/// ExecutionDoesNotExist; InternalFailure when the views hold something unreadable.
pub fn page(views: &dyn Views, query: &HistoryQuery) -> Result<HistoryPage, ApiError> {
    let records = views
        .history(&query.execution)
        .ok_or_else(|| ApiError::no_execution(&query.execution))?;
    let mut events: Vec<(i64, Event)> = Vec::new();
    let mut last = 0;
    for bytes in &records {
        let read = events_of(bytes).map_err(|e| {
            let message = format!("a stored history record can't be read: {e}");
            ApiError::new(ErrorCode::InternalFailure, message)
        })?;
        for (now, event) in read {
            // Internal events have id 0; a restated execution may say again what is there already.
            if event.id > last {
                last = event.id;
                events.push((now, event));
            }
        }
    }
    let has_closed = events.iter().fold(false, |closed, (_, event)| {
        event.kind.closes() || closed && !matches!(event.kind, EventKind::ExecutionRedriven(_))
    });
    if query.reverse {
        events.reverse();
    }
    let wanted = |id: u64| match query.after {
        None => true,
        Some(after) if query.reverse => id < after,
        Some(after) => id > after,
    };
    let region = ExecutionArn::parse(&query.execution).map_or("", |arn| arn.region);
    let mut page = HistoryPage {
        events: Vec::new(),
        next: None,
        is_last: false,
    };
    let mut at = None;
    for (now, event) in events.iter().filter(|(_, event)| wanted(event.id)) {
        if page.events.len() == query.limit {
            page.next = at;
            break;
        }
        at = Some(event.id);
        page.events
            .extend(aws_history::to_aws(event, *now, region, query.include_data));
    }
    page.is_last = page.next.is_none() && has_closed;
    Ok(page)
}
