//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup: between the protocol's versions and the groups.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::errors::code;
use crate::group::{Identity, JoinReply, JoinRequest, JoinedMember, Leaver, SyncRequest};
use crate::server::limits::{SESSION_TIMEOUT_MS_MAX, SESSION_TIMEOUT_MS_MIN};
use crate::server::{Broker, Peer};

/// First versions of JoinGroup with a rebalance timeout, with ids that must be known (KIP-394), with a nullable
/// protocol, and with `skip_assignment` (KIP-814).
const REBALANCE_TIMEOUT_VERSION: i16 = 1;
const KNOWN_ID_VERSION: i16 = 4;
const NULLABLE_PROTOCOL_VERSION: i16 = 7;
const SKIP_ASSIGNMENT_VERSION: i16 = 9;
/// First version of SyncGroup that says what it believes the protocol to be.
const SYNC_PROTOCOL_VERSION: i16 = 5;
/// First version of LeaveGroup in which several leave (KIP-345).
const LEAVE_BATCH_VERSION: i16 = 3;
/// Longest part of a member id that is the client's own name.
const ID_NAME_CHARS_MAX: usize = 200;

/// Answers a JoinGroup, when the generation is formed.
pub(crate) async fn join(
    broker: &Broker,
    peer: &Peer,
    request: JoinGroupRequest,
    version: i16,
) -> JoinGroupResponse {
    let timeouts = SESSION_TIMEOUT_MS_MIN..=SESSION_TIMEOUT_MS_MAX;
    let group = request.group_id.clone();
    let reply = if group.is_empty() {
        JoinReply::refused(ResponseError::InvalidGroupId, &request.member_id)
    } else if !timeouts.contains(&request.session_timeout_ms) {
        JoinReply::refused(ResponseError::InvalidSessionTimeout, &request.member_id)
    } else {
        broker
            .coordinator
            .join(&group, &plain_join(peer, request, version))
            .await
    };
    let member = |member: JoinedMember| {
        JoinGroupResponseMember::default()
            .with_member_id(member.id.into())
            .with_group_instance_id(member.instance.map(Into::into))
            .with_metadata(member.metadata)
    };
    let nullable = version >= NULLABLE_PROTOCOL_VERSION;
    JoinGroupResponse::default()
        .with_error_code(code(reply.error))
        .with_generation_id(reply.generation)
        .with_protocol_type(reply.protocol_type.map(Into::into).filter(|_| nullable))
        .with_protocol_name(
            reply
                .protocol
                .map(Into::into)
                .or((!nullable).then(StrBytes::default)),
        )
        .with_leader(reply.leader.into())
        .with_skip_assignment(reply.skip_assignment)
        .with_member_id(reply.member_id.into())
        .with_members(reply.members.into_iter().map(member).collect())
}

fn plain_join(peer: &Peer, request: JoinGroupRequest, version: i16) -> JoinRequest {
    let session_timeout_ms = i64::from(request.session_timeout_ms);
    let name: String = match &request.group_instance_id {
        Some(instance) => instance.chars().take(ID_NAME_CHARS_MAX).collect(),
        None => peer.client_id.chars().take(ID_NAME_CHARS_MAX).collect(),
    };
    JoinRequest {
        identity: identity(&request.member_id, request.group_instance_id.as_ref()),
        fresh_id: format!("{name}-{}", Uuid::new_v4()),
        client_id: peer.client_id.clone(),
        client_host: peer.host.clone(),
        session_timeout_ms,
        rebalance_timeout_ms: if version >= REBALANCE_TIMEOUT_VERSION {
            i64::from(request.rebalance_timeout_ms).max(0)
        } else {
            session_timeout_ms
        },
        protocol_type: request.protocol_type.to_string(),
        protocols: request
            .protocols
            .iter()
            .map(|one| (one.name.to_string(), own(&one.metadata)))
            .collect(),
        must_know_id: version >= KNOWN_ID_VERSION,
        can_skip_assignment: version >= SKIP_ASSIGNMENT_VERSION,
    }
}

/// Answers a SyncGroup, when the leader has assigned.
pub(crate) async fn sync(
    broker: &Broker,
    request: SyncGroupRequest,
    version: i16,
) -> SyncGroupResponse {
    let believes = |what: Option<StrBytes>| {
        what.filter(|_| version >= SYNC_PROTOCOL_VERSION)
            .map(|what| what.to_string())
    };
    let plain = SyncRequest {
        identity: identity(&request.member_id, request.group_instance_id.as_ref()),
        generation: request.generation_id,
        protocol_type: believes(request.protocol_type),
        protocol: believes(request.protocol_name),
        assignments: request
            .assignments
            .iter()
            .map(|one| (one.member_id.to_string(), own(&one.assignment)))
            .collect(),
    };
    let reply = broker.coordinator.sync(&request.group_id, plain).await;
    SyncGroupResponse::default()
        .with_error_code(code(reply.error))
        .with_protocol_type(reply.protocol_type.map(Into::into))
        .with_protocol_name(reply.protocol.map(Into::into))
        .with_assignment(reply.assignment)
}

/// Answers a Heartbeat.
pub(crate) fn heartbeat(broker: &Broker, request: &HeartbeatRequest) -> HeartbeatResponse {
    let who = identity(&request.member_id, request.group_instance_id.as_ref());
    let done = broker
        .coordinator
        .heartbeat(&request.group_id, &who, request.generation_id);
    HeartbeatResponse::default().with_error_code(code(done.err()))
}

/// Answers a LeaveGroup.
pub(crate) fn leave(
    broker: &Broker,
    request: LeaveGroupRequest,
    version: i16,
) -> LeaveGroupResponse {
    if version < LEAVE_BATCH_VERSION {
        let leaving = vec![identity(&request.member_id, None)];
        let left = broker.coordinator.leave(&request.group_id, leaving);
        return LeaveGroupResponse::default()
            .with_error_code(code(left.first().and_then(|leaver| leaver.error)));
    }
    let who = request
        .members
        .iter()
        .map(|member| identity(&member.member_id, member.group_instance_id.as_ref()));
    let left = broker.coordinator.leave(&request.group_id, who.collect());
    let member = |Leaver { identity, error }: Leaver| {
        MemberResponse::default()
            .with_member_id(identity.member.into())
            .with_group_instance_id(identity.instance.map(Into::into))
            .with_error_code(code(error))
    };
    LeaveGroupResponse::default().with_members(left.into_iter().map(member).collect())
}

pub(super) fn identity(member: &StrBytes, instance: Option<&StrBytes>) -> Identity {
    Identity {
        member: member.to_string(),
        instance: instance.map(ToString::to_string),
    }
}

/// Bytes that are kept for long must not keep the request that they came in.
fn own(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
