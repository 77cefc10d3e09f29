//! Executions in AWS's shapes.

use super::machines::page_size;
use super::params::Params;
use super::seconds;
use crate::app::error::{ApiError, ErrorCode};
use crate::app::executions::ExecutionView;
use crate::app::history::HistoryQuery;
use crate::app::list::{ListRequest, Listed};
use crate::app::names::Qualifier;
use crate::app::redrive::redrive_status;
use crate::app::start::StartInput;
use crate::app::{App, cursor, names};
use crate::http::Caller;
use crate::limits;
use baton_schemas::arn::{ExecutionArn, alias_and_version};
use baton_schemas::history::Failure;
use serde_json::{Value, json};

/// Statuses in the order of AWS's message.
const STATUSES: [&str; 6] = [
    "SUCCEEDED",
    "TIMED_OUT",
    "PENDING_REDRIVE",
    "ABORTED",
    "FAILED",
    "RUNNING",
];

pub async fn start(app: &App, caller: &Caller, mut params: Params<'_>) -> Result<Value, ApiError> {
    let start = start_input(caller, &mut params)?;
    params.finish()?;
    let started = app.start(start).await?;
    Ok(json!({
        "executionArn": started.execution,
        "startDate": seconds(started.start_ms),
    }))
}

fn start_input<'a>(caller: &Caller, params: &mut Params<'a>) -> Result<StartInput<'a>, ApiError> {
    Ok(StartInput {
        machine: params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?,
        name: params.text("name", 1, limits::NAME_LENGTH_MAX)?,
        input: params.text("input", 0, usize::MAX)?,
        traceparent: caller.traceparent.clone(),
    })
}

pub async fn start_sync(
    app: &App,
    caller: &Caller,
    mut params: Params<'_>,
) -> Result<Value, ApiError> {
    let start = start_input(caller, &mut params)?;
    let only = params.one_of("includedData", &["ALL_DATA", "METADATA_ONLY"])?;
    params.finish()?;
    let done = app.start_sync(start).await?;
    let view = &done.view;
    let stop_ms = view.stop_ms.unwrap_or(view.start_ms);
    let mut answer = json!({
        "executionArn": view.execution,
        "stateMachineArn": view.machine,
        "name": done.name,
        "status": view.status,
        "startDate": seconds(view.start_ms),
        "stopDate": seconds(stop_ms),
        // Nothing is billed: the smallest memory that AWS counts, and the time it took in AWS's steps.
        "billingDetails": {
            "billedMemoryUsedInMB": 64,
            "billedDurationInMilliseconds": billed_ms(stop_ms - view.start_ms),
        },
    });
    let with_data = only != Some("METADATA_ONLY");
    with_payloads(&mut answer, view, with_data);
    answer["outputDetails"] = json!({"included": with_data});
    Ok(answer)
}

/// AWS counts each begun 100 milliseconds, and one at least.
fn billed_ms(took_ms: i64) -> i64 {
    (took_ms.max(1) + 99) / 100 * 100
}

pub async fn stop(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    let error = params.text("error", 0, limits::ERROR_LENGTH_MAX)?;
    let cause = params.text("cause", 0, limits::CAUSE_LENGTH_MAX)?;
    params.finish()?;
    let failure = Failure {
        error: error.map(Into::into),
        cause: cause.map(Into::into),
    };
    let stop_ms = app.stop(arn, failure).await?;
    Ok(json!({"stopDate": seconds(stop_ms)}))
}

pub async fn describe(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    let only = params.one_of("includedData", &["ALL_DATA", "METADATA_ONLY"])?;
    params.finish()?;
    let view = app.describe(arn).await?;
    Ok(described(&view, only != Some("METADATA_ONLY")))
}

pub async fn history(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let execution = params.required("executionArn", 1, limits::ARN_LENGTH_MAX)?;
    let max = params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    let token = params.text("nextToken", 1, 1_024)?;
    let reverse = params.flag("reverseOrder", false)?;
    let include_data = params.flag("includeExecutionData", true)?;
    params.finish()?;
    names::check_execution_arn(execution)?;
    let query = HistoryQuery {
        execution: execution.into(),
        after: token.map(cursor::decode).transpose()?,
        limit: page_size(max),
        reverse,
        include_data,
    };
    let page = app.history(query).await?;
    let mut answer = json!({"events": page.events});
    if let Some(next) = page.next {
        answer["nextToken"] = cursor::encode(&next).into();
    }
    Ok(answer)
}

