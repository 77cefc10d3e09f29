//! The group protocol with virtual time: requests in, answers out.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError::{self, *};

use super::*;

const SESSION_MS: i64 = 10_000;
const REBALANCE_MS: i64 = 60_000;

/// A group, a clock and the answers that nobody has looked at yet.
struct World {
    group: Group,
    now_ms: i64,
    tickets: Ticket,
    answers: BTreeMap<Ticket, Reply>,
}

impl World {
    fn new() -> Self {
        Self {
            group: Group::new(0),
            now_ms: 0,
            tickets: 0,
            answers: BTreeMap::new(),
        }
    }

    fn collect(&mut self, out: Vec<Answer>) {
        for Answer { ticket, reply } in out {
            assert!(
                self.answers.insert(ticket, reply).is_none(),
                "ticket {ticket} is answered once"
            );
        }
    }

    fn join_with(&mut self, request: JoinRequest) -> Ticket {
        self.tickets += 1;
        let mut out = Vec::new();
        self.group
            .join(&request, self.tickets, self.now_ms, &mut out);
        self.collect(out);
        self.tickets
    }

    fn join(&mut self, id: &str) -> Ticket {
        self.join_with(request(id, None, "fresh"))
    }

    /// Joins as a new member with this id.
    fn arrive(&mut self, id: &str) -> Ticket {
        self.join_with(request("", None, id))
    }

    fn arrive_static(&mut self, instance: &str, id: &str) -> Ticket {
        self.join_with(request("", Some(instance), id))
    }

    fn sync(&mut self, id: &str, generation: i32, shares: &[(&str, &str)]) -> Ticket {
        self.tickets += 1;
        let mut out = Vec::new();
        let assignments = shares
            .iter()
            .map(|(id, share)| ((*id).to_owned(), Bytes::from((*share).to_owned())));
        let request = SyncRequest {
            identity: who(id),
            generation,
            protocol_type: Some("consumer".to_owned()),
            protocol: Some("range".to_owned()),
            assignments: assignments.collect(),
        };
        self.group
            .sync(request, self.tickets, self.now_ms, &mut out);
        self.collect(out);
        self.tickets
    }

    fn heartbeat(&mut self, id: &str, generation: i32) -> Result<(), ResponseError> {
        self.group.heartbeat(&who(id), generation, self.now_ms)
    }

    fn leave(&mut self, identity: Identity) -> Option<ResponseError> {
        let mut out = Vec::new();
        let left = self.group.leave(vec![identity], self.now_ms, &mut out);
        self.collect(out);
        left[0].error
    }

    /// Lets time pass, stopping at every deadline as the driver does.
    fn pass(&mut self, ms: i64) {
        let end_ms = self.now_ms + ms;
        while let Some(next_ms) = self
            .group
            .next_deadline_ms()
            .filter(|next_ms| *next_ms <= end_ms)
        {
            self.now_ms = self.now_ms.max(next_ms);
            let mut out = Vec::new();
            self.group.tick(self.now_ms, &mut out);
            self.collect(out);
        }
        self.now_ms = end_ms;
    }

    fn joined(&mut self, ticket: Ticket) -> JoinReply {
        match self.answers.remove(&ticket) {
            Some(Reply::Join(reply)) => reply,
            other => panic!("no answer to the join: {other:?}"),
        }
    }

    fn synced(&mut self, ticket: Ticket) -> SyncReply {
        match self.answers.remove(&ticket) {
            Some(Reply::Sync(reply)) => reply,
            other => panic!("no answer to the sync: {other:?}"),
        }
    }

    fn waits(&self, ticket: Ticket) -> bool {
        !self.answers.contains_key(&ticket)
    }

    /// A stable group of `a`, the leader, and `b`, in generation 2.
    fn stable_pair() -> Self {
        let mut world = Self::new();
        let first = world.arrive("a");
        assert_eq!(world.joined(first).generation, 1);
        let b = world.arrive("b");
        let a = world.join("a");
        assert_eq!(
            (world.joined(a).generation, world.joined(b).generation),
            (2, 2)
        );
        let (b, a) = (
            world.sync("b", 2, &[]),
            world.sync("a", 2, &[("a", "p0"), ("b", "p1")]),
        );
        assert_eq!(
            (world.synced(a).assignment, world.synced(b).assignment),
            ("p0".into(), "p1".into())
        );
        world
    }
}

