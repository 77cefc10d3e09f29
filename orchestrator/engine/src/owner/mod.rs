//! The partition owner: claims, folds, decides, appends, acts (being written).

use crate::definitions::Definitions;
use crate::ports::{Action, Input, Settings};
use baton_schemas::history::InputTopic;
use std::sync::Arc;

/// Owns one partition: everything that happens to its executions goes through [`Owner::handle`].
pub struct Owner {}

impl Owner {
    /// An owner that owns nothing yet; it waits for [`Input::Assigned`].
    #[must_use]
    pub fn new(_settings: Settings, _definitions: Arc<dyn Definitions>) -> Self {
        Self {}
    }

    /// Takes one input at time `now_ms` and adds to `out` what is to be done, in order.
    pub fn handle(&mut self, _input: Input, _now_ms: i64, _out: &mut Vec<Action>) {}

    /// Whether the owner takes a record of this topic now; if not, the reader pauses and asks again after the next input.
    #[must_use]
    pub fn wants(&self, _topic: InputTopic) -> bool {
        false
    }

    /// When the owner wants its next [`Input::Tick`], milliseconds since the epoch.
    #[must_use]
    pub fn next_tick_ms(&self) -> Option<i64> {
        None
    }
}
