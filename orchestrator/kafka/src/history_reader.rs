//! Reads history partitions back, off the driver's thread: folds after a claim, and looks at what was appended (R4).
//!
//! Owns: a consumer whose one partition at a time is assigned by hand. A read ends at the last offset wanted, or at the
//! log's end if the last offsets hold no records. Must not: interpret records.

use crate::client::{Logged, meet};
use crate::config::Config;
use crate::inbox::{Closed, Inbox, Message};
use crate::limits::{CHUNK_RECORDS_MAX, HISTORY_PART_BYTES_MAX, POLL_EVERY, RETRY_EVERY};
use crate::topics::Admin;
use baton_engine::ports::ReadFrom;
use baton_engine::recall::{self, Recall};
use baton_engine::{Checkpoints, Input};
use baton_schemas::history::Step;
use bytes::Bytes;
use crossbeam_channel::Receiver;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the driver asks for.
pub enum Job {
    /// The local store's checkpoint.
    Checkpoint { partition: i32 },
    /// Part of the history.
    History {
        partition: i32,
        read: u64,
        from: ReadFrom,
        through: i64,
        /// The newest read of this partition; if that is another one, this is void.
        newest: Arc<AtomicU64>,
    },
    /// The steps of a closed execution: from the local store, or else from the log.
    Recall {
        partition: i32,
        execution: Arc<str>,
        /// The last offset that has to be looked at.
        through: i64,
        /// Whether a log is being looked through: one at a time, so that others' reads are not held up.
        scanning: Arc<AtomicBool>,
    },
    /// End.
    Stop,
}

/// As [`Job::History`]'s `through`: to the log's end as it is when the read begins.
const END: i64 = i64::MAX;
/// No record for this long is a failure of the read.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// See the module.
pub struct HistoryReader {
    topic: Arc<str>,
    consumer: BaseConsumer<Logged>,
    admin: Arc<Admin>,
    jobs: Receiver<Job>,
    inbox: Arc<Inbox>,
    checkpoints: Arc<dyn Checkpoints>,
}

/// One read under way.
struct Read<'a> {
    partition: i32,
    id: u64,
    through: i64,
    newest: &'a AtomicU64,
    records: Vec<(i64, Bytes)>,
    bytes: usize,
    /// Takes the records instead of the driver.
    recall: Option<Recall>,
}

impl HistoryReader {
    pub fn new(
        config: &Config,
        admin: Arc<Admin>,
        jobs: Receiver<Job>,
        inbox: Arc<Inbox>,
        checkpoints: Arc<dyn Checkpoints>,
    ) -> KafkaResult<Self> {
        // Records that are gone at the front were restated (R14): a reader begins at the first that is there.
        let mut settings = config.consumer("history-reader", "read_uncommitted", "earliest");
        // Nothing is tailed here: a fetch that waits at the end of one partition would only delay the next read.
        settings.set("fetch.wait.max.ms", "10");
        let consumer = BaseConsumer::from_config_and_context(&settings, Logged("history-reader"))?;
        Ok(Self {
            topic: config.topics().history,
            consumer,
            admin,
            jobs,
            inbox,
            checkpoints,
        })
    }

