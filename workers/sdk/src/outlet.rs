//! The seam between running tasks and what carries their completions: Kafka, or memory in tests.

use crate::offsets::Position;
use baton_schemas::Completion;
use std::sync::Arc;

/// Where the completion of a task goes, as its command says.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition of that topic.
    pub partition: i32,
}

/// The commands that one completion answers: usually one, more if the command was repeated while the task ran.
pub struct Receipt {
    first: Position,
    repeats: Vec<Position>,
}

impl Receipt {
    /// The receipt of one command.
    pub fn new(first: Position) -> Self {
        Self {
            first,
            repeats: Vec::new(),
        }
    }

    /// Adds a repeat of the same command.
    pub fn join(&mut self, repeat: Self) {
        self.repeats.push(repeat.first);
        self.repeats.extend(repeat.repeats);
    }

    /// Marks all of them as finished: the completion is durable, or none is owed.
    pub fn settle(self) {
        self.first.settle();
        self.repeats.into_iter().for_each(Position::settle);
    }
}

/// Carries completions away. Must settle the receipt when, and only when, the completion is durable.
pub trait Outlet: Send + Sync + 'static {
    /// Sends a completion; may block while the outlet is full.
    fn complete(&self, reply: &Reply, completion: &Completion, receipt: Receipt);
    /// Sends a heartbeat, at most once; whether there was room for it.
    fn heartbeat(&self, reply: &Reply, heartbeat: &Completion) -> bool;
}
