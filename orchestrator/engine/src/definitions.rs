//! Definitions as owners see them: by revision, compiled.

use crate::attributes::Attributes;
use baton_language::Program;
use baton_schemas::registry::StateMachineEntry;
use std::sync::Arc;

/// A state machine at one revision.
#[derive(Debug)]
pub struct Definition {
    /// ARN of the machine.
    pub arn: Arc<str>,
    /// The revision: its offset in the registry.
    pub revision: u64,
    /// As stored.
    pub entry: StateMachineEntry,
    /// Compiled.
    pub program: Arc<Program>,
    /// What its executions can be searched by.
    pub attributes: Attributes,
}

/// Where owners look definitions up. Revisions never change.
pub trait Definitions: Send + Sync {
    /// The definition made by this revision, also when it is not current any more.
    fn revision(&self, revision: u64) -> Option<Arc<Definition>>;

    /// The current definition of a machine, as far as the registry has been read.
    fn current(&self, machine: &str) -> Option<Arc<Definition>>;
}
