//! Timers of an execution's frames.
//!
//! Owns: which frame is due first. A frame has at most one deadline (wait, retry, task timeout) and one heartbeat.
//! Heartbeats are kept by interval and last sign of life, since the owner's claim moves all of them at once (R11).
//! Nearly every execution that waits has one timer, and executions wait by the hundred thousand: one alone takes no
//! memory of its own.

use crate::frame::Frame;
use std::collections::BTreeSet;

/// All timers of an execution, but for the execution's own timeout.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timers {
    /// `(due, frame)`, milliseconds since the epoch.
    deadlines: Few<(i64, u32)>,
    /// `(interval, last sign of life, frame)`, milliseconds.
    heartbeats: Few<(i64, i64, u32)>,
}

/// A sorted set, mostly of one.
#[derive(Clone, Debug, Default, PartialEq)]
enum Few<T> {
    #[default]
    None,
    One(T),
    /// Two or more: sets that compare equal are of one form.
    Many(BTreeSet<T>),
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
            self.deadlines.remove((due_ms, id));
        }
        if let Some((interval, last)) = frame.heartbeat() {
            self.heartbeats.remove((interval, last, id));
        }
    }

    /// Disarms everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The timer that is due first, given that no heartbeat counts as missed before `since_ms` + its interval.
    pub fn first(&self, since_ms: i64) -> Option<Due> {
        let deadline = self.deadlines.first().map(|(at_ms, frame)| Due {
            at_ms,
            frame,
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
        while let Some((interval, last, frame)) = self.heartbeats.from((above, i64::MIN, 0)) {
            let at_ms = last.max(since_ms).saturating_add(interval);
            if first.is_none_or(|f| at_ms < f.at_ms) {
                first = Some(Due {
                    at_ms,
                    frame,
                    heartbeat: true,
                });
            }
            above = interval.saturating_add(1);
            if interval == i64::MAX {
                break;
            }
        }
        first
    }
}

impl<T: Copy + Ord> Few<T> {
    fn insert(&mut self, item: T) {
        match self {
            Self::None => *self = Self::One(item),
            Self::One(one) if *one == item => {}
            Self::One(one) => *self = Self::Many(BTreeSet::from([*one, item])),
            Self::Many(many) => {
                many.insert(item);
            }
        }
    }

    fn remove(&mut self, item: T) {
        match self {
            Self::One(one) if *one == item => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(many) => {
                many.remove(&item);
                if let (1, Some(one)) = (many.len(), many.first()) {
                    *self = Self::One(*one);
                }
            }
        }
    }

    fn first(&self) -> Option<T> {
        match self {
            Self::None => None,
            Self::One(one) => Some(*one),
            Self::Many(many) => many.first().copied(),
        }
    }

    /// The first that is not below `least`.
    fn from(&self, least: T) -> Option<T> {
        match self {
            Self::None => None,
            Self::One(one) => (*one >= least).then_some(*one),
            Self::Many(many) => many.range(least..).next().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn few_is_a_sorted_set(steps: Vec<(bool, u8)>, least: u8) {
            let (mut few, mut set) = (Few::default(), BTreeSet::new());
            for (add, item) in steps {
                let item = item % 5;
                if add {
                    few.insert(item);
                    set.insert(item);
                } else {
                    few.remove(item);
                    set.remove(&item);
                }
                prop_assert_eq!(few.first(), set.first().copied());
                let from = few.from(least % 6);
                prop_assert_eq!(from, set.range(least % 6..).next().copied());
                // Equal sets are equal however they came about.
                let mut anew = Few::default();
                set.iter().rev().for_each(|item| anew.insert(*item));
                prop_assert_eq!(&few, &anew);
            }
        }
    }
}
