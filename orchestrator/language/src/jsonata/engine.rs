//! The crate that parses and evaluates JSONata, behind [`Engine`].
//!
//! Owns: the translation of values and errors, what is bound and replaced for an evaluation, and its bounds. An
//! expression reads no clock and no generator: functions that would are replaced (see `functions`). A limit of time
//! ends an evaluation that doesn't end; what it ended is recorded like any failure, and replay evaluates nothing.

use super::plain::Plain;
use super::{Engine, Failed, Reads, References, Source, Surroundings, functions, guard, words};
use crate::limits;
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::parser::{self, ParserError};
use jsonata_core::value::JValue;
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::rc::Rc;

/// S0302 of jsonata-js.
const NO_END_OF_REGEX: &str = "No terminating / in regular expression";

/// Evaluates the expressions of one state.
pub struct Session<'a> {
    data: Data<'a>,
    reads: &'a Reads,
}

/// What stays warm between two sessions of the same state with the same surroundings.
#[derive(Default)]
pub struct Warm {
    evaluator: Option<Evaluator>,
    /// How many values ranges have made.
    drawn: Rc<Cell<usize>>,
    input: Option<Value>,
    result: Option<Value>,
    error_output: Option<Value>,
}

/// What expressions see, as JSON.
pub(super) struct Data<'a> {
    pub surroundings: Surroundings<'a>,
    warm: &'a mut Warm,
}

/// A parsed expression.
pub(crate) struct Parsed {
    /// With its checks.
    tree: AstNode,
    plain: Option<Plain>,
    references: References,
}

impl<'a> Session<'a> {
    /// Prepares for evaluating what `reads` names; nothing is converted before it is needed. `warm` must be new, or of a
    /// session with equal surroundings.
    #[must_use]
    pub fn new(surroundings: Surroundings<'a>, reads: &'a Reads, warm: &'a mut Warm) -> Self {
        Self {
            data: Data { surroundings, warm },
            reads,
        }
    }
}

/// Whether the literal without an end is a regular expression: the parser says the same of both.
fn is_open_regex(text: &str) -> bool {
    let closed = parser::parse(&format!("{text}/"));
    !matches!(closed, Err(ParserError::UnclosedString))
}

impl Engine for Session<'_> {
    type Parsed = Parsed;

    fn parse(text: &str) -> Result<Parsed, String> {
        let tree = parser::parse(text).map_err(|error| match error {
            ParserError::UnclosedString if is_open_regex(text) => NO_END_OF_REGEX.to_owned(),
            error => words::of_parser(&error.to_string()),
        })?;
        Ok(Parsed {
            plain: Plain::of(&tree),
            references: References::of(&tree),
            tree: guard::guarded(tree),
        })
    }

    fn references(parsed: &Parsed) -> &References {
        &parsed.references
    }

    fn value(&mut self, parsed: &Parsed) -> Result<Value, Failed> {
        if let Some(plain) = &parsed.plain
            && let Some(found) = plain.find(&mut self.data)
        {
            return found;
        }
        let Data { surroundings, warm } = &mut self.data;
        let drawn = warm.drawn.clone();
        drawn.set(0);
        let evaluator = warm
            .evaluator
            .get_or_insert_with(|| evaluator(surroundings, self.reads, &drawn));
        match evaluator.evaluate(&parsed.tree, &JValue::Undefined) {
            Ok(JValue::Undefined) => Err(Failed::Undefined),
            Ok(value) if !guard::is_small(&value) => Err(Failed::Exceeded(MEMORY_LIMIT)),
            Ok(value) => to_value(&value, 0).ok_or(Failed::Unsupported),
            Err(error) => Err(failed(error.message())),
        }
    }
}

impl Data<'_> {
    /// `$states.input`
    pub fn input(&mut self) -> Option<&Value> {
        as_value(Some(self.surroundings.input), &mut self.warm.input)
    }

    /// `$states.result`
    pub fn result(&mut self) -> Option<&Value> {
        as_value(self.surroundings.result, &mut self.warm.result)
    }

    /// `$states.errorOutput`
    pub fn error_output(&mut self) -> Option<&Value> {
        as_value(self.surroundings.error_output, &mut self.warm.error_output)
    }
}

/// The source as a value; text is parsed once.
fn as_value<'b>(source: Option<Source<'b>>, parsed: &'b mut Option<Value>) -> Option<&'b Value> {
    match source? {
        Source::Value(value) => Some(value),
        Source::Text(text) => {
            if parsed.is_none() {
                *parsed = serde_json::from_str(text).ok();
            }
            parsed.as_ref()
        }
    }
}

fn evaluator(surroundings: &Surroundings<'_>, reads: &Reads, drawn: &Rc<Cell<usize>>) -> Evaluator {
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
    guard::install(&mut evaluator, drawn);
    evaluator
}

const MEMORY_LIMIT: &str =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";
const STACK_LIMIT: &str = "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive";
const TIME_LIMIT: &str = "Expression evaluation timeout: Check for infinite loop";

/// What was thrown; bounds have words of AWS's own, and no code.
fn failed(message: &str) -> Failed {
    let starts = |codes: &[&str]| codes.iter().any(|code| message.starts_with(code));
    if starts(&[guard::MEMORY, "D2015"]) {
        Failed::Exceeded(MEMORY_LIMIT)
    } else if starts(&["D1011", "U1001"]) {
        Failed::Exceeded(STACK_LIMIT)
    } else if starts(&["D1012"]) {
        Failed::Exceeded(TIME_LIMIT)
    } else {
        Failed::Thrown(words::of_evaluation(message))
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
        // JSON has no such numbers; AWS writes their JavaScript names.
        JValue::Number(number) if number.is_nan() => Value::from("NaN"),
        JValue::Number(number) if number.is_infinite() => Value::from(if *number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }),
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
    if number.fract() == 0.0 && number.abs() < limits::JSONATA_WHOLE_MAX {
        Some(Number::from(number as i64))
    } else {
        Number::from_f64(number)
    }
}
