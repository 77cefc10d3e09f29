//! The sparse index of a segment: offsets, positions and times, one entry every few kilobytes.
//!
//! Owns: the lookups and the index file, which carries what a closed segment is known by, so that a start reads it and
//! not the log. Must not: be needed; it is checked when read and made again from the log if it does not fit.

use super::{batch::Header, limits::INDEX_INTERVAL_BYTES, segment::Segment};

const MAGIC: &[u8; 8] = b"bkrindx1";
const HEAD_BYTES: usize = 48;
const ENTRY_BYTES: usize = 16;

/// Index of one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    entries: Vec<Entry>,
}

/// A batch that begins at `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Its base offset less the segment's.
    offset: u32,
    /// Bytes before it.
    position: u32,
    /// Highest timestamp of the batches before it.
    earlier_max_ms: i64,
}

impl Index {
    /// Takes note of a batch that is appended to `segment`, which does not have it yet.
    pub fn push(&mut self, segment: &Segment, header: &Header) {
        let far = self
            .entries
            .last()
            .is_none_or(|last| segment.bytes - u64::from(last.position) >= INDEX_INTERVAL_BYTES);
        let (offset, position) = (
            u32::try_from(header.base_offset - segment.base),
            u32::try_from(segment.bytes),
        );
        if let (true, Ok(offset), Ok(position)) = (far, offset, position) {
            self.entries.push(Entry {
                offset,
                position,
                earlier_max_ms: segment.max_ms,
            });
        }
    }

    /// Where to begin to look for an offset: at or before its batch.
    pub fn position_of_offset(&self, base: i64, offset: i64) -> u64 {
        self.before(|entry| base + i64::from(entry.offset) <= offset)
    }

    /// Where to begin to look for the first timestamp that is `timestamp` or later.
    pub fn position_of_time(&self, timestamp: i64) -> u64 {
        self.before(|entry| entry.earlier_max_ms < timestamp)
    }

    /// The index file: a head (magic, size and last offset of the log, its times, checksum), then the entries.
    pub fn encode(&self, segment: &Segment) -> Vec<u8> {
        let mut entries = Vec::with_capacity(self.entries.len() * ENTRY_BYTES);
        for entry in &self.entries {
            entries.extend_from_slice(&entry.offset.to_be_bytes());
            entries.extend_from_slice(&entry.position.to_be_bytes());
            entries.extend_from_slice(&entry.earlier_max_ms.to_be_bytes());
        }
        let mut file = Vec::with_capacity(HEAD_BYTES + entries.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&segment.bytes.to_be_bytes());
        file.extend_from_slice(&segment.last_offset.to_be_bytes());
        file.extend_from_slice(&segment.max_ms.to_be_bytes());
        file.extend_from_slice(&segment.first_ms.to_be_bytes());
        file.extend_from_slice(&crc32c::crc32c(&entries).to_be_bytes());
        let head_crc = crc32c::crc32c(&file);
        file.extend_from_slice(&head_crc.to_be_bytes());
        file.extend_from_slice(&entries);
        file
    }

    /// The segment that a file's head tells of; none if it is not a head.
    pub fn decode_head(base: i64, file: &[u8]) -> Option<Segment> {
        let head = file.first_chunk::<HEAD_BYTES>()?;
        if &head[..8] != MAGIC || crc32c::crc32c(&head[..44]) != u32::from_be_bytes(part(head, 44)?)
        {
            return None;
        }
        Some(Segment {
            base,
            bytes: u64::from_be_bytes(part(head, 8)?),
            last_offset: i64::from_be_bytes(part(head, 16)?),
            max_ms: i64::from_be_bytes(part(head, 24)?),
            first_ms: i64::from_be_bytes(part(head, 32)?),
        })
    }

    /// A whole index file; none if anything is wrong with it.
    pub fn decode(base: i64, file: &[u8]) -> Option<(Segment, Index)> {
        let segment = Self::decode_head(base, file)?;
        let entries = &file[HEAD_BYTES..];
        if !entries.len().is_multiple_of(ENTRY_BYTES)
            || crc32c::crc32c(entries) != u32::from_be_bytes(part(file, 40)?)
        {
            return None;
        }
        let entry = |bytes: &[u8]| {
            Some(Entry {
                offset: u32::from_be_bytes(part(bytes, 0)?),
                position: u32::from_be_bytes(part(bytes, 4)?),
                earlier_max_ms: i64::from_be_bytes(part(bytes, 8)?),
            })
        };
        let entries = entries
            .chunks(ENTRY_BYTES)
            .map(entry)
            .collect::<Option<Vec<_>>>()?;
        fits(&segment, &entries).then_some((segment, Index { entries }))
    }

    /// Number of bytes of the head, for reading it alone.
    pub const fn head_bytes() -> usize {
        HEAD_BYTES
    }

    fn before(&self, is_before: impl Fn(&Entry) -> bool) -> u64 {
        let after = self.entries.partition_point(is_before);
        after
            .checked_sub(1)
            .map_or(0, |at| u64::from(self.entries[at].position))
    }
}

/// Whether these can be entries of that segment: each of a batch in it, in order.
fn fits(segment: &Segment, entries: &[Entry]) -> bool {
    let is_inside = |entry: &Entry| {
        let offset = segment.base.checked_add(i64::from(entry.offset));
        u64::from(entry.position) < segment.bytes
            && offset.is_some_and(|offset| offset <= segment.last_offset)
    };
    let follows =
        |pair: &[Entry]| pair[0].position < pair[1].position && pair[0].offset < pair[1].offset;
    entries.iter().all(is_inside) && entries.windows(2).all(follows)
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
