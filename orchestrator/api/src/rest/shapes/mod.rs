//! Answers of the REST API, as they are written and as the OpenAPI document describes them.
//!
//! Owns: names and types of fields. Must not: read anything.

mod jobs;
mod queues;
mod saved_views;

pub use jobs::{Job, JobList};
pub use queues::{Consumer, ConsumerGroup, Queue, QueueList, Reason, Reasons};
pub use saved_views::{SavedView, SavedViewList};

use super::body::Attribute;
use crate::app::machines;
use baton_engine::Definition;
use baton_language::Diagnostic;
use baton_schemas::Payload;
use baton_schemas::time::rfc3339;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A state machine.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// ARN.
    pub state_machine_arn: String,
    /// Name.
    pub name: String,
    /// `STANDARD` or `EXPRESS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Revision of the definition; executions keep the one that they were started with.
    pub revision: u64,
    /// When it was created (RFC 3339).
    pub creation_date: String,
    /// When it was last updated (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_date: Option<String>,
}

impl Machine {
    /// What every answer shows of a machine.
    pub fn of(machine: &Definition) -> Self {
        let entry = &machine.entry;
        Self {
            state_machine_arn: machine.arn.to_string(),
            name: entry.name.to_string(),
            kind: entry.kind.to_string(),
            revision: machine.revision,
            creation_date: rfc3339(entry.created_ms),
            update_date: machines::updated_ms(entry).map(rfc3339),
        }
    }
}

/// A state machine with its definition.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineDescribed {
    #[serde(flatten)]
    pub machine: Machine,
    /// Kept for AWS clients.
    pub role_arn: String,
    /// As AWS describes it.
    #[schema(value_type = Object)]
    pub logging_configuration: Value,
    /// As AWS describes it.
    #[schema(value_type = Object)]
    pub tracing_configuration: Value,
    /// As given when it was created: a list of `{"key", "value"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub tags: Option<Value>,
    /// What executions can be searched by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub search_attributes: BTreeMap<String, Attribute>,
    /// The definition in the States Language.
    #[schema(value_type = Value)]
    pub definition: Value,
}

/// A page of state machines, in the order of their ARNs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineList {
    pub state_machines: Vec<Machine>,
    /// For `cursor` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What a check of a definition found.
#[derive(Serialize, ToSchema)]
pub struct Validation {
    /// `OK`, or `FAIL` if there is an error among the findings.
    pub result: &'static str,
    /// Findings in the order of the text: `severity`, `code`, `message`, `location`.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Diagnostic>,
    /// Whether there were more.
    pub truncated: bool,
    /// For people, with the place in the text, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// An execution that was started.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// ARN.
    pub execution_arn: String,
    /// Name.
    pub name: String,
    /// When (RFC 3339).
    pub start_date: String,
}

/// An execution that was stopped.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// When (RFC 3339).
    pub stop_date: String,
}

/// One execution of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// ARN.
    pub execution_arn: String,
    /// ARN of its state machine.
    pub state_machine_arn: String,
    /// Name.
    pub name: String,
    /// Revision of the definition that it runs.
    pub revision: u64,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// When it started (RFC 3339).
    pub start_date: String,
    /// When it closed (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<String>,
    /// How often it was redriven, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_count: Option<u32>,
    /// When it was redriven last (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_date: Option<String>,
    /// The error that it ended with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Search attributes by name, as far as they have a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub search_attributes: Map<String, Value>,
}

/// A change of an execution, in a stream of many.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The execution, with its status after the change.
    #[serde(flatten)]
    pub execution: Listed,
    /// The events of the change, as AWS records them, with times as RFC 3339.
    pub events: Vec<Value>,
}

/// That an execution was redriven.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// When (RFC 3339).
    pub redrive_date: String,
}

/// Whether an execution is paused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Paused {
    /// Whether it is.
    pub paused: bool,
    /// Since when (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_date: Option<String>,
}

/// A page of executions, newest start first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionList {
    pub executions: Vec<Listed>,
    /// For `cursor` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Set when a partition has no reachable owner, so that its executions are missing.
    #[serde(skip_serializing_if = "is_false")]
    pub incomplete: bool,
}

/// One execution; payloads are written as they are, without being parsed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Described<'a> {
    /// ARN.
    pub execution_arn: &'a str,
    /// ARN of its state machine.
    pub state_machine_arn: &'a str,
    /// Name.
    pub name: &'a str,
    /// Revision of the definition that it runs.
    pub revision: u64,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: &'a str,
    /// When it started (RFC 3339).
    pub start_date: String,
    /// When it closed (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<String>,
    /// Any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub input: Option<&'a Payload>,
    /// Any JSON; of an execution that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub output: Option<&'a Payload>,
    /// Of an execution that did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// Of an execution that did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'a str>,
    /// Trace context (W3C).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<&'a str>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_date: Option<String>,
    /// `REDRIVABLE` or `NOT_REDRIVABLE`.
    pub redrive_status: &'static str,
    /// Why it can't be redriven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_status_reason: Option<&'static str>,
    /// Whether it is paused.
    pub paused: bool,
    /// Since when it is paused (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_date: Option<String>,
    /// Search attributes by name, as far as they have a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub search_attributes: Map<String, Value>,
}

/// A page of a history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Events as AWS records them, with times as RFC 3339.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<Value>,
    /// For `cursor` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An error (RFC 9457), as `application/problem+json`.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// Path of the page that explains it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the error.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What is wrong, where, and how to mend it.
    pub detail: String,
}

fn is_false(flag: &bool) -> bool {
    !flag
}
