//! What TestState answers.

use super::trial::Ended;
use baton_schemas::Payload;
use baton_schemas::history::Failure;
use serde_json::{Map, Value};
use std::sync::Arc;

/// How the state ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestStatus {
    /// `SUCCEEDED`
    Succeeded,
    /// `FAILED`
    Failed,
    /// `RETRIABLE`: a retrier takes the error.
    Retriable,
    /// `CAUGHT_ERROR`: a catcher takes it.
    CaughtError,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How the state ended.
    pub status: TestStatus,
    /// Its output, unless it failed.
    pub output: Option<Payload>,
    /// What went wrong, if anything did.
    pub failure: Failure,
    /// The state that comes next.
    pub next: Option<Arc<str>>,
    /// `inspectionData`, if asked for.
    pub inspection: Option<Map<String, Value>>,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// AWS's name of the error.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    /// A ValidationException.
    pub(super) fn validation(message: &str) -> Self {
        Self {
            code: "ValidationException",
            message: message.to_owned(),
        }
    }

    /// An InvalidDefinition.
    pub(super) fn definition(message: String) -> Self {
        Self {
            code: "InvalidDefinition",
            message,
        }
    }
}

impl Answer {
    /// In the shape of AWS's answer.
    #[must_use]
    pub fn to_aws(&self) -> Value {
        let mut shown = Map::new();
        let status = match self.status {
            TestStatus::Succeeded => "SUCCEEDED",
            TestStatus::Failed => "FAILED",
            TestStatus::Retriable => "RETRIABLE",
            TestStatus::CaughtError => "CAUGHT_ERROR",
        };
        let texts = [
            ("output", self.output.as_ref().map(Payload::as_str)),
            ("error", self.failure.error.as_deref()),
            ("cause", self.failure.cause.as_deref()),
            ("nextState", self.next.as_deref()),
            ("status", Some(status)),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                shown.insert(name.to_owned(), text.into());
            }
        }
        if let Some(inspection) = &self.inspection {
            shown.insert(
                "inspectionData".to_owned(),
                Value::Object(inspection.clone()),
            );
        }
        Value::Object(shown)
    }
}

/// The answer for a state that ended like this, and like `bare` where nothing takes its errors.
pub(super) fn of(bare: &Ended, ended: Ended) -> Answer {
    let failure = bare.failure().cloned().unwrap_or_default();
    let (status, output, next) = match ended {
        Ended::Left { output, next, .. } if bare.failure().is_none() => {
            (TestStatus::Succeeded, Some(output), next)
        }
        Ended::Left { output, next, .. } => (TestStatus::CaughtError, Some(output), next),
        Ended::Retried { .. } => (TestStatus::Retriable, None, None),
        Ended::Failed(_) => (TestStatus::Failed, None, None),
    };
    Answer {
        status,
        output,
        failure,
        next,
        inspection: None,
    }
}
