//! A request: start or stop an execution by producing a record, on the requests topic.
//!
//! Key: execution ARN (which decides the partition). A start carries the machine's ARN and the execution's name; its
//! value is the input.

use crate::Payload;
use crate::arn::ExecutionArn;
use crate::cloudevents as ce;
use crate::command::bad;
use crate::completion::{failure, payload};
use crate::history::Failure;
use crate::record::{Outgoing, RecordView, WireError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// A request concerning one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `baton.execution.start.v1`
    Start(StartRequest),
    /// `baton.execution.stop.v1`
    Stop(StopRequest),
}

/// Start an execution. Repeating it with the same name, machine and input is one start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRequest {
    /// Key: ARN of the execution.
    pub execution: Arc<str>,
    /// `ce_batonstatemachine`: ARN of the state machine.
    pub machine: Arc<str>,
    /// `ce_subject`: the execution's name.
    pub name: Arc<str>,
    /// Value: the input.
    pub input: Payload,
    /// `ce_batonreplytopic` and `ce_batonreplypartition`: where to report the result, if anywhere.
    pub reply_to: Option<ReplyTo>,
    /// `traceparent`
    pub traceparent: Option<Arc<str>>,
}

/// Stop an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRequest {
    /// Key: ARN of the execution.
    pub execution: Arc<str>,
    /// Value: `{"error", "cause"}`, both optional.
    pub failure: Failure,
}

/// Where the result of an execution is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyTo {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition of that topic.
    pub partition: i32,
}

/// The result of an execution, sent where its start asked for it. Key: execution ARN; value: output or `{error, cause}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionClosed {
    /// Key and `ce_source`.
    pub execution: Arc<str>,
    /// `ce_subject`: `SUCCEEDED`, `FAILED`, `ABORTED` or `TIMED_OUT`.
    pub status: &'static str,
    /// Value, when it succeeded.
    pub output: Option<Payload>,
    /// Value, when it did not.
    pub failure: Failure,
    /// `traceparent`
    pub traceparent: Option<Arc<str>>,
}

impl Request {
    /// ARN of the execution concerned.
    #[must_use]
    pub fn execution(&self) -> &Arc<str> {
        match self {
            Self::Start(start) => &start.execution,
            Self::Stop(stop) => &stop.execution,
        }
    }

    /// Reads a request.
    ///
    /// # Errors
    /// What is missing or wrong; the record then goes to the dead-letter topic with these words.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        const NAMES: [&str; 6] =
            [ce::TYPE, ce::SUBJECT, ce::STATE_MACHINE, ce::REPLY_TOPIC, ce::REPLY_PARTITION, ce::TRACEPARENT];
        let mut h: [Option<&[u8]>; 6] = [None; 6];
        view.for_each_header(&mut |name, value| {
            if let Some(i) = NAMES.iter().position(|n| *n == name) {
                h[i] = Some(value);
            }
        });
        let text = |i: usize| -> Result<Option<&str>, WireError> {
            h[i].map(|v| std::str::from_utf8(v).map_err(|_| bad(NAMES[i], v, "UTF-8 text"))).transpose()
        };
        let need = |i: usize| text(i)?.ok_or(WireError::MissingHeader(NAMES[i]));
        let key = view.key().and_then(|k| std::str::from_utf8(k).ok()).unwrap_or("");
        let Some(arn) = ExecutionArn::parse(key) else {
            return Err(WireError::BadValue(format!("the key must be an execution ARN, but is {key:?}")));
        };
        match need(0)? {
            ce::TYPE_START => {
                let name = need(1)?;
                if name != arn.name {
                    return Err(bad(ce::SUBJECT, name.as_bytes(), "the execution's name as in the key"));
                }
                let machine = need(2)?;
                if crate::arn::execution_arn(machine, name).as_deref() != Some(key) {
                    return Err(bad(ce::STATE_MACHINE, machine.as_bytes(), "the ARN of the machine named in the key"));
                }
                let reply_to = match (text(3)?, text(4)?) {
                    (Some(topic), Some(partition)) => Some(ReplyTo {
                        topic: topic.into(),
                        partition: partition
                            .parse()
                            .ok()
                            .filter(|p| *p >= 0)
                            .ok_or_else(|| bad(ce::REPLY_PARTITION, partition.as_bytes(), "a partition number"))?,
                    }),
                    (None, None) => None,
                    (Some(_), None) => return Err(WireError::MissingHeader(ce::REPLY_PARTITION)),
                    (None, Some(_)) => return Err(WireError::MissingHeader(ce::REPLY_TOPIC)),
                };
                Ok(Self::Start(StartRequest {
                    execution: key.into(),
                    machine: machine.into(),
                    name: name.into(),
                    input: payload(view)?,
                    reply_to,
                    traceparent: text(5)?.map(Arc::from),
                }))
            }
            ce::TYPE_STOP => Ok(Self::Stop(StopRequest { execution: key.into(), failure: failure(view)? })),
            other => Err(WireError::UnknownType {
                found: other.to_owned(),
                expected: "baton.execution.start.v1 or baton.execution.stop.v1",
            }),
        }
    }
}

impl Outgoing for Request {
    fn key(&self) -> Option<&[u8]> {
        Some(self.execution().as_bytes())
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        Some(match self {
            Self::Start(start) => Cow::Borrowed(start.input.as_str().as_bytes()),
            Self::Stop(stop) => Cow::Owned(stop.failure.to_json()),
        })
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::ID, self.execution().as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
        match self {
            Self::Start(start) => {
                each(ce::TYPE, ce::TYPE_START.as_bytes());
                each(ce::SUBJECT, start.name.as_bytes());
                each(ce::STATE_MACHINE, start.machine.as_bytes());
                if let Some(reply_to) = &start.reply_to {
                    each(ce::REPLY_TOPIC, reply_to.topic.as_bytes());
                    each(ce::REPLY_PARTITION, reply_to.partition.to_string().as_bytes());
                }
                if let Some(traceparent) = &start.traceparent {
                    each(ce::TRACEPARENT, traceparent.as_bytes());
                }
            }
            Self::Stop(_) => each(ce::TYPE, ce::TYPE_STOP.as_bytes()),
        }
    }
}

impl Outgoing for ExecutionClosed {
    fn key(&self) -> Option<&[u8]> {
        Some(self.execution.as_bytes())
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        Some(match &self.output {
            Some(output) => Cow::Borrowed(output.as_str().as_bytes()),
            None => Cow::Owned(self.failure.to_json()),
        })
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_EXECUTION_CLOSED.as_bytes());
        each(ce::ID, self.execution.as_bytes());
        each(ce::SOURCE, self.execution.as_bytes());
        each(ce::SUBJECT, self.status.as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
        if let Some(traceparent) = &self.traceparent {
            each(ce::TRACEPARENT, traceparent.as_bytes());
        }
    }
}
