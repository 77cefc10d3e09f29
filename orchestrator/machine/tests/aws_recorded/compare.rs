//! Comparing what the machine did with what AWS recorded.
//!
//! Owns: the levels, placeholders, dates and JSON within text of the recordings' README.

use crate::case::Case;
use crate::world::{Outcome, details};
use serde_json::Value;
use std::collections::BTreeMap;

/// One thing for each level of comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels<T> {
    pub result: T,
    pub cause: T,
    pub bag: T,
    pub order: T,
}

/// Whether a level passed, and why not; `None` where nothing was recorded to compare.
type Verdict = Option<Result<(), String>>;

/// Compares at every level.
pub fn levels(case: &Case, outcome: &Outcome) -> Levels<Verdict> {
    let mut bindings = Bindings::new(&case.literal);
    let result = result(case, outcome, &mut bindings);
    let cause = case.expect.get("cause").map(|expected| {
        let found = outcome
            .closing
            .as_ref()
            .and_then(|c| c.failure.cause.as_deref())
            .map_or(Value::Null, Value::from);
        check(bindings.matches(expected, &found), || {
            format!("cause: expected {expected}, found {found}")
        })
    });
    let bag = case
        .history()
        .map(|history| bag(case, history, &outcome.history));
    let ordered = case.expect.get("history_order").is_none();
    let order = case.history().filter(|_| ordered).map(|history| {
        let compare = if is_concurrent(case) { chains } else { order };
        compare(case, history, &outcome.history)
    });
    Levels {
        result: Some(result),
        cause,
        bag,
        order,
    }
}

fn result(case: &Case, outcome: &Outcome, bindings: &mut Bindings<'_>) -> Result<(), String> {
    let expected = &case.expect["status"];
    check(expected == outcome.status.as_str(), || {
        let closing = outcome.closing.as_ref().map(|closing| &closing.failure);
        format!(
            "status: expected {expected}, found {} {closing:?}",
            outcome.status.as_str()
        )
    })?;
    if let Some(expected) = case.expect.get("output") {
        let output = outcome
            .closing
            .as_ref()
            .and_then(|closing| closing.output.as_ref());
        let found = output.map_or(Value::Null, |output| output.to_value());
        check(bindings.matches(expected, &found), || {
            format!("output: expected {expected}, found {found}")
        })?;
    }
    if let Some(expected) = case.expect.get("error") {
        let found = outcome
            .closing
            .as_ref()
            .and_then(|c| c.failure.error.as_deref())
            .map_or(Value::Null, Value::from);
        check(bindings.matches(expected, &found), || {
            format!("error: expected {expected}, found {found}")
        })?;
    }
    Ok(())
}

/// Level 2: the same events in any order, without ids.
fn bag(case: &Case, expected: &[Value], found: &[Value]) -> Result<(), String> {
    let mut bindings = Bindings::new(&case.literal);
    let mut left: Vec<&Value> = found.iter().collect();
    for event in expected {
        let at = left
            .iter()
            .position(|other| same_event(event, other, &mut bindings));
        match at {
            Some(at) => drop(left.remove(at)),
            None => return Err(format!("bag: no event like {event} in {}", shown(found))),
        }
    }
    // Where the recording sorted a Parallel's events it lost those that end it.
    let sorted = case.expect.get("history_order").is_some();
    left.retain(|event| {
        !(sorted
            && event["type"]
                .as_str()
                .is_some_and(|t| t.starts_with("ParallelState")))
    });
    check(left.is_empty(), || {
        format!("bag: {} events too many: {left:?}", left.len())
    })
}

/// Level 3: the same events, ids and previous ids.
fn order(case: &Case, expected: &[Value], found: &[Value]) -> Result<(), String> {
    let mut bindings = Bindings::new(&case.literal);
    for (event, other) in expected.iter().zip(found) {
        let ids =
            event["id"] == other["id"] && event["previousEventId"] == other["previousEventId"];
        check(ids && same_event(event, other, &mut bindings), || {
            format!("order: expected {event}, found {other}")
        })?;
    }
    check(expected.len() == found.len(), || {
        format!("order: {} events, not {}", found.len(), expected.len())
    })
}

/// Level 3 where events may interleave: following the previous ids back from each event gives the same chains.
fn chains(_case: &Case, expected: &[Value], found: &[Value]) -> Result<(), String> {
    let (mut wanted, mut had) = (paths(expected), paths(found));
    wanted.sort_unstable();
    had.sort_unstable();
    let other = wanted.iter().find(|path| had.binary_search(path).is_err());
    check(wanted == had, || format!("order: no chain like {other:?}"))
}

