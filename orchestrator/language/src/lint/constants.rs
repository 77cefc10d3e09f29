//! Paths that can't apply, because what they are applied to is known.
//!
//! Owns: what is known of a state's input, which is something where the only way to it leads from a Pass state with a fixed
//! `Result` or `Output`, past states that pass it on; and the paths of the state tried on it.

use super::graph::Graph;
use super::texts::each_template_path;
use super::{At, language_of};
use crate::chance::Chance;
use crate::findings::{Findings, Place};
use crate::path::{Path, ReferencePath, Scope};
use crate::program::Language;
use crate::{Variables, limits};
use serde_json::{Map, Value};

const CODE: &str = "PATH_CANNOT_APPLY";
/// Longest part of a value that a message repeats, characters.
const SHOWN_LENGTH_MAX: usize = 60;

/// What a field's path must lead to.
#[derive(Clone, Copy)]
enum Wanted {
    Anything,
    Array,
    Number,
    Text,
}

const FIELDS: &[(&str, Wanted)] = &[
    ("ItemsPath", Wanted::Array),
    ("SecondsPath", Wanted::Number),
    ("TimestampPath", Wanted::Text),
    ("TimeoutSecondsPath", Wanted::Number),
    ("HeartbeatSecondsPath", Wanted::Number),
    ("MaxConcurrencyPath", Wanted::Number),
    ("ErrorPath", Wanted::Text),
    ("CausePath", Wanted::Text),
];

/// Reports the paths of the state that can't apply to its input, where that is known.
pub(super) fn check(
    at: At<'_>,
    graph: &Graph<'_>,
    states: &Map<String, Value>,
    language: Language,
    findings: &mut Findings<'_>,
) {
    if at.language == Language::Jsonata {
        return;
    }
    let known = Known {
        graph,
        states,
        language,
    };
    let Some((input, origin)) = known.input(at.name, 0) else {
        return;
    };
    let mut tried = Tried {
        value: input,
        origin,
        findings,
    };
    let effective = match at.state.get("InputPath") {
        None => tried.value.clone(),
        Some(Value::String(text)) => {
            let place = at.place.field("InputPath");
            match tried.path(text, &place, Wanted::Anything) {
                Some(found) => found,
                None => return,
            }
        }
        Some(_) => return,
    };
    tried.value = effective;
    for (field, wanted) in FIELDS {
        if let Some(text) = at.state.get(*field).and_then(Value::as_str) {
            tried.path(text, &at.place.field(field), *wanted);
        }
    }
    if matches!(at.kind(), "Pass" | "Task" | "Parallel")
        && let Some(template) = at.state.get("Parameters").and_then(Value::as_object)
    {
        each_template_path(
            template,
            &at.place.field("Parameters"),
            &mut |text, place| {
                tried.path(text, place, Wanted::Anything);
            },
        );
    }
    choices(at, &mut tried);
}

/// A rule without `IsPresent` needs its variable.
fn choices(at: At<'_>, tried: &mut Tried<'_, '_>) {
    let rules = at.state.get("Choices").and_then(Value::as_array);
    let place = at.place.field("Choices");
    for (i, rule) in rules.into_iter().flatten().enumerate() {
        let is_simple = rule.get("IsPresent").is_none();
        if let (true, Some(text)) = (is_simple, rule.get("Variable").and_then(Value::as_str)) {
            tried.path(text, &place.item(i).field("Variable"), Wanted::Anything);
        }
    }
}

struct Tried<'a, 'v> {
    value: Value,
    origin: &'a str,
    findings: &'a mut Findings<'v>,
}

