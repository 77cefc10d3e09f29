//! Fail.
//!
//! ```text
//! StateEntered -> failure of the frame
//! ```

use crate::context::Lens;
use crate::decide::{Decider, Flow};
use crate::errors;
use baton_language::EvalError;
use baton_language::program::TextSource;
use baton_schemas::Payload;
use baton_schemas::history::Failure;
use serde_json::Value;
use std::sync::Arc;

/// Ends the frame with this error.
pub(super) fn run(
    decider: &mut Decider<'_>,
    frame: u32,
    error: Option<&TextSource>,
    cause: Option<&TextSource>,
) -> Flow {
    let evaluated = decider.with_lens(frame, |_, lens, raw| {
        Ok(Failure {
            error: text(error, "ErrorPath", lens, raw)?,
            cause: text(cause, "CausePath", lens, raw)?,
        })
    });
    match evaluated {
        Some((_, Ok(failure))) => decider.fail(frame, errors::bounded(failure)),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}

/// The text, if any; worded as AWS words a path that finds nothing, or no string.
fn text(
    source: Option<&TextSource>,
    field: &str,
    lens: &Lens<'_>,
    raw: &Payload,
) -> Result<Option<Arc<str>>, EvalError> {
    let path = match source {
        None => return Ok(None),
        Some(TextSource::Fixed(text)) => return Ok(Some(text.clone())),
        Some(TextSource::Path(path)) => path,
        Some(TextSource::Expression(expression)) => {
            let value = lens.value_of_kind(expression, "string")?;
            return Ok(value.as_str().map(Arc::from));
        }
    };
    let what = match lens.select(path, &raw.to_value()) {
        Ok(Value::String(text)) => return Ok(Some(Arc::from(text))),
        Ok(_) => "does not reference a string in",
        Err(_) => "could not be found in",
    };
    let cause = format!(
        "The JSONPath '{}' specified for the field '{field}' {what} the input '{}'",
        path.text(),
        raw.as_str()
    );
    Err(EvalError {
        error: errors::RUNTIME,
        cause,
        location: None,
    })
}
