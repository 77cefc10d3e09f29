//! Jobs over REST.

use super::body;
use super::executions::idempotency_key;
use super::query::Query;
use super::shapes::{Job, JobList, Problem};
use super::{Segment, answer, segment};
use crate::app::App;
use crate::app::error::ApiError;
use crate::app::filter::Filter;
use crate::app::jobs::NewJob;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs",
    summary = "Begins to stop, redrive or start again all executions of a filter",
    params(("Idempotency-Key" = Option<String>, Header, description = "The id of the job: repeating the request is one job")),
    request_body = body::NewJob,
    responses(
        (status = 201, description = "It is under way", body = Job),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create(State(app): State<Arc<App>>, request: Request) -> Response {
    answer("CreateJob", creation(&app, request).await)
}

#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs",
    summary = "Lists jobs, newest first",
    responses(
        (status = 200, description = "All that are remembered", body = JobList),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response {
    answer("ListJobs", listing(&app, &uri).await)
}

#[utoipa::path(
    get, path = "/v1/jobs/{job}", tag = "jobs",
    summary = "How far a job is",
    params(("job" = String, Path, description = "Id of the job")),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn describe(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("DescribeJob", description(&app, path).await)
}

#[utoipa::path(
    post, path = "/v1/jobs/{job}/cancel", tag = "jobs",
    summary = "Ends a job where it is; what it has done stays",
    params(("job" = String, Path, description = "Id of the job")),
    responses(
        (status = 200, description = "The job, which has ended", body = Job),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("CancelJob", cancellation(&app, path).await)
}

async fn creation(app: &App, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body: body::NewJob = body::read(body).await?;
    let id = idempotency_key(&parts.headers)?;
    let saved = match &body.view {
        Some(name) => Some(app.saved_view(name).await?.filter),
        None => None,
    };
    let given = body.filter.as_deref();
    let conditions: Vec<&str> = given.into_iter().chain(saved.as_deref()).collect();
    if conditions.is_empty() {
        return Err(ApiError::validation(
            "a job needs a where or a view: which executions is it about? (started >= 1970-01-01T00:00:00Z takes all)",
        ));
    }
    // Each by itself first, so that a mistake is not made good by the other.
    conditions
        .iter()
        .try_for_each(|one| Filter::parse(one).map(drop))?;
    let job = app
        .create_job(NewJob {
            id,
            action: body.action,
            filter: &conditions.join(" and "),
            error: body.error.as_deref(),
            cause: body.cause.as_deref(),
            per_second: body.per_second,
        })
        .await?;
    let location = [(header::LOCATION, format!("/v1/jobs/{}", job.id))];
    Ok((StatusCode::CREATED, location, Json(Job::of(&job))).into_response())
}

async fn listing(app: &App, uri: &Uri) -> Result<Response, ApiError> {
    Query::of(uri, &[])?;
    let jobs = app.jobs().await?;
    let jobs = jobs.iter().map(Job::of).collect();
    Ok(Json(JobList { jobs }).into_response())
}

async fn description(app: &App, path: Segment) -> Result<Response, ApiError> {
    let job = app.job(&segment(path)?).await?;
    Ok(Json(Job::of(&job)).into_response())
}

async fn cancellation(app: &App, path: Segment) -> Result<Response, ApiError> {
    let job = app.cancel_job(&segment(path)?).await?;
    Ok(Json(Job::of(&job)).into_response())
}
