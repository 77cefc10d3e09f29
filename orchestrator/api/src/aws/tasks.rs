//! Callbacks of tasks in AWS's shapes.

use super::params::Params;
use crate::app::App;
use crate::app::error::ApiError;
use crate::limits;
use baton_schemas::history::Failure;
use serde_json::{Value, json};

pub async fn success(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let token = params.required("taskToken", 1, limits::TOKEN_LENGTH_MAX)?;
    let output = params.required("output", 0, usize::MAX)?;
    params.finish()?;
    app.succeed_task(token, output).await?;
    Ok(json!({}))
}

pub async fn failure(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let token = params.required("taskToken", 1, limits::TOKEN_LENGTH_MAX)?;
    let error = params.text("error", 0, limits::ERROR_LENGTH_MAX)?;
    let cause = params.text("cause", 0, limits::CAUSE_LENGTH_MAX)?;
    params.finish()?;
    let failure = Failure {
        error: error.map(Into::into),
        cause: cause.map(Into::into),
    };
    app.fail_task(token, failure).await?;
    Ok(json!({}))
}

pub async fn heartbeat(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let token = params.required("taskToken", 1, limits::TOKEN_LENGTH_MAX)?;
    params.finish()?;
    app.heartbeat_task(token).await?;
    Ok(json!({}))
}