    /// Does jobs until told to stop.
    pub fn run(self) {
        meet(&self.consumer, &self.topic);
        while let Ok(job) = self.jobs.recv() {
            let done = match job {
                Job::Stop => return,
                Job::Checkpoint { partition } => {
                    let input = Input::Checkpoint(self.checkpoints.load(partition));
                    self.inbox.push(Message::Input { partition, input })
                }
                Job::History {
                    partition,
                    read,
                    from,
                    through,
                    newest,
                } => {
                    let read = Read {
                        partition,
                        id: read,
                        through,
                        newest: &newest,
                        records: Vec::new(),
                        bytes: 0,
                        recall: None,
                    };
                    self.read(read, from)
                }
                Job::Recall {
                    partition,
                    execution,
                    through,
                    scanning,
                } => {
                    let steps = self.recall(partition, &execution, through, &scanning);
                    let input = Input::Recalled { execution, steps };
                    self.inbox.push(Message::Input { partition, input })
                }
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn recall(
        &self,
        partition: i32,
        execution: &str,
        through: i64,
        scanning: &AtomicBool,
    ) -> Option<Vec<Step>> {
        if let Some(records) = self.checkpoints.recall(execution) {
            return recall::steps_of(&records).ok();
        }
        if scanning.swap(true, Ordering::AcqRel) {
            return None;
        }
        let steps = self.scan(partition, execution, through);
        scanning.store(false, Ordering::Release);
        steps
    }

    /// Looks through the log: the store does not have everything that the log still holds.
    fn scan(&self, partition: i32, execution: &str, through: i64) -> Option<Vec<Step>> {
        tracing::info!(
            partition,
            execution.arn = execution,
            "looking through the log for a closed execution"
        );
        let never = AtomicU64::new(0);
        let mut read = Read {
            partition,
            id: 0,
            through,
            newest: &never,
            records: Vec::new(),
            bytes: 0,
            recall: Some(Recall::new(execution)),
        };
        let result = self.begin(&mut read, ReadFrom::Earliest);
        let result = result.and_then(|any| {
            if any {
                self.read_all(&mut read).map(drop)
            } else {
                Ok(())
            }
        });
        if let Err(e) = self.consumer.unassign() {
            tracing::warn!(partition, kafka.error = %e, "the history reader keeps its partition");
        }
        if let Err(reason) = result {
            tracing::warn!(partition, reason, "the log could not be looked through");
            return None;
        }
        read.recall?.finish()
    }

    fn read(&self, mut read: Read<'_>, from: ReadFrom) -> Result<(), Closed> {
        let result = self.begin(&mut read, from).and_then(|any| {
            if any {
                self.read_all(&mut read)
            } else {
                Ok(Ok(()))
            }
        });
        if let Err(e) = self.consumer.unassign() {
            tracing::warn!(partition = read.partition, kafka.error = %e, "the history reader keeps its partition");
        }
        match result {
            Ok(Ok(())) if read.is_void() => Ok(()),
            Ok(Ok(())) => read.give(&self.inbox, true),
            Ok(Err(closed)) => Err(closed),
            Err(reason) => {
                let input = Input::HistoryFailed {
                    read: read.id,
                    reason,
                };
                self.inbox.push(Message::Input {
                    partition: read.partition,
                    input,
                })
            }
        }
    }

    /// Assigns the partition at the right place; `false` if nothing is there to be read.
    fn begin(&self, read: &mut Read<'_>, from: ReadFrom) -> Result<bool, String> {
        let (low, end) = self.settled_end(read)?;
        if read.through == END {
            read.through = end - 1;
        }
        let first = match from {
            ReadFrom::Earliest => low,
            ReadFrom::Offset(offset) => offset.max(low),
            ReadFrom::Last(n) => (read.through - n + 1).max(low),
        };
        if first > read.through || first >= end {
            return Ok(false);
        }
        meet(&self.consumer, &self.topic);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, read.partition, Offset::Offset(first))
            .map_err(|e| e.to_string())?;
        self.consumer.assign(&list).map_err(|e| e.to_string())?;
        Ok(true)
    }

    /// The partition's first and next offset, once the latter is past what is wanted: a new leader may need a moment to
    /// know how far the log is replicated.
    fn settled_end(&self, read: &Read<'_>) -> Result<(i64, i64), String> {
        let give_up = Instant::now() + STALLED_AFTER;
        loop {
            let problem = match self.admin.offsets(&self.topic, read.partition) {
                Ok((low, end)) if end > read.through || read.through == END => {
                    return Ok((low, end));
                }
                Ok((_, end)) => format!(
                    "the log ends at {end}, but offset {} was acknowledged",
                    read.through
                ),
                Err(e) => e.to_string(),
            };
            if Instant::now() >= give_up || read.is_void() || self.inbox.is_closed() {
                return Err(problem);
            }
            // Nothing else to do until the broker has moved on; serves the client meanwhile.
            let _no_record = self.consumer.poll(RETRY_EVERY);
        }
    }

    fn read_all(&self, read: &mut Read<'_>) -> Result<Result<(), Closed>, String> {
        let mut progress = Instant::now();
        while !read.is_void() && !self.inbox.is_closed() {
            match self.consumer.poll(POLL_EVERY) {
                Some(Ok(message)) => {
                    if message.offset() > read.through {
                        break;
                    }
                    progress = Instant::now();
                    let value = Bytes::copy_from_slice(message.payload().unwrap_or_default());
                    let done = message.offset() == read.through;
                    if read.push(message.offset(), value)
                        && !done
                        && read.give(&self.inbox, false).is_err()
                    {
                        return Ok(Err(Closed));
                    }
                    if done {
                        break;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) if partition == read.partition => {
                    break;
                }
                Some(Err(e)) => {
                    tracing::debug!(partition = read.partition, kafka.error = %e, "the read goes on")
                }
                None if progress.elapsed() > STALLED_AFTER => {
                    return Err(format!("no record came for {} s", STALLED_AFTER.as_secs()));
                }
                None => {}
            }
        }
        Ok(Ok(()))
    }
}

impl Read<'_> {
    fn is_void(&self) -> bool {
        self.newest.load(Ordering::Relaxed) != self.id
    }

    /// Takes a record; says whether a part is full.
    fn push(&mut self, offset: i64, value: Bytes) -> bool {
        if let Some(recall) = &mut self.recall {
            recall.record(offset, &value);
            return false;
        }
        self.bytes += value.len();
        self.records.push((offset, value));
        self.records.len() >= CHUNK_RECORDS_MAX || self.bytes >= HISTORY_PART_BYTES_MAX
    }

    fn give(&mut self, inbox: &Inbox, last: bool) -> Result<(), Closed> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        let input = Input::History {
            read: self.id,
            records,
            last,
        };
        inbox.push(Message::Input {
            partition: self.partition,
            input,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Taken;
    use crate::topics::specs;
    use baton_engine::Checkpoint;
    use crossbeam_channel::bounded;
    use rdkafka::ClientConfig;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

    struct Nothing;

    impl Checkpoints for Nothing {
        fn load(&self, _partition: i32) -> Option<Box<Checkpoint>> {
            None
        }
    }

    #[test]
    fn a_read_without_a_last_offset_ends_where_the_log_does() {
        let Ok(brokers) = std::env::var("BATON_TEST_KAFKA") else {
            eprintln!("skipped: set BATON_TEST_KAFKA=host:port to run this");
            return;
        };
        let mut config = Config::new(&brokers, "node", "http://node");
        config.prefix = format!("test-through-{}.", crate::nodes::now_ms());
        config.replication = 1;
        let admin = Arc::new(Admin::new(&config).expect("a client"));
        admin.ensure(&specs(&config, 1)).expect("topics");
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", &brokers);
        let producer: BaseProducer = settings.create().expect("a producer");
        let topic = config.topics().history;
        for _ in 0..3 {
            let record = BaseRecord::<[u8], [u8]>::to(&topic)
                .partition(0)
                .payload(b"{}");
            producer.send(record).map_err(|(e, _)| e).expect("room");
        }
        producer.flush(STALLED_AFTER).expect("acknowledged");

        let inbox = Arc::new(Inbox::default());
        let (jobs, received) = bounded(2);
        let none = Arc::new(Nothing);
        let reader = HistoryReader::new(&config, admin, received, inbox.clone(), none);
        let reader = reader.expect("a client");
        jobs.send(Job::History {
            partition: 0,
            read: 7,
            from: ReadFrom::Offset(1),
            through: i64::MAX,
            newest: Arc::new(AtomicU64::new(7)),
        })
        .expect("room");
        jobs.send(Job::Stop).expect("room");
        let begin = Instant::now();
        reader.run();
        assert!(begin.elapsed() < STALLED_AFTER, "it did not wait for more");
        let mut taken = Taken::default();
        inbox.take(Duration::ZERO, &mut taken);
        let Some(Message::Input {
            input: Input::History { records, last, .. },
            ..
        }) = taken.messages.pop_back()
        else {
            panic!("a part of the history")
        };
        let offsets: Vec<i64> = records.iter().map(|(offset, _)| *offset).collect();
        assert!(last && offsets == [1, 2], "{offsets:?}");
    }
}