fn who(id: &str) -> Identity {
    Identity {
        member: id.to_owned(),
        instance: None,
    }
}

fn instance(id: &str, instance: &str) -> Identity {
    Identity {
        member: id.to_owned(),
        instance: Some(instance.to_owned()),
    }
}

fn request(id: &str, instance: Option<&str>, fresh_id: &str) -> JoinRequest {
    JoinRequest {
        identity: Identity {
            member: id.to_owned(),
            instance: instance.map(str::to_owned),
        },
        fresh_id: fresh_id.to_owned(),
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"topics"))],
        must_know_id: false,
        can_skip_assignment: true,
    }
}

#[test]
fn one_member_leads_itself() {
    let mut world = World::new();
    let join = world.arrive("a");
    let joined = world.joined(join);
    assert_eq!(
        (
            joined.error,
            joined.generation,
            &*joined.leader,
            joined.members.len()
        ),
        (None, 1, "a", 1)
    );
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    let sync = world.sync("a", 1, &[("a", "all")]);
    assert_eq!(world.synced(sync).assignment, "all");
    assert_eq!(world.heartbeat("a", 1), Ok(()));
    assert_eq!(world.group.state_name(), "Stable");
}

#[test]
fn a_newcomer_makes_everybody_join_again() {
    let mut world = World::stable_pair();
    let c = world.arrive("c");
    assert!(world.waits(c));
    assert_eq!(world.heartbeat("a", 2), Err(RebalanceInProgress));
    let sync = world.sync("b", 2, &[]);
    assert_eq!(world.synced(sync).error, Some(RebalanceInProgress));
    let (a, b) = (world.join("a"), world.join("b"));
    let leader = world.joined(a);
    assert_eq!(
        (leader.generation, &*leader.leader, leader.members.len()),
        (3, "a", 3)
    );
    assert!(
        world.joined(b).members.is_empty(),
        "only the leader sees the others"
    );
    assert_eq!(world.joined(c).generation, 3);
}

#[test]
fn a_member_that_must_know_its_id_is_told_it_first() {
    let mut world = World::new();
    let ticket = world.join_with(JoinRequest {
        must_know_id: true,
        ..request("", None, "a")
    });
    let told = world.joined(ticket);
    assert_eq!(
        (told.error, &*told.member_id),
        (Some(MemberIdRequired), "a")
    );
    assert!(!world.group.is_empty());
    let ticket = world.join_with(JoinRequest {
        must_know_id: true,
        ..request("a", None, "other")
    });
    let joined = world.joined(ticket);
    assert_eq!(
        (joined.error, &*joined.member_id, joined.generation),
        (None, "a", 1)
    );
}

#[test]
fn an_id_that_was_given_out_is_waited_for_but_not_for_ever() {
    let mut world = World::new();
    world.join_with(JoinRequest {
        must_know_id: true,
        ..request("", None, "ghost")
    });
    let a = world.arrive("a");
    assert!(world.waits(a), "the ghost may still come");
    world.pass(SESSION_MS);
    assert_eq!(world.joined(a).generation, 1);
    let ghost = world.join("ghost");
    assert_eq!(world.joined(ghost).error, Some(UnknownMemberId));
}

#[test]
fn a_silent_member_is_evicted_when_its_session_ends_and_not_before() {
    let mut world = World::stable_pair();
    world.pass(SESSION_MS - 1);
    assert_eq!(world.heartbeat("a", 2), Ok(()));
    assert_eq!(world.group.describe().members.len(), 2);
    world.pass(1);
    assert_eq!(world.heartbeat("a", 2), Err(RebalanceInProgress));
    let a = world.join("a");
    let joined = world.joined(a);
    assert_eq!((joined.generation, joined.members.len()), (3, 1));
    assert_eq!(world.heartbeat("b", 2), Err(UnknownMemberId));
}

#[test]
fn who_does_not_rejoin_in_time_is_left_out() {
    let mut world = World::stable_pair();
    let c = world.arrive("c");
    let a = world.join("a");
    // b keeps its session, but does not join.
    for _ in 0..REBALANCE_MS / 1_000 {
        world.pass(1_000);
        let _ = world.heartbeat("b", 2);
    }
    assert_eq!(
        (world.joined(a).generation, world.joined(c).generation),
        (3, 3)
    );
    assert_eq!(world.heartbeat("b", 2), Err(UnknownMemberId));
}

