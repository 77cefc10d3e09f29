//! Executions over REST.

use super::body;
use super::filter;
use super::machines::arn_of;
use super::query::{Query, bad};
use super::shapes::{
    Described, ExecutionList, History, Listed, Paused, Problem, Redriven, Started, Stopped,
};
use super::{Segment, answer, segment};
use crate::app::error::ApiError;
use crate::app::executions::ExecutionView;
use crate::app::history::HistoryQuery;
use crate::app::list::{self, ListRequest};
use crate::app::redrive::redrive_status;
use crate::app::start::StartInput;
use crate::app::{App, cursor, names};
use crate::http::Caller;
use crate::limits;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use baton_engine::search::{AttributeValue, Findable};
use baton_schemas::Payload;
use baton_schemas::arn::{ExecutionArn, execution_arn};
use baton_schemas::history::Failure;
use baton_schemas::time::rfc3339;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[utoipa::path(
    post, path = "/v1/state-machines/{machine}/executions", tag = "executions",
    summary = "Starts an execution; the same name and input is the same start",
    params(
        ("machine" = String, Path, description = "Name or ARN of the state machine"),
        ("Idempotency-Key" = Option<String>, Header, description = "The name of the execution, if the body has none: repeating the request is one start"),
    ),
    request_body = Option<body::Start>,
    responses(
        (status = 201, description = "It runs", body = Started),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
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

#[utoipa::path(
    post, path = "/v1/executions/{execution}/stop", tag = "executions",
    summary = "Stops an execution",
    params(
        ("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME"),
    ),
    request_body = Option<body::Failure>,
    responses(
        (status = 200, description = "It is stopped", body = Stopped),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stop(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("StopExecution", stopping(&app, path, request).await)
}

#[utoipa::path(
    post, path = "/v1/executions/{execution}/redrive", tag = "executions",
    summary = "Lets an execution that did not succeed go on where it was",
    params(
        ("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME"),
    ),
    responses(
        (status = 200, description = "It runs again", body = Redriven),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn redrive(State(app): State<Arc<App>>, path: Segment, headers: HeaderMap) -> Response {
    answer("RedriveExecution", redriving(&app, path, &headers).await)
}

#[utoipa::path(
    post, path = "/v1/executions/{execution}/pause", tag = "executions",
    summary = "Pauses an execution: nothing is scheduled and no timer fires",
    params(
        ("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME"),
    ),
    responses(
        (status = 200, description = "It is paused", body = Paused),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn pause(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("PauseExecution", pausing(&app, path, true).await)
}

#[utoipa::path(
    post, path = "/v1/executions/{execution}/resume", tag = "executions",
    summary = "Lets a paused execution go on",
    params(
        ("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME"),
    ),
    responses(
        (status = 200, description = "It goes on", body = Paused),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resume(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("ResumeExecution", pausing(&app, path, false).await)
}

#[utoipa::path(
    get, path = "/v1/executions/{execution}", tag = "executions",
    summary = "Describes an execution; with `wait`, once it has closed",
    params(
        ("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME"),
        ("wait" = Option<u32>, Query, description = "Seconds, at most 60, that the answer may wait for its end"),
    ),
    responses(
        (status = 200, description = "The execution", body = Described),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn describe(State(app): State<Arc<App>>, path: Segment, uri: Uri) -> Response {
    answer("DescribeExecution", description(&app, path, &uri).await)
}

#[utoipa::path(
    get, path = "/v1/executions/{execution}/history", tag = "executions",
    summary = "The events of an execution, as AWS records them",
    params(
        ("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME"),
        ("limit" = Option<u32>, Query, description = "How many at most, 1 to 1,000; 100 if absent"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("reverse" = Option<bool>, Query, description = "Last event first"),
        ("data" = Option<bool>, Query, description = "Whether with payloads; true if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = History),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn history(State(app): State<Arc<App>>, path: Segment, uri: Uri) -> Response {
    answer("GetExecutionHistory", events(&app, path, &uri).await)
}

#[utoipa::path(
    get, path = "/v1/executions", tag = "executions",
    summary = "Lists executions, newest start first",
    params(
        ("machine" = Option<String>, Query, description = "Of this state machine: name or ARN"),
        ("status" = Option<String>, Query, description = "RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED"),
        ("from" = Option<String>, Query, description = "Started at or after this time (RFC 3339)"),
        ("before" = Option<String>, Query, description = "Started before this time (RFC 3339)"),
        ("name_prefix" = Option<String>, Query, description = "Name begins with this"),
        ("error" = Option<String>, Query, description = "Ended with this error; `Card.*` for all that begin so"),
        ("where" = Option<String>, Query, description = "Conditions, such as `status = FAILED and customer = 'c-1' and total >= 100`; names are machine, status, name, started, error and search attributes. `attr.NAME=VALUE` is a condition too"),
        ("view" = Option<String>, Query, description = "Name of a saved view: what it says holds too"),
        ("limit" = Option<u32>, Query, description = "How many at most, 1 to 1,000; 100 if absent"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = ExecutionList),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
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
    let body = Started {
        execution_arn: started.execution.to_string(),
        name: name_of(&started.execution).to_owned(),
        start_date: rfc3339(started.start_ms),
    };
    let location = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, location, Json(body)).into_response())
}

/// The key names the execution, so repeating a request is one start.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
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
    let stop_date = rfc3339(stop_ms);
    Ok(Json(Stopped { stop_date }).into_response())
}

async fn redriving(app: &App, path: Segment, headers: &HeaderMap) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let token = idempotency_key(headers)?;
    let redrive_ms = app.redrive(&execution, token).await?;
    let redrive_date = rfc3339(redrive_ms);
    Ok(Json(Redriven { redrive_date }).into_response())
}

async fn pausing(app: &App, path: Segment, paused: bool) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let paused_ms = app.pause(&execution, paused).await?;
    Ok(Json(Paused {
        paused,
        paused_date: paused_ms.map(rfc3339),
    })
    .into_response())
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
    Ok(Json(History {
        events: page.events.into_iter().map(with_text_time).collect(),
        next_cursor: page.next.map(|next| cursor::encode(&next)),
    })
    .into_response())
}

async fn listing(app: &App, uri: &Uri) -> Result<Response, ApiError> {
    let mut known = filter::PARAMETERS.to_vec();
    known.extend([filter::ATTRIBUTE, "limit", "cursor"]);
    let query = Query::of(uri, &known)?;
    let page = app
        .list_executions(ListRequest {
            limit: query.limit()?,
            after: query.cursor()?,
            ..filter::filter_of(app, &query).await?.request(app)
        })
        .await?;
    Ok(Json(ExecutionList {
        executions: page.executions.iter().map(listed).collect(),
        next_cursor: page.next.map(|next| cursor::encode(&next)),
        incomplete: page.incomplete,
    })
    .into_response())
}

/// An execution as lists show it.
pub(super) fn listed(execution: &list::Listed) -> Listed {
    Listed {
        execution_arn: execution.execution.to_string(),
        state_machine_arn: execution.machine.to_string(),
        name: name_of(&execution.execution).to_owned(),
        revision: execution.revision,
        status: execution.status.to_string(),
        start_date: rfc3339(execution.start_ms),
        stop_date: execution.stop_ms.map(rfc3339),
        redrive_count: execution.redrive_ms.map(|_| execution.redrive_count),
        redrive_date: execution.redrive_ms.map(rfc3339),
        error: execution.findable.error.as_deref().map(Into::into),
        search_attributes: attributes_of(&execution.findable),
    }
}

/// Search attributes as JSON values; times are RFC 3339.
pub(super) fn attributes_of(findable: &Findable) -> Map<String, Value> {
    let value = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => Value::from(&**text),
        AttributeValue::Number(number) => Value::from(number.get()),
        AttributeValue::Boolean(is) => Value::from(*is),
        AttributeValue::Time(ms) => Value::from(rfc3339(*ms)),
    };
    let attributes = findable.attributes.iter();
    attributes
        .map(|(name, found)| (name.to_string(), value(found)))
        .collect()
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
            search_attributes: attributes_of(&view.findable),
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

pub(super) fn name_of(execution: &str) -> &str {
    ExecutionArn::parse(execution).map_or(execution, |arn| arn.name)
}
