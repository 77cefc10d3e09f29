//! The crate that parses and evaluates JSONata, behind [`Engine`].
//!
//! Owns: the translation of values and errors, what is bound and replaced for an evaluation, and its bounds. An
//! expression reads no clock and no generator: functions that would are replaced (see `functions`). A limit of time
//! ends an evaluation that doesn't end; what it ended is recorded like any failure, and replay evaluates nothing.

use super::{Engine, Failed, Reads, Source, Surroundings, functions};
use crate::limits;
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};

/// Evaluates the expressions of one state.
pub struct Session {
    evaluator: Evaluator,
}

impl Session {
    /// Prepares for evaluating what `reads` names.
    #[must_use]
    pub fn new(surroundings: &Surroundings<'_>, reads: &Reads) -> Self {
        Self::open(surroundings, reads)
    }
}

impl Engine for Session {
    type Parsed = AstNode;

    fn parse(text: &str) -> Result<AstNode, String> {
        parser::parse(text).map_err(|error| error.to_string())
    }

    fn open(surroundings: &Surroundings<'_>, reads: &Reads) -> Self {
        let mut context = Context::new();
        context.bind("states".to_owned(), states(surroundings, reads));
        for (name, value) in surroundings.variables {
            if reads.has(name) {
                context.bind(name.to_string(), from_value(value));
            }
        }
        let options = EvaluatorOptions {
            timeout_ms: Some(limits::JSONATA_MILLIS_MAX),
            cancel: None,
            max_stack_depth: Some(limits::JSONATA_DEPTH_MAX),
            max_sequence_length: Some(limits::JSONATA_SEQUENCE_LENGTH_MAX),
        };
        let mut evaluator = Evaluator::with_options(context, options);
        functions::install(&mut evaluator, surroundings, reads);
        Self { evaluator }
    }

    fn value(&mut self, parsed: &AstNode) -> Result<Value, Failed> {
        match self.evaluator.evaluate(parsed, &JValue::Undefined) {
            Ok(JValue::Undefined) => Err(Failed::Undefined),
            Ok(value) => to_value(&value, 0).ok_or(Failed::Unsupported),
            Err(error) => Err(Failed::Thrown(worded(error.message()))),
        }
    }
}

/// The message as JSONata 2.0.6 words it: what can't be called isn't named.
fn worded(message: &str) -> String {
    const NO_FUNCTION: &str = "T1006: Attempted to invoke a non-function";
    if message.starts_with(NO_FUNCTION) {
        NO_FUNCTION.to_owned()
    } else {
        message.to_owned()
    }
}

/// `$states`.
fn states(surroundings: &Surroundings<'_>, reads: &Reads) -> JValue {
    let fields = [
        ("input", reads.input, Some(surroundings.input)),
        ("result", reads.result, surroundings.result),
        ("errorOutput", reads.error_output, surroundings.error_output),
        (
            "context",
            reads.context,
            Some(Source::Value(surroundings.context)),
        ),
    ];
    let shown = fields
        .into_iter()
        .filter(|(_, is_read, _)| *is_read)
        .filter_map(|(name, _, source)| Some((name.to_owned(), from_source(source?))));
    JValue::object(shown.collect())
}

fn from_source(source: Source<'_>) -> JValue {
    match source {
        Source::Text(text) => JValue::from_json_str(text).unwrap_or(JValue::Null),
        Source::Value(value) => from_value(value),
    }
}

/// A JSON value as the crate's.
pub(super) fn from_value(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(flag) => JValue::Bool(*flag),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(items) => JValue::array(items.iter().map(from_value).collect()),
        Value::Object(fields) => JValue::object(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), from_value(field)))
                .collect(),
        ),
    }
}

/// The crate's value as JSON; `None` if a function is in it, or it is nested too deep.
fn to_value(value: &JValue, depth: usize) -> Option<Value> {
    if depth > limits::JSONATA_RESULT_DEPTH_MAX {
        return None;
    }
    Some(match value {
        JValue::Null | JValue::Undefined => Value::Null,
        JValue::Bool(flag) => Value::Bool(*flag),
        JValue::Number(number) => Value::Number(to_number(*number)?),
        JValue::String(text) => Value::String(text.to_string()),
        JValue::Array(items) => items
            .iter()
            .map(|item| to_value(item, depth + 1))
            .collect::<Option<Vec<_>>>()
            .map(Value::Array)?,
        JValue::Object(fields) => {
            let mut object = Map::with_capacity(fields.len());
            for (name, field) in fields.iter() {
                object.insert(name.clone(), to_value(field, depth + 1)?);
            }
            Value::Object(object)
        }
        JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => return None,
    })
}

/// A number as JSONata writes it: without a fraction if it is whole.
fn to_number(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() < 9.0e18 {
        Some(Number::from(number as i64))
    } else {
        Number::from_f64(number)
    }
}
