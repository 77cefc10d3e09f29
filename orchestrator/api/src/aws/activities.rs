//! Activities in AWS's shapes.

use super::machines::page_size;
use super::params::Params;
use super::{seconds, tags};
use crate::app::activities::encryption;
use crate::app::error::ApiError;
use crate::app::{App, cursor};
use crate::limits;
use serde_json::{Map, Value, json};

pub async fn create(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let name = params.required("name", 1, limits::NAME_LENGTH_MAX)?;
    let mut settings = Map::new();
    for key in ["tags", "encryptionConfiguration"] {
        if let Some(value) = params.structure(key)? {
            settings.insert(key.to_owned(), value);
        }
    }
    tags::check(&mut params, "tags")?;
    params.finish()?;
    let (arn, entry) = app.create_activity(name, Value::Object(settings)).await?;
    Ok(json!({"activityArn": arn, "creationDate": seconds(entry.created_ms)}))
}

pub async fn describe(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("activityArn", 1, limits::ARN_LENGTH_MAX)?;
    params.finish()?;
    let entry = app.existing_activity(arn).await?;
    Ok(json!({
        "activityArn": arn,
        "name": entry.name,
        "creationDate": seconds(entry.created_ms),
        "encryptionConfiguration": encryption(&entry),
    }))
}

pub async fn delete(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("activityArn", 1, limits::ARN_LENGTH_MAX)?;
    params.finish()?;
    app.delete_activity(arn).await?;
    Ok(json!({}))
}

pub async fn list(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let max = params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    let token = params.text("nextToken", 1, 1_024)?;
    params.finish()?;
    let after: Option<String> = token.map(cursor::decode).transpose()?;
    let (page, more) = app
        .list_activities(after.as_deref(), page_size(max))
        .await?;
    let activities: Vec<Value> = page
        .iter()
        .map(|(arn, entry)| {
            json!({
                "activityArn": arn,
                "name": entry.name,
                "creationDate": seconds(entry.created_ms),
            })
        })
        .collect();
    let mut answer = json!({"activities": activities});
    if let Some((arn, _)) = page.last().filter(|_| more) {
        answer["nextToken"] = cursor::encode(arn).into();
    }
    Ok(answer)
}

pub async fn task(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("activityArn", 1, limits::ARN_LENGTH_MAX)?;
    let worker = params.text("workerName", 1, limits::NAME_LENGTH_MAX)?;
    params.finish()?;
    // AWS's answer when there was no task: no token.
    Ok(match app.activity_task(arn, worker).await? {
        Some(task) => json!({"taskToken": task.token, "input": task.input}),
        None => json!({}),
    })
}
