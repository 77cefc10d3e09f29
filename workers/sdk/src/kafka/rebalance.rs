//! What a queue's consumer does when partitions come and go.
//!
//! Owns: before a partition goes to another worker, its running tasks get a moment to end and what is finished is
//! committed; the rest is abandoned here (its completions are still sent; the other worker does it again, which the
//! owner recognises by the token).

use crate::limits::REVOKE_WAIT;
use crate::offsets::Offsets;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by a queue's polling loop and its consumer's callbacks, which run on the same thread.
pub struct QueueContext {
    /// Topic of the queue.
    pub topic: String,
    /// What was received.
    pub offsets: Arc<Offsets>,
    /// Set when partitions came: they are not paused yet.
    pub assigned: AtomicBool,
    /// Set when a commit failed: everything is committed again.
    pub commit_all: AtomicBool,
    /// Set when the worker stops: it has waited already.
    pub draining: AtomicBool,
}

impl QueueContext {
    /// Commits `(partition, next offset)` of each; failures are logged and made good by the next commit.
    pub fn commit(
        &self,
        consumer: &BaseConsumer<Self>,
        positions: &[(i32, i64)],
        mode: CommitMode,
    ) {
        if positions.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::with_capacity(positions.len());
        let added = positions.iter().try_for_each(|(p, next)| {
            list.add_partition_offset(&self.topic, *p, Offset::Offset(*next))
                .map(drop)
        });
        if let Err(error) = added.and_then(|()| consumer.commit(&list, mode)) {
            tracing::warn!(%error, topic = self.topic, "commit failed; it is tried again");
            self.commit_all.store(true, Ordering::Relaxed);
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        let lost = consumer.assignment_lost();
        if !lost && !self.draining.load(Ordering::Relaxed) {
            self.offsets.wait(REVOKE_WAIT, |offsets| {
                partitions.iter().all(|p| offsets.live(*p) == 0)
            });
        }
        if !lost {
            let mut positions = self.offsets.to_commit(true);
            positions.retain(|(p, _)| partitions.contains(p));
            self.commit(consumer, &positions, CommitMode::Sync);
        }
        for partition in partitions {
            let live = self.offsets.live(*partition);
            if live > 0 {
                tracing::warn!(
                    partition,
                    tasks = live,
                    topic = self.topic,
                    "partition gone while tasks run"
                );
            }
            self.offsets.forget(*partition);
        }
    }
}

impl ClientContext for QueueContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        super::log_error(&error, reason);
    }
}

impl ConsumerContext for QueueContext {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                tracing::info!(topic = self.topic, partitions = ?numbers(list), "partitions assigned");
                self.assigned.store(true, Ordering::Relaxed);
            }
            Rebalance::Revoke(list) => {
                tracing::info!(topic = self.topic, partitions = ?numbers(list), "partitions revoked");
                self.revoke(consumer, &numbers(list));
            }
            Rebalance::Error(error) => {
                tracing::warn!(%error, topic = self.topic, "rebalance failed")
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, topic = self.topic, "commit failed; it is tried again");
            self.commit_all.store(true, Ordering::Relaxed);
        }
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements()
        .iter()
        .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition)
        .collect()
}
