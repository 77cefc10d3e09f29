//! The polling loop of one queue, on its own thread.
//!
//! Owns: taking commands while there is room for them, pausing when there is none, committing what is finished, and
//! stopping without losing anything. Nothing here waits for a handler but for want of room.

use super::config::{KafkaOptions, queue_consumer};
use super::message;
use super::producer::KafkaOutlet;
use super::rebalance::QueueContext;
use crate::WorkerError;
use crate::limits::{
    COMMIT_INTERVAL, FENCED_AGAIN_WITHIN, FLUSH_WAIT, PAUSE_AFTER, POLL_BATCH_MAX, POLL_WAIT,
    UNSETTLED_MAX, WINDOW_MAX,
};
use crate::offsets::Offsets;
use crate::offsets::Position;
use crate::outlet::Receipt;
use crate::runner::Runner;
use crate::worker::Stop;
use baton_schemas::Command;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, TopicPartitionList};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One queue being served.
pub struct QueueLoop {
    queue: String,
    topic: String,
    group: String,
    options: KafkaOptions,
    consumer: BaseConsumer<QueueContext>,
    offsets: Arc<Offsets>,
    runner: Arc<Runner>,
    outlet: Arc<KafkaOutlet>,
    stop: Arc<Stop>,
    /// Commands that came although there was no room; a handful, since the partitions are paused then.
    backlog: VecDeque<(Command, Position)>,
    /// Since when there is no room.
    full_since: Option<Instant>,
    paused: bool,
    /// Partitions paused because one slow task holds back a long row of finished ones.
    held: BTreeSet<i32>,
    last_commit: Instant,
    /// When the consumer was last made anew because it was fenced.
    fenced: Option<Instant>,
}

impl QueueLoop {
    /// Subscribes to `topic`, which need not exist yet.
    ///
    /// # Errors
    /// A property that librdkafka doesn't take.
    pub fn new(
        queue: &str,
        topic: String,
        group: &str,
        options: &KafkaOptions,
        runner: Arc<Runner>,
        outlet: Arc<KafkaOutlet>,
        stop: Arc<Stop>,
    ) -> Result<Self, WorkerError> {
        let (consumer, offsets) = subscribed(options, group, &topic)?;
        Ok(Self {
            queue: queue.to_owned(),
            topic,
            group: group.to_owned(),
            options: options.clone(),
            consumer,
            offsets,
            runner,
            outlet,
            stop,
            backlog: VecDeque::new(),
            full_since: None,
            paused: false,
            held: BTreeSet::new(),
            last_commit: Instant::now(),
            fenced: None,
        })
    }

    /// Serves the queue until the worker stops.
    ///
    /// # Errors
    /// When a Kafka client can't go on.
    pub fn run(mut self) -> Result<(), WorkerError> {
        while !self.stop.asked() {
            match self.turn() {
                Err(error) if self.is_fenced() => self.join_again(error)?,
                result => result?,
            }
        }
        self.drain()
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        if self.has_room() {
            self.resume();
            self.poll_batch()?;
        } else {
            self.wait_for_room()?;
        }
        if self.last_commit.elapsed() >= COMMIT_INTERVAL {
            self.keep_house()?;
        }
        Ok(())
    }

    fn is_fenced(&self) -> bool {
        let error = self.consumer.client().fatal_error();
        error.is_some_and(|(code, _)| code == RDKafkaErrorCode::FencedInstanceId)
    }

    /// Makes a new consumer in place of one that was fenced: another has joined under its `group.instance.id`.
    ///
    /// A broker that was away for longer than the session causes that too: librdkafka forgets its member id then, and sends
    /// the commits that waited without one. So once is no reason to end; again within [`FENCED_AGAIN_WITHIN`] means that
    /// there really is another worker of this name.
    /// What runs goes on; its commands come again to whoever has the partitions now, and are recognised here.
    fn join_again(&mut self, error: WorkerError) -> Result<(), WorkerError> {
        if self
            .fenced
            .is_some_and(|at| at.elapsed() < FENCED_AGAIN_WITHIN)
        {
            return Err(error);
        }
        tracing::warn!(%error, queue = self.queue, "joining the group again");
        self.fenced = Some(Instant::now());
        (self.consumer, self.offsets) = subscribed(&self.options, &self.group, &self.topic)?;
        self.backlog.clear();
        self.held.clear();
        self.paused = false;
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.runner.has_room() && self.offsets.unsettled() < UNSETTLED_MAX
    }

