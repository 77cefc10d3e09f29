//! Filters of paths: `[?(@.x == 1 && @.y)]`.

use super::query::Query;
use crate::limits;
use crate::value;
use regex::{Regex, RegexBuilder};
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
    /// `left =~ /pattern/`: the whole text fits.
    Matches(Operand, Pattern),
}

/// A regular expression; equal if written alike.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Parses what stands between the slashes, and the flags behind them.
    ///
    /// # Errors
    /// Why it isn't one.
    pub fn parse(text: &str, flags: &str) -> Result<Self, String> {
        let mut builder = RegexBuilder::new(&format!("^(?:{text})$"));
        builder.size_limit(limits::PATTERN_BYTES_MAX);
        for flag in flags.chars() {
            match flag {
                'i' => builder.case_insensitive(true),
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                'x' => builder.ignore_whitespace(true),
                'u' | 'U' => builder.unicode(true),
                other => return Err(format!("'{other}' is not a flag of a regular expression")),
            };
        }
        let built = builder.build();
        built
            .map(Self)
            .map_err(|_| format!("'/{text}/' is not a regular expression that is supported"))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
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
    /// `===`
    SameAs,
    /// `!==`
    NotSameAs,
    /// `contains`: the list on the left has the value, or the text has the text.
    Contains,
    /// `all`: the list on the left has all of that on the right.
    All,
    /// `subsetof`: that on the right has all of the list on the left.
    SubsetOf,
    /// `anyof`: both lists have something in common.
    AnyOf,
    /// `noneof`: they have nothing in common.
    NoneOf,
    /// `size`: the list or text on the left has this length.
    Size,
    /// `empty`: whether the list or text on the left has none.
    Empty,
}

impl Filter {
    /// Whether `item` passes; `root` is what `$` means.
    pub fn accepts(&self, root: &Value, item: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.accepts(root, item)),
            Self::All(parts) => parts.iter().all(|part| part.accepts(root, item)),
            Self::Not(part) => !part.accepts(root, item),
            Self::Exists(query) => query.find_from(root, item).is_ok(),
            Self::Matches(left, pattern) => match left.value(root, item).as_deref() {
                Some(Value::String(text)) => pattern.0.is_match(text),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => {
                    pattern.0.is_match(&value.to_string())
                }
                _ => false,
            },
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
            return matches!(self, Self::NotEqual | Self::NotSameAs | Self::NotIn);
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
            Self::SameAs => value::equal(left, right),
            Self::NotSameAs => !value::equal(left, right),
            Self::Contains => match (left, right) {
                (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
                _ => contains(left, right),
            },
            Self::All => both(left, right, |left, right| {
                right.iter().all(|item| has(left, item))
            }),
            Self::SubsetOf => both(left, right, |left, right| {
                left.iter().all(|item| has(right, item))
            }),
            Self::AnyOf => both(left, right, |left, right| {
                left.iter().any(|item| has(right, item))
            }),
            Self::NoneOf => both(left, right, |left, right| {
                !left.iter().any(|item| has(right, item))
            }),
            Self::Size => length(left).is_some_and(|length| right.as_u64() == Some(length as u64)),
            Self::Empty => length(left).is_some_and(|length| right.as_bool() == Some(length == 0)),
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
    list.as_array().is_some_and(|list| has(list, wanted))
}

fn has(list: &[Value], wanted: &Value) -> bool {
    list.iter().any(|item| value::equal(item, wanted))
}

fn both(left: &Value, right: &Value, holds: impl Fn(&[Value], &[Value]) -> bool) -> bool {
    matches!((left, right), (Value::Array(left), Value::Array(right)) if holds(left, right))
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    }
}
