//! The groups of the broker: their state machines, their waiting requests, their offsets.
//!
//! Owns: the clock, the ids and the timers that [`crate::group`] must not have, and the durable offsets. Must not: know
//! protocol versions; [`crate::handlers`] does.
//!
//! One lock holds everything; what is done under it takes microseconds and never waits.

mod offsets;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::{Notify, oneshot};

use crate::group::{
    Answer, Description, Group, Identity, JoinReply, JoinRequest, Leaver, Reply, SyncReply,
    SyncRequest, Ticket,
};
use crate::log::{LogError, Logs};
use crate::server::limits::{GROUPS_BYTES_MAX, GROUPS_MAX, MEMBER_BYTES_MAX, OFFSETS_KEPT_MS};
pub(crate) use offsets::{Committed, Offsets, Position};

/// All groups.
pub(crate) struct Coordinator {
    logs: Arc<Logs>,
    started: Instant,
    state: Mutex<State>,
    /// A deadline may have come closer.
    sooner: Notify,
}

#[derive(Default)]
struct State {
    groups: BTreeMap<String, Group>,
    offsets: BTreeMap<String, Offsets>,
    waiting: BTreeMap<Ticket, oneshot::Sender<Reply>>,
    last_ticket: Ticket,
    /// When the timer task wakes up, if at all.
    armed_ms: Option<i64>,
}

impl Coordinator {
    /// The groups as the last run left their offsets; members join again.
    pub(crate) fn new(logs: Arc<Logs>, kept: &BTreeMap<Bytes, Bytes>) -> Self {
        let offsets = offsets::load(kept);
        let groups = offsets
            .keys()
            .map(|group| (group.clone(), Group::new(0)))
            .collect();
        let state = State {
            groups,
            offsets,
            ..State::default()
        };
        Self {
            logs,
            started: Instant::now(),
            state: Mutex::new(state),
            sooner: Notify::new(),
        }
    }

    /// A member joins; the answer comes when the generation is formed.
    pub(crate) async fn join(&self, group: &str, request: &JoinRequest) -> JoinReply {
        let refused = |error| JoinReply::refused(error, &request.identity.member);
        if request.bytes() > MEMBER_BYTES_MAX {
            return refused(ResponseError::InvalidRequest);
        }
        let answer = {
            let mut state = self.lock();
            if state.bytes() + request.bytes() > GROUPS_BYTES_MAX {
                return refused(ResponseError::GroupMaxSizeReached);
            }
            if !state.groups.contains_key(group) {
                if !request.identity.member.is_empty() {
                    return refused(ResponseError::UnknownMemberId);
                }
                if state.groups.len() >= GROUPS_MAX {
                    return refused(ResponseError::GroupMaxSizeReached);
                }
                state
                    .groups
                    .insert(group.to_owned(), Group::new(self.now_ms()));
            }
            self.park(&mut state, group, |group, ticket, now_ms, out| {
                group.join(request, ticket, now_ms, out)
            })
        };
        match answer.await {
            Ok(Reply::Join(reply)) => reply,
            _ => refused(ResponseError::NotCoordinator),
        }
    }

    /// A member asks for its share; the answer comes when the leader has assigned.
    pub(crate) async fn sync(&self, group: &str, request: SyncRequest) -> SyncReply {
        let answer = {
            let mut state = self.lock();
            if !state.groups.contains_key(group) {
                return SyncReply::refused(ResponseError::UnknownMemberId);
            }
            if !request.assignments.is_empty() && state.bytes() + request.bytes() > GROUPS_BYTES_MAX
            {
                return SyncReply::refused(ResponseError::GroupMaxSizeReached);
            }
            self.park(&mut state, group, |group, ticket, now_ms, out| {
                group.sync(request, ticket, now_ms, out)
            })
        };
        match answer.await {
            Ok(Reply::Sync(reply)) => reply,
            _ => SyncReply::refused(ResponseError::NotCoordinator),
        }
    }

    /// A sign of life.
    pub(crate) fn heartbeat(
        &self,
        group: &str,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), ResponseError> {
        let now_ms = self.now_ms();
        match self.lock().groups.get_mut(group) {
            Some(group) => group.heartbeat(identity, generation, now_ms),
            None => Err(ResponseError::UnknownMemberId),
        }
    }

    /// Members leave; each has its own result.
    pub(crate) fn leave(&self, group: &str, leaving: Vec<Identity>) -> Vec<Leaver> {
        let mut state = self.lock();
        let unknown = |identity| Leaver {
            identity,
            error: Some(ResponseError::UnknownMemberId),
        };
        let Some(found) = state.groups.get_mut(group) else {
            return leaving.into_iter().map(unknown).collect();
        };
        let mut out = Vec::new();
        let leavers = found.leave(leaving, self.now_ms(), &mut out);
        state.answer(out);
        state.forget_if_unused(group);
        self.rearm(&mut state);
        leavers
    }

