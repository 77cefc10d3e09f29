//! The concurrency limit of a queue: how many handlers run beside the polling thread, and waiting for one to end.

use crate::offsets::lock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A counted limit. Cheap to clone; all clones are one limit.
#[derive(Clone)]
pub struct Slots(Arc<Inner>);

struct Inner {
    limit: usize,
    taken: AtomicUsize,
    /// Spares the wake-up when nobody waits, which is nearly always.
    waiting: AtomicBool,
    guard: Mutex<()>,
    changed: Condvar,
}

/// One taken slot; dropping it gives it back.
pub struct Slot(Slots);

impl Slots {
    /// `limit` slots, at least one.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner {
            limit: limit.max(1),
            taken: AtomicUsize::new(0),
            waiting: AtomicBool::new(false),
            guard: Mutex::new(()),
            changed: Condvar::new(),
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
        let until = Instant::now() + timeout;
        let mut guard = lock(&self.0.guard);
        self.0.waiting.store(true, Ordering::SeqCst);
        while !enough(self) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = self
                .0
                .changed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        self.0.waiting.store(false, Ordering::SeqCst);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let inner = &self.0.0;
        inner.taken.fetch_sub(1, Ordering::SeqCst);
        if inner.waiting.load(Ordering::SeqCst) {
            let _guard = lock(&inner.guard);
            inner.changed.notify_all();
        }
    }
}
