//! Tags in AWS's shapes.

use super::params::Params;
use crate::app::App;
use crate::app::error::ApiError;
use crate::app::tags::given;
use crate::limits;
use serde_json::{Value, json};

pub async fn tag(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let resource = params.required("resourceArn", 1, limits::ARN_LENGTH_MAX)?;
    let tags = params.structure("tags")?;
    if tags.is_none() {
        params.missing("tags");
    }
    check(&mut params, "tags")?;
    params.finish()?;
    app.tag(resource, &given(&tags.unwrap_or_default())).await?;
    Ok(json!({}))
}

pub async fn untag(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let resource = params.required("resourceArn", 1, limits::ARN_LENGTH_MAX)?;
    let keys = params.texts("tagKeys")?;
    if keys.is_none() {
        params.missing("tagKeys");
    }
    params.finish()?;
    app.untag(resource, &keys.unwrap_or_default()).await?;
    Ok(json!({}))
}

pub async fn list(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let resource = params.required("resourceArn", 1, limits::ARN_LENGTH_MAX)?;
    params.finish()?;
    let tags = app.tags(resource).await?;
    let tags: Vec<Value> = tags
        .iter()
        .map(|tag| json!({"key": tag.key, "value": tag.value}))
        .collect();
    Ok(json!({"tags": tags}))
}

/// Notes what is wrong with a list of tags, if there is one.
pub fn check(params: &mut Params<'_>, name: &str) -> Result<(), ApiError> {
    for (index, item) in params.items(name)?.into_iter().flatten().enumerate() {
        let mut tag = Params::member(item, name, index);
        tag.required("key", 1, limits::TAG_KEY_LENGTH_MAX)?;
        tag.required("value", 0, limits::TAG_VALUE_LENGTH_MAX)?;
        params.absorb(tag);
    }
    Ok(())
}
