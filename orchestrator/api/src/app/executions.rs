//! DescribeExecution, and reading what the views keep of one execution.

use super::error::ApiError;
use super::remote::{Answer, Request};
use super::start::other_answer;
use super::{App, names};
use baton_engine::Views;
use baton_engine::recall::events_of;
use baton_engine::search::Findable;
use baton_machine::Status;
use baton_schemas::Payload;
use baton_schemas::history::{EventKind, Failure};
use baton_schemas::parent::Parent;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One execution as DescribeExecution shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExecutionView {
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
    /// Input.
    pub input: Option<Payload>,
    /// Output, if it succeeded.
    pub output: Option<Payload>,
    /// Error and cause, if it did not.
    pub failure: Failure,
    /// Trace context.
    pub traceparent: Option<Arc<str>>,
    /// Version, or alias and version, that was named at the start.
    #[serde(default)]
    pub qualifier: Option<Arc<str>>,
    /// The execution that started it, if one did.
    #[serde(default)]
    pub parent: Option<Box<Parent>>,
    /// How often it was redriven.
    #[serde(default)]
    pub redrive_count: u32,
    /// When last, milliseconds since the epoch.
    #[serde(default)]
    pub redrive_ms: Option<i64>,
    /// Since when it is paused, if it is, milliseconds since the epoch.
    #[serde(default)]
    pub paused_ms: Option<i64>,
    /// Id of its last event.
    #[serde(default)]
    pub last_id: u64,
    /// What else it is found by.
    #[serde(default)]
    pub findable: Findable,
}

impl Default for ExecutionView {
    /// Nothing known yet.
    fn default() -> Self {
        let nothing: Arc<str> = "".into();
        Self {
            execution: nothing.clone(),
            machine: nothing.clone(),
            revision: 0,
            status: nothing,
            start_ms: 0,
            stop_ms: None,
            input: None,
            output: None,
            failure: Failure::default(),
            traceparent: None,
            qualifier: None,
            redrive_count: 0,
            redrive_ms: None,
            paused_ms: None,
            last_id: 0,
            findable: Findable::default(),
            parent: None,
        }
    }
}

impl App {
    /// One execution.
    pub(crate) async fn describe(&self, execution: &str) -> Result<ExecutionView, ApiError> {
        self.described(Request::Describe {
            execution: execution.into(),
        })
        .await
    }

    /// The same when it has closed, or after `wait_ms` (at most [`crate::limits::WAIT_ROUND`]) as it stands then.
    pub(crate) async fn outcome(
        &self,
        execution: &str,
        wait_ms: u64,
    ) -> Result<ExecutionView, ApiError> {
        self.described(Request::Outcome {
            execution: execution.into(),
            wait_ms,
        })
        .await
    }

    async fn described(&self, request: Request) -> Result<ExecutionView, ApiError> {
        let execution = request.execution().unwrap_or_default();
        names::check_execution_arn(execution)?;
        tracing::Span::current().record("execution.arn", execution);
        match self.at_owner(&request).await? {
            Answer::Execution(view) => Ok(*view),
            _ => Err(other_answer()),
        }
    }
}

/// What this node's views have of an execution: the summary, and from its first and last record input and result.
pub fn view(views: &dyn Views, execution: &str) -> Option<ExecutionView> {
    let summary = views.describe(execution)?;
    let records = views.history(execution).unwrap_or_default();
    let mut view = ExecutionView {
        execution: summary.execution,
        machine: summary.machine,
        revision: summary.revision,
        status: summary.status.as_str().into(),
        start_ms: summary.start_ms,
        stop_ms: summary.stop_ms,
        redrive_count: summary.redrives.count,
        redrive_ms: summary.redrives.last_ms,
        findable: summary.findable,
        ..ExecutionView::default()
    };
    let first = records.first().map(|bytes| events_of(bytes));
    let last = records.last().map(|bytes| events_of(bytes));
    for (_, event) in first.into_iter().chain(last).flatten().flatten() {
        match event.kind {
            EventKind::ExecutionStarted(started) => {
                view.input = event.data;
                view.traceparent = started.traceparent;
                view.qualifier = started.qualifier;
                view.machine = started.machine;
                view.parent = started.parent;
            }
            EventKind::ExecutionSucceeded => view.output = event.data,
            EventKind::ExecutionFailed(failure)
            | EventKind::ExecutionAborted(failure)
            | EventKind::ExecutionTimedOut(failure) => view.failure = failure,
            _ => {}
        }
        view.last_id = view.last_id.max(event.id);
    }
    // What was redriven has closed before, without success.
    match summary.status {
        Status::Running => {
            (view.output, view.failure) = (None, Failure::default());
            view.paused_ms = paused_ms(&records);
        }
        Status::Succeeded => view.failure = Failure::default(),
        Status::Failed | Status::Aborted | Status::TimedOut => view.output = None,
    }
    Some(view)
}

/// Since when an open execution is paused, if it is.
fn paused_ms(records: &[Bytes]) -> Option<i64> {
    for record in records.iter().rev() {
        // Few histories hold a pause; the others need not be taken apart.
        let is_named =
            |name: &str| std::str::from_utf8(record).is_ok_and(|text| text.contains(name));
        if !is_named("\"ExecutionPaused\"") && !is_named("\"ExecutionResumed\"") {
            continue;
        }
        for (now_ms, event) in events_of(record).unwrap_or_default().into_iter().rev() {
            match event.kind {
                EventKind::ExecutionPaused => return Some(now_ms),
                EventKind::ExecutionResumed | EventKind::ExecutionRedriven(_) => return None,
                _ => {}
            }
        }
    }
    None
}

/// Version, or alias and version, that was named when an execution was started.
pub fn qualifier(views: &dyn Views, execution: &str) -> Option<Arc<str>> {
    let records = views.history(execution)?;
    let events = events_of(records.first()?).ok()?;
    match events.into_iter().next()?.1.kind {
        EventKind::ExecutionStarted(started) => started.qualifier,
        _ => None,
    }
}