#[test]
fn a_leader_that_never_assigns_holds_up_nobody_for_ever() {
    let mut world = World::new();
    let a = world.arrive("a");
    world.joined(a);
    let b = world.arrive("b");
    let a = world.join("a");
    assert_eq!(
        (&*world.joined(a).leader, world.joined(b).generation),
        ("a", 2)
    );
    let waiting = world.sync("b", 2, &[]);
    for _ in 0..REBALANCE_MS / 1_000 {
        world.pass(1_000);
        let _ = world.heartbeat("a", 2);
    }
    assert_eq!(world.synced(waiting).error, Some(RebalanceInProgress));
    let b = world.join("b");
    let joined = world.joined(b);
    assert_eq!((&*joined.leader, joined.generation), ("b", 3));
}

#[test]
fn leaving_starts_a_rebalance_and_the_last_one_leaves_an_empty_group() {
    let mut world = World::stable_pair();
    assert_eq!(world.leave(who("a")), None);
    assert_eq!(world.heartbeat("b", 2), Err(RebalanceInProgress));
    let b = world.join("b");
    assert_eq!((&*world.joined(b).leader, world.group.generation), ("b", 3));
    assert_eq!(world.leave(who("a")), Some(UnknownMemberId));
    assert_eq!(world.leave(who("b")), None);
    assert_eq!(world.group.state_name(), "Empty");
    assert!(world.group.is_empty());
    assert_eq!(world.group.next_deadline_ms(), None);
}

#[test]
fn stale_generations_and_unknown_members_are_told_so() {
    let mut world = World::stable_pair();
    assert_eq!(world.heartbeat("a", 1), Err(IllegalGeneration));
    assert_eq!(world.heartbeat("x", 2), Err(UnknownMemberId));
    let (stale, unknown) = (world.sync("a", 1, &[]), world.sync("x", 2, &[]));
    assert_eq!(world.synced(stale).error, Some(IllegalGeneration));
    assert_eq!(world.synced(unknown).error, Some(UnknownMemberId));
    let unknown = world.join("x");
    assert_eq!(world.joined(unknown).error, Some(UnknownMemberId));
}

#[test]
fn a_repeated_join_without_news_disturbs_nobody() {
    let mut world = World::stable_pair();
    let b = world.join("b");
    assert_eq!(world.joined(b).generation, 2);
    assert_eq!(world.heartbeat("a", 2), Ok(()));
    // A leader that joins again wants to assign anew.
    let a = world.join("a");
    assert!(world.waits(a));
    let b = world.join("b");
    assert_eq!(
        (world.joined(a).generation, world.joined(b).generation),
        (3, 3)
    );
}

#[test]
fn news_from_a_follower_starts_a_rebalance() {
    let mut world = World::stable_pair();
    let mut news = request("b", None, "");
    news.protocols[0].1 = Bytes::from_static(b"more topics");
    let b = world.join_with(news);
    assert!(world.waits(b));
    assert_eq!(world.heartbeat("a", 2), Err(RebalanceInProgress));
}

#[test]
fn a_join_parked_on_a_lost_connection_is_answered_when_it_is_repeated() {
    let mut world = World::stable_pair();
    let lost = world.arrive("c");
    let again = world.join("c");
    assert_eq!(world.joined(lost).error, Some(RebalanceInProgress));
    assert!(world.waits(again));
}

#[test]
fn a_static_member_is_back_without_a_rebalance() {
    let mut world = World::new();
    let a = world.arrive("a");
    world.joined(a);
    let s = world.arrive_static("node-1", "s1");
    let a = world.join("a");
    assert_eq!(
        (world.joined(a).generation, world.joined(s).generation),
        (2, 2)
    );
    world.sync("a", 2, &[("a", "p0"), ("s1", "p1")]);

    let back = world.arrive_static("node-1", "s2");
    let joined = world.joined(back);
    assert_eq!(
        (joined.error, joined.generation, &*joined.member_id),
        (None, 2, "s2")
    );
    let sync = world.sync("s2", 2, &[]);
    assert_eq!(world.synced(sync).assignment, "p1");
    assert_eq!(world.heartbeat("a", 2), Ok(()));
    let former = world
        .group
        .heartbeat(&instance("s1", "node-1"), 2, world.now_ms);
    assert_eq!(former, Err(FencedInstanceId));
}

