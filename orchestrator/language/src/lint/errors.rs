//! Retriers and catchers that can never match.
//!
//! Owns: which reserved errors a state can't raise, and which names an earlier entry always takes first.

use super::At;
use crate::findings::Findings;
use crate::program::Language;
use serde_json::{Map, Value};

const CODE: &str = "ERROR_NEVER_MATCHES";

/// ASL's reserved error names (the specification's appendix A, and AWS's additions).
pub(crate) const RESERVED: &[&str] = &[
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

/// Reports names in `ErrorEquals` that can never match.
pub(super) fn check(at: At<'_>, findings: &mut Findings<'_>) {
    for list in ["Retry", "Catch"] {
        let Some(entries) = at.state.get(list).and_then(Value::as_array) else {
            continue;
        };
        let place = at.place.field(list);
        let mut earlier: Vec<(&str, usize)> = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            let entry_place = place.item(i);
            let names_place = entry_place.field("ErrorEquals");
            let names = entry.get("ErrorEquals").and_then(Value::as_array);
            for (j, name) in names.into_iter().flatten().enumerate() {
                let Some(name) = name.as_str() else {
                    continue;
                };
                let taken = earlier.iter().find(|(other, _)| takes(other, name));
                let why = match taken {
                    Some((other, k)) if *k == i && *other == name => {
                        Some("it is named twice".to_owned())
                    }
                    Some((other, k)) => Some(format!("{list}[{k}] takes it first, by '{other}'")),
                    None => never_raised(name, at),
                };
                if let Some(why) = why {
                    let message = format!("'{name}' can never match here");
                    findings.warn(CODE, &names_place.item(j), message, Some(why));
                }
                earlier.push((name, i));
            }
        }
    }
}

/// Whether an entry that names `earlier` takes every error that `name` would match.
fn takes(earlier: &str, name: &str) -> bool {
    match earlier {
        "States.ALL" => name != "States.DataLimitExceeded",
        "States.TaskFailed" => ![
            "States.ALL",
            "States.Timeout",
            "States.HeartbeatTimeout",
            "States.DataLimitExceeded",
        ]
        .contains(&name),
        "States.Timeout" => ["States.Timeout", "States.HeartbeatTimeout"].contains(&name),
        _ => earlier == name,
    }
}

/// Why the state can't raise this error.
fn never_raised(name: &str, at: At<'_>) -> Option<String> {
    let kind = at.kind();
    let has = |field: &str| contains(at.state, &|state| state.contains_key(field));
    let why = match name {
        "States.Runtime" => "nothing retries or catches it",
        "States.NoChoiceMatched" | "States.IntrinsicFailure" | "States.ParameterPathFailure" => {
            "it is raised as 'States.Runtime', which nothing retries or catches"
        }
        "States.BranchFailed" if kind != "Parallel" => "only a Parallel state has branches",
        "States.ExceedToleratedFailureThreshold" if kind != "Map" => {
            "only a Map state tolerates failures"
        }
        "States.ItemReaderFailed" if !has("ItemReader") => "the state has no ItemReader",
        "States.ResultWriterFailed" if !has("ResultWriter") => "the state has no ResultWriter",
        "States.HeartbeatTimeout" if !has("HeartbeatSeconds") && !has("HeartbeatSecondsPath") => {
            "no task of the state has HeartbeatSeconds"
        }
        "States.QueryEvaluationError" if !uses_jsonata(at) => "nothing in the state is JSONata",
        "States.ResultPathMatchFailure" if !has("ResultPath") => "the state has no ResultPath",
        name if name.starts_with("Lambda.") && !may_raise(at, &["lambda"]) => {
            "no task of the state calls a function"
        }
        name if name.starts_with("States.Http.") => {
            if may_raise(at, &["http"]) {
                return None;
            }
            "no task of the state calls HTTP"
        }
        name if name.starts_with("States.") && !RESERVED.contains(&name) => {
            "'States.' begins reserved names alone, and this isn't one of them"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

fn uses_jsonata(at: At<'_>) -> bool {
    let asks = |state: &Map<String, Value>| {
        state
            .get("QueryLanguage")
            .is_some_and(|language| language != "JSONPath")
    };
    at.language == Language::Jsonata || contains(at.state, &asks)
}

/// Whether a task within the state is of one of these services, or of those whose workers may report any error.
fn may_raise(at: At<'_>, services: &[&str]) -> bool {
    contains(at.state, &|state| {
        let Some(resource) = state.get("Resource").and_then(Value::as_str) else {
            return false;
        };
        let free = [
            "activity",
            ":baton:",
            "waitForTaskToken",
            ":states:startExecution",
        ];
        let named = |word: &&str| resource.contains(&format!(":{word}:"));
        services.iter().any(named) || free.iter().any(|word| resource.contains(word))
    })
}

/// Whether the state, or one within it, is such.
fn contains(state: &Map<String, Value>, is: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    if is(state) {
        return true;
    }
    let branches = state
        .get("Branches")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let processors = ["ItemProcessor", "Iterator"]
        .into_iter()
        .filter_map(|name| state.get(name));
    let scopes = branches
        .chain(processors)
        .filter_map(|scope| scope.get("States")?.as_object());
    scopes
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .any(|inner| contains(inner, is))
}
