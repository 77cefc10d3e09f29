//! Which workflow variables each state of a definition reads, as DescribeStateMachine shows them.
//!
//! Owns: finding `$name` where a path, an intrinsic function or a JSONata expression may stand. Source:
//! `variableReferences` in AWS's API reference, DescribeStateMachine.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Names of variables by state; states that read none are left out.
pub type References = BTreeMap<String, BTreeSet<String>>;

/// The references of a definition (ASL text that compiles).
pub fn references(definition: &str) -> References {
    let mut found = References::new();
    let Ok(Value::Object(machine)) = serde_json::from_str(definition) else {
        return found;
    };
    let mut assigned = BTreeSet::new();
    assigned_names(&Value::Object(machine.clone()), &mut assigned);
    if !assigned.is_empty() {
        of_states(&machine, &assigned, &mut found);
    }
    found
}

/// Every name that any `Assign` of the definition sets. Nesting is bounded by the parser.
fn assigned_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(assign)) = fields.get("Assign") {
                let name = |key: &String| key.strip_suffix(".$").unwrap_or(key).to_owned();
                names.extend(assign.keys().map(name));
            }
            fields.values().for_each(|v| assigned_names(v, names));
        }
        Value::Array(items) => items.iter().for_each(|v| assigned_names(v, names)),
        _ => {}
    }
}

fn of_states(machine: &Map<String, Value>, assigned: &BTreeSet<String>, found: &mut References) {
    let states = machine.get("States").and_then(Value::as_object);
    for (name, state) in states.into_iter().flatten() {
        let Some(state) = state.as_object() else {
            continue;
        };
        let mut names = BTreeSet::new();
        for (key, value) in state {
            match (key.as_str(), value) {
                ("ItemProcessor" | "Iterator", Value::Object(inner)) => {
                    of_states(inner, assigned, found);
                }
                ("Branches", Value::Array(branches)) => {
                    let inner = branches.iter().filter_map(Value::as_object);
                    inner.for_each(|branch| of_states(branch, assigned, found));
                }
                _ => of_field(key, value, assigned, &mut names),
            }
        }
        if !names.is_empty() {
            found.entry(name.clone()).or_default().extend(names);
        }
    }
}

fn of_field(key: &str, value: &Value, assigned: &BTreeSet<String>, names: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let is_path = key.ends_with(".$") || key.ends_with("Path") || key == "Variable";
            if is_path || text.starts_with("{%") {
                let read = variables(text).filter(|name| assigned.contains(*name));
                names.extend(read.map(ToOwned::to_owned));
            }
        }
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| of_field(key, value, assigned, names)),
        Value::Array(items) => items
            .iter()
            .for_each(|item| of_field(key, item, assigned, names)),
        _ => {}
    }
}

/// What looks like a variable: `$` and a name, outside of quotes. `$$.` is the context object, `$.` the input.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    // Every other part lies within quotes.
    let outside = text.split('\'').step_by(2);
    outside.flat_map(move |part| {
        part.match_indices('$').filter_map(move |(at, _)| {
            let rest = &part[at + 1..];
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            (end > 0 && !part[..at].ends_with('$')).then(|| &rest[..end])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_are_found_where_they_are_read() {
        let definition = json!({"StartAt": "Set", "States": {
            "Set": {"Type": "Pass", "Assign": {"a": "$b", "b.$": "$.b", "c": 1}, "Next": "Use"},
            "Use": {"Type": "Map", "ItemsPath": "$a", "ItemSelector": {
                "x.$": "States.Format('{} $c', $b)", "y": "$c", "z.$": "$$.c", "w.$": "$.c"
            }, "ItemProcessor": {"StartAt": "In", "States": {
                "In": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $c + $sum([1]) %}", "End": true}
            }}, "End": true}
        }});
        let found = serde_json::to_value(references(&definition.to_string())).unwrap();
        assert_eq!(found, json!({"In": ["c"], "Use": ["a", "b"]}));
        assert_eq!(references("{}"), References::new());
    }
}
