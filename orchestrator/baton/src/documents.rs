//! Files that people write: JSON or YAML, told apart by their text.
//!
//! Owns: reading them as one JSON value, with CloudFormation's short forms (`!Ref X` is `{"Ref": "X"}`). Must not: know
//! what stands in them.

use crate::config::Error;
use serde_json::{Map, Number, Value, json};
use std::path::Path;
use yaml_serde::Value as Yaml;

/// Largest file, bytes: a template with a definition of 1 MiB, escaped, fits.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Reads a file.
///
/// # Errors
/// Where it can't be read, with line and column.
pub fn read(path: &Path) -> Result<Value, Error> {
    let place = |what: &str| Error(format!("{}: {what}", path.display()));
    let size = std::fs::metadata(path)
        .map_err(|e| place(&e.to_string()))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(place(&format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| place(&e.to_string()))?;
    parse(&text).map_err(|what| place(&what))
}

/// Reads a text.
///
/// # Errors
/// What is wrong with it, with line and column.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with(['{', '[']) {
        // A text in braces may be YAML's flow style; what JSON says of it helps more.
        return serde_json::from_str(text).map_err(|e| e.to_string());
    }
    let yaml: Yaml = yaml_serde::from_str(text).map_err(|e| e.to_string())?;
    json_of(yaml)
}

fn json_of(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::String(text) => text.into(),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => whole.into(),
            (None, Some(whole), _) => whole.into(),
            (None, None, Some(float)) => Number::from_f64(float)
                .map(Value::Number)
                .ok_or_else(|| format!("{float} is no number of JSON"))?,
            (None, None, None) => return Err(format!("{number} is no number of JSON")),
        },
        Yaml::Sequence(items) => items.into_iter().map(json_of).collect::<Result<_, _>>()?,
        Yaml::Mapping(fields) => {
            let mut object = Map::new();
            for (key, value) in fields {
                object.insert(key_of(&key)?, json_of(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            function(tag.trim_start_matches('!'), json_of(tagged.value)?)
        }
    })
}

fn key_of(key: &Yaml) -> Result<String, String> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(flag) => Ok(flag.to_string()),
        other => Err(format!("{other:?} can't be a key")),
    }
}

/// A short form of CloudFormation, written out.
fn function(tag: &str, argument: Value) -> Value {
    match (tag, argument) {
        ("Ref" | "Condition", name) => json!({tag: name}),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        (tag, argument) => json!({format!("Fn::{tag}"): argument}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_are_the_same() {
        let yaml = "a: 1\nb: [x, 2.5, true, null]\n# c\nc:\n  d: !Sub '${A}-x'\n  e: !GetAtt F.Arn\n  f: !Ref P\n";
        let json = r#"{"a": 1, "b": ["x", 2.5, true, null],
            "c": {"d": {"Fn::Sub": "${A}-x"}, "e": {"Fn::GetAtt": ["F", "Arn"]}, "f": {"Ref": "P"}}}"#;
        assert_eq!(parse(yaml), parse(json));
        assert!(parse("a: [").is_err());
        assert!(parse("{\"a\": }").unwrap_err().contains("line 1"));
    }
}
