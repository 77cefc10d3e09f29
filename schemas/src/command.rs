//! A command: one task for a worker, on the topic of its task queue.
//!
//! Key: execution ARN. Value: the task's input, plain JSON. Everything else is in headers, so that any Kafka client is
//! a worker. The same task always has the same `ce_id` (its token), however often the command is sent.

use crate::cloudevents as ce;
use crate::decimal::Decimal;
use crate::headers::{self, Wanted};
use crate::record::{Outgoing, RecordView, WireError};
use crate::time::Rfc3339Text;
use crate::{Payload, TaskToken};
use std::borrow::Cow;
use std::sync::Arc;

/// One task for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `ce_id`: the task's token.
    pub token: TaskToken,
    /// Key and `ce_source`: ARN of the execution.
    pub execution: Arc<str>,
    /// `ce_subject`: name of the state.
    pub state: Arc<str>,
    /// `ce_batonattempt`: from 0.
    pub attempt: u32,
    /// `ce_time`: when the task was scheduled, milliseconds since the epoch.
    pub time_ms: i64,
    /// `ce_batondeadline`, milliseconds since the epoch.
    pub deadline_ms: Option<i64>,
    /// `ce_batonheartbeat`, seconds.
    pub heartbeat_s: Option<u64>,
    /// `ce_batonresource`: what the state calls (`Resource`), such as `arn:aws:states:::dynamodb:putItem`; absent for a
    /// plain task queue, which says all.
    pub resource: Option<Arc<str>>,
    /// `ce_batonreplytopic`: where the completion goes.
    pub reply_topic: Arc<str>,
    /// `ce_batonreplypartition`
    pub reply_partition: i32,
    /// `traceparent` (W3C trace context).
    pub traceparent: Option<Arc<str>>,
    /// Value: the task's input.
    pub input: Payload,
}

impl Outgoing for Command {
    fn key(&self) -> Option<&[u8]> {
        Some(self.execution.as_bytes())
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.input.as_str().as_bytes()))
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_COMMAND.as_bytes());
        each(ce::ID, self.token.as_str().as_bytes());
        each(ce::SOURCE, self.execution.as_bytes());
        each(ce::SUBJECT, self.state.as_bytes());
        each(ce::TIME, Rfc3339Text::new(self.time_ms).as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
        each(
            ce::ATTEMPT,
            Decimal::unsigned(self.attempt.into()).as_bytes(),
        );
        if let Some(deadline_ms) = self.deadline_ms {
            each(ce::DEADLINE, Rfc3339Text::new(deadline_ms).as_bytes());
        }
        if let Some(heartbeat_s) = self.heartbeat_s {
            each(ce::HEARTBEAT, Decimal::unsigned(heartbeat_s).as_bytes());
        }
        if let Some(resource) = &self.resource {
            each(ce::RESOURCE, resource.as_bytes());
        }
        each(ce::REPLY_TOPIC, self.reply_topic.as_bytes());
        each(
            ce::REPLY_PARTITION,
            Decimal::new(self.reply_partition.into()).as_bytes(),
        );
        if let Some(traceparent) = &self.traceparent {
            each(ce::TRACEPARENT, traceparent.as_bytes());
        }
    }
}

impl Command {
    /// Reads a command as a worker receives it.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        const NAMES: [&str; 12] = [
            ce::TYPE,
            ce::ID,
            ce::SOURCE,
            ce::SUBJECT,
            ce::TIME,
            ce::ATTEMPT,
            ce::DEADLINE,
            ce::HEARTBEAT,
            ce::REPLY_TOPIC,
            ce::REPLY_PARTITION,
            ce::TRACEPARENT,
            ce::RESOURCE,
        ];
        let h = Wanted::read(view, &NAMES);
        headers::expect_type(h.need(0)?, ce::TYPE_COMMAND)?;
        Ok(Self {
            token: headers::token(ce::ID, h.bytes(1), None)?,
            execution: h.need(2)?.into(),
            state: h.need(3)?.into(),
            time_ms: h.instant(4)?.unwrap_or(0),
            attempt: h
                .number(5, "expected the number of an attempt, from 0")?
                .unwrap_or(0),
            deadline_ms: h.instant(6)?,
            heartbeat_s: h.number(7, "expected a whole number of seconds")?,
            resource: h.text(11)?.map(Arc::from),
            reply_topic: h.need(8)?.into(),
            reply_partition: h
                .partition(9)?
                .ok_or(WireError::MissingHeader(ce::REPLY_PARTITION))?,
            traceparent: h.traceparent(10),
            input: crate::completion::payload(view)?,
        })
    }
}
