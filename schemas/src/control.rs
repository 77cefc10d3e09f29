//! Control: what the orchestrator tells whichever worker has a task, on the control topic. Key: task token.

use crate::TaskToken;
use crate::cloudevents as ce;
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
        let (mut kind, mut token) = (None, None);
        view.for_each_header(&mut |name, value| match name {
            ce::TYPE => kind = Some(value),
            ce::TOKEN => token = Some(value),
            _ => {}
        });
        let kind = kind.ok_or(WireError::MissingHeader(ce::TYPE))?;
        if kind != ce::TYPE_CANCELLED.as_bytes() {
            let found = String::from_utf8_lossy(kind).into_owned();
            return Err(WireError::UnknownType { found, expected: ce::TYPE_CANCELLED });
        }
        let token = token.or(view.key()).ok_or(WireError::MissingHeader(ce::TOKEN))?;
        Ok(Self::Cancelled(TaskToken::from_opaque(&String::from_utf8_lossy(token))))
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
        each(ce::TOKEN, token.as_str().as_bytes());
    }
}
