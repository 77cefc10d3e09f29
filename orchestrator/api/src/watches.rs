//! Who waits for changes of which execution.
//!
//! Owns: the list of waiting requests, fed by whatever feeds the views: so a change is told when it is effective and in
//! the views, never before. Must not: know events or protocols; who is woken reads the views.
//!
//! While nobody waits, a batch of effective records costs two atomic reads.

use crate::app::error::{ApiError, ErrorCode};
use crate::limits::WATCHES_MAX;
use crate::recent::{Recent, records_of};
use baton_engine::views::{Applied, Change, ViewWriter};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Waiting requests by the ARN of the execution.
#[derive(Debug, Default)]
pub struct Watches {
    waiting: Mutex<BTreeMap<Arc<str>, Vec<Arc<Notify>>>>,
    count: AtomicUsize,
    recent: Recent,
}

/// One waiting request; ends when dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    watches: Arc<Watches>,
    execution: Arc<str>,
    notify: Arc<Notify>,
}

impl Watches {
    /// Stands between the engine and the views: passes everything on, then wakes who waits.
    #[must_use]
    pub fn feed(self: &Arc<Self>, views: Box<dyn ViewWriter>) -> Box<dyn ViewWriter> {
        Box::new(Feed {
            watches: self.clone(),
            views,
        })
    }

    /// Wakes who waits for `execution`.
    pub fn changed(&self, execution: &str) {
        if let Some(waiting) = self.waiting().get(execution) {
            // A permit is kept for who is just looking, so that no change is missed.
            waiting.iter().for_each(|notify| notify.notify_one());
        }
    }

    /// What became effective lately.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Whether somebody waits for `execution`.
    #[must_use]
    pub fn is_watched(&self, execution: &str) -> bool {
        self.waiting().contains_key(execution)
    }

    /// Waits from now on. To be called before the views are read.
    ///
    /// # Errors
    /// ThrottlingException when [`WATCHES_MAX`] wait already.
    pub(crate) fn watch(self: &Arc<Self>, execution: &Arc<str>) -> Result<Watch, ApiError> {
        let mut waiting = self.waiting();
        if self.count.load(Ordering::Relaxed) >= WATCHES_MAX {
            let message = format!("{WATCHES_MAX} requests wait on this node: try again later");
            return Err(ApiError::new(ErrorCode::ThrottlingException, message));
        }
        let notify = Arc::new(Notify::new());
        waiting
            .entry(execution.clone())
            .or_default()
            .push(notify.clone());
        self.count.fetch_add(1, Ordering::SeqCst);
        Ok(Watch {
            watches: self.clone(),
            execution: execution.clone(),
            notify,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Vec<Arc<Notify>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Completes when the execution changed since the last time.
    pub(crate) async fn changed(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut waiting = self.watches.waiting();
        if let Some(others) = waiting.get_mut(&self.execution) {
            others.retain(|other| !Arc::ptr_eq(other, &self.notify));
            if others.is_empty() {
                waiting.remove(&self.execution);
            }
        }
        self.watches.count.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Feed {
    watches: Arc<Watches>,
    views: Box<dyn ViewWriter>,
}

impl ViewWriter for Feed {
    fn apply(&mut self, batch: Vec<Applied>) {
        let recent = self.watches.recent.is_kept().then(|| records_of(&batch));
        if self.watches.count.load(Ordering::SeqCst) == 0 {
            self.views.apply(batch);
            if let Some(records) = recent {
                self.watches.recent.keep(records);
            }
            return;
        }
        let changed: Vec<Arc<str>> = batch
            .iter()
            .filter_map(|applied| match &applied.change {
                Change::Step { execution, .. }
                | Change::Reopened { execution, .. }
                | Change::Restated { execution, .. } => Some(execution.clone()),
                _ => None,
            })
            .collect();
        self.views.apply(batch);
        if let Some(records) = recent {
            self.watches.recent.keep(records);
        }
        changed
            .iter()
            .for_each(|execution| self.watches.changed(execution));
    }

    fn reset(&mut self, partition: i32) {
        self.views.reset(partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_between_looking_and_waiting_is_not_missed() {
        let watches = Arc::new(Watches::default());
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let (first, second) = (watches.watch(&one).unwrap(), watches.watch(&one).unwrap());
        let elsewhere = watches.watch(&other).unwrap();
        watches.changed("one");
        first.changed().await;
        second.changed().await;
        let woken = futures::FutureExt::now_or_never(elsewhere.changed());
        assert!(woken.is_none(), "another execution changed");
        drop((first, second, elsewhere));
        assert!(watches.waiting().is_empty());
        assert_eq!(watches.count.load(Ordering::SeqCst), 0);
    }
}
