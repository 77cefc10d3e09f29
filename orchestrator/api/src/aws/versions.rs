//! Versions in AWS's shapes.

use super::machines::page_size;
use super::params::Params;
use super::seconds;
use crate::app::error::ApiError;
use crate::app::versions::version_arn;
use crate::app::{App, cursor};
use crate::limits;
use serde_json::{Value, json};

pub async fn publish(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let machine = params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?;
    let revision_id = params.text("revisionId", 0, limits::ARN_LENGTH_MAX)?;
    let description = params.text("description", 0, limits::DESCRIPTION_LENGTH_MAX)?;
    params.finish()?;
    let version = app
        .publish_current(machine, revision_id, description.unwrap_or_default())
        .await?;
    Ok(json!({
        "stateMachineVersionArn": version_arn(machine, version.number),
        "creationDate": seconds(version.created_ms),
    }))
}

pub async fn list(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let machine = params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?;
    let max = params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    let token = params.text("nextToken", 1, 1_024)?;
    params.finish()?;
    let before: Option<u64> = token.map(cursor::decode).transpose()?;
    let (page, more) = app.list_versions(machine, before, page_size(max)).await?;
    let versions: Vec<Value> = page
        .iter()
        .map(|version| {
            json!({
                "stateMachineVersionArn": version_arn(machine, version.number),
                "creationDate": seconds(version.created_ms),
            })
        })
        .collect();
    let mut answer = json!({"stateMachineVersions": versions});
    if let Some(last) = page.last().filter(|_| more) {
        answer["nextToken"] = cursor::encode(&last.number).into();
    }
    Ok(answer)
}

pub async fn delete(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    // AWS allows for the number: 2,000 characters.
    let version = params.required("stateMachineVersionArn", 1, 2_000)?;
    params.finish()?;
    app.delete_version(version).await?;
    Ok(json!({}))
}
