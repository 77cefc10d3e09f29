//! What goes into a group and what comes out of it, free of protocol versions.

use bytes::Bytes;
use kafka_protocol::ResponseError;

/// Names a request whose answer may come later. The driver never uses one twice.
pub(crate) type Ticket = u64;

/// Who speaks: the member and, if it is static, its instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Member id; empty for one that has none yet.
    pub(crate) member: String,
    /// `group.instance.id`, if static.
    pub(crate) instance: Option<String>,
}

/// A JoinGroup request.
#[derive(Debug, Clone)]
pub(crate) struct JoinRequest {
    /// Who joins.
    pub(crate) identity: Identity,
    /// The id that it gets if it has none; drawn by the driver.
    pub(crate) fresh_id: String,
    /// The client's own name, for display.
    pub(crate) client_id: String,
    /// Where it connected from, for display.
    pub(crate) client_host: String,
    /// It is evicted after this long without a heartbeat.
    pub(crate) session_timeout_ms: i64,
    /// How long others wait for it to join again.
    pub(crate) rebalance_timeout_ms: i64,
    /// `consumer` for consumers.
    pub(crate) protocol_type: String,
    /// Assignors that it supports, the preferred one first, each with its metadata.
    pub(crate) protocols: Vec<(String, Bytes)>,
    /// Whether it must come back with the id it is given before it counts (version 4, KIP-394).
    pub(crate) must_know_id: bool,
    /// Whether it understands `skip_assignment` (version 9, KIP-814).
    pub(crate) can_skip_assignment: bool,
}

impl JoinRequest {
    /// Size of what is kept of it.
    pub(crate) fn bytes(&self) -> usize {
        pairs_bytes(&self.protocols) + self.protocol_type.len() + self.fresh_id.len()
    }
}

/// A SyncGroup request.
#[derive(Debug, Clone)]
pub(crate) struct SyncRequest {
    /// Who asks.
    pub(crate) identity: Identity,
    /// The generation it believes in.
    pub(crate) generation: i32,
    /// The protocol type it believes in, from version 5.
    pub(crate) protocol_type: Option<String>,
    /// The assignor it believes in, from version 5.
    pub(crate) protocol: Option<String>,
    /// From the leader: member id and assignment.
    pub(crate) assignments: Vec<(String, Bytes)>,
}

impl SyncRequest {
    /// Size of what is kept of it.
    pub(crate) fn bytes(&self) -> usize {
        pairs_bytes(&self.assignments)
    }
}

/// Size of names with bytes.
pub(super) fn pairs_bytes(pairs: &[(String, Bytes)]) -> usize {
    pairs
        .iter()
        .map(|(name, bytes)| name.len() + bytes.len())
        .sum()
}

/// An answer and the request that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The request.
    pub(crate) ticket: Ticket,
    /// What to say.
    pub(crate) reply: Reply,
}

/// The two kinds of answers that may be late.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// To a JoinGroup.
    Join(JoinReply),
    /// To a SyncGroup.
    Sync(SyncReply),
}

/// The answer to a JoinGroup.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinReply {
    /// What went wrong, if anything.
    pub(crate) error: Option<ResponseError>,
    /// The generation; -1 in an error.
    pub(crate) generation: i32,
    /// The group's protocol type.
    pub(crate) protocol_type: Option<String>,
    /// The assignor that all support.
    pub(crate) protocol: Option<String>,
    /// The leader's member id.
    pub(crate) leader: String,
    /// Whether a leader must not assign (KIP-814).
    pub(crate) skip_assignment: bool,
    /// The member's id.
    pub(crate) member_id: String,
    /// For the leader: everybody.
    pub(crate) members: Vec<JoinedMember>,
}

impl JoinReply {
    /// A refusal.
    pub(crate) fn refused(error: ResponseError, member_id: &str) -> Self {
        Self {
            error: Some(error),
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: Vec::new(),
        }
    }
}

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinedMember {
    /// Member id.
    pub(crate) id: String,
    /// `group.instance.id`, if static.
    pub(crate) instance: Option<String>,
    /// Its metadata for the chosen assignor.
    pub(crate) metadata: Bytes,
}

/// The answer to a SyncGroup.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyncReply {
    /// What went wrong, if anything.
    pub(crate) error: Option<ResponseError>,
    /// The group's protocol type.
    pub(crate) protocol_type: Option<String>,
    /// The assignor in use.
    pub(crate) protocol: Option<String>,
    /// The member's share.
    pub(crate) assignment: Bytes,
}

impl SyncReply {
    /// A refusal.
    pub(crate) fn refused(error: ResponseError) -> Self {
        Self {
            error: Some(error),
            protocol_type: None,
            protocol: None,
            assignment: Bytes::new(),
        }
    }
}