/// For each event its type and name, and those of all before it.
fn paths(history: &[Value]) -> Vec<String> {
    let step = |event: &Value| {
        let name = details(event)
            .and_then(|(_, fields)| fields.get("name")?.as_str())
            .unwrap_or("");
        format!("{} {name}", event["type"].as_str().unwrap_or(""))
    };
    let path = |event| {
        let mut path = step(event);
        let mut at = event;
        // Previous ids only ever go back, so this ends.
        while let Some(before) = history
            .iter()
            .find(|e| e["id"] == at["previousEventId"] && e["id"] != at["id"])
        {
            path.push_str(" < ");
            path.push_str(&step(before));
            at = before;
        }
        path
    };
    history.iter().map(path).collect()
}

fn same_event(expected: &Value, found: &Value, bindings: &mut Bindings<'_>) -> bool {
    if expected["type"] != found["type"] {
        return false;
    }
    let before = bindings.clone();
    let same = match (details(expected), details(found)) {
        (None, None) => true,
        (Some((key, fields)), Some((other_key, others))) => {
            key == other_key
                && fields.len() == others.len()
                && fields.iter().all(|(name, value)| {
                    others
                        .get(name)
                        .is_some_and(|other| bindings.matches(value, &parsed(name, other)))
                })
        }
        _ => false,
    };
    if !same {
        *bindings = before;
    }
    same
}

/// AWS writes payloads as JSON text; the recordings hold them parsed.
fn parsed(name: &str, found: &Value) -> Value {
    match found.as_str() {
        Some(text) if ["input", "output", "parameters"].contains(&name) => {
            serde_json::from_str(text).unwrap_or_else(|_| found.clone())
        }
        _ => found.clone(),
    }
}

/// Whether branches or iterations may interleave.
fn is_concurrent(case: &Case) -> bool {
    let types = case
        .history()
        .into_iter()
        .flatten()
        .filter_map(|event| event["type"].as_str());
    let text = case.definition.to_string();
    let mut forks = types
        .filter(|t| *t == "MapIterationStarted" || *t == "ParallelStateStarted")
        .peekable();
    forks.peek().is_some()
        && !text.contains("\"MaxConcurrency\":1,")
        && !text.contains("\"MaxConcurrency\":1}")
}

fn shown(history: &[Value]) -> String {
    let types: Vec<&str> = history
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    let last = history.last().map(Value::to_string).unwrap_or_default();
    format!("{} ... {last}", types.join(" "))
}

fn check(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// What placeholders stand for within one case.
#[derive(Clone)]
pub struct Bindings<'a> {
    literal: &'a str,
    bound: BTreeMap<String, String>,
}

impl<'a> Bindings<'a> {
    /// Nothing bound yet; names that `literal` has are ordinary text.
    pub fn new(literal: &'a str) -> Self {
        Self {
            literal,
            bound: BTreeMap::new(),
        }
    }

