//! The REST API under `/v1`.
//!
//! Owns: its routes (each in docs/http.md), JSON shapes and problem details (RFC 9457). Field names are AWS's; times are
//! RFC 3339, and payloads are JSON values, not JSON in text. Must not: decide anything.

mod body;
mod changes;
mod events;
mod executions;
mod filter;
mod jobs;
mod machines;
mod openapi;
mod problem;
mod query;
mod queues;
mod saved_views;
mod shapes;
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
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Its routes; each says of itself what the OpenAPI document has.
pub fn routes() -> Router<Arc<App>> {
    let (router, document) = documented().split_for_parts();
    router.merge(openapi::routes(document))
}

fn documented() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(machines::list, machines::create))
        .routes(routes!(
            machines::describe,
            machines::update,
            machines::delete
        ))
        .routes(routes!(machines::validate))
        .routes(routes!(executions::start))
        .routes(routes!(executions::list))
        .routes(routes!(executions::describe))
        .routes(routes!(executions::history))
        .routes(routes!(queues::why))
        .routes(routes!(queues::list))
        .routes(routes!(events::stream))
        .routes(routes!(changes::stream))
        .routes(routes!(executions::stop))
        .routes(routes!(executions::redrive))
        .routes(routes!(executions::pause))
        .routes(routes!(executions::resume))
        .routes(routes!(saved_views::list))
        .routes(routes!(
            saved_views::put,
            saved_views::describe,
            saved_views::delete
        ))
        .routes(routes!(jobs::list, jobs::create))
        .routes(routes!(jobs::describe))
        .routes(routes!(jobs::cancel))
        .routes(routes!(tasks::success))
        .routes(routes!(tasks::failure))
        .routes(routes!(tasks::heartbeat))
        .routes(routes!(problem::page))
}

/// No such path.
pub async fn unknown_route(method: Method, uri: Uri) -> Response {
    let message = format!(
        "there is no {method} {}; /docs on this port lists the routes",
        uri.path()
    );
    answer("unknown", Err(ApiError::new(ErrorCode::NotFound, message)))
}

/// The path exists, the method does not.
pub async fn unknown_method(method: Method, uri: Uri) -> Response {
    let message = format!(
        "{} does not take {method}; /docs on this port lists the routes",
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
