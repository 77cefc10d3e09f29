//! Reading a partition between two offsets.

use super::{MigrateError, asked};
use crate::client::{Logged, meet};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};

/// How long nothing may come before that is an error.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(500);

/// Gives `each` every record from `first` on and before `end`, in order.
pub fn read(
    consumer: &BaseConsumer<Logged>,
    (topic, partition): (&str, i32),
    (first, end): (i64, i64),
    each: &mut dyn FnMut(&BorrowedMessage<'_>) -> Result<(), MigrateError>,
) -> Result<(), MigrateError> {
    if first >= end {
        return Ok(());
    }
    let what = || format!("reading {topic}[{partition}]");
    meet(consumer, topic);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(first))
        .and_then(|()| consumer.assign(&list))
        .map_err(asked(what()))?;
    let mut heard = Instant::now();
    loop {
        match consumer.poll(POLL) {
            // Of a partition that was read before.
            Some(Ok(message)) if message.topic() != topic || message.partition() != partition => {}
            Some(Ok(message)) => {
                if message.offset() >= end {
                    break;
                }
                each(&message)?;
                heard = Instant::now();
                if message.offset() + 1 == end {
                    break;
                }
            }
            // The last offsets may be those of a transaction's end, which are not records.
            Some(Err(KafkaError::PartitionEOF(ended))) if ended == partition => break,
            Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) if heard.elapsed() > SILENCE_MAX => return Err(asked(what())(error)),
            None if heard.elapsed() > SILENCE_MAX => {
                let message = format!("{}: nothing came for {SILENCE_MAX:?}", what());
                return Err(MigrateError::Refused(message));
            }
            Some(Err(_)) | None => {}
        }
    }
    consumer.unassign().map_err(asked(what()))
}