    /// Whether `found` is what `expected` stands for.
    pub fn matches(&mut self, expected: &Value, found: &Value) -> bool {
        match (expected, found) {
            (Value::String(expected), Value::String(found)) => self.text_matches(expected, found),
            (Value::String(expected), other) if is_time(expected) => other.is_number(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.matches(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .all(|(key, a)| b.get(key).is_some_and(|b| self.matches(a, b)))
            }
            (Value::Object(_) | Value::Array(_), Value::String(text)) => serde_json::from_str(text)
                .is_ok_and(|found: Value| !found.is_string() && self.matches(expected, &found)),
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            _ => expected == found,
        }
    }

    fn text_matches(&mut self, expected: &str, found: &str) -> bool {
        if expected == found || expected == "a_task_token" {
            return true;
        }
        let dated = without_dates(found);
        if expected == dated || (expected == "<date>" && dated == "date") {
            return true;
        }
        if self.pattern_matches(expected, found) || self.pattern_matches(expected, &dated) {
            return true;
        }
        match (
            serde_json::from_str::<Value>(expected),
            serde_json::from_str::<Value>(found),
        ) {
            (Ok(a), Ok(b)) if a.is_object() || a.is_array() => self.matches(&a, &b),
            _ => false,
        }
    }

    /// Literal text between placeholders, each for the shortest text that lets the rest match.
    fn pattern_matches(&mut self, expected: &str, found: &str) -> bool {
        let Some((start, end)) = self.placeholder(expected) else {
            return expected == found;
        };
        let (head, name, tail) = (&expected[..start], &expected[start..end], &expected[end..]);
        let Some(rest) = found.strip_prefix(head) else {
            return false;
        };
        if let Some(bound) = self.bound.get(name).cloned() {
            return rest
                .strip_prefix(bound.as_str())
                .is_some_and(|rest| self.pattern_matches(tail, rest));
        }
        let ends: Vec<usize> = rest
            .char_indices()
            .skip(1)
            .map(|(at, _)| at)
            .chain([rest.len()])
            .collect();
        for at in ends.into_iter().filter(|at| *at > 0) {
            let before = self.bound.clone();
            if !is_time(name) {
                self.bound.insert(name.to_owned(), rest[..at].to_owned());
            }
            if self.pattern_matches(tail, &rest[at..]) {
                return true;
            }
            self.bound = before;
        }
        false
    }

    /// Where the first placeholder begins and ends; one may hold another.
    fn placeholder(&self, text: &str) -> Option<(usize, usize)> {
        for (start, _) in text.match_indices('<') {
            let inside = text[start..].trim_start_matches('<');
            if !inside.starts_with(|c: char| c.is_ascii_alphabetic()) {
                continue;
            }
            let mut depth = 0;
            let end = text[start..].char_indices().find_map(|(at, c)| {
                depth += i32::from(c == '<') - i32::from(c == '>');
                (depth == 0).then_some(start + at + 1)
            });
            let Some(end) = end else { continue };
            let name = &text[start..end];
            if !name.contains(' ') && (is_time(name) || !self.literal.contains(name)) {
                return Some((start, end));
            }
        }
        None
    }
}

/// Placeholders that never bind: each stands for anything of its sort.
fn is_time(placeholder: &str) -> bool {
    let name = placeholder.trim_matches(['<', '>']).to_ascii_lowercase();
    [
        "timestamp",
        "date",
        "datetime",
        "requestid",
        "x-amzn-requestid",
        "x-amzn-trace-id",
    ]
    .contains(&name.as_str())
        || name.ends_with("-date")
}

/// Every ISO 8601 time in the text replaced by `date`.
fn without_dates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match date_length(rest.as_bytes()) {
            Some(length) => {
                out.push_str("date");
                rest = &rest[length..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

fn date_length(text: &[u8]) -> Option<usize> {
    let shaped = |at: usize, shape: &[u8]| {
        shape
            .iter()
            .enumerate()
            .all(|(i, wanted)| match (text.get(at + i), wanted) {
                (Some(found), b'd') => found.is_ascii_digit(),
                (found, wanted) => found == Some(wanted),
            })
    };
    if !shaped(0, b"dddd-dd-ddTdd:dd:dd") {
        return None;
    }
    let mut at = 19;
    if text.get(at) == Some(&b'.') {
        let digits = text[at + 1..]
            .iter()
            .take(9)
            .take_while(|b| b.is_ascii_digit())
            .count();
        at += if digits > 0 { digits + 1 } else { 0 };
    }
    match text.get(at)? {
        b'Z' => Some(at + 1),
        b'+' | b'-' if shaped(at + 1, b"dd:dd") => Some(at + 6),
        b'+' | b'-' if shaped(at + 1, b"dddd") => Some(at + 5),
        _ => None,
    }
}

impl<T> Levels<T> {
    /// Each level changed by `f`.
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Levels<U> {
        Levels {
            result: f(self.result),
            cause: f(self.cause),
            bag: f(self.bag),
            order: f(self.order),
        }
    }
}

impl Levels<Verdict> {
    /// Why the lowest level that failed did.
    pub fn first_failure(self) -> Option<String> {
        [self.result, self.cause, self.bag, self.order]
            .into_iter()
            .flatten()
            .find_map(Result::err)
    }
}

impl Levels<usize> {
    /// Adds one where `holds`.
    pub fn count(&mut self, holds: Levels<bool>) {
        self.add(&holds.map(usize::from));
    }

    /// Adds level by level.
    pub fn add(&mut self, other: &Self) {
        self.result += other.result;
        self.cause += other.cause;
        self.bag += other.bag;
        self.order += other.order;
    }

    /// Level by level: name, own number, the other's.
    pub fn beside<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (&'static str, usize, usize)> + 'a {
        [
            ("result", self.result, other.result),
            ("cause", self.cause, other.cause),
            ("bag", self.bag, other.bag),
            ("order", self.order, other.order),
        ]
        .into_iter()
    }
}
