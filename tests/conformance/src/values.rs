//! Comparing a value with what AWS recorded: placeholders, dates, numbers, and JSON within text.
//!
//! Owns: the rules of the recordings' README, "Comparing values". Must not: know executions or histories.

use serde_json::Value;
use std::collections::BTreeMap;

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

    /// The text with what its placeholders stand for, as far as that is known.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        // Longest first: a placeholder may hold another.
        let mut bound: Vec<_> = self.bound.iter().collect();
        bound.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, stands_for) in bound {
            filled = filled.replace(name.as_str(), stands_for);
        }
        filled
    }

    /// The first placeholder of a text that stands for nothing yet.
    pub fn unbound(&self, text: &str) -> Option<String> {
        let (start, end) = self.placeholder(text)?;
        Some(text[start..end].to_owned())
    }

    /// From now on the placeholder stands for this.
    pub fn bind(&mut self, placeholder: &str, text: &str) {
        self.bound.insert(placeholder.to_owned(), text.to_owned());
    }

    /// Whether what is bound beyond `before` are texts that nothing stood for there.
    pub fn adds_only_new_texts(&self, before: &Self) -> bool {
        let added = self
            .bound
            .iter()
            .filter(|(name, _)| !before.bound.contains_key(*name));
        let mut texts = added.map(|(_, text)| text);
        texts.all(|text| !before.bound.values().any(|other| other == text))
    }

    fn text_matches(&mut self, expected: &str, found: &str) -> bool {
        if expected == found || (expected == "a_task_token" && !found.is_empty()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn same(expected: Value, found: Value) -> bool {
        Bindings::new("").matches(&expected, &found)
    }

    #[test]
    fn a_placeholder_is_one_text_throughout() {
        assert!(same(json!(["<a:1>-x", "<a:1>"]), json!(["q-x", "q"])));
        assert!(!same(json!(["<a:1>-x", "<a:1>"]), json!(["q-x", "r"])));
        assert!(!same(json!("<a>"), json!("")));
        assert!(!Bindings::new("say <a>").matches(&json!("<a>"), &json!("b")));
    }

    #[test]
    fn dates_and_times_never_bind() {
        let found = json!(["2024-01-01T00:00:00Z", "2025-01-01T00:00:00.123+01:00"]);
        assert!(same(json!(["<date>", "<date>"]), found));
        assert!(same(json!("at date."), json!("at 2024-01-01T00:00:00Z.")));
        assert!(same(json!("<timestamp>"), json!(1.5)));
    }

    #[test]
    fn json_within_text_compares_as_json() {
        assert!(same(json!({"a": 1}), json!("{ \"a\": 1.0 }")));
        assert!(same(json!("[1, 2]"), json!("[1,2]")));
        assert!(!same(json!(1), json!(true)) && !same(json!(null), json!(0)));
    }
}
