//! The definition's text to JSON, with AWS's words for what is not JSON.
//!
//! Stricter than plain JSON in one point: a name that is twice in one object is refused, since one of both would be lost.

use crate::{Diagnostic, Severity, limits};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Longest part of the text that a location repeats, characters (Jackson: 500).
const SOURCE_LENGTH_MAX: usize = 500;

/// Reads the definition; its nesting is bounded by the JSON reader's own limit (128).
pub(crate) fn read(text: &str) -> Result<Value, Diagnostic> {
    if text.len() > limits::DEFINITION_BYTES_MAX {
        let message = format!(
            "The definition has {} bytes, and at most {} are allowed: move parts of it to a state machine of their own",
            text.len(),
            limits::DEFINITION_BYTES_MAX
        );
        let code = "SCHEMA_VALIDATION_FAILED";
        return Err(Diagnostic {
            severity: Severity::Error,
            code,
            message,
            help: None,
            location: "/".to_owned(),
            pointer: None,
        });
    }
    strict_json(text).map_err(|error| not_json(text, &error))
}

/// Reads a text that is JSON without repeated names.
pub(crate) fn strict_json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str::<Strict>(text).map(|strict| strict.0)
}

/// AWS's finding for a text that is not JSON: it parses with Jackson, and shows Jackson's message and position.
fn not_json(text: &str, error: &serde_json::Error) -> Diagnostic {
    let (mut line, mut column) = (error.line().max(1), error.column());
    let mut message = error.to_string();
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    if let Some((word, end)) = unknown_word(text, line, column) {
        message = format!(
            "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        );
        column = end;
    } else if text.trim().is_empty() {
        message = "No content to map due to end-of-input".to_owned();
        (line, column) = (1, 0);
    }
    let shown: String = text.chars().take(SOURCE_LENGTH_MAX).collect();
    let more = text.chars().count().saturating_sub(SOURCE_LENGTH_MAX);
    let truncated = if more > 0 {
        format!("[truncated {more} chars]")
    } else {
        String::new()
    };
    let location =
        format!("[Source: (String)\"{shown}\"{truncated}; line: {line}, column: {column}]");
    let message = format!("{message}\n at {location}");
    Diagnostic {
        severity: Severity::Error,
        code: "INVALID_JSON_DESCRIPTION",
        message,
        help: None,
        location,
        pointer: None,
    }
}

/// The bare word at this position and the column after it, if the reader stopped at one that JSON doesn't know.
fn unknown_word(text: &str, line: usize, column: usize) -> Option<(&str, usize)> {
    let line = text.lines().nth(line - 1)?;
    let at = column
        .checked_sub(1)
        .filter(|at| line.is_char_boundary(*at))?;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let start = line[..at].rfind(|c| !is_word(c)).map_or(0, |i| {
        i + line[i..].chars().next().map_or(1, char::len_utf8)
    });
    let word = &line[start..];
    let word = &word[..word.find(|c| !is_word(c)).unwrap_or(word.len())];
    let is_unknown = word.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$')
        && !["true", "false", "null"].contains(&word)
        && !line[..start].ends_with('"');
    is_unknown.then(|| (word, line[..start + word.len()].chars().count() + 1))
}

/// A JSON value without repeated names.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("Duplicate field '{name}'")));
            }
            let Strict(value) = fields.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> (String, String) {
        let diagnostic = read(text).expect_err("accepted");
        (diagnostic.message, diagnostic.location)
    }

    #[test]
    fn an_unknown_word_is_placed_as_aws_places_it() {
        let (message, location) = refused("not a definition");
        assert_eq!(
            location,
            "[Source: (String)\"not a definition\"; line: 1, column: 4]"
        );
        assert!(
            message.starts_with("Unrecognized token 'not': was expecting"),
            "{message}"
        );
        assert!(message.ends_with(&format!("\n at {location}")));
    }

    #[test]
    fn other_slips_are_placed_too() {
        assert!(
            refused("{\"a\": 1,\n \"a\": 2}")
                .0
                .starts_with("Duplicate field 'a'")
        );
        assert!(refused("{\"a\": }").1.ends_with("line: 1, column: 7]"));
        assert!(refused("").0.starts_with("No content"));
        assert!(
            refused(&"[".repeat(100_000))
                .0
                .starts_with("recursion limit")
        );
        assert!(
            refused(&" ".repeat(limits::DEFINITION_BYTES_MAX + 1))
                .0
                .contains("at most")
        );
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "[{}\\[\\]\":,a-f0-9 \né$._-]{0,40}") {
            let _ = read(&text);
        }
    }
}
