//! Topics and their settings: made, altered, grown, emptied, deleted.

use crate::client::Client;
use crate::world::{World, batch, create, fetch, name, produce, text};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;

const TOPIC: i8 = 2;

fn ask(topic: &str, may_create: bool) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(name(topic)));
    MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(may_create)
}

fn new(topic: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
}

async fn setting(client: &mut Client, topic: &str, setting: &str) -> Option<(String, i8)> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configuration_keys(Some(vec![text(setting)]));
    let answer = client
        .call(
            DescribeConfigsRequest::default().with_resources(vec![resource]),
            4,
        )
        .await;
    let found = answer.results[0].configs.first()?;
    Some((found.value.as_ref()?.to_string(), found.config_source))
}

#[tokio::test]
async fn a_topic_is_made_on_demand_only_if_client_and_broker_allow_it() {
    for (broker_allows, client_allows) in [(true, true), (true, false), (false, true)] {
        let world = World::with(|settings| {
            settings.auto_create_topics = broker_allows;
            settings.default_partitions = 3;
        })
        .await;
        let mut client = world.client().await;
        let answer = client.call(ask("new", client_allows), 12).await;
        let expected = if broker_allows && client_allows {
            (0, 3)
        } else {
            (3, 0)
        };
        assert_eq!(
            (
                answer.topics[0].error_code,
                answer.topics[0].partitions.len()
            ),
            expected
        );
        let all = client
            .call(MetadataRequest::default().with_topics(None), 12)
            .await;
        assert_eq!(all.topics.len(), expected.1 / 3);
    }
}

#[tokio::test]
async fn metadata_names_the_address_that_the_client_used_or_the_one_advertised() {
    let world = World::new().await;
    let answer = world
        .client()
        .await
        .call(MetadataRequest::default().with_topics(Some(vec![])), 9)
        .await;
    let broker = &answer.brokers[0];
    assert_eq!(
        (&*broker.host, broker.port),
        ("127.0.0.1", i32::from(world.broker.address.port()))
    );
    assert_eq!(
        (answer.controller_id, answer.topics.len()),
        (broker.node_id, 0)
    );
    let cluster = answer.cluster_id.clone();
    assert!(cluster.is_some());
    let world = world.restart().await;
    let answer = world
        .client()
        .await
        .call(MetadataRequest::default().with_topics(Some(vec![])), 9)
        .await;
    assert_eq!(answer.cluster_id, cluster);
    let world =
        World::with(|settings| settings.advertised = Some(("broker.example".into(), 19092))).await;
    let answer = world
        .client()
        .await
        .call(DescribeClusterRequest::default().with_endpoint_type(1), 1)
        .await;
    assert_eq!(
        (&*answer.brokers[0].host, answer.brokers[0].port),
        ("broker.example", 19092)
    );
}

#[tokio::test]
async fn topics_that_cannot_be_are_refused_each_with_its_reason() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "there", 1, &[]).await;
    let elsewhere = CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(2)]);
    let wrong = CreatableTopicConfig::default()
        .with_name(text("no.such.setting"))
        .with_value(Some(text("1")));
    let cases = [
        (new("there", 1, 1), ResponseError::TopicAlreadyExists),
        (new("a/b", 1, 1), ResponseError::InvalidTopicException),
        (new("zero", 0, 1), ResponseError::InvalidPartitions),
        (
            new("replicated", 1, 3),
            ResponseError::InvalidReplicationFactor,
        ),
        (
            new("elsewhere", -1, -1).with_assignments(vec![elsewhere]),
            ResponseError::InvalidReplicaAssignment,
        ),
        (
            new("odd", 1, 1).with_configs(vec![wrong]),
            ResponseError::InvalidConfig,
        ),
    ];
    let topics = cases.iter().map(|(topic, _)| topic.clone()).collect();
    let answer = client
        .call(CreateTopicsRequest::default().with_topics(topics), 7)
        .await;
    for (result, (topic, error)) in answer.topics.iter().zip(&cases) {
        assert_eq!(result.error_code, error.code(), "{:?}", topic.name);
        assert!(result.error_message.is_some(), "{:?}", topic.name);
    }
    let twice = client
        .call(
            CreateTopicsRequest::default().with_topics(vec![new("twin", 1, 1), new("twin", 1, 1)]),
            7,
        )
        .await;
    assert!(
        twice
            .topics
            .iter()
            .all(|topic| topic.error_code == ResponseError::InvalidRequest.code())
    );
    let request = CreateTopicsRequest::default()
        .with_topics(vec![new("tried", 2, 1)])
        .with_validate_only(true);
    assert_eq!(client.call(request, 7).await.topics[0].error_code, 0);
    let there = client
        .call(MetadataRequest::default().with_topics(None), 12)
        .await;
    assert_eq!(there.topics.len(), 1, "nothing else was made");
}

