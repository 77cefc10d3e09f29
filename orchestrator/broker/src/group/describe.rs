//! A group as ListGroups and DescribeGroups show it.

use bytes::Bytes;

use super::{Group, Phase};

/// A group at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Description {
    /// Kafka's name of the state.
    pub(crate) state: &'static str,
    /// `consumer` for consumers; empty if nobody ever joined.
    pub(crate) protocol_type: String,
    /// The assignor in use; empty unless stable.
    pub(crate) protocol: String,
    /// Its members.
    pub(crate) members: Vec<MemberDescription>,
}

/// A member at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemberDescription {
    /// Member id.
    pub(crate) id: String,
    /// `group.instance.id`, if static.
    pub(crate) instance: Option<String>,
    /// The client's own name.
    pub(crate) client_id: String,
    /// Where it connected from.
    pub(crate) client_host: String,
    /// Its metadata for the assignor in use; empty unless stable.
    pub(crate) metadata: Bytes,
    /// Its share; empty unless stable.
    pub(crate) assignment: Bytes,
}

impl Group {
    /// Kafka's name of the state.
    pub(crate) fn state_name(&self) -> &'static str {
        match self.phase {
            Phase::Empty => "Empty",
            Phase::Preparing { .. } => "PreparingRebalance",
            Phase::Completing { .. } => "CompletingRebalance",
            Phase::Stable => "Stable",
        }
    }

    /// The group as it is now. As in Kafka, assignor and shares are shown only while they are settled.
    pub(crate) fn describe(&self) -> Description {
        let stable = self.phase == Phase::Stable;
        let protocol = self.protocol.clone().filter(|_| stable);
        let members = self.members.iter().map(|(id, member)| MemberDescription {
            id: id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: member.metadata(protocol.as_deref()),
            assignment: if stable {
                member.assignment.clone()
            } else {
                Bytes::new()
            },
        });
        Description {
            state: self.state_name(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: members.collect(),
            protocol: protocol.unwrap_or_default(),
        }
    }

    /// The members' metadata, to see which topics they subscribe to.
    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = Bytes> {
        let of = |member: &super::Member| {
            member
                .protocols
                .first()
                .map(|(_, metadata)| metadata.clone())
        };
        self.members.values().filter_map(of)
    }
}
