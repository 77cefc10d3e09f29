//! Which names a state's texts use.
//!
//! Owns: finding `$name` in texts, in both query languages, without parsing them. It may find a name that only looks
//! like a use (within a text, or bound inside an expression); it never misses one. So what is converted for an
//! expression is bounded by what it could use.

use crate::program::Language;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the texts of a state may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Names behind `$`: variables and functions, sorted.
    pub names: Vec<Arc<str>>,
    /// `$states.input`
    pub input: bool,
    /// `$states.result`
    pub result: bool,
    /// `$states.errorOutput`
    pub error_output: bool,
    /// `$states.context`, or `$$`
    pub context: bool,
}

/// Fields that hold templates in JSONPath, and `Result`, which holds data.
const TEMPLATES: &[&str] = &[
    "Parameters",
    "ResultSelector",
    "ItemSelector",
    "Assign",
    "Credentials",
    "BatchInput",
    "Result",
];

impl Reads {
    /// What reads nothing.
    pub const NONE: &'static Self = &Self {
        names: Vec::new(),
        input: false,
        result: false,
        error_output: false,
        context: false,
    };

    /// What all texts in the fields of a state may read, but for those beneath fields named `States`, and in JSONPath
    /// those that are data: in templates only fields `*.$` are more than text.
    #[must_use]
    pub(crate) fn of_fields(fields: &Map<String, Value>, language: Language) -> Self {
        let mut names = BTreeSet::new();
        let mut reads = Self::default();
        let templates = match language {
            Language::JsonPath => TEMPLATES,
            Language::Jsonata => &[],
        };
        each_field(fields, templates, false, &mut |text| {
            reads.add(text, &mut names);
        });
        reads.names = names.into_iter().map(Arc::from).collect();
        reads
    }

    /// Whether `$name` may be read.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names
            .binary_search_by(|known| (**known).cmp(name))
            .is_ok()
    }

    fn add<'t>(&mut self, text: &'t str, names: &mut BTreeSet<&'t str>) {
        self.context |= text.contains("$$");
        for (name, rest) in each_name(text) {
            if name != "states" {
                names.insert(name);
                continue;
            }
            let field = rest
                .trim_start()
                .strip_prefix('.')
                .map(|rest| word(rest.trim_start()));
            match field {
                Some("input") => self.input = true,
                Some("result") => self.result = true,
                Some("errorOutput") => self.error_output = true,
                Some("context") => self.context = true,
                _ => {
                    (self.input, self.result) = (true, true);
                    (self.error_output, self.context) = (true, true);
                }
            }
        }
    }
}

/// Calls `found` with each text that counts. `in_template`: only fields `*.$` do.
fn each_field<'v>(
    fields: &'v Map<String, Value>,
    templates: &[&str],
    in_template: bool,
    found: &mut dyn FnMut(&'v str),
) {
    for (name, field) in fields.iter().filter(|(name, _)| *name != "States") {
        let is_data = in_template && !name.ends_with(".$");
        let in_template = in_template || templates.contains(&name.as_str());
        each_text(field, templates, (is_data, in_template), found);
    }
}

fn each_text<'v>(
    value: &'v Value,
    templates: &[&str],
    (is_data, in_template): (bool, bool),
    found: &mut dyn FnMut(&'v str),
) {
    match value {
        Value::String(text) if !is_data => found(text),
        Value::Array(items) => {
            for item in items {
                each_text(item, templates, (is_data, in_template), found);
            }
        }
        Value::Object(fields) => each_field(fields, templates, in_template, found),
        _ => {}
    }
}

/// Each `$name` with what follows it.
fn each_name(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let name = word(rest);
        (!name.is_empty()).then(|| (name, &rest[name.len()..]))
    })
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(fields: Value) -> Reads {
        Reads::of_fields(fields.as_object().expect("an object"), Language::Jsonata)
    }

    #[test]
    fn names_are_found_wherever_they_are() {
        let reads = of(json!({
            "Output": {"a": "{% $sum($states.input.x) + $b %}", "c": ["$.c", "$d.e"]},
            "ItemProcessor": {"States": {"X": {"Output": "{% $hidden %}"}}}
        }));
        let names: Vec<&str> = reads.names.iter().map(|name| &**name).collect();
        assert_eq!(names, ["b", "d", "sum"]);
        assert!(reads.has("b") && !reads.has("hidden"));
        assert!(reads.input && !reads.context && !reads.result);
    }

    #[test]
    fn the_whole_of_states_reads_everything() {
        let reads = of(json!({"a": "{% $keys($states) %}"}));
        assert!(reads.input && reads.result && reads.error_output && reads.context);
        let spaced = of(json!({"a": "{% $states . context.X %}"}));
        assert!(spaced.context && !spaced.input);
        assert!(of(json!({"a": "$$.Execution"})).context);
        let template = json!({"Parameters": {"a": "$$.x", "b": {"c.$": "$y.z", "d": ["$w"]}}});
        let fields = template.as_object().expect("an object");
        let reads = Reads::of_fields(fields, Language::JsonPath);
        assert!(!reads.context && reads.has("y") && !reads.has("w"));
    }
}
