//! A command: one task for a worker, on the topic of its task queue.
//!
//! Key: execution ARN. Value: the task's input, plain JSON. Everything else is in headers, so that any Kafka client is
//! a worker. The same task always has the same `ce_id` (its token), however often the command is sent.

use crate::cloudevents as ce;
use crate::record::{Outgoing, RecordView, WireError};
use crate::{Payload, TaskToken, time};
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
        each(ce::TIME, time::rfc3339(self.time_ms).as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
        each(ce::ATTEMPT, self.attempt.to_string().as_bytes());
        if let Some(deadline_ms) = self.deadline_ms {
            each(ce::DEADLINE, time::rfc3339(deadline_ms).as_bytes());
        }
        if let Some(heartbeat_s) = self.heartbeat_s {
            each(ce::HEARTBEAT, heartbeat_s.to_string().as_bytes());
        }
        each(ce::REPLY_TOPIC, self.reply_topic.as_bytes());
        each(ce::REPLY_PARTITION, self.reply_partition.to_string().as_bytes());
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
        let mut h: [Option<&[u8]>; 11] = [None; 11];
        const NAMES: [&str; 11] = [
            ce::TYPE, ce::ID, ce::SOURCE, ce::SUBJECT, ce::TIME, ce::ATTEMPT, ce::DEADLINE, ce::HEARTBEAT, ce::REPLY_TOPIC,
            ce::REPLY_PARTITION, ce::TRACEPARENT,
        ];
        view.for_each_header(&mut |name, value| {
            if let Some(i) = NAMES.iter().position(|n| *n == name) {
                h[i] = Some(value);
            }
        });
        let text = |i: usize| -> Result<Option<&str>, WireError> {
            h[i].map(|v| {
                std::str::from_utf8(v).map_err(|_| bad(NAMES[i], v, "UTF-8 text"))
            })
            .transpose()
        };
        let need = |i: usize| text(i)?.ok_or(WireError::MissingHeader(NAMES[i]));
        let kind = need(0)?;
        if kind != ce::TYPE_COMMAND {
            return Err(WireError::UnknownType { found: kind.to_owned(), expected: ce::TYPE_COMMAND });
        }
        let number = |i: usize| -> Result<Option<u64>, WireError> {
            text(i)?.map(|t| t.parse().map_err(|_| bad(NAMES[i], t.as_bytes(), "a whole number"))).transpose()
        };
        let instant = |i: usize| -> Result<Option<i64>, WireError> {
            text(i)?
                .map(|t| time::parse_rfc3339(t).ok_or_else(|| bad(NAMES[i], t.as_bytes(), "an RFC 3339 time")))
                .transpose()
        };
        Ok(Self {
            token: TaskToken::from_opaque(need(1)?),
            execution: need(2)?.into(),
            state: need(3)?.into(),
            time_ms: instant(4)?.unwrap_or(0),
            attempt: number(5)?.unwrap_or(0) as u32,
            deadline_ms: instant(6)?,
            heartbeat_s: number(7)?,
            reply_topic: need(8)?.into(),
            reply_partition: need(9)?.parse().map_err(|_| bad(NAMES[9], need(9).unwrap_or("").as_bytes(), "a partition number"))?,
            traceparent: text(10)?.map(Arc::from),
            input: crate::completion::payload(view)?,
        })
    }
}

pub(crate) fn bad(name: &'static str, found: &[u8], expected: &'static str) -> WireError {
    WireError::BadHeader { name, found: String::from_utf8_lossy(found).into_owned(), expected }
}
