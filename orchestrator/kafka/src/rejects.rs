//! Rejected inputs that have to be read again for the dead-letter topic.
//!
//! Owns: a thread and a consumer for that alone, since a read may have to wait for a broker. A partition that gives no
//! answer waits its turn again behind the others.

use crate::client::{Logged, meet};
use crate::config::Config;
use crate::decode::owned;
use crate::inbox::Inbox;
use crate::limits::{POLL_EVERY, REQUEST_TIMEOUT, RETRY_EVERY};
use crate::producer::{Sender, Tag, To};
use crate::topics::Admin;
use baton_schemas::history::InputTopic;
use baton_schemas::topics::Topics;
use baton_schemas::{DeadLetter, Record};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the driver asks for.
pub enum Job {
    /// Send an input to the dead-letter topic.
    DeadLetter(Reject),
    /// End.
    Stop,
}

/// An input that was read and is not wanted.
pub struct Reject {
    pub partition: i32,
    /// The owner's name for the effect.
    pub id: u64,
    pub topic: InputTopic,
    pub offset: i64,
    pub reason: Arc<str>,
}

/// See the module.
pub struct Rejects {
    topics: Topics,
    consumer: BaseConsumer<Logged>,
    admin: Arc<Admin>,
    effects: Sender,
    jobs: Receiver<Job>,
    inbox: Arc<Inbox>,
    /// Where the consumer stands, while it has a partition.
    place: Option<Place>,
    /// What could not be read yet, and when to try again; bounded by what owners have open.
    later: VecDeque<(Instant, Reject)>,
}

/// The next record that a consumer will give.
struct Place {
    topic: Arc<str>,
    partition: i32,
    next: i64,
}

/// Why there is no record.
enum Missing {
    /// It will not come.
    Gone(String),
    /// No broker answers.
    NotYet,
}

/// Rejected inputs often stand close together: this many records are rather skipped than sought past.
const SKIPPED_MAX: i64 = 1_000;
/// Longest wait for a job.
const IDLE: Duration = Duration::from_secs(60);

impl Rejects {
    pub fn new(
        config: &Config,
        admin: Arc<Admin>,
        effects: Sender,
        jobs: Receiver<Job>,
        inbox: Arc<Inbox>,
    ) -> KafkaResult<Self> {
        let mut settings = config.consumer("rejects", "read_uncommitted", "error");
        // It reads single records: what it would read ahead is thrown away.
        settings.set("queued.min.messages", SKIPPED_MAX.to_string());
        let consumer = BaseConsumer::from_config_and_context(&settings, Logged("rejects"))?;
        Ok(Self {
            topics: config.topics(),
            consumer,
            admin,
            effects,
            jobs,
            inbox,
            place: None,
            later: VecDeque::new(),
        })
    }

    /// Does jobs until told to stop.
    pub fn run(mut self) {
        loop {
            match self.next_job() {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Job::DeadLetter(reject)) => self.dead_letter(reject),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The next job; while there is none, nothing is read ahead.
    fn next_job(&mut self) -> Result<Job, RecvTimeoutError> {
        if let Ok(job) = self.jobs.try_recv() {
            return Ok(job);
        }
        let now = Instant::now();
        if self.later.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, reject)) = self.later.pop_front()
        {
            return Ok(Job::DeadLetter(reject));
        }
        if self.place.take().is_some()
            && let Err(e) = self.consumer.unassign()
        {
            tracing::warn!(kafka.error = %e, "a partition stays assigned");
        }
        let next = self.later.front();
        let wait = next.map_or(IDLE, |(at, _)| at.saturating_duration_since(now));
        self.jobs.recv_timeout(wait)
    }

    fn dead_letter(&mut self, reject: Reject) {
        let name = crate::topics::input(&self.topics, reject.topic).clone();
        let (original, why) = match self.fetch(&name, reject.partition, reject.offset) {
            Ok(record) => (record, reject.reason),
            Err(Missing::NotYet) => {
                self.later.push_back((Instant::now() + RETRY_EVERY, reject));
                return;
            }
            // Better a dead letter that only says where the record was than none.
            Err(Missing::Gone(e)) => {
                let why = format!(
                    "{} (the record could not be read again: {e})",
                    reject.reason
                );
                (Record::default(), why.into())
            }
        };
        let Reject {
            partition,
            id,
            offset,
            ..
        } = reject;
        let letter = DeadLetter {
            original,
            topic: name,
            partition,
            offset,
            reason: why,
        };
        let to = To {
            topic: &self.topics.dead_letter,
            partition: None,
        };
        self.effects
            .send_outgoing(to, &letter, Tag::Owner { partition, id });
    }

    /// The record at `offset`.
    fn fetch(&mut self, topic: &Arc<str>, partition: i32, offset: i64) -> Result<Record, Missing> {
        let mut fresh = self.go_to(topic, partition, offset)?;
        let give_up = Instant::now() + REQUEST_TIMEOUT;
        let gone = || Err(Missing::Gone("it is no longer there".to_owned()));
        loop {
            match self.consumer.poll(POLL_EVERY) {
                Some(Ok(message)) if message.offset() < offset => {}
                Some(Ok(message)) => {
                    let place = self.place.as_mut().expect("it was just set");
                    place.next = message.offset() + 1;
                    return if message.offset() == offset {
                        Ok(owned(&message))
                    } else {
                        gone()
                    };
                }
                Some(Err(KafkaError::PartitionEOF(_))) if fresh => return gone(),
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    // It may be the end as it was when the record before this one was fetched.
                    self.place = None;
                    fresh = self.go_to(topic, partition, offset)?;
                }
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                    self.place = None;
                    return gone();
                }
                _ if self.inbox.is_closed() => return Err(Missing::NotYet),
                _ if Instant::now() >= give_up => {
                    self.place = None;
                    return Err(match self.admin.offsets(topic, partition) {
                        Ok((low, end)) if (low..end).contains(&offset) => Missing::NotYet,
                        Ok(_) => Missing::Gone("it is no longer there".to_owned()),
                        Err(_) => Missing::NotYet,
                    });
                }
                _ => {}
            }
        }
    }

    /// Sees to it that the consumer will come to `offset`; says whether it begins there.
    fn go_to(&mut self, topic: &Arc<str>, partition: i32, offset: i64) -> Result<bool, Missing> {
        let near = self.place.as_ref().is_some_and(|at| {
            at.topic == *topic
                && at.partition == partition
                && (at.next..=at.next + SKIPPED_MAX).contains(&offset)
        });
        if near {
            return Ok(false);
        }
        self.place = None;
        meet(&self.consumer, topic);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|e| Missing::Gone(e.to_string()))?;
        self.place = Some(Place {
            topic: topic.clone(),
            partition,
            next: offset,
        });
        Ok(true)
    }
}