pub async fn list(app: &App, mut params: Params<'_>) -> Result<Value, ApiError> {
    let map_run = params.text("mapRunArn", 1, 2_000)?;
    let redriven = params.one_of("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"])?;
    let machine = match map_run {
        None => Some(params.required("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?),
        Some(_) => params.text("stateMachineArn", 1, limits::ARN_LENGTH_MAX)?,
    };
    if map_run.is_some() && machine.is_some() {
        let message = "Provide either stateMachineArn or mapRunArn, not both";
        return Err(ApiError::new(
            ErrorCode::ValidationException,
            message.to_owned(),
        ));
    }
    let status = params.one_of("statusFilter", &STATUSES)?;
    let max = params.number("maxResults", 0, limits::PAGE_MAX as i64)?;
    let token = params.text("nextToken", 1, limits::CURSOR_LENGTH_MAX)?;
    params.finish()?;
    let parts = machine.map(names::machine_ref).transpose()?;
    let qualifier = parts.as_ref().and_then(|parts| parts.qualifier.as_ref());
    let qualifier = qualifier.map(|qualifier| match qualifier {
        Qualifier::Version(number) => number.to_string().into(),
        Qualifier::Alias(name) => (*name).into(),
    });
    let request = ListRequest {
        machine: parts.as_ref().map(|parts| parts.machine.into()),
        map_run: map_run.map(Into::into),
        qualifier,
        status: status.map(Into::into),
        redriven: redriven.map(|filter| filter == "REDRIVEN"),
        limit: page_size(max),
        after: token.map(cursor::decode).transpose()?,
        ..ListRequest::default()
    };
    let page = app.list_executions(request).await?;
    let executions: Vec<Value> = page.executions.iter().map(listed).collect();
    let mut answer = json!({"executions": executions});
    if let Some(next) = page.next {
        answer["nextToken"] = cursor::encode(&next).into();
    }
    Ok(answer)
}

fn listed(execution: &Listed) -> Value {
    let mut item = json!({
        "executionArn": execution.execution,
        "stateMachineArn": execution.machine,
        "name": name_of(&execution.execution),
        "status": execution.status,
        "startDate": seconds(execution.start_ms),
        "redriveCount": execution.redrive_count,
    });
    if let Some(redrive_ms) = execution.redrive_ms {
        item["redriveDate"] = seconds(redrive_ms);
    }
    if let Some(stop_ms) = execution.stop_ms {
        item["stopDate"] = seconds(stop_ms);
    }
    if let Some(run) = &execution.map_run {
        item["mapRunArn"] = (&**run).into();
    }
    with_qualifier(
        &mut item,
        &execution.machine,
        execution.qualifier.as_deref(),
    );
    item
}

fn described(view: &ExecutionView, with_data: bool) -> Value {
    let mut answer = json!({
        "executionArn": view.execution,
        "stateMachineArn": view.machine,
        "name": name_of(&view.execution),
        "status": view.status,
        "startDate": seconds(view.start_ms),
        "redriveCount": view.redrive_count,
    });
    let (status, reason) = redrive_status(view);
    answer["redriveStatus"] = status.into();
    if let Some(reason) = reason {
        answer["redriveStatusReason"] = reason.into();
    }
    if let Some(redrive_ms) = view.redrive_ms {
        answer["redriveDate"] = seconds(redrive_ms);
    }
    if let Some(stop_ms) = view.stop_ms {
        answer["stopDate"] = seconds(stop_ms);
    }
    let parent = view.parent.as_ref();
    if let Some(item) = parent.and_then(|parent| parent.item.as_ref()) {
        answer["mapRunArn"] = (&*item.run).into();
    }
    with_qualifier(&mut answer, &view.machine, view.qualifier.as_deref());
    with_payloads(&mut answer, view, with_data);
    answer
}

/// ARNs of the version and alias that were named at the start.
fn with_qualifier(answer: &mut Value, machine: &str, qualifier: Option<&str>) {
    let (alias, version) = alias_and_version(machine, qualifier);
    for (field, arn) in [
        ("stateMachineAliasArn", alias),
        ("stateMachineVersionArn", version),
    ] {
        if let Some(arn) = arn {
            answer[field] = arn.into();
        }
    }
}

/// Input, output, error and cause, as far as there are any.
fn with_payloads(answer: &mut Value, view: &ExecutionView, with_data: bool) {
    let payloads = [("input", &view.input), ("output", &view.output)];
    for (field, payload) in payloads {
        if let Some(payload) = payload {
            if with_data {
                answer[field] = payload.as_str().into();
            }
            answer[format!("{field}Details")] = json!({"included": with_data});
        }
    }
    for (field, text) in [
        ("error", &view.failure.error),
        ("cause", &view.failure.cause),
    ] {
        if let Some(text) = text {
            answer[field] = text.as_ref().into();
        }
    }
}

/// Name of an execution, from its ARN.
pub fn name_of(execution: &str) -> &str {
    ExecutionArn::parse(execution).map_or(execution, |arn| arn.name)
}
