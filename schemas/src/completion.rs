//! A completion: what a worker says of a task, on the completions topic.
//!
//! Key: task token. `ce_type` alone decides between success, failure and what is said meanwhile; the value is the
//! output, or `{"error", "cause"}`, or progress detail, or the first answer, or `{"worker"}`.

use crate::cloudevents as ce;
use crate::headers::{self, Wanted};
use crate::history::Failure;
use crate::record::{Outgoing, RecordView, WireError};
use crate::{Payload, TaskToken, structured};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// What a worker says of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// `ce_batontoken` (or the key, if that header is absent).
    pub token: TaskToken,
    /// By `ce_type`.
    pub outcome: Outcome,
    /// `traceparent` (W3C trace context).
    pub traceparent: Option<Arc<str>>,
}

/// How the task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task is done; its output.
    Succeeded(Payload),
    /// The task failed.
    Failed(Failure),
    /// The task goes on; progress detail, if any.
    Heartbeat(Option<Payload>),
    /// A worker took the task; AWS records it of activities (`ActivityStarted`).
    Started {
        /// As the worker calls itself.
        worker: Option<Arc<str>>,
    },
    /// What was called gave a first answer, and the task goes on (`.sync`, `.waitForTaskToken`; AWS: `TaskSubmitted`).
    Submitted(Payload),
}

impl Outcome {
    /// Whether it ends the task.
    #[must_use]
    pub fn ends(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Failed(_))
    }
}

impl Completion {
    /// Reads a completion, in binary or structured content mode.
    ///
    /// # Errors
    /// What is missing or wrong; the record then goes to the dead-letter topic with these words.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        let h = Wanted::read(view, &NAMES);
        if structured::is_structured(h.bytes(3)) {
            let binary = structured::to_binary(view)?;
            return Self::from_binary(&binary, &Wanted::read(&binary, &NAMES));
        }
        Self::from_binary(view, &h)
    }

    fn from_binary(view: &impl RecordView, h: &Wanted<'_, 4>) -> Result<Self, WireError> {
        let kind = h.bytes(0).ok_or(WireError::MissingHeader(ce::TYPE))?;
        let token = headers::token(ce::TOKEN, h.bytes(1), view.key())?;
        let outcome = match kind {
            k if k == ce::TYPE_SUCCEEDED.as_bytes() => Outcome::Succeeded(payload(view)?),
            k if k == ce::TYPE_FAILED.as_bytes() => Outcome::Failed(failure(view)?),
            k if k == ce::TYPE_HEARTBEAT.as_bytes() => Outcome::Heartbeat(match view.value() {
                None | Some([]) => None,
                Some(_) => Some(payload(view)?),
            }),
            k if k == ce::TYPE_STARTED.as_bytes() => Outcome::Started {
                worker: taken_by(view)?.worker,
            },
            k if k == ce::TYPE_SUBMITTED.as_bytes() => Outcome::Submitted(payload(view)?),
            other => {
                return Err(headers::unknown_type(
                    other,
                    "baton.task.succeeded.v1, baton.task.failed.v1, baton.task.heartbeat.v1, baton.task.started.v1 or \
                     baton.task.submitted.v1",
                ));
            }
        };
        Ok(Self {
            token,
            outcome,
            traceparent: h.traceparent(2),
        })
    }
}

/// The headers that are read, by position.
const NAMES: [&str; 4] = [ce::TYPE, ce::TOKEN, ce::TRACEPARENT, ce::CONTENT_TYPE];

/// The value as JSON; an absent or empty one is `{}`.
pub(crate) fn payload(view: &impl RecordView) -> Result<Payload, WireError> {
    match view.value() {
        None | Some([]) => Ok(Payload::empty_object()),
        Some(bytes) => {
            Payload::from_bytes(bytes).map_err(|e| WireError::BadValue(format!("not JSON: {e}")))
        }
    }
}

/// Value of a completion that says who took the task.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TakenBy {
    /// As the worker calls itself.
    worker: Option<Arc<str>>,
}

fn taken_by(view: &impl RecordView) -> Result<TakenBy, WireError> {
    match view.value() {
        None | Some([]) => Ok(TakenBy::default()),
        // serde would take an array for a struct; the contract does not.
        Some(bytes) if bytes.trim_ascii_start().starts_with(b"{") => serde_json::from_slice(bytes)
            .map_err(|e| WireError::BadValue(format!("expected {{\"worker\": text}}: {e}"))),
        Some(_) => Err(WireError::BadValue(
            "expected {\"worker\": text}: not a JSON object".to_owned(),
        )),
    }
}

/// The value as `{"error", "cause"}`; an absent or empty one is neither.
pub(crate) fn failure(view: &impl RecordView) -> Result<Failure, WireError> {
    match view.value() {
        None | Some([]) => Ok(Failure::default()),
        // serde would take an array for a struct; the contract does not.
        Some(bytes) if !bytes.trim_ascii_start().starts_with(b"{") => {
            Err(bad_failure("not a JSON object"))
        }
        Some(bytes) => serde_json::from_slice(bytes).map_err(|e| bad_failure(&e.to_string())),
    }
}

fn bad_failure(what: &str) -> WireError {
    WireError::BadValue(format!(
        "expected {{\"error\": text, \"cause\": text}}: {what}"
    ))
}

impl Outgoing for Completion {
    fn key(&self) -> Option<&[u8]> {
        Some(self.token.as_str().as_bytes())
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        match &self.outcome {
            Outcome::Succeeded(output) => Some(Cow::Borrowed(output.as_str().as_bytes())),
            Outcome::Failed(failure) => Some(Cow::Owned(failure.to_json())),
            Outcome::Heartbeat(detail) => detail
                .as_ref()
                .map(|d| Cow::Borrowed(d.as_str().as_bytes())),
            Outcome::Started { worker } => worker.as_ref().map(|worker| {
                let taken = TakenBy {
                    worker: Some(worker.clone()),
                };
                Cow::Owned(serde_json::to_vec(&taken).expect("a text serialises"))
            }),
            Outcome::Submitted(answer) => Some(Cow::Borrowed(answer.as_str().as_bytes())),
        }
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        let kind = match self.outcome {
            Outcome::Succeeded(_) => ce::TYPE_SUCCEEDED,
            Outcome::Failed(_) => ce::TYPE_FAILED,
            Outcome::Heartbeat(_) => ce::TYPE_HEARTBEAT,
            Outcome::Started { .. } => ce::TYPE_STARTED,
            Outcome::Submitted(_) => ce::TYPE_SUBMITTED,
        };
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, kind.as_bytes());
        each(ce::ID, self.token.as_str().as_bytes());
        each(ce::SOURCE, ce::SOURCE_WORKER);
        each(ce::TOKEN, self.token.as_str().as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
        if let Some(traceparent) = &self.traceparent {
            each(ce::TRACEPARENT, traceparent.as_bytes());
        }
    }
}