#[tokio::test]
async fn settings_are_set_unset_and_edited() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[("retention.ms", "5000")]).await;
    assert_eq!(
        setting(&mut client, "topic", "retention.ms").await,
        Some(("5000".into(), 1))
    );
    assert_eq!(
        setting(&mut client, "topic", "cleanup.policy").await,
        Some(("delete".into(), 5))
    );
    let edits = [
        ("retention.ms", 1, None),
        ("cleanup.policy", 2, Some("compact")),
        ("max.message.bytes", 0, Some("12345")),
    ];
    let configs = edits.map(|(setting, operation, value)| {
        AlterableConfig::default()
            .with_name(text(setting))
            .with_config_operation(operation)
            .with_value(value.map(text))
    });
    let resource = |name: &str| {
        AlterConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(name))
    };
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![
        resource("topic").with_configs(configs.to_vec()),
        resource("absent"),
    ]);
    let answer = client.call(request, 1).await;
    let codes: Vec<_> = answer
        .responses
        .iter()
        .map(|response| response.error_code)
        .collect();
    assert_eq!(codes, [0, ResponseError::UnknownTopicOrPartition.code()]);
    assert_eq!(
        setting(&mut client, "topic", "retention.ms")
            .await
            .map(|(_, source)| source),
        Some(5)
    );
    assert_eq!(
        setting(&mut client, "topic", "cleanup.policy").await,
        Some(("delete,compact".into(), 1))
    );
    assert_eq!(
        setting(&mut client, "topic", "max.message.bytes").await,
        Some(("12345".into(), 1))
    );
    // The older request replaces everything.
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("topic"));
    let config = alter_configs_request::AlterableConfig::default()
        .with_name(text("retention.ms"))
        .with_value(Some(text("7000")));
    let request =
        AlterConfigsRequest::default().with_resources(vec![resource.with_configs(vec![config])]);
    assert_eq!(client.call(request, 2).await.responses[0].error_code, 0);
    assert_eq!(
        setting(&mut client, "topic", "retention.ms").await,
        Some(("7000".into(), 1))
    );
    assert_eq!(
        setting(&mut client, "topic", "cleanup.policy").await,
        Some(("delete".into(), 5))
    );
}

#[tokio::test]
async fn what_clients_check_is_described() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    for known in [
        "cleanup.policy",
        "retention.ms",
        "retention.bytes",
        "max.message.bytes",
        "min.insync.replicas",
        "unclean.leader.election.enable",
        "segment.bytes",
        "segment.ms",
        "compression.type",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "delete.retention.ms",
    ] {
        assert!(
            setting(&mut client, "topic", known).await.is_some(),
            "{known}"
        );
    }
    let unclean = setting(&mut client, "topic", "unclean.leader.election.enable").await;
    assert_eq!(unclean.map(|(value, _)| value), Some("false".into()));
}

#[tokio::test]
async fn partitions_are_added_and_never_taken_away() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 2, &[]).await;
    for (topic, count, error) in [
        ("topic", 4, 0),
        ("topic", 4, ResponseError::InvalidPartitions.code()),
        ("topic", 1, ResponseError::InvalidPartitions.code()),
        ("absent", 4, ResponseError::UnknownTopicOrPartition.code()),
    ] {
        let topic = CreatePartitionsTopic::default()
            .with_name(name(topic))
            .with_count(count)
            .with_assignments(None);
        let answer = client
            .call(
                CreatePartitionsRequest::default().with_topics(vec![topic]),
                3,
            )
            .await;
        assert_eq!(answer.results[0].error_code, error);
    }
    assert_eq!(
        client.call(ask("topic", false), 12).await.topics[0]
            .partitions
            .len(),
        4
    );
    assert_eq!(
        produce(&mut client, "topic", 3, batch(&["x"], None))
            .await
            .error_code,
        0
    );
}

#[tokio::test]
async fn records_are_deleted_up_to_an_offset() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    for value in ["a", "b", "c"] {
        produce(&mut client, "topic", 0, batch(&[value], None)).await;
    }
    for (before, low, error) in [
        (2, 2, 0),
        (9, -1, ResponseError::OffsetOutOfRange.code()),
        (-1, 3, 0),
    ] {
        let partition = DeleteRecordsPartition::default().with_offset(before);
        let topic = DeleteRecordsTopic::default()
            .with_name(name("topic"))
            .with_partitions(vec![partition]);
        let answer = client
            .call(DeleteRecordsRequest::default().with_topics(vec![topic]), 2)
            .await;
        let result = &answer.topics[0].partitions[0];
        assert_eq!((result.low_watermark, result.error_code), (low, error));
    }
    assert_eq!(
        fetch(&mut client, "topic", 0, 0, 0).await.error_code,
        ResponseError::OffsetOutOfRange.code()
    );
}

#[tokio::test]
async fn topics_are_deleted_by_name_and_by_id() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "one", 1, &[]).await;
    create(&mut client, "two", 1, &[]).await;
    let id = client.call(ask("two", false), 12).await.topics[0].topic_id;
    let states = vec![
        DeleteTopicState::default().with_name(Some(name("one"))),
        DeleteTopicState::default()
            .with_name(None)
            .with_topic_id(id),
    ];
    let answer = client
        .call(
            DeleteTopicsRequest::default().with_topics(states.clone()),
            6,
        )
        .await;
    assert!(
        answer
            .responses
            .iter()
            .all(|response| response.error_code == 0 && response.name.is_some())
    );
    let again = client
        .call(DeleteTopicsRequest::default().with_topics(states), 6)
        .await;
    let codes: Vec<_> = again
        .responses
        .iter()
        .map(|response| response.error_code)
        .collect();
    assert_eq!(
        codes,
        [
            ResponseError::UnknownTopicOrPartition.code(),
            ResponseError::UnknownTopicId.code()
        ]
    );
}
