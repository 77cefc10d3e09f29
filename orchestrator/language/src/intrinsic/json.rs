//! Intrinsic functions on JSON values.

use super::text_of;
use crate::limits;
use serde_json::Value;

/// `States.StringToJson`; a blank text is null (recorded from AWS).
pub(super) fn from_text(text: &Value) -> Result<Value, String> {
    let text = text_of(text)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|why| format!("the text is not JSON: {why}"))
}

/// `States.JsonToString`.
pub(super) fn to_text(value: &Value) -> Result<Value, String> {
    let text = value.to_string();
    if text.len() > limits::INTRINSIC_RESULT_BYTES_MAX {
        return Err(format!(
            "the text is longer than {} bytes",
            limits::INTRINSIC_RESULT_BYTES_MAX
        ));
    }
    Ok(Value::String(text))
}

/// `States.JsonMerge`: fields of `second` win. AWS knows the shallow mode alone.
pub(super) fn merge(first: &Value, second: &Value, deep: &Value) -> Result<Value, String> {
    if deep != &Value::Bool(false) {
        return Err(
            "the third argument must be false: only the shallow merge is supported".to_owned(),
        );
    }
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            let mut merged = first.clone();
            merged.extend(
                second
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            Ok(Value::Object(merged))
        }
        _ => Err("both of the first two arguments must be objects".to_owned()),
    }
}
