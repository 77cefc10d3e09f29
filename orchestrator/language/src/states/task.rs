//! Task: has work done by a worker.

use super::Draft;
use crate::fields::{Fields, Role};
use crate::limits;
use crate::program::{SecondsSource, StateKind, Task};
use crate::resource::Resource;
use serde_json::Value;

pub(super) const FIELDS: &[&str] = &[
    "Resource",
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "Credentials",
];
pub(super) const PATHS: &[&str] = &["TimeoutSecondsPath", "HeartbeatSecondsPath"];

pub(super) fn parse(draft: &mut Draft<'_, '_, '_>) -> Option<StateKind> {
    let timeout = draft.number(
        "TimeoutSeconds",
        "TimeoutSecondsPath",
        1..=limits::SECONDS_MAX,
    );
    let heartbeat = draft.number(
        "HeartbeatSeconds",
        "HeartbeatSecondsPath",
        1..=limits::SECONDS_MAX,
    );
    if let (Some(SecondsSource::Fixed(timeout)), Some(SecondsSource::Fixed(heartbeat))) =
        (&timeout, &heartbeat)
        && heartbeat >= timeout
    {
        let message = format!(
            "HeartbeatSeconds ({heartbeat}) must be smaller than TimeoutSeconds ({timeout})"
        );
        let place = draft.fields.place.field("HeartbeatSeconds");
        draft.compiler.findings.invalid(&place, message);
    }
    credentials_name_a_role(draft);
    let credentials = draft.recipe(draft.fields, "Credentials", Role::default());
    let resource = resource(draft)?;
    Some(StateKind::Task(Task {
        resource,
        timeout,
        heartbeat,
        credentials,
    }))
}

/// AWS takes credentials for the sake of their role alone.
fn credentials_name_a_role(draft: &mut Draft<'_, '_, '_>) {
    let Some(credentials) = draft.fields.get("Credentials").and_then(Value::as_object) else {
        return;
    };
    if !["RoleArn", "RoleArn.$"]
        .iter()
        .any(|name| credentials.contains_key(*name))
    {
        let message = "The field 'RoleArn' is required but was missing".to_owned();
        let place = draft.fields.place.field("Credentials");
        draft.compiler.findings.invalid(&place, message);
    }
}

fn resource(draft: &mut Draft<'_, '_, '_>) -> Option<Resource> {
    let fields = draft.fields;
    let findings = &mut draft.compiler.findings;
    if !fields.require(&["Resource"], findings) {
        return None;
    }
    let arn = fields.text("Resource", findings)?;
    let place = fields.place.field("Resource");
    if draft.compiler.is_express && arn.starts_with("arn:aws:states:::") {
        // The blank at the end is AWS's.
        let refused = if arn.ends_with(".waitForTaskToken") {
            Some("Express state machine does not support '.waitForTaskToken' service integration ")
        } else if arn.contains(".sync") {
            Some("Express state machine does not support '.sync' service integration")
        } else {
            None
        };
        if let Some(message) = refused {
            findings.invalid(&place, message.to_owned());
            return None;
        }
    }
    let resource = Resource::parse(arn)
        .map_err(|why| findings.invalid(&place, why))
        .ok()?;
    if &*resource.kind == "lambda" && !names_function(fields) {
        let holder = ["Parameters", "Arguments"]
            .into_iter()
            .find(|name| fields.has(name));
        let within = holder.map(|name| fields.place.field(name));
        findings.invalid(
            within.as_ref().unwrap_or(fields.place),
            "The field 'FunctionName' is required but was missing".to_owned(),
        );
    }
    Some(resource)
}

/// Whether the parameters say which function to call.
fn names_function(fields: Fields<'_>) -> bool {
    let has = |name| {
        fields
            .get("Parameters")
            .is_some_and(|found| found.get(name).is_some())
    };
    // Arguments that are one expression are known when it is evaluated.
    let arguments = fields.get("Arguments");
    let may_have =
        arguments.is_some_and(|found| !found.is_object() || found.get("FunctionName").is_some());
    has("FunctionName") || has("FunctionName.$") || may_have
}
