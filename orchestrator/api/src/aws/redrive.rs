//! Redrive and Map Runs in AWS's shapes. There are no Map Runs yet, and AWS's own errors say so.

use super::params::Params;
use super::seconds;
use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::limits;
use serde_json::{Value, json};

pub async fn redrive(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    let token = params.text("clientToken", 1, 64)?;
    params.finish()?;
    let redrive_ms = app.redrive(arn, token).await?;
    Ok(json!({"redriveDate": seconds(redrive_ms)}))
}

pub fn describe_map_run(mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("mapRunArn", 1, 2_000)?;
    params.finish()?;
    Err(no_map_run(arn))
}

pub fn update_map_run(mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("mapRunArn", 1, 2_000)?;
    params.number("maxConcurrency", 0, i64::MAX)?;
    params.number("toleratedFailureCount", 0, i64::MAX)?;
    params.finish()?;
    Err(no_map_run(arn))
}

pub async fn list_map_runs(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    params.text("nextToken", 1, 1_024)?;
    params.finish()?;
    app.describe(arn).await?;
    Ok(json!({"mapRuns": []}))
}

fn no_map_run(arn: &str) -> ApiError {
    ApiError::new(
        ErrorCode::ResourceNotFound,
        format!("Resource not found: '{arn}'"),
    )
}
