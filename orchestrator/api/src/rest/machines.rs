//! State machines over REST.

use super::body::{self, definition_text};
use super::query::Query;
use super::shapes::{Machine, MachineDescribed, MachineList, Problem, Validation};
use super::{Segment, answer, segment};
use crate::app::error::ApiError;
use crate::app::{App, cursor, machines, validate as check};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use baton_schemas::Payload;
use baton_schemas::registry::SearchAttribute;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The role of machines that are created without one: AWS's API wants to show some.
const ROLE_NONE: &str = "arn:aws:iam::000000000000:role/none";

#[utoipa::path(
    post, path = "/v1/state-machines", tag = "state machines",
    summary = "Creates a state machine",
    request_body = body::NewMachine,
    responses(
        (status = 201, description = "Created", body = Machine),
        (status = 200, description = "The same one is there already", body = Machine),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create(State(app): State<Arc<App>>, request: Request) -> Response {
    answer("CreateStateMachine", creation(&app, request).await)
}

#[utoipa::path(
    put, path = "/v1/state-machines/{machine}", tag = "state machines",
    summary = "Updates what is given",
    params(
        ("machine" = String, Path, description = "Name or ARN of the state machine"),
    ),
    request_body = body::MachineUpdate,
    responses(
        (status = 200, description = "As it is now", body = Machine),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn update(State(app): State<Arc<App>>, path: Segment, request: Request) -> Response {
    answer("UpdateStateMachine", updating(&app, path, request).await)
}

#[utoipa::path(
    get, path = "/v1/state-machines/{machine}", tag = "state machines",
    summary = "Describes a state machine",
    params(
        ("machine" = String, Path, description = "Name or ARN of the state machine"),
    ),
    responses(
        (status = 200, description = "The machine", body = MachineDescribed),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn describe(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("DescribeStateMachine", description(&app, path).await)
}

#[utoipa::path(
    delete, path = "/v1/state-machines/{machine}", tag = "state machines",
    summary = "Deletes a state machine; executions that run go on",
    params(
        ("machine" = String, Path, description = "Name or ARN of the state machine"),
    ),
    responses(
        (status = 204, description = "There is none now"),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn delete(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("DeleteStateMachine", deletion(&app, path).await)
}

#[utoipa::path(
    get, path = "/v1/state-machines", tag = "state machines",
    summary = "Lists state machines in the order of their ARNs",
    params(
        ("limit" = Option<u32>, Query, description = "How many at most, 1 to 1,000; 100 if absent"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = MachineList),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response {
    answer("ListStateMachines", listing(&app, &uri).await)
}

#[utoipa::path(
    post, path = "/v1/validate", tag = "state machines",
    summary = "Checks a definition without storing it",
    request_body = body::Validate,
    responses(
        (status = 200, description = "What was found", body = Validation),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
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
        search_attributes: body.search_attributes.map(body::declared),
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
        Json(Machine::of(&machine)),
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
        search_attributes: body.search_attributes.map(body::declared),
    };
    let machine = app.update_machine(&arn, update).await?;
    Ok(Json(Machine::of(&machine)).into_response())
}

async fn description(app: &App, path: Segment) -> Result<Response, ApiError> {
    let machine = app.existing_machine(&arn_of(app, &segment(path)?)).await?;
    let entry = &machine.entry;
    let definition = Payload::from_text(&entry.definition)
        .map_or_else(|_| entry.definition.as_ref().into(), |text| text.to_value());
    Ok(Json(MachineDescribed {
        machine: Machine::of(&machine),
        role_arn: entry.role_arn.to_string(),
        logging_configuration: machines::logging_of(entry),
        tracing_configuration: machines::tracing_of(entry),
        tags: entry.settings.get("tags").cloned(),
        search_attributes: shown(&entry.search_attributes),
        definition,
    })
    .into_response())
}

fn shown(declared: &machines::Declared) -> BTreeMap<String, body::Attribute> {
    let attribute = |(name, attribute): (&Arc<str>, &SearchAttribute)| {
        let (kind, value) = (attribute.kind, attribute.value.to_string());
        (name.to_string(), body::Attribute { kind, value })
    };
    declared.iter().map(attribute).collect()
}

async fn deletion(app: &App, path: Segment) -> Result<Response, ApiError> {
    app.delete_machine(&arn_of(app, &segment(path)?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn listing(app: &App, uri: &Uri) -> Result<Response, ApiError> {
    let query = Query::of(uri, &["limit", "cursor"])?;
    let after: Option<String> = query.cursor()?;
    let (page, next) = app.list_machines(after.as_deref(), query.limit()?).await?;
    Ok(Json(MachineList {
        state_machines: page.iter().map(|machine| Machine::of(machine)).collect(),
        next_cursor: next.map(|next| cursor::encode(&next)),
    })
    .into_response())
}

async fn validation(request: Request) -> Result<Response, ApiError> {
    let body: body::Validate = body::read(request.into_body()).await?;
    let text = definition_text(&body.definition);
    let kind = body.kind.unwrap_or_default().name();
    let found = check::analyse(&text, kind, body.strict, body.errors_only)?;
    let human = body.human.then(|| {
        let document = baton_language::Document::json(&text);
        baton_language::render(&document, "definition", &found.diagnostics)
    });
    Ok(Json(Validation {
        result: if found.ok { "OK" } else { "FAIL" },
        diagnostics: found.diagnostics,
        truncated: found.truncated,
        text: human,
    })
    .into_response())
}
