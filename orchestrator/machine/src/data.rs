//! Data on its way through a state: text as long as nothing looks into it.
//!
//! Owns: the pass-through rule. A payload is parsed only for a path or template, and written only if it changed.

use crate::context::Lens;
use baton_language::EvalError;
use baton_language::path::Path;
use baton_language::program::State;
use baton_language::template::Template;
use baton_schemas::Payload;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// JSON as text or as a value, whichever is at hand.
#[derive(Clone, Debug)]
pub(crate) enum Doc {
    /// As it came.
    Text(Payload),
    /// As it was computed.
    Value(Value),
}

impl Doc {
    /// The empty object, which a `null` path yields.
    pub fn empty() -> Self {
        Self::Value(Value::Object(Map::new()))
    }

    /// As a value; parses text.
    pub fn into_value(self) -> Value {
        match self {
            Self::Text(payload) => payload.to_value(),
            Self::Value(value) => value,
        }
    }

    /// Seen as a value; parses text, copies no value.
    pub fn view(&self) -> Cow<'_, Value> {
        match self {
            Self::Text(payload) => Cow::Owned(payload.to_value()),
            Self::Value(value) => Cow::Borrowed(value),
        }
    }

    /// As text; writes a value.
    pub fn into_payload(self) -> Payload {
        match self {
            Self::Text(payload) => payload,
            Self::Value(value) => Payload::from_value(&value),
        }
    }

    /// What `path` (`InputPath`, `OutputPath`) selects from it; `None` is JSON `null`.
    pub fn filtered(self, path: Option<&Path>, lens: &Lens<'_>) -> Result<Self, EvalError> {
        match path {
            None => Ok(Self::empty()),
            Some(path) if path.is_root() => Ok(self),
            Some(path) => lens.select(path, &self.into_value()).map(Self::Value),
        }
    }

    /// `template` filled with it; itself where there is none.
    pub fn rendered(self, template: Option<&Template>, lens: &Lens<'_>) -> Result<Self, EvalError> {
        match template {
            None => Ok(self),
            Some(template) => lens.render(template, &self.into_value()).map(Self::Value),
        }
    }
}

/// What the state works on: its raw input through `InputPath` and `Parameters`.
pub(crate) fn effective_input(
    state: &State,
    raw: &Payload,
    lens: &Lens<'_>,
) -> Result<Doc, EvalError> {
    Doc::Text(raw.clone())
        .filtered(state.input_path.as_ref(), lens)?
        .rendered(state.parameters.as_ref(), lens)
}

/// What the state yields: `result` through `ResultPath` and `OutputPath`. `ResultPath` writes into the raw input.
pub(crate) fn effective_output(
    state: &State,
    raw: &Payload,
    result: Doc,
    lens: &Lens<'_>,
) -> Result<Doc, EvalError> {
    let combined = match &state.result_path {
        None => Doc::Text(raw.clone()),
        Some(path) if path.is_root() => result,
        Some(path) => Doc::Value(path.insert(raw.to_value(), result.into_value())?),
    };
    combined.filtered(state.output_path.as_ref(), lens)
}
