//! A logged execution event, on the topic of execution logs, as AWS writes them to CloudWatch Logs.
//!
//! Key: execution ARN. Sent at best once and without guarantee: a log is not the history.

use crate::Payload;
use crate::cloudevents as ce;
use crate::completion::payload;
use crate::headers::{self, Wanted};
use crate::record::{Outgoing, RecordView, WireError};
use std::borrow::Cow;
use std::sync::Arc;

/// A logged event of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionLog {
    /// Key and `ce_source`: ARN of the execution.
    pub execution: Arc<str>,
    /// Id of the event, in `ce_id` behind the ARN and `#`.
    pub event: u64,
    /// Value: `{"id", "type", "details", "previous_event_id", "event_timestamp", "execution_arn", "redrive_count"}`.
    pub record: Payload,
}

impl ExecutionLog {
    /// Reads a log record.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        let h = Wanted::read(view, &[ce::TYPE, ce::SOURCE, ce::ID]);
        headers::expect_type(h.need(0)?, ce::TYPE_EXECUTION_LOG)?;
        let event = h
            .need(2)?
            .rsplit_once('#')
            .and_then(|(_, id)| id.parse().ok());
        Ok(Self {
            execution: h.need(1)?.into(),
            event: event.ok_or_else(|| h.bad(2, "expected the ARN, `#` and the event's id"))?,
            record: payload(view)?,
        })
    }
}

impl Outgoing for ExecutionLog {
    fn key(&self) -> Option<&[u8]> {
        Some(self.execution.as_bytes())
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(self.record.as_str().as_bytes()))
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_EXECUTION_LOG.as_bytes());
        each(
            ce::ID,
            format!("{}#{}", self.execution, self.event).as_bytes(),
        );
        each(ce::SOURCE, self.execution.as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
    }
}
