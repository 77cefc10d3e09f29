//! The one thread that drives all owners of this node.
//!
//! Owns: the owners and their feeds, the order "take everything that waits, tell the owners, do what they want", the
//! clock (read once per batch), and ticks. What owners want done is in `perform`. Must not: block, except for room in a
//! producer's queue; decide anything about executions.

use crate::feed::{Change, Feed};
use crate::inbox::{Inbox, Message, QueuedCall, Taken};
use crate::limits::{COMMIT_EVERY_MS, DRIVER_IDLE_MAX};
use crate::metrics::{add, set};
use crate::nodes::now_ms;
use crate::perform::Performer;
use crate::producer::{Delivery, Kind, Outcome, Tag};
use crate::status::SharedStatus;
use crate::{membership, reader};
use baton_engine::ports::{Appended, Settings};
use baton_engine::{Action, CallError, Definitions, Input, Owner};
use baton_schemas::history::InputTopic;
use crossbeam_channel::Sender;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The input topics, in the order of [`Lane::feeds`].
pub const TOPICS: [InputTopic; 2] = [InputTopic::Completions, InputTopic::Requests];

/// One partition: its owner and what waits for it.
pub struct Lane {
    pub partition: i32,
    pub owner: Owner,
    pub feeds: [Feed; 2],
    pub wanted: Vec<Action>,
    /// An append under way whose time is taken.
    pub probe: Option<(u64, Instant)>,
    /// Since when the partition is this node's and does not serve.
    recovering: Option<Instant>,
    assigned: bool,
    /// Another node will get it.
    leaving: bool,
    serving: bool,
}

/// See the module.
pub struct Driver {
    inbox: Arc<Inbox>,
    lanes: Vec<Lane>,
    performer: Performer,
    status: SharedStatus,
    draining: bool,
    /// Partitions that are handed over, and what to drop when nothing is under way in them.
    leaving: Vec<(Vec<i32>, Sender<()>)>,
    commit_at_ms: i64,
}

impl Driver {
    /// A driver of all partitions, none of which is owned yet.
    pub fn new(
        inbox: Arc<Inbox>,
        settings: impl Iterator<Item = Settings>,
        definitions: &Arc<dyn Definitions>,
        performer: Performer,
        status: SharedStatus,
    ) -> Self {
        let lane = |settings: Settings| Lane {
            partition: settings.partition,
            owner: Owner::new(settings, definitions.clone()),
            feeds: Default::default(),
            wanted: Vec::new(),
            probe: None,
            recovering: None,
            assigned: false,
            leaving: false,
            serving: false,
        };
        let lanes = settings.map(lane).collect();
        Self {
            inbox,
            lanes,
            performer,
            status,
            draining: false,
            leaving: Vec::new(),
            commit_at_ms: 0,
        }
    }

    /// Drives until told to stop.
    pub fn run(mut self) {
        let mut taken = Taken::default();
        let mut timeout = Duration::ZERO;
        loop {
            self.inbox.take(timeout, &mut taken);
            let now_ms = now_ms();
            let go_on = self.batch(&mut taken, now_ms);
            if !go_on {
                break;
            }
            timeout = self.until_next_tick(now_ms);
        }
        self.inbox.close();
        self.inbox.take(Duration::ZERO, &mut taken);
        for call in taken.calls.drain(..) {
            (call.answer)(Err(CallError::NotOwner {
                partition: call.partition,
            }));
        }
        self.performer.finish();
    }

    fn batch(&mut self, taken: &mut Taken, now_ms: i64) -> bool {
        let mut go_on = true;
        for delivery in taken.deliveries.drain(..) {
            self.on_delivery(delivery, now_ms);
        }
        for message in taken.messages.drain(..) {
            go_on &= self.on_message(message, now_ms);
        }
        for call in taken.calls.drain(..) {
            self.on_call(call, now_ms);
        }
        for lane in &mut self.lanes {
            if !self.draining && !lane.leaving {
                add(&self.performer.counters.inputs, lane.feed(now_ms));
            }
            if !lane.leaving && lane.owner.next_tick_ms().is_some_and(|at| at <= now_ms) {
                lane.owner.handle(Input::Tick, now_ms, &mut lane.wanted);
            }
            self.performer.perform(lane);
            for (feed, topic) in lane.feeds.iter_mut().zip(TOPICS) {
                if let Some(change) = feed.change() {
                    let partition = lane.partition;
                    self.performer.reader(topic).send(match change {
                        Change::Pause => reader::Command::Pause { partition },
                        Change::Resume => reader::Command::Resume { partition },
                    });
                }
            }
        }
        self.performer.end_batch(now_ms);
        self.look_around(now_ms);
        go_on
    }

