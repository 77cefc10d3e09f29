//! Calls from other nodes: `POST /internal/v1/calls`.
//!
//! Owns: their way in. A call that is not for a partition of this node is refused, never passed on. The route trusts
//! its callers: whoever reaches a node's port may use the API anyway.

use crate::app::error::{ApiError, ErrorCode};
use crate::app::remote::{self, Request as Asked};
use crate::app::{App, local};
use crate::http;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Answers one call of another node.
pub async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let result = answer(&app, request).await;
    let Err(error) = &result else {
        return Json(result).into_response();
    };
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let marked = [(remote::ERROR_HEADER, error.code.name())];
    (status, marked, Json(&result)).into_response()
}

async fn answer(app: &App, request: Request) -> remote::Result<remote::Answer> {
    let body = http::body(request.into_body()).await?;
    let asked: Asked = serde_json::from_slice(&body).map_err(|e| {
        let message = format!("not a call of this version: {e}");
        ApiError::new(ErrorCode::SerializationException, message)
    })?;
    local::perform(app, &asked).await
}
