//! Saved views over REST.

use super::body;
use super::query::Query;
use super::shapes::{Problem, SavedView, SavedViewList};
use super::{Segment, answer, segment};
use crate::app::App;
use crate::app::error::ApiError;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

#[utoipa::path(
    get, path = "/v1/views", tag = "saved views",
    summary = "Lists saved views by name",
    responses(
        (status = 200, description = "All of them", body = SavedViewList),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response {
    answer("ListViews", listing(&app, &uri).await)
}

#[utoipa::path(
    put, path = "/v1/views/{view}", tag = "saved views",
    summary = "Saves a filter of executions under a name",
    params(("view" = String, Path, description = "Name of the view")),
    request_body = body::SavedView,
    responses(
        (status = 200, description = "As it is now", body = SavedView),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("PutView", saving(&app, path, request).await)
}

#[utoipa::path(
    get, path = "/v1/views/{view}", tag = "saved views",
    summary = "Describes a saved view",
    params(("view" = String, Path, description = "Name of the view")),
    responses(
        (status = 200, description = "The view", body = SavedView),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn describe(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("DescribeView", description(&app, path).await)
}

#[utoipa::path(
    delete, path = "/v1/views/{view}", tag = "saved views",
    summary = "Deletes a saved view",
    params(("view" = String, Path, description = "Name of the view")),
    responses(
        (status = 204, description = "There is none now"),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("DeleteView", deletion(&app, path).await)
}

async fn listing(app: &App, uri: &Uri) -> Result<Response, ApiError> {
    Query::of(uri, &[])?;
    let views = app.saved_views().await?;
    let views = views.iter().map(SavedView::of).collect();
    Ok(Json(SavedViewList { views }).into_response())
}

async fn saving(app: &App, path: Segment, request: Request) -> Result<Response, ApiError> {
    let name = segment(path)?;
    let body: body::SavedView = body::read(request.into_body()).await?;
    let description = body.description.unwrap_or_default();
    let saved = app.save_view(&name, &body.filter, &description).await?;
    Ok(Json(SavedView::of(&saved)).into_response())
}

async fn description(app: &App, path: Segment) -> Result<Response, ApiError> {
    let view = app.saved_view(&segment(path)?).await?;
    Ok(Json(SavedView::of(&view)).into_response())
}

async fn deletion(app: &App, path: Segment) -> Result<Response, ApiError> {
    app.delete_saved_view(&segment(path)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
