//! Membership in the group: which partitions are this node's (R8).
//!
//! Owns: the one subscription, static membership, joining again after being fenced, and the question whether a partition
//! is still this node's (R5). The member reads no records: its partitions are paused, readers of their own do that.
//! Must not: block for long while it may be asked for its heartbeat's callbacks.

use crate::client::{log, log_error, waking_consumer};
use crate::config::Config;
use crate::inbox::{Closed, Inbox, Message};
use crate::limits::{FENCED_PAUSE, HAND_OVER_MAX, POLL_EVERY, REQUEST_TIMEOUT, RETRY_EVERY};
use baton_engine::Input;
use crossbeam_channel::{Receiver, bounded, select};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the driver asks of the member.
pub enum Command {
    /// Commit these positions `(topic, partition, next offset)`, for lag displays.
    Commit(Vec<(Arc<str>, i32, i64)>),
    /// Ask the broker whether the partition is still this node's; `next` is what to commit for that, or, if it is not known,
    /// what is committed already.
    Check { partition: i32, next: Option<i64> },
    /// Leave.
    Stop,
}

type Changes = Arc<Mutex<Vec<Change>>>;

enum Change {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
}

struct Context {
    changes: Changes,
    inbox: Arc<Inbox>,
}

impl Context {
    /// Lets what is under way in these partitions end, while they are still this node's. Kept short: the group waits.
    fn hand_over(&self, partitions: &[i32]) {
        let (done, quiet) = bounded(0);
        let partitions = partitions.to_vec();
        if self
            .inbox
            .push(Message::Leaving { partitions, done })
            .is_ok()
        {
            // Nothing is ever sent: it ends when `done` is dropped, or the time is up.
            let _quiet_or_late = quiet.recv_timeout(HAND_OVER_MAX);
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log("member", level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error("member", &error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        member: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let partitions: Vec<i32> = list.elements().iter().map(|e| e.partition()).collect();
        let cooperative = matches!(member.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let assigned = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if !assigned && !partitions.is_empty() && !member.assignment_lost() {
            self.hand_over(&partitions);
        }
        let result = if assigned {
            // Any offset will do, nothing is read; one that is given saves asking for the committed ones.
            list.set_all_offsets(Offset::Offset(0))
                .and_then(|()| {
                    if cooperative {
                        member.incremental_assign(list)
                    } else {
                        member.assign(list)
                    }
                })
                .and_then(|()| member.pause(list))
        } else if cooperative {
            member.incremental_unassign(list)
        } else {
            member.unassign()
        };
        if let Err(e) = result {
            tracing::error!(?partitions, kafka.error = %e, "the assignment could not be taken over");
        }
        let change = if assigned {
            Change::Assigned(partitions)
        } else {
            Change::Revoked(partitions)
        };
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(change);
    }
}

/// See the module.
pub struct Membership {
    config: Config,
    topic: Arc<str>,
    commands: Receiver<Command>,
    inbox: Arc<Inbox>,
    changes: Changes,
    assigned: BTreeSet<i32>,
    /// Partitions in question, what to commit for them, and when to ask again.
    questions: BTreeMap<i32, (Option<i64>, Instant)>,
}

/// Why a member ended.
enum End {
    Stopped,
    Fenced,
}

impl Membership {
    pub fn new(config: &Config, commands: Receiver<Command>, inbox: Arc<Inbox>) -> Self {
        Self {
            config: config.clone(),
            topic: config.topics().completions,
            commands,
            inbox,
            changes: Changes::default(),
            assigned: BTreeSet::new(),
            questions: BTreeMap::new(),
        }
    }

    /// Is a member until told to stop.
    pub fn run(mut self) {
        let mut fenced: Option<Instant> = None;
        loop {
            let pause = match self.join() {
                Ok(End::Stopped) => return,
                Ok(End::Fenced) => self.pause_of_fenced(fenced.replace(Instant::now())),
                Err(e) => {
                    tracing::error!(kafka.error = %e, "can't join the group");
                    FENCED_PAUSE
                }
            };
            self.changes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
            let lost = std::mem::take(&mut self.assigned);
            if self
                .inbox
                .push(Message::Revoked(lost.into_iter().collect()))
                .is_err()
                || self.stopped_within(pause)
            {
                return;
            }
        }
    }

    /// How long a fenced member waits before it joins again, given when it was fenced before.
    ///
    /// Another process may have this node's name. But a broker that was away for longer than the session fences a member
    /// as well: librdkafka forgets the member's id then, and sends the commits that waited without one.
    fn pause_of_fenced(&self, before: Option<Instant>) -> Duration {
        let session = Duration::from_millis(self.config.session_timeout_ms.into());
        if before.is_none_or(|at| at.elapsed() >= session) {
            tracing::warn!(
                node.name = &*self.config.node,
                "fenced: joining the group again"
            );
            return RETRY_EVERY;
        }
        tracing::error!(
            node.name = &*self.config.node,
            "another process has joined under this node's name: give each node a name of its own"
        );
        FENCED_PAUSE
    }

    fn stopped_within(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            match self.commands.recv_deadline(until) {
                Ok(Command::Stop) => return true,
                Ok(_) => {}
                Err(e) => return e.is_disconnected(),
            }
        }
    }

    fn join(&mut self) -> KafkaResult<End> {
        let context = Context {
            changes: self.changes.clone(),
            inbox: self.inbox.clone(),
        };
        let (member, woken) = waking_consumer(&self.config.member(), context)?;
        member.subscribe(&[&self.topic])?;
        let end = loop {
            select! {
                recv(self.commands) -> command => match command {
                    Ok(Command::Commit(positions)) => self.commit(&member, &positions),
                    Ok(Command::Check { partition, next }) => {
                        self.questions.insert(partition, (next, Instant::now()));
                    }
                    Ok(Command::Stop) | Err(_) => break End::Stopped,
                },
                recv(woken) -> _ => {}
                default(POLL_EVERY) => {}
            }
            // Two empty answers in a row, since a log line counts as one.
            let mut empty = 0;
            while empty < 2 {
                match member.poll(Duration::ZERO) {
                    None => empty += 1,
                    Some(Err(KafkaError::MessageConsumptionFatal(_))) => return Ok(End::Fenced),
                    Some(Err(e)) => tracing::debug!(kafka.error = %e, "the member goes on"),
                    Some(Ok(_)) => {}
                }
            }
            if self.tell_changes().is_err() || self.ask(&member).is_err() {
                break End::Stopped;
            }
        };
        Ok(end)
    }

    fn tell_changes(&mut self) -> Result<(), Closed> {
        let changes =
            std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner));
        for change in changes {
            match change {
                Change::Assigned(partitions) => {
                    tracing::info!(
                        node.name = &*self.config.node,
                        ?partitions,
                        "partitions assigned"
                    );
                    self.assigned.extend(&partitions);
                    self.inbox.push(Message::Assigned(partitions))?;
                }
                Change::Revoked(partitions) => {
                    tracing::info!(
                        node.name = &*self.config.node,
                        ?partitions,
                        "partitions revoked"
                    );
                    self.assigned.retain(|p| !partitions.contains(p));
                    self.inbox.push(Message::Revoked(partitions))?;
                }
            }
        }
        Ok(())
    }

    /// Asks for the partitions in question. A commit that the broker takes in the present generation proves ownership; one
    /// that it refuses proves nothing for good: it is asked again until the group has settled and either takes the
    /// partition away or lets the commit pass.
    fn ask(&mut self, member: &BaseConsumer<Context>) -> Result<(), Closed> {
        let due: Vec<(i32, Option<i64>)> = self
            .questions
            .iter()
            .filter(|(_, (_, at))| *at <= Instant::now())
            .map(|(p, (next, _))| (*p, *next))
            .collect();
        for (partition, next) in due {
            let ours = if self.assigned.contains(&partition) {
                match self.commit_for_proof(member, partition, next) {
                    Ok(()) => true,
                    Err(e) => {
                        tracing::info!(partition, kafka.error = %e, "ownership is not clear yet");
                        self.questions
                            .insert(partition, (next, Instant::now() + RETRY_EVERY));
                        continue;
                    }
                }
            } else {
                false
            };
            self.questions.remove(&partition);
            self.inbox.push(Message::Input {
                partition,
                input: Input::Ownership { ours },
            })?;
        }
        Ok(())
    }

    /// Commits a position that shows on lag displays as what it is.
    fn commit_for_proof(
        &self,
        member: &BaseConsumer<Context>,
        partition: i32,
        next: Option<i64>,
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, partition);
        let next = match next {
            Some(next) => next,
            None => {
                let committed = member.committed_offsets(list.clone(), REQUEST_TIMEOUT)?;
                let found = committed.find_partition(&self.topic, partition);
                // Nothing is committed: nothing was ever read.
                found
                    .and_then(|p| p.offset().to_raw())
                    .map_or(0, |n| n.max(0))
            }
        };
        list.set_partition_offset(&self.topic, partition, Offset::Offset(next.max(0)))?;
        member.commit(&list, CommitMode::Sync)
    }

    fn commit(&self, member: &BaseConsumer<Context>, positions: &[(Arc<str>, i32, i64)]) {
        let mut list = TopicPartitionList::new();
        for (topic, partition, next) in positions
            .iter()
            .filter(|(_, p, _)| self.assigned.contains(p))
        {
            list.add_partition_offset(topic, *partition, Offset::Offset(*next))
                .expect("positions are not negative");
        }
        if list.count() > 0
            && let Err(e) = member.commit(&list, CommitMode::Async)
        {
            tracing::debug!(kafka.error = %e, "positions for lag displays not committed");
        }
    }
}
