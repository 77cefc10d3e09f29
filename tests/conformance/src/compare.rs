//! Comparing an execution with what AWS recorded, level by level.
//!
//! Owns: the levels of the recordings' README, "Comparing histories": 1 (result), 1c (its cause), 2 (the events in any
//! order), 3 (order and ids). Values are compared by `values`.

use crate::case::Case;
use crate::values::Bindings;
use crate::verdict::{Check, Verdict};
use baton_schemas::history::Failure;
use serde_json::{Map, Value};

/// What became of an execution.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// As AWS names it.
    pub status: String,
    /// Output, if it succeeded.
    pub output: Option<Value>,
    /// Error and cause, if it did not.
    pub failure: Failure,
    /// As GetExecutionHistory shows it.
    pub history: Vec<Value>,
    /// As it is logged.
    pub logs: Vec<Value>,
}

/// Compares at every level.
#[must_use]
pub fn execution(case: &Case, outcome: &Outcome) -> Verdict {
    let expect = &case.json["expect"];
    let mut bindings = Bindings::new(&case.literal);
    let result = result(expect, outcome, &mut bindings);
    let cause = expect.get("cause").map(|expected| {
        let found = text(outcome.failure.cause.as_deref());
        same("cause", expected, &found, &mut bindings)
    });
    // Where the recording sorted a Parallel's events, ids are gone and so is the order.
    let sorted = expect.get("history_order").is_some();
    let bag = case
        .history()
        .map(|history| bag(case, history, &outcome.history, sorted));
    let order = case.history().filter(|_| !sorted).map(|history| {
        let compare = if is_concurrent(case) { chains } else { order };
        compare(case, history, &outcome.history)
    });
    Verdict {
        result: Some(result),
        cause,
        bag,
        order,
        ..Verdict::default()
    }
}

fn result(expect: &Value, outcome: &Outcome, bindings: &mut Bindings<'_>) -> Check {
    if expect["status"] != outcome.status.as_str() {
        let failure = &outcome.failure;
        return Err(format!(
            "status: expected {}, found {} {:?} {:?}",
            expect["status"], outcome.status, failure.error, failure.cause
        ));
    }
    if let Some(expected) = expect.get("output") {
        let found = outcome.output.clone().unwrap_or(Value::Null);
        same("output", expected, &found, bindings)?;
    }
    if let Some(expected) = expect.get("error") {
        let found = text(outcome.failure.error.as_deref());
        same("error", expected, &found, bindings)?;
    }
    logged(expect, &outcome.logs, bindings)
}

/// What was logged, where that was recorded: all of it, or the last record.
fn logged(expect: &Value, logs: &[Value], bindings: &mut Bindings<'_>) -> Check {
    let found: Vec<Value> = logs.iter().map(with_parsed_details).collect();
    if let Some(expected) = expect.get("logged_execution_events") {
        same("logged", expected, &Value::from(found.clone()), bindings)?;
    }
    match expect.get("end_event") {
        Some(expected) => {
            let last = found.last().cloned().unwrap_or(Value::Null);
            same("logged last", expected, &last, bindings)
        }
        None => Ok(()),
    }
}

