//! Questions about where partitions begin and end, off the driver's thread.
//!
//! Owns: where inputs are to be read from, and where a history partition ends. One question at a time, each with a short
//! time; what gets no answer waits its turn again, so that a partition without a leader holds nobody up for long. What
//! waits is bounded: one question of a kind for each partition. Must not: do anything that takes long (see `chores`).

use crate::config::Config;
use crate::driver::TOPICS;
use crate::inbox::{Closed, Inbox, Message};
use crate::limits::{BEYOND_END_MAX, QUESTION_TIMEOUT, RETRY_EVERY};
use crate::topics::Admin;
use baton_engine::Input;
use baton_schemas::topics::Topics;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rdkafka::error::KafkaError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the driver asks for.
pub enum Job {
    /// Where input partitions begin and end; `inputs` is what the history says: (session, next offset) of each of
    /// [`TOPICS`]. Asked until it is known.
    FindInputs {
        partition: i32,
        inputs: [(u32, Option<i64>); 2],
    },
    /// Where the history partition ends. Not answered if that is not known soon: the owner asks again by itself.
    LookAtEnd { partition: i32 },
    /// End.
    Stop,
}

/// See the module.
pub struct Asker {
    topics: Topics,
    admin: Arc<Admin>,
    jobs: Receiver<Job>,
    inbox: Arc<Inbox>,
    /// By partition and place in [`TOPICS`]; a newer opening takes the place of an older one.
    openings: BTreeMap<(i32, usize), Opening>,
    /// History partitions whose end is asked for.
    ends: BTreeSet<i32>,
    /// History partitions that gave no answer, and until when they are let be.
    silent: BTreeMap<i32, Instant>,
}

struct Opening {
    session: u32,
    position: Option<i64>,
    not_before: Instant,
    /// A question got no answer.
    failed: bool,
    /// Since when the position seems to lie beyond the end.
    beyond: Option<Instant>,
}

impl Asker {
    pub fn new(config: &Config, admin: Arc<Admin>, jobs: Receiver<Job>, inbox: Arc<Inbox>) -> Self {
        Self {
            topics: config.topics(),
            admin,
            jobs,
            inbox,
            openings: BTreeMap::new(),
            ends: BTreeSet::new(),
            silent: BTreeMap::new(),
        }
    }

    /// Asks until told to stop.
    pub fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(self.until_due()) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(job) => self.note(job),
                Err(RecvTimeoutError::Timeout) => {}
            }
            while let Ok(job) = self.jobs.try_recv() {
                if matches!(job, Job::Stop) {
                    return;
                }
                self.note(job);
            }
            if self.find_one().and_then(|()| self.look_at_one()).is_err() {
                return;
            }
        }
    }

    fn note(&mut self, job: Job) {
        match job {
            Job::FindInputs { partition, inputs } => {
                for (topic, (session, position)) in inputs.into_iter().enumerate() {
                    let opening = Opening {
                        session,
                        position,
                        not_before: Instant::now(),
                        failed: false,
                        beyond: None,
                    };
                    self.openings.insert((partition, topic), opening);
                }
            }
            Job::LookAtEnd { partition } => {
                if self
                    .silent
                    .get(&partition)
                    .is_none_or(|until| *until <= Instant::now())
                {
                    self.ends.insert(partition);
                }
            }
            Job::Stop => {}
        }
    }

    /// How long there is nothing to do.
    fn until_due(&self) -> Duration {
        const IDLE: Duration = Duration::from_secs(60);
        if !self.ends.is_empty() {
            return Duration::ZERO;
        }
        let next = self.openings.values().map(|o| o.not_before).min();
        next.map_or(IDLE, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Finds out where one input partition is to be read from: the one that has waited longest.
    fn find_one(&mut self) -> Result<(), Closed> {
        let due = self
            .openings
            .iter()
            .filter(|(_, o)| o.not_before <= Instant::now());
        let Some((key, _)) = due.min_by_key(|(_, o)| o.not_before) else {
            return Ok(());
        };
        let (partition, i) = *key;
        let mut opening = self.openings.remove(&(partition, i)).expect("just found");
        let topic = TOPICS[i];
        let name = crate::topics::input(&self.topics, topic);
        let session = opening.session;
        let message = match self.offsets(name, partition, opening.failed) {
            Err(e) => {
                tracing::warn!(partition, kafka.topic = &**name, kafka.error = %e, "inputs can't be opened yet");
                opening.failed = true;
                None
            }
            Ok((low, end)) => {
                let next = opening.position.unwrap_or(low);
                let since = *opening.beyond.get_or_insert_with(Instant::now);
                if (low..=end).contains(&next) {
                    Some(Message::Found {
                        topic,
                        partition,
                        session,
                        next,
                        end,
                    })
                } else if next > end && since.elapsed() < BEYOND_END_MAX {
                    None
                } else {
                    let reason = format!(
                        "the history says that {name} partition {partition} is to be read on from offset {next}, but the \
                         topic holds {low} to {end}: records were deleted before they were read, or the topic was made \
                         anew. Restore the topic, or accept the loss as docs/operations.md says"
                    );
                    Some(Message::OutOfRange {
                        partition,
                        session,
                        topic,
                        reason,
                    })
                }
            }
        };
        match message {
            Some(message) => self.inbox.push(message),
            None => {
                opening.not_before = Instant::now() + RETRY_EVERY;
                self.openings.insert((partition, i), opening);
                Ok(())
            }
        }
    }

    fn look_at_one(&mut self) -> Result<(), Closed> {
        let Some(partition) = self.ends.pop_first() else {
            return Ok(());
        };
        let failed = self.silent.remove(&partition).is_some();
        match self.offsets(&self.topics.history, partition, failed) {
            Ok((_, next)) => self.inbox.push(Message::Input {
                partition,
                input: Input::HistoryEnd { next },
            }),
            Err(e) => {
                tracing::debug!(partition, kafka.error = %e, "the history's end is not known");
                self.silent
                    .insert(partition, Instant::now() + 4 * RETRY_EVERY);
                Ok(())
            }
        }
    }

    /// The first and the next offset. librdkafka waits for a leader where there is none: for a partition that failed
    /// before, whether it has one is asked first.
    fn offsets(&self, topic: &str, partition: i32, failed: bool) -> Result<(i64, i64), KafkaError> {
        if failed {
            self.admin.check_led(topic, partition)?;
        }
        self.admin
            .offsets_within(topic, partition, QUESTION_TIMEOUT)
    }
}
