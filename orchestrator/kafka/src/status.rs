//! How the node stands, for readiness, routing and a graceful stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whether this node can serve what it owns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Everything assigned is folded and drained, nothing has halted, and the producers work.
    pub ready: bool,
    /// Partitions that the group gave to this node.
    pub assigned: Vec<i32>,
    /// Those of them that serve.
    pub serving: Vec<i32>,
    /// Partitions that can't go on until somebody looks, and why.
    pub halted: Vec<(i32, String)>,
    /// Whether the producers work and a broker answers.
    pub producers_usable: bool,
    /// Whether the node is stopping.
    pub stopping: bool,
}

/// Shared between the driver, which writes, and everybody else.
#[derive(Default)]
pub struct Status {
    state: Mutex<State>,
    changed: Condvar,
}

/// What the driver knows.
#[derive(Clone, Default)]
pub struct State {
    /// Partition -> whether it serves.
    pub assigned: BTreeMap<i32, bool>,
    /// Partition -> epoch, of what is owned.
    pub epochs: BTreeMap<i32, i64>,
    /// Partition -> why it halted.
    pub halted: BTreeMap<i32, String>,
    /// Whether the group has given this node anything yet (it may be that there is nothing for it).
    pub joined: bool,
    /// No broker answers.
    pub silent: bool,
    /// The next offset to read, by place in the input topics and partition; now and then brought up to date.
    pub positions: BTreeMap<(usize, i32), i64>,
    pub draining: bool,
    /// Nothing is under way any more.
    pub drained: bool,
}

impl Status {
    pub fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    pub fn get(&self) -> State {
        self.lock().clone()
    }

    /// Whether this partition is assigned and serves.
    pub fn serves(&self, partition: i32) -> bool {
        self.lock().assigned.get(&partition) == Some(&true)
    }

    /// Waits until `wanted` holds, up to `timeout`; says whether it does.
    pub fn wait(&self, timeout: Duration, wanted: impl Fn(&State) -> bool) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |state| !wanted(state))
            .unwrap_or_else(PoisonError::into_inner);
        wanted(&state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// For the outside.
    pub fn readiness(&self, producers_usable: bool) -> Readiness {
        let serving: Vec<i32> = self
            .assigned
            .iter()
            .filter(|(_, serves)| **serves)
            .map(|(p, _)| *p)
            .collect();
        let producers_usable = producers_usable && !self.silent;
        let all = self.joined && serving.len() == self.assigned.len();
        Readiness {
            ready: all && self.halted.is_empty() && producers_usable && !self.draining,
            assigned: self.assigned.keys().copied().collect(),
            serving,
            halted: self
                .halted
                .iter()
                .map(|(p, reason)| (*p, reason.clone()))
                .collect(),
            producers_usable,
            stopping: self.draining,
        }
    }
}

/// Shared status.
pub type SharedStatus = Arc<Status>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_everything_assigned_serves() {
        let mut state = State::default();
        assert!(!state.readiness(true).ready, "not joined");
        state.joined = true;
        state.assigned = BTreeMap::from([(0, true), (1, false)]);
        assert!(!state.readiness(true).ready);
        state.assigned.insert(1, true);
        assert!(state.readiness(true).ready && !state.readiness(false).ready);
        state.silent = true;
        assert!(!state.readiness(true).ready, "no broker answers");
        state.silent = false;
        state.halted.insert(1, "why".to_owned());
        assert!(!state.readiness(true).ready);
    }
}
