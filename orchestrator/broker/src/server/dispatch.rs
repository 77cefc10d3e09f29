//! From a request's bytes to the handler that knows it, and from its answer to bytes.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};

use super::connection::{Answered, Answering};
use super::{Broker, Peer, apis, guard, sasl};
use crate::handlers::{
    cluster, commits, configs, fetch, groups, membership, offsets, partitions, produce, producers,
    topics,
};

/// What is to be done for a request.
pub(super) enum Step<'a> {
    /// All but waiting is done; the next Produce request need not wait for the answer.
    UnderWay(Answering<'a>),
    /// It is answered before the next one.
    Answer(Request),
}

/// A request whose header is read.
pub(super) struct Request {
    head: Head,
    body: Bytes,
}

/// What is needed of a request's header to answer it.
#[derive(Clone, Copy)]
struct Head {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
}

/// Whether a frame, whose smallest size was checked, is a Produce request.
pub(super) fn is_produce(frame: &Bytes) -> bool {
    frame.first_chunk::<2>().map(|key| i16::from_be_bytes(*key)) == Some(ApiKey::Produce as i16)
}

/// Reads the header; writes the records of a Produce request. An error ends the connection.
pub(super) fn begin<'a>(
    broker: &'a Broker,
    peer: &mut Peer,
    mut frame: Bytes,
) -> Result<Step<'a>, String> {
    let start = frame
        .first_chunk::<8>()
        .ok_or("a request without a header")?;
    let [k0, k1, v0, v1, c0, c1, c2, c3] = *start;
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let correlation_id = i32::from_be_bytes([c0, c1, c2, c3]);
    let Some(api) = apis::find(key, version) else {
        if key == ApiKey::ApiVersions as i16 {
            // KIP-511: a client from the future learns from version 0 which versions it may use.
            let head = Head {
                api: ApiKey::ApiVersions,
                version: 0,
                correlation_id,
            };
            let answer = encode(
                head,
                &apis::versions(Some(ResponseError::UnsupportedVersion)),
            );
            return Ok(Step::UnderWay(Box::pin(async { answer })));
        }
        let name = ApiKey::try_from(key)
            .map_or_else(|()| format!("request {key}"), |api| format!("{api:?}"));
        return Err(format!("{name} in version {version} is not supported"));
    };
    let header: RequestHeader =
        guard::decode_prefix(&mut frame, api.request_header_version(version))
            .map_err(|error| format!("the header of {api:?} can't be read: {error}"))?;
    peer.client_id = header
        .client_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    let head = Head {
        api,
        version,
        correlation_id,
    };
    let open = matches!(
        api,
        ApiKey::ApiVersions | ApiKey::SaslHandshake | ApiKey::SaslAuthenticate
    );
    if !peer.authenticated && !open {
        return Err(format!("{api:?} before authentication; use SASL PLAIN"));
    }
    if api != ApiKey::Produce {
        return Ok(Step::Answer(Request { head, body: frame }));
    }
    let written = produce::write(broker, decode(head, &frame)?, version);
    Ok(Step::UnderWay(Box::pin(async move {
        match written.durable().await {
            Some(response) => encode(head, &response),
            None => Ok(None),
        }
    })))
}

