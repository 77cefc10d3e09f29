//! The thread of a binding: read, send, wait for the acknowledgements, commit.

use super::decide::{Position, Reaction, dead_letter, react};
use super::{Binding, first};
use crate::block_on::block_on;
use crate::client::Logged;
use crate::config::Config;
use crate::decode::{owned, without_headers};
use crate::limits::{
    BINDING_BATCH_BYTES_MAX, BINDING_BATCH_RECORDS_MAX, BINDING_SEND_TIMEOUT_MS, POLL_EVERY,
    RETRY_EVERY,
};
use baton_schemas::partition::partition_of;
use baton_schemas::record::Outgoing;
use baton_schemas::topics::Topics;
use baton_schemas::{Record, Request};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// See the module.
pub struct Reader {
    config: Config,
    topics: Topics,
    partitions: i32,
    binding: Binding,
    stop: Arc<AtomicBool>,
}

/// Records read together.
#[derive(Default)]
struct Batch {
    records: Vec<(Position, Record)>,
    bytes: usize,
    /// Partition and the position behind the last record.
    next: BTreeMap<i32, i64>,
}

impl Reader {
    pub fn new(config: Config, partitions: i32, binding: Binding, stop: Arc<AtomicBool>) -> Self {
        Self {
            topics: config.topics(),
            config,
            partitions,
            binding,
            stop,
        }
    }

    /// Reads until told to stop. What goes wrong is said and begun anew; nothing that was not started is committed.
    pub fn run(self) {
        tracing::info!(binding.name = %self.binding.name, kafka.topic = %self.binding.topic,
            state_machine.arn = %self.binding.machine, "bound");
        while !self.is_stopped() {
            if let Err(error) = self.session() {
                tracing::warn!(binding.name = %self.binding.name, kafka.error = %error,
                    "the binding can't read on for now; it tries again");
                std::thread::park_timeout(RETRY_EVERY);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn session(&self) -> Result<(), KafkaError> {
        first::fix_positions(&self.config, &self.binding)?;
        let consumer = BaseConsumer::from_config_and_context(&self.consumer(), Logged("binding"))?;
        let settings = self.config.producer("binding", BINDING_SEND_TIMEOUT_MS);
        let producer: FutureProducer<Logged> =
            FutureProducer::from_config_and_context(&settings, Logged("binding"))?;
        consumer.subscribe(&[&self.binding.topic])?;
        while !self.is_stopped() {
            let batch = self.read(&consumer)?;
            if batch.records.is_empty() {
                continue;
            }
            if !self.deliver(&producer, batch.records) {
                return Ok(());
            }
            let mut next = TopicPartitionList::new();
            for (partition, offset) in batch.next {
                next.add_partition_offset(&self.binding.topic, partition, Offset::Offset(offset))?;
            }
            // A partition may have gone to another node meanwhile: it reads again, which is the same starts.
            if let Err(error) = consumer.commit(&next, CommitMode::Sync) {
                tracing::debug!(binding.name = %self.binding.name, kafka.error = %error, "not committed");
            }
        }
        Ok(())
    }

    fn consumer(&self) -> ClientConfig {
        let Binding { name, .. } = &self.binding;
        let mut settings = self
            .config
            .consumer("binding", "read_committed", "earliest");
        settings
            .set("group.id", first::group(&self.config, &self.binding))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set(
                "session.timeout.ms",
                self.config.session_timeout_ms.to_string(),
            )
            .set(
                "group.instance.id",
                format!("{}{}.{name}", self.config.prefix, self.config.node),
            )
            // A topic that is made after the binding is found soon.
            .set("topic.metadata.refresh.interval.ms", "5000")
            .set("enable.partition.eof", "false")
            .set("queued.min.messages", BINDING_BATCH_RECORDS_MAX.to_string());
        settings
    }

    /// What is there, up to the bounds of a batch; waits a moment for the first record.
    fn read(&self, consumer: &BaseConsumer<Logged>) -> Result<Batch, KafkaError> {
        let mut batch = Batch::default();
        while batch.records.len() < BINDING_BATCH_RECORDS_MAX
            && batch.bytes < BINDING_BATCH_BYTES_MAX
        {
            let wait = if batch.records.is_empty() {
                POLL_EVERY
            } else {
                Duration::ZERO
            };
            match consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => batch.add(&message),
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
                ))) => {
                    tracing::warn!(binding.name = %self.binding.name, kafka.topic = %self.binding.topic,
                        "the topic does not exist; the binding waits for it");
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
                Some(Err(error)) => {
                    tracing::debug!(binding.name = %self.binding.name, kafka.error = %error, "reading goes on");
                }
            }
        }
        Ok(batch)
    }

