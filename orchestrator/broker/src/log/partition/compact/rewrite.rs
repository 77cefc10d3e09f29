//! Writing a segment again from one or several, without the records that go.

use super::pass::Pass;
use crate::log::{
    batch::{self, HEADER_BYTES, Header},
    codec,
    config::TopicConfig,
    disk::Disk,
    limits::DECOMPRESSED_BYTES_MAX,
    records::records,
    segment::{self, Segment},
};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A segment in the making, in a file beside the one that it will replace.
pub struct Rewrite<'a> {
    disk: &'a Disk,
    path: PathBuf,
    file: File,
    made: Segment,
    from: Vec<Segment>,
    buffer: Vec<u8>,
    written: u64,
    has_changed: bool,
    /// Tombstones that stayed.
    pub tombstones: usize,
}

/// The file of a segment in the making.
pub fn path(dir: &Path, base: i64) -> PathBuf {
    segment::path(dir, base, "cleaned")
}

impl<'a> Rewrite<'a> {
    /// Begins one that will replace `first` and perhaps those after it.
    pub fn begin(disk: &'a Disk, dir: &Path, first: Segment) -> io::Result<Self> {
        let path = path(dir, first.base);
        Ok(Rewrite {
            disk,
            file: File::create(&path)?,
            path,
            made: Segment::new(first.base),
            from: Vec::new(),
            buffer: Vec::new(),
            written: 0,
            has_changed: false,
            tombstones: 0,
        })
    }

    /// Says that the next batches are this segment's.
    pub fn take(&mut self, segment: Segment) {
        self.has_changed |= !self.from.is_empty();
        self.from.push(segment);
    }

    /// Whether another segment's batches fit too, so that small segments become one.
    pub fn has_room_for(&self, next: &Segment, config: &TopicConfig) -> bool {
        self.made.bytes + next.bytes <= config.segment_bytes
            && next.last_offset - self.made.base <= i64::from(i32::MAX)
    }

    /// Puts what stays of a batch.
    pub fn put(&mut self, pass: &Pass, header: &Header, batch: &[u8]) -> io::Result<()> {
        let Some((kept, count, max_ms, tombstones)) = kept(pass, header, batch) else {
            return self.write(header, batch);
        };
        self.tombstones += tombstones;
        if count == header.count {
            return self.write(header, batch);
        }
        self.has_changed = true;
        if count == 0 {
            return Ok(());
        }
        let body = codec::compress(header.compression(), &kept)?;
        let smaller = batch::with_records(batch, count, max_ms, &body);
        let header = Header::read(&smaller).map_err(io::Error::other)?;
        self.write(&header, &smaller)
    }

    /// Completes the file. Answers the segment and those that it replaces; none if nothing changed.
    pub fn finish(mut self) -> io::Result<Option<(Segment, Vec<Segment>)>> {
        if !self.has_changed {
            crate::log::disk::remove(&self.path)?;
            return Ok(None);
        }
        self.spill()?;
        if self.disk.fsync {
            self.disk.sync(&self.file)?;
        }
        Ok(Some((self.made, self.from)))
    }

    fn write(&mut self, header: &Header, batch: &[u8]) -> io::Result<()> {
        self.made.push(header);
        self.buffer.extend_from_slice(batch);
        if self.buffer.len() >= BUFFER_BYTES {
            self.spill()
        } else {
            Ok(())
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.disk.write_at(&self.file, &self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Frames, number and highest timestamp of the records that stay, and how many of them are tombstones. None if the
/// batch can't be looked into.
fn kept(pass: &Pass, header: &Header, batch: &[u8]) -> Option<(Vec<u8>, i32, i64, usize)> {
    let body = codec::decompress(
        header.compression(),
        &batch[HEADER_BYTES..],
        DECOMPRESSED_BYTES_MAX,
    )
    .ok()?;
    let (mut frames, mut count, mut max_ms, mut tombstones) = (Vec::new(), 0, -1, 0);
    for record in records(&body, header.count) {
        let record = record.ok()?;
        if pass.keeps(header, &record) {
            frames.extend_from_slice(record.frame);
            count += 1;
            max_ms = max_ms.max(header.base_timestamp.saturating_add(record.timestamp_delta));
            tombstones += usize::from(record.value.is_none() && record.key.is_some());
        }
    }
    let max_ms = if header.is_log_append_time() {
        header.max_timestamp
    } else {
        max_ms
    };
    Some((frames, count, max_ms, tombstones))
}

/// Reads a log file batch by batch until told to stop (`false`); says whether it came to the end.
pub fn each_batch(
    file: &File,
    bytes: u64,
    each: &mut impl FnMut(&Header, &[u8]) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut batch = Vec::new();
    let mut at = 0;
    while at < bytes {
        let mut head = [0; HEADER_BYTES];
        file.read_exact_at(&mut head, at)?;
        let header = Header::read(&head).map_err(io::Error::other)?;
        if header.bytes as u64 > bytes - at {
            return Err(io::Error::other("a stored batch is cut off"));
        }
        batch.resize(header.bytes, 0);
        file.read_exact_at(&mut batch, at)?;
        if !each(&header, &batch)? {
            return Ok(false);
        }
        at += header.bytes as u64;
    }
    Ok(true)
}
