//! Where states lead to, within one scope.
//!
//! Owns: missing targets, unreachable states, a machine without an end. Looks at the JSON alone, so that a state with
//! other faults still counts. Codes, words and locations are AWS's.

use crate::findings::{Findings, Place};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Checks the transitions of the scope at `place`, whose states are `states`.
pub(crate) fn check(
    scope: &Map<String, Value>,
    states: &Map<String, Value>,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
) {
    let numbers: BTreeMap<&str, usize> = states
        .keys()
        .enumerate()
        .map(|(i, name)| (name.as_str(), i))
        .collect();
    let index = |name: &str| numbers.get(name).copied();
    let mut targets: Vec<Vec<usize>> = vec![Vec::new(); states.len()];
    let states_place = place.field("States");
    for (number, (name, state)) in states.iter().enumerate() {
        each_target(
            state,
            &states_place.field(name),
            &mut |target, at| match index(target) {
                Some(found) => targets[number].push(found),
                None => missing(target, at, findings),
            },
        );
    }
    let Some(start) = scope.get("StartAt").and_then(Value::as_str) else {
        return;
    };
    let start = index(start).or_else(|| {
        missing(start, &place.field("StartAt"), findings);
        None
    });
    let is_whole_machine = place.to_string() == "/";
    if is_whole_machine && !states.is_empty() && !states.values().any(is_terminal) {
        findings.error_of_all(
            "MISSING_END_STATE",
            "Workflow has no terminal state".to_owned(),
        );
        return;
    }
    for (name, _) in states
        .keys()
        .zip(reachable(start, &targets))
        .filter(|(_, is_reached)| !is_reached)
    {
        let message = format!("State \"{name}\" is not reachable.");
        findings.error(
            "MISSING_TRANSITION_TARGET",
            &states_place.field(name),
            message,
        );
    }
}

fn missing(target: &str, place: &Place<'_>, findings: &mut Findings<'_>) {
    findings.error(
        "MISSING_TRANSITION_TARGET",
        place,
        format!("Missing 'Next' target: {target}"),
    );
}

fn is_terminal(state: &Value) -> bool {
    let kind = state.get("Type").and_then(Value::as_str);
    matches!(kind, Some("Succeed" | "Fail")) || state.get("End") == Some(&Value::Bool(true))
}

/// Calls `found` with each name that the state leads to and the place that says so.
fn each_target(state: &Value, place: &Place<'_>, found: &mut dyn FnMut(&str, &Place<'_>)) {
    for field in ["Next", "Default"] {
        if let Some(target) = state.get(field).and_then(Value::as_str) {
            found(target, &place.field(field));
        }
    }
    for field in ["Choices", "Catch"] {
        let list = place.field(field);
        for (i, entry) in state
            .get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            if let Some(target) = entry.get("Next").and_then(Value::as_str) {
                found(target, &list.item(i).field("Next"));
            }
        }
    }
}

fn reachable(start: Option<usize>, targets: &[Vec<usize>]) -> Vec<bool> {
    let mut reached = vec![false; targets.len()];
    let mut open: Vec<usize> = start.into_iter().collect();
    while let Some(state) = open.pop() {
        if !std::mem::replace(&mut reached[state], true) {
            open.extend(&targets[state]);
        }
    }
    reached
}
