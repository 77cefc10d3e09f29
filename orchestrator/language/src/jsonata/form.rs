//! JSON whose strings may be expressions: `Arguments`, `Output`, `Assign`, `Items`, `ItemSelector`.
//!
//! Owns: which strings are expressions (those that are `{% ... %}` as a whole), and how a location is written
//! (`Output/list[0]/name`).

use super::{Expression, Fault, Session};
use crate::EvalError;
use crate::limits;
use crate::template::{Key, Located, too_large, within};
use crate::value::spend;
use serde_json::{Map, Value};

/// A value of a definition in which expressions are to be filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// Holds no expression.
    Fixed(Value),
    Expression(Expression),
    Object(Vec<(Box<str>, Node)>),
    Array(Vec<Node>),
}

impl Form {
    /// Parses the value of the field `field`; `Err` holds all that is wrong with it, in order.
    pub(crate) fn parse(
        value: &Value,
        field: &str,
        in_catcher: bool,
    ) -> Result<Self, Vec<Located<Fault>>> {
        let mut errors = Vec::new();
        let root = parse_node(value, field, in_catcher, &mut errors);
        if errors.is_empty() {
            Ok(Self { root })
        } else {
            Err(errors)
        }
    }

    /// The text that a field of the outermost object always has; `None` if it depends on the data.
    #[must_use]
    pub fn fixed_text(&self, field: &str) -> Option<&str> {
        match &self.root {
            Node::Fixed(value) => value.get(field)?.as_str(),
            Node::Object(fields) => fields.iter().find_map(|(name, node)| match node {
                Node::Fixed(Value::String(text)) if **name == *field => Some(&**text),
                _ => None,
            }),
            _ => None,
        }
    }

    /// The one expression that makes up the whole form.
    #[must_use]
    pub fn expression(&self) -> Option<&Expression> {
        match &self.root {
            Node::Expression(expression) => Some(expression),
            _ => None,
        }
    }

    /// The form with all expressions filled in.
    ///
    /// # Errors
    /// `States.QueryEvaluationError` of the first expression that has no value; `States.DataLimitExceeded` past
    /// [`limits::VALUE_BYTES_MAX`].
    pub fn evaluate(&self, session: &mut Session<'_>) -> Result<Value, EvalError> {
        let mut left = limits::VALUE_BYTES_MAX;
        self.root.evaluate(session, &mut left)
    }
}

impl Node {
    fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    fn evaluate(&self, session: &mut Session<'_>, left: &mut usize) -> Result<Value, EvalError> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Expression(expression) => {
                let value = expression.evaluate(session)?;
                if spend(left, &value) {
                    Ok(value)
                } else {
                    Err(too_large())
                }
            }
            Self::Object(fields) => {
                let mut object = Map::with_capacity(fields.len());
                for (name, node) in fields {
                    object.insert(name.to_string(), node.evaluate(session, left)?);
                }
                Ok(Value::Object(object))
            }
            Self::Array(items) => items
                .iter()
                .map(|item| item.evaluate(session, left))
                .collect(),
        }
    }
}

fn parse_node(
    value: &Value,
    place: &str,
    in_catcher: bool,
    errors: &mut Vec<Located<Fault>>,
) -> Node {
    match value {
        Value::String(text) => parse_text(text, place, in_catcher, errors),
        Value::Array(items) => {
            let items: Vec<Node> = items
                .iter()
                .enumerate()
                .map(|(i, item)| {
                    within(Key::Item(i), errors, |e| {
                        parse_node(item, &format!("{place}[{i}]"), in_catcher, e)
                    })
                })
                .collect();
            if items.iter().all(Node::is_fixed) {
                Node::Fixed(value.clone())
            } else {
                Node::Array(items)
            }
        }
        Value::Object(fields) => {
            let fields: Vec<(Box<str>, Node)> = fields
                .iter()
                .map(|(name, field)| {
                    let key = Key::Field(name.as_str().into());
                    let node = within(key, errors, |e| {
                        parse_node(field, &format!("{place}/{name}"), in_catcher, e)
                    });
                    (name.as_str().into(), node)
                })
                .collect();
            if fields.iter().all(|(_, node)| node.is_fixed()) {
                Node::Fixed(value.clone())
            } else {
                Node::Object(fields)
            }
        }
        _ => Node::Fixed(value.clone()),
    }
}

fn parse_text(text: &str, place: &str, in_catcher: bool, errors: &mut Vec<Located<Fault>>) -> Node {
    let Some(within) = Expression::text_within(text) else {
        return Node::Fixed(text.into());
    };
    match Expression::parse(within, place, in_catcher) {
        Ok(expression) => Node::Expression(expression),
        Err(faults) => {
            errors.extend(faults.into_iter().map(|fault| Located {
                trail: Vec::new(),
                fault,
            }));
            Node::Fixed(Value::Null)
        }
    }
}
