//! Where states lead to, as data: edges with what is assigned on the way.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The edges of one scope.
pub(super) struct Graph<'v> {
    /// Where it starts.
    pub start: Option<&'v str>,
    /// By the state that they lead to.
    pub into: BTreeMap<&'v str, Vec<Edge<'v>>>,
}

/// One way from a state to another.
#[derive(Clone, Copy)]
pub(super) struct Edge<'v> {
    /// The state that it leads from.
    pub from: &'v str,
    /// Whether a catcher takes it: with an error, not with the state's output.
    pub caught: bool,
    /// The object whose `Assign` counts: the state, its rule or its catcher.
    pub holder: &'v Value,
}

impl<'v> Graph<'v> {
    /// The edges of the scope `scope`, whose states are `states`.
    pub fn of(scope: &'v Value, states: &'v Map<String, Value>) -> Self {
        let mut into: BTreeMap<&str, Vec<Edge<'_>>> = BTreeMap::new();
        for (from, state) in states {
            for field in ["Next", "Default"] {
                if let Some(to) = state.get(field).and_then(Value::as_str) {
                    let edge = Edge {
                        from,
                        caught: false,
                        holder: state,
                    };
                    into.entry(to).or_default().push(edge);
                }
            }
            for (field, caught) in [("Choices", false), ("Catch", true)] {
                let entries = state
                    .get(field)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                for entry in entries {
                    if let Some(to) = entry.get("Next").and_then(Value::as_str) {
                        let edge = Edge {
                            from,
                            caught,
                            holder: entry,
                        };
                        into.entry(to).or_default().push(edge);
                    }
                }
            }
        }
        Self {
            start: scope.get("StartAt").and_then(Value::as_str),
            into,
        }
    }
}