#[test]
fn a_static_leader_that_is_back_does_not_assign() {
    for (can_skip, leader) in [(true, "s2"), (false, "s1")] {
        let mut world = World::new();
        let first = world.arrive_static("node-1", "s1");
        world.joined(first);
        world.sync("s1", 1, &[("s1", "p0")]);
        let back = JoinRequest {
            can_skip_assignment: can_skip,
            ..request("", Some("node-1"), "s2")
        };
        let back = world.join_with(back);
        let joined = world.joined(back);
        assert_eq!(
            (&*joined.leader, joined.skip_assignment),
            (leader, can_skip)
        );
        assert_eq!(
            joined.members.len(),
            usize::from(can_skip),
            "it watches topics for the group if it leads"
        );
        let sync = world.sync("s2", 1, &[]);
        assert_eq!(world.synced(sync).assignment, "p0");
    }
}

#[test]
fn a_late_static_member_keeps_its_place_until_its_session_ends() {
    let mut world = World::new();
    let s = world.join_with(JoinRequest {
        session_timeout_ms: 300_000,
        ..request("", Some("node-1"), "s")
    });
    world.joined(s);
    world.sync("s", 1, &[("s", "p0")]);
    let a = world.arrive("a");
    assert!(world.waits(a));
    world.pass(REBALANCE_MS);
    let joined = world.joined(a);
    assert_eq!(
        (joined.generation, &*joined.leader, joined.members.len()),
        (2, "a", 2)
    );
}

#[test]
fn a_static_member_leaves_by_its_instance_alone() {
    let mut world = World::new();
    let s = world.arrive_static("node-1", "s");
    world.joined(s);
    assert_eq!(world.leave(instance("", "node-2")), Some(UnknownMemberId));
    assert_eq!(
        world.leave(instance("other", "node-1")),
        Some(FencedInstanceId)
    );
    assert_eq!(world.leave(instance("", "node-1")), None);
    assert!(world.group.is_empty());
}

#[test]
fn only_protocols_that_all_support_are_chosen() {
    let mut world = World::new();
    let both = |id: &str| JoinRequest {
        protocols: vec![
            ("sticky".into(), Bytes::new()),
            ("range".into(), Bytes::new()),
        ],
        ..request("", None, id)
    };
    let a = world.join_with(both("a"));
    assert_eq!(world.joined(a).protocol.as_deref(), Some("sticky"));
    let b = world.arrive("b");
    let a = world.join_with(JoinRequest {
        identity: who("a"),
        ..both("")
    });
    assert_eq!(
        (world.joined(a).protocol, world.joined(b).error),
        (Some("range".into()), None)
    );
    let alien = JoinRequest {
        protocols: vec![("other".into(), Bytes::new())],
        ..request("", None, "c")
    };
    let alien = world.join_with(alien);
    assert_eq!(world.joined(alien).error, Some(InconsistentGroupProtocol));
    let connect = world.join_with(JoinRequest {
        protocol_type: "connect".into(),
        ..request("", None, "d")
    });
    assert_eq!(world.joined(connect).error, Some(InconsistentGroupProtocol));
}

#[test]
fn commits_count_from_members_of_the_generation_and_from_outside_only_while_nobody_is_in() {
    let mut world = World::new();
    assert_eq!(world.group.check_commit(&who(""), -1, 0), Ok(()));
    assert_eq!(
        world.group.check_commit(&who("a"), 1, 0),
        Err(UnknownMemberId)
    );
    let mut world = World::stable_pair();
    assert_eq!(world.group.check_commit(&who("a"), 2, 0), Ok(()));
    assert_eq!(
        world.group.check_commit(&who("a"), 1, 0),
        Err(IllegalGeneration)
    );
    assert_eq!(
        world.group.check_commit(&who(""), -1, 0),
        Err(UnknownMemberId)
    );
    // While a rebalance is under way a member may still commit what it did in the old generation.
    world.arrive("c");
    assert_eq!(world.group.check_commit(&who("a"), 2, 0), Ok(()));
    world.join("a");
    world.join("b");
    assert_eq!(
        world.group.check_commit(&who("a"), 3, 0),
        Err(RebalanceInProgress)
    );
}

#[test]
fn a_full_group_takes_no_more() {
    let mut world = World::new();
    for n in 0..MEMBERS_MAX {
        world.join_with(JoinRequest {
            must_know_id: true,
            ..request("", None, &format!("m{n}"))
        });
    }
    let late = world.arrive("late");
    assert_eq!(world.joined(late).error, Some(GroupMaxSizeReached));
}
