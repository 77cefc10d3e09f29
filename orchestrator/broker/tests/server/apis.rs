//! Every request in every version that ApiVersions names is answered in that version; the rest is refused.

use crate::client::{Client, frame};
use crate::world::{World, batch, create, fetch_request, name, produce_request, text};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Request;
use std::collections::BTreeMap;
use tokio::io::AsyncWriteExt;

/// What ApiVersions says, and which of it was tried.
struct Tried {
    client: Client,
    versions: BTreeMap<i16, (i16, i16)>,
}

impl Tried {
    /// Sends a request in every version. That the answer can be read is the test; `client` checks it.
    async fn each<R: Request>(&mut self, request: impl Fn(i16) -> R) -> Vec<R::Response> {
        let (min, max) = self
            .versions
            .remove(&R::KEY)
            .expect("named by ApiVersions, and tried once");
        let min = min.max(R::VERSIONS.min);
        let mut answers = Vec::new();
        for version in min..=max {
            answers.push(self.client.call(request(version), version).await);
        }
        answers
    }
}

fn group() -> GroupId {
    GroupId(text("group"))
}

#[tokio::test]
async fn every_version_is_answered() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 2, &[]).await;
    let answer = client.call(ApiVersionsRequest::default(), 0).await;
    let named = answer
        .api_keys
        .iter()
        .map(|api| (api.api_key, (api.min_version, api.max_version)));
    let mut tried = Tried {
        client,
        versions: named.collect(),
    };
    let topic = || name("topic");

    tried
        .each(|_| ApiVersionsRequest::default().with_client_software_name(text("test")))
        .await;
    let answers = tried
        .each(|_| {
            MetadataRequest::default().with_topics(Some(vec![
                MetadataRequestTopic::default().with_name(Some(topic())),
            ]))
        })
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.topics[0].partitions.len() == 2)
    );
    tried
        .each(|_| DescribeClusterRequest::default().with_endpoint_type(1))
        .await;
    let answers = tried.each(|version| match version {
        0 => FindCoordinatorRequest::default().with_key(text("group")),
        1..=3 => FindCoordinatorRequest::default().with_key(text("group")),
        _ => FindCoordinatorRequest::default().with_coordinator_keys(vec![text("group")]),
    });
    let port = i32::from(world.broker.address.port());
    assert!(
        answers
            .await
            .iter()
            .all(|answer| answer.port == port || answer.coordinators[0].port == port)
    );
    let answers = tried
        .each(|_| produce_request("topic", 0, batch(&["a"], None), -1))
        .await;
    let offsets: Vec<_> = answers
        .iter()
        .map(|answer| answer.responses[0].partition_responses[0].base_offset)
        .collect();
    assert_eq!(offsets, (0..=9).collect::<Vec<_>>());
    let answers = tried.each(|_| fetch_request("topic", 0, 0, 0)).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.responses[0].partitions[0].high_watermark == 10)
    );
    tried
        .each(|_| {
            ListOffsetsRequest::default().with_topics(vec![
                ListOffsetsTopic::default()
                    .with_name(topic())
                    .with_partitions(vec![ListOffsetsPartition::default().with_timestamp(-1)]),
            ])
        })
        .await;
    tried.each(|_| OffsetForLeaderEpochRequest::default()).await;
    tried
        .each(|_| InitProducerIdRequest::default().with_transactional_id(None))
        .await;
    tried.each(|_| CreateTopicsRequest::default()).await;
    tried
        .each(|version| {
            let absent = name("absent");
            if version < 6 {
                DeleteTopicsRequest::default().with_topic_names(vec![absent])
            } else {
                DeleteTopicsRequest::default()
                    .with_topics(vec![DeleteTopicState::default().with_name(Some(absent))])
            }
        })
        .await;
    tried.each(|_| CreatePartitionsRequest::default()).await;
    tried.each(|_| DeleteRecordsRequest::default()).await;
    for resource_type in [2, 4] {
        let known = tried.versions.clone();
        let resource = DescribeConfigsResource::default()
            .with_resource_type(resource_type)
            .with_resource_name(if resource_type == 2 {
                text("topic")
            } else {
                text("1")
            })
            .with_configuration_keys(None);
        let answers = tried
            .each(|_| {
                DescribeConfigsRequest::default()
                    .with_include_synonyms(true)
                    .with_resources(vec![resource.clone()])
            })
            .await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.results[0].configs.len() > 5)
        );
        if resource_type == 2 {
            tried.versions = known;
        }
    }
    tried.each(|_| AlterConfigsRequest::default()).await;
    tried
        .each(|_| IncrementalAlterConfigsRequest::default())
        .await;
    groups(&mut tried).await;
    tried
        .each(|_| SaslHandshakeRequest::default().with_mechanism(text("PLAIN")))
        .await;
    // Without users it is an error, after which the connection ends; so it is tried in the tests of users.
    tried.versions.remove(&SaslAuthenticateRequest::KEY);
    assert!(tried.versions.is_empty(), "not tried: {:?}", tried.versions);
}

