//! The store's public door.
//!
//! Owns: opening, closing, and the figures for metrics. Queries are in `describe`, `list` and `load`.

use crate::db::Db;
use crate::error::StoreError;
use crate::limits;
use crate::open::{open_or_set_aside, set_aside_next_time};
use crate::pending::{Appender, Pending};
use crate::search::Declarations;
use crate::sweep::{Clock, Sweeper};
use crate::writer::Writer;
use baton_engine::views::{
    Checkpoint, Checkpoints, ListPage, ListQuery, Summary, ViewWriter, Views,
};
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// What may be chosen.
#[derive(Clone)]
pub struct Settings {
    /// How long closed executions and their names are kept, milliseconds. Default: [`limits::RETENTION_MS`].
    pub retention_ms: i64,
    /// Gives the time that the retention is measured by, milliseconds since the epoch. Default: the system's clock.
    pub clock: Clock,
    /// Where search attributes are declared. Default: nowhere, there are none.
    pub declarations: Declarations,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention_ms: limits::RETENTION_MS,
            clock: Arc::new(system_ms),
            declarations: None,
        }
    }
}

/// Local views of the partitions that this node owns or owned.
pub struct Store {
    dir: PathBuf,
    pub(crate) db: Db,
    pub(crate) pending: Arc<Pending>,
    pub(crate) settings: Settings,
    open_executions: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in `dir`, or makes one. One that can't be read is renamed to `<dir>.set-aside-<n>`.
    ///
    /// # Errors
    /// If another process has it open, or the directory can't be used.
    pub fn open(
        dir: &Path,
        settings: Settings,
    ) -> Result<(Arc<Self>, Box<dyn ViewWriter>), StoreError> {
        let (db, mut flusher) = open_or_set_aside(dir)?;
        flusher.declarations.clone_from(&settings.declarations);
        let pending = Pending::new(flusher.offsets());
        let open_executions = Arc::new(AtomicU64::new(flusher.open_executions()));
        let writer = Writer {
            dir: dir.to_owned(),
            pending: pending.clone(),
            flusher,
            sweeper: Sweeper::new(db.clone(), settings.clock.clone(), settings.retention_ms),
            open_executions: open_executions.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("baton-store".to_owned())
            .spawn(|| writer.run());
        let thread = thread.map_err(|e| StoreError::Unusable {
            path: dir.to_owned(),
            reason: format!("no thread: {e}"),
        })?;
        let appender = Box::new(Appender(pending.clone()));
        let store = Self {
            dir: dir.to_owned(),
            db,
            pending,
            settings,
            open_executions,
            writer: Mutex::new(Some(thread)),
        };
        Ok((Arc::new(store), appender))
    }

    /// Waits until everything applied so far is written (not synced: see the crate's header).
    ///
    /// # Errors
    /// [`StoreError::Ended`].
    pub fn flush(&self) -> Result<(), StoreError> {
        self.pending
            .flush()
            .map_err(|reason| StoreError::Ended(reason.to_string()))
    }

    /// Writes everything applied so far and ends the writer; what is applied later is dropped.
    pub fn close(&self) {
        self.pending.close();
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(
                "the local store's writer panicked; what it had not written is folded again from the log"
            );
        }
    }

    /// Ends as a crash does: what waits is dropped. What is being written at this moment may still be written. For
    /// tests of recovery.
    pub fn abandon(&self) {
        self.pending.end("abandoned");
        self.close();
    }

    /// Open executions, as of the last write.
    #[must_use]
    pub fn open_executions(&self) -> u64 {
        self.open_executions.load(Ordering::Relaxed)
    }

    /// Records that wait to be written.
    #[must_use]
    pub fn pending_records(&self) -> u64 {
        self.pending.size().0
    }

    /// Bytes that wait to be written; at most about [`limits::PENDING_BYTES_MAX`] and one batch.
    #[must_use]
    pub fn pending_bytes(&self) -> u64 {
        self.pending.size().1
    }

    /// How long the oldest record has waited that is to be written.
    #[must_use]
    pub fn lag(&self) -> Duration {
        self.pending
            .since()
            .map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Bytes on disk, fjall's journals included (they are made at their full size).
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.db.database.disk_space().unwrap_or(0)
    }

    /// Why the store writes no more, if so: for the health check.
    #[must_use]
    pub fn ended(&self) -> Option<Arc<str>> {
        self.pending.ended()
    }

    /// Closed before this is past the retention, milliseconds since the epoch.
    pub(crate) fn cutoff_ms(&self) -> i64 {
        (self.settings.clock)().saturating_sub(self.settings.retention_ms)
    }

    /// A query that the disk can't answer is answered as if there were nothing, and said in the log.
    fn or_none<T>(&self, query: &str, read: impl FnOnce() -> Result<T, StoreError>) -> Option<T> {
        // fjall asserts some of what it finds on disk; a corrupt file must not stop the orchestrator.
        let result = catch_unwind(AssertUnwindSafe(read))
            .unwrap_or(Err(StoreError::Corrupt("the database panicked")));
        if let Err(error) = &result {
            tracing::error!(query, %error, "the local store can't be read");
            set_aside_next_time(&self.dir, error);
        }
        result.ok()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl Views for Store {
    fn describe(&self, execution: &str) -> Option<Summary> {
        self.or_none("describe", || self.read_summary(execution))
            .flatten()
    }

    fn history(&self, execution: &str) -> Option<Vec<Bytes>> {
        self.or_none("history", || self.read_history(execution))
            .flatten()
    }

    fn list(&self, query: &ListQuery) -> ListPage {
        self.or_none("list", || self.read_list(query))
            .unwrap_or_default()
    }

    fn ended(&self) -> Option<Arc<str>> {
        self.pending.ended()
    }
}

impl Checkpoints for Store {
    fn load(&self, partition: i32) -> Option<Box<Checkpoint>> {
        self.or_none("checkpoint", || self.read_checkpoint(partition))
            .flatten()
            .map(Box::new)
    }

    fn recall(&self, execution: &str) -> Option<Vec<Bytes>> {
        self.history(execution)
    }
}

fn system_ms() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}
