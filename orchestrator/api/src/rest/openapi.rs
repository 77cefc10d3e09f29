//! The OpenAPI 3.1 document of the REST API, and a page to read and try it with.
//!
//! Owns: the document's head and the two routes. What it says of a route stands at the route's handler, and a route can't
//! be served without it: `routes!` takes both from there.

use super::shapes::Problem;
use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi;

/// The page: one file without anything from elsewhere.
const PAGE: &str = include_str!("docs.html");
/// Nothing but this server is asked for anything.
const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// The document's head.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Baton",
        description = "Workflows on your own Kafka. Names in paths may be ARNs, percent-encoded. Errors are problem \
                       details (RFC 9457) whose `type` leads to what they mean.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Problem)),
    tags(
        (name = "state machines", description = "Definitions"),
        (name = "executions", description = "Runs of a state machine"),
        (name = "tasks", description = "Answers of workers without Kafka"),
        (name = "workers", description = "Who does the work"),
        (name = "about", description = "Errors"),
    )
)]
pub struct Document;

/// `/openapi.json` and `/docs`.
pub fn routes<S: Clone + Send + Sync + 'static>(document: utoipa::openapi::OpenApi) -> Router<S> {
    let text = document.to_json().unwrap_or_default();
    let json = move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    };
    Router::new()
        .route("/openapi.json", get(json))
        .route("/docs", get(page))
}

async fn page() -> impl IntoResponse {
    let policy = HeaderName::from_static("content-security-policy");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (policy, POLICY),
    ];
    (headers, PAGE)
}
