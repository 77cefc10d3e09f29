//! A client without comfort: one request of `kafka-protocol`, one answer.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer takes this long unless something is wrong.
const ANSWER_MAX: Duration = Duration::from_secs(30);

pub struct Client {
    pub stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address)
            .await
            .expect("the broker listens");
        stream.set_nodelay(true).expect("set");
        Self {
            stream,
            correlation_id: 0,
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn call<R: Request>(&mut self, request: R, version: i16) -> R::Response {
        let sent = self.send(&request, version).await;
        self.receive::<R>(version, sent).await
    }

    /// Sends a request; answers its correlation id.
    pub async fn send<R: Request>(&mut self, request: &R, version: i16) -> i32 {
        self.correlation_id += 1;
        let bytes = frame(request, version, self.correlation_id);
        self.stream.write_all(&bytes).await.expect("sent");
        self.correlation_id
    }

    /// Waits for the answer to a request.
    pub async fn receive<R: Request>(&mut self, version: i16, correlation_id: i32) -> R::Response {
        let mut bytes = self.receive_bytes().await.expect("an answer");
        let header = ResponseHeader::decode(&mut bytes, R::Response::header_version(version))
            .expect("a header");
        assert_eq!(
            header.correlation_id, correlation_id,
            "answers come in order"
        );
        let response =
            R::Response::decode(&mut bytes, version).expect("an answer that can be read");
        assert!(bytes.is_empty(), "{} bytes follow the answer", bytes.len());
        response
    }

    /// The next answer without its length; none if the broker closed the connection.
    pub async fn receive_bytes(&mut self) -> Option<Bytes> {
        let read = async {
            let length = self.stream.read_i32().await.ok()?;
            let mut bytes = BytesMut::zeroed(usize::try_from(length).expect("a length"));
            self.stream.read_exact(&mut bytes).await.ok()?;
            Some(bytes.freeze())
        };
        timeout(ANSWER_MAX, read)
            .await
            .expect("the broker answers or closes")
    }
}

/// A request as it goes over the wire.
pub fn frame<R: Request>(request: &R, version: i16, correlation_id: i32) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    let mut body = BytesMut::new();
    header
        .encode(&mut body, R::header_version(version))
        .expect("a header");
    request
        .encode(&mut body, version)
        .expect("a request of that version");
    let mut bytes = BytesMut::with_capacity(4 + body.len());
    bytes.extend_from_slice(&i32::try_from(body.len()).expect("small").to_be_bytes());
    bytes.extend_from_slice(&body);
    bytes.freeze()
}
