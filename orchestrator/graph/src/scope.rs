//! States and links of a definition, scope by scope.

use crate::limits::{DEPTH_MAX, STATES_MAX, TEXT_LENGTH_MAX};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// States that can reach each other: a machine, a branch or an item processor.
#[derive(Debug, Default)]
pub struct Scope {
    /// Index of the first state.
    pub start: Option<usize>,
    /// In the order of the text.
    pub states: Vec<State>,
    /// Where they lead.
    pub links: Vec<Link>,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// Name.
    pub name: String,
    /// `Task`, `Choice`, ...
    pub kind: String,
    /// What is said below the name: type, and what is called.
    pub about: String,
    /// Scopes within it.
    pub inner: Vec<Scope>,
}

/// A transition.
#[derive(Debug)]
pub struct Link {
    /// Index of the state that is left.
    pub from: usize,
    /// Index of the state that is entered; `None` is the end.
    pub to: Option<usize>,
    /// Which sort.
    pub kind: LinkKind,
    /// What is said beside it.
    pub label: String,
}

/// Sorts of transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `Next`, `Default`, a rule of a Choice, or the end.
    Next,
    /// A catcher.
    Catch,
}

/// Reads a definition.
///
/// # Errors
/// When it has no states.
pub fn read(definition: &Value) -> Result<Scope, String> {
    let mut left = STATES_MAX;
    let scope = scope(definition, DEPTH_MAX, &mut left);
    if scope.states.is_empty() {
        return Err("the definition has no States to draw".to_owned());
    }
    Ok(scope)
}

fn scope(definition: &Value, depth: usize, left: &mut usize) -> Scope {
    let Some(states) = definition["States"].as_object().filter(|_| depth > 0) else {
        return Scope::default();
    };
    let shown: Vec<(&String, &Value)> = states.iter().take(*left).collect();
    *left -= shown.len();
    let index: BTreeMap<&str, usize> = shown
        .iter()
        .enumerate()
        .map(|(at, (name, _))| (name.as_str(), at))
        .collect();
    let mut scope = Scope {
        start: definition["StartAt"]
            .as_str()
            .and_then(|name| index.get(name).copied()),
        ..Scope::default()
    };
    for (from, (name, state)) in shown.into_iter().enumerate() {
        links(from, state, &index, &mut scope.links);
        scope.states.push(State {
            name: name.clone(),
            kind: state["Type"].as_str().unwrap_or("").to_owned(),
            about: about(state),
            inner: inner(state, depth, left),
        });
    }
    scope
}

fn inner(state: &Value, depth: usize, left: &mut usize) -> Vec<Scope> {
    let branches = state["Branches"].as_array().into_iter().flatten();
    let processors = ["ItemProcessor", "Iterator"]
        .iter()
        .filter_map(|key| state.get(*key));
    branches
        .chain(processors)
        .map(|inner| scope(inner, depth - 1, left))
        .filter(|inner| !inner.states.is_empty())
        .collect()
}

fn links(from: usize, state: &Value, index: &BTreeMap<&str, usize>, links: &mut Vec<Link>) {
    let mut link = |to: &Value, kind, label: String| {
        if let Some(to) = to.as_str().and_then(|name| index.get(name).copied()) {
            let label = shortened(&label);
            let to = Some(to);
            links.push(Link {
                from,
                to,
                kind,
                label,
            });
        }
    };
    for rule in state["Choices"].as_array().into_iter().flatten() {
        link(&rule["Next"], LinkKind::Next, condition(rule));
    }
    if state.get("Choices").is_some() {
        link(&state["Default"], LinkKind::Next, "else".to_owned());
    } else {
        link(&state["Next"], LinkKind::Next, String::new());
    }
    for catcher in state["Catch"].as_array().into_iter().flatten() {
        let errors = catcher["ErrorEquals"].as_array().into_iter().flatten();
        let errors: Vec<&str> = errors.filter_map(Value::as_str).collect();
        link(&catcher["Next"], LinkKind::Catch, errors.join(", "));
    }
    let ends = ["Succeed", "Fail"]
        .iter()
        .any(|kind| state["Type"] == **kind);
    if ends || state["End"] == true {
        links.push(Link {
            from,
            to: None,
            kind: LinkKind::Next,
            label: String::new(),
        });
    }
}

