//! A registry entry: a definition and its revisions, on the one-partition registry topic that is kept for ever (R13).
//!
//! A record names the revision it is based on and counts only if that is current when it is read in offset order; a
//! record's own offset is the revision it makes. So two writers can't both win, and every reader agrees who did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Value of a record on the registry topic; key: the ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryEntry {
    /// Format version, 1.
    pub v: u32,
    /// ARN of what is described.
    pub arn: Arc<str>,
    /// The revision (offset) this is based on; `None` for something new. Counts only if it is current.
    pub based_on: Option<i64>,
    /// Unique id of the writer's attempt, so that the writer knows its own record.
    pub attempt: Arc<str>,
    /// When it was written, milliseconds since the epoch.
    pub time_ms: i64,
    /// What the ARN stands for from now on.
    pub body: RegistryBody,
}

/// What an ARN stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistryBody {
    /// A state machine.
    StateMachine(StateMachineEntry),
    /// The ARN is free again.
    Deleted,
    /// Facts that must never change for this cluster of topics.
    Cluster {
        /// Number of partitions of history, completions and requests.
        partitions: i32,
    },
}

/// A state machine at one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateMachineEntry {
    /// Name, unique in the account.
    pub name: Arc<str>,
    /// The definition, as it was submitted.
    pub definition: Arc<str>,
    /// Role ARN, kept for AWS clients; not used.
    pub role_arn: Arc<str>,
    /// `STANDARD` or `EXPRESS`.
    pub kind: Arc<str>,
    /// When the machine was first created, milliseconds since the epoch.
    pub created_ms: i64,
    /// Other settings of CreateStateMachine as given (logging, tracing, tags), kept to be described again.
    #[serde(default)]
    pub settings: serde_json::Value,
}
