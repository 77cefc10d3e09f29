//! `Retry` and `Catch`: what is done about errors.

use super::Draft;
use crate::fields::{Fields, Role};
use crate::limits;
use crate::program::{Catcher, Language, Retrier};
use crate::value::expected_type;
use serde_json::Value;
use std::sync::Arc;

pub(crate) const RETRIER_FIELDS: &[&str] = &[
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
];
pub(crate) const CATCHER_FIELDS: &[&str] = &["ErrorEquals", "Assign", "Next", "Comment"];

impl Draft<'_, '_, '_> {
    /// Reads `Retry`.
    pub(super) fn retriers(&mut self) -> Vec<Retrier> {
        self.entries("Retry", |draft, entry, _, is_last| {
            entry.refuse_unknown(&[RETRIER_FIELDS], &mut draft.compiler.findings);
            let errors = draft.errors(entry, is_last)?;
            let findings = &mut draft.compiler.findings;
            let interval_s = entry
                .integer("IntervalSeconds", 1..=limits::SECONDS_MAX, findings)
                .unwrap_or(1);
            let max_attempts = entry
                .integer("MaxAttempts", 0..=limits::MAX_ATTEMPTS_MAX, findings)
                .unwrap_or(3);
            let max_delay_s = entry.integer(
                "MaxDelaySeconds",
                1..=limits::MAX_DELAY_SECONDS_MAX,
                findings,
            );
            if max_delay_s.is_some_and(|max| max <= interval_s) {
                let message = "MaxDelaySeconds must be greater than IntervalSeconds".to_owned();
                findings.invalid(&entry.place.field("MaxDelaySeconds"), message);
            }
            let backoff_rate = entry
                .get("BackoffRate")
                .map_or(Some(2.0), Value::as_f64)
                .filter(|rate| *rate >= 1.0);
            if backoff_rate.is_none() {
                findings.invalid(
                    &entry.place.field("BackoffRate"),
                    "Expected a number of at least 1.0".to_owned(),
                );
            }
            let jitter = entry.text("JitterStrategy", findings);
            if !matches!(jitter, None | Some("FULL" | "NONE")) {
                findings.invalid(
                    &entry.place.field("JitterStrategy"),
                    "Expected 'FULL' or 'NONE'".to_owned(),
                );
            }
            let full_jitter = jitter == Some("FULL");
            Some(Retrier {
                errors,
                interval_s,
                max_attempts,
                backoff_rate: backoff_rate?,
                max_delay_s,
                full_jitter,
            })
        })
    }

    /// Reads `Catch`.
    pub(super) fn catchers(&mut self) -> Vec<Catcher> {
        self.entries("Catch", |draft, entry, index, is_last| {
            let own: &[&str] = match draft.language {
                Language::JsonPath => &["ResultPath"],
                Language::Jsonata => &["Output"],
            };
            entry.refuse_unknown(&[CATCHER_FIELDS, own], &mut draft.compiler.findings);
            entry.require(&["Next"], &mut draft.compiler.findings);
            let errors = draft.errors(entry, is_last);
            let result_path = draft.result_path(entry);
            let role = Role {
                within: Some(("Catch", index)),
                in_catcher: true,
            };
            let (assign, output) = (draft.assign(entry, role), draft.output(entry, role));
            let next = draft.target(entry, "Next")?;
            Some(Catcher {
                errors: errors?,
                result_path,
                next,
                assign,
                output,
            })
        })
    }

    /// Reads a list of objects.
    fn entries<T>(
        &mut self,
        name: &str,
        read: impl Fn(&mut Self, Fields<'_>, usize, bool) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.fields.get(name) else {
            return Vec::new();
        };
        let place = self.fields.place.field(name);
        let Some(list) = value.as_array() else {
            self.compiler
                .findings
                .invalid(&place, expected_type("ARRAY"));
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(list.len());
        for (i, entry) in list.iter().enumerate() {
            let place = place.item(i);
            match entry.as_object() {
                Some(object) => {
                    let is_last = i + 1 == list.len();
                    entries.extend(read(self, Fields::new(object, &place), i, is_last));
                }
                None => self
                    .compiler
                    .findings
                    .invalid(&place, expected_type("OBJECT")),
            }
        }
        entries
    }

    /// `ErrorEquals`: `States.ALL` must be alone and in the last entry (ASL, "Errors").
    fn errors(&mut self, entry: Fields<'_>, is_last: bool) -> Option<Vec<Arc<str>>> {
        let findings = &mut self.compiler.findings;
        entry.text("Comment", findings);
        if !entry.require(&["ErrorEquals"], findings) {
            return None;
        }
        let list = entry.list("ErrorEquals", findings)?;
        let place = entry.place.field("ErrorEquals");
        let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        let Some(names) = names else {
            findings.invalid(&place, "Expected a list of error names".to_owned());
            return None;
        };
        if names.contains(&"States.ALL") && (names.len() > 1 || !is_last) {
            findings.invalid(
                &place,
                "'States.ALL' must be the only name of the list, and in the last entry".to_owned(),
            );
        }
        Some(names.into_iter().map(Arc::from).collect())
    }
}
