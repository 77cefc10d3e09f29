//! Positions that may be lost (R7): told apart from those that only seemed so, which are read on from.
//!
//! Owns: what an error of the consumer means. Must not: go on from anywhere else than the next offset of the session.

use super::Reader;
use crate::inbox::{Closed, Message};
use crate::limits::{BEYOND_END_MAX, QUESTION_TIMEOUT, RETRY_EVERY};
use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Instant;

impl Reader {
    /// An error that the consumer gave in place of a record.
    pub(super) fn on_error(&mut self, error: &KafkaError) {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            // The client doesn't say which partition it was, and reads no more of it.
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                tracing::warn!(kafka.topic = &*self.name, kafka.error = %error, "a position may be lost");
                self.doubt.get_or_insert_with(Instant::now);
            }
            Some(
                Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::RequestTimedOut,
            ) => {
                tracing::debug!(kafka.topic = &*self.name, kafka.error = %error, "reading goes on");
            }
            _ => {
                tracing::warn!(kafka.topic = &*self.name, kafka.error = %error, "reading goes on");
            }
        }
    }

    /// If a position is in doubt: says so to its owner where it is lost, and begins again where it is not.
    pub(super) fn check_positions(&mut self) -> Result<(), Closed> {
        if self.doubt.is_none_or(|at| Instant::now() < at) {
            return Ok(());
        }
        self.doubt = None;
        let partitions: Vec<i32> = self.sessions.keys().copied().collect();
        for partition in partitions {
            if !self.check_position(partition)? {
                self.doubt = Some(Instant::now() + RETRY_EVERY);
            }
        }
        Ok(())
    }

    /// Whether that is settled.
    fn check_position(&mut self, partition: i32) -> Result<bool, Closed> {
        let Some(session) = self.sessions.get_mut(&partition) else {
            return Ok(true);
        };
        let next = session.next;
        let held = self
            .consumer
            .fetch_watermarks(&self.name, partition, QUESTION_TIMEOUT);
        match held {
            Ok((low, end)) if (low..=end).contains(&next) => {
                session.beyond = None;
                self.note(
                    self.consumer
                        .incremental_unassign(&self.one(partition, Offset::Invalid)),
                    partition,
                );
                let opened = self.assign(partition, next);
                let settled = opened.is_ok();
                self.note(opened, partition);
                Ok(settled)
            }
            Ok((low, end)) => {
                let since = *session.beyond.get_or_insert_with(Instant::now);
                if next > end && since.elapsed() < BEYOND_END_MAX {
                    return Ok(false);
                }
                let reason = format!(
                    "{} partition {partition} was read up to offset {next}, but now holds {low} to {end}: records were deleted \
                     before they were read, or the topic was made anew",
                    self.name
                );
                let (topic, session) = (self.topic, session.id);
                self.inbox.push(Message::OutOfRange {
                    partition,
                    session,
                    topic,
                    reason,
                })?;
                Ok(true)
            }
            Err(e) => {
                tracing::warn!(partition, kafka.topic = &*self.name, kafka.error = %e, "can't tell yet whether the position is lost");
                Ok(false)
            }
        }
    }
}
