//! Callbacks of tasks over REST: for workers without Kafka.

use super::body;
use super::shapes::Problem;
use super::{Segment, answer, segment};
use crate::app::App;
use crate::app::error::ApiError;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use baton_schemas::history::Failure;
use std::sync::Arc;

#[utoipa::path(
    post, path = "/v1/tasks/{token}/success", tag = "tasks",
    summary = "A task has succeeded",
    params(
        ("token" = String, Path, description = "Token of the task"),
    ),
    request_body = body::Success,
    responses(
        (status = 204, description = "Done"),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn success(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("SendTaskSuccess", succeeded(&app, path, request).await)
}

#[utoipa::path(
    post, path = "/v1/tasks/{token}/failure", tag = "tasks",
    summary = "A task has failed",
    params(
        ("token" = String, Path, description = "Token of the task"),
    ),
    request_body = Option<body::Failure>,
    responses(
        (status = 204, description = "Done"),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn failure(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("SendTaskFailure", failed(&app, path, request).await)
}

#[utoipa::path(
    post, path = "/v1/tasks/{token}/heartbeat", tag = "tasks",
    summary = "A task is being worked on",
    params(
        ("token" = String, Path, description = "Token of the task"),
    ),
    request_body = Option<body::Nothing>,
    responses(
        (status = 204, description = "Done"),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn heartbeat(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("SendTaskHeartbeat", beaten(&app, path, request).await)
}

async fn succeeded(app: &App, path: Segment, request: Request) -> Result<Response, ApiError> {
    let token = segment(path)?;
    let body: body::Success = body::read(request.into_body()).await?;
    app.succeed_task(&token, body.output.as_str()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn failed(app: &App, path: Segment, request: Request) -> Result<Response, ApiError> {
    let token = segment(path)?;
    let body: body::Failure = body::read_or_default(request.into_body()).await?;
    let failure = Failure {
        error: body.error.map(Into::into),
        cause: body.cause.map(Into::into),
    };
    app.fail_task(&token, failure).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn beaten(app: &App, path: Segment, request: Request) -> Result<Response, ApiError> {
    let token = segment(path)?;
    let _: body::Nothing = body::read_or_default(request.into_body()).await?;
    app.heartbeat_task(&token).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
