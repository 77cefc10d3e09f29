//! One record of the history topic.
//!
//! Owns: the four forms a history record takes (design rules R1, R2, R7, R10, R14) and their JSON. A reader folds them
//! in offset order: a claim begins an epoch; the others count only if their epoch is the last claim's offset and their
//! sequence number is the next one.

use super::Event;
use crate::Payload;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One record of the history topic. On the wire: `{"v":1,"r":{"claim":{..}}}` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistoryRecord {
    /// An owner takes the partition; the record's own offset is the new epoch (R1).
    Claim {
        /// Name of the node that claims.
        node: Arc<str>,
        /// Clock of the node, milliseconds since the epoch.
        now: i64,
    },
    /// One step of one execution.
    Transition(Transition),
    /// All effects of records up to `upto` are acknowledged by their topics (R10).
    Mark {
        /// The epoch this belongs to.
        epoch: i64,
        /// Position within the epoch, from 1.
        seq: u64,
        /// Offset in the history partition.
        upto: i64,
        /// As in a transition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<i64>,
        /// Positions of inputs that changed nothing else.
        #[serde(default, skip_serializing_if = "Positions::is_empty")]
        positions: Positions,
        /// Offsets, up to `upto`, of starts of Express executions that still run: their effect is not done.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        express: Vec<i64>,
    },
    /// Part of what was live at a claim, stated again so that older records can be deleted (R14).
    Restatement {
        /// The epoch this belongs to.
        epoch: i64,
        /// Position within the epoch, from 1.
        seq: u64,
        /// What is stated.
        state: Restated,
    },
}

/// One step: the events that one input caused in one execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transition {
    /// Offset of the claim that the writer works under.
    pub epoch: i64,
    /// Position within the epoch, from 1.
    pub seq: u64,
    /// What caused the step.
    pub cause: Cause,
    /// Time of the decision, milliseconds since the epoch; replay uses this, never a clock.
    pub now: i64,
    /// The execution; empty for a rejected input that names none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub execution: Arc<str>,
    /// The events, in order.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        with = "super::repeats"
    )]
    #[schemars(with = "Vec<super::repeats::Read>")]
    pub events: Vec<Event>,
    /// Set when the input was refused: it goes to the dead-letter topic with this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Arc<str>>,
    /// Set when the input belongs to another partition and is passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<Box<PassedOn>>,
    /// Set when a start named an execution that has closed: its result is reported again there (R12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_again: Option<crate::request::ReplyTo>,
    /// Offset of the claim after which everything live was stated again last (R14), if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<i64>,
}

/// An input that belongs to another partition (R12): a record to be sent there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassedOn {
    /// The topic it came on and goes to.
    pub topic: InputTopic,
    /// The partition it belongs to.
    pub partition: i32,
    /// Key.
    pub key: Arc<str>,
    /// Headers, in order.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// Value.
    #[serde(
        default,
        deserialize_with = "crate::payload::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Payload>,
}

/// What caused a step (R7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A record of an input topic, by offset in the same partition number as the history's.
    Completions(i64),
    /// The same, of the requests topic.
    Requests(i64),
    /// A call over HTTP, by request id.
    Http(Arc<str>),
    /// A timer of the execution.
    Timer,
}

/// The input topics whose positions the history keeps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum InputTopic {
    /// Completions of tasks.
    Completions,
    /// Starts and stops by record.
    Requests,
}

/// The next offset to read of each input topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Positions(pub BTreeMap<InputTopic, i64>);

impl Positions {
    /// Whether no input was ever read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next offset to read; `None` if nothing of this topic was ever applied.
    #[must_use]
    pub fn next(&self, topic: InputTopic) -> Option<i64> {
        self.0.get(&topic).copied()
    }

    /// Notes that everything below `next` is dealt with; never goes back.
    pub fn advance(&mut self, topic: InputTopic, next: i64) {
        let slot = self.0.entry(topic).or_insert(next);
        *slot = (*slot).max(next);
    }
}

