//! How records leave: by age, by size, and when asked to (DeleteRecords); and what else housekeeping does.

use super::{Partition, State};
use crate::log::{LogError, config::TopicConfig, disk, segment::Segment};

impl Partition {
    /// Deletes the records before `before` (-1: all durable ones); answers the new first offset. Durable when it returns.
    pub fn delete_records(&self, before: i64) -> Result<i64, LogError> {
        let gone = {
            let mut state = self.usable()?;
            let (start, end) = (state.start, state.durable);
            let before = if before == -1 { end } else { before };
            if before < 0 || before > end {
                return Err(LogError::OffsetOutOfRange { start, end });
            }
            if before <= start {
                return Ok(start);
            }
            self.save_start(&state, before)?;
            state.start = before;
            if state.active.last_offset < before && state.active.bytes > 0 {
                self.roll(&mut state)?;
            }
            take_while(&mut state, |segment| segment.last_offset < before)
        };
        self.remove(&gone);
        self.start()
    }

    /// Ages and sizes, compaction, and a checkpoint if one is due. Errors are told in the log and tried again next time.
    pub fn maintain(&self, config: &TopicConfig, now_ms: i64) {
        let Ok(gone) = self.retain(config, now_ms) else {
            return;
        };
        self.remove(&gone);
        if config.compacts {
            self.compact(config, now_ms);
        }
        self.checkpoint_if_due();
    }

    /// Syncs everything and marks it as sound; nothing is accepted any more.
    pub fn close(&self) {
        self.save_checkpoint();
        self.lock().refuse(LogError::Io("the log is closed".into()));
    }

    fn retain(&self, config: &TopicConfig, now_ms: i64) -> Result<Vec<Segment>, LogError> {
        let mut state = self.usable()?;
        state.producers.expire(now_ms);
        let old = |segment: &Segment, kept_ms: i64| {
            kept_ms >= 0 && segment.max_ms < now_ms.saturating_sub(kept_ms)
        };
        let is_over = config.deletes && old(&state.active, config.retention_ms);
        let is_aged = now_ms.saturating_sub(state.active.first_ms) >= config.segment_ms;
        if state.active.bytes > 0 && state.durable == state.end && (is_over || is_aged) {
            self.roll(&mut state)?;
        }
        let start = state.start;
        let mut gone = take_while(&mut state, |segment| segment.last_offset < start);
        if !config.deletes {
            return Ok(gone);
        }
        gone.extend(take_while(&mut state, |segment| {
            old(segment, config.retention_ms)
        }));
        if let Ok(most) = u64::try_from(config.retention_bytes) {
            let mut bytes = state
                .closed
                .iter()
                .map(|segment| segment.bytes)
                .sum::<u64>()
                + state.active.bytes;
            gone.extend(take_while(&mut state, |segment| {
                let is_too_much = bytes - segment.bytes >= most;
                bytes -= segment.bytes;
                is_too_much
            }));
        }
        if let Some(last) = gone.last() {
            let first = state.closed.first().unwrap_or(&state.active).base;
            state.start = state.start.max(first);
            tracing::info!(
                partition = self.label,
                segments = gone.len(),
                offset = last.last_offset,
                "deleted by retention"
            );
        }
        Ok(gone)
    }

    /// Removes segments' files, oldest first, so that a crash leaves no hole.
    fn remove(&self, gone: &[Segment]) {
        let Some(last) = gone.last() else {
            return;
        };
        // What producers wrote there must be known without it.
        let is_past = |state: &State| last.base >= state.checkpoint.segment;
        if is_past(&self.lock()) {
            self.save_checkpoint();
        }
        if is_past(&self.lock()) {
            tracing::warn!(
                partition = self.label,
                "segments not removed for want of a checkpoint; the next start tries again"
            );
            return;
        }
        for segment in gone {
            self.disk.forget(self.uid, Some(segment.base));
            let removed = disk::remove(&segment.log_path(&self.dir))
                .and_then(|()| disk::remove(&segment.index_path(&self.dir)));
            if let Err(error) = removed {
                tracing::warn!(
                    partition = self.label,
                    segment = segment.base,
                    "not removed; the next start tries again: {error}"
                );
                return;
            }
        }
    }
}

/// Takes the oldest closed segments out of the state as long as they are to go and durable.
fn take_while(state: &mut State, mut is_to_go: impl FnMut(&Segment) -> bool) -> Vec<Segment> {
    let durable = state.durable;
    let keep = state
        .closed
        .iter()
        .take_while(|segment| segment.last_offset < durable && is_to_go(segment))
        .count();
    state.closed.drain(..keep).collect()
}
