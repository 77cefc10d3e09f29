//! How records become durable: one sync for all that was written since the last one began.

use super::{Partition, State};
use crate::log::{Appended, LogError, flusher::Flush};
use std::sync::Arc;
use tokio::sync::watch;

/// A batch that is in the log and perhaps not yet durable.
#[must_use = "a batch may be acknowledged only when it is durable"]
pub struct Written {
    partition: Arc<Partition>,
    watch: watch::Receiver<i64>,
    appended: Appended,
    end: i64,
}

impl Written {
    /// Waits until the batch, and all before it in its partition, is durable. Only then may it be acknowledged.
    pub async fn durable(mut self) -> Result<Appended, LogError> {
        let reached = self
            .watch
            .wait_for(|durable| *durable >= self.end)
            .await
            .is_ok();
        if reached {
            Ok(self.appended)
        } else {
            Err(self.partition.why_refused())
        }
    }
}

impl Partition {
    pub(super) fn written(
        self: &Arc<Self>,
        state: &State,
        appended: Appended,
        end: i64,
    ) -> Result<Written, LogError> {
        let watch = state
            .watch
            .as_ref()
            .expect("there while the partition is usable")
            .subscribe();
        Ok(Written {
            partition: Arc::clone(self),
            watch,
            appended,
            end,
        })
    }

    /// Lets what was written become durable: now, or when the flusher comes.
    pub(super) fn settle(self: &Arc<Self>, state: &mut State) {
        if !self.disk.fsync {
            let end = state.end;
            state.advance(end);
        } else if !state.is_queued {
            state.is_queued = true;
            self.queue.push(Arc::clone(self) as Arc<dyn Flush>);
        }
    }

    fn why_refused(&self) -> LogError {
        self.lock()
            .refused
            .clone()
            .unwrap_or_else(|| LogError::Io("the log was closed".into()))
    }
}

impl Flush for Partition {
    fn flush(&self) -> bool {
        let (files, end) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.unsynced), state.end)
        };
        let synced = files.iter().try_for_each(|file| self.disk.sync(file));
        let mut state = self.lock();
        state.is_queued = false;
        if let Err(error) = synced {
            // After a failed sync the kernel may have dropped what it could not write, and says so only once: another
            // sync would succeed and mean nothing. So the partition stops; a restart reads what is really there.
            let doing = "sync; the partition is refused until a restart has read it again";
            state.refuse(LogError::Io(
                format!("{}: {doing}: {error}", self.label).into(),
            ));
            tracing::error!(partition = self.label, "{doing}: {error}");
            return false;
        }
        if state.refused.is_none() && end > state.durable {
            state.advance(end);
        }
        state.is_queued = !state.unsynced.is_empty() && state.refused.is_none();
        state.is_queued
    }
}
