//! Aliases in AWS's shapes.

use super::machines::page_size;
use super::params::Params;
use super::seconds;
use crate::app::aliases::{GivenRoute, alias_arn, is_alias_name, routes_of};
use crate::app::error::ApiError;
use crate::app::{App, cursor};
use crate::limits;
use serde_json::{Value, json};

/// What a name must look like, as AWS's message shows it.
const NAME_PATTERN: &str = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";
/// Most versions behind an alias.
const ROUTES_MAX: usize = 2;

pub async fn create(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let description = params.text("description", 0, limits::DESCRIPTION_LENGTH_MAX)?;
    let name = params.required("name", 1, limits::NAME_LENGTH_MAX)?;
    if params.is_fine() && !is_alias_name(name) {
        params.mismatch("name", name, NAME_PATTERN);
    }
    let routes = routes(&mut params)?;
    if routes.is_none() {
        params.missing("routingConfiguration");
    }
    params.finish()?;
    let alias = app
        .create_alias(
            name,
            description.unwrap_or_default(),
            &routes.unwrap_or_default(),
        )
        .await?;
    Ok(json!({
        "stateMachineAliasArn": alias_arn(&alias.machine, &alias.name),
        "creationDate": seconds(alias.created_ms),
    }))
}

pub async fn describe(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineAliasArn", 1, limits::ARN_LENGTH_MAX)?;
    params.finish()?;
    let alias = app.existing_alias(arn).await?;
    let routes: Vec<Value> = routes_of(&alias)
        .map(|(arn, weight)| json!({"stateMachineVersionArn": arn, "weight": weight}))
        .collect();
    let mut answer = json!({
        "stateMachineAliasArn": arn,
        "name": alias.name,
        "routingConfiguration": routes,
        "creationDate": seconds(alias.created_ms),
        "updateDate": seconds(alias.updated_ms),
    });
    if !alias.description.is_empty() {
        answer["description"] = alias.description.as_ref().into();
    }
    Ok(answer)
}

pub async fn update(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineAliasArn", 1, limits::ARN_LENGTH_MAX)?;
    let description = params.text("description", 0, limits::DESCRIPTION_LENGTH_MAX)?;
    let routes = routes(&mut params)?;
    params.finish()?;
    let alias = app
        .update_alias(arn, description, routes.as_deref())
        .await?;
    Ok(json!({"updateDate": seconds(alias.updated_ms)}))
}

pub async fn delete(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineAliasArn", 1, limits::ARN_LENGTH_MAX)?;
    params.finish()?;
    app.delete_alias(arn).await?;
    Ok(json!({}))
}

pub async fn list(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let machine = params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?;
    let max = params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    let token = params.text("nextToken", 1, 1_024)?;
    params.finish()?;
    let after: usize = token.map(cursor::decode).transpose()?.unwrap_or(0);
    let (page, more) = app.list_aliases(machine, after, page_size(max)).await?;
    let aliases: Vec<Value> = page
        .iter()
        .map(|alias| {
            json!({
                "stateMachineAliasArn": alias_arn(&alias.machine, &alias.name),
                "creationDate": seconds(alias.created_ms),
            })
        })
        .collect();
    let mut answer = json!({"stateMachineAliases": aliases});
    if more {
        answer["nextToken"] = cursor::encode(&(after + page.len())).into();
    }
    Ok(answer)
}

fn routes<'a>(params: &mut Params<'a>) -> Result<Option<Vec<GivenRoute<'a>>>, ApiError> {
    let Some(items) = params.items("routingConfiguration")? else {
        return Ok(None);
    };
    if items.is_empty() || items.len() > ROUTES_MAX {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value at 'routingConfiguration' failed to satisfy constraint: Member must have length between 1 and {ROUTES_MAX}"
        )));
    }
    let mut routes = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let mut route = Params::member(item, "routingConfiguration", index);
        let arn = route.required("stateMachineVersionArn", 1, limits::ARN_LENGTH_MAX)?;
        let weight = route.number("weight", 0, 100)?;
        if weight.is_none() {
            route.missing("weight");
        }
        routes.push((arn, weight.and_then(|w| u8::try_from(w).ok()).unwrap_or(0)));
        params.absorb(route);
    }
    Ok(Some(routes))
}
