//! A consumer group: who its members are, which generation they are in, and who still has to answer.
//!
//! Owns: the classic group protocol as a plain state machine. Requests come in with the time and a ticket; answers come
//! out with the ticket, at once or later. Must not: read a clock, draw ids, do I/O or know connections;
//! [`crate::coordinator`] does that. Offsets are kept there, too; the machine only says whether a commit may count.
//!
//! Source: Kafka's classic group coordinator (`GroupMetadataManager`), KIP-62 (rebalance timeout), KIP-345 and KIP-814
//! (static members), KIP-394 (member id required).
//!
//! ```text
//!             join                  all have joined, or deadline             leader's sync
//!   Empty ─────────► Preparing ───────────────────────────────► Completing ─────────────► Stable
//!     ▲                │  ▲                                        │                        │
//!     └── none left ───┘  └───── join, leave, expiry ──────────────┴────────────────────────┘
//! ```

mod commit;
mod describe;
mod join;
mod leave;
mod member;
mod messages;
mod rebalance;
mod sync;
mod timers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use describe::{Description, MemberDescription};
pub(crate) use leave::Leaver;
use member::{Member, Parked};
pub(crate) use messages::{
    Answer, Identity, JoinReply, JoinRequest, JoinedMember, Reply, SyncReply, SyncRequest, Ticket,
};

/// Members of one group, those that were given an id and have not come back with it included.
pub(crate) const MEMBERS_MAX: usize = 1_000;

/// What a group is doing. Deadlines are in the caller's milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No members; offsets may remain.
    Empty,
    /// Waits for all members to join; at the deadline it goes on without the late ones.
    Preparing { deadline_ms: i64 },
    /// The generation is formed; waits for the leader's assignment.
    Completing { deadline_ms: i64 },
    /// Every member has its assignment or may fetch it.
    Stable,
}

/// One classic consumer group.
#[derive(Debug)]
pub(crate) struct Group {
    phase: Phase,
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    members: BTreeMap<String, Member>,
    /// Static members: `group.instance.id` to member id.
    instances: BTreeMap<String, String>,
    /// Ids given out (KIP-394) whose owners have not joined yet, and when they are forgotten.
    pending: BTreeMap<String, i64>,
    empty_since_ms: i64,
}

impl Group {
    /// A group without members.
    pub(crate) fn new(now_ms: i64) -> Self {
        Self {
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            empty_since_ms: now_ms,
        }
    }

    /// Whether nobody is in it, and nobody is about to be.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    /// Size of what its members have sent and is kept.
    pub(crate) fn bytes(&self) -> usize {
        let of = |(id, member): (&String, &Member)| id.len() + member.bytes();
        let pending: usize = self.pending.keys().map(String::len).sum();
        self.members.iter().map(of).sum::<usize>() + pending
    }

    /// The protocol type of its members, the last ones if it is empty.
    pub(crate) fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    /// Since when it has had no members; meaningful only if it has none.
    pub(crate) fn empty_since_ms(&self) -> i64 {
        self.empty_since_ms
    }
}
