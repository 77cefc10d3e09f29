//! ListGroups, DescribeGroups, DeleteGroups.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    GroupId, ListGroupsRequest, ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::errors::code;
use crate::group::MemberDescription;
use crate::server::Broker;

/// The only type of group here (KIP-848 has others).
const CLASSIC: &str = "classic";
/// First version of DescribeGroups that says of an unknown group that it is unknown (KIP-1043).
const NOT_FOUND_VERSION: i16 = 6;

/// Answers a ListGroups.
pub(crate) fn list(broker: &Broker, request: &ListGroupsRequest) -> ListGroupsResponse {
    let is_asked = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|asked| asked.eq_ignore_ascii_case(value))
    };
    if !is_asked(&request.types_filter, CLASSIC) {
        return ListGroupsResponse::default();
    }
    let groups = broker
        .coordinator
        .list()
        .into_iter()
        .filter(|(_, _, state)| is_asked(&request.states_filter, state));
    let listed = groups.map(|(name, protocol_type, state)| {
        ListedGroup::default()
            .with_group_id(GroupId(name.into()))
            .with_protocol_type(protocol_type.into())
            .with_group_state(StrBytes::from_static_str(state))
            .with_group_type(StrBytes::from_static_str(CLASSIC))
    });
    ListGroupsResponse::default().with_groups(listed.collect())
}

/// Answers a DescribeGroups.
pub(crate) fn describe(
    broker: &Broker,
    request: DescribeGroupsRequest,
    version: i16,
) -> DescribeGroupsResponse {
    let member = |member: MemberDescription| {
        DescribedGroupMember::default()
            .with_member_id(member.id.into())
            .with_group_instance_id(member.instance.map(Into::into))
            .with_client_id(member.client_id.into())
            .with_client_host(member.client_host.into())
            .with_member_metadata(member.metadata)
            .with_member_assignment(member.assignment)
    };
    let groups = request.groups.into_iter().map(|name| {
        let described = match broker.coordinator.describe(&name) {
            Some(found) => DescribedGroup::default()
                .with_group_state(StrBytes::from_static_str(found.state))
                .with_protocol_type(found.protocol_type.into())
                .with_protocol_data(found.protocol.into())
                .with_members(found.members.into_iter().map(member).collect()),
            None => {
                let unknown =
                    (version >= NOT_FOUND_VERSION).then_some(ResponseError::GroupIdNotFound);
                DescribedGroup::default()
                    .with_error_code(code(unknown))
                    .with_error_message(unknown.map(|_| StrBytes::from_static_str("no such group")))
                    .with_group_state(StrBytes::from_static_str("Dead"))
            }
        };
        described.with_group_id(name)
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

/// Answers a DeleteGroups.
pub(crate) async fn delete(broker: &Broker, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for name in request.groups_names {
        let done = broker.coordinator.delete(&name).await;
        results.push(
            DeletableGroupResult::default()
                .with_group_id(name)
                .with_error_code(code(done.err())),
        );
    }
    DeleteGroupsResponse::default().with_results(results)
}
