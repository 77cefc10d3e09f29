//! A registry entry: a definition and its revisions, on the one-partition registry topic that is kept for ever (R13).
//!
//! A record names the revision it is based on and counts only if that is current when it is read in offset order; a
//! record's own offset is the revision it makes. So two writers can't both win, and every reader agrees who did.

use crate::cloudevents as ce;
use crate::headers::{self, Wanted};
use crate::record::{Outgoing, RecordView, WireError};
use crate::time::Rfc3339Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// The format version that this build writes in [`RegistryEntry::v`].
pub const VERSION: u32 = 1;

/// Value of a record on the registry topic; key: the ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryEntry {
    /// Format version, 1.
    #[schemars(extend("const" = 1))]
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

impl RegistryEntry {
    /// Reads an entry of any version up to this build's.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        headers::expect_type(Wanted::read(view, &[ce::TYPE]).need(0)?, ce::TYPE_REGISTRY)?;
        let value = view.value().unwrap_or_default();
        let entry: Self =
            serde_json::from_slice(value).map_err(|e| match serde_json::from_slice(value) {
                Ok(Version { v }) if v > VERSION => too_new(v),
                _ => WireError::BadValue(format!("not a registry entry: {e}")),
            })?;
        if entry.v > VERSION {
            return Err(too_new(entry.v));
        }
        if view.key() != Some(entry.arn.as_bytes()) {
            return Err(WireError::BadValue(format!(
                "the key must be the entry's ARN {:?}",
                entry.arn
            )));
        }
        Ok(entry)
    }
}

fn too_new(v: u32) -> WireError {
    WireError::BadValue(format!(
        "registry entry of version {v}; this build reads up to {VERSION}: upgrade baton"
    ))
}

impl Outgoing for RegistryEntry {
    fn key(&self) -> Option<&[u8]> {
        Some(self.arn.as_bytes())
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Owned(
            serde_json::to_vec(self).expect("a registry entry serialises"),
        ))
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_REGISTRY.as_bytes());
        each(ce::ID, self.attempt.as_bytes());
        each(ce::SOURCE, ce::SOURCE_ORCHESTRATOR);
        each(ce::SUBJECT, self.arn.as_bytes());
        each(ce::TIME, Rfc3339Text::new(self.time_ms).as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
    }
}
