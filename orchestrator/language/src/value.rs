//! JSON values compared as ASL compares them: numbers by value, everything else by kind and content.

use serde_json::{Number, Value};
use std::cmp::Ordering;

/// Whether two values are equal; `1` equals `1.0`, and the order of an object's fields doesn't matter.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| equal(x, y))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, x)| b.get(key).is_some_and(|y| equal(x, y)))
        }
        _ => left == right,
    }
}

/// Order of two numbers by value.
pub(crate) fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (integer(left), integer(right)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// The number as an integer, if it was written as one.
pub(crate) fn integer(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

/// Takes a value's size, roughly as JSON, from what is `left`; false once nothing is.
pub(crate) fn spend(left: &mut usize, value: &Value) -> bool {
    let own = match value {
        Value::String(text) => text.len() + 2,
        Value::Object(object) => object.keys().map(|name| name.len() + 4).sum(),
        _ => 4,
    };
    let Some(rest) = left.checked_sub(own) else {
        *left = 0;
        return false;
    };
    *left = rest;
    match value {
        Value::Array(items) => items.iter().all(|item| spend(left, item)),
        Value::Object(fields) => fields.values().all(|field| spend(left, field)),
        _ => true,
    }
}

/// AWS's words for a value of the wrong type; `wanted` is `STRING`, `OBJECT`, ...
pub(crate) fn expected_type(wanted: &str) -> String {
    format!("Expected value of type [{wanted}]")
}

/// What a value is, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_equal_by_value_and_never_by_kind() {
        assert!(equal(&json!(1), &json!(1.0)));
        assert!(equal(
            &json!([1, {"a": 2.0, "b": null}]),
            &json!([1.0, {"b": null, "a": 2}])
        ));
        assert!(!equal(&json!(1), &json!(true)));
        assert!(!equal(&json!("1"), &json!(1)));
        assert!(!equal(
            &json!(9_007_199_254_740_993_u64),
            &json!(9_007_199_254_740_992_u64)
        ));
    }
}
