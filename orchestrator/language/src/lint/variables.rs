//! Variables that are read before any path assigns them.
//!
//! Owns: which variables may be assigned when a state is entered, on any way to it, and the texts that read others.

use super::At;
use super::graph::Graph;
use super::texts::{Text, each_text};
use crate::findings::{Findings, Place};
use crate::jsonata::Expression;
use crate::path::Path;
use crate::program::Language;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const CODE: &str = "POSSIBLY_UNDEFINED_VARIABLE";

/// For each state the variables that may be assigned when it is entered; `outer` are those of the scopes around.
pub(super) fn assigned_before<'v>(
    graph: &Graph<'v>,
    states: &'v Map<String, Value>,
    outer: &BTreeSet<&'v str>,
    language: impl Fn(&Value) -> Language,
) -> BTreeMap<&'v str, BTreeSet<&'v str>> {
    let mut before: BTreeMap<&str, BTreeSet<&str>> = states
        .keys()
        .map(|name| (name.as_str(), outer.clone()))
        .collect();
    // Sets only grow, and there are as many names as there are: it ends.
    loop {
        let mut grown = false;
        for (to, edges) in &graph.into {
            let mut reaching = BTreeSet::new();
            for edge in edges {
                reaching.extend(before.get(edge.from).into_iter().flatten().copied());
                let of_state = states.get(edge.from).map_or(Language::JsonPath, &language);
                reaching.extend(assigns(edge.holder, of_state));
            }
            if let Some(known) = before.get_mut(to) {
                let length = known.len();
                known.extend(reaching);
                grown |= known.len() > length;
            }
        }
        if !grown {
            return before;
        }
    }
}

/// Names that an object's `Assign` assigns.
pub(crate) fn assigns(holder: &Value, language: Language) -> impl Iterator<Item = &str> {
    let fields = holder.get("Assign").and_then(Value::as_object);
    fields
        .into_iter()
        .flat_map(Map::keys)
        .map(move |name| match language {
            Language::JsonPath => name.strip_suffix(".$").unwrap_or(name),
            Language::Jsonata => name,
        })
}

/// Reports what the state reads that nothing can have assigned.
pub(super) fn check(
    at: At<'_>,
    visible: &BTreeSet<&str>,
    states: &Map<String, Value>,
    findings: &mut Findings<'_>,
) {
    each_text(at, &mut |text, place| {
        let names: Vec<String> = match text {
            Text::Expression(text) => match Expression::references(text) {
                Some(references) => references.variables,
                None => return,
            },
            Text::Path(text) => match Path::parse_or_call(text) {
                Ok(path) => path.variables().into_iter().map(str::to_owned).collect(),
                Err(_) => return,
            },
            Text::Data(_) => return,
        };
        for name in names.iter().filter(|name| !visible.contains(name.as_str())) {
            report(name, at, states, place, findings);
        }
    });
}

fn report(
    name: &str,
    at: At<'_>,
    states: &Map<String, Value>,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
) {
    let elsewhere = states.iter().find(|(_, state)| {
        let lists = ["Choices", "Catch"].into_iter();
        let entries = lists
            .filter_map(|list| state.get(list)?.as_array())
            .flatten();
        let holders = entries.chain([*state]);
        let mut names = holders.flat_map(|holder| assigns(holder, at.language));
        names.any(|assigned| assigned == name)
    });
    let help = match elsewhere {
        Some((state, _)) if state == at.name => {
            format!("'{state}' itself assigns it, which its other fields don't see yet")
        }
        Some((state, _)) => format!(
            "'{state}' assigns it, but no way leads from there to '{}'",
            at.name
        ),
        None => "no state assigns it".to_owned(),
    };
    let message = format!("Variable '{name}' is possibly not defined.");
    findings.warn(CODE, place, message, Some(help));
}
