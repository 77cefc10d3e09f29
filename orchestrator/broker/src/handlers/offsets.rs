//! ListOffsets and OffsetForLeaderEpoch: where a partition begins and ends, and what was when.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, TopicName,
};

use super::errors::of_log;
use crate::log::{LogError, OffsetAndTime};
use crate::server::Broker;

/// Timestamps that mean something else (ListOffsets; KIP-734 for the third, KIP-405 for the fourth).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
/// First version whose answer has a leader epoch.
const LEADER_EPOCH_VERSION: i16 = 4;
/// The epoch of every partition's leader, for ever.
const LEADER_EPOCH: i32 = 0;

/// Answers a ListOffsets.
pub(crate) fn list(
    broker: &Broker,
    request: ListOffsetsRequest,
    version: i16,
) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic
            .partitions
            .iter()
            .map(|asked| list_one(broker, &topic.name, asked, version))
            .collect();
        ListOffsetsTopicResponse::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn list_one(
    broker: &Broker,
    topic: &TopicName,
    asked: &ListOffsetsPartition,
    version: i16,
) -> ListOffsetsPartitionResponse {
    let response =
        ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
    let none = response.clone().with_offset(-1).with_timestamp(-1);
    match find(broker, topic, asked) {
        Ok(Some(found)) => response
            .with_offset(found.offset)
            .with_timestamp(found.timestamp)
            .with_leader_epoch(if version >= LEADER_EPOCH_VERSION {
                LEADER_EPOCH
            } else {
                -1
            }),
        Ok(None) => none,
        Err(error) => none.with_error_code(error.code()),
    }
}

fn find(
    broker: &Broker,
    topic: &TopicName,
    asked: &ListOffsetsPartition,
) -> Result<Option<OffsetAndTime>, ResponseError> {
    if asked.current_leader_epoch > LEADER_EPOCH {
        return Err(ResponseError::UnknownLeaderEpoch);
    }
    let (logs, partition) = (&broker.logs, asked.partition_index);
    let without_time = |offset| {
        Some(OffsetAndTime {
            offset,
            timestamp: -1,
        })
    };
    let found: Result<_, LogError> = match asked.timestamp {
        LATEST => logs.end_offset(topic, partition).map(without_time),
        EARLIEST | EARLIEST_LOCAL => logs.start_offset(topic, partition).map(without_time),
        MAX_TIMESTAMP => logs.offset_of_max_time(topic, partition),
        timestamp if timestamp >= 0 => logs.offset_for_time(topic, partition, timestamp),
        _ => return Err(ResponseError::InvalidRequest),
    };
    found.map_err(|error| of_log(&error))
}

/// Answers an OffsetForLeaderEpoch. There is one epoch, as the leader never changes.
pub(crate) fn for_leader_epoch(
    broker: &Broker,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic
            .partitions
            .iter()
            .map(|asked| end_of_epoch(broker, &topic.topic, asked))
            .collect();
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic)
            .with_partitions(partitions)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn end_of_epoch(
    broker: &Broker,
    topic: &TopicName,
    asked: &OffsetForLeaderPartition,
) -> EpochEndOffset {
    let response = EpochEndOffset::default().with_partition(asked.partition);
    if asked.current_leader_epoch > LEADER_EPOCH {
        return response.with_error_code(ResponseError::UnknownLeaderEpoch.code());
    }
    match broker
        .logs
        .end_offset_for_epoch(topic, asked.partition, asked.leader_epoch)
    {
        Ok((epoch, end)) => response.with_leader_epoch(epoch).with_end_offset(end),
        Err(error) => response.with_error_code(of_log(&error).code()),
    }
}
