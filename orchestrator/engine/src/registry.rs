//! The registry: definitions by compare-and-set over a log (R13). Sans-IO.
//!
//! Owns: the fold of the registry topic, and which of two writers won. A record counts only if the revision it is based
//! on is the current one of its ARN when it is read in offset order; its own offset is the revision it makes.

use crate::definitions::{Definition, Definitions};
use baton_schemas::registry::RegistryEntry;
use std::sync::Arc;

/// The folded registry, shared by owners and API. Reads don't block writers for long.
#[derive(Default)]
pub struct Registry {}

/// What became of a record when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It counts; the ARN's revision is now this record's offset.
    Accepted,
    /// It was based on a revision that is no longer current; nothing changed.
    Outdated {
        /// The revision that is current, if the ARN exists.
        current: Option<i64>,
    },
    /// It can't be read (also: a newer format version, a definition that this build can't compile).
    Unreadable(String),
}

/// Why a write to the registry failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Another writer was first; read again and decide anew.
    #[error("somebody else changed {arn} at the same time; its current revision is {current:?}")]
    Outdated {
        /// The ARN.
        arn: Arc<str>,
        /// Its current revision.
        current: Option<i64>,
    },
    /// The topic did not take it, or nothing was read back in time.
    #[error("the registry topic can't be written or read: {0}")]
    Unavailable(String),
}

/// How the API writes to the registry.
pub trait RegistryWriter: Send + Sync {
    /// Appends `entry` and calls `answer` once its own record has been read back: with the revision it made, or why not.
    fn put(&self, entry: RegistryEntry, answer: Box<dyn FnOnce(Result<i64, RegistryError>) + Send>);

    /// Calls `answer` when everything that was in the topic at this moment has been folded.
    fn read_to_end(&self, answer: Box<dyn FnOnce(Result<(), RegistryError>) + Send>);
}

impl Registry {
    /// Folds one record of the registry topic; records must come in offset order.
    pub fn fold(&self, _offset: i64, _value: &[u8]) -> Folded {
        todo!()
    }

    /// The number of partitions recorded for this cluster of topics, if any was.
    pub fn partitions(&self) -> Option<i32> {
        todo!()
    }

    /// All current state machines, by ARN.
    pub fn machines(&self) -> Vec<Arc<Definition>> {
        todo!()
    }
}

impl Definitions for Registry {
    fn revision(&self, _revision: u64) -> Option<Arc<Definition>> {
        todo!()
    }

    fn current(&self, _machine: &str) -> Option<Arc<Definition>> {
        todo!()
    }
}
