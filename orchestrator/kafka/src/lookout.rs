//! Looks every few seconds whether the brokers answer, and how much waits in the inputs.
//!
//! Owns: the figures of lag, and the news that no broker answers, for readiness. Must not: be asked by owners, or decide
//! anything: what it sees is for people (see `asker` for the questions that owners wait for).

use crate::config::Config;
use crate::driver::TOPICS;
use crate::limits::{LOOK_EVERY, QUESTION_TIMEOUT};
use crate::metrics::Counters;
use crate::status::SharedStatus;
use crate::topics::Admin;
use baton_schemas::topics::Topics;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// After this many looks without an answer nobody is thought to be there.
const UNANSWERED_MAX: u32 = 2;

/// See the module.
pub struct Lookout {
    topics: Topics,
    admin: Arc<Admin>,
    status: SharedStatus,
    counters: Arc<Counters>,
    /// Disconnected when the engine ends.
    stop: Receiver<()>,
    /// Looks in a row that nobody answered.
    unanswered: u32,
}

impl Lookout {
    pub fn new(
        config: &Config,
        admin: Arc<Admin>,
        status: SharedStatus,
        counters: Arc<Counters>,
        stop: Receiver<()>,
    ) -> Self {
        Self {
            topics: config.topics(),
            admin,
            status,
            counters,
            stop,
            unanswered: 0,
        }
    }

    /// Looks until told to stop.
    pub fn run(mut self) {
        while self.stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    fn look(&mut self) {
        let status = self.status.get();
        if !self.admin.answers(&self.topics.history) {
            self.unanswered += 1;
            // One answer may be late; two in a row mean that nobody is there.
            if self.unanswered >= UNANSWERED_MAX && !status.silent {
                self.status.update(|status| status.silent = true);
                tracing::warn!("no broker answers: not ready until one does");
            }
            return;
        }
        self.unanswered = 0;
        if status.silent {
            self.status.update(|status| status.silent = false);
            tracing::info!("the brokers answer again");
        }
        self.counters.measures.lags(self.lags(&status.positions));
    }

    /// What waits in each input partition; one whose end is not known now is left out.
    fn lags(&self, positions: &BTreeMap<(usize, i32), i64>) -> BTreeMap<(usize, i32), i64> {
        let lag = |(&(topic, partition), next): (&(usize, i32), &i64)| {
            let name = crate::topics::input(&self.topics, TOPICS[topic]);
            self.admin.check_led(name, partition).ok()?;
            let (_, end) = self
                .admin
                .offsets_within(name, partition, QUESTION_TIMEOUT)
                .ok()?;
            Some(((topic, partition), (end - next).max(0)))
        };
        positions.iter().filter_map(lag).collect()
    }
}