/// What a restatement states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restated {
    /// An open execution, as the transitions that made it, oldest first. Replaces what the reader has of it.
    Execution {
        /// ARN.
        execution: Arc<str>,
        /// The transitions of this part.
        transitions: Vec<Step>,
        /// Number of the part, from 0; the parts of an execution follow one another in the log.
        #[serde(default, skip_serializing_if = "is_zero")]
        part: u32,
        /// Whether another part follows: the statement counts when the last one was read.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    /// The history of a closed execution, said again because it is redriven: the next record after the last part is the
    /// transition that begins with ExecutionRedriven, or none of it counts.
    Recalled {
        /// ARN.
        execution: Arc<str>,
        /// The transitions of this part, oldest first.
        transitions: Vec<Step>,
        /// Number of the part, from 0; the parts follow one another in the log.
        #[serde(default, skip_serializing_if = "is_zero")]
        part: u32,
    },
    /// Closed executions whose names are still taken.
    Names(Vec<Closed>),
    /// Everything live at the claim has now been stated; the history before that claim may be deleted.
    Complete {
        /// Positions at this point.
        positions: Positions,
        /// Latest time recorded, milliseconds since the epoch.
        now: i64,
        /// Earlier bases that may still be read from: `(claim offset, completed_ms)`, oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bases: Vec<(i64, i64)>,
    },
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The events of one transition of a restated execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Time of the decision, milliseconds since the epoch.
    pub now: i64,
    /// The events, in order.
    #[serde(with = "super::repeats")]
    #[schemars(with = "Vec<super::repeats::Read>")]
    pub events: Vec<Event>,
}

/// A closed execution whose name is still taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {
    /// 128-bit hash of the ARN, hexadecimal; see [`crate::arn::arn_hash`].
    pub arn_hash: Arc<str>,
    /// 64-bit hash of the start's machine and input, to recognise a repeated start.
    pub start_hash: u64,
    /// When it closed, milliseconds since the epoch.
    pub closed_ms: i64,
}

/// Form of a record on the wire: the version beside the content.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HistoryRecordV1")]
pub(crate) struct Versioned<R> {
    /// Format version: 1.
    #[schemars(extend("const" = 1))]
    v: u32,
    /// The record.
    r: R,
}

/// Form of a record of version 1.
pub(crate) type HistoryRecordV1 = Versioned<HistoryRecord>;

/// The version written by this build.
const VERSION: u32 = 1;
/// Room that most records need, bytes.
const JSON_BYTES_USUAL: usize = 2_048;

impl HistoryRecord {
    /// Writes the record as JSON.
    ///
    /// # Panics
    /// Never: every field serialises.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Most fit without growing; what is too much is given back.
        let mut json = Vec::with_capacity(JSON_BYTES_USUAL);
        let versioned = Versioned {
            v: VERSION,
            r: self,
        };
        serde_json::to_writer(&mut json, &versioned).expect("history records serialise");
        json.shrink_to_fit();
        json
    }

    /// Reads a record of any version up to this build's.
    ///
    /// # Errors
    /// A description of what is wrong with `bytes`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        match serde_json::from_slice::<Versioned<Self>>(bytes) {
            Ok(versioned) if versioned.v <= VERSION => Ok(versioned.r),
            Ok(versioned) => Err(too_new(versioned.v)),
            // A newer form need not look like this one: say so rather than name the first field that differs.
            Err(error) => match serde_json::from_slice::<Versioned<IgnoredAny>>(bytes) {
                Ok(versioned) if versioned.v > VERSION => Err(too_new(versioned.v)),
                _ => Err(error),
            },
        }
    }
}

fn too_new(v: u32) -> serde_json::Error {
    serde::de::Error::custom(format!(
        "history record of version {v}; this build reads up to {VERSION}: upgrade baton"
    ))
}
