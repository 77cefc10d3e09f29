//! CreatePartitions and DeleteRecords.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::errors::{explain, of_log, off_thread};
use crate::server::{Broker, NODE_ID};

/// Answers a CreatePartitions.
pub(crate) async fn create(
    broker: &Broker,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let name = topic.name.clone();
        let (error_code, message) = create_one(broker, topic, request.validate_only)
            .await
            .err()
            .unwrap_or_default();
        let result = CreatePartitionsTopicResult::default().with_name(name);
        results.push(
            result
                .with_error_code(error_code)
                .with_error_message(message),
        );
    }
    CreatePartitionsResponse::default().with_results(results)
}

async fn create_one(
    broker: &Broker,
    topic: CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), (i16, Option<StrBytes>)> {
    let refused = |error: ResponseError, why: String| (error.code(), Some(why.into()));
    let unknown = || {
        refused(
            ResponseError::UnknownTopicOrPartition,
            "no such topic".to_owned(),
        )
    };
    let now = broker
        .logs
        .topic(&topic.name)
        .ok_or_else(unknown)?
        .partitions;
    let total = u32::try_from(topic.count)
        .ok()
        .filter(|total| *total > now)
        .ok_or_else(|| {
            let why = format!(
                "the topic has {now} partitions; {} is not more, and none can be taken away",
                topic.count
            );
            refused(ResponseError::InvalidPartitions, why)
        })?;
    let elsewhere = |assignments: &Vec<_>| {
        let here = |one: &kafka_protocol::messages::create_partitions_request::CreatePartitionsAssignment| {
            one.broker_ids == [NODE_ID]
        };
        !assignments.iter().all(here) || assignments.len() != (total - now) as usize
    };
    if topic.assignments.as_ref().is_some_and(elsewhere) {
        let why = format!("every new replica must be on broker {}", NODE_ID.0);
        return Err(refused(ResponseError::InvalidReplicaAssignment, why));
    }
    let (logs, name) = (broker.logs.clone(), topic.name.to_string());
    off_thread(move || logs.add_partitions(&name, total, validate_only))
        .await
        .map_err(|error| explain(&error))
}

/// Answers a DeleteRecords: the records before an offset go; -1 means all.
pub(crate) async fn delete_records(
    broker: &Broker,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let logs = broker.logs.clone();
    let topics = off_thread(move || {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let result = DeleteRecordsPartitionResult::default()
                    .with_partition_index(asked.partition_index);
                match logs.delete_records(&topic.name, asked.partition_index, asked.offset) {
                    Ok(start) => result.with_low_watermark(start),
                    Err(error) => result
                        .with_low_watermark(-1)
                        .with_error_code(of_log(&error).code()),
                }
            });
            let partitions = partitions.collect();
            DeleteRecordsTopicResult::default()
                .with_name(topic.name)
                .with_partitions(partitions)
        });
        topics.collect()
    });
    DeleteRecordsResponse::default().with_topics(topics.await)
}
