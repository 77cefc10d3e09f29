//! The result of an execution, sent as a record where its start asked for it (`ce_batonreplytopic` of the start).

use crate::Payload;
use crate::cloudevents as ce;
use crate::completion::{failure, payload};
use crate::headers::{self, Wanted};
use crate::history::Failure;
use crate::record::{Outgoing, RecordView, WireError};
use std::borrow::Cow;
use std::sync::Arc;

/// What [`ExecutionClosed::status`] can be; the first is the only success. AWS: ExecutionStatus.
pub const STATUSES: [&str; 4] = ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"];

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

impl ExecutionClosed {
    /// Reads a result.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        let h = Wanted::read(view, &[ce::TYPE, ce::SOURCE, ce::SUBJECT, ce::TRACEPARENT]);
        headers::expect_type(h.need(0)?, ce::TYPE_EXECUTION_CLOSED)?;
        let found = h.need(2)?;
        let status = STATUSES
            .into_iter()
            .find(|status| *status == found)
            .ok_or_else(|| h.bad(2, "expected SUCCEEDED, FAILED, ABORTED or TIMED_OUT"))?;
        let succeeded = status == STATUSES[0];
        Ok(Self {
            execution: h.need(1)?.into(),
            status,
            output: if succeeded {
                Some(payload(view)?)
            } else {
                None
            },
            failure: if succeeded {
                Failure::default()
            } else {
                failure(view)?
            },
            traceparent: h.traceparent(3),
        })
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
