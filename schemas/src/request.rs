//! A request: start or stop an execution by producing a record, on the requests topic.
//!
//! Key: execution ARN (which decides the partition). A start carries the machine's ARN and the execution's name; its
//! value is the input.

use crate::arn::{ARN_LENGTH_MAX, ExecutionArn, execution_arn, name_problem};
use crate::cloudevents as ce;
use crate::completion::{failure, payload};
use crate::decimal::Decimal;
use crate::headers::{self, Wanted};
use crate::history::Failure;
use crate::parent::Parent;
use crate::record::{Outgoing, RecordView, WireError};
use crate::topics::TOPIC_LENGTH_MAX;
use crate::{Payload, structured};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

pub use crate::execution_closed::ExecutionClosed;

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
    /// `ce_batonparent`: the execution that starts this one, if one does.
    pub parent: Option<Box<Parent>>,
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

impl Request {
    /// ARN of the execution concerned.
    #[must_use]
    pub fn execution(&self) -> &Arc<str> {
        match self {
            Self::Start(start) => &start.execution,
            Self::Stop(stop) => &stop.execution,
        }
    }

    /// Reads a request, in binary or structured content mode.
    ///
    /// # Errors
    /// What is missing or wrong; the record then goes to the dead-letter topic with these words.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        let h = Wanted::read(view, &NAMES);
        if structured::is_structured(h.bytes(6)) {
            let binary = structured::to_binary(view)?;
            return Self::from_binary(&binary, &Wanted::read(&binary, &NAMES));
        }
        Self::from_binary(view, &h)
    }

    fn from_binary(view: &impl RecordView, h: &Wanted<'_, 8>) -> Result<Self, WireError> {
        let (key, arn) = execution_key(view)?;
        match h.need(0)? {
            ce::TYPE_START => Ok(Self::Start(StartRequest {
                machine: machine_header(h, key, arn)?.into(),
                execution: key.into(),
                name: arn.name.into(),
                input: payload(view)?,
                reply_to: reply_headers(h)?,
                traceparent: h.traceparent(5),
                parent: parent(h)?,
            })),
            ce::TYPE_STOP => Ok(Self::Stop(StopRequest {
                execution: key.into(),
                failure: failure(view)?,
            })),
            other => Err(headers::unknown_type(
                other.as_bytes(),
                "baton.execution.start.v1 or baton.execution.stop.v1",
            )),
        }
    }
}

/// The headers that are read, by position.
const NAMES: [&str; 8] = [
    ce::TYPE,
    ce::SUBJECT,
    ce::STATE_MACHINE,
    ce::REPLY_TOPIC,
    ce::REPLY_PARTITION,
    ce::TRACEPARENT,
    ce::CONTENT_TYPE,
    ce::PARENT,
];

/// The key, which must be the ARN of an execution.
fn execution_key(view: &impl RecordView) -> Result<(&str, ExecutionArn<'_>), WireError> {
    let key = view.key().unwrap_or_default();
    if key.len() > ARN_LENGTH_MAX {
        return Err(WireError::TooLong {
            what: "the key",
            length: key.len(),
            limit: ARN_LENGTH_MAX,
        });
    }
    let key = std::str::from_utf8(key).unwrap_or("");
    let Some(arn) = ExecutionArn::parse(key) else {
        return Err(WireError::BadValue(format!(
            "the key must be an execution ARN (arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME), but is {key:?}"
        )));
    };
    // A child of a distributed Map has the Map's label behind the machine's name.
    let (machine, label) = match arn.machine.split_once('/') {
        Some((machine, label)) => (machine, Some(label)),
        None => (arn.machine, None),
    };
    let names = [("machine", machine), ("execution", arn.name)];
    for (what, name) in names.into_iter().chain(label.map(|label| ("Map", label))) {
        if let Some(problem) = name_problem(name) {
            return Err(WireError::BadValue(format!(
                "the key's name of the {what} {problem}"
            )));
        }
    }
    Ok((key, arn))
}

/// The machine's ARN, which must agree with the key, as must the subject.
fn machine_header<'a>(
    h: &Wanted<'a, 8>,
    key: &str,
    arn: ExecutionArn<'_>,
) -> Result<&'a str, WireError> {
    if h.need(1)? != arn.name {
        return Err(h.bad(1, "expected the execution's name as in the key"));
    }
    let machine = h.need(2)?;
    if execution_arn(machine, arn.name).as_deref() != Some(key) {
        return Err(h.bad(2, "expected the ARN of the state machine named in the key"));
    }
    Ok(machine)
}

/// Where the result is to be reported: both headers or neither.
fn reply_headers(h: &Wanted<'_, 8>) -> Result<Option<ReplyTo>, WireError> {
    match (h.text(3)?, h.partition(4)?) {
        (Some(topic), Some(partition)) if (1..=TOPIC_LENGTH_MAX).contains(&topic.len()) => {
            Ok(Some(ReplyTo {
                topic: topic.into(),
                partition,
            }))
        }
        (Some(_), Some(_)) => Err(h.bad(3, "expected the name of a topic")),
        (None, None) => Ok(None),
        (Some(_), None) => Err(WireError::MissingHeader(ce::REPLY_PARTITION)),
        (None, Some(_)) => Err(WireError::MissingHeader(ce::REPLY_TOPIC)),
    }
}

/// The execution that starts this one.
fn parent(h: &Wanted<'_, 8>) -> Result<Option<Box<Parent>>, WireError> {
    const EXPECTED: &str = "expected the JSON that baton writes for a child's parent";
    h.text(7)?
        .map(|text| serde_json::from_str(text).map_err(|_| h.bad(7, EXPECTED)))
        .transpose()
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
        each(ce::SOURCE, ce::SOURCE_ORCHESTRATOR);
        each(ce::CONTENT_TYPE, ce::JSON);
        match self {
            Self::Start(start) => {
                each(ce::TYPE, ce::TYPE_START.as_bytes());
                each(ce::ID, start.execution.as_bytes());
                each(ce::SUBJECT, start.name.as_bytes());
                each(ce::STATE_MACHINE, start.machine.as_bytes());
                if let Some(reply_to) = &start.reply_to {
                    each(ce::REPLY_TOPIC, reply_to.topic.as_bytes());
                    each(
                        ce::REPLY_PARTITION,
                        Decimal::new(reply_to.partition.into()).as_bytes(),
                    );
                }
                if let Some(traceparent) = &start.traceparent {
                    each(ce::TRACEPARENT, traceparent.as_bytes());
                }
                if let Some(parent) = &start.parent {
                    let json = serde_json::to_vec(parent).expect("texts and numbers serialise");
                    each(ce::PARENT, &json);
                }
            }
            Self::Stop(stop) => {
                each(ce::TYPE, ce::TYPE_STOP.as_bytes());
                // Not the ARN alone: that is the start's id, and CloudEvents takes equal ids of one source for repeats.
                each(ce::ID, format!("{}#stop", stop.execution).as_bytes());
            }
        }
    }
}
