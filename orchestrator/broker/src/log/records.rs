//! Records within a batch, read in place: what compaction, lookups by time and the server's own state need.
//!
//! Owns: walking the frames. Must not: copy or re-encode them; compaction keeps a record's bytes as they came.
//! `kafka-protocol` has a decoder of records, but it keeps one header of each name, wants UTF-8 names, and reserves as
//! much memory as a count in the bytes says; all three are wrong for data of others.

/// One record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// All its bytes, length included.
    pub frame: &'a [u8],
    /// Timestamp less the batch's base timestamp, ms.
    pub timestamp_delta: i64,
    /// Offset less the batch's base offset.
    pub offset_delta: i32,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone where the topic is compacted.
    pub value: Option<&'a [u8]>,
}

/// The records of a decompressed batch body, up to the first that is damaged, which is an error.
pub struct Records<'a> {
    rest: &'a [u8],
    left: i32,
}

/// Walks `count` records.
pub fn records(body: &[u8], count: i32) -> Records<'_> {
    Records {
        rest: body,
        left: count,
    }
}

/// A record that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a damaged record in a batch")]
pub struct Damaged;

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        let record = self.take();
        if record.is_none() {
            self.left = 0;
        }
        Some(record.ok_or(Damaged))
    }
}

impl<'a> Records<'a> {
    fn take(&mut self) -> Option<Record<'a>> {
        let whole = self.rest;
        let size = usize::try_from(varint(&mut self.rest)?).ok()?;
        let mut inside = self.rest.get(..size)?;
        self.rest = self.rest.get(size..)?;
        let frame = whole.get(..whole.len() - self.rest.len())?;
        inside = inside.get(1..)?; // attributes, unused
        let timestamp_delta = varint(&mut inside)?;
        let offset_delta = i32::try_from(varint(&mut inside)?).ok()?;
        let key = optional(&mut inside)?;
        let value = optional(&mut inside)?;
        Some(Record {
            frame,
            timestamp_delta,
            offset_delta,
            key,
            value,
        })
    }
}

/// Length (-1: none) and bytes. The outer option is "can be read".
fn optional<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint(bytes)?;
    if length == -1 {
        return Some(None);
    }
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(taken))
}

/// A zigzag varint of up to 10 bytes.
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}
