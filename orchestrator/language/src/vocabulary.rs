//! The words of the language as this crate knows them.
//!
//! Owns: lists for those who show or check them, such as docs/language-coverage.md, taken from where they are used.

use crate::states::{CATCHER_FIELDS, RETRIER_FIELDS, RULE_FIELDS, TYPES, fields_of};
use crate::{choice, intrinsic, jsonata, lint, parse};
use std::collections::BTreeSet;

/// Every field by what has it: `Task.Resource`, `Machine.StartAt`, `Retrier.MaxAttempts`, sorted.
#[must_use]
pub fn fields() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut add = |owner: &str, names: &[&str]| {
        all.extend(names.iter().map(|name| format!("{owner}.{name}")));
    };
    add("Machine", parse::MACHINE_FIELDS);
    add("Scope", parse::SCOPE_FIELDS);
    add("Retrier", RETRIER_FIELDS);
    add("Catcher", CATCHER_FIELDS);
    add("Catcher", &["ResultPath", "Output"]);
    add("Rule", RULE_FIELDS);
    for kind in TYPES {
        for names in fields_of(kind) {
            add(kind, names);
        }
    }
    all
}

/// The comparison operators of Choice rules, and `And`, `Or`, `Not`.
#[must_use]
pub fn choice_operators() -> Vec<String> {
    choice::operators()
}

/// The intrinsic functions: `States.Format`, ...
#[must_use]
pub fn intrinsics() -> Vec<String> {
    intrinsic::names()
        .map(|name| format!("States.{name}"))
        .collect()
}

/// The functions of expressions: those of JSONata, and those that Step Functions adds.
#[must_use]
pub fn jsonata_functions() -> Vec<String> {
    let names = jsonata::STANDARD.iter().chain(jsonata::OF_STEP_FUNCTIONS);
    let names: BTreeSet<String> = names.map(|name| format!("${name}")).collect();
    names.into_iter().collect()
}

/// The reserved error names.
#[must_use]
pub fn errors() -> &'static [&'static str] {
    lint::RESERVED
}
