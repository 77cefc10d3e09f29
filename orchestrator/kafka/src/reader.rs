//! Reads one input topic: the owned partitions' records, from where their owners say (R7).
//!
//! Owns: a consumer whose partitions are assigned by hand, opening and closing them, and pausing while an owner doesn't
//! want more. Records are decoded here, off the driver's thread, and given on in chunks. Must not: use committed
//! offsets, or go on from anywhere else than where it was told to.

mod positions;

use crate::client::{EMPTY_POLLS, Logged, meet, waking_consumer};
use crate::config::Config;
use crate::decode::decode;
use crate::inbox::{Closed, Inbox, Message, Read};
use crate::limits::{
    CHUNK_BYTES_MAX, CHUNK_RECORDS_MAX, POLL_EVERY, READ_OVERHEAD_BYTES, RETRY_EVERY,
};
use baton_schemas::history::InputTopic;
use crossbeam_channel::{Receiver, select};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// What the driver asks of a reader.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin reading a partition at `next`, of which it is known that it ends at `end` now; an earlier session of it ends.
    Open {
        partition: i32,
        session: u32,
        next: i64,
        end: i64,
    },
    /// Stop reading it.
    Close { partition: i32 },
    /// Read no more of it for now.
    Pause { partition: i32 },
    /// Go on.
    Resume { partition: i32 },
    /// End.
    Stop,
}

/// Longest wait of a fetch that finds nothing, milliseconds.
const FETCH_WAIT_MS: &str = "100";

/// See the module.
pub struct Reader {
    topic: InputTopic,
    name: Arc<str>,
    consumer: BaseConsumer<Logged>,
    woken: Receiver<()>,
    commands: Receiver<Command>,
    inbox: Arc<Inbox>,
    sessions: BTreeMap<i32, Session>,
    /// Openings that failed and are tried again.
    to_open: Vec<(Instant, Command)>,
    /// When the positions are to be compared with what the topic holds: the client has said that one is lost.
    doubt: Option<Instant>,
}

struct Session {
    id: u32,
    /// The next offset that has not been seen; what comes below it is a repeat.
    next: i64,
    /// Where the partition ended when it was opened, until that is reached.
    end: Option<i64>,
    /// Since when the position seems to lie beyond the partition's end.
    beyond: Option<Instant>,
}

impl Reader {
    /// A reader of `topic` that reads nothing yet.
    pub fn new(
        config: &Config,
        topic: InputTopic,
        commands: Receiver<Command>,
        inbox: Arc<Inbox>,
    ) -> KafkaResult<Self> {
        let topics = config.topics();
        let (name, role) = match topic {
            InputTopic::Completions => (topics.completions, "completions"),
            InputTopic::Requests => (topics.requests, "requests"),
        };
        let mut settings = config.consumer(role, "read_committed", "error");
        // A partition that is opened waits for the fetch under way.
        settings.set("fetch.wait.max.ms", FETCH_WAIT_MS);
        let settings = config.with_users(settings, true);
        let (consumer, woken) = waking_consumer(&settings, Logged(role))?;
        let (sessions, to_open) = (BTreeMap::new(), Vec::new());
        Ok(Self {
            topic,
            name,
            consumer,
            woken,
            commands,
            inbox,
            sessions,
            to_open,
            doubt: None,
        })
    }

    /// Reads until told to stop.
    pub fn run(mut self) {
        meet(&self.consumer, &self.name);
        while self.obey_all() {
            match self.check_positions().and_then(|()| self.read_chunk()) {
                Ok(0) => {}
                Ok(_) => continue,
                Err(Closed) => return,
            }
            select! {
                recv(self.commands) -> command => match command {
                    Ok(command) => if !self.obey(command) { return },
                    Err(_) => return,
                },
                recv(self.woken) -> _ => {}
                default(POLL_EVERY) => {}
            }
        }
    }

