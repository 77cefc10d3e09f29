//! What a child execution reports to its parent (R12).
//!
//! Owns: the completions by which a child says that it started, how it ended, or that it can't be. Pure: the same facts
//! give the same report, so a repeat is recognised. Shapes are those that AWS recorded of `states:startExecution` and of
//! a Map run's result files.

use baton_machine::{Closing, Status};
use baton_schemas::arn::ExecutionArn;
use baton_schemas::history::Failure;
use baton_schemas::parent::{Parent, ReportForm};
use baton_schemas::time::rfc3339;
use baton_schemas::{Completion, Outcome, Payload, TaskToken};
use serde_json::{Map, Value, json};

/// A task's failure when a child did not succeed (AWS: `States.TaskFailed`, with all that is known of the child as cause).
const TASK_FAILED: &str = "States.TaskFailed";

/// What the parent hears of the child's start; `None` if it doesn't wait for that.
#[must_use]
pub fn started(execution: &str, parent: &Parent, start_ms: i64) -> Option<Completion> {
    let answer = || {
        Payload::from_value(&json!({
            "ExecutionArn": execution,
            "SdkHttpMetadata": sdk_metadata(),
            "SdkResponseMetadata": { "RequestId": request_id(execution) },
            "StartDate": start_ms,
        }))
    };
    let outcome = match parent.report {
        ReportForm::Started => Outcome::Succeeded(answer()),
        ReportForm::Submitted | ReportForm::Sync | ReportForm::Sync2 => {
            Outcome::Submitted(answer())
        }
        ReportForm::Item | ReportForm::ItemInFull => return None,
    };
    Some(completion(parent, outcome))
}

/// What the parent hears of the child's end; `None` if it doesn't wait for that.
#[must_use]
pub fn closed(
    execution: &str,
    machine: &str,
    parent: &Parent,
    closing: &Closing,
) -> Option<Completion> {
    let succeeded = closing.status == Status::Succeeded;
    let outcome = match parent.report {
        ReportForm::Started | ReportForm::Submitted => return None,
        ReportForm::Sync | ReportForm::Sync2 => {
            let parsed = parent.report == ReportForm::Sync2 && succeeded;
            let described = described(execution, machine, closing, parsed, Dates::Millis);
            if succeeded {
                Outcome::Succeeded(Payload::from_value(&described))
            } else {
                Outcome::Failed(Failure {
                    error: Some(TASK_FAILED.into()),
                    cause: Some(described.to_string().into()),
                })
            }
        }
        ReportForm::Item | ReportForm::ItemInFull => {
            let in_full = parent.report == ReportForm::ItemInFull || !succeeded;
            let details = in_full
                .then(|| described(execution, machine, closing, false, Dates::Text))
                .map(|details| details.to_string());
            let output = closing.output.as_ref().map(Payload::as_str);
            item(parent, closing.status.as_str(), output, details.as_deref())
        }
    };
    Some(completion(parent, outcome))
}

/// What the parent hears of a child that can't be started.
#[must_use]
pub fn refused(parent: &Parent, error: &str, cause: &str) -> Completion {
    let outcome = match parent.report {
        ReportForm::Item | ReportForm::ItemInFull => {
            let details = json!({ "Status": "FAILED", "Error": error, "Cause": cause });
            item(parent, "FAILED", None, Some(&details.to_string()))
        }
        _ => Outcome::Failed(Failure {
            error: Some(error.into()),
            cause: Some(cause.into()),
        }),
    };
    completion(parent, outcome)
}

/// The end of a Map's child, for the map run. Texts are JSON already.
fn item(parent: &Parent, status: &str, output: Option<&str>, details: Option<&str>) -> Outcome {
    let index = parent.item.as_ref().map_or(0, |item| item.index);
    let mut text = format!("{{\"child\":{index},\"status\":\"{status}\"");
    for (name, value) in [("output", output), ("details", details)] {
        if let Some(value) = value {
            text.push_str(&format!(",\"{name}\":{value}"));
        }
    }
    text.push('}');
    Outcome::Succeeded(Payload::from_text(&text).expect("JSON texts in an object are JSON"))
}

fn completion(parent: &Parent, outcome: Outcome) -> Completion {
    Completion {
        token: TaskToken::from_opaque(&parent.token),
        outcome,
        traceparent: None,
    }
}

/// How times are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dates {
    /// Milliseconds since the epoch.
    Millis,
    /// RFC 3339.
    Text,
}

/// All that is known of a child: AWS's DescribeExecution. `parsed`: input and output as JSON and not as text.
fn described(
    execution: &str,
    machine: &str,
    closing: &Closing,
    parsed: bool,
    dates: Dates,
) -> Value {
    let data = |payload: &Payload| match parsed {
        true => payload.to_value(),
        false => Value::from(payload.as_str()),
    };
    let date = |ms: i64| match dates {
        Dates::Millis => Value::from(ms),
        Dates::Text => Value::from(rfc3339(ms)),
    };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    if let Some(cause) = &closing.failure.cause {
        put("Cause", (&**cause).into());
    }
    if let Some(error) = &closing.failure.error {
        put("Error", (&**error).into());
    }
    put("ExecutionArn", execution.into());
    put("Input", data(&closing.input));
    put("InputDetails", json!({ "Included": true }));
    let name = ExecutionArn::parse(execution).map_or("", |arn| arn.name);
    put("Name", name.into());
    if let Some(output) = &closing.output {
        put("Output", data(output));
        put("OutputDetails", json!({ "Included": true }));
    }
    put("StartDate", date(closing.start_ms));
    put("StateMachineArn", machine.into());
    put("Status", closing.status.as_str().into());
    put("StopDate", date(closing.stop_ms));
    Value::Object(fields)
}

/// What AWS's SDK adds to an answer; here nothing was sent over HTTP.
fn sdk_metadata() -> Value {
    json!({ "AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200 })
}

fn request_id(execution: &str) -> String {
    let hash = baton_schemas::arn::arn_hash(execution);
    let hex = format!("{hash:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
