//! Reading headers: the ones that a record type wants, in one pass, with errors that name the header.
//!
//! Owns: how a header's bytes become text, a number, a time or a partition. Where a name repeats, the last one counts, as
//! with Kafka's `Headers.lastHeader`. Must not: know any record type.

use crate::TaskToken;
use crate::record::{RecordView, WireError};
use crate::time::parse_rfc3339;
use crate::token::TOKEN_LENGTH_MAX;
use std::str::FromStr;
use std::sync::Arc;

/// Longest `traceparent` that is kept, bytes; W3C's version 00 has 55.
const TRACEPARENT_LENGTH_MAX: usize = 128;
/// How much of a bad header an error repeats, bytes.
const FOUND_LENGTH_MAX: usize = 200;

/// The headers of a record that somebody wants, by their position in `names`.
pub(crate) struct Wanted<'a, const N: usize> {
    names: &'static [&'static str; N],
    found: [Option<&'a [u8]>; N],
}

impl<'a, const N: usize> Wanted<'a, N> {
    /// Looks for `names` among the headers of `view`.
    pub fn read(view: &'a impl RecordView, names: &'static [&'static str; N]) -> Self {
        let mut found = [None; N];
        view.for_each_header(&mut |name, value| {
            if let Some(i) = names.iter().position(|wanted| *wanted == name) {
                found[i] = Some(value);
            }
        });
        Self { names, found }
    }

    pub fn bytes(&self, i: usize) -> Option<&'a [u8]> {
        self.found[i]
    }

    pub fn text(&self, i: usize) -> Result<Option<&'a str>, WireError> {
        self.found[i]
            .map(|value| std::str::from_utf8(value).map_err(|_| self.bad(i, "expected UTF-8 text")))
            .transpose()
    }

    pub fn need(&self, i: usize) -> Result<&'a str, WireError> {
        self.text(i)?.ok_or(WireError::MissingHeader(self.names[i]))
    }

    /// A number, or whatever else reads itself from text.
    pub fn number<T: FromStr>(
        &self,
        i: usize,
        expected: &'static str,
    ) -> Result<Option<T>, WireError> {
        self.text(i)?
            .map(|text| text.parse().map_err(|_| self.bad(i, expected)))
            .transpose()
    }

    /// The number of a partition.
    pub fn partition(&self, i: usize) -> Result<Option<i32>, WireError> {
        const EXPECTED: &str = "expected the number of a partition, from 0";
        match self.number(i, EXPECTED)? {
            Some(partition) if partition < 0 => Err(self.bad(i, EXPECTED)),
            partition => Ok(partition),
        }
    }

    /// Milliseconds since the epoch.
    pub fn instant(&self, i: usize) -> Result<Option<i64>, WireError> {
        self.text(i)?
            .map(|text| {
                parse_rfc3339(text).ok_or_else(|| {
                    self.bad(
                        i,
                        "expected an RFC 3339 time such as 2026-01-31T12:00:00.000Z",
                    )
                })
            })
            .transpose()
    }

    /// Trace context; an unusable one is dropped, since no work should fail for its trace.
    pub fn traceparent(&self, i: usize) -> Option<Arc<str>> {
        let bytes = self.found[i].filter(|value| value.len() <= TRACEPARENT_LENGTH_MAX)?;
        std::str::from_utf8(bytes).ok().map(Arc::from)
    }

    pub fn bad(&self, i: usize, expected: &'static str) -> WireError {
        bad(self.names[i], self.found[i].unwrap_or_default(), expected)
    }
}

/// The token in header `name`, else in the key.
pub(crate) fn token(
    name: &'static str,
    header: Option<&[u8]>,
    key: Option<&[u8]>,
) -> Result<TaskToken, WireError> {
    let bytes = header.or(key).ok_or(WireError::MissingHeader(name))?;
    if bytes.len() > TOKEN_LENGTH_MAX {
        return Err(WireError::TooLong {
            what: "the task token",
            length: bytes.len(),
            limit: TOKEN_LENGTH_MAX,
        });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() => Ok(TaskToken::from_opaque(text)),
        _ => Err(bad(
            name,
            bytes,
            "expected the task token, which is the command's `ce_id`",
        )),
    }
}

/// Refuses a record whose `ce_type` is not the one that belongs on its topic.
pub(crate) fn expect_type(found: &str, expected: &'static str) -> Result<(), WireError> {
    if found == expected {
        Ok(())
    } else {
        Err(unknown_type(found.as_bytes(), expected))
    }
}

pub(crate) fn unknown_type(found: &[u8], expected: &'static str) -> WireError {
    WireError::UnknownType {
        found: shorten(found),
        expected,
    }
}

pub(crate) fn bad(name: &'static str, found: &[u8], expected: &'static str) -> WireError {
    WireError::BadHeader {
        name,
        found: shorten(found),
        expected,
    }
}

fn shorten(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(FOUND_LENGTH_MAX)]).into_owned()
}
