//! JSONata: expressions `{% ... %}` and what they see (AWS: "Transforming data with JSONata in Step Functions").
//!
//! Owns: the form in which JSONata occurs in a definition ([`Expression`], [`Form`]), what `$states` and the variables
//! are ([`Surroundings`]), and AWS's wording of what goes wrong. How an expression is parsed and evaluated is behind
//! [`Engine`]; `engine.rs` and `functions.rs` alone know the crate that does it.

mod engine;
mod form;
mod functions;
mod guard;
mod names;
mod plain;
mod references;
mod words;

pub use engine::{Session, Warm};
pub use form::Form;
pub(crate) use functions::{OF_STEP_FUNCTIONS, STANDARD, is_known as is_function};
pub use names::Reads;
pub(crate) use references::References;

use crate::chance::Chance;
use crate::value::kind;
use crate::{EvalError, Variables};
use serde_json::Value;
use std::sync::Arc;

/// The error of an expression that can't be evaluated, or gives what the field can't take.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";

/// What parses and evaluates JSONata text. One session evaluates all expressions of one state, so that what they see
/// is converted once.
pub(crate) trait Engine: Sized {
    /// A parsed expression; shared between threads.
    type Parsed: Send + Sync;

    /// Parses an expression.
    ///
    /// # Errors
    /// JSONata's message.
    fn parse(text: &str) -> Result<Self::Parsed, String>;

    /// What the expression refers to.
    fn references(parsed: &Self::Parsed) -> &References;

    /// The expression's value.
    ///
    /// # Errors
    /// Why there is none.
    fn value(&mut self, parsed: &Self::Parsed) -> Result<Value, Failed>;
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Its value is undefined.
    Undefined,
    /// Its value is a function.
    Unsupported,
    /// JSONata's code and message.
    Thrown(String),
    /// A bound is exceeded, in AWS's words.
    Exceeded(&'static str),
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// AWS's code.
    pub code: &'static str,
    /// AWS's words.
    pub message: String,
}

/// What expressions see beside the text of the definition.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// `$states.input`
    pub input: Source<'a>,
    /// `$states.result`
    pub result: Option<Source<'a>>,
    /// `$states.errorOutput`
    pub error_output: Option<Source<'a>>,
    /// `$states.context`
    pub context: &'a Value,
    /// Variables that are assigned.
    pub variables: &'a Variables,
    /// Time of the decision, milliseconds since the epoch: `$now()`, `$millis()`.
    pub now_ms: i64,
    /// What `$random()` and `$uuid()` draw from.
    pub chance: &'a Chance<'a>,
}

/// JSON as text or as a value, whichever is at hand.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A JSON text.
    Text(&'a str),
    /// A value.
    Value(&'a Value),
}

/// One expression and the field that it stands in.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    /// As AWS names it: `Output/result`, `Arguments`.
    field: Arc<str>,
    parsed: Arc<engine::Parsed>,
}

impl Expression {
    /// The expression within `{%` and `%}`; `None` if `text` is not of that form as a whole.
    #[must_use]
    pub(crate) fn text_within(text: &str) -> Option<&str> {
        Some(text.strip_prefix("{%")?.strip_suffix("%}")?.trim())
    }

    /// Parses the expression `text` (without `{%` and `%}`) of the field `field`; `in_catcher` tells whether
    /// `$states.errorOutput` is there.
    ///
    /// # Errors
    /// What is wrong with it, in AWS's words.
    pub(crate) fn parse(text: &str, field: &str, in_catcher: bool) -> Result<Self, Vec<Fault>> {
        let parsed = <Session<'_> as Engine>::parse(text).map_err(|message| {
            vec![Fault {
                code: "INVALID_JSONATA_EXPRESSION",
                message,
            }]
        })?;
        let faults = unsupported(<Session<'_> as Engine>::references(&parsed), in_catcher);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            text: text.into(),
            field: field.into(),
            parsed: Arc::new(parsed),
        })
    }

    /// What the expression `text` refers to; `None` if it is none.
    pub(crate) fn references(text: &str) -> Option<References> {
        let parsed = <Session<'_> as Engine>::parse(text).ok()?;
        Some(<Session<'_> as Engine>::references(&parsed).clone())
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The expression's value.
    ///
    /// # Errors
    /// `States.QueryEvaluationError`, worded as AWS does.
    pub fn evaluate(&self, session: &mut Session<'_>) -> Result<Value, EvalError> {
        session.value(&self.parsed).map_err(|failed| {
            self.failure(&match failed {
                Failed::Undefined => "returned nothing (undefined).".to_owned(),
                Failed::Unsupported => "returned an unsupported result type.".to_owned(),
                Failed::Thrown(message) => format!("threw an error during evaluation. {message}"),
                Failed::Exceeded(limit) => format!("threw an error during evaluation: {limit}"),
            })
        })
    }

    /// The expression's value, which must be of the kind `wanted` (`array`, `boolean`, `number`, `string`).
    ///
    /// # Errors
    /// `States.QueryEvaluationError`, worded as AWS does.
    pub fn evaluate_as(&self, wanted: &str, session: &mut Session<'_>) -> Result<Value, EvalError> {
        let value = self.evaluate(session)?;
        if kind(&value) == wanted {
            Ok(value)
        } else {
            Err(self.unexpected(wanted, &value))
        }
    }

    /// The value is not what the field takes.
    #[must_use]
    pub fn unexpected(&self, wanted: &str, value: &Value) -> EvalError {
        self.failure(&format!(
            "returned an unexpected result type. Expected '{wanted}', but was '{}' for value: {value}",
            kind(value)
        ))
    }

    /// The field is wrong for another reason than the expression's.
    #[must_use]
    pub fn refused(&self, cause: String) -> EvalError {
        EvalError {
            error: QUERY_EVALUATION_ERROR,
            cause,
            location: Some(self.field.clone()),
        }
    }

    fn failure(&self, what: &str) -> EvalError {
        self.refused(format!(
            "The JSONata expression '{}' specified for the field '{}' {what}",
            self.text, self.field
        ))
    }
}

/// What Step Functions doesn't give to expressions (recorded from AWS).
fn unsupported(references: &References, in_catcher: bool) -> Vec<Fault> {
    let of = |message| Fault {
        code: "UNSUPPORTED_JSONATA_EXPRESSION",
        message,
    };
    let top_level = references.top_level.iter().map(|name| {
        of(format!(
            "Reference to '{name}' at the top level is not supported."
        ))
    });
    let mut faults: Vec<Fault> = top_level.collect();
    if references.root {
        faults.push(of("Reference to '$$' is not supported.".to_owned()));
    }
    if !in_catcher && references.states.iter().any(|field| field == "errorOutput") {
        faults.push(of("Field '$states.errorOutput' does not exist.".to_owned()));
    }
    faults
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.field == other.field
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {{% {} %}}", self.field, self.text)
    }
}

#[cfg(test)]
mod tests;
