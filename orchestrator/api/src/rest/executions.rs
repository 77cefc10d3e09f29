//! Executions over REST.

use super::body;
use super::machines::arn_of;
use super::query::{Query, bad};
use super::{Segment, answer, segment};
use crate::app::error::ApiError;
use crate::app::executions::ExecutionView;
use crate::app::history::HistoryQuery;
use crate::app::list::{ListRequest, Listed, status_of};
use crate::app::redrive::redrive_status;
use crate::app::start::StartInput;
use crate::app::{App, cursor, names};
use crate::http::Caller;
use crate::limits;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use baton_schemas::Payload;
use baton_schemas::arn::{ExecutionArn, execution_arn};
use baton_schemas::history::Failure;
use baton_schemas::time::rfc3339;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub async fn start(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    path: Segment,
    request: Request,
) -> Response {
    answer(
        "StartExecution",
        starting(&app, &caller, path, request).await,
    )
}

pub async fn stop(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("StopExecution", stopping(&app, path, request).await)
}

pub async fn redrive(State(app): State<Arc<App>>, path: Segment, headers: HeaderMap) -> Response {
    answer("RedriveExecution", redriving(&app, path, &headers).await)
}

pub async fn pause(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("PauseExecution", pausing(&app, path, true).await)
}

pub async fn resume(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("ResumeExecution", pausing(&app, path, false).await)
}

pub async fn describe(State(app): State<Arc<App>>, path: Segment, uri: Uri) -> Response {
    answer("DescribeExecution", description(&app, path, &uri).await)
}

pub async fn history(State(app): State<Arc<App>>, path: Segment, uri: Uri) -> Response {
    answer("GetExecutionHistory", events(&app, path, &uri).await)
}

pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response {
    answer("ListExecutions", listing(&app, &uri).await)
}

async fn starting(
    app: &App,
    caller: &Caller,
    path: Segment,
    request: Request,
) -> Result<Response, ApiError> {
    let machine = arn_of(app, &segment(path)?);
    let (parts, body) = request.into_parts();
    let body: body::Start = body::read_or_default(body).await?;
    let key = idempotency_key(&parts.headers)?;
    let started = app
        .start(StartInput {
            machine: &machine,
            name: body.name.as_deref().or(key),
            input: body.input.as_ref().map(Payload::as_str),
            traceparent: caller.traceparent.clone(),
        })
        .await?;
    let location = format!("/v1/executions/{}", started.execution);
    let body = json!({
        "executionArn": started.execution,
        "name": name_of(&started.execution),
        "startDate": rfc3339(started.start_ms),
    });
    let location = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, location, Json(body)).into_response())
}

/// The key names the execution, so repeating a request is one start.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
    names::check_name(text).map_err(|_| {
        let expected = "1 to 80 characters that may stand in the name of an execution";
        bad("the header Idempotency-Key", text, expected)
    })?;
    Ok(Some(text))
}

async fn stopping(app: &App, path: Segment, request: Request) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let body: body::Failure = body::read_or_default(request.into_body()).await?;
    let failure = Failure {
        error: body.error.map(Into::into),
        cause: body.cause.map(Into::into),
    };
    let stop_ms = app.stop(&execution, failure).await?;
    Ok(Json(json!({"stopDate": rfc3339(stop_ms)})).into_response())
}

async fn redriving(app: &App, path: Segment, headers: &HeaderMap) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let token = idempotency_key(headers)?;
    let redrive_ms = app.redrive(&execution, token).await?;
    Ok(Json(json!({"redriveDate": rfc3339(redrive_ms)})).into_response())
}

async fn pausing(app: &App, path: Segment, paused: bool) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let mut body = json!({"paused": paused});
    if let Some(since_ms) = app.pause(&execution, paused).await? {
        body["pausedDate"] = rfc3339(since_ms).into();
    }
    Ok(Json(body).into_response())
}

async fn description(app: &App, path: Segment, uri: &Uri) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let wait = wait_of(&Query::of(uri, &["wait"])?)?;
    let deadline = Instant::now() + wait;
    let mut view = app.describe(&execution).await?;
    while view.stop_ms.is_none() && !app.is_draining() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        view = app.outcome(&execution, left.as_millis() as u64).await?;
    }
    Ok(Json(Described::of(&view)).into_response())
}

/// `wait`: how long the answer may wait for the end of the execution.
fn wait_of(query: &Query) -> Result<Duration, ApiError> {
    let text = query.text("wait").unwrap_or("0");
    match text.parse() {
        Ok(seconds) if seconds <= limits::WAIT_S_MAX => Ok(Duration::from_secs(seconds)),
        _ => {
            let expected = format!("seconds, a whole number from 0 to {}", limits::WAIT_S_MAX);
            Err(bad("wait", text, &expected))
        }
    }
}

