//! Whether a queue's handlers hold the polling thread, so that they have to run beside it.
//!
//! Owns: the judgement, from how long first polls took. One long poll says nothing: the thread may have been off its core.
//! Handlers that are slow again and again are.

use crate::limits::{INLINE_POLL_MAX, SLOW_POLL_WEIGHT, SLOW_POLLS_MAX};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What the first polls of one queue's handlers have shown. Only the polling thread notes them.
#[derive(Default)]
pub struct Pace {
    debt: AtomicU32,
}

impl Pace {
    /// Notes how long a first poll took.
    pub fn note(&self, took: Duration) {
        let debt = self.debt.load(Ordering::Relaxed);
        let debt = if took > INLINE_POLL_MAX {
            debt + SLOW_POLL_WEIGHT
        } else if debt > 0 {
            debt - 1
        } else {
            return;
        };
        self.debt.store(debt, Ordering::Relaxed);
    }

    /// Whether handlers are to be polled elsewhere. Once true it stays true, since nothing is noted then.
    pub fn is_slow(&self) -> bool {
        self.debt.load(Ordering::Relaxed) > SLOW_POLLS_MAX * SLOW_POLL_WEIGHT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Duration = Duration::from_millis(5);
    const QUICK: Duration = Duration::from_micros(3);

    #[test]
    fn handlers_that_are_always_slow_are_found_out_at_once() {
        let pace = Pace::default();
        for _ in 0..SLOW_POLLS_MAX {
            pace.note(SLOW);
            assert!(!pace.is_slow());
        }
        pace.note(SLOW);
        assert!(pace.is_slow());
    }

    #[test]
    fn a_thread_that_is_off_its_core_now_and_then_is_no_slow_handler() {
        let pace = Pace::default();
        for _ in 0..1000 {
            pace.note(SLOW);
            (0..SLOW_POLL_WEIGHT).for_each(|_| pace.note(QUICK));
            assert!(!pace.is_slow());
        }
    }
}
