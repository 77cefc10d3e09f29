//! Questions and chores that may take a round trip, off the driver's thread.
//!
//! Owns: where a history partition ends, deletion of old history, results reported again from the views, rejected inputs
//! read again for the dead-letter topic, and topics of queues. Must not: be in the way of a command or an append.

use crate::block_on::block_on;
use crate::client::{Logged, meet};
use crate::config::Config;
use crate::decode::owned;
use crate::driver::TOPICS;
use crate::inbox::{Closed, Inbox, Message};
use crate::limits::{POLL_EVERY, REQUEST_TIMEOUT, RETRY_EVERY};
use crate::producer::{Sender, Tag, To};
use crate::report;
use crate::topics::Admin;
use baton_engine::{Input, Views};
use baton_schemas::history::InputTopic;
use baton_schemas::request::ReplyTo;
use baton_schemas::topics::Topics;
use baton_schemas::{DeadLetter, Record};
use crossbeam_channel::Receiver;
use rdkafka::admin::AdminOptions;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::Instant;

/// What the driver asks for.
pub enum Job {
    /// Where input partitions begin and end; `inputs` is what the history says: (session, next offset) of each of
    /// [`TOPICS`].
    FindInputs {
        partition: i32,
        inputs: [(u32, Option<i64>); 2],
    },
    /// Where the history partition ends.
    LookAtEnd { partition: i32 },
    /// Delete the history before this offset.
    DeleteHistory { partition: i32, before: i64 },
    /// Send a closed execution's result again.
    ReportAgain {
        partition: i32,
        id: u64,
        to: ReplyTo,
        execution: Arc<str>,
    },
    /// Send an input to the dead-letter topic that has to be read again for it.
    DeadLetter {
        partition: i32,
        id: u64,
        topic: InputTopic,
        offset: i64,
        reason: Arc<str>,
    },
    /// Make sure that a queue has its topic.
    EnsureQueue { queue: Arc<str> },
    /// End.
    Stop,
}

/// See the module.
pub struct Asker {
    topics: Topics,
    consumer: BaseConsumer<Logged>,
    admin: Arc<Admin>,
    effects: Sender,
    jobs: Receiver<Job>,
    inbox: Arc<Inbox>,
    views: Arc<dyn Views>,
    /// Where the consumer stands, while it has a partition.
    place: Option<Place>,
}

/// The next record that a consumer will give.
struct Place {
    topic: Arc<str>,
    partition: i32,
    next: i64,
}

/// Rejected inputs often stand close together: this many records are rather skipped than sought past.
const SKIPPED_MAX: i64 = 1_000;

/// What an asker needs beside its client.
pub struct Parts {
    pub admin: Arc<Admin>,
    pub effects: Sender,
    pub jobs: Receiver<Job>,
    pub inbox: Arc<Inbox>,
    pub views: Arc<dyn Views>,
}

impl Asker {
    pub fn new(config: &Config, parts: Parts) -> KafkaResult<Self> {
        let mut settings = config.consumer("asker", "read_uncommitted", "error");
        // It reads single records: what it would read ahead is thrown away.
        settings.set("queued.min.messages", SKIPPED_MAX.to_string());
        let consumer = BaseConsumer::from_config_and_context(&settings, Logged("asker"))?;
        let Parts {
            admin,
            effects,
            jobs,
            inbox,
            views,
        } = parts;
        Ok(Self {
            topics: config.topics(),
            consumer,
            admin,
            effects,
            jobs,
            inbox,
            views,
            place: None,
        })
    }

