//! The texts of a state that are more than text: paths, calls, expressions.
//!
//! Owns: finding them, and what is wrong with them by themselves: a path that is only text, a function that isn't there, a
//! field of `$states` that the state doesn't have.

use super::At;
use crate::findings::{Findings, Place};
use crate::jsonata::{Expression, is_function};
use crate::program::Language;
use serde_json::{Map, Value};

/// A text of a state.
pub(super) enum Text<'a> {
    /// A JSONata expression, without its marks.
    Expression(&'a str),
    /// A path or an intrinsic call.
    Path(&'a str),
    /// Text of a template that is passed on as it is, by the name of its field.
    Data(&'a str),
}

/// Fields whose value is data or not this state's.
const SKIPPED: &[&str] = &[
    "Branches",
    "ItemProcessor",
    "Iterator",
    "Comment",
    "Result",
    "Retry",
];
/// Fields that hold templates in JSONPath.
const TEMPLATES: &[&str] = &[
    "Parameters",
    "ResultSelector",
    "ItemSelector",
    "Assign",
    "Credentials",
    "BatchInput",
];

/// Calls `found` with each text of the state, and its place.
pub(super) fn each_text(at: At<'_>, found: &mut dyn FnMut(Text<'_>, &Place<'_>)) {
    for (name, value) in at.state {
        if !SKIPPED.contains(&name.as_str()) {
            field(
                name,
                value,
                &at.place.field(name),
                at.language,
                false,
                found,
            );
        }
    }
}

fn field(
    name: &str,
    value: &Value,
    place: &Place<'_>,
    language: Language,
    in_template: bool,
    found: &mut dyn FnMut(Text<'_>, &Place<'_>),
) {
    let in_template = in_template || TEMPLATES.contains(&name);
    match value {
        Value::String(text) => match language {
            Language::Jsonata => {
                if let Some(within) = Expression::text_within(text) {
                    found(Text::Expression(within), place);
                }
            }
            Language::JsonPath if is_path(name, in_template) => found(Text::Path(text), place),
            Language::JsonPath if in_template => found(Text::Data(text), place),
            Language::JsonPath => {}
        },
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let inner = if in_template { "" } else { name };
                field(inner, item, &place.item(i), language, in_template, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields
                .iter()
                .filter(|(name, _)| *name != "Comment" || in_template)
            {
                field(
                    name,
                    value,
                    &place.field(name),
                    language,
                    in_template,
                    found,
                );
            }
        }
        _ => {}
    }
}

/// Whether a JSONPath field of this name holds a path.
fn is_path(name: &str, in_template: bool) -> bool {
    name.ends_with(".$")
        || !in_template && (name.ends_with("Path") && name != "ResultPath" || name == "Variable")
}

/// Reports what is wrong with the texts by themselves.
pub(super) fn check(at: At<'_>, findings: &mut Findings<'_>) {
    each_text(at, &mut |text, place| match text {
        Text::Expression(text) => expression(at, text, place, findings),
        Text::Data(text) if looks_evaluated(text) => {
            let message = "The value looks like a JSONPath or an intrinsic function, but is passed on as text".to_owned();
            let help = "end the field's name with '.$' to have it evaluated".to_owned();
            findings.warn("NO_DOLLAR", place, message, Some(help));
        }
        _ => {}
    });
}

fn looks_evaluated(text: &str) -> bool {
    let starts = ["$.", "$[", "$$.", "States."]
        .iter()
        .any(|start| text.starts_with(start));
    starts && crate::path::Path::parse_or_call(text).is_ok()
}

fn expression(at: At<'_>, text: &str, place: &Place<'_>, findings: &mut Findings<'_>) {
    let Some(references) = Expression::references(text) else {
        return;
    };
    for name in &references.functions {
        let help = match name.as_str() {
            "eval" => "AWS disables it; '$parse' reads JSON".to_owned(),
            name if is_function(name) => continue,
            _ => "calling it fails with T1006".to_owned(),
        };
        let message = format!("There is no function '${name}'");
        findings.warn("UNKNOWN_FUNCTION", place, message, Some(help));
    }
    let has_result = matches!(at.kind(), "Task" | "Parallel" | "Map");
    for field in &references.states {
        let help = match field.as_str() {
            "input" | "context" | "errorOutput" => continue,
            "result" if has_result => continue,
            "result" => format!("a {} state has no result", at.kind()),
            _ => "there are '$states.input', 'result', 'errorOutput' and 'context'".to_owned(),
        };
        let message = format!("'$states.{field}' is undefined here");
        findings.warn("UNDEFINED_FIELD", place, message, Some(help));
    }
}

/// The fields of a template that are evaluated, with their paths.
pub(super) fn each_template_path(
    template: &Map<String, Value>,
    place: &Place<'_>,
    found: &mut dyn FnMut(&str, &Place<'_>),
) {
    for (name, value) in template {
        field(
            name,
            value,
            &place.field(name),
            Language::JsonPath,
            true,
            &mut |text, place| {
                if let Text::Path(text) = text {
                    found(text, place);
                }
            },
        );
    }
}
