//! One partition: segments in a directory, offsets, and what is durable of them.
//!
//! Owns: the state below its lock, and that it agrees with the files. Must not: know of other partitions.
//!
//! Reading path: `write` and `flush` (how records come in and become durable), `read`, `recover` (a start), `checkpoint`
//! (what makes a start quick), `retain` (how records leave), `compact`.

mod checkpoint;
mod compact;
mod flush;
mod read;
mod recover;
mod retain;
mod write;

#[cfg(test)]
pub use checkpoint::sealed;
pub use checkpoint::{replace_sealed, unsealed};
pub use flush::Written;

use super::{
    LogError, disk::Disk, flusher::Queue, index::Index, producers::Producers, segment::Segment,
};
use checkpoint::Checkpoint;
use compact::Cleaned;
use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// One partition.
pub struct Partition {
    /// Its number in this process, for the table of open files.
    uid: u64,
    /// What logs and errors call it: `topic-3`.
    label: String,
    dir: PathBuf,
    disk: Arc<Disk>,
    queue: Arc<Queue>,
    state: Mutex<State>,
    /// Held by whoever writes the checkpoint, so that it never goes back.
    checkpointing: Mutex<()>,
}

/// What the lock guards.
struct State {
    /// Segments that are complete, oldest first.
    closed: Vec<Segment>,
    /// The segment that is appended to.
    active: Segment,
    /// The active segment's index.
    index: Index,
    /// First offset kept.
    start: i64,
    /// Offset of the next record.
    end: i64,
    /// Offset after the last durable record: the high watermark.
    durable: i64,
    /// Files written since the last sync began, in order.
    unsynced: Vec<Arc<File>>,
    /// Whether a flusher has, or will have, this partition.
    is_queued: bool,
    /// Tells the high watermark; gone when the partition is.
    watch: Option<watch::Sender<i64>>,
    /// Why nothing can be done any more.
    refused: Option<LogError>,
    producers: Producers,
    /// What the checkpoint file says.
    checkpoint: Checkpoint,
    /// The end when housekeeping last looked, to see whether the partition is idle.
    seen_end: i64,
    cleaned: Cleaned,
}

impl Partition {
    /// First offset kept.
    pub fn start(&self) -> Result<i64, LogError> {
        self.usable().map(|state| state.start)
    }

    /// The high watermark.
    pub fn end(&self) -> Result<i64, LogError> {
        self.usable().map(|state| state.durable)
    }

    /// The high watermark as it moves.
    pub fn watch(&self) -> Result<watch::Receiver<i64>, LogError> {
        let state = self.usable()?;
        Ok(state
            .watch
            .as_ref()
            .expect("there while the partition is usable")
            .subscribe())
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> Result<u64, LogError> {
        self.usable().map(|state| {
            state
                .closed
                .iter()
                .map(|segment| segment.bytes)
                .sum::<u64>()
                + state.active.bytes
        })
    }

    /// Ends all use: whoever waits is told `why`. The files stay.
    pub fn refuse(&self, why: LogError) {
        self.lock().refuse(why);
        self.disk.forget(self.uid, None);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let state = self.lock();
        match &state.refused {
            Some(why) => Err(why.clone()),
            None => Ok(state),
        }
    }

    fn file(&self, segment: &Segment) -> Result<Arc<File>, LogError> {
        let path = segment.log_path(&self.dir);
        let opened = self.disk.segment((self.uid, segment.base), &path);
        opened.map_err(|error| self.error(&format!("open {}", path.display()), &error))
    }

    fn error(&self, doing: &str, error: &std::io::Error) -> LogError {
        let error = LogError::io(format_args!("{}: {doing}", self.label), error);
        tracing::error!(partition = self.label, "{error}");
        error
    }
}

impl State {
    fn refuse(&mut self, why: LogError) {
        self.refused.get_or_insert(why);
        self.watch = None;
        self.unsynced.clear();
    }

    fn advance(&mut self, durable: i64) {
        self.durable = durable;
        if let Some(watch) = &self.watch {
            watch.send_replace(durable);
        }
    }
}
