//! Chores that may take a round trip or more, off the driver's thread.
//!
//! Owns: deletion of old history, results reported again from the views, and topics of queues. Must not: be in the way of
//! a command or an append, or of the questions that an owner waits for (see `asker`).

use crate::block_on::block_on;
use crate::inbox::{Closed, Inbox, Message};
use crate::limits::REQUEST_TIMEOUT;
use crate::producer::{Sender, Tag, To};
use crate::report;
use crate::topics::{Admin, TopicError};
use baton_engine::{Input, Views};
use baton_schemas::request::ReplyTo;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the driver asks for.
pub enum Job {
    /// Delete the history before this offset.
    DeleteHistory { partition: i32, before: i64 },
    /// Send a closed execution's result again.
    ReportAgain {
        partition: i32,
        id: u64,
        to: ReplyTo,
        execution: Arc<str>,
    },
    /// Make sure that a queue has its topic.
    EnsureQueue { queue: Arc<str> },
    /// End.
    Stop,
}

/// Pause before a queue's topic that could not be made is tried again.
const MAKE_AGAIN: Duration = Duration::from_secs(5);

/// See the module.
pub struct Chores {
    pub history: Arc<str>,
    pub admin: Arc<Admin>,
    pub effects: Sender,
    pub jobs: Receiver<Job>,
    pub inbox: Arc<Inbox>,
    pub views: Arc<dyn Views>,
    /// Queues whose topic could not be made yet, and when to try again.
    pub unmade: BTreeMap<Arc<str>, Instant>,
}

impl Chores {
    /// Does jobs until told to stop.
    pub fn run(mut self) {
        loop {
            let until = self.unmade.values().min().copied();
            let wait = until.map_or(MAKE_AGAIN, |at| {
                at.saturating_duration_since(Instant::now())
            });
            let done = match self.jobs.recv_timeout(wait) {
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Job::DeleteHistory { partition, before }) => {
                    self.delete_history(partition, before);
                    Ok(())
                }
                Ok(Job::ReportAgain {
                    partition,
                    id,
                    to,
                    execution,
                }) => self.report_again(partition, id, &to, &execution),
                Ok(Job::EnsureQueue { queue }) => {
                    self.ensure_queue(queue);
                    Ok(())
                }
                Err(RecvTimeoutError::Timeout) => Ok(()),
            };
            if done.is_err() || self.inbox.is_closed() {
                return;
            }
            let now = Instant::now();
            let due = self.unmade.iter().find(|(_, at)| **at <= now);
            if let Some(queue) = due.map(|(queue, _)| queue.clone()) {
                self.unmade.remove(&queue);
                self.ensure_queue(queue);
            }
        }
    }

    fn ensure_queue(&mut self, queue: Arc<str>) {
        let Err(e) = self.admin.ensure_queues(&[&queue]) else {
            return;
        };
        tracing::error!(queue = &*queue, "{e}");
        if matches!(e, TopicError::Kafka(_) | TopicError::NotMade { .. }) {
            self.unmade.insert(queue, Instant::now() + MAKE_AGAIN);
        }
    }

    /// Best effort: the owner deletes again after its next restatement.
    fn delete_history(&self, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        if list
            .add_partition_offset(&self.history, partition, Offset::Offset(before))
            .is_err()
        {
            return;
        }
        let options = AdminOptions::new()
            .request_timeout(Some(REQUEST_TIMEOUT))
            .operation_timeout(Some(REQUEST_TIMEOUT));
        match block_on(self.admin.client().delete_records(&list, &options)) {
            Ok(results) => {
                for result in results.elements() {
                    if let Err(e) = result.error() {
                        tracing::warn!(partition, history.offset = before, kafka.error = %e, "old history not deleted");
                    }
                }
            }
            Err(e) => {
                tracing::warn!(partition, history.offset = before, kafka.error = %e, "old history not deleted");
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
        // A child's parent waits for a completion of its task, anybody else for the result.
        if let Some(report) = report::to_parent(&*self.views, execution) {
            let to = To {
                topic: &to.topic,
                partition: Some(to.partition),
            };
            self.effects
                .send_outgoing(to, &report, Tag::Owner { partition, id });
            return Ok(());
        }
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
}