    fn poll_batch(&mut self) -> Result<(), WorkerError> {
        while let Some((command, position)) = self.backlog.pop_front() {
            self.runner.accept(command, position);
            if !self.has_room() {
                return Ok(());
            }
        }
        let mut wait = POLL_WAIT;
        for _ in 0..POLL_BATCH_MAX {
            if !self.poll_one(wait)? || !self.has_room() {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Polls once; whether a message came. Its command is run if there is room.
    fn poll_one(&mut self, wait: Duration) -> Result<bool, WorkerError> {
        let polled = self.consumer.poll(wait);
        match polled {
            None => Ok(false),
            Some(Ok(message)) => {
                if let Some((command, position)) = receive(&message, &self.offsets, &self.outlet) {
                    let partition = message.partition();
                    drop(message);
                    if self.has_room() {
                        self.runner.accept(command, position);
                    } else {
                        self.backlog.push_back((command, position));
                    }
                    self.hold_if_long(partition);
                }
                Ok(true)
            }
            Some(Err(error)) => self.note(&error).map(|()| false),
        }
    }

    /// Waits for a handler to end; keeps the consumer alive meanwhile, paused if it takes long.
    fn wait_for_room(&mut self) -> Result<(), WorkerError> {
        let since = *self.full_since.get_or_insert_with(Instant::now);
        if !self.paused && since.elapsed() >= PAUSE_AFTER {
            self.paused = self.pause_all();
        }
        if self.paused {
            if self
                .consumer
                .context()
                .assigned
                .swap(false, Ordering::Relaxed)
            {
                self.pause_all();
            }
            self.poll_one(Duration::ZERO)?;
        }
        if self.runner.has_room() {
            self.offsets
                .wait(POLL_WAIT, |offsets| offsets.unsettled() < UNSETTLED_MAX);
        } else {
            self.runner.wait_for_room(POLL_WAIT);
        }
        Ok(())
    }

    fn resume(&mut self) {
        self.full_since = None;
        if self.paused {
            self.paused = false;
            self.set_paused(false, |p, held| !held.contains(&p));
        }
    }

    fn pause_all(&self) -> bool {
        self.set_paused(true, |_, _| true)
    }

    fn set_paused(&self, pause: bool, which: impl Fn(i32, &BTreeSet<i32>) -> bool) -> bool {
        let done = self.consumer.assignment().and_then(|assigned| {
            let mut list = TopicPartitionList::new();
            for element in assigned.elements() {
                if which(element.partition(), &self.held) {
                    list.add_partition(element.topic(), element.partition());
                }
            }
            if pause {
                self.consumer.pause(&list)
            } else {
                self.consumer.resume(&list)
            }
        });
        if let Err(error) = &done {
            tracing::warn!(%error, queue = self.queue, pause, "partitions not paused or resumed");
        }
        done.is_ok()
    }

    fn hold_if_long(&mut self, partition: i32) {
        // Looked at once per thousand unsettled records: the exact bound doesn't matter, being bounded does.
        if self.offsets.window(partition) >= WINDOW_MAX && self.held.insert(partition) {
            tracing::warn!(
                queue = self.queue,
                partition,
                "paused: its first unfinished task holds back too many others"
            );
            self.set_paused(true, |p, _| p == partition);
        }
    }

    /// What is done a few times a second: commits, refused completions, held partitions, health.
    fn keep_house(&mut self) -> Result<(), WorkerError> {
        self.last_commit = Instant::now();
        self.outlet.resend_due();
        self.commit(CommitMode::Async);
        let short: Vec<i32> = self
            .held
            .iter()
            .copied()
            .filter(|p| self.offsets.window(*p) < WINDOW_MAX / 2)
            .collect();
        for partition in short {
            self.held.remove(&partition);
            if !self.paused {
                self.set_paused(false, |p, _| p == partition);
            }
        }
        match self.outlet.fatal() {
            Some(reason) => Err(self.fatal("producer", reason)),
            None => Ok(()),
        }
    }

    fn commit(&self, mode: CommitMode) {
        let context = self.consumer.context();
        let all = context.commit_all.swap(false, Ordering::Relaxed);
        context.commit(&self.consumer, &self.offsets.to_commit(all), mode);
    }

    /// Finishes what runs, as long as the drain allows; commits; leaves the group.
    fn drain(mut self) -> Result<(), WorkerError> {
        self.consumer
            .context()
            .draining
            .store(true, Ordering::Relaxed);
        self.backlog.clear();
        self.pause_all();
        while self.runner.running() > 0 && !self.stop.overdue() {
            // Still a member of the group: the poll serves rebalances, and says that this worker lives.
            if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
                self.note(&error)?;
            }
            self.runner.wait_idle(POLL_WAIT);
            self.outlet.resend_due();
        }
        if self.runner.running() > 0 {
            tracing::warn!(
                queue = self.queue,
                tasks = self.runner.running(),
                "drain timeout: tasks are given up"
            );
            self.runner.abort_all();
        }
        let until = Instant::now() + FLUSH_WAIT;
        while !self.outlet.flush(POLL_WAIT) && Instant::now() < until {
            self.outlet.resend_due();
        }
        self.commit(CommitMode::Sync);
        tracing::info!(queue = self.queue, "queue closed");
        Ok(())
    }

    fn note(&self, error: &KafkaError) -> Result<(), WorkerError> {
        if let Some((code, reason)) = self.consumer.client().fatal_error() {
            return Err(self.fatal("consumer", format!("{code}: {reason}")));
        }
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                tracing::info!(
                    queue = self.queue,
                    "the topic of the queue does not exist yet; waiting for it"
                );
            }
            _ => tracing::warn!(%error, queue = self.queue, "consumer"),
        }
        Ok(())
    }

