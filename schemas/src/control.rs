//! Control: what the orchestrator tells whichever worker has a task, on the control topic. Key: task token.

use crate::TaskToken;
use crate::cloudevents as ce;
use crate::headers::{self, Wanted};
use crate::record::{Outgoing, RecordView, WireError};
use std::borrow::Cow;

/// A message for the worker that has a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// `baton.task.cancelled.v1`: the task's result is no longer wanted.
    Cancelled(TaskToken),
}

impl Control {
    /// Reads a control record.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        let h = Wanted::read(view, &[ce::TYPE, ce::TOKEN]);
        headers::expect_type(h.need(0)?, ce::TYPE_CANCELLED)?;
        Ok(Self::Cancelled(headers::token(
            ce::TOKEN,
            h.bytes(1),
            view.key(),
        )?))
    }
}

impl Outgoing for Control {
    fn key(&self) -> Option<&[u8]> {
        let Self::Cancelled(token) = self;
        Some(token.as_str().as_bytes())
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        None
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        let Self::Cancelled(token) = self;
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_CANCELLED.as_bytes());
        each(ce::ID, token.as_str().as_bytes());
        each(ce::SOURCE, ce::SOURCE_ORCHESTRATOR);
        each(ce::TOKEN, token.as_str().as_bytes());
    }
}
