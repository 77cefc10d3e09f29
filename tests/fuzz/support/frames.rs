//! Requests as clients of Kafka frame them: to begin from, and made whole again after they were changed.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
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
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};

use crate::batches;

/// The topic that a broker begins with here.
pub const TOPIC: &str = "t";
const GROUP: &str = "g";
/// Bytes of api key, version and correlation id.
const HEAD_BYTES: usize = 8;

/// One request of every kind in the oldest and the newest version that is answered, each what a client might send.
pub fn examples() -> Vec<Bytes> {
    let mut all = Examples(Vec::new());
    reading(&mut all);
    writing(&mut all);
    configuring(&mut all);
    in_groups(&mut all);
    all.0
}

/// The length before a frame, made what it is; sums of record batches, too, if it is a Produce request.
pub fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + frame.len());
    bytes.put_i32(i32::try_from(frame.len()).unwrap_or(i32::MAX));
    bytes.extend_from_slice(frame);
    if frame.starts_with(&(ApiKey::Produce as i16).to_be_bytes()) {
        sum_wherever_found(&mut bytes);
    }
    bytes
}

/// Whether a frame can have a header at all; a shorter one ends the connection.
pub fn has_head(frame: &[u8]) -> bool {
    frame.len() >= HEAD_BYTES
}

/// Small batches: of nobody, of an idempotent producer, with a key and a tombstone.
pub fn batches() -> Vec<Bytes> {
    vec![
        batches::batch(&[(None, Some("x"))], None),
        batches::batch(&[(Some("k"), Some("v")), (Some("k"), None)], None),
        batches::batch(&[(None, Some("x"))], Some((0, 0, 0))),
    ]
}

/// Sums whatever looks like a batch.
fn sum_wherever_found(bytes: &mut [u8]) {
    let mut at = 0;
    while at < bytes.len() {
        at += batches::sum_at(bytes, at).unwrap_or(1);
    }
}

struct Examples(Vec<Bytes>);

impl Examples {
    fn add<R: Encodable + HeaderVersion>(&mut self, key: ApiKey, request: R, versions: &[i16]) {
        for version in versions {
            let header = RequestHeader::default()
                .with_request_api_key(key as i16)
                .with_request_api_version(*version)
                .with_client_id(Some(text("c")));
            let mut frame = BytesMut::new();
            let encoded = header
                .encode(&mut frame, R::header_version(*version))
                .and_then(|()| request.encode(&mut frame, *version));
            // A field that an older version lacks is why it may not encode; the newer one does.
            if encoded.is_ok() {
                self.0.push(frame.freeze());
            }
        }
    }
}

fn reading(all: &mut Examples) {
    let metadata = MetadataRequest::default()
        .with_topics(Some(vec![
            MetadataRequestTopic::default().with_name(Some(topic(TOPIC))),
            MetadataRequestTopic::default().with_name(Some(topic("new"))),
        ]))
        .with_allow_auto_topic_creation(true);
    all.add(ApiKey::Metadata, metadata, &[4, 8, 13]);
    all.add(
        ApiKey::Metadata,
        MetadataRequest::default().with_topics(None),
        &[1, 9, 12],
    );
    all.add(ApiKey::ApiVersions, ApiVersionsRequest::default(), &[0, 4]);
    all.add(
        ApiKey::DescribeCluster,
        DescribeClusterRequest::default(),
        &[0, 2],
    );
    let find = FindCoordinatorRequest::default();
    all.add(
        ApiKey::FindCoordinator,
        find.clone().with_key(text(GROUP)),
        &[0, 3],
    );
    all.add(
        ApiKey::FindCoordinator,
        find.with_coordinator_keys(vec![text(GROUP)]),
        &[4],
    );
    let partition = FetchPartition::default()
        .with_current_leader_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    let fetch = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_topics(vec![
            FetchTopic::default()
                .with_topic(topic(TOPIC))
                .with_partitions(vec![partition]),
        ]);
    all.add(ApiKey::Fetch, fetch, &[4, 11, 12]);
    for timestamp in [-1, -2, -3, 0] {
        let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
        let list = ListOffsetsRequest::default().with_topics(vec![
            ListOffsetsTopic::default()
                .with_name(topic(TOPIC))
                .with_partitions(vec![partition]),
        ]);
        all.add(ApiKey::ListOffsets, list, &[1, 8]);
    }
    let epoch = OffsetForLeaderEpochRequest::default().with_topics(vec![
        OffsetForLeaderTopic::default()
            .with_topic(topic(TOPIC))
            .with_partitions(vec![OffsetForLeaderPartition::default()]),
    ]);
    all.add(ApiKey::OffsetForLeaderEpoch, epoch, &[2, 4]);
}

fn writing(all: &mut Examples) {
    for records in batches() {
        for acks in [-1, 0] {
            let partition = PartitionProduceData::default().with_records(Some(records.clone()));
            let data = TopicProduceData::default()
                .with_name(topic(TOPIC))
                .with_partition_data(vec![partition]);
            let produce = ProduceRequest::default()
                .with_acks(acks)
                .with_timeout_ms(1_000)
                .with_topic_data(vec![data]);
            all.add(ApiKey::Produce, produce, &[3, 12]);
        }
    }
    let producer = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(1_000);
    all.add(ApiKey::InitProducerId, producer, &[0, 5]);
    let delete = DeleteRecordsRequest::default().with_topics(vec![
        DeleteRecordsTopic::default()
            .with_name(topic(TOPIC))
            .with_partitions(vec![DeleteRecordsPartition::default().with_offset(1)]),
    ]);
    all.add(ApiKey::DeleteRecords, delete, &[0, 2]);
}

