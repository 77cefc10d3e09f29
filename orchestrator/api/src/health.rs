//! Health and metrics: `/livez`, `/readyz`, `/metrics`, and the answers of a node that is still starting.

use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::rest;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::sync::Arc;

/// Their routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// What a node answers until it has reached its brokers: alive, not ready, everything else later.
pub fn starting() -> Router {
    let why = || vec!["the node is waiting for Kafka".to_owned()];
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(move || async move { readiness(&why()) }))
        .fallback(|| async {
            let message = "the node is starting; /readyz says when it can be used";
            rest::problem(&ApiError::new(ErrorCode::ServiceUnavailable, message))
        })
}

/// 200 as long as the process serves requests.
async fn live() -> Json<serde_json::Value> {
    Json(json!({"status": "live"}))
}

/// 200 when caught up and able to write; else 503 with the reasons.
async fn ready(State(app): State<Arc<App>>) -> Response {
    readiness(&app.not_ready())
}

fn readiness(reasons: &[String]) -> Response {
    if reasons.is_empty() {
        return Json(json!({"status": "ready"})).into_response();
    }
    let body = Json(json!({"status": "not ready", "reasons": reasons}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut figures = app.parts.cluster.figures();
    figures.extend(app.surveys.figures());
    let text = app.metrics.render(app.not_ready().is_empty(), figures);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
