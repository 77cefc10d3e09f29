//! CreateTopics and DeleteTopics.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::configs::source_of;
use super::errors::{explain, off_thread};
use crate::log::{LogError, Logs, TopicInfo};
use crate::server::{Broker, NODE_ID};

/// First version of DeleteTopics that may name topics by id.
const DELETE_BY_ID_VERSION: i16 = 6;
/// First version whose answer has room for a message.
const DELETE_MESSAGE_VERSION: i16 = 5;
/// "As the broker likes": number of partitions and of replicas (KIP-464).
const DEFAULT: i32 = -1;

type Refusal = (i16, Option<StrBytes>);

/// Answers a CreateTopics.
pub(crate) async fn create(
    broker: &Broker,
    request: CreateTopicsRequest,
    version: i16,
) -> CreateTopicsResponse {
    let mut times: BTreeMap<TopicName, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let name = topic.name.clone();
        let once = times.get(&name) == Some(&1);
        let made = if once {
            create_one(broker, topic, request.validate_only).await
        } else {
            Err(named_twice())
        };
        let result = match made {
            Ok(result) => result,
            Err((error_code, message)) => CreatableTopicResult::default()
                .with_error_code(error_code)
                .with_error_message(message)
                .with_num_partitions(-1)
                .with_replication_factor(-1)
                .with_configs(if version >= 5 { Some(Vec::new()) } else { None }),
        };
        results.push(result.with_name(name));
    }
    CreateTopicsResponse::default().with_topics(results)
}

/// Makes a topic because a client asked for its metadata; another may be faster.
pub(super) async fn create_with_defaults(
    broker: &Broker,
    name: &str,
) -> Result<TopicInfo, LogError> {
    let (logs, name, partitions) = (
        broker.logs.clone(),
        name.to_owned(),
        broker.settings.default_partitions,
    );
    off_thread(
        move || match logs.create_topic(&name, partitions, &BTreeMap::new()) {
            Err(LogError::TopicExists(_)) => {
                logs.topic(&name).ok_or(LogError::UnknownTopicOrPartition)
            }
            made => made,
        },
    )
    .await
}

async fn create_one(
    broker: &Broker,
    topic: CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Refusal> {
    let partitions = partitions_of(broker, &topic)?;
    let set = topic
        .configs
        .into_iter()
        .filter_map(|config| Some((config.name.to_string(), config.value?.to_string())));
    let configs: BTreeMap<String, String> = set.collect();
    let (logs, name) = (broker.logs.clone(), topic.name.to_string());
    let made = off_thread(move || make(&logs, &name, partitions, &configs, validate_only)).await;
    let (id, configs) = made.map_err(|error| explain(&error))?;
    let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
    Ok(CreatableTopicResult::default()
        .with_topic_id(id)
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(Some(configs)))
}

fn make(
    logs: &Arc<Logs>,
    name: &str,
    partitions: u32,
    configs: &BTreeMap<String, String>,
    validate_only: bool,
) -> Result<(uuid::Uuid, Vec<CreatableTopicConfigs>), LogError> {
    if validate_only {
        logs.check_topic(name, partitions, configs)?;
        return Ok((uuid::Uuid::nil(), Vec::new()));
    }
    let made = logs.create_topic(name, partitions, configs)?;
    let all = logs.config(name)?.into_iter().map(|entry| {
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_static_str(entry.name))
            .with_config_source(source_of(&entry))
            .with_value(Some(entry.value.into()))
    });
    Ok((made.id, all.collect()))
}

/// How many partitions are asked for. Replicas can only be on the one broker.
fn partitions_of(broker: &Broker, topic: &CreatableTopic) -> Result<u32, Refusal> {
    let refused = |error: ResponseError, why: String| (error.code(), Some(why.into()));
    if !topic.assignments.is_empty() {
        let here = topic
            .assignments
            .iter()
            .all(|assignment| assignment.broker_ids == [NODE_ID]);
        let numbered = (0..)
            .zip(indexes(topic))
            .all(|(expected, index)| expected == index);
        if !here || !numbered {
            let why = format!(
                "every replica must be on broker {}, and partitions be numbered from 0",
                NODE_ID.0
            );
            return Err(refused(ResponseError::InvalidReplicaAssignment, why));
        }
        return u32::try_from(topic.assignments.len())
            .map_err(|error| refused(ResponseError::InvalidPartitions, error.to_string()));
    }
    if i32::from(topic.replication_factor) != DEFAULT && topic.replication_factor != 1 {
        let why = format!(
            "replication factor {}: there is one broker, so it can be 1 only",
            topic.replication_factor
        );
        return Err(refused(ResponseError::InvalidReplicationFactor, why));
    }
    match topic.num_partitions {
        DEFAULT => Ok(broker.settings.default_partitions),
        number => u32::try_from(number).map_err(|_| {
            refused(
                ResponseError::InvalidPartitions,
                format!("{number} partitions: must be 1 or more, or -1"),
            )
        }),
    }
}

fn indexes(topic: &CreatableTopic) -> Vec<i32> {
    let mut indexes: Vec<i32> = topic
        .assignments
        .iter()
        .map(|assignment| assignment.partition_index)
        .collect();
    indexes.sort_unstable();
    indexes
}

fn named_twice() -> Refusal {
    (
        ResponseError::InvalidRequest.code(),
        Some(StrBytes::from_static_str(
            "the request names this topic twice",
        )),
    )
}

/// Answers a DeleteTopics. What groups have committed for the topic goes with it.
pub(crate) async fn delete(
    broker: &Broker,
    request: DeleteTopicsRequest,
    version: i16,
) -> DeleteTopicsResponse {
    let named = if version < DELETE_BY_ID_VERSION {
        let by_name = |name| DeleteTopicState::default().with_name(Some(name));
        request.topic_names.into_iter().map(by_name).collect()
    } else {
        request.topics
    };
    let mut responses = Vec::with_capacity(named.len());
    for topic in named {
        let known = match &topic.name {
            Some(name) => Some(name.to_string()),
            None => broker
                .logs
                .topics()
                .into_iter()
                .find(|known| known.id == topic.topic_id)
                .map(|known| known.name),
        };
        let (error_code, message) = match &known {
            Some(name) => delete_one(broker, name.clone())
                .await
                .err()
                .unwrap_or_default(),
            None => (ResponseError::UnknownTopicId.code(), None),
        };
        responses.push(
            DeletableTopicResult::default()
                .with_name(known.map(|name| TopicName(name.into())))
                .with_topic_id(topic.topic_id)
                .with_error_code(error_code)
                .with_error_message(message.filter(|_| version >= DELETE_MESSAGE_VERSION)),
        );
    }
    DeleteTopicsResponse::default().with_responses(responses)
}

async fn delete_one(broker: &Broker, name: String) -> Result<(), Refusal> {
    let (logs, topic) = (broker.logs.clone(), name.clone());
    off_thread(move || logs.delete_topic(&topic))
        .await
        .map_err(|error| explain(&error))?;
    broker
        .coordinator
        .forget_topic(&name)
        .await
        .map_err(|error| (error.code(), None))
}