    /// Does jobs until told to stop.
    pub fn run(mut self) {
        while let Some(job) = self.next_job() {
            let done = match job {
                Job::Stop => return,
                Job::FindInputs { partition, inputs } => self.find_inputs(partition, inputs),
                Job::LookAtEnd { partition } => self.look_at_end(partition),
                Job::DeleteHistory { partition, before } => {
                    self.delete_history(partition, before);
                    Ok(())
                }
                Job::ReportAgain {
                    partition,
                    id,
                    to,
                    execution,
                } => self.report_again(partition, id, &to, &execution),
                Job::DeadLetter {
                    partition,
                    id,
                    topic,
                    offset,
                    reason,
                } => self.dead_letter(partition, id, topic, offset, reason),
                Job::EnsureQueue { queue } => {
                    if let Err(e) = self.admin.ensure_queues(&[&queue]) {
                        tracing::error!(queue = &*queue, "{e}");
                    }
                    Ok(())
                }
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// The next job; while there is none, nothing is read ahead.
    fn next_job(&mut self) -> Option<Job> {
        if let Ok(job) = self.jobs.try_recv() {
            return Some(job);
        }
        if self.place.take().is_some()
            && let Err(e) = self.consumer.unassign()
        {
            tracing::warn!(kafka.error = %e, "the asker keeps its partition");
        }
        self.jobs.recv().ok()
    }

    /// Finds out where to read on. Tries until a broker answers: without it there is nothing else to do either.
    fn find_inputs(&self, partition: i32, inputs: [(u32, Option<i64>); 2]) -> Result<(), Closed> {
        for (topic, (session, position)) in TOPICS.into_iter().zip(inputs) {
            let name = crate::topics::input(&self.topics, topic);
            let (low, end) = loop {
                match self.admin.offsets(name, partition) {
                    Ok(offsets) => break offsets,
                    Err(e) if self.inbox.is_closed() => {
                        tracing::debug!(partition, kafka.error = %e, "stopping");
                        return Err(Closed);
                    }
                    Err(e) => {
                        tracing::warn!(partition, kafka.topic = &**name, kafka.error = %e, "inputs can't be opened yet");
                        std::thread::park_timeout(RETRY_EVERY);
                    }
                }
            };
            let next = position.unwrap_or(low);
            self.inbox.push(if (low..=end).contains(&next) {
                Message::Found { topic, partition, session, next, end }
            } else {
                let reason = format!(
                    "the history says that {name} partition {partition} is to be read on from offset {next}, but the topic \
                     holds {low} to {end}: records were deleted before they were read, or the topic was made anew. Restore \
                     the topic, or accept the loss as docs/operations.md says"
                );
                Message::OutOfRange { partition, session, topic, reason }
            })?;
        }
        Ok(())
    }

    fn look_at_end(&self, partition: i32) -> Result<(), Closed> {
        match self.admin.offsets(&self.topics.history, partition) {
            Ok((_, next)) => self.inbox.push(Message::Input {
                partition,
                input: Input::HistoryEnd { next },
            }),
            Err(e) => {
                // The owner asks again by itself.
                tracing::debug!(partition, kafka.error = %e, "the history's end is not known");
                Ok(())
            }
        }
    }

    /// Best effort: the owner deletes again after its next restatement.
    fn delete_history(&self, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        if list
            .add_partition_offset(&self.topics.history, partition, Offset::Offset(before))
            .is_err()
        {
            return;
        }
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        match block_on(self.admin.client().delete_records(&list, &options)) {
            Ok(results) => {
                for result in results.elements() {
                    if let Err(e) = result.error() {
                        tracing::warn!(partition, history.offset = before, kafka.error = %e, "old history not deleted");
                    }
                }
            }
            Err(e) => {
                tracing::warn!(partition, history.offset = before, kafka.error = %e, "old history not deleted")
            }
        }
    }

    fn report_again(
        &mut self,
        partition: i32,
        id: u64,
        to: &ReplyTo,
        execution: &Arc<str>,
    ) -> Result<(), Closed> {
        let Some(closed) = report::closed(&*self.views, execution) else {
            let result = Err(format!("the result of {execution} is not in the views"));
            return self.inbox.push(Message::Input {
                partition,
                input: Input::Sent { id, result },
            });
        };
        let to = To {
            topic: &to.topic,
            partition: Some(to.partition),
        };
        self.effects
            .send_outgoing(to, &closed, Tag::Owner { partition, id });
        Ok(())
    }

    fn dead_letter(
        &mut self,
        partition: i32,
        id: u64,
        topic: InputTopic,
        offset: i64,
        reason: Arc<str>,
    ) -> Result<(), Closed> {
        let name = crate::topics::input(&self.topics, topic).clone();
        let (original, reason) = match self.fetch(&name, partition, offset) {
            Ok(record) => (record, reason),
            // Better a dead letter that only says where the record was than none.
            Err(e) => (
                Record::default(),
                format!("{reason} (the record could not be read again: {e})").into(),
            ),
        };
        let letter = DeadLetter {
            original,
            topic: name,
            partition,
            offset,
            reason,
        };
        let to = To {
            topic: &self.topics.dead_letter,
            partition: None,
        };
        self.effects
            .send_outgoing(to, &letter, Tag::Owner { partition, id });
        Ok(())
    }

    /// The record at `offset`. Waits as long as no broker answers.
    fn fetch(&mut self, topic: &Arc<str>, partition: i32, offset: i64) -> Result<Record, String> {
        let mut fresh = self.go_to(topic, partition, offset)?;
        let mut give_up = Instant::now() + REQUEST_TIMEOUT;
        let gone = || Err("it is no longer there".to_owned());
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
                _ if Instant::now() >= give_up => match self.admin.offsets(topic, partition) {
                    Err(_) if !self.inbox.is_closed() => give_up = Instant::now() + REQUEST_TIMEOUT,
                    _ => return Err("no answer in time".to_owned()),
                },
                _ => {}
            }
        }
    }

    /// Sees to it that the consumer will come to `offset`; says whether it begins there.
    fn go_to(&mut self, topic: &Arc<str>, partition: i32, offset: i64) -> Result<bool, String> {
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
            .map_err(|e| e.to_string())?;
        self.place = Some(Place {
            topic: topic.clone(),
            partition,
            next: offset,
        });
        Ok(true)
    }
}