    /// All groups: name, protocol type, state.
    pub(crate) fn list(&self) -> Vec<(String, String, &'static str)> {
        let state = self.lock();
        let row = |(name, group): (&String, &Group)| {
            (
                name.clone(),
                group.protocol_type().unwrap_or_default().to_owned(),
                group.state_name(),
            )
        };
        state.groups.iter().map(row).collect()
    }

    /// One group, if there is one.
    pub(crate) fn describe(&self, group: &str) -> Option<Description> {
        self.lock().groups.get(group).map(Group::describe)
    }

    /// Deletes a group without members, with its offsets.
    pub(crate) async fn delete(&self, group: &str) -> Result<(), ResponseError> {
        let gone = {
            let state = self.lock();
            let found = state
                .groups
                .get(group)
                .ok_or(ResponseError::GroupIdNotFound)?;
            if !found.is_empty() {
                return Err(ResponseError::NonEmptyGroup);
            }
            offsets::removals(
                group,
                state
                    .offsets
                    .get(group)
                    .into_iter()
                    .flat_map(Offsets::positions),
            )
        };
        self.put(gone).await?;
        let mut state = self.lock();
        state.offsets.remove(group);
        state.forget_if_unused(group);
        Ok(())
    }

    /// Runs the groups' timers, for ever.
    pub(crate) async fn run_timers(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                let now_ms = self.now_ms();
                let mut out = Vec::new();
                for group in state.groups.values_mut() {
                    if group
                        .next_deadline_ms()
                        .is_some_and(|deadline_ms| deadline_ms <= now_ms)
                    {
                        group.tick(now_ms, &mut out);
                    }
                }
                state.answer(out);
                state.armed_ms = state.next_deadline_ms();
                state
                    .armed_ms
                    .map(|deadline_ms| self.started + millis(deadline_ms))
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    /// Forgets the offsets of groups that have had no members for long, and groups of which nothing is left.
    pub(crate) async fn expire(&self, now_unix_ms: i64) {
        let empty_before_ms = self.now_ms().saturating_sub(OFFSETS_KEPT_MS);
        let committed_before_ms = now_unix_ms.saturating_sub(OFFSETS_KEPT_MS);
        let expired: Vec<(String, Vec<Position>)> = {
            let state = self.lock();
            let long_empty = |group: &str| {
                let found = state.groups.get(group);
                found.is_none_or(|group| {
                    group.is_empty() && group.empty_since_ms() <= empty_before_ms
                })
            };
            let groups = state.offsets.iter().filter(|(group, _)| long_empty(group));
            groups
                .map(|(group, offsets)| {
                    (group.clone(), offsets.committed_before(committed_before_ms))
                })
                .collect()
        };
        for (group, positions) in expired {
            // A failure is a full or broken disk, which others report; the next round tries again.
            let _ = self.forget_offsets(&group, positions).await;
        }
        let mut state = self.lock();
        let names: Vec<_> = state.groups.keys().cloned().collect();
        for name in names {
            state.forget_if_unused(&name);
        }
    }

    /// Gives a request to its group under a ticket; the receiver gets the answer, at once or later.
    fn park(
        &self,
        state: &mut MutexGuard<'_, State>,
        group: &str,
        give: impl FnOnce(&mut Group, Ticket, i64, &mut Vec<Answer>),
    ) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.waiting.insert(ticket, sender);
        let mut out = Vec::new();
        if let Some(group) = state.groups.get_mut(group) {
            give(group, ticket, self.now_ms(), &mut out);
        }
        state.answer(out);
        self.rearm(state);
        receiver
    }

    /// Wakes the timer task if it would wake too late.
    fn rearm(&self, state: &mut State) {
        let next = state.next_deadline_ms();
        if next.is_some_and(|next| state.armed_ms.is_none_or(|armed| next < armed)) {
            state.armed_ms = next;
            self.sooner.notify_one();
        }
    }

    /// Durably sets or deletes keys; answers the position in the order of all such changes.
    async fn put(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<i64, ResponseError> {
        self.logs
            .state_put(entries)
            .await
            .map_err(|error| match error {
                LogError::DiskFull | LogError::Io(_) => ResponseError::KafkaStorageError,
                _ => ResponseError::UnknownServerError,
            })
    }

    /// Milliseconds since the start: the groups' clock, which nobody sets back.
    fn now_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it holds the groups")
    }
}

impl State {
    fn answer(&mut self, answers: Vec<Answer>) {
        for Answer { ticket, reply } in answers {
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // Whose connection is gone needs no answer.
                let _ = waiting.send(reply);
            }
        }
    }

    /// Size of what members of all groups have sent and is kept.
    fn bytes(&self) -> usize {
        self.groups.values().map(Group::bytes).sum()
    }

    fn next_deadline_ms(&self) -> Option<i64> {
        self.groups
            .values()
            .filter_map(Group::next_deadline_ms)
            .min()
    }

    /// A group is what it has: without members and offsets it is gone.
    fn forget_if_unused(&mut self, group: &str) {
        let no_offsets = self.offsets.get(group).is_none_or(Offsets::is_empty);
        if no_offsets && self.groups.get(group).is_some_and(Group::is_empty) {
            self.groups.remove(group);
            self.offsets.remove(group);
        }
    }
}

async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
