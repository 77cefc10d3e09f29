//! Wait.
//!
//! ```text
//! StateEntered -> WaitStarted (internal) -> due -> StateExited
//!              -> StateExited, if the time has come already
//! ```

use super::numbers::number;
use crate::context::Lens;
use crate::data::{Doc, effective_input, pass_on};
use crate::decide::{Decider, Flow};
use crate::errors;
use crate::frame::seconds_to_ms;
use baton_language::EvalError;
use baton_language::path::Path;
use baton_language::program::{SecondsSource, WaitFor};
use baton_schemas::history::EventKind;
use baton_schemas::time;
use serde_json::Value;
use std::borrow::Cow;

/// Waits.
pub(super) fn run(decider: &mut Decider<'_>, frame: u32, wait: &WaitFor) -> Flow {
    let now_ms = decider.now_ms;
    let evaluated = decider.with_lens(frame, |state, lens, raw| {
        let input = effective_input(state, raw, lens)?;
        due_ms(wait, lens, input, now_ms)
    });
    match evaluated {
        Some((_, Ok(due_ms))) if due_ms <= now_ms => finish(decider, frame),
        Some((_, Ok(due_ms))) => decider
            .emit(frame, EventKind::WaitStarted { due_ms }, None)
            .map(drop),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}

/// The time has come.
pub(crate) fn finish(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let evaluated = decider.with_lens(frame, |state, lens, raw| {
        let ways = (state.assign.as_ref(), state.output.as_ref());
        pass_on(state, raw, ways, lens)
    });
    match evaluated {
        Some((state, Ok(leaving))) => decider.exit(frame, leaving, state.next),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}

fn due_ms(wait: &WaitFor, lens: &Lens<'_>, input: Doc, now_ms: i64) -> Result<i64, EvalError> {
    match wait {
        WaitFor::Seconds(source) => {
            let seconds = match source {
                SecondsSource::Path(path) => {
                    let value = input.view();
                    lens.select(path, &value)
                        .map_err(|_| unreferenced("SecondsPath", path))?;
                    number(source, "SecondsPath", lens, || value)?
                }
                SecondsSource::Expression(_) => {
                    number(source, "Seconds", lens, || Cow::Owned(Value::Null))?
                }
                SecondsSource::Fixed(seconds) => *seconds,
            };
            Ok(now_ms.saturating_add(seconds_to_ms(seconds)))
        }
        WaitFor::Timestamp(at_ms) => Ok(*at_ms),
        WaitFor::TimestampExpression(expression) => {
            let value = lens.value_of_kind(expression, "string")?;
            let text = value.as_str().unwrap_or_default();
            timestamp_ms(text).ok_or_else(|| {
                let what =
                    "cannot be parsed as an ISO-8601 extended offset date-time format string";
                expression.refused(format!("The Timestamp field {what}: {text}"))
            })
        }
        WaitFor::TimestampPath(path) => {
            let found = lens
                .select(path, &input.into_value())
                .map_err(|_| unreferenced("TimestampPath", path))?;
            found.as_str().and_then(timestamp_ms).ok_or_else(|| {
                let shown = found
                    .as_str()
                    .map_or_else(|| found.to_string(), str::to_owned);
                let what =
                    "does not reference a valid ISO-8601 extended offset date-time format string";
                runtime(format!(
                    "The TimestampPath parameter {what}: {} == {shown}",
                    path.text()
                ))
            })
        }
    }
}

/// RFC 3339 with `T` and `Z` or an offset, as ASL asks for.
fn timestamp_ms(text: &str) -> Option<i64> {
    let strict = text.as_bytes().get(10) == Some(&b'T') && !text.contains('z');
    strict.then(|| time::parse_rfc3339(text)).flatten()
}

fn unreferenced(field: &str, path: &Path) -> EvalError {
    runtime(format!(
        "The {field} parameter does not reference an input value: {}",
        path.text()
    ))
}

fn runtime(cause: String) -> EvalError {
    EvalError {
        error: errors::RUNTIME,
        cause,
        location: None,
    }
}
