//! A dead letter: a record that can't be used, kept whole with the reason, on the dead-letter topic.

use crate::Record;
use crate::cloudevents as ce;
use crate::record::Outgoing;
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
        for (name, value) in &self.original.headers {
            if name != ce::TYPE && name != ce::SPECVERSION {
                each(name, value);
            }
        }
        if let Some((_, kind)) = self.original.headers.iter().find(|(name, _)| name == ce::TYPE) {
            each(ce::ORIGINAL_TYPE, kind);
        }
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_DEAD_LETTER.as_bytes());
        each(ce::ORIGINAL_TOPIC, self.topic.as_bytes());
        each(ce::ORIGINAL_PARTITION, self.partition.to_string().as_bytes());
        each(ce::ORIGINAL_OFFSET, self.offset.to_string().as_bytes());
        each(ce::REASON, self.reason.as_bytes());
    }
}
