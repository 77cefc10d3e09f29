//! Who started an execution, if another execution did.
//!
//! Owns: what a child is told about its parent when it is started, and in which form it reports. A report is a
//! completion of the parent's task (or map run), on the parent's partition of the completions topic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The starter of an execution: a task of another execution, or its distributed Map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Parent {
    /// Token of the task or map run that is waiting; completions name it.
    pub token: Arc<str>,
    /// Partition of completions that the reports go to.
    pub partition: i32,
    /// What is reported, and when.
    pub report: ReportForm,
    /// Set if the execution is a child of a distributed Map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Box<MapItem>>,
}

/// What a child reports to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportForm {
    /// Its start completes the task (`startExecution`).
    Started,
    /// Its start is the first answer and nothing more is said (`startExecution.waitForTaskToken`).
    Submitted,
    /// Its start is the first answer, its end completes the task; input and output as text (`startExecution.sync`).
    Sync,
    /// The same with input and output as JSON (`startExecution.sync:2`).
    Sync2,
    /// A Map's child: its output, or all that is known of it if it failed.
    Item,
    /// A Map's child: all that is known of it.
    ItemInFull,
}

/// Which part of a distributed Map an execution is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MapItem {
    /// ARN of the map run.
    pub run: Arc<str>,
    /// Name of the Map state, whose processor the execution runs.
    pub state: Arc<str>,
    /// Number of the child within the run, from 0.
    pub index: u64,
    /// Revision of the definition that the parent runs.
    pub revision: u64,
    /// `ExecutionType: EXPRESS`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub express: bool,
}
