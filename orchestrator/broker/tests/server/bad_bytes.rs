//! Bytes that no client sends: the connection may end, the broker goes on.

use crate::client::frame;
use crate::world::{World, batch, create, fetch_request, name, produce, produce_request, text};
use bytes::Bytes;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How often each property is tried; `PROPTEST_CASES` may ask for more.
const CASES: u32 = 1_000;

/// Well-formed requests to damage.
fn requests() -> Vec<Bytes> {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let join = JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_session_timeout_ms(1_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let commit = OffsetCommitRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_topics(vec![
            OffsetCommitRequestTopic::default()
                .with_name(name("topic"))
                .with_partitions(vec![OffsetCommitRequestPartition::default()]),
        ]);
    let sync = SyncGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_assignments(vec![SyncGroupRequestAssignment::default()]);
    let delete = DeleteRecordsRequest::default().with_topics(vec![
        DeleteRecordsTopic::default()
            .with_name(name("topic"))
            .with_partitions(vec![DeleteRecordsPartition::default()]),
    ]);
    let list = ListOffsetsRequest::default().with_topics(vec![
        ListOffsetsTopic::default()
            .with_name(name("topic"))
            .with_partitions(vec![ListOffsetsPartition::default()]),
    ]);
    vec![
        frame(&commit, 2, 1),
        frame(&commit, 8, 1),
        frame(&sync, 0, 1),
        frame(&sync, 5, 1),
        frame(&delete, 1, 1),
        frame(&delete, 2, 1),
        frame(&list, 1, 1),
        frame(&list, 8, 1),
        frame(&LeaveGroupRequest::default(), 4, 1),
        frame(&DescribeGroupsRequest::default(), 5, 1),
        frame(&DescribeConfigsRequest::default(), 4, 1),
        frame(&CreatePartitionsRequest::default(), 2, 1),
        frame(&OffsetForLeaderEpochRequest::default(), 4, 1),
        frame(&SaslAuthenticateRequest::default(), 2, 1),
        frame(&ApiVersionsRequest::default(), 3, 1),
        frame(&MetadataRequest::default(), 1, 1),
        frame(&MetadataRequest::default(), 12, 1),
        frame(&produce_request("topic", 0, batch(&["x"], None), -1), 8, 1),
        frame(&produce_request("topic", 0, batch(&["x"], None), -1), 9, 1),
        frame(&fetch_request("topic", 0, 0, 0), 4, 1),
        frame(&fetch_request("topic", 0, 0, 0), 12, 1),
        frame(&join, 5, 1),
        frame(&join, 9, 1),
        frame(&OffsetFetchRequest::default(), 8, 1),
        frame(&CreateTopicsRequest::default(), 5, 1),
        frame(&IncrementalAlterConfigsRequest::default(), 1, 1),
    ]
}

/// Sends bytes, says that nothing more comes, and reads until the broker is done with them.
async fn try_bytes(world: &World, bytes: &[u8]) {
    let mut stream = world.client().await.stream;
    // A broker that is quicker to refuse than we to send is no failure.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers).await;
}

fn run(name: &str, strategy: impl Strategy<Value = Vec<u8>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let world = runtime.block_on(World::new());
    runtime.block_on(async { create(&mut world.client().await, "topic", 1, &[]).await });
    let config = Config {
        cases: CASES.max(Config::default().cases),
        failure_persistence: None,
        ..Config::default()
    };
    let tried = TestRunner::new(config).run(&strategy, |bytes| {
        runtime.block_on(try_bytes(&world, &bytes));
        Ok(())
    });
    tried.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    let produced = runtime.block_on(async {
        produce(
            &mut world.client().await,
            "topic",
            0,
            batch(&["alive"], None),
        )
        .await
    });
    assert_eq!(produced.error_code, 0, "{name}: the broker still works");
    runtime.block_on(world.broker.shutdown());
}

#[test]
fn random_bytes() {
    run(
        "random bytes",
        proptest::collection::vec(any::<u8>(), 0..300),
    );
}

#[test]
fn random_bodies_of_every_request() {
    let body = proptest::collection::vec(any::<u8>(), 0..200);
    let framed = (0_i16..95, 0_i16..14, body).prop_map(|(key, version, body)| {
        let length = i32::try_from(10 + body.len()).expect("small");
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend(key.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        // Correlation id 7 and no client id.
        bytes.extend([0, 0, 0, 7, 0xff, 0xff]);
        bytes.extend(body);
        bytes
    });
    run("random bodies", framed);
}

#[test]
fn damaged_and_truncated_requests() {
    let requests = requests();
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let damaged = (
        any::<prop::sample::Index>(),
        damage,
        any::<prop::sample::Index>(),
    )
        .prop_map(move |(which, damage, end)| {
            let mut bytes = which.get(&requests).to_vec();
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            // Half of them whole.
            let end = (end.index(2 * bytes.len()) + 1).min(bytes.len());
            bytes.truncate(end);
            bytes
        });
    run("damaged requests", damaged);
}

#[tokio::test]
async fn a_request_that_claims_to_be_huge_is_refused_before_it_is_read() {
    let world = World::new().await;
    for length in [i32::MAX, i32::MIN, -1, 0, 7, 1 << 29] {
        let mut client = world.client().await;
        client
            .stream
            .write_all(&length.to_be_bytes())
            .await
            .expect("sent");
        // Produce, the request that may be largest.
        let _ = client.stream.write_all(&[0, 0, 0, 9]).await;
        assert_eq!(client.receive_bytes().await, None, "{length}");
    }
}
