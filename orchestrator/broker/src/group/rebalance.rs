//! From one generation to the next.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use super::messages::{Answer, Reply};
use super::{Group, Parked, Phase};

impl Group {
    /// A new generation is needed, or one that is being formed may now be complete.
    pub(super) fn rebalance(&mut self, now_ms: i64, out: &mut Vec<Answer>) {
        match self.phase {
            Phase::Preparing { .. } => self.try_complete_join(now_ms, out),
            _ => self.prepare(now_ms, out),
        }
    }

    /// Asks everybody to join again. They hear of it with their next heartbeat, sync or commit.
    pub(super) fn prepare(&mut self, now_ms: i64, out: &mut Vec<Answer>) {
        for (id, member) in &mut self.members {
            if let Some(Parked::Sync(_)) = member.parked {
                member.refuse_parked(id, ResponseError::RebalanceInProgress, out);
                member.heard(now_ms);
            }
        }
        self.phase = Phase::Preparing {
            deadline_ms: now_ms.saturating_add(self.rebalance_timeout_ms()),
        };
        self.try_complete_join(now_ms, out);
    }

    /// Forms the generation if nobody is missing.
    pub(super) fn try_complete_join(&mut self, now_ms: i64, out: &mut Vec<Answer>) {
        let preparing = matches!(self.phase, Phase::Preparing { .. });
        if preparing
            && self.pending.is_empty()
            && self.members.values().all(|member| member.has_joined())
        {
            self.complete_join(now_ms, out);
        }
    }

    /// Forms the generation with those who are there. Late dynamic members are out; a late static member stays until
    /// its session ends (KIP-345).
    pub(super) fn complete_join(&mut self, now_ms: i64, out: &mut Vec<Answer>) {
        self.members
            .retain(|_, member| member.has_joined() || member.instance.is_some());
        if self.members.is_empty() {
            return self.become_empty(now_ms);
        }
        if !self.elect() {
            // Only static members that may still come back: wait for one of them.
            self.phase = Phase::Preparing {
                deadline_ms: now_ms.saturating_add(self.rebalance_timeout_ms()),
            };
            return;
        }
        self.generation = next_generation(self.generation);
        self.protocol = self.select_protocol();
        self.phase = Phase::Completing {
            deadline_ms: now_ms.saturating_add(self.rebalance_timeout_ms()),
        };
        let joined: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.has_joined())
            .map(|(id, _)| id.clone())
            .collect();
        for id in joined {
            let reply = self.current(&id, self.leader.as_deref() == Some(&id));
            let member = self.members.get_mut(&id).expect("listed above");
            member.heard(now_ms);
            member.assignment.clear();
            if let Some(Parked::Join(ticket)) = member.parked.take() {
                out.push(Answer {
                    ticket,
                    reply: Reply::Join(reply),
                });
            }
        }
    }

    /// The assignor that every member supports and most prefer.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let common = |name: &str| self.members.values().all(|other| other.supports(name));
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| common(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        votes
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(name, _)| name.to_owned())
    }

    /// Keeps the leader if it has joined, else takes the first who has. False if nobody has.
    fn elect(&mut self) -> bool {
        let still = self
            .leader
            .as_ref()
            .and_then(|id| self.members.get(id))
            .is_some_and(|leader| leader.has_joined());
        if !still {
            self.leader = self
                .members
                .iter()
                .find(|(_, member)| member.has_joined())
                .map(|(id, _)| id.clone());
        }
        self.leader.is_some()
    }

    fn become_empty(&mut self, now_ms: i64) {
        self.generation = next_generation(self.generation);
        self.phase = Phase::Empty;
        self.protocol = None;
        self.leader = None;
        self.instances.clear();
        self.empty_since_ms = now_ms;
    }

    fn rebalance_timeout_ms(&self) -> i64 {
        self.members
            .values()
            .map(|member| member.rebalance_timeout_ms)
            .max()
            .unwrap_or(0)
    }
}

/// Generations are positive; after the last one they begin again.
fn next_generation(generation: i32) -> i32 {
    generation.checked_add(1).unwrap_or(1)
}
