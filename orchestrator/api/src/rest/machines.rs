//! State machines over REST.

use super::body::{self, definition_text};
use super::query::Query;
use super::{Segment, answer, segment};
use crate::app::error::ApiError;
use crate::app::{App, cursor, machines, validate as check};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use baton_engine::Definition;
use baton_schemas::Payload;
use baton_schemas::time::rfc3339;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The role of machines that are created without one: AWS's API wants to show some.
const ROLE_NONE: &str = "arn:aws:iam::000000000000:role/none";

pub async fn create(State(app): State<Arc<App>>, request: Request) -> Response {
    answer("CreateStateMachine", creation(&app, request).await)
}

pub async fn update(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("UpdateStateMachine", updating(&app, path, request).await)
}

pub async fn describe(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("DescribeStateMachine", description(&app, path).await)
}

pub async fn delete(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("DeleteStateMachine", deletion(&app, path).await)
}

pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response {
    answer("ListStateMachines", listing(&app, &uri).await)
}

pub async fn validate(request: Request) -> Response {
    answer("ValidateStateMachineDefinition", validation(request).await)
}

/// A name on this Baton, or an ARN.
pub fn arn_of(app: &App, name_or_arn: &str) -> Arc<str> {
    if name_or_arn.starts_with("arn:") {
        name_or_arn.into()
    } else {
        app.machine_arn(name_or_arn)
    }
}

async fn creation(app: &App, request: Request) -> Result<Response, ApiError> {
    let body: body::NewMachine = body::read(request.into_body()).await?;
    let mut settings = Map::new();
    let given = [
        ("loggingConfiguration", body.logging_configuration),
        ("tracingConfiguration", body.tracing_configuration),
        ("tags", body.tags),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            settings.insert(key.to_owned(), value);
        }
    }
    let new = machines::NewMachine {
        name: &body.name,
        definition: &definition_text(&body.definition),
        role_arn: body.role_arn.as_deref().unwrap_or(ROLE_NONE),
        kind: body.kind.unwrap_or_default().name(),
        settings: Value::Object(settings),
        publish: None,
    };
    let (machine, is_new) = app.create_machine(new).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location = format!("/v1/state-machines/{}", machine.entry.name);
    Ok((
        status,
        [(header::LOCATION, location)],
        Json(summary(&machine)),
    )
        .into_response())
}

async fn updating(app: &App, path: Segment, request: Request) -> Result<Response, ApiError> {
    let arn = arn_of(app, &segment(path)?);
    let body: body::MachineUpdate = body::read(request.into_body()).await?;
    let definition = body.definition.as_ref().map(definition_text);
    let update = machines::MachineUpdate {
        definition: definition.as_deref(),
        role_arn: body.role_arn.as_deref(),
        logging: body.logging_configuration,
        tracing: body.tracing_configuration,
        encryption: None,
    };
    let machine = app.update_machine(&arn, update).await?;
    Ok(Json(summary(&machine)).into_response())
}

async fn description(app: &App, path: Segment) -> Result<Response, ApiError> {
    let machine = app.existing_machine(&arn_of(app, &segment(path)?)).await?;
    let entry = &machine.entry;
    let mut described = summary(&machine);
    described["roleArn"] = entry.role_arn.as_ref().into();
    described["loggingConfiguration"] = machines::logging_of(entry);
    described["tracingConfiguration"] = machines::tracing_of(entry);
    if let Some(tags) = entry.settings.get("tags") {
        described["tags"] = tags.clone();
    }
    described["definition"] = Payload::from_text(&entry.definition)
        .map_or_else(|_| entry.definition.as_ref().into(), |text| text.to_value());
    Ok(Json(described).into_response())
}

async fn deletion(app: &App, path: Segment) -> Result<Response, ApiError> {
    app.delete_machine(&arn_of(app, &segment(path)?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn listing(app: &App, uri: &Uri) -> Result<Response, ApiError> {
    let query = Query::of(uri, &["limit", "cursor"])?;
    let after: Option<String> = query.cursor()?;
    let (page, next) = app.list_machines(after.as_deref(), query.limit()?).await?;
    let machines: Vec<Value> = page.iter().map(|machine| summary(machine)).collect();
    let mut listed = json!({"stateMachines": machines});
    if let Some(next) = next {
        listed["nextCursor"] = cursor::encode(&next).into();
    }
    Ok(Json(listed).into_response())
}

async fn validation(request: Request) -> Result<Response, ApiError> {
    let body: body::Validate = body::read(request.into_body()).await?;
    let text = definition_text(&body.definition);
    let found = check::validate(
        &text,
        body.kind.unwrap_or_default().name(),
        body.errors_only,
        None,
    )?;
    Ok(Json(json!({
        "result": if found.ok { "OK" } else { "FAIL" },
        "diagnostics": found.diagnostics,
        "truncated": found.truncated,
    }))
    .into_response())
}

/// What every answer shows of a machine.
fn summary(machine: &Definition) -> Value {
    let entry = &machine.entry;
    let mut summary = json!({
        "stateMachineArn": machine.arn,
        "name": entry.name,
        "type": entry.kind,
        "revision": machine.revision,
        "creationDate": rfc3339(entry.created_ms),
    });
    if let Some(updated_ms) = machines::updated_ms(entry) {
        summary["updateDate"] = rfc3339(updated_ms).into();
    }
    summary
}
