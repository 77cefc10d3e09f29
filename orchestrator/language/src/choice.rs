//! Choice rules: comparisons of values, combined by And, Or, Not.
//!
//! Owns: how a rule is evaluated; `choice/parse.rs` reads it. A value of another kind than the operator's never
//! matches; a value that is missing fails the state, except for `IsPresent` (recorded from AWS).

mod parse;
mod pattern;

pub(crate) use parse::operators;

use crate::EvalError;
use crate::path::{Path, Scope};
use crate::timestamp::timestamp_ns;
use crate::value::compare_numbers;
use pattern::Pattern;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A parsed condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule(Condition);

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Test(Path, Test),
}

/// One test of a value.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Compare(Kind, Relation, Operand),
    Matches(Pattern),
    /// Whether the value is of this type, and whether it should be.
    Is(Type, bool),
    IsPresent(bool),
}

/// What both sides of a comparison must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Numeric,
    String,
    Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Fixed(Value),
    Path(Path),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Boolean,
    Null,
    Numeric,
    String,
    Timestamp,
}

impl Rule {
    /// Whether the condition holds.
    ///
    /// # Errors
    /// `States.Runtime` when a path of it finds nothing.
    pub fn matches(&self, scope: Scope<'_>) -> Result<bool, EvalError> {
        self.0.holds(scope)
    }

    /// Whether any path of it reads the context object.
    #[must_use]
    pub fn reads_context(&self) -> bool {
        self.0.reads_context()
    }
}

impl Condition {
    fn holds(&self, scope: Scope<'_>) -> Result<bool, EvalError> {
        match self {
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(part) => Ok(!part.holds(scope)?),
            Self::Test(variable, Test::IsPresent(expected)) => {
                Ok(variable.find(scope)?.is_some() == *expected)
            }
            Self::Test(variable, test) => test.holds(&*present(variable, scope)?, scope),
        }
    }

    fn reads_context(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::reads_context),
            Self::Not(part) => part.reads_context(),
            Self::Test(variable, test) => {
                let other = matches!(test, Test::Compare(_, _, Operand::Path(path)) if path.reads_context());
                variable.reads_context() || other
            }
        }
    }
}

impl Test {
    fn holds(&self, value: &Value, scope: Scope<'_>) -> Result<bool, EvalError> {
        Ok(match self {
            Self::Compare(kind, relation, Operand::Fixed(other)) => {
                relation.holds(kind.compare(value, other))
            }
            Self::Compare(kind, relation, Operand::Path(path)) => {
                relation.holds(kind.compare(value, &*present(path, scope)?))
            }
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
            Self::Is(wanted, expected) => wanted.holds(value) == *expected,
            Self::IsPresent(expected) => *expected,
        })
    }
}

/// The value at `path`, which must be there.
fn present<'a>(path: &Path, scope: Scope<'a>) -> Result<Cow<'a, Value>, EvalError> {
    path.find(scope)?.ok_or_else(|| EvalError {
        error: "States.Runtime",
        cause: format!(
            "Invalid path '{}': The choice state's condition path references an invalid value.",
            path.text()
        ),
        location: None,
    })
}

impl Kind {
    /// Order of two values of this kind; `None` if one of them is not.
    fn compare(self, left: &Value, right: &Value) -> Option<Ordering> {
        match (self, left, right) {
            (Self::Boolean, Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Self::Numeric, Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
            (Self::String, Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Self::Timestamp, Value::String(a), Value::String(b)) => {
                Some(timestamp_ns(a)?.cmp(&timestamp_ns(b)?))
            }
            _ => None,
        }
    }
}

impl Relation {
    fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equals => order.is_eq(),
            Self::LessThan => order.is_lt(),
            Self::LessThanEquals => order.is_le(),
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanEquals => order.is_ge(),
        })
    }
}

impl Type {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Timestamp => value
                .as_str()
                .is_some_and(|text| timestamp_ns(text).is_some()),
        }
    }
}
