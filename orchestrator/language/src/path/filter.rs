//! Filters of paths: `[?(@.x == 1 && @.y)]`.

use super::query::Query;
use crate::value;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// `||`
    Any(Vec<Filter>),
    /// `&&`
    All(Vec<Filter>),
    /// `!`
    Not(Box<Filter>),
    /// `@.x`: it is there.
    Exists(Query),
    /// `left operator right`
    Compare(Operand, Operator, Operand),
}

/// A side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// Written down.
    Fixed(Value),
    /// Found by this path.
    Query(Query),
}

/// How two sides are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `nin`
    NotIn,
}

impl Filter {
    /// Whether `item` passes; `root` is what `$` means.
    pub fn accepts(&self, root: &Value, item: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.accepts(root, item)),
            Self::All(parts) => parts.iter().all(|part| part.accepts(root, item)),
            Self::Not(part) => !part.accepts(root, item),
            Self::Exists(query) => query.find_from(root, item).is_ok(),
            Self::Compare(left, operator, right) => operator.holds(
                left.value(root, item).as_deref(),
                right.value(root, item).as_deref(),
            ),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, root: &'a Value, item: &'a Value) -> Option<Cow<'a, Value>> {
        match self {
            Self::Fixed(value) => Some(Cow::Borrowed(value)),
            Self::Query(query) => query.find_from(root, item).ok(),
        }
    }
}

impl Operator {
    /// A side that is missing equals nothing, and so is unequal to everything (Jayway).
    fn holds(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let (Some(left), Some(right)) = (left, right) else {
            return matches!(self, Self::NotEqual | Self::NotIn);
        };
        let order = || compare(left, right);
        match self {
            Self::Equal => value::equal(left, right),
            Self::NotEqual => !value::equal(left, right),
            Self::Less => order() == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order() == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
            Self::In => contains(right, left),
            Self::NotIn => !contains(right, left),
        }
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => value::compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn contains(list: &Value, wanted: &Value) -> bool {
    list.as_array()
        .is_some_and(|list| list.iter().any(|item| value::equal(item, wanted)))
}
