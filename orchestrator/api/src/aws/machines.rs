//! State machines in AWS's shapes.

use super::params::Params;
use super::{seconds, tags};
use crate::app::error::ApiError;
use crate::app::machines::{self, MachineUpdate, NewMachine};
use crate::app::names::{self, Qualifier};
use crate::app::versions::version_arn;
use crate::app::{App, cursor, validate as check, variables};
use crate::limits;
use baton_engine::Definition;
use baton_language::Diagnostic;
use serde_json::{Map, Value, json};

pub async fn create(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let publish = published(&mut params)?;
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
    tags::check(&mut params, "tags")?;
    params.finish()?;
    let new = NewMachine {
        name,
        definition,
        role_arn,
        kind: kind.unwrap_or("STANDARD"),
        settings: Value::Object(settings),
        search_attributes: None,
        publish,
    };
    let (machine, _) = app.create_machine(new).await?;
    let mut answer = json!({
        "stateMachineArn": machine.arn,
        "creationDate": seconds(machine.entry.created_ms),
    });
    publish_too(app, &machine, publish, &mut answer).await?;
    Ok(answer)
}

pub async fn update(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let publish = published(&mut params)?;
    let arn = params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?;
    let update = MachineUpdate {
        definition: params.text("definition", 1, limits::DEFINITION_BYTES_MAX)?,
        role_arn: params.text("roleArn", 1, limits::ARN_LENGTH_MAX)?,
        logging: params.structure("loggingConfiguration")?,
        tracing: params.structure("tracingConfiguration")?,
        encryption: params.structure("encryptionConfiguration")?,
        search_attributes: None,
    };
    params.finish()?;
    let machine = app.update_machine(arn, update).await?;
    let updated = machines::updated_ms(&machine.entry).unwrap_or(machine.entry.created_ms);
    let mut answer = json!({"updateDate": seconds(updated)});
    if let Some(revision) = machines::revision_id(&machine) {
        answer["revisionId"] = revision.into();
    }
    publish_too(app, &machine, publish, &mut answer).await?;
    Ok(answer)
}

/// The description of the version that is to be published too, if one is.
fn published<'a>(params: &mut Params<'a>) -> Result<Option<&'a str>, ApiError> {
    let publish = params.flag("publish", false)?;
    let description = params.text("versionDescription", 0, limits::DESCRIPTION_LENGTH_MAX)?;
    match (publish, description) {
        (false, Some(_)) => Err(ApiError::validation(
            "Version description can only be set when publish is true",
        )),
        (false, None) => Ok(None),
        (true, description) => Ok(Some(description.unwrap_or_default())),
    }
}

/// Publishes what was just stored, and says its ARN.
async fn publish_too(
    app: &App,
    machine: &Definition,
    publish: Option<&str>,
    answer: &mut Value,
) -> Result<(), ApiError> {
    if let Some(description) = publish {
        let version = app.publish(machine, description).await?;
        answer["stateMachineVersionArn"] = version_arn(&machine.arn, version.number).into();
    }
    Ok(())
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
    let with_definition = only != Some("METADATA_ONLY");
    if names::machine_ref(arn)?.qualifier.is_some() {
        return describe_version(app, arn, with_definition).await;
    }
    let machine = app.existing_machine(arn).await?;
    let mut answer = described(&machine, with_definition);
    answer["status"] = "ACTIVE".into();
    answer["type"] = machine.entry.kind.as_ref().into();
    answer["creationDate"] = seconds(machine.entry.created_ms);
    Ok(answer)
}

/// A version looks like its machine at that revision, with an ARN, a date and a description of its own.
async fn describe_version(app: &App, arn: &str, with_definition: bool) -> Result<Value, ApiError> {
    let parts = names::machine_ref(arn)?;
    let missing = || ApiError::no_machine(arn);
    let Some(Qualifier::Version(number)) = parts.qualifier else {
        return Err(missing());
    };
    let target = app.target(arn, "").await?;
    let version = app.version_of(parts.machine, number).ok_or_else(missing)?;
    let mut answer = described(&target.definition, with_definition);
    answer["stateMachineArn"] = arn.into();
    answer["status"] = "ACTIVE".into();
    answer["type"] = target.definition.entry.kind.as_ref().into();
    answer["creationDate"] = seconds(version.created_ms);
    if !version.description.is_empty() {
        answer["description"] = version.description.as_ref().into();
    }
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
        "diagnostics": found.diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
        "truncated": found.truncated,
    }))
}

/// A finding as far as AWS shows it.
fn diagnostic(found: &Diagnostic) -> Value {
    json!({
        "severity": found.severity,
        "code": found.code,
        "message": found.message,
        "location": found.location,
    })
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
        let references = variables::references(&entry.definition);
        if !references.is_empty() {
            answer["variableReferences"] = json!(references);
        }
    }
    if let Some(revision) = machines::revision_id(machine) {
        answer["revisionId"] = revision.into();
    }
    answer["encryptionConfiguration"] = machines::encryption_of(&entry.settings);
    answer
}