fn with_parsed_details(record: &Value) -> Value {
    let mut record = record.clone();
    if let Some(details) = record["details"].as_object_mut() {
        for (name, value) in details {
            *value = parsed(name, value);
        }
    }
    record
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

fn same(what: &str, expected: &Value, found: &Value, bindings: &mut Bindings<'_>) -> Check {
    let same = bindings.matches(expected, found);
    check(same, || {
        format!("{what}: expected {expected}, found {found}")
    })
}

/// Level 2: the same events in any order, without ids.
fn bag(case: &Case, expected: &[Value], found: &[Value], sorted: bool) -> Check {
    let mut bindings = Bindings::new(&case.literal);
    let mut left: Vec<&Value> = found.iter().collect();
    for event in expected {
        let at = left
            .iter()
            .position(|other| same_event(event, other, &mut bindings));
        match at {
            Some(at) => drop(left.remove(at)),
            None => {
                return Err(format!(
                    "bag: no event like {event} in {}",
                    nearest(event, &left, found)
                ));
            }
        }
    }
    // The sorted recordings lost the events that end a Parallel.
    left.retain(|event| !(sorted && type_of(event).starts_with("ParallelState")));
    check(left.is_empty(), || {
        format!("bag: {} events too many: {left:?}", left.len())
    })
}

/// Level 3: the same events, ids and previous ids.
fn order(case: &Case, expected: &[Value], found: &[Value]) -> Check {
    let mut bindings = Bindings::new(&case.literal);
    for (event, other) in expected.iter().zip(found) {
        let ids =
            event["id"] == other["id"] && event["previousEventId"] == other["previousEventId"];
        check(ids && same_event(event, other, &mut bindings), || {
            format!("order: expected {event}, found {other}")
        })?;
    }
    check(expected.len() == found.len(), || {
        format!("order: {} events, not {}", found.len(), expected.len())
    })
}

/// Level 3 where events may interleave: following the previous ids back from each event gives the same chains.
fn chains(_case: &Case, expected: &[Value], found: &[Value]) -> Check {
    let (mut wanted, mut had) = (paths(expected), paths(found));
    wanted.sort_unstable();
    had.sort_unstable();
    let other = wanted.iter().find(|path| had.binary_search(path).is_err());
    check(wanted == had, || format!("order: no chain like {other:?}"))
}

/// For each event its type and name, and those of all before it.
fn paths(history: &[Value]) -> Vec<String> {
    let step = |event: &Value| {
        let name = details(event)
            .and_then(|(_, fields)| fields.get("name")?.as_str())
            .unwrap_or("");
        format!("{} {name}", type_of(event))
    };
    let before = |at: &Value| {
        let previous = &at["previousEventId"];
        history
            .iter()
            .find(|e| e["id"] == *previous && e["id"] != at["id"])
    };
    let path = |event| {
        let (mut path, mut at, mut length) = (step(event), event, 0);
        // Previous ids only ever go back; a history where they don't still ends here.
        while let Some(earlier) = before(at).filter(|_| length < history.len()) {
            path.push_str(" < ");
            path.push_str(&step(earlier));
            (at, length) = (earlier, length + 1);
        }
        path
    };
    history.iter().map(path).collect()
}

fn same_event(expected: &Value, found: &Value, bindings: &mut Bindings<'_>) -> bool {
    if expected["type"] != found["type"] {
        return false;
    }
    let before = bindings.clone();
    let same = match (details(expected), details(found)) {
        (None, None) => true,
        (Some((key, fields)), Some((other_key, others))) => {
            key == other_key && same_fields(fields, others, bindings)
        }
        _ => false,
    };
    if !same {
        *bindings = before;
    }
    same
}

fn same_fields(
    fields: &Map<String, Value>,
    others: &Map<String, Value>,
    bindings: &mut Bindings<'_>,
) -> bool {
    fields.len() == others.len()
        && fields.iter().all(|(name, value)| {
            others
                .get(name)
                .is_some_and(|other| bindings.matches(value, &parsed(name, other)))
        })
}

/// AWS writes payloads and the values of variables as JSON text; the recordings hold them parsed.
fn parsed(name: &str, found: &Value) -> Value {
    let value = |found: &Value| match found.as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| found.clone()),
        None => found.clone(),
    };
    match (name, found) {
        ("input" | "output" | "parameters", _) => value(found),
        ("assignedVariables", Value::Object(variables)) => variables
            .iter()
            .map(|(name, text)| (name.clone(), value(text)))
            .collect(),
        _ => found.clone(),
    }
}

/// An event's details and their name.
fn details(event: &Value) -> Option<(&String, &Map<String, Value>)> {
    let found = event
        .as_object()?
        .iter()
        .find(|(key, _)| key.ends_with("Details"));
    found.and_then(|(key, value)| Some((key, value.as_object()?)))
}

/// Whether branches or iterations may interleave.
fn is_concurrent(case: &Case) -> bool {
    let forks =
        |event: &Value| ["MapIterationStarted", "ParallelStateStarted"].contains(&type_of(event));
    case.history().into_iter().flatten().any(forks) && !is_one_at_a_time(&case.json["definition"])
}

/// Whether some Map of the definition runs its items one after another.
fn is_one_at_a_time(definition: &Value) -> bool {
    match definition {
        Value::Object(fields) => {
            fields.get("MaxConcurrency") == Some(&Value::from(1))
                || fields.values().any(is_one_at_a_time)
        }
        Value::Array(items) => items.iter().any(is_one_at_a_time),
        _ => false,
    }
}

fn type_of(event: &Value) -> &str {
    event["type"].as_str().unwrap_or("")
}

/// For a message: the events left that have the wanted type, or the types of all.
fn nearest(wanted: &Value, left: &[&Value], all: &[Value]) -> String {
    let alike: Vec<String> = left
        .iter()
        .filter(|e| e["type"] == wanted["type"])
        .take(2)
        .map(|e| e.to_string())
        .collect();
    if alike.is_empty() {
        let types: Vec<&str> = all.iter().map(type_of).collect();
        return format!(
            "{} ... {}",
            types.join(" "),
            all.last().map(Value::to_string).unwrap_or_default()
        );
    }
    alike.join(" or ")
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(why()) }
}
