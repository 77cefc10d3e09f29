//! SASL PLAIN: nobody gets on without it where users are named.

use crate::client::Client;
use crate::world::{World, text};
use baton_broker::server::User;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ApiVersionsRequest, MetadataRequest, SaslAuthenticateRequest, SaslHandshakeRequest,
};

async fn world() -> World {
    World::with(|settings| {
        settings.users = vec![User {
            name: "ada".into(),
            password: "secret".into(),
        }]
    })
    .await
}

async fn authenticate(client: &mut Client, message: &'static [u8]) -> i16 {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from_static(message));
    client.call(request, 2).await.error_code
}

#[tokio::test]
async fn a_user_with_its_password_gets_on() {
    let world = world().await;
    let mut client = world.client().await;
    client.call(ApiVersionsRequest::default(), 3).await;
    let agreed = client
        .call(
            SaslHandshakeRequest::default().with_mechanism(text("PLAIN")),
            1,
        )
        .await;
    assert_eq!(
        (agreed.error_code, agreed.mechanisms),
        (0, vec![text("PLAIN")])
    );
    assert_eq!(authenticate(&mut client, b"\0ada\0secret").await, 0);
    assert_eq!(
        client
            .call(MetadataRequest::default(), 9)
            .await
            .brokers
            .len(),
        1
    );
}

#[tokio::test]
async fn anybody_else_is_told_and_cut_off() {
    let world = world().await;
    let mut client = world.client().await;
    client
        .call(
            SaslHandshakeRequest::default().with_mechanism(text("PLAIN")),
            1,
        )
        .await;
    let code = authenticate(&mut client, b"\0ada\0guess").await;
    assert_eq!(code, ResponseError::SaslAuthenticationFailed.code());
    assert_eq!(client.receive_bytes().await, None);

    let mut client = world.client().await;
    assert_eq!(
        authenticate(&mut client, b"\0ada\0secret").await,
        ResponseError::IllegalSaslState.code()
    );

    let mut client = world.client().await;
    let refused = client
        .call(
            SaslHandshakeRequest::default().with_mechanism(text("GSSAPI")),
            1,
        )
        .await;
    assert_eq!(
        refused.error_code,
        ResponseError::UnsupportedSaslMechanism.code()
    );

    let mut client = world.client().await;
    client.send(&MetadataRequest::default(), 9).await;
    assert_eq!(client.receive_bytes().await, None);
}
