//! State machines in AWS's shapes.

use super::params::Params;
use super::seconds;
use crate::app::error::ApiError;
use crate::app::machines::{self, MachineUpdate, NewMachine};
use crate::app::{App, cursor, validate as check};
use crate::limits;
use baton_engine::Definition;
use serde_json::{Map, Value, json};

const NO_VERSIONS: &str = "Baton has no versions yet";

pub async fn create(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    params.refuse("publish", NO_VERSIONS)?;
    params.refuse("versionDescription", NO_VERSIONS)?;
    let name = params.required("name", 1, limits::NAME_LENGTH_MAX)?;
    let definition = params.required("definition", 1, limits::DEFINITION_BYTES_MAX)?;
    let role_arn = params.required("roleArn", 1, limits::ARN_LENGTH_MAX)?;
    let kind = params.one_of("type", &["STANDARD", "EXPRESS"])?;
    let mut settings = Map::new();
    for key in [
        "loggingConfiguration",
        "tracingConfiguration",
        "encryptionConfiguration",
        "tags",
    ] {
        if let Some(value) = params.structure(key)? {
            settings.insert(key.to_owned(), value);
        }
    }
    params.finish()?;
    let new = NewMachine {
        name,
        definition,
        role_arn,
        kind: kind.unwrap_or("STANDARD"),
        settings: Value::Object(settings),
    };
    let (machine, _) = app.create_machine(new).await?;
    Ok(json!({
        "stateMachineArn": machine.arn,
        "creationDate": seconds(machine.entry.created_ms),
    }))
}

pub async fn update(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    params.refuse("publish", NO_VERSIONS)?;
    params.refuse("versionDescription", NO_VERSIONS)?;
    let arn = params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?;
    let update = MachineUpdate {
        definition: params.text("definition", 1, limits::DEFINITION_BYTES_MAX)?,
        role_arn: params.text("roleArn", 1, limits::ARN_LENGTH_MAX)?,
        logging: params.structure("loggingConfiguration")?,
        tracing: params.structure("tracingConfiguration")?,
    };
    params.finish()?;
    let machine = app.update_machine(arn, update).await?;
    let updated = machines::updated_ms(&machine.entry).unwrap_or(machine.entry.created_ms);
    let mut answer = json!({"updateDate": seconds(updated)});
    if let Some(revision) = machines::revision_id(&machine) {
        answer["revisionId"] = revision.into();
    }
    Ok(answer)
}

pub async fn delete(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?;
    params.finish()?;
    app.delete_machine(arn).await?;
    Ok(json!({}))
}

pub async fn describe(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?;
    let only = params.one_of("includedData", &["ALL_DATA", "METADATA_ONLY"])?;
    params.finish()?;
    let machine = app.existing_machine(arn).await?;
    let mut answer = described(&machine, only != Some("METADATA_ONLY"));
    answer["status"] = "ACTIVE".into();
    answer["type"] = machine.entry.kind.as_ref().into();
    answer["creationDate"] = seconds(machine.entry.created_ms);
    Ok(answer)
}

pub async fn describe_for_execution(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    let only = params.one_of("includedData", &["ALL_DATA", "METADATA_ONLY"])?;
    params.finish()?;
    let machine = app.machine_of_execution(arn).await?;
    let mut answer = described(&machine, only != Some("METADATA_ONLY"));
    let updated = machines::updated_ms(&machine.entry).unwrap_or(machine.entry.created_ms);
    answer["updateDate"] = seconds(updated);
    Ok(answer)
}

pub async fn list(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let max = params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    let token = params.text("nextToken", 1, 1_024)?;
    params.finish()?;
    let after: Option<String> = token.map(cursor::decode).transpose()?;
    let (page, next) = app.list_machines(after.as_deref(), page_size(max)).await?;
    let machines: Vec<Value> = page
        .iter()
        .map(|machine| {
            json!({
                "stateMachineArn": machine.arn,
                "name": machine.entry.name,
                "type": machine.entry.kind,
                "creationDate": seconds(machine.entry.created_ms),
            })
        })
        .collect();
    let mut answer = json!({"stateMachines": machines});
    if let Some(next) = next {
        answer["nextToken"] = cursor::encode(&next).into();
    }
    Ok(answer)
}

pub fn validate(mut params: Params<'_>) -> Result<Value, ApiError> {
    let definition = params.required("definition", 1, limits::DEFINITION_BYTES_MAX)?;
    let kind = params.one_of("type", &["STANDARD", "EXPRESS"])?;
    let severity = params.one_of("severity", &["ERROR", "WARNING"])?;
    let max = params.number("maxResults", 0, limits::DIAGNOSTICS_MAX as i64)?;
    params.finish()?;
    let max = max.and_then(|max| usize::try_from(max).ok());
    let found = check::validate(
        definition,
        kind.unwrap_or("STANDARD"),
        severity == Some("ERROR"),
        max,
    )?;
    Ok(json!({
        "result": if found.ok { "OK" } else { "FAIL" },
        "diagnostics": found.diagnostics,
        "truncated": found.truncated,
    }))
}

/// Results a page; AWS takes 0 as the default.
pub fn page_size(max: Option<i64>) -> usize {
    match max.and_then(|max| usize::try_from(max).ok()) {
        None | Some(0) => limits::PAGE_DEFAULT,
        Some(max) => max,
    }
}

fn described(machine: &Definition, with_definition: bool) -> Value {
    let entry = &machine.entry;
    let mut answer = json!({
        "stateMachineArn": machine.arn,
        "name": entry.name,
        "roleArn": entry.role_arn,
        "loggingConfiguration": machines::logging_of(entry),
        "tracingConfiguration": machines::tracing_of(entry),
    });
    if with_definition {
        answer["definition"] = entry.definition.as_ref().into();
    }
    if let Some(revision) = machines::revision_id(machine) {
        answer["revisionId"] = revision.into();
    }
    if let Some(encryption) = entry.settings.get("encryptionConfiguration") {
        answer["encryptionConfiguration"] = encryption.clone();
    }
    answer
}
