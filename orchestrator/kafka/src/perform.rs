//! Does what owners want done.
//!
//! Owns: everything that leaves the driver: appends, effects, answers, views, and what is asked of helper threads.
//! Within a batch the views are written before anybody is answered, so that who was told "started" finds it.

use crate::driver::{Lane, index};
use crate::inbox::{Answer, Inbox, Message};
use crate::mailbox::Mailbox;
use crate::metrics::{Counters, add};
use crate::nodes::Nudge;
use crate::producer::{Sender, Slot, Tag, To};
use crate::registry_io::Request;
use crate::status::SharedStatus;
use crate::{asker, chores, history_reader, map_io, membership, reader, rejects};
use baton_engine::MAP_IO;
use baton_engine::ports::{Outbound, ReadFrom};
use baton_engine::{Action, Applied, CallError, CallId, Reply, ViewWriter};
use baton_schemas::history::InputTopic;
use baton_schemas::record::Outgoing;
use baton_schemas::topics::Topics;
use baton_schemas::{DeadLetter, Record};
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long what came back unsent waits before it is sent again, milliseconds.
const SEND_AGAIN_MS: i64 = 500;
/// How long what found no room waits for deliveries to make some, milliseconds.
const FULL_PAUSE_MS: i64 = 20;
/// How long a stopping node waits for what its producers still hold.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Ways out of the driver.
pub struct Ways {
    pub inbox: Arc<Inbox>,
    pub history: Sender,
    pub effects: Sender,
    pub producer: Arc<Slot>,
    pub readers: [Mailbox<reader::Command>; 2],
    pub histories: Mailbox<history_reader::Job>,
    pub asker: Mailbox<asker::Job>,
    pub chores: Mailbox<chores::Job>,
    pub rejects: Mailbox<rejects::Job>,
    pub registry: Mailbox<Request>,
    pub nodes: Mailbox<Nudge>,
    pub map_io: Mailbox<Option<map_io::Job>>,
    pub views: Box<dyn ViewWriter>,
    pub status: SharedStatus,
    pub counters: Arc<Counters>,
}

/// See the module.
pub struct Performer {
    ways: Ways,
    pub counters: Arc<Counters>,
    pub member: Mailbox<membership::Command>,
    topics: Topics,
    /// Topic of each queue that was sent to.
    queues: FxHashMap<Arc<str>, Arc<str>>,
    /// The newest read of each partition.
    newest_reads: Vec<Arc<AtomicU64>>,
    /// Whether a log is being looked through for a closed execution.
    scanning: Arc<AtomicBool>,
    /// The newest read of the registry that each partition asked for.
    registry_reads: Vec<u64>,
    answers: FxHashMap<CallId, Answer>,
    last_call: CallId,
    applied: Vec<Applied>,
    replies: Vec<(Answer, Result<Reply, CallError>)>,
    /// What came back unsent, and when it is sent again.
    again: VecDeque<(OwnedMessage, Tag)>,
    again_at_ms: Option<i64>,
}

impl Performer {
    pub fn new(
        ways: Ways,
        member: Mailbox<membership::Command>,
        topics: Topics,
        partitions: i32,
    ) -> Self {
        Self {
            counters: ways.counters.clone(),
            ways,
            member,
            topics,
            queues: FxHashMap::default(),
            newest_reads: (0..partitions).map(|_| Arc::default()).collect(),
            scanning: Arc::default(),
            registry_reads: vec![0; partitions as usize],
            answers: FxHashMap::default(),
            last_call: 0,
            applied: Vec::new(),
            replies: Vec::new(),
            again: VecDeque::new(),
            again_at_ms: None,
        }
    }
}

impl Performer {
    /// Remembers who asked; the id names the call until it is answered.
    pub fn expect_answer(&mut self, answer: Answer) -> CallId {
        self.last_call += 1;
        self.answers.insert(self.last_call, answer);
        add(&self.counters.calls, 1);
        self.last_call
    }

