//! The checkpoint: up to where the log is known to be sound and on the disk, and the producers there.
//!
//! Owns: the file `checkpoint` and the file `start`. Must not: be needed for correctness, but for the first offset kept
//! after DeleteRecords; without a checkpoint a start reads the whole log.

use super::{Partition, State};
use crate::log::{
    LogError,
    disk::{self, Disk},
    limits::CHECKPOINT_BYTES,
    producers::Producers,
};
use serde::{Deserialize, Serialize};
use std::{io, path::Path, sync::PoisonError};

/// The checkpoint's file.
pub(super) const CHECKPOINT: &str = "checkpoint";
const START: &str = "start";

/// Everything before `bytes` of segment `segment`, and all earlier segments, is sound and was synced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Offset of the next record there.
    pub offset: i64,
    /// Base offset of the segment that was active.
    pub segment: i64,
    /// Its size then.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    at: Checkpoint,
    producers: Producers,
}

impl Partition {
    /// Writes a checkpoint if enough was appended since the last, or something and nobody appends any more.
    pub(super) fn checkpoint_if_due(&self) {
        let is_due = {
            let mut state = self.lock();
            let is_idle = state.seen_end == state.end;
            state.seen_end = state.end;
            let at = state.checkpoint;
            let grown = at.segment != state.active.base
                || state.active.bytes.saturating_sub(at.bytes) >= CHECKPOINT_BYTES;
            state.refused.is_none() && at.offset != state.end && (is_idle || grown)
        };
        if is_due {
            self.save_checkpoint();
        }
    }

    /// Syncs what there is and writes a checkpoint. A failed write is told and costs the next start some time.
    pub(super) fn save_checkpoint(&self) {
        let _turn = self
            .checkpointing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Ok((files, segment, index, at, producers)) = self.usable().and_then(|state| {
            let at = Checkpoint {
                offset: state.end,
                segment: state.active.base,
                bytes: state.active.bytes,
            };
            let mut files = state.unsynced.clone();
            files.push(self.file(&state.active)?);
            Ok((
                files,
                state.active,
                state.index.clone(),
                at,
                state.producers.clone(),
            ))
        }) else {
            return;
        };
        if let Err(error) = files.iter().try_for_each(|file| self.disk.sync(file)) {
            let why = self.error(
                "sync; the partition is refused until a restart has read it again",
                &error,
            );
            self.lock().refuse(why);
            return;
        }
        // A flusher may be at an earlier file, with the only report of its failure: nothing is sound before it is done.
        if self.disk.fsync && self.lock().durable < at.offset {
            return;
        }
        self.save_index(&segment, &index);
        let saved = serde_json::to_vec(&Saved { at, producers }).map_err(io::Error::other);
        let written = saved.and_then(|json| {
            self.disk
                .replace_lazily(&self.dir.join(CHECKPOINT), &sealed(&json))
        });
        match written {
            Ok(()) => self.lock().checkpoint = at,
            Err(error) => tracing::warn!(partition = self.label, "checkpoint not written: {error}"),
        }
    }

    /// Durably notes the first offset kept.
    pub(super) fn save_start(&self, state: &State, start: i64) -> Result<(), LogError> {
        debug_assert!(start <= state.end, "nothing is kept from after the end");
        let written = self
            .disk
            .replace(&self.dir.join(START), &sealed(start.to_string().as_bytes()));
        written.map_err(|error| self.error("note the first offset kept", &error))
    }
}

/// The checkpoint of a partition's directory; none if there is none, or it is not as it was written.
pub(super) fn load(dir: &Path) -> io::Result<Option<(Checkpoint, Producers)>> {
    let file = disk::read_small(&dir.join(CHECKPOINT))?;
    let saved = file
        .as_deref()
        .and_then(unsealed)
        .and_then(|json| serde_json::from_slice::<Saved>(json).ok());
    Ok(saved.map(|saved| (saved.at, saved.producers)))
}

/// The first offset kept, as noted; 0 if never.
pub(super) fn load_start(dir: &Path) -> io::Result<i64> {
    let Some(file) = disk::read_small(&dir.join(START))? else {
        return Ok(0);
    };
    let start = unsealed(&file)
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| text.parse().ok());
    start
        .filter(|start| *start >= 0)
        .ok_or_else(|| io::Error::other("the file `start` is damaged; write it anew or remove it"))
}

/// Writes a small file of ours with its checksum, durably.
pub fn replace_sealed(disk: &Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    disk.replace(path, &sealed(content))
}

/// Content after its checksum.
pub fn sealed(content: &[u8]) -> Vec<u8> {
    let mut file = format!("{:08x}\n", crc32c::crc32c(content)).into_bytes();
    file.extend_from_slice(content);
    file
}

/// Content of a file that `sealed` made; none if it is not as it was written.
pub fn unsealed(file: &[u8]) -> Option<&[u8]> {
    let (head, content) = file.split_at_checked(9)?;
    let crc = std::str::from_utf8(&head[..8])
        .ok()
        .and_then(|hex| u32::from_str_radix(hex, 16).ok())?;
    (head[8] == b'\n' && crc == crc32c::crc32c(content)).then_some(content)
}
