//! Reference paths: those that name exactly one place, to write a result to.

use super::Path;
use super::query::Step;
use super::{Form, parse_query_at};
use crate::EvalError;
use crate::cursor::Cursor;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A path that names exactly one place, to write to.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferencePath {
    text: Arc<str>,
    steps: Vec<Place>,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Field(Arc<str>),
    Item(usize),
}

impl ReferencePath {
    /// Parses a reference path: `$`, `$.a['b'][0]`.
    ///
    /// # Errors
    /// What is wrong with the text, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cursor = Cursor::new(text);
        let query = parse_query_at(&mut cursor, 0)?;
        if !cursor.is_done() {
            return Err(cursor.expected("'.', '[' or the end"));
        }
        let steps = query
            .steps_from_input()
            .ok_or("the context object ('$$') can't be written to")?;
        let places = steps.iter().map(|step| match step {
            Step::Name(name) => Ok(Place::Field(name.clone())),
            Step::Index(index) if *index >= 0 => Ok(Place::Item(*index as usize)),
            _ => Err(
                "a reference path names one place: only '.name', ['name'] and [number] can be used"
                    .to_owned(),
            ),
        });
        Ok(Self {
            text: text.into(),
            steps: places.collect::<Result<_, _>>()?,
        })
    }

    /// The path `$`.
    #[must_use]
    pub fn root() -> Self {
        Self {
            text: "$".into(),
            steps: Vec::new(),
        }
    }

    /// The path as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the path is `$`: the result replaces the input.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Writes `result` into `input` at this place, making objects on the way.
    ///
    /// # Errors
    /// `States.ResultPathMatchFailure` when the place can't be made.
    pub fn insert(&self, mut input: Value, result: Value) -> Result<Value, EvalError> {
        if !self.can_insert(&input) {
            return Err(self.mismatch(&input.to_string()));
        }
        let mut at = &mut input;
        for step in &self.steps {
            at = match (step, at) {
                (Place::Field(name), Value::Object(object)) => object
                    .entry(&**name)
                    .or_insert_with(|| Value::Object(Map::new())),
                (Place::Item(index), Value::Array(array)) => &mut array[*index],
                // Not reached: can_insert has walked the same steps.
                _ => return Err(self.mismatch("of another shape")),
            };
        }
        *at = result;
        Ok(input)
    }

    fn mismatch(&self, input: &str) -> EvalError {
        EvalError {
            error: "States.ResultPathMatchFailure",
            cause: format!(
                "Unable to apply ReferencePath {} to input {input}",
                self.text
            ),
            location: None,
        }
    }

    /// Whether every step fits what is there; objects can be made, items of arrays can't.
    fn can_insert(&self, input: &Value) -> bool {
        let mut at = Some(input);
        for step in &self.steps {
            at = match (step, at) {
                (Place::Field(name), Some(Value::Object(object))) => object.get(&**name),
                (Place::Field(_), None) => None,
                (Place::Item(index), Some(Value::Array(array))) if *index < array.len() => {
                    array.get(*index)
                }
                _ => return false,
            };
        }
        true
    }
}

impl From<&ReferencePath> for Path {
    /// The same place, to read from.
    fn from(reference: &ReferencePath) -> Self {
        let steps = reference.steps.iter().map(|place| match place {
            Place::Field(name) => Step::Name(name.clone()),
            Place::Item(index) => Step::Index(*index as i64),
        });
        Self {
            text: reference.text.clone(),
            form: Form::Query(super::Query::new(
                super::query::Root::Input,
                steps.collect(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn insert(path: &str, input: Value) -> Result<Value, String> {
        ReferencePath::parse(path)?
            .insert(input, json!(9))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn writes_and_makes_objects_on_the_way() {
        assert_eq!(insert("$", json!({"a": 1})), Ok(json!(9)));
        assert_eq!(
            insert("$.a", json!({"a": 1, "b": 2})),
            Ok(json!({"a": 9, "b": 2}))
        );
        assert_eq!(
            insert("$.x['y z'].w", json!({"a": 1})),
            Ok(json!({"a": 1, "x": {"y z": {"w": 9}}}))
        );
        assert_eq!(
            insert("$.a[1]", json!({"a": [1, 2]})),
            Ok(json!({"a": [1, 9]}))
        );
    }

    #[test]
    fn refuses_what_is_not_one_place_or_does_not_fit() {
        for path in [
            "$$.a",
            "$.a[*]",
            "$..a",
            "$.a[-1]",
            "$.a[0:1]",
            "a",
            "$.a['b','c']",
        ] {
            assert!(ReferencePath::parse(path).is_err(), "{path}");
        }
        for (path, input) in [
            ("$.a", json!([1])),
            ("$.a.b", json!({"a": 1})),
            ("$.a[2]", json!({"a": [1, 2]})),
            ("$.x[0]", json!({})),
        ] {
            let failed = insert(path, input.clone());
            assert_eq!(
                failed,
                Err(format!(
                    "States.ResultPathMatchFailure: Unable to apply ReferencePath {path} to input {input}"
                ))
            );
        }
    }
}