/// The ARN of an execution that is given by its ARN, or as `MACHINE:NAME` for a machine of this Baton.
pub(super) fn execution_of(app: &App, given: &str) -> String {
    match given.split_once(':') {
        Some((machine, name)) if machine != "arn" => {
            let arn = execution_arn(&app.machine_arn(machine), name);
            arn.map_or_else(|| given.to_owned(), |arn| arn.to_string())
        }
        _ => given.to_owned(),
    }
}

async fn events(app: &App, path: Segment, uri: &Uri) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let query = Query::of(uri, &["limit", "cursor", "reverse", "data"])?;
    let page = app
        .history(HistoryQuery {
            execution: execution.into(),
            after: query.cursor()?,
            limit: query.limit()?,
            reverse: query.flag("reverse", false)?,
            include_data: query.flag("data", true)?,
        })
        .await?;
    let events: Vec<Value> = page.events.into_iter().map(with_text_time).collect();
    let mut body = json!({"events": events});
    if let Some(next) = page.next {
        body["nextCursor"] = cursor::encode(&next).into();
    }
    Ok(Json(body).into_response())
}

async fn listing(app: &App, uri: &Uri) -> Result<Response, ApiError> {
    let known = [
        "machine",
        "status",
        "from",
        "before",
        "name_prefix",
        "limit",
        "cursor",
        "stateMachine",
    ];
    let query = Query::of(uri, &known)?;
    let machine = query.text("machine").or(query.text("stateMachine"));
    let status = query.text("status");
    if let Some(status) = status.filter(|status| status_of(status).is_none()) {
        let expected = "RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED";
        return Err(bad("status", status, expected));
    }
    let page = app
        .list_executions(ListRequest {
            qualifier: None,
            machine: machine.map(|machine| arn_of(app, machine)),
            status: status.map(Into::into),
            redriven: None,
            from_ms: query.time("from")?,
            before_ms: query.time("before")?,
            name_prefix: query.text("name_prefix").map(Into::into),
            limit: query.limit()?,
            after: query.cursor()?,
        })
        .await?;
    let executions: Vec<Value> = page.executions.iter().map(listed).collect();
    let mut body = json!({"executions": executions});
    if let Some(next) = page.next {
        body["nextCursor"] = cursor::encode(&next).into();
    }
    if page.incomplete {
        body["incomplete"] = true.into();
    }
    Ok(Json(body).into_response())
}

fn listed(execution: &Listed) -> Value {
    let mut item = json!({
        "executionArn": execution.execution,
        "stateMachineArn": execution.machine,
        "name": name_of(&execution.execution),
        "revision": execution.revision,
        "status": execution.status,
        "startDate": rfc3339(execution.start_ms),
    });
    if let Some(stop_ms) = execution.stop_ms {
        item["stopDate"] = rfc3339(stop_ms).into();
    }
    if let Some(redrive_ms) = execution.redrive_ms {
        item["redriveCount"] = execution.redrive_count.into();
        item["redriveDate"] = rfc3339(redrive_ms).into();
    }
    item
}

/// One execution; payloads are written as they are, without being parsed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described<'a> {
    execution_arn: &'a str,
    state_machine_arn: &'a str,
    name: &'a str,
    revision: u64,
    status: &'a str,
    start_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Payload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<String>,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<&'static str>,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_date: Option<String>,
}

impl<'a> Described<'a> {
    fn of(view: &'a ExecutionView) -> Self {
        let (redrive_status, redrive_status_reason) = redrive_status(view);
        Self {
            execution_arn: &view.execution,
            state_machine_arn: &view.machine,
            name: name_of(&view.execution),
            revision: view.revision,
            status: &view.status,
            start_date: rfc3339(view.start_ms),
            stop_date: view.stop_ms.map(rfc3339),
            input: view.input.as_ref(),
            output: view.output.as_ref(),
            error: view.failure.error.as_deref(),
            cause: view.failure.cause.as_deref(),
            traceparent: view.traceparent.as_deref(),
            redrive_count: view.redrive_count,
            redrive_date: view.redrive_ms.map(rfc3339),
            redrive_status,
            redrive_status_reason,
            paused: view.paused_ms.is_some(),
            paused_date: view.paused_ms.map(rfc3339),
        }
    }
}

/// The event with its time as RFC 3339 instead of seconds.
pub(super) fn with_text_time(mut event: Value) -> Value {
    if let Some(seconds) = event.get("timestamp").and_then(Value::as_f64) {
        event["timestamp"] = rfc3339((seconds * 1_000.0).round() as i64).into();
    }
    event
}

fn name_of(execution: &str) -> &str {
    ExecutionArn::parse(execution).map_or(execution, |arn| arn.name)
}