    /// Sends what the records lead to until all of it is acknowledged; `false` if told to stop before.
    fn deliver(&self, producer: &FutureProducer<Logged>, records: Vec<(Position, Record)>) -> bool {
        let reactions = records
            .into_iter()
            .map(|(at, record)| (at, react(&self.binding, at, record)))
            .collect::<Vec<_>>();
        self.complain(&reactions);
        let mut open = reactions;
        loop {
            let sent: Vec<_> = open
                .into_iter()
                .map(|(at, reaction)| (self.send(producer, &reaction), at, reaction))
                .collect();
            open = Vec::new();
            for (sent, at, reaction) in sent {
                if let Err(error) = acknowledged(sent)
                    && let Some(again) = self.again(at, reaction, &error)
                {
                    open.push((at, again));
                }
            }
            if open.is_empty() {
                return true;
            }
            if self.is_stopped() {
                return false;
            }
            std::thread::park_timeout(RETRY_EVERY);
        }
    }

    /// Says once a batch that some of it can't be used.
    fn complain(&self, reactions: &[(Position, Reaction)]) {
        let mut letters = reactions.iter().filter_map(|(_, reaction)| match reaction {
            Reaction::DeadLetter(letter) => Some(letter),
            Reaction::Start(_) => None,
        });
        if let Some(letter) = letters.next() {
            let count = letters.count() + 1;
            tracing::warn!(binding.name = %self.binding.name, kafka.topic = %letter.topic,
                kafka.partition = letter.partition, kafka.offset = letter.offset, records = count,
                "sent to the dead-letter topic: {}", letter.reason);
        }
    }

    fn send(
        &self,
        producer: &FutureProducer<Logged>,
        reaction: &Reaction,
    ) -> Result<DeliveryFuture, KafkaError> {
        match reaction {
            Reaction::Start(start) => {
                let partition = partition_of(start.execution.as_bytes(), self.partitions);
                let record = Request::Start((**start).clone()).to_record();
                put(producer, &self.topics.requests, Some(partition), &record)
            }
            Reaction::DeadLetter(letter) => put(
                producer,
                &self.topics.dead_letter,
                None,
                &letter.to_record(),
            ),
        }
    }

    /// What to send next for something that was not taken: the same, or, if it never will be, a dead letter, or nothing.
    fn again(&self, at: Position, reaction: Reaction, error: &KafkaError) -> Option<Reaction> {
        let is_final = matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidMessageSize
                    | RDKafkaErrorCode::InvalidRecord
                    | RDKafkaErrorCode::PolicyViolation
            )
        );
        match reaction {
            _ if !is_final => {
                tracing::warn!(binding.name = %self.binding.name, kafka.error = %error, "not taken; tried again");
                Some(reaction)
            }
            Reaction::Start(start) => {
                let record = Record {
                    value: Some(start.input.as_str().to_owned().into()),
                    ..Record::default()
                };
                let why = format!("the start request was refused: {error}");
                let letter = dead_letter(&self.binding, at, record, &why);
                Some(Reaction::DeadLetter(Box::new(letter)))
            }
            Reaction::DeadLetter(letter) => {
                tracing::error!(binding.name = %self.binding.name, kafka.topic = %letter.topic,
                    kafka.partition = at.partition, kafka.offset = at.offset, kafka.error = %error,
                    "the dead-letter topic refuses a record; it stays where it is");
                None
            }
        }
    }
}

impl Batch {
    fn add(&mut self, message: &BorrowedMessage<'_>) {
        // rdkafka panics on a header whose name is not UTF-8: better without headers than not at all.
        let record = catch_unwind(AssertUnwindSafe(|| owned(message)))
            .unwrap_or_else(|_| without_headers(message));
        self.bytes += message.payload_len() + message.key_len();
        self.next.insert(message.partition(), message.offset() + 1);
        let at = Position {
            partition: message.partition(),
            offset: message.offset(),
        };
        self.records.push((at, record));
    }
}

fn put(
    producer: &FutureProducer<Logged>,
    topic: &str,
    partition: Option<i32>,
    record: &Record,
) -> Result<DeliveryFuture, KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (name, value) in &record.headers {
        headers = headers.insert(Header {
            key: name,
            value: Some(&value[..]),
        });
    }
    let mut out: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).headers(headers);
    out.partition = partition;
    out.key = record.key.as_deref();
    out.payload = record.value.as_deref();
    producer.send_result(out).map_err(|(error, _)| error)
}

fn acknowledged(sent: Result<DeliveryFuture, KafkaError>) -> Result<(), KafkaError> {
    match block_on(sent?) {
        Ok(delivered) => delivered.map(drop).map_err(|(error, _)| error),
        Err(_) => Err(KafkaError::Canceled),
    }
}