fn configuring(all: &mut Examples) {
    let setting = CreatableTopicConfig::default()
        .with_name(text("cleanup.policy"))
        .with_value(Some(text("compact")));
    let create = CreateTopicsRequest::default().with_topics(vec![
        CreatableTopic::default()
            .with_name(topic("new"))
            .with_num_partitions(2)
            .with_replication_factor(1)
            .with_configs(vec![setting]),
    ]);
    all.add(ApiKey::CreateTopics, create, &[2, 7]);
    let delete = DeleteTopicsRequest::default();
    all.add(
        ApiKey::DeleteTopics,
        delete.clone().with_topic_names(vec![topic(TOPIC)]),
        &[1, 5],
    );
    let named = DeleteTopicState::default().with_name(Some(topic(TOPIC)));
    all.add(ApiKey::DeleteTopics, delete.with_topics(vec![named]), &[6]);
    let more = CreatePartitionsRequest::default().with_topics(vec![
        CreatePartitionsTopic::default()
            .with_name(topic(TOPIC))
            .with_count(3),
    ]);
    all.add(ApiKey::CreatePartitions, more, &[0, 3]);
    for (kind, name) in [(2, TOPIC), (4, "1")] {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None);
        let describe = DescribeConfigsRequest::default().with_resources(vec![resource]);
        all.add(ApiKey::DescribeConfigs, describe, &[1, 4]);
    }
    let setting = AlterableConfig::default()
        .with_name(text("retention.ms"))
        .with_value(Some(text("1000")));
    let alter = AlterConfigsRequest::default().with_resources(vec![
        AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(TOPIC))
            .with_configs(vec![setting]),
    ]);
    all.add(ApiKey::AlterConfigs, alter, &[0, 2]);
    let setting = incremental_alter_configs_request::AlterableConfig::default()
        .with_name(text("cleanup.policy"))
        .with_config_operation(2)
        .with_value(Some(text("compact")));
    let alter = IncrementalAlterConfigsRequest::default().with_resources(vec![
        incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(TOPIC))
            .with_configs(vec![setting]),
    ]);
    all.add(ApiKey::IncrementalAlterConfigs, alter, &[0, 1]);
    let handshake = SaslHandshakeRequest::default().with_mechanism(text("PLAIN"));
    all.add(ApiKey::SaslHandshake, handshake, &[1]);
    let login = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from_static(b"\0u\0p"));
    all.add(ApiKey::SaslAuthenticate, login, &[0, 2]);
}

fn in_groups(all: &mut Examples) {
    let group = || GroupId(text(GROUP));
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"\0\x01\0\0\0\x01\0\x01t\0\0\0\0"));
    let join = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(1_000)
        .with_rebalance_timeout_ms(1_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    all.add(ApiKey::JoinGroup, join.clone(), &[1, 3, 9]);
    all.add(
        ApiKey::JoinGroup,
        join.with_group_instance_id(Some(text("i"))),
        &[5, 9],
    );
    let sync = SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(1)
        .with_assignments(vec![SyncGroupRequestAssignment::default()]);
    all.add(ApiKey::SyncGroup, sync, &[0, 4]);
    let beat = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(1);
    all.add(ApiKey::Heartbeat, beat, &[0, 4]);
    let leave = LeaveGroupRequest::default().with_group_id(group());
    all.add(ApiKey::LeaveGroup, leave.clone(), &[0]);
    let member = MemberIdentity::default().with_group_instance_id(Some(text("i")));
    all.add(
        ApiKey::LeaveGroup,
        leave.with_members(vec![member]),
        &[3, 5],
    );
    all.add(ApiKey::ListGroups, ListGroupsRequest::default(), &[0, 5]);
    let describe = DescribeGroupsRequest::default().with_groups(vec![group()]);
    all.add(ApiKey::DescribeGroups, describe, &[0, 6]);
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group()]);
    all.add(ApiKey::DeleteGroups, delete, &[0, 2]);
    let offset = OffsetCommitRequestPartition::default()
        .with_committed_offset(1)
        .with_committed_metadata(Some(text("m")));
    let commit = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![
            OffsetCommitRequestTopic::default()
                .with_name(topic(TOPIC))
                .with_partitions(vec![offset]),
        ]);
    all.add(ApiKey::OffsetCommit, commit, &[2, 9]);
    let fetch = OffsetFetchRequest::default();
    let of_topic = OffsetFetchRequestTopic::default()
        .with_name(topic(TOPIC))
        .with_partition_indexes(vec![0]);
    let one = fetch
        .clone()
        .with_group_id(group())
        .with_topics(Some(vec![of_topic]));
    all.add(ApiKey::OffsetFetch, one, &[1, 7]);
    let of_topic = OffsetFetchRequestTopics::default()
        .with_name(topic(TOPIC))
        .with_partition_indexes(vec![0]);
    let of_group = OffsetFetchRequestGroup::default()
        .with_group_id(group())
        .with_topics(Some(vec![of_topic]));
    all.add(
        ApiKey::OffsetFetch,
        fetch.with_groups(vec![of_group]),
        &[8, 9],
    );
    let delete = OffsetDeleteRequest::default().with_group_id(group());
    all.add(ApiKey::OffsetDelete, delete, &[0]);
}

fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
