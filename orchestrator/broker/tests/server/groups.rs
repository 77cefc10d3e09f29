//! Consumer groups over the wire: generations, eviction in real time, durable offsets.

use crate::client::Client;
use crate::world::{World, create, name, text};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const SESSION_MS: i32 = 1_500;

fn group() -> GroupId {
    GroupId(text("group"))
}

/// Subscribed to `topic`: version 0, one topic, no user data.
fn subscription() -> Bytes {
    Bytes::from_static(b"\0\0\0\0\0\x01\0\x05topic\xff\xff\xff\xff")
}

fn join(member: &StrBytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(subscription());
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(SESSION_MS)
        .with_rebalance_timeout_ms(30_000)
        .with_member_id(member.clone())
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// A first join: the id is told, and taken back at once.
async fn arrive(client: &mut Client) -> StrBytes {
    let told = client.call(join(&StrBytes::default()), JOIN).await;
    assert_eq!(told.error_code, ResponseError::MemberIdRequired.code());
    told.member_id
}

fn sync(
    member: &StrBytes,
    generation: i32,
    shares: &[(&StrBytes, &'static str)],
) -> SyncGroupRequest {
    let share = |(id, share): &(&StrBytes, &'static str)| {
        SyncGroupRequestAssignment::default()
            .with_member_id((*id).clone())
            .with_assignment(Bytes::from_static(share.as_bytes()))
    };
    SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(member.clone())
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(shares.iter().map(share).collect())
}

fn commit(member: &StrBytes, generation: i32, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("note")));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(name("topic"))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(member.clone())
        .with_topics(vec![topic])
}

async fn committed(client: &mut Client) -> i64 {
    let topic = OffsetFetchRequestTopic::default()
        .with_name(name("topic"))
        .with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(group())
        .with_topics(Some(vec![topic]));
    client.call(request, 7).await.topics[0].partitions[0].committed_offset
}

/// Two members in one generation: `a`, the leader, and `b`.
async fn pair(a: &mut Client, b: &mut Client) -> (StrBytes, StrBytes, i32) {
    let a_id = arrive(a).await;
    let first = a.call(join(&a_id), JOIN).await;
    assert_eq!(
        (first.error_code, first.generation_id, &first.leader),
        (0, 1, &a_id)
    );
    let b_id = arrive(b).await;
    let b_joins = b.send(&join(&b_id), JOIN).await;
    let a_joins = a.send(&join(&a_id), JOIN).await;
    let led = a.receive::<JoinGroupRequest>(JOIN, a_joins).await;
    assert_eq!((led.generation_id, led.members.len()), (2, 2));
    assert_eq!(
        b.receive::<JoinGroupRequest>(JOIN, b_joins)
            .await
            .generation_id,
        2
    );
    let b_syncs = b.send(&sync(&b_id, 2, &[]), SYNC).await;
    let shares = [(&a_id, "first half"), (&b_id, "second half")];
    assert_eq!(
        a.call(sync(&a_id, 2, &shares), SYNC).await.assignment,
        "first half"
    );
    assert_eq!(
        b.receive::<SyncGroupRequest>(SYNC, b_syncs)
            .await
            .assignment,
        "second half"
    );
    (a_id, b_id, 2)
}

#[tokio::test]
async fn a_member_that_died_is_evicted_when_its_session_ends() {
    let world = World::new().await;
    let (mut a, mut b) = (world.client().await, world.client().await);
    let (a_id, b_id, generation) = pair(&mut a, &mut b).await;
    drop(b);
    // The leader joins again, and is answered when nobody has to be waited for any more.
    let began = std::time::Instant::now();
    let alone = a.call(join(&a_id), JOIN).await;
    assert_eq!(
        (alone.error_code, alone.generation_id, alone.members.len()),
        (0, generation + 1, 1)
    );
    assert!(
        began.elapsed().as_millis() < 10_000,
        "by its session timeout of 1.5 s, not the rebalance timeout of 30 s"
    );
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(b_id);
    assert_eq!(
        a.call(heartbeat, 4).await.error_code,
        ResponseError::UnknownMemberId.code()
    );
}

#[tokio::test]
async fn groups_are_listed_described_and_deleted_when_they_are_empty() {
    let world = World::new().await;
    let (mut a, mut b) = (world.client().await, world.client().await);
    let (a_id, b_id, _) = pair(&mut a, &mut b).await;
    let listed = a.call(ListGroupsRequest::default(), 5).await.groups;
    let row = |group: &list_groups_response::ListedGroup| {
        (
            group.group_id.to_string(),
            group.group_state.to_string(),
            group.group_type.to_string(),
        )
    };
    assert_eq!(
        listed.iter().map(row).collect::<Vec<_>>(),
        [("group".into(), "Stable".into(), "classic".into())]
    );
    let described = a
        .call(
            DescribeGroupsRequest::default().with_groups(vec![group()]),
            5,
        )
        .await
        .groups
        .remove(0);
    assert_eq!(
        (
            &*described.protocol_type,
            &*described.protocol_data,
            described.members.len()
        ),
        ("consumer", "range", 2)
    );
    assert!(
        described
            .members
            .iter()
            .all(|member| &*member.client_id == "test" && &*member.client_host == "/127.0.0.1")
    );
    let delete = || DeleteGroupsRequest::default().with_groups_names(vec![group()]);
    assert_eq!(
        a.call(delete(), 2).await.results[0].error_code,
        ResponseError::NonEmptyGroup.code()
    );
    for id in [a_id, b_id] {
        let member = leave_group_request::MemberIdentity::default().with_member_id(id);
        let left = a
            .call(
                LeaveGroupRequest::default()
                    .with_group_id(group())
                    .with_members(vec![member]),
                5,
            )
            .await;
        assert_eq!(left.members[0].error_code, 0);
    }
    // Nothing is left of a group without members and offsets.
    assert_eq!(
        a.call(delete(), 2).await.results[0].error_code,
        ResponseError::GroupIdNotFound.code()
    );
}

#[tokio::test]
async fn offsets_survive_a_restart_and_members_join_again() {
    let world = World::new().await;
    let (mut a, mut b) = (world.client().await, world.client().await);
    create(&mut a, "topic", 1, &[]).await;
    let (a_id, _, generation) = pair(&mut a, &mut b).await;
    for (offset, from, error) in [
        (5, generation, 0),
        (9, generation - 1, ResponseError::IllegalGeneration.code()),
    ] {
        let answer = a.call(commit(&a_id, from, offset), 9).await;
        assert_eq!(answer.topics[0].partitions[0].error_code, error);
    }
    assert_eq!(committed(&mut a).await, 5);
    let world = world.restart().await;
    let mut a = world.client().await;
    assert_eq!(committed(&mut a).await, 5);
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(a_id);
    assert_eq!(
        a.call(heartbeat, 4).await.error_code,
        ResponseError::UnknownMemberId.code()
    );
    let id = arrive(&mut a).await;
    assert_eq!(a.call(join(&id), JOIN).await.error_code, 0);
}

#[tokio::test]
async fn commits_to_what_is_not_there_are_refused_one_by_one() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    let mut request = commit(&StrBytes::default(), -1, 3);
    request.topics[0].partitions.push(
        OffsetCommitRequestPartition::default()
            .with_partition_index(8)
            .with_committed_metadata(None),
    );
    let answer = client.call(request, 9).await;
    let codes: Vec<_> = answer.topics[0]
        .partitions
        .iter()
        .map(|partition| partition.error_code)
        .collect();
    assert_eq!(codes, [0, ResponseError::UnknownTopicOrPartition.code()]);
    assert_eq!(committed(&mut client).await, 3);
}

