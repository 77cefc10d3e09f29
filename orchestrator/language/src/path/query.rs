//! A path's steps and how they find values.
//!
//! Works step by step over the list of places found so far, so that no input can exhaust the stack; that list is
//! bounded ([`limits::PATH_NODES_MAX`]).

use super::Scope;
use super::filter::Filter;
use crate::limits;
use crate::value::spend;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    root: Root,
    steps: Vec<Step>,
    definite: bool,
}

/// Where a path begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `$`
    Input,
    /// `$$`
    Context,
    /// `$name`
    Variable(Arc<str>),
    /// `@`, in a filter.
    Current,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// `.name`, `['name']`
    Name(Arc<str>),
    /// `['a','b']`; at a path's end it makes one object of those fields (Jayway).
    Names(Vec<Arc<str>>),
    /// `[0]`, `[-1]`
    Index(i64),
    /// `[0,1]`
    Indexes(Vec<i64>),
    /// `[from:to]`
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`
    All,
    /// `[?(...)]`
    Filter(Box<Filter>),
    /// `..`: the place itself and everything beneath it.
    Descend,
}

/// Why a path found nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Missing {
    /// Nothing at its end.
    NoResults,
    /// The array ends before the last step's index.
    OutOfRange,
    /// The property of this step, on the way.
    Property(usize),
    /// This step wants an object and found something else.
    NotObject(usize, &'static str),
    /// This step wants an array and found this instead.
    NotArray(usize, String),
    /// The variable is not assigned.
    Variable,
    /// The path looked at too many places, or found too much.
    TooMany,
}

impl Missing {
    /// Whether an index was used on something that is no array.
    pub fn is_wrong_kind(&self) -> bool {
        matches!(self, Self::NotArray(..))
    }

    /// Whether the value simply isn't there.
    pub fn is_absence(&self) -> bool {
        *self != Self::TooMany
    }
}

impl Query {
    pub(super) fn new(root: Root, steps: Vec<Step>) -> Self {
        let last = steps.len().saturating_sub(1);
        let definite = steps.iter().enumerate().all(|(i, step)| match step {
            Step::Name(_) | Step::Index(_) => true,
            Step::Names(_) => i == last,
            _ => false,
        });
        Self {
            root,
            steps,
            definite,
        }
    }

    /// `$`.
    pub fn root() -> Self {
        Self::new(Root::Input, Vec::new())
    }

    /// Whether it is `$`.
    pub fn is_root(&self) -> bool {
        self.root == Root::Input && self.steps.is_empty()
    }

    /// Whether it begins at `$`.
    pub fn is_of_input(&self) -> bool {
        self.root == Root::Input
    }

    /// The variable that it begins at.
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// Whether all that is missing is the item at the path's end.
    pub fn ends_past_array(&self, missing: &Missing) -> bool {
        *missing == Missing::OutOfRange
    }

    /// What it begins at.
    pub fn root_of<'a>(&self, scope: Scope<'a>) -> Option<&'a Value> {
        match &self.root {
            Root::Context => Some(scope.context),
            Root::Variable(name) => scope.variables.get(name),
            Root::Input | Root::Current => Some(scope.input),
        }
    }

    /// Whether it begins at `$$`.
    pub fn reads_context(&self) -> bool {
        self.root == Root::Context
    }

    /// The steps, if the path begins at `$`.
    pub(super) fn steps_from_input(&self) -> Option<&[Step]> {
        (self.root == Root::Input).then_some(&self.steps)
    }

    /// The value: one, or a list if the path is indefinite.
    pub fn find<'a>(&self, scope: Scope<'a>) -> Result<Cow<'a, Value>, Missing> {
        let start = self.root_of(scope).ok_or(Missing::Variable)?;
        self.find_from(start, start)
    }

    /// The value as seen from `current` (`@`) and `root` (`$`).
    pub(super) fn find_from<'a>(
        &self,
        root: &'a Value,
        current: &'a Value,
    ) -> Result<Cow<'a, Value>, Missing> {
        let start = if self.root == Root::Current {
            current
        } else {
            root
        };
        if self.definite {
            self.find_one(start)
        } else {
            self.find_all(root, start).map(Cow::Owned)
        }
    }

    fn find_one<'a>(&self, start: &'a Value) -> Result<Cow<'a, Value>, Missing> {
        let mut at = start;
        for (i, step) in self.steps.iter().enumerate() {
            let is_last = i + 1 == self.steps.len();
            at = match step {
                Step::Name(name) => {
                    let object = at
                        .as_object()
                        .ok_or_else(|| Missing::NotObject(i, java_class(at)))?;
                    let missing = || {
                        if is_last {
                            Missing::NoResults
                        } else {
                            Missing::Property(i)
                        }
                    };
                    object.get(&**name).ok_or_else(missing)?
                }
                Step::Index(index) => {
                    let array = at
                        .as_array()
                        .ok_or_else(|| Missing::NotArray(i, at.to_string()))?;
                    let missing = if is_last {
                        Missing::OutOfRange
                    } else {
                        Missing::NoResults
                    };
                    item(array, *index).ok_or(missing)?
                }
                Step::Names(names) => {
                    let object = at
                        .as_object()
                        .ok_or_else(|| Missing::NotObject(i, java_class(at)))?;
                    return Ok(Cow::Owned(pick(object, names)));
                }
                _ => return Err(Missing::NoResults),
            };
        }
        Ok(Cow::Borrowed(at))
    }

    fn find_all(&self, root: &Value, start: &Value) -> Result<Value, Missing> {
        let (steps, picked) = match self.steps.split_last() {
            Some((Step::Names(names), before)) => (before, Some(names)),
            _ => (&self.steps[..], None),
        };
        let mut places = vec![start];
        for step in steps {
            let mut found = Vec::new();
            for place in places {
                follow(step, root, place, &mut found);
                if found.len() > limits::PATH_NODES_MAX {
                    return Err(Missing::TooMany);
                }
            }
            places = found;
        }
        let mut left = limits::VALUE_BYTES_MAX;
        if !places.iter().all(|place| spend(&mut left, place)) {
            return Err(Missing::TooMany);
        }
        Ok(match picked {
            Some(names) => places
                .iter()
                .filter_map(|p| p.as_object())
                .map(|object| pick(object, names))
                .collect(),
            None => places.into_iter().cloned().collect(),
        })
    }

    /// Words a failure as Jayway, and so AWS, does.
    pub fn explain(&self, missing: Missing) -> String {
        match missing {
            Missing::NoResults | Missing::OutOfRange => {
                format!("No results for path: {}", self.normal(self.steps.len()))
            }
            Missing::Property(step) => {
                format!("Missing property in path {}", self.normal(step + 1))
            }
            Missing::NotObject(step, class) => format!(
                "Expected to find an object with property {} in path {} but found '{class}'. This is not a json object \
                 according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'.",
                normal_step(&self.steps[step]),
                self.normal(step)
            ),
            Missing::NotArray(step, found) => format!(
                "Filter: {} can only be applied to arrays. Current context is: {found}",
                normal_step(&self.steps[step])
            ),
            Missing::Variable => match &self.root {
                Root::Variable(name) => format!("The variable '{name}' is not assigned"),
                _ => "The variable is not assigned".to_owned(),
            },
            Missing::TooMany => format!(
                "it finds more than {} places or {} bytes; make the path more specific",
                limits::PATH_NODES_MAX,
                limits::VALUE_BYTES_MAX
            ),
        }
    }

    /// The first `count` steps in Jayway's normal form: `$['a'][0]`.
    fn normal(&self, count: usize) -> String {
        self.steps[..count]
            .iter()
            .fold("$".to_owned(), |mut text, step| {
                text.push_str(&normal_step(step));
                text
            })
    }
}

/// Adds what `step` leads to from `place`.
fn follow<'a>(step: &Step, root: &'a Value, place: &'a Value, found: &mut Vec<&'a Value>) {
    match (step, place) {
        (Step::Name(name), Value::Object(object)) => found.extend(object.get(&**name)),
        (Step::Names(names), Value::Object(object)) => {
            found.extend(names.iter().filter_map(|name| object.get(&**name)))
        }
        (Step::Index(index), Value::Array(array)) => found.extend(item(array, *index)),
        (Step::Indexes(indexes), Value::Array(array)) => {
            found.extend(indexes.iter().filter_map(|i| item(array, *i)))
        }
        (Step::Slice(from, to), Value::Array(array)) => found.extend(slice(array, *from, *to)),
        (Step::All, _) => children(place, found),
        (Step::Filter(filter), Value::Array(array)) => {
            found.extend(array.iter().filter(|item| filter.accepts(root, item)))
        }
        (Step::Filter(filter), Value::Object(_)) if filter.accepts(root, place) => {
            found.push(place)
        }
        (Step::Descend, _) => descend(place, found),
        _ => {}
    }
}

fn children<'a>(place: &'a Value, found: &mut Vec<&'a Value>) {
    match place {
        Value::Array(array) => found.extend(array),
        Value::Object(object) => found.extend(object.values()),
        _ => {}
    }
}

/// `place` and all beneath it, parents first; stops once there are too many, which the caller sees.
fn descend<'a>(place: &'a Value, found: &mut Vec<&'a Value>) {
    let mut open = vec![place];
    while let Some(place) = open.pop() {
        found.push(place);
        if found.len() > limits::PATH_NODES_MAX {
            return;
        }
        let first = open.len();
        children(place, &mut open);
        open[first..].reverse();
    }
}

fn item(array: &[Value], index: i64) -> Option<&Value> {
    array.get(absolute(array, index)?)
}

fn slice(array: &[Value], from: Option<i64>, to: Option<i64>) -> &[Value] {
    let bound = |index: i64| {
        if index < 0 {
            absolute(array, index).unwrap_or(0)
        } else {
            index as usize
        }
    };
    let from = from.map_or(0, bound);
    let to = to.map_or(array.len(), bound).min(array.len());
    if from < to { &array[from..to] } else { &[] }
}

/// A negative index counts from the end.
fn absolute(array: &[Value], index: i64) -> Option<usize> {
    let index = if index < 0 {
        index.checked_add(i64::try_from(array.len()).ok()?)?
    } else {
        index
    };
    usize::try_from(index).ok()
}

fn pick(object: &Map<String, Value>, names: &[Arc<str>]) -> Value {
    names
        .iter()
        .filter_map(|name| object.get_key_value(&**name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn normal_step(step: &Step) -> String {
    match step {
        Step::Name(name) => format!("['{name}']"),
        Step::Names(names) => {
            let mut text = "[".to_owned();
            for (i, name) in names.iter().enumerate() {
                let _ = write!(text, "{}'{name}'", if i == 0 { "" } else { "," });
            }
            text + "]"
        }
        Step::Index(index) => format!("[{index}]"),
        Step::Indexes(_) | Step::Slice(..) | Step::All => "[*]".to_owned(),
        Step::Filter(_) => "[?]".to_owned(),
        Step::Descend => "..".to_owned(),
    }
}

/// The class that AWS's implementation names for a value.
fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "com.fasterxml.jackson.databind.node.NullNode",
        Value::Bool(_) => "com.fasterxml.jackson.databind.node.BooleanNode",
        Value::Number(number) if number.is_f64() => {
            "com.fasterxml.jackson.databind.node.DoubleNode"
        }
        Value::Number(_) => "com.fasterxml.jackson.databind.node.IntNode",
        Value::String(_) => "com.fasterxml.jackson.databind.node.TextNode",
        Value::Array(_) => "com.fasterxml.jackson.databind.node.ArrayNode",
        Value::Object(_) => "com.fasterxml.jackson.databind.node.ObjectNode",
    }
}
