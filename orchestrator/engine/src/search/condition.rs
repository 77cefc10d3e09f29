//! What is asked of an execution.
//!
//! Owns: how a value compares with what a caller wrote as text, and which values an index has to be asked for.

use super::{AttributeValue, Finite};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// Something asked of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Of what.
    pub field: Field,
    /// How it compares.
    pub op: Op,
    /// With what, as text: it is read as the type of what it is compared with.
    pub value: Arc<str>,
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// The error that the execution ended with.
    Error,
    /// An attribute, by name.
    Attribute(Arc<str>),
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`: there is a value and it is another.
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `= 'TEXT*'`: begins with the text before the asterisk.
    Prefix,
}

impl Condition {
    /// Whether it holds of a value.
    pub(super) fn holds(&self, found: &AttributeValue) -> bool {
        if self.op == Op::Prefix {
            return matches!(found, AttributeValue::Text(text) if text.starts_with(&*self.value));
        }
        let order = match found {
            AttributeValue::Text(text) => Some((**text).cmp(&*self.value)),
            AttributeValue::Number(number) => {
                let wanted = self.value.parse().ok();
                wanted.and_then(|wanted: f64| number.get().partial_cmp(&wanted))
            }
            AttributeValue::Boolean(is) => {
                let wanted: Option<bool> = self.value.parse().ok();
                wanted.map(|wanted| is.cmp(&wanted))
            }
            AttributeValue::Time(ms) => {
                let wanted = baton_schemas::time::parse_rfc3339(&self.value);
                wanted.map(|wanted| ms.cmp(&wanted))
            }
        };
        // What can't be read as the attribute's type is neither equal nor in any order.
        order.is_some_and(|order| self.op.takes(order))
    }

    /// Every value that it may be equal to, if it asks for equality with an attribute: for an index.
    #[must_use]
    pub fn equals(&self) -> Option<(&Arc<str>, Vec<AttributeValue>)> {
        let (Field::Attribute(name), Op::Equal) = (&self.field, self.op) else {
            return None;
        };
        let mut values = vec![AttributeValue::Text(self.value.clone())];
        let number = self.value.parse().ok().and_then(Finite::new);
        values.extend(number.map(AttributeValue::Number));
        values.extend(self.value.parse().ok().map(AttributeValue::Boolean));
        let time = baton_schemas::time::parse_rfc3339(&self.value);
        values.extend(time.map(AttributeValue::Time));
        Some((name, values))
    }
}

impl Op {
    fn takes(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Prefix => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_told_every_value_that_a_text_may_mean() {
        let condition = |value: &str| Condition {
            field: Field::Attribute("a".into()),
            op: Op::Equal,
            value: value.into(),
        };
        let of = |value: &str| condition(value).equals().expect("an equality").1;
        assert_eq!(of("x"), [AttributeValue::Text("x".into())]);
        let zero = AttributeValue::Number(Finite::new(0.0).expect("finite"));
        assert_eq!(of("-0"), [AttributeValue::Text("-0".into()), zero]);
        assert_eq!(of("true").len(), 2);
        assert_eq!(of("2026-01-31T12:00:00Z").len(), 2);
        assert_eq!(of("NaN").len(), 1);
    }
}