impl Request {
    /// Answers the request. An error ends the connection.
    pub(super) async fn answer(self, broker: &Broker, peer: &mut Peer) -> Answered {
        let Request { head, body } = self;
        let (b, v) = (&body, head.version);
        match head.api {
            ApiKey::ApiVersions => {
                decode::<ApiVersionsRequest>(head, b)?;
                encode(head, &apis::versions(None))
            }
            ApiKey::SaslHandshake => {
                encode(head, &sasl::handshake(broker, peer, &decode(head, b)?))
            }
            ApiKey::SaslAuthenticate => {
                encode(head, &sasl::authenticate(broker, peer, &decode(head, b)?))
            }
            ApiKey::Metadata => encode(
                head,
                &cluster::metadata(broker, peer, decode(head, b)?, v).await,
            ),
            ApiKey::DescribeCluster => {
                encode(head, &cluster::describe(broker, peer, &decode(head, b)?))
            }
            ApiKey::FindCoordinator => {
                encode(head, &cluster::find_coordinator(peer, decode(head, b)?, v))
            }
            ApiKey::Fetch => encode(head, &fetch::fetch(broker, decode(head, b)?).await),
            ApiKey::ListOffsets => encode(head, &offsets::list(broker, decode(head, b)?, v)),
            ApiKey::OffsetForLeaderEpoch => {
                encode(head, &offsets::for_leader_epoch(broker, decode(head, b)?))
            }
            ApiKey::InitProducerId => encode(head, &producers::init(broker, &decode(head, b)?)),
            ApiKey::CreateTopics => {
                encode(head, &topics::create(broker, decode(head, b)?, v).await)
            }
            ApiKey::DeleteTopics => {
                encode(head, &topics::delete(broker, decode(head, b)?, v).await)
            }
            ApiKey::CreatePartitions => {
                encode(head, &partitions::create(broker, decode(head, b)?).await)
            }
            ApiKey::DeleteRecords => encode(
                head,
                &partitions::delete_records(broker, decode(head, b)?).await,
            ),
            ApiKey::DescribeConfigs => {
                encode(head, &configs::describe(broker, decode(head, b)?, v))
            }
            ApiKey::AlterConfigs => encode(head, &configs::alter(broker, decode(head, b)?)),
            ApiKey::IncrementalAlterConfigs => encode(
                head,
                &configs::alter_incrementally(broker, decode(head, b)?),
            ),
            ApiKey::JoinGroup => encode(
                head,
                &membership::join(broker, peer, decode(head, b)?, v).await,
            ),
            ApiKey::SyncGroup => encode(head, &membership::sync(broker, decode(head, b)?, v).await),
            ApiKey::Heartbeat => encode(head, &membership::heartbeat(broker, &decode(head, b)?)),
            ApiKey::LeaveGroup => encode(head, &membership::leave(broker, decode(head, b)?, v)),
            ApiKey::OffsetCommit => encode(head, &commits::commit(broker, decode(head, b)?).await),
            ApiKey::OffsetFetch => encode(head, &commits::fetch(broker, decode(head, b)?, v)),
            ApiKey::OffsetDelete => encode(head, &commits::delete(broker, decode(head, b)?).await),
            ApiKey::ListGroups => encode(head, &groups::list(broker, &decode(head, b)?)),
            ApiKey::DescribeGroups => encode(head, &groups::describe(broker, decode(head, b)?, v)),
            ApiKey::DeleteGroups => encode(head, &groups::delete(broker, decode(head, b)?).await),
            other => Err(format!("{other:?} is not supported")),
        }
    }
}

fn decode<T: Decodable>(head: Head, body: &Bytes) -> Result<T, String> {
    let Head { api, version, .. } = head;
    guard::decode(body, version)
        .map_err(|error| format!("{api:?} version {version} can't be read: {error}"))
}

/// Length, header and body of an answer.
fn encode<T: Encodable + HeaderVersion>(head: Head, response: &T) -> Answered {
    let Head {
        api,
        version,
        correlation_id,
    } = head;
    let written = || -> Result<BytesMut, String> {
        let header = ResponseHeader::default().with_correlation_id(correlation_id);
        let header_version = T::header_version(version);
        let size = header.compute_size(header_version).map_err(text)?
            + response.compute_size(version).map_err(text)?;
        let mut bytes = BytesMut::with_capacity(4 + size);
        bytes.put_i32(i32::try_from(size).map_err(text)?);
        header.encode(&mut bytes, header_version).map_err(text)?;
        response.encode(&mut bytes, version).map_err(text)?;
        Ok(bytes)
    };
    written().map(Some).map_err(|error| {
        format!("the answer to {api:?} version {version} can't be written: {error}")
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