    /// Does everything that a lane's owner wants, in order.
    pub fn perform(&mut self, lane: &mut Lane) {
        if lane.wanted.is_empty() {
            return;
        }
        let mut wanted = std::mem::take(&mut lane.wanted);
        for action in wanted.drain(..) {
            self.act(lane, action);
        }
        lane.wanted = wanted;
    }

    fn act(&mut self, lane: &mut Lane, action: Action) {
        let partition = lane.partition;
        match action {
            Action::Append { id, key, json } => {
                add(&self.counters.appends, 1);
                lane.probe.get_or_insert_with(|| (id, Instant::now()));
                let to = To {
                    topic: &self.topics.history,
                    partition: Some(partition),
                };
                let key = Some(key.as_bytes()).filter(|key| !key.is_empty());
                self.ways
                    .history
                    .send(to, key, Some(&json), None, Tag::Owner { partition, id });
            }
            Action::Send { id, outbound } => self.send(partition, id, outbound),
            Action::Apply(applied) => {
                // What a fold reads back was counted when it was written.
                if lane.owner.epoch() == Some(applied.epoch) {
                    self.counters.measures.effective(&applied);
                }
                self.applied.push(applied);
            }
            Action::Reply { id, reply } => {
                if let Some(answer) = self.answers.remove(&id) {
                    self.replies.push((answer, reply));
                }
            }
            Action::OpenInputs {
                completions,
                requests,
            } => {
                let positions = [completions, requests];
                let mut inputs = [(0, None); 2];
                for i in 0..2 {
                    inputs[i] = (lane.feeds[i].open(positions[i]), positions[i]);
                }
                self.ways
                    .asker
                    .send(asker::Job::FindInputs { partition, inputs });
            }
            Action::CloseInputs => {
                for topic in crate::driver::TOPICS {
                    lane.feeds[index(topic)].close();
                    self.reader(topic)
                        .send(reader::Command::Close { partition });
                }
            }
            Action::ReadHistory {
                read,
                from,
                through,
            } => self.read_history(partition, read, from, through),
            Action::LoadCheckpoint => self
                .ways
                .histories
                .send(history_reader::Job::Checkpoint { partition }),
            Action::Recall { execution, through } => {
                self.ways.histories.send(history_reader::Job::Recall {
                    partition,
                    execution,
                    through,
                    scanning: self.scanning.clone(),
                })
            }
            Action::LookAtEnd => self.ways.asker.send(asker::Job::LookAtEnd { partition }),
            Action::DeleteHistory { before } => self
                .ways
                .chores
                .send(chores::Job::DeleteHistory { partition, before }),
            Action::CheckOwnership => {
                let next = lane.feeds[0].last_known();
                self.member
                    .send(membership::Command::Check { partition, next });
            }
            Action::ReadRegistry => self.read_registry(partition),
            Action::ResetViews => {
                self.apply();
                self.ways.views.reset(partition);
            }
            Action::Owned { epoch } => {
                tracing::info!(partition, history.epoch = epoch, "partition owned");
                add(&self.counters.measures.claims, 1);
                self.ways.status.update(|status| {
                    status.epochs.insert(partition, epoch);
                    status.halted.remove(&partition);
                });
                self.ways.nodes.send(Nudge::Announce);
            }
            Action::Released => {
                tracing::info!(partition, "partition released");
                self.ways.status.update(|status| {
                    status.epochs.remove(&partition);
                });
            }
            Action::Halt { reason } => {
                tracing::error!(
                    partition,
                    reason,
                    "partition halted: it needs somebody to look"
                );
                add(&self.counters.halts, 1);
                self.ways.status.update(|status| {
                    status.epochs.remove(&partition);
                    status.halted.insert(partition, reason);
                });
            }
        }
    }

