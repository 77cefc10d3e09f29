//! Timers of an execution's frames.
//!
//! Owns: which frame is due first. A frame has at most one deadline (wait, retry, task timeout) and one heartbeat.
//! Heartbeats are kept by interval and last sign of life, since the owner's claim moves all of them at once (R11).

use crate::frame::Frame;
use std::collections::BTreeSet;

/// All timers of an execution, but for the execution's own timeout.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timers {
    /// `(due, frame)`, milliseconds since the epoch.
    deadlines: BTreeSet<(i64, u32)>,
    /// `(interval, last sign of life, frame)`, milliseconds.
    heartbeats: BTreeSet<(i64, i64, u32)>,
}

/// A timer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// Whose.
    pub frame: u32,
    /// Whether it is the heartbeat.
    pub heartbeat: bool,
}

impl Timers {
    /// Arms the timers that `frame` has now.
    pub fn arm(&mut self, id: u32, frame: &Frame) {
        if let Some(due_ms) = frame.due_ms() {
            self.deadlines.insert((due_ms, id));
        }
        if let Some((interval, last)) = frame.heartbeat() {
            self.heartbeats.insert((interval, last, id));
        }
    }

    /// Disarms the timers that `frame` has now.
    pub fn disarm(&mut self, id: u32, frame: &Frame) {
        if let Some(due_ms) = frame.due_ms() {
            self.deadlines.remove(&(due_ms, id));
        }
        if let Some((interval, last)) = frame.heartbeat() {
            self.heartbeats.remove(&(interval, last, id));
        }
    }

    /// Disarms everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The timer that is due first, given that no heartbeat counts as missed before `since_ms` + its interval.
    pub fn first(&self, since_ms: i64) -> Option<Due> {
        let deadline = self.deadlines.first().map(|(at_ms, frame)| Due {
            at_ms: *at_ms,
            frame: *frame,
            heartbeat: false,
        });
        let heartbeat = self.first_heartbeat(since_ms);
        match (deadline, heartbeat) {
            (Some(d), Some(h)) => Some(if h.at_ms < d.at_ms { h } else { d }),
            (d, h) => d.or(h),
        }
    }

    /// Looks at one heartbeat of each interval: intervals are few, tasks may be many.
    fn first_heartbeat(&self, since_ms: i64) -> Option<Due> {
        let mut first: Option<Due> = None;
        let mut above = i64::MIN;
        while let Some((interval, last, frame)) =
            self.heartbeats.range((above, i64::MIN, 0)..).next()
        {
            let at_ms = (*last).max(since_ms).saturating_add(*interval);
            if first.is_none_or(|f| at_ms < f.at_ms) {
                first = Some(Due {
                    at_ms,
                    frame: *frame,
                    heartbeat: true,
                });
            }
            above = interval.saturating_add(1);
            if *interval == i64::MAX {
                break;
            }
        }
        first
    }
}
