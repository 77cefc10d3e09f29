//! Redrive in AWS's shapes.

use super::params::Params;
use super::seconds;
use crate::app::App;
use crate::app::error::ApiError;
use crate::limits;
use serde_json::{Value, json};

pub async fn redrive(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    let token = params.text("clientToken", 1, 64)?;
    params.finish()?;
    let redrive_ms = app.redrive(arn, token).await?;
    Ok(json!({"redriveDate": seconds(redrive_ms)}))
}