    fn fatal(&self, client: &'static str, reason: String) -> WorkerError {
        WorkerError::Fatal {
            client,
            queue: self.queue.clone(),
            reason,
        }
    }
}

/// A consumer that has subscribed to `topic`, and what it notes of offsets.
fn subscribed(
    options: &KafkaOptions,
    group: &str,
    topic: &str,
) -> Result<(BaseConsumer<QueueContext>, Arc<Offsets>), WorkerError> {
    let client = |source| WorkerError::Client {
        client: "consumer",
        source,
    };
    let offsets = Arc::new(Offsets::default());
    let context = QueueContext {
        topic: topic.to_owned(),
        offsets: Arc::clone(&offsets),
        assigned: AtomicBool::new(false),
        commit_all: AtomicBool::new(false),
        draining: AtomicBool::new(false),
    };
    let consumer: BaseConsumer<_> = queue_consumer(options, group)
        .create_with_context(context)
        .map_err(client)?;
    consumer.subscribe(&[topic]).map_err(client)?;
    Ok((consumer, offsets))
}

/// Reads a message; one that holds no command goes to the dead-letter topic.
fn receive(
    message: &BorrowedMessage<'_>,
    offsets: &Offsets,
    outlet: &KafkaOutlet,
) -> Option<(Command, Position)> {
    let position = offsets.receive(message.partition(), message.offset())?;
    match message::command(message) {
        Ok(command) => Some((command, position)),
        Err(reason) => {
            let (topic, partition, offset) =
                (message.topic(), message.partition(), message.offset());
            tracing::warn!(
                topic,
                partition,
                offset,
                reason,
                "not a command: sent to the dead-letter topic"
            );
            outlet.bury(
                &message::dead_letter(message, &reason),
                Receipt::new(position),
            );
            None
        }
    }
}
