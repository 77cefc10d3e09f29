//! jsonata-js's own suite at 2.0.6, the version that AWS implements.
//!
//! Owns: running one case with the crate that evaluates JSONata, within the suite's own bounds, and comparing values or
//! error codes.

use crate::verdict::Check;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::Value;

/// Longest evaluation, milliseconds, where a case names none.
const MILLIS_MAX: u64 = 10_000;
/// Deepest evaluation where a case names none.
const DEPTH_MAX: usize = 500;

/// Runs one case.
///
/// # Errors
/// What differs.
pub fn run(case: &Value) -> Check {
    let text = case["expr"].as_str().unwrap_or("");
    let wanted = case["code"]
        .as_str()
        .or_else(|| case["error"]["code"].as_str());
    let result = &case["result"];
    match (evaluate(case, text), wanted) {
        (Err(message), Some(code)) if is_code(&message, code) => Ok(()),
        (Err(_), None) if case.get("error").is_some() => Ok(()),
        (Err(message), wanted) => Err(format!(
            "{text}: threw {message}, expected {wanted:?} {result}"
        )),
        (Ok(value), Some(code)) => Err(format!("{text}: expected {code}, found {value:?}")),
        (Ok(None), None) if case.get("undefinedResult").is_some() => Ok(()),
        (Ok(Some(found)), None) if case.get("result").is_some_and(|r| equal(r, &found)) => Ok(()),
        (Ok(found), None) => Err(format!("{text}: expected {result}, found {found:?}")),
    }
}

/// The expression's value; `None` if it is undefined.
fn evaluate(case: &Value, text: &str) -> Result<Option<Value>, String> {
    let parsed = parser::parse(text).map_err(|e| e.to_string())?;
    let mut context = Context::new();
    for (name, value) in case["bindings"].as_object().into_iter().flatten() {
        context.bind(name.clone(), read(value)?);
    }
    let options = EvaluatorOptions {
        timeout_ms: Some(case["timelimit"].as_u64().unwrap_or(MILLIS_MAX)),
        cancel: None,
        max_stack_depth: Some(
            case["depth"]
                .as_u64()
                .map_or(DEPTH_MAX, |depth| depth as usize),
        ),
        max_sequence_length: None,
    };
    let data = case.get("data").map_or(Ok(JValue::Undefined), read)?;
    let mut evaluator = Evaluator::with_options(context, options);
    let value = evaluator
        .evaluate(&parsed, &data)
        .map_err(|e| e.message().to_owned())?;
    if matches!(value, JValue::Undefined) {
        return Ok(None);
    }
    let json = serde_json::to_string(&value).map_err(|e| e.to_string())?;
    serde_json::from_str(&json)
        .map(Some)
        .map_err(|e| e.to_string())
}

fn read(value: &Value) -> Result<JValue, String> {
    JValue::from_json_str(&value.to_string()).map_err(|e| e.to_string())
}

/// Whether the message has this code. `U1001` is what the suite's own runner throws when depth or time are used up; the
/// evaluator has codes of its own for both.
fn is_code(message: &str, code: &str) -> bool {
    message.contains(code)
        || (code == "U1001" && ["D1011", "D1012"].iter().any(|own| message.contains(own)))
}

/// Equality by value; numbers as doubles, to the last digits that printing keeps.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-14 * a.abs(),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}
