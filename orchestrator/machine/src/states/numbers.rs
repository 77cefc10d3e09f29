//! Numbers that a definition writes down or finds in the input.
//!
//! Owns: `SecondsPath`, `TimeoutSecondsPath`, `MaxConcurrencyPath` and the like, with AWS's wording of what is wrong.

use crate::context::Lens;
use crate::errors;
use baton_language::EvalError;
use baton_language::jsonata::Expression;
use baton_language::program::SecondsSource;
use serde_json::Value;
use std::borrow::Cow;

/// The number; `field` is the definition's field for the cause. `input` is made only if a path is to be followed.
pub(super) fn number<'v>(
    source: &SecondsSource,
    field: &str,
    lens: &Lens<'_>,
    input: impl FnOnce() -> Cow<'v, Value>,
) -> Result<u64, EvalError> {
    let path = match source {
        SecondsSource::Fixed(number) => return Ok(*number),
        SecondsSource::Path(path) => path,
        SecondsSource::Expression(expression) => return evaluated(expression, lens),
    };
    let found = lens.select(path, &input())?;
    if let Some(number) = found.as_u64() {
        return Ok(number);
    }
    // A text that is a number counts as one (recorded from AWS).
    if let Some(number) = found.as_str().and_then(|text| text.parse().ok()) {
        return Ok(number);
    }
    let what = if found.as_i64().is_some() {
        "references a negative value"
    } else {
        "cannot be parsed as a long value"
    };
    let cause = format!("The {field} parameter {what}: {} == {found}", path.text());
    Err(EvalError {
        error: errors::RUNTIME,
        cause,
        location: None,
    })
}

/// The number that an expression gives: whole and not negative.
fn evaluated(expression: &Expression, lens: &Lens<'_>) -> Result<u64, EvalError> {
    let value = lens.value_of_kind(expression, "number")?;
    value
        .as_u64()
        .ok_or_else(|| expression.unexpected("non-negative integer", &value))
}
