//! Redrive in AWS's shapes: it isn't there yet, and AWS's own error says so.

use super::params::Params;
use crate::app::App;
use crate::app::error::{ApiError, ErrorCode};
use crate::limits;
use serde_json::Value;

pub async fn redrive(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    params.text("clientToken", 1, 64)?;
    params.finish()?;
    let view = app.describe(arn).await?;
    Err(ApiError::new(
        ErrorCode::ExecutionNotRedrivable,
        format!("Execution is {} and cannot be redriven", view.status),
    ))
}
