//! Produce: order, durability, repeats, refusals.

use crate::world::{World, batch, create, fetch, produce, produce_request, values};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, TransactionalId};
use kafka_protocol::protocol::StrBytes;

#[tokio::test]
async fn records_come_back_with_the_offsets_that_were_acknowledged() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    for (base, pair) in [(0, ["a", "b"]), (2, ["c", "d"])] {
        let answer = produce(&mut client, "topic", 0, batch(&pair, None)).await;
        assert_eq!(
            (
                answer.error_code,
                answer.base_offset,
                answer.log_start_offset
            ),
            (0, base, 0)
        );
    }
    let data = fetch(&mut client, "topic", 0, 1, 0).await;
    // The whole batch that has the offset: clients drop what is before it.
    let expected: Vec<_> = (0..)
        .zip(["a", "b", "c", "d"])
        .map(|(offset, value)| (offset, value.to_owned()))
        .collect();
    assert_eq!((values(&data), data.high_watermark), (expected, 4));
}

#[tokio::test]
async fn pipelined_requests_are_written_and_answered_in_order() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    let mut sent = Vec::new();
    for n in 0..100 {
        let request = produce_request("topic", 0, batch(&[&n.to_string()], None), -1);
        sent.push(client.send(&request, 9).await);
    }
    for (offset, id) in (0..).zip(sent) {
        let answer = client.receive::<ProduceRequest>(9, id).await;
        assert_eq!(
            answer.responses[0].partition_responses[0].base_offset,
            offset
        );
    }
    let read = values(&fetch(&mut client, "topic", 0, 0, 0).await);
    assert!(
        read.iter()
            .all(|(offset, value)| offset.to_string() == *value)
    );
}

#[tokio::test]
async fn acks_0_is_written_and_never_answered() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    client
        .send(&produce_request("topic", 0, batch(&["quiet"], None), 0), 9)
        .await;
    // The next answer is that of the next request; `call` checks its correlation id.
    let answer = produce(&mut client, "topic", 0, batch(&["loud"], None)).await;
    assert_eq!(answer.base_offset, 1);
}

#[tokio::test]
async fn an_idempotent_producer_may_repeat_but_not_skip() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    let given = client
        .call(
            InitProducerIdRequest::default().with_transactional_id(None),
            4,
        )
        .await;
    let id = given.producer_id.0;
    for (sequence, error, base) in [
        (0, None, 0),
        (1, None, 1),
        (0, None, 0),
        (3, Some(ResponseError::OutOfOrderSequenceNumber), -1),
        (2, None, 2),
    ] {
        let answer = produce(
            &mut client,
            "topic",
            0,
            batch(&["x"], Some((id, 0, sequence))),
        )
        .await;
        let expected = (error.map_or(0, |error| error.code()), base);
        assert_eq!(
            (answer.error_code, answer.base_offset),
            expected,
            "sequence {sequence}"
        );
    }
    let other = client
        .call(
            InitProducerIdRequest::default().with_transactional_id(None),
            4,
        )
        .await;
    assert_ne!(other.producer_id, given.producer_id);
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_its_reason() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[("max.message.bytes", "200")]).await;
    let code = |error: ResponseError| error.code();
    let large = "x".repeat(1_000);
    let mut corrupt = batch(&["x"], None).to_vec();
    *corrupt.last_mut().expect("bytes") ^= 1;
    for (topic, partition, records, error) in [
        (
            "absent",
            0,
            batch(&["x"], None),
            ResponseError::UnknownTopicOrPartition,
        ),
        (
            "topic",
            7,
            batch(&["x"], None),
            ResponseError::UnknownTopicOrPartition,
        ),
        (
            "topic",
            -1,
            batch(&["x"], None),
            ResponseError::UnknownTopicOrPartition,
        ),
        (
            "topic",
            0,
            batch(&[&large], None),
            ResponseError::MessageTooLarge,
        ),
        ("topic", 0, corrupt.into(), ResponseError::CorruptMessage),
    ] {
        let answer = produce(&mut client, topic, partition, records).await;
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (code(error), -1),
            "{topic} {partition}"
        );
        assert!(answer.error_message.is_some());
    }
    let request = produce_request("topic", 0, batch(&["x"], None), 2);
    let answer = client.call(request, 9).await;
    assert_eq!(
        answer.responses[0].partition_responses[0].error_code,
        code(ResponseError::InvalidRequiredAcks)
    );
    let id = Some(TransactionalId(StrBytes::from_static_str("tx")));
    let answer = client
        .call(
            produce_request("topic", 0, batch(&["x"], None), -1).with_transactional_id(id),
            9,
        )
        .await;
    assert_eq!(
        answer.responses[0].partition_responses[0].error_code,
        code(ResponseError::InvalidTxnState)
    );
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    produce(&mut client, "topic", 0, batch(&["kept"], None)).await;
    let world = world.restart().await;
    let mut client = world.client().await;
    let data = fetch(&mut client, "topic", 0, 0, 0).await;
    assert_eq!(values(&data), [(0, "kept".to_owned())]);
    assert_eq!(
        produce(&mut client, "topic", 0, batch(&["next"], None))
            .await
            .base_offset,
        1
    );
}
