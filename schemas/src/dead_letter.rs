//! A dead letter: a record that can't be used, kept whole with the reason, on the dead-letter topic.

use crate::Record;
use crate::cloudevents as ce;
use crate::decimal::Decimal;
use crate::headers::{self, Wanted};
use crate::record::{Outgoing, RecordView, WireError};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;

/// A record that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record as it was: key, headers and value are kept.
    pub original: Record,
    /// `ce_batonoriginaltopic`
    pub topic: Arc<str>,
    /// `ce_batonoriginalpartition`
    pub partition: i32,
    /// `ce_batonoriginaloffset`
    pub offset: i64,
    /// `ce_batonreason`, in words.
    pub reason: Arc<str>,
}

impl Outgoing for DeadLetter {
    fn key(&self) -> Option<&[u8]> {
        self.original.key.as_deref()
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        self.original.value.as_deref().map(Cow::Borrowed)
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        let mut kind = None;
        for (name, value) in &self.original.headers {
            if name == ce::TYPE {
                kind = Some(value);
            } else if !OWN.contains(&name.as_ref()) {
                each(name, value);
            }
        }
        if let Some(kind) = kind {
            each(ce::ORIGINAL_TYPE, kind);
        }
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_DEAD_LETTER.as_bytes());
        each(ce::ORIGINAL_TOPIC, self.topic.as_bytes());
        each(
            ce::ORIGINAL_PARTITION,
            Decimal::new(self.partition.into()).as_bytes(),
        );
        each(ce::ORIGINAL_OFFSET, Decimal::new(self.offset).as_bytes());
        each(ce::REASON, self.reason.as_bytes());
    }
}

/// Headers that a dead letter has of its own. Where the original has one too (it was a dead letter before, and came back
/// to its topic with these headers on), the newer one counts.
const OWN: [&str; 7] = [
    ce::TYPE,
    ce::SPECVERSION,
    ce::ORIGINAL_TYPE,
    ce::ORIGINAL_TOPIC,
    ce::ORIGINAL_PARTITION,
    ce::ORIGINAL_OFFSET,
    ce::REASON,
];

impl DeadLetter {
    /// Reads a dead letter; [`Self::original`] can be sent to its topic again as it is.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        let h = Wanted::read(view, &OWN);
        headers::expect_type(h.need(0)?, ce::TYPE_DEAD_LETTER)?;
        let mut headers = Vec::new();
        // `ce_specversion` goes with `ce_type`: a record that had neither gets neither.
        if let Some(kind) = h.bytes(2) {
            headers.push((
                ce::SPECVERSION.into(),
                Bytes::from_static(ce::SPECVERSION_1_0),
            ));
            headers.push((ce::TYPE.into(), Bytes::copy_from_slice(kind)));
        }
        view.for_each_header(&mut |name, value| {
            if !OWN.contains(&name) {
                headers.push((name.to_owned().into(), Bytes::copy_from_slice(value)));
            }
        });
        Ok(Self {
            original: Record {
                key: view.key().map(Bytes::copy_from_slice),
                headers,
                value: view.value().map(Bytes::copy_from_slice),
            },
            topic: h.need(3)?.into(),
            partition: h
                .partition(4)?
                .ok_or(WireError::MissingHeader(ce::ORIGINAL_PARTITION))?,
            offset: h
                .number(5, "expected an offset")?
                .ok_or(WireError::MissingHeader(ce::ORIGINAL_OFFSET))?,
            reason: h.need(6)?.into(),
        })
    }
}