#[tokio::test]
async fn offsets_are_deleted_for_topics_that_nobody_subscribes_to_and_with_their_topic() {
    let world = World::new().await;
    let (mut a, mut b) = (world.client().await, world.client().await);
    create(&mut a, "topic", 1, &[]).await;
    let (a_id, b_id, generation) = pair(&mut a, &mut b).await;
    a.call(commit(&a_id, generation, 5), 9).await;
    let delete = || {
        let partition = OffsetDeleteRequestPartition::default();
        let topic = OffsetDeleteRequestTopic::default()
            .with_name(name("topic"))
            .with_partitions(vec![partition]);
        OffsetDeleteRequest::default()
            .with_group_id(group())
            .with_topics(vec![topic])
    };
    let answer = a.call(delete(), 0).await;
    assert_eq!(
        answer.topics[0].partitions[0].error_code,
        ResponseError::GroupSubscribedToTopic.code()
    );
    assert_eq!(committed(&mut a).await, 5);
    for id in [a_id, b_id] {
        let member = leave_group_request::MemberIdentity::default().with_member_id(id);
        a.call(
            LeaveGroupRequest::default()
                .with_group_id(group())
                .with_members(vec![member]),
            5,
        )
        .await;
    }
    assert_eq!(
        a.call(delete(), 0).await.topics[0].partitions[0].error_code,
        0
    );
    assert_eq!(committed(&mut a).await, -1);
    a.call(commit(&StrBytes::default(), -1, 6), 9).await;
    a.call(
        DeleteTopicsRequest::default().with_topic_names(vec![name("topic")]),
        5,
    )
    .await;
    create(&mut a, "topic", 1, &[]).await;
    assert_eq!(committed(&mut a).await, -1);
}

#[tokio::test]
async fn timeouts_and_names_are_checked() {
    let world = World::new().await;
    let mut client = world.client().await;
    let hasty = join(&StrBytes::default()).with_session_timeout_ms(1);
    assert_eq!(
        client.call(hasty, JOIN).await.error_code,
        ResponseError::InvalidSessionTimeout.code()
    );
    let nameless = join(&StrBytes::default()).with_group_id(GroupId(StrBytes::default()));
    assert_eq!(
        client.call(nameless, JOIN).await.error_code,
        ResponseError::InvalidGroupId.code()
    );
}
