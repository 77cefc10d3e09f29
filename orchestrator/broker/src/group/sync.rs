//! SyncGroup and Heartbeat: the leader's assignment reaches everybody, and members stay alive.

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::messages::{Answer, Identity, Reply, SyncReply, SyncRequest, Ticket};
use super::{Group, Parked, Phase};

impl Group {
    /// Takes a sync; its ticket is answered now or when the leader has assigned.
    pub(crate) fn sync(
        &mut self,
        request: SyncRequest,
        ticket: Ticket,
        now_ms: i64,
        out: &mut Vec<Answer>,
    ) {
        if let Err(error) = self.check_sync(&request) {
            out.push(Answer {
                ticket,
                reply: Reply::Sync(SyncReply::refused(error)),
            });
            return;
        }
        let id = request.identity.member;
        let member = self
            .members
            .get_mut(&id)
            .expect("an identity that was checked is a member");
        member.heard(now_ms);
        if self.phase == Phase::Stable {
            let reply = Reply::Sync(self.share(&id));
            out.push(Answer { ticket, reply });
            return;
        }
        member.refuse_parked(&id, ResponseError::RebalanceInProgress, out);
        member.parked = Some(Parked::Sync(ticket));
        if self.leader.as_deref() == Some(&id) {
            self.assign(request.assignments, now_ms, out);
        }
    }

    /// A heartbeat; `RebalanceInProgress` asks the member to join again.
    pub(crate) fn heartbeat(
        &mut self,
        identity: &Identity,
        generation: i32,
        now_ms: i64,
    ) -> Result<(), ResponseError> {
        self.check_identity(identity)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        if let Some(member) = self.members.get_mut(&identity.member) {
            member.heard(now_ms);
        }
        match self.phase {
            Phase::Preparing { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    fn check_sync(&self, request: &SyncRequest) -> Result<(), ResponseError> {
        self.check_identity(&request.identity)?;
        let differs =
            |asked: &Option<String>, ours: &Option<String>| asked.is_some() && asked != ours;
        if request.generation != self.generation {
            Err(ResponseError::IllegalGeneration)
        } else if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol, &self.protocol)
        {
            Err(ResponseError::InconsistentGroupProtocol)
        } else if matches!(self.phase, Phase::Preparing { .. }) {
            Err(ResponseError::RebalanceInProgress)
        } else {
            Ok(())
        }
    }

    /// The leader has spoken: whoever it left out gets an empty share.
    fn assign(&mut self, assignments: Vec<(String, Bytes)>, now_ms: i64, out: &mut Vec<Answer>) {
        for member in self.members.values_mut() {
            member.assignment.clear();
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.phase = Phase::Stable;
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let reply = Reply::Sync(self.share(&id));
            let member = self.members.get_mut(&id).expect("listed above");
            if let Some(Parked::Sync(ticket)) = member.parked.take() {
                member.heard(now_ms);
                out.push(Answer { ticket, reply });
            }
        }
    }

    fn share(&self, id: &str) -> SyncReply {
        SyncReply {
            error: None,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self
                .members
                .get(id)
                .map(|member| member.assignment.clone())
                .unwrap_or_default(),
        }
    }
}