impl Tried<'_, '_> {
    /// What the path finds; `None` if that isn't known, or nothing, which is reported.
    fn path(&mut self, text: &str, place: &Place<'_>, wanted: Wanted) -> Option<Value> {
        let path = Path::parse(text).ok().filter(Path::is_query_of_input)?;
        let found = find(&path, &self.value)?;
        let fits = match (&found, wanted) {
            (None, _) => false,
            (Some(_), Wanted::Anything) => true,
            (Some(value), Wanted::Array) => value.is_array(),
            // A text that is a number counts as one.
            (Some(value), Wanted::Number) => value.is_number() || value.is_string(),
            (Some(value), Wanted::Text) => value.is_string(),
        };
        if !fits {
            let message = match (&found, wanted) {
                (Some(_), Wanted::Array) => format!("The path '{text}' leads to no array"),
                (Some(_), Wanted::Number) => format!("The path '{text}' leads to no number"),
                (Some(_), _) => format!("The path '{text}' leads to no text"),
                (None, _) => format!("The path '{text}' finds nothing"),
            };
            let help = format!(
                "the input is always what '{}' gives: {}",
                self.origin,
                shown(&self.value)
            );
            self.findings.warn(CODE, place, message, Some(help));
            return None;
        }
        found
    }
}

/// What is known of states.
struct Known<'a, 'v> {
    graph: &'a Graph<'v>,
    states: &'a Map<String, Value>,
    language: Language,
}

impl<'a> Known<'a, '_> {
    /// The state's raw input, and the state that fixes it.
    fn input(&self, name: &str, depth: usize) -> Option<(Value, &'a str)> {
        if self.graph.start == Some(name) || depth > limits::DEPTH_MAX {
            return None;
        }
        let [edge] = self.graph.into.get(name)?.as_slice() else {
            return None;
        };
        if edge.caught {
            return None;
        }
        self.output(edge.from, depth + 1)
    }

    fn output(&self, name: &str, depth: usize) -> Option<(Value, &'a str)> {
        let (name, state) = self.states.get_key_value(name)?;
        let fields = state.as_object()?;
        let kind = fields.get("Type").and_then(Value::as_str)?;
        let passes = matches!(kind, "Pass" | "Wait" | "Choice" | "Succeed");
        if language_of(state).unwrap_or(self.language) == Language::Jsonata {
            return match fields.get("Output") {
                None if passes => self.input(name, depth),
                Some(output) if passes && is_literal(output) => Some((output.clone(), name)),
                _ => None,
            };
        }
        let (value, origin) = match (kind, fields.get("Result")) {
            ("Pass", Some(result)) => self.with_result(name, fields, result, depth)?,
            _ if passes
                && !fields.contains_key("Parameters")
                && !fields.contains_key("ResultPath") =>
            {
                let (input, origin) = self.input(name, depth)?;
                (selected(input, fields.get("InputPath"))?, origin)
            }
            _ => return None,
        };
        Some((selected(value, fields.get("OutputPath"))?, origin))
    }

    fn with_result(
        &self,
        name: &'a str,
        fields: &Map<String, Value>,
        result: &Value,
        depth: usize,
    ) -> Option<(Value, &'a str)> {
        match fields.get("ResultPath") {
            None => Some((result.clone(), name)),
            Some(Value::Null) => self.input(name, depth),
            Some(path) => {
                let path = ReferencePath::parse(path.as_str()?).ok()?;
                if path.is_root() {
                    return Some((result.clone(), name));
                }
                let (input, _) = self.input(name, depth)?;
                Some((path.insert(input, result.clone()).ok()?, name))
            }
        }
    }
}

fn selected(value: Value, path: Option<&Value>) -> Option<Value> {
    match path {
        None => Some(value),
        Some(Value::Null) => Some(Value::Object(Map::new())),
        Some(path) => {
            let path = Path::parse(path.as_str()?)
                .ok()
                .filter(Path::is_query_of_input)?;
            find(&path, &value)?
        }
    }
}

/// Whether no text of it is an expression.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.starts_with("{%"),
        Value::Array(items) => items.iter().all(is_literal),
        Value::Object(fields) => fields.values().all(is_literal),
        _ => true,
    }
}

/// What the path finds in `input`, if it can be followed.
fn find(path: &Path, input: &Value) -> Option<Option<Value>> {
    let (variables, chance) = (Variables::new(), Chance::new("", 0));
    let scope = Scope {
        input,
        text: None,
        context: &Value::Null,
        variables: &variables,
        chance: &chance,
    };
    let found = path.find(scope).ok()?;
    Some(found.map(|value| value.into_owned()))
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_LENGTH_MAX) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}