    fn send(&mut self, partition: i32, id: u64, outbound: Outbound) {
        add(&self.counters.sends, 1);
        if matches!(outbound, Outbound::DeadLetter { .. }) {
            add(&self.counters.measures.dead_letters, 1);
        }
        let tag = Tag::Owner { partition, id };
        let by_key = |topic| To {
            topic,
            partition: None,
        };
        match outbound {
            Outbound::Command { queue, command } if &*queue == MAP_IO => {
                self.ways.map_io.send(Some(map_io::Job {
                    partition,
                    id,
                    command: *command,
                }));
            }
            Outbound::Command { queue, command } => {
                let topic = self.queue_topic(&queue);
                self.ways
                    .effects
                    .send_outgoing(by_key(&topic), &*command, tag);
            }
            Outbound::Request {
                partition: right,
                request,
            } => {
                let to = To {
                    topic: &self.topics.requests,
                    partition: Some(right),
                };
                self.ways.effects.send_outgoing(to, &*request, tag);
            }
            Outbound::Report {
                partition: right,
                completion,
            } => {
                let to = To {
                    topic: &self.topics.completions,
                    partition: Some(right),
                };
                self.ways.effects.send_outgoing(to, &*completion, tag);
            }
            Outbound::Control(control) => {
                self.ways
                    .effects
                    .send_outgoing(by_key(&self.topics.control), &control, tag);
            }
            Outbound::Closed { to, closed } => {
                let to = To {
                    topic: &to.topic,
                    partition: Some(to.partition),
                };
                self.ways.effects.send_outgoing(to, &*closed, tag);
            }
            Outbound::Log(log) => {
                let to = by_key(&self.topics.execution_logs);
                self.ways.effects.send_outgoing(to, &*log, tag);
            }
            Outbound::ReportAgain { to, execution } => {
                self.ways.chores.send(chores::Job::ReportAgain {
                    partition,
                    id,
                    to,
                    execution,
                });
            }
            Outbound::PassOn {
                topic,
                partition: right,
                record,
                ..
            } => {
                let to = To {
                    topic: crate::topics::input(&self.topics, topic),
                    partition: Some(right),
                };
                let Record {
                    key,
                    headers,
                    value,
                } = &record;
                let headers = headers.iter().fold(
                    OwnedHeaders::new_with_capacity(headers.len()),
                    |all, (key, value)| {
                        all.insert(Header {
                            key,
                            value: Some(&value[..]),
                        })
                    },
                );
                self.ways
                    .effects
                    .send(to, key.as_deref(), value.as_deref(), Some(headers), tag);
            }
            Outbound::DeadLetter {
                topic,
                offset,
                record: Some(original),
                reason,
            } => {
                let topic = crate::topics::input(&self.topics, topic).clone();
                let letter = DeadLetter {
                    original,
                    topic,
                    partition,
                    offset,
                    reason,
                };
                self.ways.effects.send_outgoing(
                    by_key(&self.topics.dead_letter),
                    &letter as &dyn Outgoing,
                    tag,
                );
            }
            Outbound::DeadLetter {
                topic,
                offset,
                record: None,
                reason,
            } => {
                let reject = rejects::Reject {
                    partition,
                    id,
                    topic,
                    offset,
                    reason,
                };
                self.ways.rejects.send(rejects::Job::DeadLetter(reject));
            }
        }
    }

    /// The topic of a queue. It is there since the definition was stored, or is made now: the client waits for it.
    fn queue_topic(&mut self, queue: &Arc<str>) -> Arc<str> {
        if let Some(topic) = self.queues.get(queue) {
            return topic.clone();
        }
        self.ways.chores.send(chores::Job::EnsureQueue {
            queue: queue.clone(),
        });
        let topic: Arc<str> = self.topics.commands(queue).into();
        self.queues.insert(queue.clone(), topic.clone());
        topic
    }

    fn read_history(&mut self, partition: i32, read: u64, from: ReadFrom, through: i64) {
        let newest = self.newest_reads[partition as usize].clone();
        newest.store(read, Ordering::Relaxed);
        self.ways.histories.send(history_reader::Job::History {
            partition,
            read,
            from,
            through,
            newest,
        });
    }

