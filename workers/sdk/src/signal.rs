//! Waiting for a count to change, without cost to those who change it while nobody waits.

use crate::offsets::lock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wakes waiting threads. What they wait for lives elsewhere and is changed with `SeqCst` before [`Signal::notify`].
#[derive(Default)]
pub struct Signal {
    waiting: AtomicBool,
    guard: Mutex<()>,
    changed: Condvar,
}

impl Signal {
    /// Something changed.
    pub fn notify(&self) {
        if self.waiting.load(Ordering::SeqCst) {
            let _guard = lock(&self.guard);
            self.changed.notify_all();
        }
    }

    /// Waits until `enough`, at most `timeout`. For one waiting thread at a time; a second one may wait its `timeout`.
    pub fn wait(&self, timeout: Duration, mut enough: impl FnMut() -> bool) {
        let until = Instant::now() + timeout;
        let mut guard = lock(&self.guard);
        self.waiting.store(true, Ordering::SeqCst);
        while !enough() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            guard = self
                .changed
                .wait_timeout(guard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        self.waiting.store(false, Ordering::SeqCst);
    }
}