async fn groups(tried: &mut Tried) {
    let protocol = || {
        JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::from_static(b"\0\0\0\0\0\0"))
    };
    // A group for each version: a second member would wait for the first.
    let answers = tried.each(|version| {
        JoinGroupRequest::default()
            .with_group_id(GroupId(text(&format!("group-{version}"))))
            .with_session_timeout_ms(10_000)
            .with_rebalance_timeout_ms(1)
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol()])
    });
    assert!(answers.await.iter().all(|answer| answer.error_code == 0
        || answer.error_code == ResponseError::MemberIdRequired.code()));
    tried
        .each(|_| {
            SyncGroupRequest::default()
                .with_group_id(group())
                .with_member_id(text("nobody"))
        })
        .await;
    tried
        .each(|_| HeartbeatRequest::default().with_group_id(group()))
        .await;
    tried
        .each(|_| {
            DescribeGroupsRequest::default().with_groups(vec![group(), GroupId(text("absent"))])
        })
        .await;
    let answers = tried.each(|_| ListGroupsRequest::default()).await;
    assert!(answers.iter().all(|answer| answer.groups.len() == 10));
    tried
        .each(|version| match version {
            0..=2 => LeaveGroupRequest::default()
                .with_group_id(group())
                .with_member_id(text("nobody")),
            _ => LeaveGroupRequest::default()
                .with_group_id(group())
                .with_members(vec![MemberIdentity::default()]),
        })
        .await;
    let topic = || {
        OffsetCommitRequestTopic::default()
            .with_name(name("topic"))
            .with_partitions(vec![
                OffsetCommitRequestPartition::default()
                    .with_committed_offset(7)
                    .with_committed_metadata(Some(text("note"))),
            ])
    };
    let answers = tried
        .each(|_| {
            OffsetCommitRequest::default()
                .with_group_id(GroupId(text("simple")))
                .with_generation_id_or_member_epoch(-1)
                .with_topics(vec![topic()])
        })
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.topics[0].partitions[0].error_code == 0)
    );
    let answers = tried.each(|version| {
        let simple = GroupId(text("simple"));
        if version < 8 {
            let topic = OffsetFetchRequestTopic::default()
                .with_name(name("topic"))
                .with_partition_indexes(vec![0, 1]);
            return OffsetFetchRequest::default()
                .with_group_id(simple)
                .with_topics(Some(vec![topic]));
        }
        let topic = OffsetFetchRequestTopics::default()
            .with_name(name("topic"))
            .with_partition_indexes(vec![0, 1]);
        OffsetFetchRequest::default().with_groups(vec![
            OffsetFetchRequestGroup::default()
                .with_group_id(simple)
                .with_topics(Some(vec![topic])),
        ])
    });
    for answer in answers.await {
        let found: Vec<_> = match answer.groups.first() {
            Some(group) => group.topics[0]
                .partitions
                .iter()
                .map(|one| one.committed_offset)
                .collect(),
            None => answer.topics[0]
                .partitions
                .iter()
                .map(|one| one.committed_offset)
                .collect(),
        };
        assert_eq!(found, [7, -1]);
    }
    tried
        .each(|_| OffsetDeleteRequest::default().with_group_id(GroupId(text("simple"))))
        .await;
    let answers = tried
        .each(|_| DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text("absent"))]))
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.results[0].error_code == ResponseError::GroupIdNotFound.code())
    );
}

#[tokio::test]
async fn a_client_from_the_future_learns_which_versions_there_are() {
    let world = World::new().await;
    let mut client = world.client().await;
    let mut bytes = frame(&ApiVersionsRequest::default(), 4, 1).to_vec();
    // Key and version follow the length; the version is one that nobody has heard of.
    bytes[6..8].copy_from_slice(&99_i16.to_be_bytes());
    client.stream.write_all(&bytes).await.expect("sent");
    let answer = client.receive::<ApiVersionsRequest>(0, 1).await;
    assert_eq!(answer.error_code, ResponseError::UnsupportedVersion.code());
    assert!(
        answer
            .api_keys
            .iter()
            .any(|api| api.api_key == ApiVersionsRequest::KEY && api.max_version >= 3)
    );
}

#[tokio::test]
async fn what_is_absent_from_api_versions_ends_the_connection() {
    let world = World::new().await;
    let mut client = world.client().await;
    client.send(&AddPartitionsToTxnRequest::default(), 3).await;
    assert_eq!(client.receive_bytes().await, None);
    let mut client = world.client().await;
    client.send(&FetchRequest::default(), 18).await;
    assert_eq!(client.receive_bytes().await, None);
    // Others are served as before.
    world
        .client()
        .await
        .call(ApiVersionsRequest::default(), 3)
        .await;
}

#[tokio::test]
async fn transactions_are_refused_for_good() {
    let world = World::new().await;
    let mut client = world.client().await;
    let final_error = ResponseError::TransactionalIdAuthorizationFailed;
    let answer = client
        .call(
            FindCoordinatorRequest::default()
                .with_key(text("tx"))
                .with_key_type(1),
            3,
        )
        .await;
    assert_eq!(answer.error_code, final_error.code());
    let id = Some(TransactionalId(text("tx")));
    let answer = client
        .call(
            InitProducerIdRequest::default().with_transactional_id(id),
            4,
        )
        .await;
    assert_eq!(answer.error_code, final_error.code());
    assert!(!final_error.is_retriable());
}
