//! JoinGroup: a member arrives, comes back, or takes the place of its former self.

use kafka_protocol::ResponseError;

use super::messages::{Answer, JoinReply, JoinRequest, JoinedMember, Reply, Ticket};
use super::{Group, MEMBERS_MAX, Member, Parked, Phase};

impl Group {
    /// Takes a join; its ticket is answered now or when the generation is formed.
    pub(crate) fn join(
        &mut self,
        request: &JoinRequest,
        ticket: Ticket,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) {
        if request.protocol_type.is_empty() || !self.supports(request) {
            return refuse(
                ResponseError::InconsistentGroupProtocol,
                request,
                ticket,
                out,
            );
        }
        if request.identity.member.is_empty() {
            self.join_without_id(request, ticket, now_ms, out);
        } else {
            self.join_with_id(request, ticket, now_ms, out);
        }
    }

    /// A first join, or a static member's after its restart.
    fn join_without_id(
        &mut self,
        request: &JoinRequest,
        ticket: Ticket,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) {
        if let Some(instance) = &request.identity.instance
            && let Some(former) = self.instances.get(instance).cloned()
        {
            return self.rejoin_static(&former, request, ticket, now_ms, out);
        }
        if self.members.len() + self.pending.len() >= MEMBERS_MAX {
            return refuse(ResponseError::GroupMaxSizeReached, request, ticket, out);
        }
        if request.must_know_id && request.identity.instance.is_none() {
            self.pending.insert(
                request.fresh_id.clone(),
                now_ms.saturating_add(request.session_timeout_ms),
            );
            let reply = JoinReply::refused(ResponseError::MemberIdRequired, &request.fresh_id);
            out.push(Answer {
                ticket,
                reply: Reply::Join(reply),
            });
            return;
        }
        self.add_member(request.fresh_id.clone(), request, ticket, now_ms, out);
    }

    fn join_with_id(
        &mut self,
        request: &JoinRequest,
        ticket: Ticket,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) {
        let id = &request.identity.member;
        if request.identity.instance.is_none() && self.pending.remove(id).is_some() {
            return self.add_member(id.clone(), request, ticket, now_ms, out);
        }
        if let Err(error) = self.check_identity(&request.identity) {
            return refuse(error, request, ticket, out);
        }
        let is_leader = self.leader.as_deref() == Some(id);
        let member = self
            .members
            .get_mut(id)
            .expect("an identity that was checked is a member");
        let same = member.protocols == request.protocols;
        match self.phase {
            // It may have missed the answer to its join: the same again, without disturbing the others.
            Phase::Completing { .. } if same => self.answer_current(id, ticket, now_ms, out),
            Phase::Stable if same && !is_leader => self.answer_current(id, ticket, now_ms, out),
            _ => {
                member.update(request, now_ms);
                // An earlier join of it, on a connection that is gone, is answered so that nothing waits for ever.
                member.refuse_parked(id, ResponseError::RebalanceInProgress, out);
                member.parked = Some(Parked::Join(ticket));
                self.rebalance(now_ms, out);
            }
        }
    }

    fn add_member(
        &mut self,
        id: String,
        request: &JoinRequest,
        ticket: Ticket,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) {
        let mut member = Member::new(request, now_ms);
        member.parked = Some(Parked::Join(ticket));
        if let Some(instance) = &request.identity.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.members.insert(id, member);
        self.rebalance(now_ms, out);
    }

    /// A static member came back with a new id: its old self is fenced, and while the group is stable it has its
    /// assignment back without a rebalance (KIP-345).
    fn rejoin_static(
        &mut self,
        former: &str,
        request: &JoinRequest,
        ticket: Ticket,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) {
        let id = request.fresh_id.clone();
        let mut member = self
            .members
            .remove(former)
            .expect("an instance belongs to a member");
        member.refuse_parked(former, ResponseError::FencedInstanceId, out);
        member.update(request, now_ms);
        self.members.insert(id.clone(), member);
        self.instances.extend(
            request
                .identity
                .instance
                .clone()
                .map(|instance| (instance, id.clone())),
        );
        let was_leader = self.leader.as_deref() == Some(former);
        if was_leader {
            self.leader = Some(id.clone());
        }
        if self.phase == Phase::Stable && self.protocol == self.select_protocol() {
            let mut reply = self.current(&id, was_leader && request.can_skip_assignment);
            if was_leader {
                // An assignment of its own would reach nobody in a stable group. Newer clients are told to skip it;
                // older ones must not notice that they lead, so they are told the former id.
                reply.skip_assignment = request.can_skip_assignment;
                if !request.can_skip_assignment {
                    reply.leader = former.to_owned();
                }
            }
            out.push(Answer {
                ticket,
                reply: Reply::Join(reply),
            });
            return;
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.parked = Some(Parked::Join(ticket));
        }
        self.rebalance(now_ms, out);
    }

    fn answer_current(&mut self, id: &str, ticket: Ticket, now_ms: i64, out: &mut Vec<Answer>) {
        if let Some(member) = self.members.get_mut(id) {
            member.heard(now_ms);
        }
        let with_members = self.leader.as_deref() == Some(id);
        out.push(Answer {
            ticket,
            reply: Reply::Join(self.current(id, with_members)),
        });
    }

    /// The current generation as one member sees it.
    pub(super) fn current(&self, id: &str, with_members: bool) -> JoinReply {
        let protocol = self.protocol.as_deref();
        let everybody = self.members.iter().map(|(id, member)| JoinedMember {
            id: id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(protocol),
        });
        JoinReply {
            error: None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: id.to_owned(),
            members: if with_members {
                everybody.collect()
            } else {
                Vec::new()
            },
        }
    }

    /// Whether the newcomer shares a protocol with all who are there.
    fn supports(&self, request: &JoinRequest) -> bool {
        let mut offered = request.protocols.iter();
        if self.members.is_empty() {
            return offered.next().is_some();
        }
        self.protocol_type.as_deref() == Some(&request.protocol_type)
            && offered.any(|(name, _)| self.members.values().all(|member| member.supports(name)))
    }
}

fn refuse(error: ResponseError, request: &JoinRequest, ticket: Ticket, out: &mut Vec<Answer>) {
    let reply = JoinReply::refused(error, &request.identity.member);
    out.push(Answer {
        ticket,
        reply: Reply::Join(reply),
    });
}
