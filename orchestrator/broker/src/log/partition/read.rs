//! How records are read: whole batches as stored, found through the sparse index.

use super::{Partition, State};
use crate::log::{
    LogError, OffsetAndTime, Read,
    batch::{HEADER_BYTES, Header},
    codec,
    index::Index,
    limits::{DECOMPRESSED_BYTES_MAX, INDEX_INTERVAL_BYTES, READ_BYTES_MAX},
    records::{Record, records},
    segment::{Check, Segment, read_through},
};
use bytes::{Bytes, BytesMut};
use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

/// A place to begin reading: fixed when the lock is released, whatever happens to the segment then.
pub(super) struct Place {
    pub file: Arc<File>,
    pub segment: Segment,
    pub position: u64,
    /// Batches from this offset on are not shown.
    pub durable: i64,
}

impl Partition {
    /// Whole batches from the one that has `offset` on, at most `max_bytes` but at least one.
    pub fn read(&self, offset: i64, max_bytes: usize) -> Result<Read, LogError> {
        let (mut place, start) = {
            let state = self.usable()?;
            let (start, durable) = (state.start, state.durable);
            if offset < start || offset > durable {
                return Err(LogError::OffsetOutOfRange {
                    start,
                    end: durable,
                });
            }
            if offset == durable {
                return Ok(Read {
                    records: Bytes::new(),
                    high_watermark: durable,
                    log_start: start,
                });
            }
            (
                self.place(
                    &state,
                    |segment| segment.last_offset >= offset,
                    |base, index| index.position_of_offset(base, offset),
                )?,
                start,
            )
        };
        let high_watermark = place.as_ref().map_or(offset, |place| place.durable);
        let records = match &mut place {
            Some(place) => {
                self.batches(place, |header| header.last_offset() >= offset, max_bytes)?
            }
            None => Bytes::new(),
        };
        Ok(Read {
            records,
            high_watermark,
            log_start: start,
        })
    }

    /// First record with this timestamp or a later one.
    pub fn offset_of_time(&self, timestamp: i64) -> Result<Option<OffsetAndTime>, LogError> {
        let mut from = i64::MIN;
        loop {
            let (place, start) = {
                let state = self.usable()?;
                let start = state.start;
                let qualifies = |segment: &Segment| {
                    segment.base >= from
                        && segment.max_ms >= timestamp
                        && segment.last_offset >= start
                };
                (
                    self.place(&state, qualifies, |_, index| {
                        index.position_of_time(timestamp)
                    })?,
                    start,
                )
            };
            let Some(mut place) = place else {
                return Ok(None);
            };
            let is_late = |header: &Header| {
                header.max_timestamp >= timestamp && header.last_offset() >= start
            };
            let batch = self.batches(&mut place, is_late, HEADER_BYTES)?;
            if !batch.is_empty() {
                let header = Header::read(&batch).map_err(LogError::CorruptMessage)?;
                return Ok(Some(first_late(
                    &header,
                    &batch[..header.bytes],
                    timestamp,
                    start,
                )));
            }
            // Its late records are deleted, or not durable yet.
            from = place.segment.base + 1;
        }
    }

    /// The record with the highest timestamp.
    pub fn offset_of_max_time(&self) -> Result<Option<OffsetAndTime>, LogError> {
        let highest = {
            let state = self.usable()?;
            let all = state.closed.iter().chain([&state.active]);
            all.filter(|segment| segment.bytes > 0)
                .map(|segment| segment.max_ms)
                .max()
        };
        highest.map_or(Ok(None), |highest| self.offset_of_time(highest))
    }