/// A rule in few words: `$.a > 3`, `not (...)`, the JSONata condition.
fn condition(rule: &Value) -> String {
    let Some(fields) = rule.as_object() else {
        return String::new();
    };
    if let Some(text) = fields.get("Condition") {
        let text = text
            .as_str()
            .map_or_else(|| text.to_string(), str::to_owned);
        let inside = text
            .trim()
            .strip_prefix("{%")
            .and_then(|rest| rest.strip_suffix("%}"));
        return inside.map_or(text.clone(), |inside| inside.trim().to_owned());
    }
    if let Some(not) = fields.get("Not") {
        return format!("not ({})", condition(not));
    }
    for (key, word) in [("And", " and "), ("Or", " or ")] {
        if let Some(rules) = fields.get(key).and_then(Value::as_array) {
            return rules.iter().map(condition).collect::<Vec<_>>().join(word);
        }
    }
    comparison(fields)
}

fn comparison(fields: &Map<String, Value>) -> String {
    let variable = fields.get("Variable").and_then(Value::as_str).unwrap_or("");
    let operator = fields.iter().find(|(key, _)| {
        !["Variable", "Next", "Comment", "Assign", "Output"].contains(&key.as_str())
    });
    let Some((name, value)) = operator else {
        return variable.to_owned();
    };
    let sign = [
        ("GreaterThanEquals", ">="),
        ("LessThanEquals", "<="),
        ("GreaterThan", ">"),
        ("LessThan", "<"),
        ("Equals", "="),
        ("Matches", "like"),
    ]
    .into_iter()
    .find(|(word, _)| name.trim_end_matches("Path").ends_with(word));
    match sign {
        Some((_, sign)) => format!("{variable} {sign} {value}"),
        None if value == false => format!("not {name} {variable}"),
        None => format!("{name} {variable}"),
    }
}

fn about(state: &Value) -> String {
    let kind = state["Type"].as_str().unwrap_or("");
    let more = match kind {
        "Task" => resource(state),
        "Wait" => ["Seconds", "Timestamp", "SecondsPath", "TimestampPath"]
            .iter()
            .find_map(|key| state.get(*key))
            .map(|value| {
                value
                    .as_str()
                    .map_or_else(|| format!("{value} s"), str::to_owned)
            }),
        "Fail" => state["Error"].as_str().map(str::to_owned),
        _ => None,
    };
    match more {
        Some(more) => shortened(&format!("{kind} \u{b7} {more}")),
        None => kind.to_owned(),
    }
}

/// What a Task calls, without what all have in common.
fn resource(state: &Value) -> Option<String> {
    let arn = state["Resource"].as_str()?;
    let name = arn.strip_prefix("arn:aws:states:::").unwrap_or(arn);
    Some(match name.rsplit_once(":activity:") {
        Some((_, activity)) => activity.to_owned(),
        None => name
            .rsplit_once(":function:")
            .map_or(name, |(_, function)| function)
            .to_owned(),
    })
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_LENGTH_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(TEXT_LENGTH_MAX - 1).collect();
    format!("{}\u{2026}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_are_said_in_few_words() {
        let said = |rule: Value| condition(&rule);
        assert_eq!(
            said(json!({"Variable": "$.a", "NumericGreaterThanEquals": 3, "Next": "B"})),
            "$.a >= 3"
        );
        assert_eq!(
            said(json!({"Not": {"Variable": "$.a", "IsPresent": true}})),
            "not (IsPresent $.a)"
        );
        let both = json!({"And": [{"Variable": "$.a", "StringEquals": "x"}, {"Variable": "$.b", "BooleanEquals": false}]});
        assert_eq!(said(both), "$.a = \"x\" and $.b = false");
        assert_eq!(
            said(json!({"Condition": "{% $x > 1 %}", "Next": "B"})),
            "$x > 1"
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_left_out() {
        let scope =
            read(&json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Gone"}}}))
                .unwrap();
        assert!(scope.links.is_empty());
        assert!(read(&json!({"StartAt": "A"})).is_err());
    }
}
