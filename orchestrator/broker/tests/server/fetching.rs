//! Fetch and ListOffsets: long polls, bounds, positions.

use crate::world::{World, batch, create, fetch, fetch_request, name, produce, values};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{DeleteTopicsRequest, FetchRequest, ListOffsetsRequest};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_long_poll_wakes_with_the_append_and_holds_up_nobody() {
    let world = World::new().await;
    let (mut reader, mut writer) = (world.client().await, world.client().await);
    create(&mut writer, "topic", 2, &[]).await;
    let began = Instant::now();
    let waiting = reader.send(&fetch_request("topic", 1, 0, 60_000), 12).await;
    produce(&mut writer, "topic", 0, batch(&["elsewhere"], None)).await;
    produce(&mut writer, "topic", 1, batch(&["here"], None)).await;
    let answer = reader.receive::<FetchRequest>(12, waiting).await;
    assert_eq!(
        values(&answer.responses[0].partitions[0]),
        [(0, "here".to_owned())]
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "it did not wait for its 60 s"
    );
}

#[tokio::test]
async fn a_long_poll_ends_empty_when_its_time_is_up() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    let began = Instant::now();
    let data = fetch(&mut client, "topic", 0, 0, 300).await;
    assert_eq!(
        (data.error_code, values(&data), data.high_watermark),
        (0, vec![], 0)
    );
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_long_poll_on_a_topic_that_is_deleted_is_told_so() {
    let world = World::new().await;
    let (mut reader, mut other) = (world.client().await, world.client().await);
    create(&mut other, "topic", 1, &[]).await;
    let waiting = reader.send(&fetch_request("topic", 0, 0, 60_000), 12).await;
    let deleted = other
        .call(
            DeleteTopicsRequest::default().with_topic_names(vec![name("topic")]),
            5,
        )
        .await;
    assert_eq!(deleted.responses[0].error_code, 0);
    let answer = reader.receive::<FetchRequest>(12, waiting).await;
    let code = answer.responses[0].partitions[0].error_code;
    assert_eq!(code, ResponseError::UnknownTopicOrPartition.code());
}

#[tokio::test]
async fn min_bytes_waits_for_more() {
    let world = World::new().await;
    let (mut reader, mut writer) = (world.client().await, world.client().await);
    create(&mut writer, "topic", 1, &[]).await;
    let one = batch(&["x"], None);
    let two_batches = i32::try_from(2 * one.len()).expect("small");
    let request = fetch_request("topic", 0, 0, 60_000).with_min_bytes(two_batches);
    let waiting = reader.send(&request, 12).await;
    produce(&mut writer, "topic", 0, one.clone()).await;
    produce(&mut writer, "topic", 0, one).await;
    let answer = reader.receive::<FetchRequest>(12, waiting).await;
    assert_eq!(values(&answer.responses[0].partitions[0]).len(), 2);
}

#[tokio::test]
async fn max_bytes_bounds_all_but_the_first_batch() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 2, &[]).await;
    for partition in [0, 1] {
        for _ in 0..3 {
            produce(&mut client, "topic", partition, batch(&["some text"], None)).await;
        }
    }
    let mut request = fetch_request("topic", 0, 0, 0).with_max_bytes(1);
    let second = request.topics[0].partitions[0].clone().with_partition(1);
    request.topics[0].partitions.push(second);
    let answer = client.call(request, 12).await;
    let read: Vec<_> = answer.responses[0]
        .partitions
        .iter()
        .map(|data| values(data).len())
        .collect();
    assert_eq!(read, [1, 0]);
    assert_eq!(answer.responses[0].partitions[1].high_watermark, 3);
}

#[tokio::test]
async fn an_offset_that_is_not_there_is_told_with_what_is() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    produce(&mut client, "topic", 0, batch(&["a"], None)).await;
    let data = fetch(&mut client, "topic", 0, 5, 1_000).await;
    assert_eq!(data.error_code, ResponseError::OffsetOutOfRange.code());
    assert_eq!((data.log_start_offset, data.high_watermark), (0, 1));
}

#[tokio::test]
async fn fetch_sessions_are_refused() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    let new = fetch_request("topic", 0, 0, 0).with_session_epoch(0);
    assert_eq!(client.call(new, 12).await.session_id, 0);
    let old = fetch_request("topic", 0, 0, 0)
        .with_session_id(9)
        .with_session_epoch(3);
    assert_eq!(
        client.call(old, 12).await.error_code,
        ResponseError::FetchSessionIdNotFound.code()
    );
}

#[tokio::test]
async fn offsets_are_found_by_time_and_by_name() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    // Timestamps are 1,700,000,000,000 and those that follow.
    produce(&mut client, "topic", 0, batch(&["a", "b", "c"], None)).await;
    for (timestamp, offset, found_at) in [
        (-1, 3, -1),
        (-2, 0, -1),
        (-3, 2, 1_700_000_000_002),
        (0, 0, 1_700_000_000_000),
        (1_700_000_000_001, 1, 1_700_000_000_001),
        (1_700_000_000_003, -1, -1),
    ] {
        let partition = ListOffsetsPartition::default()
            .with_timestamp(timestamp)
            .with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default()
            .with_name(name("topic"))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let answer = client.call(request, 7).await;
        let found = &answer.topics[0].partitions[0];
        assert_eq!(
            (found.error_code, found.offset, found.timestamp),
            (0, offset, found_at),
            "{timestamp}"
        );
    }
}
