//! Compaction: of each key only the last record is kept, in segments that are no longer appended to.
//!
//! Owns: which records go, and replacing segments so that a crash at any moment leaves a log that is right. Must not:
//! change an offset, or a record that stays. What is read meanwhile is the old segment or the new one.
//!
//! A pass reads the part that is new since the last one, notes the last offset of each key, and writes every segment
//! before that point again without what was replaced. A tombstone stays until `delete.retention.ms` after the pass
//! that first saw it, so that readers who started before learn of the deletion.

mod pass;
mod rewrite;

use super::{Partition, State, checkpoint::replace_sealed, checkpoint::unsealed};
use crate::log::{LogError, config::TopicConfig, disk, segment::Segment};
use pass::Pass;
use rewrite::Rewrite;
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path, sync::Arc};

const CLEANED: &str = "cleaned";
const MERGING: &str = "merging";
/// Passes remembered for the age of tombstones; without the older ones tombstones stay longer.
const PASSES_MAX: usize = 64;

/// What compaction has done to a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaned {
    /// No key has two records before this offset.
    to: i64,
    /// Up to where, and when (Unix ms), passes went; oldest first.
    passes: Vec<(i64, i64)>,
    /// Whether there are tombstones before `to`.
    has_tombstones: bool,
}

/// What is being done: segments whose records another one has taken in.
#[derive(Debug, Serialize, Deserialize)]
struct Merging {
    base: i64,
    swallowed: Vec<i64>,
}

/// Completes what a crash interrupted: removes segments that were taken in, if the one that has their records is in place.
pub(super) fn complete(dir: &Path) -> io::Result<()> {
    let note = disk::read_small(&dir.join(MERGING))?;
    if let Some(merging) = note
        .as_deref()
        .and_then(unsealed)
        .and_then(|json| serde_json::from_slice::<Merging>(json).ok())
        && !rewrite::path(dir, merging.base).exists()
    {
        let named = merging.swallowed.into_iter().filter(|base| *base >= 0);
        for segment in named.map(Segment::new) {
            disk::remove(&segment.log_path(dir))?;
            disk::remove(&segment.index_path(dir))?;
        }
    }
    disk::remove(&dir.join(MERGING))
}

impl Cleaned {
    /// What was done, as noted; nothing if there is no note. A damaged one costs a pass over everything.
    pub(super) fn load(dir: &Path) -> io::Result<Self> {
        let file = disk::read_small(&dir.join(CLEANED))?;
        Ok(file
            .as_deref()
            .and_then(unsealed)
            .and_then(|json| serde_json::from_slice(json).ok())
            .unwrap_or_default())
    }

    /// Tombstones before this offset have been readable for long enough.
    fn horizon(&self, config: &TopicConfig, now_ms: i64) -> i64 {
        let is_over = |at_ms: i64| at_ms.saturating_add(config.delete_retention_ms) <= now_ms;
        self.passes
            .iter()
            .filter(|(_, at_ms)| is_over(*at_ms))
            .map(|(to, _)| *to)
            .max()
            .unwrap_or(0)
    }

    fn note(&mut self, to: i64, now_ms: i64, horizon: i64, has_tombstones: bool) {
        self.to = self.to.max(to);
        self.has_tombstones = has_tombstones;
        self.passes.retain(|(to, _)| *to > horizon);
        if self.passes.last().is_none_or(|(last, _)| *last < to) {
            self.passes.push((to, now_ms));
        }
        if self.passes.len() > PASSES_MAX {
            self.passes.remove(0);
        }
    }
}

impl Partition {
    /// Compacts if enough is new, or tombstones have become old.
    pub(super) fn compact(&self, config: &TopicConfig, now_ms: i64) {
        let Some((segments, cleaned)) = self.due(config, now_ms) else {
            return;
        };
        // The checkpoint must not speak of a segment that is about to change.
        let is_ahead = |state: &State| state.checkpoint.segment >= state.active.base;
        if !is_ahead(&self.lock()) {
            self.save_checkpoint();
        }
        if !is_ahead(&self.lock()) {
            return;
        }
        if let Err(error) = self.pass(&segments, cleaned, config, now_ms) {
            tracing::warn!(
                partition = self.label,
                "compaction stopped; what it did is kept: {error}"
            );
        }
    }

