//! What is wrong with a definition, as AWS's ValidateStateMachineDefinition says it.

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// The definition can't be stored.
    Error,
    /// It can, but is probably not meant so.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// AWS's code, such as `SCHEMA_VALIDATION_FAILED`, `MISSING_TRANSITION_TARGET` or `INVALID_JSON_DESCRIPTION`.
    pub code: &'static str,
    /// What is wrong and how to mend it.
    pub message: String,
    /// The place as AWS writes it, such as `/States/Route/Choices[0]/Next`; `/` is the whole definition, empty is none. For
    /// a text that is not JSON, Jackson's source location.
    pub location: String,
}
