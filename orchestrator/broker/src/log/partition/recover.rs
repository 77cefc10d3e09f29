//! A start: what the files of a partition say, and what of it is sound.
//!
//! Owns: trust. Up to the checkpoint files are believed by their size; after it every batch is read and its checksum
//! computed, and the first that is not sound ends the log: it and whatever follows was never acknowledged.

use super::{
    Partition, State,
    checkpoint::{self, Checkpoint},
    compact::{self, Cleaned},
};
use crate::log::{
    disk::{self, Disk},
    flusher::Queue,
    index::Index,
    producers::Producers,
    segment::{Check, End, Segment, base_of, read_through},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;

/// Numbers partitions, so that one that is deleted and made again is another.
static PARTITIONS: AtomicU64 = AtomicU64::new(0);

impl Partition {
    /// Opens a partition's directory, made if absent. `now_ms` stands for when known producers last wrote.
    pub fn open(
        dir: PathBuf,
        label: String,
        disk: Arc<Disk>,
        queue: Arc<Queue>,
        now_ms: i64,
    ) -> io::Result<Arc<Self>> {
        fs::create_dir_all(&dir)?;
        let start = checkpoint::load_start(&dir)?;
        let (mut checkpoint, producers) = checkpoint::load(&dir)?.unwrap_or_default();
        let mut found = Found {
            dir: &dir,
            label: &label,
            disk: &disk,
            checkpoint,
            producers,
            segments: Vec::new(),
            index: Index::default(),
        };
        found.read(now_ms)?;
        let Found {
            mut producers,
            mut segments,
            index,
            ..
        } = found;
        let active = match segments.pop() {
            Some(active) => active,
            None => {
                let active = Segment::new(start);
                File::create(active.log_path(&dir))?;
                disk.sync_dir(&dir)?;
                active
            }
        };
        let end = active.last_offset + 1;
        producers.forget_from(end);
        if checkpoint.offset > end {
            // It speaks of records that are gone, and must not be believed when others have taken their place.
            disk::remove(&dir.join(checkpoint::CHECKPOINT))?;
            checkpoint = Checkpoint::default();
        }
        let first = segments.first().unwrap_or(&active).base;
        let state = State {
            start: start.max(first).min(end),
            end,
            durable: end,
            unsynced: Vec::new(),
            is_queued: false,
            watch: Some(watch::Sender::new(end)),
            refused: None,
            producers,
            checkpoint,
            seen_end: end,
            cleaned: Cleaned::load(&dir)?,
            closed: segments,
            active,
            index,
        };
        let uid = PARTITIONS.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Partition {
            uid,
            label,
            dir,
            disk,
            queue,
            state: Mutex::new(state),
            checkpointing: Mutex::new(()),
        }))
    }
}

/// What was found so far.
struct Found<'a> {
    dir: &'a Path,
    label: &'a str,
    disk: &'a Disk,
    checkpoint: Checkpoint,
    producers: Producers,
    segments: Vec<Segment>,
    /// Index of the last segment.
    index: Index,
}

impl Found<'_> {
    fn read(&mut self, now_ms: i64) -> io::Result<()> {
        compact::complete(self.dir)?;
        let bases = self.bases()?;
        for (number, &base) in bases.iter().enumerate() {
            let until = bases.get(number + 1).copied().unwrap_or(i64::MAX);
            if until <= self.checkpoint.segment {
                self.trusted(base, until)?;
            } else if !self.checked(base, until, now_ms)? {
                return self.drop_after(&bases[number + 1..]);
            }
        }
        Ok(())
    }

    /// Base offsets of the segments, ascending. Removes what a crash left half made.
    fn bases(&self) -> io::Result<Vec<i64>> {
        let mut bases = Vec::new();
        for entry in fs::read_dir(self.dir)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if let Some(base) = base_of(name) {
                bases.push(base);
            } else if [".tmp", ".lazy", ".cleaned"]
                .iter()
                .any(|ending| name.ends_with(ending))
            {
                disk::remove(&path)?;
            }
        }
        bases.sort_unstable();
        Ok(bases)
    }

    /// A segment before the checkpoint's: from the head of its index, or from its batches' headers. Was it damaged
    /// since, what is sound of it is shown and nothing is changed, so that the rest can be looked into.
    fn trusted(&mut self, base: i64, until: i64) -> io::Result<()> {
        let mut segment = Segment::new(base);
        let file = File::open(segment.log_path(self.dir))?;
        let mut head = Vec::new();
        if let Ok(index) = File::open(segment.index_path(self.dir)) {
            index
                .take(Index::head_bytes() as u64)
                .read_to_end(&mut head)?;
        }
        let length = file.metadata()?.len();
        if let Some(saved) = Index::decode_head(base, &head)
            .filter(|saved| saved.bytes == length && saved.last_offset < until)
        {
            self.segments.push(saved);
            return Ok(());
        }
        if let End::Torn(why) = read_through(
            &file,
            &mut segment,
            &mut Index::default(),
            until,
            Check::Headers,
            |_| (),
        )? {
            let bytes = length - segment.bytes;
            tracing::error!(
                partition = self.label,
                segment = base,
                bytes,
                "damaged; its records from there on are missing: {why}"
            );
        }
        self.segments.push(segment);
        Ok(())
    }

    /// A segment whose batches are read from the checkpoint on, or from the start. Cuts off what is not sound; says
    /// whether nothing was.
    fn checked(&mut self, base: i64, until: i64, now_ms: i64) -> io::Result<bool> {
        let mut segment = Segment::new(base);
        let path = segment.log_path(self.dir);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let mut index = Index::default();
        if base == self.checkpoint.segment
            && let Some(saved) = disk::read_small(&segment.index_path(self.dir))?
            && let Some((at, saved)) = Index::decode(base, &saved)
            && at.bytes == self.checkpoint.bytes
            && at.bytes <= file.metadata()?.len()
        {
            (segment, index) = (at, saved);
        }
        let known_bytes = segment.bytes;
        let producers = &mut self.producers;
        // Compaction leaves the segment that is appended to alone.
        let check = if until == i64::MAX {
            Check::WithoutGaps
        } else {
            Check::Sums
        };
        let end = read_through(&file, &mut segment, &mut index, until, check, |header| {
            if header.producer_id >= 0 {
                producers.remember(header, now_ms);
            }
        })?;
        if let End::Torn(why) = &end {
            let cut = file.metadata()?.len() - segment.bytes;
            tracing::warn!(
                partition = self.label,
                segment = base,
                bytes = cut,
                "cut off an unfinished tail: {why}"
            );
            file.set_len(segment.bytes)?;
        }
        // What was read may be in the kernel's memory only; from here on it counts as durable.
        if self.disk.fsync && (segment.bytes > known_bytes || end != End::Whole) {
            self.disk.sync(&file)?;
        }
        self.segments.push(segment);
        self.index = index;
        Ok(end == End::Whole)
    }

    /// Segments after a torn one: of a machine that crashed without fsync, or damaged.
    fn drop_after(&self, bases: &[i64]) -> io::Result<()> {
        for &base in bases {
            tracing::warn!(
                partition = self.label,
                segment = base,
                "removed: it follows a segment that was cut off"
            );
            self.drop_segment(base)?;
        }
        self.disk.sync_dir(self.dir)
    }

    fn drop_segment(&self, base: i64) -> io::Result<()> {
        let segment = Segment::new(base);
        disk::remove(&segment.log_path(self.dir))?;
        disk::remove(&segment.index_path(self.dir))
    }
}
