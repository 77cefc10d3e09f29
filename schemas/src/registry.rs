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
    /// A numbered version of a state machine; its ARN is the machine's with `:NUMBER` behind.
    Version(VersionEntry),
    /// An alias of versions of a state machine; its ARN is the machine's with `:NAME` behind.
    Alias(AliasEntry),
    /// An activity.
    Activity(ActivityEntry),
    /// Tags of a state machine or activity since they were changed; its ARN is theirs with `#tags` behind.
    Tags(TagsEntry),
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

/// A version: a number for a revision of a state machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionEntry {
    /// ARN of the state machine.
    pub machine: Arc<str>,
    /// The offset that created the machine. A machine that is deleted and created again has none of its old versions.
    pub of: i64,
    /// From 1; never used twice for one machine.
    pub number: u64,
    /// The revision that it stands for.
    pub revision: u64,
    /// As given; may be empty.
    pub description: Arc<str>,
    /// When it was published, milliseconds since the epoch.
    pub created_ms: i64,
}

/// An alias: a name for one version, or for two with weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AliasEntry {
    /// ARN of the state machine.
    pub machine: Arc<str>,
    /// The offset that created the machine, as in [`VersionEntry::of`].
    pub of: i64,
    /// Name, unique for the machine.
    pub name: Arc<str>,
    /// As given; may be empty.
    pub description: Arc<str>,
    /// One or two versions; their weights make 100.
    pub routes: Vec<Route>,
    /// When it was created, milliseconds since the epoch.
    pub created_ms: i64,
    /// When it was last changed; the creation counts.
    pub updated_ms: i64,
}

/// One version behind an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// Number of the version.
    pub version: u64,
    /// How many of 100 executions start with it.
    pub weight: u8,
}

/// An activity: a task queue whose tasks are taken over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActivityEntry {
    /// Name, unique in the account.
    pub name: Arc<str>,
    /// When it was created, milliseconds since the epoch.
    pub created_ms: i64,
    /// Tags and encryption as given at creation.
    #[serde(default)]
    pub settings: serde_json::Value,
}

/// Tags that take the place of those given at creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TagsEntry {
    /// The offset that created what is tagged, as in [`VersionEntry::of`].
    pub of: i64,
    /// All tags, in the order in which they were set.
    pub tags: Vec<Tag>,
}

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tag {
    /// Unique among the tags of a resource.
    pub key: Arc<str>,
    /// May be empty.
    pub value: Arc<str>,
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
