//! How records come in: checked, given offsets, written to the active segment in one write.

use super::{Partition, State, Written};
use crate::log::{
    Appended, LogError,
    batch::{self, Header},
    codec,
    config::TopicConfig,
    index::Index,
    limits::DECOMPRESSED_BYTES_MAX,
    producers::Verdict,
    records::records,
    segment::Segment,
};
use bytes::{Bytes, BytesMut};
use std::{fs::OpenOptions, sync::Arc};

impl Partition {
    /// Writes batches at once. They are readable and may be acknowledged when [`Written::durable`] says so.
    pub fn write(
        self: &Arc<Self>,
        batches: Bytes,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<Written, LogError> {
        let mut headers = batch::check_sent(&batches, config.max_message_bytes)?;
        if config.compacts {
            check_keys(&batches, &headers)?;
        }
        let mut batches = batches
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        if config.log_append_time {
            each_batch(&mut batches, &mut headers, |batch, header| {
                batch::set_append_time(batch, header, now_ms)
            });
        }
        let log_append_time = if config.log_append_time { now_ms } else { -1 };

        let mut state = self.usable()?;
        let first = headers[0];
        if first.producer_id >= 0
            && let Verdict::Repeats {
                base_offset,
                last_offset,
            } = state.producers.check(&first)?
        {
            let appended = Appended {
                base_offset,
                log_append_time,
                log_start: state.start,
            };
            return self.written(&state, appended, last_offset + 1);
        }
        let base_offset = state.end;
        check_room(base_offset, &headers)?;
        let mut end = base_offset;
        each_batch(&mut batches, &mut headers, |batch, header| {
            batch::set_offset(batch, end);
            header.base_offset = end;
            end = header.last_offset() + 1;
        });
        if must_roll(&state.active, end - 1, batches.len(), config) {
            self.roll(&mut state)?;
        }
        self.put(&mut state, &batches)?;
        for header in &headers {
            state.take(header, now_ms);
        }
        state.end = end;
        self.settle(&mut state);
        self.written(
            &state,
            Appended {
                base_offset,
                log_append_time,
                log_start: state.start,
            },
            end,
        )
    }

    /// Ends the active segment and begins another. On an error nothing has changed.
    pub(super) fn roll(&self, state: &mut State) -> Result<(), LogError> {
        let next = Segment::new(state.end);
        let path = next.log_path(&self.dir);
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        made.and_then(|_| self.disk.sync_dir(&self.dir))
            .map_err(|error| self.error(&format!("make {}", path.display()), &error))?;
        self.save_index(&state.active, &state.index);
        let ended = std::mem::replace(&mut state.active, next);
        state.closed.push(ended);
        state.index = Index::default();
        Ok(())
    }

    /// Writes an index file. It can be made again, so a failure is only told.
    pub(super) fn save_index(&self, segment: &Segment, index: &Index) {
        if let Err(error) = self
            .disk
            .replace_lazily(&segment.index_path(&self.dir), &index.encode(segment))
        {
            tracing::warn!(
                partition = self.label,
                segment = segment.base,
                "index not written: {error}"
            );
        }
    }

    /// One write at the end of the active segment. What was partly written is taken back.
    fn put(&self, state: &mut State, batches: &[u8]) -> Result<(), LogError> {
        let file = self.file(&state.active)?;
        if let Err(error) = self.disk.write_at(&file, batches, state.active.bytes) {
            if let Err(stuck) = file.set_len(state.active.bytes) {
                // What lies after the end now could be taken for batches by the next start: nothing may follow.
                let why = self.error("take back a write that failed", &stuck);
                state.refuse(why);
            }
            return Err(self.error("append", &error));
        }
        if self.disk.fsync
            && state
                .unsynced
                .last()
                .is_none_or(|last| !Arc::ptr_eq(last, &file))
        {
            state.unsynced.push(file);
        }
        Ok(())
    }
}

impl State {
    fn take(&mut self, header: &Header, now_ms: i64) {
        self.index.push(&self.active, header);
        self.active.push(header);
        if header.producer_id >= 0 {
            self.producers.remember(header, now_ms);
        }
    }
}

/// Offsets end at `i64::MAX`, which is never given out.
fn check_room(base_offset: i64, headers: &[Header]) -> Result<(), LogError> {
    let counts = headers
        .iter()
        .map(|header| i64::from(header.last_offset_delta) + 1);
    match base_offset.checked_add(counts.sum()) {
        Some(_) => Ok(()),
        None => Err(LogError::InvalidRecord(format!(
            "no offset is left after {base_offset}; use another topic"
        ))),
    }
}

fn must_roll(active: &Segment, last_offset: i64, bytes: usize, config: &TopicConfig) -> bool {
    let is_full = active.bytes + bytes as u64 > config.segment_bytes
        || last_offset - active.base > i64::from(i32::MAX);
    active.bytes > 0 && is_full
}

fn each_batch(
    bytes: &mut [u8],
    headers: &mut [Header],
    mut change: impl FnMut(&mut [u8], &mut Header),
) {
    let mut rest = bytes;
    for header in headers {
        let (batch, after) = rest.split_at_mut(header.bytes);
        change(batch, header);
        rest = after;
    }
}

/// In a compacted topic every record needs a key, as in Kafka.
fn check_keys(batches: &[u8], headers: &[Header]) -> Result<(), LogError> {
    let mut rest = batches;
    for header in headers {
        let (batch, after) = rest.split_at(header.bytes);
        rest = after;
        let body = codec::decompress(
            header.compression(),
            &batch[batch::HEADER_BYTES..],
            DECOMPRESSED_BYTES_MAX,
        )
        .map_err(|error| {
            LogError::CorruptMessage(format!("the records can't be decompressed: {error}"))
        })?;
        for record in records(&body, header.count) {
            let record = record.map_err(|damaged| LogError::CorruptMessage(damaged.to_string()))?;
            if record.key.is_none() {
                return Err(LogError::InvalidRecord(
                    "a record without a key in a compacted topic".to_owned(),
                ));
            }
        }
    }
    Ok(())
}