    fn on_delivery(&mut self, delivery: Delivery, now_ms: i64) {
        let Tag::Owner { partition, id } = delivery.tag else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(partition as usize) else {
            return;
        };
        let counters = &self.performer.counters;
        if delivery.kind == Kind::History
            && let Some((_, at)) = lane.probe.take_if(|(probed, _)| *probed <= id)
            && matches!(delivery.outcome, Outcome::Acknowledged { .. })
        {
            counters.measures.appended(at.elapsed());
        }
        let input = match (delivery.kind, delivery.outcome) {
            (Kind::History, Outcome::Acknowledged { offset, broker_ms }) if offset >= 0 => {
                Input::Appended {
                    id,
                    result: Appended::At { offset, broker_ms },
                }
            }
            (Kind::History, Outcome::Acknowledged { .. }) => {
                add(&counters.append_failures, 1);
                Input::Appended {
                    id,
                    result: Appended::NoOffset,
                }
            }
            (Kind::History, Outcome::Failed(reason)) => {
                add(&counters.append_failures, 1);
                Input::Appended {
                    id,
                    result: Appended::Failed { reason },
                }
            }
            (Kind::Effects, Outcome::Acknowledged { .. }) => Input::Sent { id, result: Ok(()) },
            (Kind::Effects, Outcome::Failed(reason)) => {
                add(&counters.send_failures, 1);
                tracing::error!(partition, reason, "an effect was refused for good");
                Input::Sent {
                    id,
                    result: Err(reason),
                }
            }
            (_, Outcome::Again(message)) => {
                self.performer.send_later(*message, delivery.tag);
                return;
            }
        };
        lane.owner.handle(input, now_ms, &mut lane.wanted);
    }

    fn on_message(&mut self, message: Message, now_ms: i64) -> bool {
        match message {
            Message::Records { topic, records } => {
                for read in records {
                    if let Some(lane) = self.lanes.get_mut(read.partition as usize) {
                        lane.feeds[index(topic)].push(read);
                    }
                }
            }
            Message::Input { partition, input } => self.tell(partition, input, now_ms),
            Message::RegistryRead { partition, read } => {
                if self.performer.is_newest_registry_read(partition, read) {
                    self.tell(partition, Input::RegistryRead, now_ms);
                }
            }
            Message::Found {
                topic,
                partition,
                session,
                next,
                end,
            } => {
                let open = reader::Command::Open {
                    partition,
                    session,
                    next,
                    end,
                };
                self.on_found(topic, open, now_ms);
            }
            Message::OutOfRange {
                partition,
                session,
                topic,
                reason,
            } => {
                let current = |lane: &Lane| lane.feeds[index(topic)].is_current(session);
                if self.lanes.get(partition as usize).is_some_and(current) {
                    self.tell(partition, Input::InputsOutOfRange { reason }, now_ms);
                }
            }
            Message::Assigned(partitions) => {
                for partition in &partitions {
                    self.set_assigned(*partition, true);
                    self.tell(*partition, Input::Assigned, now_ms);
                }
                self.status.update(|status| {
                    status.joined = true;
                    status
                        .assigned
                        .extend(partitions.iter().map(|p| (*p, false)));
                });
            }
            Message::Leaving { partitions, done } => {
                for lane in &mut self.lanes {
                    lane.leaving |= partitions.contains(&lane.partition);
                }
                self.leaving.push((partitions, done));
            }
            Message::Revoked(partitions) => {
                for partition in &partitions {
                    self.set_assigned(*partition, false);
                    self.tell(*partition, Input::Revoked, now_ms);
                }
                self.status.update(|status| {
                    for partition in &partitions {
                        status.assigned.remove(partition);
                        status.epochs.remove(partition);
                        status.halted.remove(partition);
                    }
                });
            }
            Message::Drain => {
                self.draining = true;
                self.status.update(|status| status.draining = true);
            }
            Message::Stop => return false,
        }
        true
    }

    fn on_found(&mut self, topic: InputTopic, open: reader::Command, now_ms: i64) {
        let reader::Command::Open {
            partition,
            session,
            next,
            end,
        } = open
        else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(partition as usize) else {
            return;
        };
        let feed = &mut lane.feeds[index(topic)];
        if !feed.is_current(session) {
            return;
        }
        feed.opened(next, end);
        self.performer.reader(topic).send(open);
        if let [Some(completions_end), Some(requests_end)] =
            [lane.feeds[0].end(), lane.feeds[1].end()]
        {
            lane.owner.handle(
                Input::InputsOpened {
                    completions_end,
                    requests_end,
                },
                now_ms,
                &mut lane.wanted,
            );
        }
    }

    fn on_call(&mut self, queued: QueuedCall, now_ms: i64) {
        let QueuedCall {
            partition,
            call,
            answer,
        } = queued;
        if self.draining {
            answer(Err(CallError::NotOwner { partition }));
            return;
        }
        match self.lanes.get_mut(partition as usize) {
            Some(lane) if !lane.leaving => {
                let id = self.performer.expect_answer(answer);
                lane.owner
                    .handle(Input::Call { id, call }, now_ms, &mut lane.wanted);
            }
            _ => answer(Err(CallError::NotOwner { partition })),
        }
    }