    fn obey_all(&mut self) -> bool {
        let due = Instant::now();
        let (ready, later) = std::mem::take(&mut self.to_open)
            .into_iter()
            .partition(|(at, _)| *at <= due);
        self.to_open = later;
        for (_, command) in ready {
            self.obey(command);
        }
        while let Ok(command) = self.commands.try_recv() {
            if !self.obey(command) {
                return false;
            }
        }
        true
    }

    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Open {
                partition,
                session,
                next,
                end,
            } => {
                self.close(partition);
                if let Err(e) = self.open(partition, session, next, end) {
                    tracing::warn!(partition, kafka.topic = &*self.name, kafka.error = %e, "inputs can't be opened yet");
                    self.to_open.push((
                        Instant::now() + RETRY_EVERY,
                        Command::Open {
                            partition,
                            session,
                            next,
                            end,
                        },
                    ));
                }
            }
            Command::Close { partition } => self.close(partition),
            Command::Pause { partition } => self.note(
                self.consumer.pause(&self.one(partition, Offset::Invalid)),
                partition,
            ),
            Command::Resume { partition } => self.note(
                self.consumer.resume(&self.one(partition, Offset::Invalid)),
                partition,
            ),
            Command::Stop => return false,
        }
        true
    }

    fn open(&mut self, partition: i32, session: u32, next: i64, end: i64) -> KafkaResult<()> {
        if self.sessions.is_empty() {
            meet(&self.consumer, &self.name);
        }
        self.assign(partition, next)?;
        self.sessions.insert(
            partition,
            Session {
                id: session,
                next,
                end: Some(end),
                beyond: None,
            },
        );
        if next == end {
            self.reached_end(partition);
        }
        Ok(())
    }

    fn assign(&self, partition: i32, next: i64) -> KafkaResult<()> {
        self.consumer
            .incremental_assign(&self.one(partition, Offset::Offset(next)))?;
        // librdkafka remembers that a partition was paused, also after it was taken away.
        let resumed = self.consumer.resume(&self.one(partition, Offset::Invalid));
        self.note(resumed, partition);
        Ok(())
    }

    fn close(&mut self, partition: i32) {
        self.to_open.retain(|(_, command)| !matches!(command, Command::Open { partition: p, .. } if *p == partition));
        if self.sessions.remove(&partition).is_some() {
            self.note(
                self.consumer
                    .incremental_unassign(&self.one(partition, Offset::Invalid)),
                partition,
            );
        }
    }

    /// Gives on what is there, up to a chunk; says how many records that were.
    fn read_chunk(&mut self) -> Result<usize, Closed> {
        let mut records = Vec::new();
        let (mut empty, mut bytes) = (0, 0);
        while records.len() < CHUNK_RECORDS_MAX && bytes < CHUNK_BYTES_MAX && empty < EMPTY_POLLS {
            match self.consumer.poll(std::time::Duration::ZERO) {
                None => empty += 1,
                Some(Ok(message)) => {
                    empty = 0;
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(session) = self
                        .sessions
                        .get_mut(&partition)
                        .filter(|s| s.next <= offset)
                    else {
                        continue;
                    };
                    session.next = offset + 1;
                    session.beyond = None;
                    let size = message.key_len() + message.payload_len() + READ_OVERHEAD_BYTES;
                    bytes += size;
                    let record = Some(decode(self.topic, &message));
                    if records.is_empty() {
                        records.reserve(64);
                    }
                    records.push(Read {
                        partition,
                        session: session.id,
                        offset,
                        bytes: size,
                        record,
                    });
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    empty = 0;
                    records.extend(self.end_of(partition));
                }
                Some(Err(e)) => {
                    empty = 0;
                    self.on_error(&e);
                }
            }
        }
        let count = records.len();
        if count > 0 {
            self.inbox.push(Message::Records {
                topic: self.topic,
                records,
            })?;
        }
        Ok(count)
    }

    /// The first time that the end is reached after an opening: all that was there then has been given, also if the last
    /// offsets hold no records (a transaction's markers).
    fn end_of(&mut self, partition: i32) -> Option<Read> {
        let session = self.sessions.get_mut(&partition)?;
        let offset = session.end.take()?.max(session.next);
        Some(Read {
            partition,
            session: session.id,
            offset,
            bytes: READ_OVERHEAD_BYTES,
            record: None,
        })
    }

    fn reached_end(&mut self, partition: i32) {
        if let Some(read) = self.end_of(partition) {
            let _stopping = self.inbox.push(Message::Records {
                topic: self.topic,
                records: vec![read],
            });
        }
    }

    fn one(&self, partition: i32, offset: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, offset)
            .expect("offsets here are not negative");
        list
    }

    fn note(&self, result: KafkaResult<()>, partition: i32) {
        if let Err(e) = result {
            tracing::warn!(partition, kafka.topic = &*self.name, kafka.error = %e, "the consumer refused");
        }
    }
}

#[cfg(test)]
mod tests;
