//! Expressions that only follow names: `$states.input.order.id`, `$total`.
//!
//! Owns: telling them from the tree, and following them in JSON itself. Most expressions are of this kind; so they cost no
//! conversion, and integers keep all their digits (JSONata's own numbers are doubles; AWS keeps 64-bit integers too). An
//! array on the way is left to the engine, which maps over it.

use super::Failed;
use super::engine::Data;
use crate::limits;
use jsonata_core::ast::{AstNode, PathStep};
use serde_json::{Number, Value};

/// Names to follow, and where they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    root: Root,
    names: Vec<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    Input,
    Result,
    ErrorOutput,
    Context,
    Variable(Box<str>),
}

impl Plain {
    /// The names of an expression that is nothing else.
    pub fn of(tree: &AstNode) -> Option<Self> {
        let mut steps = match tree {
            AstNode::Variable(name) => vec![Step::Variable(name)],
            AstNode::Path { steps } => steps.iter().map(step).collect::<Option<Vec<_>>>()?,
            _ => return None,
        }
        .into_iter();
        let Some(Step::Variable(first)) = steps.next() else {
            return None;
        };
        let root = match first {
            "" | "$" => return None,
            "states" => match steps.next()? {
                Step::Name("input") => Root::Input,
                Step::Name("result") => Root::Result,
                Step::Name("errorOutput") => Root::ErrorOutput,
                Step::Name("context") => Root::Context,
                _ => return None,
            },
            name => Root::Variable(name.into()),
        };
        let names = steps.map(|step| match step {
            Step::Name(name) => Some(name.into()),
            Step::Variable(_) => None,
        });
        Some(Self {
            root,
            names: names.collect::<Option<_>>()?,
        })
    }

    /// The value; `None` if the engine has to find it.
    pub fn find(&self, data: &mut Data<'_>) -> Option<Result<Value, Failed>> {
        let mut at = match &self.root {
            Root::Input => data.input()?,
            Root::Result => data.result()?,
            Root::ErrorOutput => data.error_output()?,
            Root::Context => data.surroundings.context,
            // What isn't assigned may be a function's name.
            Root::Variable(name) => data.surroundings.variables.get(&**name)?,
        };
        for name in &self.names {
            at = match at {
                Value::Object(fields) => match fields.get(&**name) {
                    Some(field) => field,
                    None => return Some(Err(Failed::Undefined)),
                },
                Value::Array(_) => return None,
                _ => return Some(Err(Failed::Undefined)),
            };
        }
        Some(Ok(normal(at)))
    }
}

enum Step<'a> {
    Variable(&'a str),
    Name(&'a str),
}

/// A step that does nothing but name.
fn step(step: &PathStep) -> Option<Step<'_>> {
    let is_bare = step.stages.is_empty()
        && step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
        && !step.inner_tuple;
    match &step.node {
        _ if !is_bare => None,
        AstNode::Variable(name) => Some(Step::Variable(name)),
        AstNode::Name(name) => Some(Step::Name(name)),
        _ => None,
    }
}

/// The value with its numbers as JSONata writes them: `1.0` as `1`.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(normal_number(number)),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), normal(field)))
            .collect(),
        other => other.clone(),
    }
}

fn normal_number(number: &Number) -> Number {
    if number.is_i64() {
        return number.clone();
    }
    match number.as_f64() {
        Some(double) if double.fract() == 0.0 && double.abs() < limits::JSONATA_WHOLE_MAX => {
            Number::from(double as i64)
        }
        Some(double) => Number::from_f64(double).unwrap_or_else(|| number.clone()),
        None => number.clone(),
    }
}
