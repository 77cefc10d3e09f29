//! Metadata, DescribeCluster and FindCoordinator: one broker that is everything.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::errors::{code, of_log};
use super::topics::create_with_defaults;
use crate::log::TopicInfo;
use crate::server::{Broker, NODE_ID, Peer};

/// First version in which no topics means none; before, it means all.
const NONE_MEANS_NONE_VERSION: i16 = 1;
/// First version of FindCoordinator that asks for several.
const BATCH_VERSION: i16 = 4;
/// A FindCoordinator for a consumer group, and one for a transaction.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// A DescribeCluster of brokers, not controllers (KIP-919).
const BROKERS: i8 = 1;

/// Answers a Metadata; makes topics that are missing if client and settings allow it.
pub(crate) async fn metadata(
    broker: &Broker,
    peer: &Peer,
    request: MetadataRequest,
    version: i16,
) -> MetadataResponse {
    let asked = request
        .topics
        .filter(|topics| version >= NONE_MEANS_NONE_VERSION || !topics.is_empty());
    let mut topics = Vec::new();
    match asked {
        None => topics.extend(broker.logs.topics().into_iter().map(describe_topic)),
        Some(asked) => {
            let may_create =
                request.allow_auto_topic_creation && broker.settings.auto_create_topics;
            for topic in asked {
                topics.push(one_topic(broker, topic, may_create).await);
            }
        }
    }
    let (host, port) = peer.advertised.clone();
    let node = MetadataResponseBroker::default()
        .with_node_id(NODE_ID)
        .with_host(host)
        .with_port(port);
    MetadataResponse::default()
        .with_brokers(vec![node])
        .with_cluster_id(Some(broker.cluster_id.clone().into()))
        .with_controller_id(NODE_ID)
        .with_topics(topics)
}

async fn one_topic(
    broker: &Broker,
    asked: MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let failed = |error: ResponseError| {
        MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_topic_id(asked.topic_id)
    };
    let Some(name) = asked.name.clone() else {
        let found = broker
            .logs
            .topics()
            .into_iter()
            .find(|topic| topic.id == asked.topic_id);
        // A null name is allowed from version 12 only, in which a topic can also be asked for by its id.
        return found.map_or_else(|| failed(ResponseError::UnknownTopicId), describe_topic);
    };
    if let Some(found) = broker.logs.topic(&name) {
        return describe_topic(found);
    }
    let refused = |error: ResponseError| {
        failed(error)
            .with_name(Some(name.clone()))
            .with_topic_id(Uuid::nil())
    };
    if !may_create {
        return refused(ResponseError::UnknownTopicOrPartition);
    }
    match create_with_defaults(broker, &name).await {
        Ok(made) => describe_topic(made),
        Err(error) => refused(of_log(&error)),
    }
}

fn describe_topic(topic: TopicInfo) -> MetadataResponseTopic {
    let partition = |index: u32| {
        MetadataResponsePartition::default()
            .with_partition_index(i32::try_from(index).unwrap_or(i32::MAX))
            .with_leader_id(NODE_ID)
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE_ID])
            .with_isr_nodes(vec![NODE_ID])
    };
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(topic.name.into())))
        .with_topic_id(topic.id)
        .with_partitions((0..topic.partitions).map(partition).collect())
}

/// Answers a DescribeCluster.
pub(crate) fn describe(
    broker: &Broker,
    peer: &Peer,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        return DescribeClusterResponse::default()
            .with_error_code(ResponseError::UnsupportedEndpointType.code())
            .with_error_message(Some(StrBytes::from_static_str(
                "there is no controller apart from the broker",
            )));
    }
    let (host, port) = peer.advertised.clone();
    let node = DescribeClusterBroker::default()
        .with_broker_id(NODE_ID)
        .with_host(host)
        .with_port(port);
    DescribeClusterResponse::default()
        .with_cluster_id(broker.cluster_id.clone().into())
        .with_controller_id(NODE_ID)
        .with_brokers(vec![node])
}

/// Answers a FindCoordinator: this broker for groups, nobody for transactions.
pub(crate) fn find_coordinator(
    peer: &Peer,
    request: FindCoordinatorRequest,
    version: i16,
) -> FindCoordinatorResponse {
    let refused = match request.key_type {
        GROUP => None,
        // The error that clients take as final; others they would try again for ever.
        TRANSACTION => Some((
            ResponseError::TransactionalIdAuthorizationFailed,
            "this broker has no transactions",
        )),
        _ => Some((
            ResponseError::InvalidRequest,
            "this broker coordinates consumer groups only",
        )),
    };
    let error_code = code(refused.map(|(error, _)| error));
    let message = refused.map(|(_, why)| StrBytes::from_static_str(why));
    let (node_id, host, port) = match refused {
        None => (NODE_ID, peer.advertised.0.clone(), peer.advertised.1),
        Some(_) => ((-1).into(), StrBytes::default(), -1),
    };
    if version < BATCH_VERSION {
        return FindCoordinatorResponse::default()
            .with_error_code(error_code)
            .with_error_message(message)
            .with_node_id(node_id)
            .with_host(host)
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        Coordinator::default()
            .with_key(key)
            .with_error_code(error_code)
            .with_error_message(message.clone())
            .with_node_id(node_id)
            .with_host(host.clone())
            .with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}