    fn tell(&mut self, partition: i32, input: Input, now_ms: i64) {
        if let Some(lane) = self.lanes.get_mut(partition as usize) {
            lane.owner.handle(input, now_ms, &mut lane.wanted);
        }
    }

    fn set_assigned(&mut self, partition: i32, assigned: bool) {
        if let Some(lane) = self.lanes.get_mut(partition as usize) {
            lane.assigned = assigned;
            lane.recovering = assigned.then(Instant::now);
            lane.probe = None;
            lane.leaving = false;
            lane.serving = false;
            if !assigned {
                lane.feeds.iter_mut().for_each(Feed::forget);
            }
        }
    }

    /// What others see of the lanes, where it has changed.
    fn look_around(&mut self, now_ms: i64) {
        let measures = &self.performer.counters.measures;
        let (mut open, mut serving) = (0, 0);
        let (mut outbox, mut in_flight) = (0, 0);
        for lane in &mut self.lanes {
            let serves = lane.assigned && !lane.leaving && lane.owner.is_ready();
            if serves != lane.serving {
                lane.serving = serves;
                if !serves {
                    lane.recovering = lane.assigned.then(Instant::now);
                } else if let Some(since) = lane.recovering.take() {
                    measures.recovered(since.elapsed());
                }
                self.status.update(|status| {
                    status
                        .assigned
                        .entry(lane.partition)
                        .and_modify(|s| *s = serves);
                });
            }
            open += lane.owner.open_executions();
            outbox += lane.owner.effects_under_way();
            in_flight += lane.owner.appends_under_way();
            let tasks = lane.owner.take_task_times();
            if !tasks.is_empty() {
                measures.completed(tasks.into_iter());
            }
            serving += u64::from(serves);
        }
        set(&self.performer.counters.open_executions, open as u64);
        set(&measures.outbox, outbox as u64);
        set(&measures.in_flight, in_flight as u64);
        set(&self.performer.counters.owned_partitions, serving);
        let lanes = &self.lanes;
        let quiet = |p: &i32| {
            lanes
                .get(*p as usize)
                .is_none_or(|lane| lane.owner.is_quiet())
        };
        self.leaving
            .retain(|(partitions, _done)| !partitions.iter().all(quiet));
        if self.draining
            && self.lanes.iter().all(|lane| lane.owner.is_quiet())
            && self.performer.is_quiet()
        {
            self.status.update(|status| status.drained = true);
        }
        if now_ms >= self.commit_at_ms {
            self.commit_at_ms = now_ms + COMMIT_EVERY_MS;
            self.commit();
        }
    }

    /// Positions for lag displays; nothing ever reads them back (R7).
    fn commit(&mut self) {
        let (mut positions, mut seen) = (Vec::new(), BTreeMap::new());
        for lane in self.lanes.iter().filter(|lane| lane.serving) {
            for (i, (feed, topic)) in lane.feeds.iter().zip(TOPICS).enumerate() {
                if let Some(next) = feed.next() {
                    seen.insert((i, lane.partition), next);
                    positions.push((self.performer.topic(topic).clone(), lane.partition, next));
                }
            }
        }
        self.status.update(|status| status.positions = seen);
        if !positions.is_empty() {
            self.performer
                .member
                .send(membership::Command::Commit(positions));
        }
    }

    fn until_next_tick(&self, now_ms: i64) -> Duration {
        if self.performer.is_behind() {
            return Duration::from_millis(1);
        }
        let next_ms = self
            .lanes
            .iter()
            .filter(|lane| !lane.leaving)
            .filter_map(|lane| lane.owner.next_tick_ms())
            .chain(self.performer.next_tick_ms())
            .min();
        let until =
            next_ms.map(|at| Duration::from_millis(at.saturating_sub(now_ms).max(0) as u64));
        // A tick that is due was just given: not again before the clock moves.
        until.map_or(DRIVER_IDLE_MAX, |until| {
            until.clamp(Duration::from_millis(1), DRIVER_IDLE_MAX)
        })
    }
}

impl Lane {
    /// Gives the owner what it wants of what waits; says how many records that were.
    fn feed(&mut self, now_ms: i64) -> u64 {
        let mut given = 0;
        for (i, topic) in TOPICS.into_iter().enumerate() {
            while !self.feeds[i].is_empty() && self.owner.wants(topic) {
                let Some(read) = self.feeds[i].pop() else {
                    break;
                };
                let input = match read.record {
                    Some(record) => Input::Record {
                        topic,
                        offset: read.offset,
                        record,
                    },
                    None => Input::ReadUpTo {
                        topic,
                        next: read.offset,
                    },
                };
                self.owner.handle(input, now_ms, &mut self.wanted);
                given += 1;
            }
        }
        given
    }
}

/// The place of a topic in [`TOPICS`].
pub fn index(topic: InputTopic) -> usize {
    match topic {
        InputTopic::Completions => 0,
        InputTopic::Requests => 1,
    }
}
