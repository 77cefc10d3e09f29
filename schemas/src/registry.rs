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
use std::collections::BTreeMap;
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
    /// A saved view; its ARN is [`saved_view_arn`].
    SavedView(SavedViewEntry),
    /// A job over many executions; its ARN is [`job_arn`].
    Job(JobEntry),
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
    /// What executions can be searched by, by name; since records without it there is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub search_attributes: BTreeMap<Arc<str>, SearchAttribute>,
}

/// A value of an execution that it can be searched by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchAttribute {
    /// What values it has.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// Where its value comes from: a path or a JSONata expression that looks into the input or one variable.
    pub value: Arc<str>,
}

/// Type of a search attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    /// A text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A text in RFC 3339.
    Time,
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

/// A saved view: a name for a filter of executions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedViewEntry {
    /// Name, unique for the cluster.
    pub name: Arc<str>,
    /// Which executions, in the language of the REST API's `where`.
    #[serde(rename = "where")]
    pub filter: Arc<str>,
    /// What it is for; may be empty.
    pub description: Arc<str>,
    /// When it was created, milliseconds since the epoch.
    pub created_ms: i64,
    /// When it was last changed; the creation counts.
    pub updated_ms: i64,
}

/// How the ARNs of all saved views begin.
pub const SAVED_VIEWS: &str = "arn:aws:states:::baton:view:";

/// The ARN under which a saved view stands in the registry.
#[must_use]
pub fn saved_view_arn(name: &str) -> Arc<str> {
    format!("{SAVED_VIEWS}{name}").into()
}

/// A job: one thing that is done with each execution of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobEntry {
    /// Unique for the cluster.
    pub id: Arc<str>,
    /// What is done.
    pub action: JobAction,
    /// With which executions, in the language of the REST API's `where`; only those that started before the job.
    #[serde(rename = "where")]
    pub filter: Arc<str>,
    /// Error that executions are stopped with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
    /// Cause that executions are stopped with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<str>>,
    /// Most executions a second.
    pub per_second: u32,
    /// When it was created, milliseconds since the epoch.
    pub created_ms: i64,
    /// How it stands.
    pub status: JobStatus,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// How far it is.
    #[serde(default)]
    pub progress: JobProgress,
    /// When this was written, milliseconds since the epoch.
    pub updated_ms: i64,
}

/// What a job does with an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobAction {
    /// Stops it, if it runs.
    Stop,
    /// Redrives it, if it can be.
    Redrive,
    /// Starts another one with its input, of the machine as it is now.
    StartAgain,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// It is under way, or waits for its node.
    Running,
    /// It has been through all executions.
    Succeeded,
    /// It can't go on.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

/// How far a job is. What is done after this was written is done again after a crash, which changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobProgress {
    /// Executions that the filter took when the job began, up to a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// With how many it was done.
    pub done: u64,
    /// How many were left alone, since there was nothing to do.
    pub skipped: u64,
    /// With how many it could not be done.
    pub failed: u64,
    /// Start and ARN of the last execution looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(i64, Arc<str>)>,
    /// The first failures: ARN and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<(Arc<str>, Arc<str>)>,
}

/// How the ARNs of all jobs begin.
pub const JOBS: &str = "arn:aws:states:::baton:job:";

/// The ARN under which a job stands in the registry.
#[must_use]
pub fn job_arn(id: &str) -> Arc<str> {
    format!("{JOBS}{id}").into()
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
