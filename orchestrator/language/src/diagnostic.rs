//! What is wrong with a definition, as AWS's ValidateStateMachineDefinition says it, and more.
//!
//! Owns: the shape of a finding. `code`, `severity`, `message` and `location` are AWS's where AWS has the finding; `help` and
//! `pointer` are ours.

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
    /// AWS's code, such as `SCHEMA_VALIDATION_FAILED`, `MISSING_TRANSITION_TARGET` or `INVALID_JSON_DESCRIPTION`; of what AWS
    /// doesn't look for, our own (docs/diagnostics.md).
    pub code: &'static str,
    /// What is wrong, in AWS's words where AWS has some.
    pub message: String,
    /// What is expected or how to mend it, where the message doesn't say that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The place as AWS writes it, such as `/States/Route/Choices[0]/Next`; `/` is the whole definition, empty is none. For
    /// a text that is not JSON, Jackson's source location.
    pub location: String,
    /// The place as a JSON Pointer (RFC 6901), often nearer than AWS's: `/States/Route/Choices/0/Next`. Empty is the whole
    /// definition; `None` if the text is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}
