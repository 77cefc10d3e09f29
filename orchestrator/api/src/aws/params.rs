//! Parameters of an AWS call, with AWS's words for what is wrong with them.
//!
//! Constraints are collected, so that one answer names all; a wrong type is an error at once, as with AWS.

use crate::app::error::{ApiError, ErrorCode};
use serde_json::{Map, Value};

/// The parameters of one call.
pub struct Params<'a> {
    body: &'a Map<String, Value>,
    violations: Vec<String>,
    /// What AWS writes before the names of an item's members.
    prefix: String,
}

impl<'a> Params<'a> {
    /// All parameters of a body.
    pub fn new(body: &'a Map<String, Value>) -> Self {
        Self {
            body,
            violations: Vec::new(),
            prefix: String::new(),
        }
    }

    /// A text of `min` to `max` characters that must be there; empty if it is not, and [`Self::finish`] will say so.
    pub fn required(&mut self, name: &str, min: usize, max: usize) -> Result<&'a str, ApiError> {
        let found = self.text(name, min, max)?;
        if found.is_none() {
            self.missing(name);
        }
        Ok(found.unwrap_or_default())
    }

    /// A text of `min` to `max` characters.
    pub fn text(
        &mut self,
        name: &str,
        min: usize,
        max: usize,
    ) -> Result<Option<&'a str>, ApiError> {
        let text = match self.body.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(other) => return Err(wrong_type(other, "a String")),
        };
        if text.len() < min {
            self.violate(
                name,
                text,
                &format!("length greater than or equal to {min}"),
            );
        } else if text.len() > max && text.chars().count() > max {
            self.violate(name, text, &format!("length less than or equal to {max}"));
        }
        Ok(Some(text))
    }

    /// A text that must be one of `allowed`, listed in AWS's order.
    pub fn one_of(
        &mut self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name, 0, usize::MAX)? else {
            return Ok(None);
        };
        let found = allowed.iter().copied().find(|value| *value == text);
        if found.is_none() {
            self.violations.push(format!(
                "Value '{text}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                allowed.join(", ")
            ));
        }
        Ok(found)
    }

    /// A whole number of `min` to `max`.
    pub fn number(&mut self, name: &str, min: i64, max: i64) -> Result<Option<i64>, ApiError> {
        let value = match self.body.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value @ Value::Number(number)) => number
                .as_i64()
                .ok_or_else(|| wrong_type(value, "an Integer"))?,
            Some(other) => return Err(wrong_type(other, "an Integer")),
        };
        if value < min {
            self.violate(
                name,
                &value.to_string(),
                &format!("value greater than or equal to {min}"),
            );
        } else if value > max {
            self.violate(
                name,
                &value.to_string(),
                &format!("value less than or equal to {max}"),
            );
        }
        Ok(Some(value))
    }

    /// A number within a range.
    pub fn fraction(&mut self, name: &str, min: f64, max: f64) -> Result<Option<f64>, ApiError> {
        let value = match self.body.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value.as_f64().ok_or_else(|| wrong_type(value, "a Float"))?,
        };
        if !(min..=max).contains(&value) {
            let wanted = format!("value from {min} to {max}");
            self.violate(name, &value.to_string(), &wanted);
        }
        Ok(Some(value))
    }

    /// A truth value; `default` when absent.
    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong_type(other, "a Boolean")),
        }
    }

    /// A structure or list, as it is.
    pub fn structure(&mut self, name: &str) -> Result<Option<Value>, ApiError> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value @ (Value::Object(_) | Value::Array(_))) => Ok(Some(value.clone())),
            Some(other) => Err(wrong_type(other, "a structure")),
        }
    }

    /// A list of structures; each is read with its own [`Params`], and given back with [`Self::absorb`].
    pub fn items(&mut self, name: &str) -> Result<Option<Vec<&'a Map<String, Value>>>, ApiError> {
        let list = match self.body.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(wrong_type(other, "a List")),
        };
        let item = |item: &'a Value| {
            item.as_object()
                .ok_or_else(|| wrong_type(item, "a structure"))
        };
        list.iter().map(item).collect::<Result<_, _>>().map(Some)
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<&'a str>>, ApiError> {
        let list = match self.body.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(wrong_type(other, "a List")),
        };
        let text = |item: &'a Value| item.as_str().ok_or_else(|| wrong_type(item, "a String"));
        list.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// Parameters of item `index` (from 0) of the list `name`; AWS counts members from 1.
    pub fn member(body: &'a Map<String, Value>, name: &str, index: usize) -> Self {
        Self {
            prefix: format!("{name}.{}.member.", index + 1),
            ..Self::new(body)
        }
    }

    /// Takes over what is wrong with an item of a list.
    pub fn absorb(&mut self, item: Self) {
        self.violations.extend(item.violations);
    }

    /// Notes that something that must be there is not.
    pub fn missing(&mut self, name: &str) {
        self.violations.push(format!(
            "Value null at '{}{name}' failed to satisfy constraint: Member must not be null",
            self.prefix
        ));
    }

    /// Notes that `value` does not have the form that AWS writes as `pattern`.
    pub fn mismatch(&mut self, name: &str, value: &str, pattern: &str) {
        self.violations.push(format!(
            "Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
        ));
    }

    /// Whether all that was read so far is as it must be.
    pub fn is_fine(&self) -> bool {
        self.violations.is_empty()
    }

    /// Nothing more is read.
    ///
    /// # Errors
    /// ValidationException with all violated constraints.
    pub fn finish(self) -> Result<(), ApiError> {
        let count = self.violations.len();
        if count == 0 {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        let all = self.violations.join("; ");
        Err(ApiError::validation(format!(
            "{count} validation error{plural} detected: {all}"
        )))
    }

    fn violate(&mut self, name: &str, value: &str, constraint: &str) {
        self.violations.push(format!(
            "Value '{value}' at '{}{name}' failed to satisfy constraint: Member must have {constraint}",
            self.prefix
        ));
    }
}

fn wrong_type(found: &Value, wanted: &str) -> ApiError {
    let found = match found {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    ApiError::new(
        ErrorCode::SerializationException,
        format!("{found} can not be converted to {wanted}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn violations_are_worded_as_aws_words_them() {
        let body = json!({"maxResults": 1001, "statusFilter": "succeeded"});
        let mut params = Params::new(body.as_object().unwrap());
        params.number("maxResults", 0, 1000).unwrap();
        params
            .one_of("statusFilter", &["SUCCEEDED", "TIMED_OUT"])
            .unwrap();
        params.required("stateMachineArn", 1, 256).unwrap();
        insta::assert_snapshot!(params.finish().unwrap_err().message, @"3 validation errors detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000; Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT]; Value null at 'stateMachineArn' failed to satisfy constraint: Member must not be null");
    }

    #[test]
    fn a_wrong_type_is_an_error_at_once() {
        let body = json!({"name": 1});
        let error = Params::new(body.as_object().unwrap())
            .text("name", 1, 80)
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::SerializationException);
        assert_eq!(
            error.message,
            "NUMBER_VALUE can not be converted to a String"
        );
    }
}
