//! The thread that writes.
//!
//! Owns: when to write and when to sweep. Everything that changes the database happens here.

use crate::StoreError;
use crate::flush::Flusher;
use crate::limits;
use crate::open::set_aside_next_time;
use crate::pending::{Pending, Task};
use crate::sweep::Sweeper;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the thread needs.
pub struct Writer {
    /// Where the store is.
    pub dir: PathBuf,
    pub pending: Arc<Pending>,
    pub flusher: Flusher,
    pub sweeper: Sweeper,
    /// Gauge: open executions on disk.
    pub open_executions: Arc<AtomicU64>,
}

impl Writer {
    /// Writes until it is told to close or the database fails.
    pub fn run(mut self) {
        // fjall asserts some of what it reads while it writes; the owners must not wait for a thread that is gone.
        let worked = catch_unwind(AssertUnwindSafe(|| self.work()));
        let failed = worked.unwrap_or(Err(StoreError::Corrupt("the database panicked")));
        let reason = match failed {
            Ok(()) => "closed".to_owned(),
            Err(error) => {
                set_aside_next_time(&self.dir, &error);
                tracing::error!(
                    %error,
                    "the local store can't be written: queries show what was written so far; free disk space or \
                     repair the disk and restart (nothing is lost, the log is the truth)"
                );
                error.to_string()
            }
        };
        self.pending.end(&reason);
    }

    fn work(&mut self) -> Result<(), StoreError> {
        let mut sweep_at = Instant::now() + limits::SWEEP_PAUSE;
        loop {
            match self.pending.next_task(sweep_at) {
                Task::Flush => self.flush()?,
                Task::Close => return self.flush(),
                Task::Idle => {}
            }
            if Instant::now() >= sweep_at {
                let more = self.sweeper.step()?;
                sweep_at = Instant::now()
                    + if more {
                        limits::SWEEP_PAUSE
                    } else {
                        limits::SWEEP_EVERY
                    };
            }
        }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let taken = self.pending.take();
        self.flusher.write(&taken.window)?;
        self.open_executions
            .store(self.flusher.open_executions(), Ordering::Relaxed);
        self.pending.wrote(taken);
        Ok(())
    }
}
