//! The concurrency limit of a queue: how many handlers run beside the polling thread, and waiting for one to end.

use crate::signal::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A counted limit. Cheap to clone; all clones are one limit.
#[derive(Clone)]
pub struct Slots(Arc<Inner>);

struct Inner {
    limit: usize,
    taken: AtomicUsize,
    given_back: Signal,
}

/// One taken slot; dropping it gives it back.
pub struct Slot(Slots);

impl Slots {
    /// `limit` slots, at least one.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner {
            limit: limit.max(1),
            taken: AtomicUsize::new(0),
            given_back: Signal::default(),
        }))
    }

    /// Takes one, even past the limit: whoever starts work looks at [`Self::free`] first.
    pub fn take(&self) -> Slot {
        self.0.taken.fetch_add(1, Ordering::SeqCst);
        Slot(self.clone())
    }

    /// Whether one is left.
    pub fn free(&self) -> bool {
        self.taken() < self.0.limit
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::SeqCst)
    }

    /// Waits until `enough`, at most `timeout`.
    pub fn wait(&self, timeout: Duration, enough: impl Fn(&Self) -> bool) {
        self.0.given_back.wait(timeout, || enough(self));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.0.taken.fetch_sub(1, Ordering::SeqCst);
        self.0.0.given_back.notify();
    }
}
