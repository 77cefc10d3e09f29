//! `GET /v1/executions/{execution}/events`: the history as it grows, as server-sent events (WHATWG HTML, 9.2).
//!
//! Owns: the stream's form, and where it begins and ends. Any node serves it: the pages come from the owner, whichever
//! that is at the time, so a stream outlives a change of owner. An event's `id` is its id in the history; a client that
//! comes back with `Last-Event-ID` goes on behind it. Only as much is read as the client takes.

use super::executions::{execution_of, with_text_time};
use super::query::{Query, bad};
use super::shapes::Problem;
use super::{Segment, answer, segment};
use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::app::history::{HistoryPage, HistoryQuery};
use crate::limits;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// When a client is to come back after the stream ended or broke.
pub const RETRY: Duration = Duration::from_secs(1);

#[utoipa::path(
    get, path = "/v1/executions/{execution}/events", tag = "executions",
    summary = "The events of an execution as they come (server-sent events)",
    params(
        ("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME"),
        ("after" = Option<u64>, Query, description = "Begin behind the event with this id"),
        ("data" = Option<bool>, Query, description = "Whether with payloads; true if absent"),
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`; a browser sends it when it comes back"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 204, description = "Nothing will follow"),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn stream(
    State(app): State<Arc<App>>,
    path: Segment,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    answer("WatchExecution", open(app, path, &headers, &uri).await)
}

/// Answers errors as errors, with the first page read; 204 tells a client that has everything to stay away.
async fn open(
    app: Arc<App>,
    path: Segment,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Response, ApiError> {
    let execution = execution_of(&app, &segment(path)?);
    let query = Query::of(uri, &["after", "data"])?;
    let permit = permit(&app)?;
    let mut reading = Reading {
        app,
        query: HistoryQuery {
            execution: execution.into(),
            after: Some(begin(headers, &query)?),
            limit: limits::STREAM_PAGE,
            reverse: false,
            include_data: query.flag("data", true)?,
        },
        is_over: false,
        _permit: permit,
    };
    let first = reading.app.history(reading.query.clone()).await?;
    if first.events.is_empty() && first.is_last {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let begun = stream::iter([Ok(Event::default().retry(RETRY).comment("begin"))]);
    let first = stream::iter(reading.take(first));
    Ok(Sse::new(begun.chain(first).chain(following(reading))).into_response())
}

/// Room for one more stream.
///
/// # Errors
/// ThrottlingException.
pub fn permit(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    app.streams.clone().try_acquire_owned().map_err(|_| {
        let message = format!(
            "this node serves {} streams: try again later",
            limits::STREAMS_MAX
        );
        ApiError::new(ErrorCode::ThrottlingException, message)
    })
}

/// The id behind which the stream begins: of the header, else `after`, else all.
fn begin(headers: &HeaderMap, query: &Query) -> Result<u64, ApiError> {
    let header = headers
        .get("last-event-id")
        .map(|value| value.to_str().unwrap_or_default().trim());
    let (name, text) = match header.filter(|text| !text.is_empty()) {
        Some(text) => ("the header Last-Event-ID", text),
        None => ("after", query.text("after").unwrap_or("0")),
    };
    text.parse()
        .map_err(|_| bad(name, text, "the id of an event: a number from 0"))
}

/// What a stream remembers.
struct Reading {
    app: Arc<App>,
    query: HistoryQuery,
    is_over: bool,
    _permit: OwnedSemaphorePermit,
}

type Item = Result<Event, Infallible>;

/// Pages until the execution has closed or the node shuts down; a comment whenever nothing happened for a while.
fn following(reading: Reading) -> impl Stream<Item = Item> {
    stream::unfold(reading, |mut reading| async move {
        if reading.is_over || reading.app.is_draining() {
            return None;
        }
        let wait_ms = limits::WAIT_ROUND.as_millis() as u64;
        let page = reading.app.events(reading.query.clone(), wait_ms).await;
        let items = match page {
            Ok(page) => reading.take(page),
            Err(error) if is_passing(&error) => vec![alive()],
            Err(error) => {
                tracing::warn!(execution.arn = %reading.query.execution, %error, "a stream of events ends");
                return None;
            }
        };
        Some((stream::iter(items), reading))
    })
    .flatten()
}

impl Reading {
    /// The page in the stream's form; what follows begins behind it.
    fn take(&mut self, page: HistoryPage) -> Vec<Item> {
        self.is_over = page.is_last;
        let mut items = Vec::with_capacity(page.events.len());
        for event in page.events {
            let id = event.get("id").and_then(Value::as_u64).unwrap_or_default();
            self.query.after = Some(id);
            let event = with_text_time(event).to_string();
            items.push(Ok(Event::default().id(id.to_string()).data(event)));
        }
        if items.is_empty() && !self.is_over {
            items.push(alive());
        }
        items
    }
}

/// Nobody owns the partition at the moment, or the owner is busy: it will pass.
fn is_passing(error: &ApiError) -> bool {
    matches!(
        error.code,
        ErrorCode::ServiceUnavailable | ErrorCode::ThrottlingException | ErrorCode::NotOwner
    )
}

fn alive() -> Item {
    Ok(Event::default().comment("alive"))
}
