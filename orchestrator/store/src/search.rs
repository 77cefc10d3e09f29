//! What an execution is found by, out of its records.
//!
//! Owns: reading the error and the search attributes out of history records. It runs where executions are written, behind
//! the acknowledgement, so the owner pays nothing for it. Must not: parse records in which there is nothing to find.

use crate::window::Delta;
use baton_engine::search::Findable;
use baton_engine::{Definitions, attributes::Attributes, recall};
use baton_machine::Status;
use baton_schemas::history::{Event, EventKind};
use std::sync::Arc;

/// Where declarations are looked up; without it there are no attributes.
pub type Declarations = Option<Arc<dyn Definitions>>;

/// Whether a delta that neither starts nor closes its execution may change what it is found by.
pub fn may_change(declarations: &Declarations, delta: &Delta) -> bool {
    declarations.is_some() && delta.records.iter().any(|(_, json)| assigns(json))
}

/// Changes what an execution of `revision` is found by, by the records of a delta; `known`: as in [`Delta::history`].
/// Returns whether anything changed.
pub fn change(
    declarations: &Declarations,
    (arn, revision): (&str, u64),
    delta: &Delta,
    known: bool,
    findable: &mut Findable,
) -> bool {
    let mut changed = false;
    if delta.start(known).is_some() {
        changed = !findable.is_empty();
        *findable = Findable::default();
    }
    let definition = declarations
        .as_ref()
        .and_then(|definitions| definitions.revision(revision));
    if let Some(definition) = definition.filter(|found| !found.attributes.is_empty()) {
        for (_, json) in delta.history(known) {
            changed |= evaluate(&definition.attributes, arn, json, findable);
        }
    }
    if delta.redriven.is_some() || delta.closed.is_some() {
        let closed = delta.closed.as_ref();
        let closed = closed.filter(|closed| closed.status != Status::Succeeded);
        let error = closed.and_then(|_| error_of(delta));
        changed |= findable.error != error;
        findable.error = error;
    }
    changed
}

/// The values that a record gives.
fn evaluate(attributes: &Attributes, arn: &str, json: &[u8], findable: &mut Findable) -> bool {
    if !assigns(json) && !has(json, "\"ExecutionStarted\"") {
        return false;
    }
    let mut changed = false;
    for (now_ms, event) in events_of(json) {
        changed |= attributes.apply(arn, &event, now_ms, &mut findable.attributes);
    }
    changed
}

/// The error in the record that closed the execution.
fn error_of(delta: &Delta) -> Option<Arc<str>> {
    let closing = delta
        .records
        .iter()
        .rev()
        .find(|(offset, _)| *offset == delta.closed_at);
    let (_, json) = closing?;
    let ending = |(_, event): (i64, Event)| match event.kind {
        EventKind::ExecutionFailed(failure)
        | EventKind::ExecutionAborted(failure)
        | EventKind::ExecutionTimedOut(failure) => Some(failure.error),
        _ => None,
    };
    events_of(json).into_iter().rev().find_map(ending)?
}

/// The events of a record with the time of their decision; of one that can't be read none: then there is nothing to find.
fn events_of(json: &[u8]) -> Vec<(i64, Event)> {
    recall::events_of(json).unwrap_or_default()
}

fn assigns(json: &[u8]) -> bool {
    has(json, "\"assigned\"")
}

fn has(json: &[u8], name: &str) -> bool {
    memchr::memmem::find(json, name.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_nothing_is_not_taken_apart() {
        let json = br#"{"events":[{"e":{"StateExited":{"state":"Pass","name":"A"}}}]}"#;
        assert!(!assigns(json));
        assert!(assigns(br#"{"assigned":{"a":1}}"#));
        assert!(events_of(b"{").is_empty());
    }
}
