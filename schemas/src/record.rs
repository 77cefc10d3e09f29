//! A Kafka record without Kafka: key, headers, value.
//!
//! Owns: the seams between typed records and whatever carries them. [`RecordView`] reads one (a borrowed message of
//! a client, a [`Record`] in a test); [`Outgoing`] writes one without allocating for constant headers.

use bytes::Bytes;
use std::borrow::Cow;

/// An owned Kafka record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Key, if any.
    pub key: Option<Bytes>,
    /// Headers in order; names may repeat.
    pub headers: Vec<(Cow<'static, str>, Bytes)>,
    /// Value; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// Read access to a record, wherever it lives.
pub trait RecordView {
    /// Key bytes, if any.
    fn key(&self) -> Option<&[u8]>;
    /// Value bytes; `None` is a tombstone.
    fn value(&self) -> Option<&[u8]>;
    /// Calls `each` with every header, in order.
    fn for_each_header<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8]));
}

/// Write access: what a typed record puts on the wire.
pub trait Outgoing {
    /// Key bytes.
    fn key(&self) -> Option<&[u8]>;
    /// Value bytes.
    fn value(&self) -> Option<Cow<'_, [u8]>>;
    /// Calls `each` with every header, in order.
    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8]));

    /// The same as an owned record, for tests and slow paths.
    fn to_record(&self) -> Record {
        let mut headers: Vec<(Cow<'static, str>, Bytes)> = Vec::new();
        self.for_each_header(&mut |name, value| {
            headers.push((name.to_owned().into(), Bytes::copy_from_slice(value)))
        });
        Record {
            key: self.key().map(Bytes::copy_from_slice),
            headers,
            value: self.value().map(|v| Bytes::copy_from_slice(&v)),
        }
    }
}

/// Why a record could not be read as what it claims to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A header that the type needs is absent.
    #[error("header `{0}` is missing")]
    MissingHeader(&'static str),
    /// A header is there but can't be used.
    #[error("header `{name}` is {found:?}: {expected}")]
    BadHeader {
        /// Name of the header.
        name: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The value is not what the type needs.
    #[error("value: {0}")]
    BadValue(String),
    /// `ce_type` is none of those that belong on this topic.
    #[error("`ce_type` is {found:?}; this topic takes {expected}")]
    UnknownType {
        /// What it is.
        found: String,
        /// What the topic takes.
        expected: &'static str,
    },
    /// The key or a header is too long.
    #[error("{what} has {length} bytes; at most {limit} are allowed")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The bound in bytes.
        limit: usize,
    },
}

impl RecordView for Record {
    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn for_each_header<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        for (name, value) in &self.headers {
            each(name, value);
        }
    }
}
