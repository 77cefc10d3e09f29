//! The REST API under `/v1`.
//!
//! Owns: its routes (each in docs/http.md), JSON shapes and problem details (RFC 9457). Field names are AWS's; times are
//! RFC 3339, and payloads are JSON values, not JSON in text. Must not: decide anything.

mod body;
mod events;
mod executions;
mod machines;
mod problem;
mod query;
mod tasks;

pub use problem::problem;

use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::http::Outcome;
use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;

/// Its routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/v1/state-machines",
            get(machines::list).post(machines::create),
        )
        .route(
            "/v1/state-machines/{machine}",
            get(machines::describe)
                .put(machines::update)
                .delete(machines::delete),
        )
        .route(
            "/v1/state-machines/{machine}/executions",
            post(executions::start),
        )
        .route("/v1/executions", get(executions::list))
        .route("/v1/executions/{execution}", get(executions::describe))
        .route(
            "/v1/executions/{execution}/history",
            get(executions::history),
        )
        .route("/v1/executions/{execution}/events", get(events::stream))
        .route("/v1/executions/{execution}/stop", post(executions::stop))
        .route(
            "/v1/executions/{execution}/redrive",
            post(executions::redrive),
        )
        .route("/v1/executions/{execution}/pause", post(executions::pause))
        .route(
            "/v1/executions/{execution}/resume",
            post(executions::resume),
        )
        .route("/v1/tasks/{token}/success", post(tasks::success))
        .route("/v1/tasks/{token}/failure", post(tasks::failure))
        .route("/v1/tasks/{token}/heartbeat", post(tasks::heartbeat))
        .route("/v1/validate", post(machines::validate))
        .route("/errors/{name}", get(problem::page))
}

/// No such path.
pub async fn unknown_route(method: Method, uri: Uri) -> Response {
    let message = format!(
        "there is no {method} {}; docs/http.md lists the routes",
        uri.path()
    );
    answer("unknown", Err(ApiError::new(ErrorCode::NotFound, message)))
}

/// The path exists, the method does not.
pub async fn unknown_method(method: Method, uri: Uri) -> Response {
    let message = format!(
        "{} does not take {method}; docs/http.md lists the routes",
        uri.path()
    );
    answer(
        "unknown",
        Err(ApiError::new(ErrorCode::MethodNotAllowed, message)),
    )
}

/// The response of an operation, marked for metrics and logs.
fn answer(operation: &'static str, result: Result<Response, ApiError>) -> Response {
    let name = result.as_ref().err().map_or("ok", |e| e.code.name());
    let mut response = result.unwrap_or_else(|error| problem(&error));
    response.extensions_mut().insert(Outcome {
        protocol: "rest",
        operation,
        result: name,
    });
    response
}

/// A segment of the path, decoded.
type Segment = Result<Path<String>, PathRejection>;

fn segment(path: Segment) -> Result<String, ApiError> {
    match path {
        Ok(Path(text)) => Ok(text),
        Err(rejected) => Err(ApiError::validation(format!("the path: {rejected}"))),
    }
}
