//! Findings that AWS doesn't have: what a definition that AWS accepts will get wrong when it runs.
//!
//! Owns: the walk through scopes and states, and in strict mode the refusal of what Baton adds to the language. Looks at the
//! JSON alone, so that a definition with other faults is looked at too. docs/diagnostics.md lists the codes. Must not:
//! say anything twice that the compiler says.

mod constants;
mod errors;
mod graph;
mod strict;
mod texts;
mod variables;

use crate::findings::{Findings, Place};
use crate::parse::{Options, compile_with};
use crate::program::Language;
use crate::{Diagnostic, definition, limits};
pub(crate) use errors::RESERVED;
use graph::Graph;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
pub(crate) use variables::assigns;

/// All that is wrong with a definition: AWS's findings in the order of the text, then ours.
#[must_use]
pub fn analyse(definition: &str, options: Options) -> Vec<Diagnostic> {
    let mut found = match compile_with(definition, options) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    if let Ok(value) = definition::read(definition) {
        found.extend(look(&value, options.strict));
    }
    found
}

fn look(machine: &Value, strict: bool) -> Vec<Diagnostic> {
    let mut walk = Walk {
        findings: Findings::new(machine),
        language: language_of(machine).unwrap_or(Language::JsonPath),
        strict,
    };
    walk.scope(machine, &Place::root(), &BTreeSet::new(), 0);
    walk.findings.into_sorted()
}

/// The walk through a machine.
struct Walk<'v> {
    findings: Findings<'v>,
    /// The machine's query language.
    language: Language,
    strict: bool,
}

/// A state and where it is.
#[derive(Clone, Copy)]
struct At<'a> {
    name: &'a str,
    state: &'a Map<String, Value>,
    place: &'a Place<'a>,
    language: Language,
}

impl At<'_> {
    fn kind(&self) -> &str {
        self.state.get("Type").and_then(Value::as_str).unwrap_or("")
    }
}

impl Walk<'_> {
    /// Looks at a scope; `outer` are the variables that may be assigned around it.
    fn scope(&mut self, scope: &Value, place: &Place<'_>, outer: &BTreeSet<&str>, depth: usize) {
        let Some(states) = scope.get("States").and_then(Value::as_object) else {
            return;
        };
        if depth > limits::DEPTH_MAX {
            return;
        }
        let graph = Graph::of(scope, states);
        let assigned =
            variables::assigned_before(&graph, states, outer, |state| self.language_of(state));
        let states_place = place.field("States");
        for (name, state) in states {
            let Some(fields) = state.as_object() else {
                continue;
            };
            let place = states_place.field(name);
            let at = At {
                name,
                state: fields,
                place: &place,
                language: self.language_of(state),
            };
            let nothing = BTreeSet::new();
            let visible = assigned.get(name.as_str()).unwrap_or(&nothing);
            self.state(at, visible, &graph, states);
            self.nested(at, visible, depth);
        }
    }

    fn state(
        &mut self,
        at: At<'_>,
        visible: &BTreeSet<&str>,
        graph: &Graph<'_>,
        states: &Map<String, Value>,
    ) {
        errors::check(at, &mut self.findings);
        texts::check(at, &mut self.findings);
        variables::check(at, visible, states, &mut self.findings);
        let language = self.language;
        constants::check(at, graph, states, language, &mut self.findings);
        if self.strict {
            strict::check(at, &mut self.findings);
        }
    }

    /// The scopes within a state.
    fn nested(&mut self, at: At<'_>, visible: &BTreeSet<&str>, depth: usize) {
        if let Some(branches) = at.state.get("Branches").and_then(Value::as_array) {
            let place = at.place.field("Branches");
            for (i, branch) in branches.iter().enumerate() {
                self.scope(branch, &place.item(i), visible, depth + 1);
            }
        }
        for name in ["ItemProcessor", "Iterator"] {
            if let Some(processor) = at.state.get(name) {
                let mode = processor.pointer("/ProcessorConfig/Mode");
                let is_distributed = mode.is_some_and(|mode| mode == "DISTRIBUTED");
                let nothing = BTreeSet::new();
                // A child execution sees nothing of what is around it.
                let visible = if is_distributed { &nothing } else { visible };
                self.scope(processor, &at.place.field(name), visible, depth + 1);
            }
        }
    }

    fn language_of(&self, state: &Value) -> Language {
        language_of(state).unwrap_or(self.language)
    }
}

/// The query language that an object asks for.
fn language_of(object: &Value) -> Option<Language> {
    match object.get("QueryLanguage")?.as_str() {
        Some("JSONPath") => Some(Language::JsonPath),
        _ => Some(Language::Jsonata),
    }
}

#[cfg(test)]
mod tests;
