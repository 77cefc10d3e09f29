//! The topics: made where they are missing, checked where they are not.
//!
//! Owns: what each topic must be like (`spec`), and making or checking it against a broker (`admin`, `check`).

mod admin;
mod check;
mod spec;

pub use admin::{Admin, TopicError};
pub use check::Finding;
pub use spec::{Rule, TopicSpec, registry, specs};

use baton_language::program::StateKind;
use baton_schemas::history::InputTopic;
use baton_schemas::topics::Topics;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name of an input topic.
#[must_use]
pub fn input(topics: &Topics, topic: InputTopic) -> &Arc<str> {
    match topic {
        InputTopic::Completions => &topics.completions,
        InputTopic::Requests => &topics.requests,
    }
}

/// The queues that a definition names by itself. One whose queue is decided by its input gets its topic with its first
/// command.
#[must_use]
pub fn queues_of(definition: &str) -> BTreeSet<Arc<str>> {
    let Ok((program, _)) = baton_language::compile(definition) else {
        return BTreeSet::new();
    };
    let queue = |state: &baton_language::program::State| match &state.kind {
        StateKind::Task(task) => task.resource.queue.clone(),
        _ => None,
    };
    program.states.iter().filter_map(queue).collect()
}