    /// The owner may conclude from the answer that something does not exist: it is given only when all that the registry
    /// held at this moment has been read (R13), however long that takes.
    fn read_registry(&mut self, partition: i32) {
        let inbox = self.ways.inbox.clone();
        let newest = &mut self.registry_reads[partition as usize];
        *newest += 1;
        let read = *newest;
        let notice = Box::new(move || {
            let _stopping = inbox.push(Message::RegistryRead { partition, read });
        });
        self.ways
            .registry
            .send(Request::ReadSurely(partition, notice));
    }

    /// Whether this is the read of the registry that the partition's owner waits for.
    pub fn is_newest_registry_read(&self, partition: i32, read: u64) -> bool {
        self.registry_reads.get(partition as usize) == Some(&read)
    }

    /// Keeps a record that came back unsent.
    pub fn send_later(&mut self, message: OwnedMessage, tag: Tag) {
        self.again.push_back((message, tag));
    }

    /// Writes the views, then answers; sends what waits.
    pub fn end_batch(&mut self, now_ms: i64) {
        add(&self.counters.batches, 1);
        self.apply();
        for (answer, reply) in self.replies.drain(..) {
            answer(reply);
        }
        self.flush();
        if self.again.is_empty() {
            return;
        }
        match self.again_at_ms {
            None => self.again_at_ms = Some(now_ms + SEND_AGAIN_MS),
            Some(at) if at <= now_ms => {
                self.send_again();
                self.again_at_ms = (!self.again.is_empty()).then_some(now_ms + FULL_PAUSE_MS);
            }
            Some(_) => {}
        }
    }

    /// Sends what came back, as far as there is room.
    fn send_again(&mut self) {
        while let Some((message, tag)) = self.again.pop_front() {
            if !self.ways.effects.send_again(&message, tag) {
                self.again.push_front((message, tag));
                return;
            }
        }
    }

    /// When what came back is to be sent again, milliseconds since the epoch.
    pub fn next_tick_ms(&self) -> Option<i64> {
        self.again_at_ms
    }

    fn apply(&mut self) {
        if !self.applied.is_empty() {
            add(&self.counters.applied, self.applied.len() as u64);
            // The next batch is about as large.
            let room = Vec::with_capacity(self.applied.len());
            let applied = std::mem::replace(&mut self.applied, room);
            self.ways.views.apply(applied);
        }
    }

    fn flush(&mut self) {
        self.ways.readers.iter_mut().for_each(Mailbox::flush);
        self.member.flush();
        self.ways.histories.flush();
        self.ways.asker.flush();
        self.ways.chores.flush();
        self.ways.map_io.flush();
        self.ways.rejects.flush();
        self.ways.registry.flush();
        self.ways.nodes.flush();
    }

    /// Whether something waits for room in a mailbox.
    pub fn is_behind(&self) -> bool {
        self.ways.readers.iter().any(Mailbox::is_behind)
            || self.member.is_behind()
            || self.ways.histories.is_behind()
            || self.ways.asker.is_behind()
            || self.ways.chores.is_behind()
            || self.ways.map_io.is_behind()
            || self.ways.rejects.is_behind()
            || self.ways.registry.is_behind()
    }

    /// Whether nothing waits to be sent again or answered.
    pub fn is_quiet(&self) -> bool {
        self.again.is_empty() && self.answers.is_empty()
    }

    pub fn reader(&mut self, topic: InputTopic) -> &mut Mailbox<reader::Command> {
        &mut self.ways.readers[index(topic)]
    }

    pub fn topic(&self, topic: InputTopic) -> &Arc<str> {
        crate::topics::input(&self.topics, topic)
    }

    /// The end: what is under way may still arrive, callers are told to ask again.
    pub fn finish(mut self) {
        self.apply();
        for (answer, reply) in self.replies.drain(..) {
            answer(reply);
        }
        for (_, answer) in self.answers.drain() {
            answer(Err(CallError::Throttled(
                "the node is stopping; whether the call was taken is not known: ask again",
            )));
        }
        self.ways.producer.stop_waiting();
        self.ways.history.flush(FLUSH_TIMEOUT);
    }
}