    /// All records in order, as they stand. Reads the disk through; what can't be looked into is an error.
    pub fn each_record(&self, mut each: impl FnMut(&Record)) -> Result<(), LogError> {
        let segments: Vec<_> = {
            let state = self.usable()?;
            state
                .closed
                .iter()
                .chain([&state.active])
                .copied()
                .collect()
        };
        for segment in segments {
            self.each_batch(&segment, |header, batch| {
                let body = codec::decompress(
                    header.compression(),
                    &batch[HEADER_BYTES..],
                    DECOMPRESSED_BYTES_MAX,
                )?;
                for record in records(&body, header.count) {
                    each(&record.map_err(std::io::Error::other)?);
                }
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// The first segment that qualifies, and where in it to begin. The file is opened under the lock, so that
    /// compaction can't put another one in its place in between.
    pub(super) fn place(
        &self,
        state: &State,
        qualifies: impl Fn(&Segment) -> bool,
        position: impl Fn(i64, &Index) -> u64,
    ) -> Result<Option<Place>, LogError> {
        let durable = state.durable;
        if let Some(segment) = state.closed.iter().find(|segment| qualifies(segment)) {
            let file = self.file(segment)?;
            let index = self.index_of(segment, &file)?;
            return Ok(Some(Place {
                file,
                segment: *segment,
                position: position(segment.base, &index),
                durable,
            }));
        }
        if !qualifies(&state.active) {
            return Ok(None);
        }
        let position = position(state.active.base, &state.index);
        Ok(Some(Place {
            file: self.file(&state.active)?,
            segment: state.active,
            position,
            durable,
        }))
    }

    /// The index of a closed segment: from memory, from its file, or made again from the log.
    fn index_of(&self, segment: &Segment, file: &File) -> Result<Arc<Index>, LogError> {
        let id = (self.uid, segment.base);
        if let Some(index) = self.disk.indexes.get(id) {
            return Ok(index);
        }
        let read = std::fs::read(segment.index_path(&self.dir)).ok();
        let saved = read.and_then(|bytes| Index::decode(segment.base, &bytes));
        let index = match saved {
            Some((of, index)) if of == *segment => index,
            _ => {
                let (mut again, mut index) = (Segment::new(segment.base), Index::default());
                read_through(
                    file,
                    &mut again,
                    &mut index,
                    segment.last_offset + 1,
                    Check::Headers,
                    |_| (),
                )
                .map_err(|error| self.error("read a segment for its index", &error))?;
                self.save_index(&again, &index);
                index
            }
        };
        let index = Arc::new(index);
        self.disk.indexes.put(id, Arc::clone(&index));
        Ok(index)
    }

    /// Batches from the first that is wanted on, from a place on; empty if the segment has none.
    pub(super) fn batches(
        &self,
        place: &mut Place,
        is_wanted: impl Fn(&Header) -> bool,
        max_bytes: usize,
    ) -> Result<Bytes, LogError> {
        let max_bytes = max_bytes.clamp(HEADER_BYTES, READ_BYTES_MAX);
        loop {
            let left = place.segment.bytes.saturating_sub(place.position);
            let mut buffer =
                BytesMut::zeroed(left.min(max_bytes as u64 + INDEX_INTERVAL_BYTES) as usize);
            place
                .file
                .read_exact_at(&mut buffer, place.position)
                .map_err(|error| self.error("read", &error))?;
            let selected =
                select(&buffer, left, place.durable, &is_wanted, max_bytes).map_err(|why| {
                    LogError::CorruptMessage(format!("{}: stored records: {why}", self.label))
                })?;
            match selected {
                Selected::These(from, to) => return Ok(buffer.freeze().slice(from..to)),
                Selected::Larger(from, bytes) => {
                    return self.one_batch(place, place.position + from as u64, bytes);
                }
                Selected::Later(skip) => place.position += skip,
                Selected::Nothing => return Ok(Bytes::new()),
            }
        }
    }

    fn one_batch(&self, place: &Place, position: u64, bytes: usize) -> Result<Bytes, LogError> {
        if bytes as u64 > place.segment.bytes - position {
            return Err(LogError::CorruptMessage(format!(
                "{}: a stored batch is cut off",
                self.label
            )));
        }
        let mut buffer = BytesMut::zeroed(bytes);
        place
            .file
            .read_exact_at(&mut buffer, position)
            .map_err(|error| self.error("read", &error))?;
        Ok(buffer.freeze())
    }
}

/// What of a buffer is to be answered.
enum Selected {
    /// Whole batches, from and to these positions.
    These(usize, usize),
    /// One batch at a position, larger than the buffer.
    Larger(usize, usize),
    /// Nothing here; go on after so many bytes.
    Later(u64),
    /// Nothing here, nor later in this segment.
    Nothing,
}

/// Picks batches from a buffer that begins with one and has `left` bytes of the segment from there on.
fn select(
    buffer: &[u8],
    left: u64,
    durable: i64,
    is_wanted: impl Fn(&Header) -> bool,
    max_bytes: usize,
) -> Result<Selected, String> {
    let mut from = 0;
    let first = loop {
        if buffer.len() - from < HEADER_BYTES {
            let is_end = from == 0 || from as u64 >= left;
            return Ok(if is_end {
                Selected::Nothing
            } else {
                Selected::Later(from as u64)
            });
        }
        let header = Header::read(&buffer[from..])?;
        if header.base_offset >= durable {
            return Ok(Selected::Nothing);
        }
        if is_wanted(&header) {
            break header;
        }
        if header.bytes > buffer.len() - from {
            return Ok(Selected::Later((from + header.bytes) as u64));
        }
        from += header.bytes;
    };
    if first.bytes > buffer.len() - from {
        return Ok(Selected::Larger(from, first.bytes));
    }
    let mut to = from + first.bytes;
    // A damaged batch further on is reported when it is first.
    while let Ok(next) = Header::read(&buffer[to..]) {
        if next.base_offset >= durable
            || next.bytes > buffer.len() - to
            || to + next.bytes - from > max_bytes
        {
            break;
        }
        to += next.bytes;
    }
    Ok(Selected::These(from, to))
}

/// The record within a batch. Where the records can't be looked into, the batch's first offset, which is not too late.
fn first_late(header: &Header, batch: &[u8], timestamp: i64, start: i64) -> OffsetAndTime {
    let whole = OffsetAndTime {
        offset: header.base_offset.max(start),
        timestamp: header.max_timestamp,
    };
    if header.is_log_append_time() {
        return whole;
    }
    let Ok(body) = codec::decompress(
        header.compression(),
        &batch[HEADER_BYTES..],
        DECOMPRESSED_BYTES_MAX,
    ) else {
        return whole;
    };
    for record in records(&body, header.count).map_while(Result::ok) {
        let offset = header
            .base_offset
            .saturating_add(i64::from(record.offset_delta));
        let at = header.base_timestamp.saturating_add(record.timestamp_delta);
        if at >= timestamp && offset >= start {
            return OffsetAndTime {
                offset,
                timestamp: at,
            };
        }
    }
    whole
}
