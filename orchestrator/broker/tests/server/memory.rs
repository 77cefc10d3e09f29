//! Bounds that many connections or groups share.

use crate::world::{World, batch, create, produce, text};
use baton_broker::server::limits::{
    GROUPS_BYTES_MAX, LARGE_REQUESTS_BYTES_MAX, MEMBER_BYTES_MAX, REQUEST_BYTES_MAX,
};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{GroupId, JoinGroupRequest};
use tokio::io::AsyncWriteExt;

fn join(group: &str, metadata_bytes: usize) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from(vec![0; metadata_bytes]));
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_session_timeout_ms(60_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

#[tokio::test]
async fn groups_take_only_so_much_memory() {
    let world = World::new().await;
    let mut client = world.client().await;
    // Version 3 joins at once, without an id that must be known.
    let refused = client.call(join("g", MEMBER_BYTES_MAX + 1), 3).await;
    assert_eq!(
        refused.error_code,
        ResponseError::InvalidRequest.code(),
        "one member"
    );
    let most = MEMBER_BYTES_MAX - 1_000;
    let fit = GROUPS_BYTES_MAX / MEMBER_BYTES_MAX;
    for number in 0..fit {
        let joined = client.call(join(&format!("g{number}"), most), 3).await;
        assert_eq!(joined.error_code, 0, "{number}");
    }
    let refused = client.call(join("full", most), 3).await;
    assert_eq!(
        refused.error_code,
        ResponseError::GroupMaxSizeReached.code()
    );
    assert_eq!(client.call(join("small", 10), 3).await.error_code, 0);
}

#[tokio::test]
async fn large_requests_wait_for_room_and_small_ones_do_not() {
    let world = World::new().await;
    let mut client = world.client().await;
    create(&mut client, "topic", 1, &[]).await;
    // As many as fit begin a large Produce and do not go on.
    let mut stalled = Vec::new();
    for _ in 0..LARGE_REQUESTS_BYTES_MAX / REQUEST_BYTES_MAX {
        let mut other = world.client().await;
        let length = i32::try_from(REQUEST_BYTES_MAX).expect("small enough");
        other
            .stream
            .write_all(&length.to_be_bytes())
            .await
            .expect("sent");
        other
            .stream
            .write_all(&[0, 0, 0, 9, 0, 0, 0, 1])
            .await
            .expect("sent");
        stalled.push(other);
    }
    let small = produce(&mut client, "topic", 0, batch(&["small"], None)).await;
    assert_eq!(small.error_code, 0);
    let large = "x".repeat(900_000);
    let written =
        tokio::spawn(async move { produce(&mut client, "topic", 0, batch(&[&large], None)).await });
    // Their room is given back when they go.
    drop(stalled);
    assert_eq!(written.await.expect("no panic").error_code, 0);
}
