//! One member of a group, and how the group finds and removes it.

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::messages::{
    Answer, Identity, JoinReply, JoinRequest, Reply, SyncReply, Ticket, pairs_bytes,
};
use super::{Group, Phase};

/// A member of a group.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) instance: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout_ms: i64,
    pub(super) rebalance_timeout_ms: i64,
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// When its session ends, unless it is heard from before. Does not count while a request of it is parked.
    pub(super) deadline_ms: i64,
    pub(super) parked: Option<Parked>,
}

/// A request that waits for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parked {
    Join(Ticket),
    Sync(Ticket),
}

impl Member {
    pub(super) fn new(request: &JoinRequest, now_ms: i64) -> Self {
        let mut member = Self {
            instance: request.identity.instance.clone(),
            client_id: String::new(),
            client_host: String::new(),
            session_timeout_ms: 0,
            rebalance_timeout_ms: 0,
            protocols: Vec::new(),
            assignment: Bytes::new(),
            deadline_ms: 0,
            parked: None,
        };
        member.update(request, now_ms);
        member
    }

    /// Takes over what a join says anew.
    pub(super) fn update(&mut self, request: &JoinRequest, now_ms: i64) {
        self.client_id.clone_from(&request.client_id);
        self.client_host.clone_from(&request.client_host);
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.protocols.clone_from(&request.protocols);
        self.heard(now_ms);
    }

    /// Size of what it has sent and was given.
    pub(super) fn bytes(&self) -> usize {
        pairs_bytes(&self.protocols) + self.assignment.len() + self.client_id.len()
    }

    /// Its session starts again.
    pub(super) fn heard(&mut self, now_ms: i64) {
        self.deadline_ms = now_ms.saturating_add(self.session_timeout_ms);
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let chosen = self
            .protocols
            .iter()
            .find(|(name, _)| Some(name.as_str()) == protocol);
        chosen
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }

    pub(super) fn has_joined(&self) -> bool {
        matches!(self.parked, Some(Parked::Join(_)))
    }

    /// Ends a parked request with an error.
    pub(super) fn refuse_parked(&mut self, id: &str, error: ResponseError, out: &mut Vec<Answer>) {
        match self.parked.take() {
            Some(Parked::Join(ticket)) => {
                out.push(Answer {
                    ticket,
                    reply: Reply::Join(JoinReply::refused(error, id)),
                });
            }
            Some(Parked::Sync(ticket)) => {
                out.push(Answer {
                    ticket,
                    reply: Reply::Sync(SyncReply::refused(error)),
                });
            }
            None => {}
        }
    }
}

impl Group {
    /// Whether this is a current member: a static one must be the one that its instance belongs to (KIP-345).
    pub(super) fn check_identity(&self, identity: &Identity) -> Result<(), ResponseError> {
        if let Some(instance) = &identity.instance {
            return match self.instances.get(instance) {
                None => Err(ResponseError::UnknownMemberId),
                Some(current) if *current != identity.member => {
                    Err(ResponseError::FencedInstanceId)
                }
                Some(_) => Ok(()),
            };
        }
        if self.members.contains_key(&identity.member) {
            Ok(())
        } else {
            Err(ResponseError::UnknownMemberId)
        }
    }

    /// Takes a member out and lets the others go on.
    pub(super) fn remove_member(&mut self, id: &str, now_ms: i64, out: &mut Vec<Answer>) {
        let Some(mut member) = self.members.remove(id) else {
            return;
        };
        member.refuse_parked(id, ResponseError::UnknownMemberId, out);
        if let Some(instance) = &member.instance
            && self
                .instances
                .get(instance)
                .is_some_and(|current| current == id)
        {
            self.instances.remove(instance);
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = None;
        }
        match self.phase {
            Phase::Stable | Phase::Completing { .. } => self.prepare(now_ms, out),
            Phase::Preparing { .. } => self.try_complete_join(now_ms, out),
            Phase::Empty => {}
        }
    }
}