    /// The segments that may be compacted, if it is time to.
    fn due(&self, config: &TopicConfig, now_ms: i64) -> Option<(Vec<Segment>, Cleaned)> {
        let state = self.usable().ok()?;
        let newest = now_ms.saturating_sub(config.min_compaction_lag_ms);
        let is_ready = |segment: &&Segment| {
            segment.last_offset < state.durable
                && (config.min_compaction_lag_ms == 0 || segment.max_ms <= newest)
        };
        let segments: Vec<_> = state.closed.iter().take_while(is_ready).copied().collect();
        let bytes = |is_dirty: bool| {
            let part = segments
                .iter()
                .filter(|segment| (segment.last_offset >= state.cleaned.to) == is_dirty);
            part.map(|segment| segment.bytes).sum::<u64>() as f64
        };
        let (clean, dirty) = (bytes(false), bytes(true));
        let is_dirty = dirty > 0.0 && dirty / (clean + dirty) >= config.min_dirty_ratio;
        let has_old_tombstones =
            state.cleaned.has_tombstones && state.cleaned.horizon(config, now_ms) > 0;
        (is_dirty || has_old_tombstones).then(|| (segments, state.cleaned.clone()))
    }

    fn pass(
        &self,
        segments: &[Segment],
        mut cleaned: Cleaned,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<(), LogError> {
        let horizon = cleaned.horizon(config, now_ms);
        let mut pass = Pass::new(cleaned.to, horizon);
        for segment in segments
            .iter()
            .filter(|segment| segment.last_offset >= cleaned.to)
        {
            if !self.each_batch(segment, |header, batch| Ok(pass.note(header, batch)))? {
                break;
            }
        }
        let mut tombstones = 0;
        let mut rest = segments
            .iter()
            .filter(|segment| segment.base < pass.to)
            .peekable();
        while let Some(first) = rest.next() {
            let mut rewrite = Rewrite::begin(&self.disk, &self.dir, *first)
                .map_err(|error| self.error("compact", &error))?;
            let mut segment = first;
            loop {
                rewrite.take(*segment);
                self.each_batch(segment, |header, batch| {
                    rewrite.put(&pass, header, batch).map(|()| true)
                })?;
                match rest.next_if(|next| rewrite.has_room_for(next, config)) {
                    Some(next) => segment = next,
                    None => break,
                }
            }
            tombstones += rewrite.tombstones;
            self.replace(rewrite)?;
        }
        cleaned.note(pass.to, now_ms, horizon, tombstones > 0);
        let json =
            serde_json::to_vec(&cleaned).map_err(|error| LogError::Io(error.to_string().into()))?;
        replace_sealed(&self.disk, &self.dir.join(CLEANED), &json)
            .map_err(|error| self.error("note compaction", &error))?;
        self.lock().cleaned = cleaned;
        tracing::debug!(partition = self.label, offset = pass.to, "compacted");
        Ok(())
    }

    /// Puts a new segment in the place of those that it was made from.
    fn replace(&self, rewrite: Rewrite) -> Result<(), LogError> {
        let Some((made, from)) = rewrite
            .finish()
            .map_err(|error| self.error("compact", &error))?
        else {
            return Ok(());
        };
        let failed = |error: io::Error| self.error("put a compacted segment in place", &error);
        let mut state = self.usable()?;
        let Some(at) = state
            .closed
            .iter()
            .position(|segment| segment.base == made.base)
        else {
            // Retention was faster.
            return disk::remove(&rewrite::path(&self.dir, made.base)).map_err(failed);
        };
        // In this order a crash leaves: no index (made again); then segments whose records the one before has too, and
        // a note of them, which the next start reads.
        let swallowed: Vec<i64> = from[1..].iter().map(|old| old.base).collect();
        if !swallowed.is_empty() {
            let note = serde_json::to_vec(&Merging {
                base: made.base,
                swallowed,
            })
            .map_err(io::Error::other);
            note.and_then(|json| replace_sealed(&self.disk, &self.dir.join(MERGING), &json))
                .map_err(failed)?;
        }
        for old in &from {
            self.disk.forget(self.uid, Some(old.base));
            disk::remove(&old.index_path(&self.dir)).map_err(failed)?;
        }
        fs::rename(
            rewrite::path(&self.dir, made.base),
            made.log_path(&self.dir),
        )
        .map_err(failed)?;
        self.disk.sync_dir(&self.dir).map_err(failed)?;
        state.closed.splice(at..at + from.len(), [made]);
        for old in &from[1..] {
            disk::remove(&old.log_path(&self.dir)).map_err(failed)?;
        }
        disk::remove(&self.dir.join(MERGING)).map_err(failed)?;
        if made.bytes == 0 && at > 0 {
            state.closed.remove(at);
            disk::remove(&made.log_path(&self.dir)).map_err(failed)?;
        }
        Ok(())
    }

    /// Reads a segment batch by batch until told to stop (`false`); says whether it came to the end.
    pub(in crate::log) fn each_batch(
        &self,
        segment: &Segment,
        mut each: impl FnMut(&crate::log::batch::Header, &[u8]) -> io::Result<bool>,
    ) -> Result<bool, LogError> {
        let file = {
            let _state = self.usable()?;
            Arc::clone(&self.file(segment)?)
        };
        let outcome = rewrite::each_batch(&file, segment.bytes, &mut each);
        outcome.map_err(|error| self.error("read a segment through", &error))
    }
}
