//! Data on its way through a state: text as long as nothing looks into it.
//!
//! Owns: the pass-through rule. A payload is parsed only for a path or template, and written only if it changed.

use crate::context::Lens;
use baton_language::EvalError;
use baton_language::jsonata::{Form, Source};
use baton_language::path::Path;
use baton_language::program::{Language, Recipe, State};
use baton_language::template::Template;
use baton_schemas::Payload;
use baton_schemas::history::Assigned;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

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

    /// As a source of JSONata.
    pub fn source(&self) -> Source<'_> {
        match self {
            Self::Text(payload) => Source::Text(payload.as_str()),
            Self::Value(value) => Source::Value(value),
        }
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
            Some(template) => lens.render(template, &self).map(Self::Value),
        }
    }
}

/// How a state is left.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// Its output.
    pub output: Doc,
    /// What its `Assign` gave.
    pub assigned: Option<Box<Assigned>>,
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

/// What the state gives to its work: `Arguments` in JSONata, else [`effective_input`].
pub(crate) fn arguments(state: &State, raw: &Payload, lens: &Lens<'_>) -> Result<Doc, EvalError> {
    match (&state.arguments, state.language) {
        (Some(form), _) => lens.fill(form).map(Doc::Value),
        (None, Language::Jsonata) => Ok(Doc::Text(raw.clone())),
        (None, Language::JsonPath) => effective_input(state, raw, lens),
    }
}

/// How the state is left with a result. In JSONPath `Assign` sees the result as it came, then it goes through
/// `ResultSelector`, `ResultPath` and `OutputPath`; in JSONata `lens` has it as `$states.result`.
pub(crate) fn leave_with(
    state: &State,
    raw: &Payload,
    result: Doc,
    lens: &Lens<'_>,
) -> Result<Leaving, EvalError> {
    let assign = state.assign.as_ref();
    let assigned = assigned(assign, lens, || result.clone())?;
    let output = match (&state.output, state.language) {
        (Some(form), _) => Doc::Value(lens.fill(form)?),
        (None, Language::Jsonata) => result,
        (None, Language::JsonPath) => {
            let selected = result.rendered(state.result_selector.as_ref(), lens)?;
            effective_output(state, raw, selected, lens)?
        }
    };
    Ok(Leaving { output, assigned })
}

/// How a state is left that makes no result (Choice, Wait, Succeed): its input is passed on, unless `output` makes another.
pub(crate) fn pass_on(
    state: &State,
    raw: &Payload,
    (assign, output): (Option<&Recipe>, Option<&Form>),
    lens: &Lens<'_>,
) -> Result<Leaving, EvalError> {
    let input = effective_input(state, raw, lens)?;
    let assigned = assigned(assign, lens, || input.clone())?;
    let output = match output {
        Some(form) => Doc::Value(lens.fill(form)?),
        None => input.filtered(state.output_path.as_ref(), lens)?,
    };
    Ok(Leaving { output, assigned })
}

/// What `Assign` gives; `input` is `$` of a template.
pub(crate) fn assigned(
    assign: Option<&Recipe>,
    lens: &Lens<'_>,
    input: impl FnOnce() -> Doc,
) -> Result<Option<Box<Assigned>>, EvalError> {
    let Some(recipe) = assign else {
        return Ok(None);
    };
    let Value::Object(variables) = lens.make(recipe, input)? else {
        return Ok(None);
    };
    let assigned: Assigned = variables
        .iter()
        .map(|(name, value)| (Arc::from(name.as_str()), Payload::from_value(value)))
        .collect();
    Ok((!assigned.is_empty()).then(|| Box::new(assigned)))
}

/// What the state yields: `result` through `ResultPath` and `OutputPath`. `ResultPath` writes into the raw input.
fn effective_output(
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
