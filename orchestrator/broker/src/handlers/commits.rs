//! OffsetCommit, OffsetFetch, OffsetDelete.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    ConsumerProtocolSubscription, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};

use super::errors::code;
use super::membership::identity;
use crate::coordinator::{Committed, Position};
use crate::server::limits::OFFSET_METADATA_BYTES_MAX;
use crate::server::{Broker, decode};

/// First version of OffsetFetch that asks for several groups (KIP-709).
const GROUPS_VERSION: i16 = 8;

/// Answers an OffsetCommit when the offsets are durable.
pub(crate) async fn commit(broker: &Broker, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut commits = Vec::new();
    for topic in &request.topics {
        let taken = topic
            .partitions
            .iter()
            .filter(|asked| check(broker, &topic.name, asked).is_none());
        commits.extend(taken.map(|asked| {
            let metadata = asked
                .committed_metadata
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let committed = Committed::now(
                asked.committed_offset,
                asked.committed_leader_epoch,
                metadata,
            );
            ((topic.name.to_string(), asked.partition_index), committed)
        }));
    }
    let who = identity(&request.member_id, request.group_instance_id.as_ref());
    let generation = request.generation_id_or_member_epoch;
    let done = broker
        .coordinator
        .commit(&request.group_id, &who, generation, commits)
        .await;
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let error = done.err().or_else(|| check(broker, &topic.name, asked));
            OffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code(error))
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// What is wrong with one commit.
fn check(
    broker: &Broker,
    topic: &TopicName,
    asked: &OffsetCommitRequestPartition,
) -> Option<ResponseError> {
    if asked
        .committed_metadata
        .as_ref()
        .is_some_and(|metadata| metadata.len() > OFFSET_METADATA_BYTES_MAX)
    {
        return Some(ResponseError::OffsetMetadataTooLarge);
    }
    let exists = |partitions: u32| {
        u32::try_from(asked.partition_index).is_ok_and(|index| index < partitions)
    };
    let known = broker
        .logs
        .topic(topic)
        .is_some_and(|topic| exists(topic.partitions));
    (!known).then_some(ResponseError::UnknownTopicOrPartition)
}

/// Answers an OffsetFetch. What was never committed is -1.
pub(crate) fn fetch(
    broker: &Broker,
    request: OffsetFetchRequest,
    version: i16,
) -> OffsetFetchResponse {
    if version < GROUPS_VERSION {
        let asked = request.topics.map(|topics| {
            topics
                .into_iter()
                .map(|topic| (topic.name, topic.partition_indexes))
                .collect::<Vec<_>>()
        });
        let partition = |(index, found): (i32, Option<Committed>)| {
            let (offset, leader_epoch, metadata) = parts(found);
            OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(leader_epoch)
                .with_metadata(Some(metadata.into()))
        };
        let topics = lookup(broker, &request.group_id, asked)
            .into_iter()
            .map(|(name, found)| {
                let partitions = found.into_iter().map(partition).collect();
                OffsetFetchResponseTopic::default()
                    .with_name(name)
                    .with_partitions(partitions)
            });
        return OffsetFetchResponse::default().with_topics(topics.collect());
    }
    let partition = |(index, found): (i32, Option<Committed>)| {
        let (offset, leader_epoch, metadata) = parts(found);
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(leader_epoch)
            .with_metadata(Some(metadata.into()))
    };
    let groups = request.groups.into_iter().map(|group| {
        let asked = group.topics.map(|topics| {
            topics
                .into_iter()
                .map(|topic| (topic.name, topic.partition_indexes))
                .collect::<Vec<_>>()
        });
        let topics = lookup(broker, &group.group_id, asked)
            .into_iter()
            .map(|(name, found)| {
                let partitions = found.into_iter().map(partition).collect();
                OffsetFetchResponseTopics::default()
                    .with_name(name)
                    .with_partitions(partitions)
            });
        let topics = topics.collect();
        OffsetFetchResponseGroup::default()
            .with_group_id(group.group_id)
            .with_topics(topics)
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

type Found = Vec<(TopicName, Vec<(i32, Option<Committed>)>)>;

/// The offsets asked for, or all that there are.
fn lookup(broker: &Broker, group: &str, asked: Option<Vec<(TopicName, Vec<i32>)>>) -> Found {
    let Some(asked) = asked else {
        let mut found: Found = Vec::new();
        for ((topic, partition), committed) in broker.coordinator.all_committed(group) {
            match found.last_mut() {
                Some((name, partitions)) if **name == *topic => {
                    partitions.push((partition, Some(committed)))
                }
                _ => found.push((TopicName(topic.into()), vec![(partition, Some(committed))])),
            }
        }
        return found;
    };
    let one = |(name, indexes): (TopicName, Vec<i32>)| {
        let topic = name.to_string();
        let of = |index: i32| {
            (
                index,
                broker.coordinator.committed(group, &(topic.clone(), index)),
            )
        };
        let partitions = indexes.into_iter().map(of).collect();
        (name, partitions)
    };
    asked.into_iter().map(one).collect()
}

fn parts(found: Option<Committed>) -> (i64, i32, String) {
    found.map_or((-1, -1, String::new()), |found| {
        (found.offset, found.leader_epoch, found.metadata)
    })
}

/// Answers an OffsetDelete (KIP-496): not for topics that a member subscribes to.
pub(crate) async fn delete(broker: &Broker, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let failed =
        |error: ResponseError| OffsetDeleteResponse::default().with_error_code(error.code());
    let subscribed = match broker.coordinator.subscriptions(&request.group_id) {
        Ok(metadata) => metadata
            .iter()
            .flat_map(subscribed_topics)
            .collect::<BTreeSet<_>>(),
        Err(error) => return failed(error),
    };
    let mut positions: Vec<Position> = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let error = subscribed
            .contains(topic.name.as_str())
            .then_some(ResponseError::GroupSubscribedToTopic);
        if error.is_none() {
            positions.extend(
                topic
                    .partitions
                    .iter()
                    .map(|one| (topic.name.to_string(), one.partition_index)),
            );
        }
        let partition = |index| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(code(error))
        };
        let partitions = topic
            .partitions
            .iter()
            .map(|one| partition(one.partition_index))
            .collect();
        topics.push(
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name)
                .with_partitions(partitions),
        );
    }
    match broker
        .coordinator
        .forget_offsets(&request.group_id, positions)
        .await
    {
        Ok(()) => OffsetDeleteResponse::default().with_topics(topics),
        Err(error) => failed(error),
    }
}

/// The topics in a consumer's subscription; none if it can't be read, as it is the clients' own affair.
fn subscribed_topics(metadata: &Bytes) -> Vec<String> {
    let mut metadata = metadata.clone();
    let Ok(version) = metadata.try_get_i16() else {
        return Vec::new();
    };
    // Later versions only add to what the last known one has.
    let known = version.clamp(0, 3);
    let subscription: Result<ConsumerProtocolSubscription, _> = decode(&metadata, known);
    subscription
        .map(|found| found.topics.iter().map(ToString::to_string).collect())
        .unwrap_or_default()
}
