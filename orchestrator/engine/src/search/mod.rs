//! What executions are searched by besides machine, status, start and name: their error, and attributes of the user's.
//!
//! Owns: the values of attributes and when a condition holds of them, so that the store, other views and whoever
//! filters a stream agree. Must not: know how attributes are declared ([`crate::attributes`]) or kept.

mod condition;

pub use condition::{Condition, Field, Op};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an execution can be found by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findable {
    /// The error that it ended with, if it closed with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
    /// Attributes that its machine declares, as far as they have a value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<Arc<str>, AttributeValue>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// A text.
    #[serde(rename = "s")]
    Text(Arc<str>),
    /// A number.
    #[serde(rename = "n")]
    Number(Finite),
    /// True or false.
    #[serde(rename = "b")]
    Boolean(bool),
    /// A time, milliseconds since the epoch.
    #[serde(rename = "t")]
    Time(i64),
}

/// A number that is one: neither infinite nor NaN, and with one zero only.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Finite(f64);

impl Eq for Finite {}

impl Finite {
    /// The number, if it is one.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        // -0 becomes 0, so that equal numbers are written alike.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Finite {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, &'static str> {
        Self::new(number).ok_or("not a finite number")
    }
}

impl From<Finite> for f64 {
    fn from(number: Finite) -> Self {
        number.0
    }
}

impl Findable {
    /// Whether there is nothing to find it by.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.error.is_none() && self.attributes.is_empty()
    }

    /// Whether all conditions hold. One about what the execution does not have never does.
    #[must_use]
    pub fn meets(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| match &condition.field {
            Field::Error => self
                .error
                .as_ref()
                .is_some_and(|error| condition.holds(&AttributeValue::Text(error.clone()))),
            Field::Attribute(name) => self
                .attributes
                .get(name)
                .is_some_and(|value| condition.holds(value)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findable() -> Findable {
        let attributes = [
            ("customer", AttributeValue::Text("c-1".into())),
            (
                "total",
                AttributeValue::Number(Finite::new(12.5).expect("finite")),
            ),
            ("gift", AttributeValue::Boolean(true)),
            ("due", AttributeValue::Time(1_000)),
        ];
        Findable {
            error: Some("Card.Refused".into()),
            attributes: attributes
                .map(|(name, value)| (Arc::from(name), value))
                .into(),
        }
    }

    fn holds(field: &str, op: Op, value: &str) -> bool {
        let field = match field {
            "error" => Field::Error,
            name => Field::Attribute(name.into()),
        };
        findable().meets(&[Condition {
            field,
            op,
            value: value.into(),
        }])
    }

    #[test]
    fn values_are_compared_by_their_type() {
        for (field, op, value) in [
            ("error", Op::Equal, "Card.Refused"),
            ("error", Op::Prefix, "Card."),
            ("customer", Op::Equal, "c-1"),
            ("customer", Op::Unequal, "c-2"),
            ("total", Op::GreaterOrEqual, "9"),
            ("total", Op::Equal, "12.50"),
            ("gift", Op::Equal, "true"),
            ("due", Op::Less, "1970-01-01T00:00:02Z"),
            ("due", Op::Equal, "1970-01-01T01:00:01+01:00"),
        ] {
            assert!(holds(field, op, value), "{field} {op:?} {value}");
        }
        for (field, op, value) in [
            ("error", Op::Equal, "card.refused"),
            ("customer", Op::Unequal, "c-1"),
            ("total", Op::Unequal, "many"),
            ("total", Op::Less, "9"),
            ("gift", Op::Equal, "yes"),
            ("due", Op::Greater, "soon"),
            ("other", Op::Unequal, "x"),
        ] {
            assert!(!holds(field, op, value), "{field} {op:?} {value}");
        }
    }

    #[test]
    fn the_written_form_stays() {
        let json = serde_json::to_string(&findable()).expect("it serialises");
        assert_eq!(
            json,
            r#"{"error":"Card.Refused","attributes":{"customer":{"s":"c-1"},"due":{"t":1000},"gift":{"b":true},"total":{"n":12.5}}}"#
        );
        assert_eq!(
            serde_json::from_str::<Findable>(&json).expect("it parses"),
            findable()
        );
    }
}
