//! The orchestrator's side of a worker, over a real broker: makes topics, sends records, reads them back.
//!
//! The broker is named by `BATON_TEST_KAFKA`; without it the tests that need one skip.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "only tests use this")]

use baton_schemas::record::Outgoing;
use baton_schemas::topics::Topics;
use baton_schemas::{Command, Completion, Record};
use baton_worker::testing::command;
use baton_worker::{Worker, WorkerBuilder};
use bytes::Bytes;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;
use std::time::Duration;

/// Longest wait for anything that a test expects.
pub const LONG: Duration = Duration::from_secs(40);

/// One test's topics on the broker.
pub struct Bench {
    brokers: String,
    prefix: String,
    pub topics: Topics,
    producer: BaseProducer,
}

impl Bench {
    /// `None`, with a message, when there is no broker to test with. Makes the fixed topics under a prefix of its own.
    pub async fn new(test: &str) -> Option<Self> {
        let Ok(brokers) = std::env::var("BATON_TEST_KAFKA") else {
            eprintln!("skipped: set BATON_TEST_KAFKA=host:port to run {test}");
            return None;
        };
        let prefix = format!(
            "{test}-{}-{}.",
            std::process::id(),
            baton_worker::testing::now_ms()
        );
        let topics = Topics::new(&prefix);
        let producer = config(&brokers).create().unwrap();
        let bench = Self {
            brokers,
            prefix,
            topics,
            producer,
        };
        for topic in [
            &bench.topics.completions,
            &bench.topics.control,
            &bench.topics.dead_letter,
        ] {
            bench.create(topic, 1).await;
        }
        Some(bench)
    }

    pub async fn create(&self, topic: &str, partitions: i32) {
        let admin: AdminClient<DefaultClientContext> = config(&self.brokers).create().unwrap();
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(LONG));
        admin.create_topics(&[new], &options).await.unwrap()[0]
            .as_ref()
            .unwrap();
    }

    pub fn worker(&self) -> WorkerBuilder {
        Worker::builder()
            .kafka(&*self.brokers)
            .prefix(&*self.prefix)
    }

    /// A command of this test, answered on its completions topic.
    pub fn command(&self, input: Value) -> Command {
        Command {
            reply_topic: self.topics.completions.clone(),
            ..command(input)
        }
    }

    pub fn send(&self, topic: &str, partition: i32, record: &Record) {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(&value[..]),
            });
        }
        let mut out = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(partition)
            .headers(headers);
        out.key = record.key.as_deref();
        out.payload = record.value.as_deref();
        while let Err((error, back)) = self.producer.send(out) {
            assert_eq!(
                error.rdkafka_error_code(),
                Some(rdkafka::types::RDKafkaErrorCode::QueueFull),
                "{error}"
            );
            self.producer.poll(Duration::from_millis(10));
            out = back;
        }
        self.producer.poll(Duration::ZERO);
    }

    pub fn command_to(&self, queue: &str, partition: i32, command: &Command) {
        self.send(
            &self.topics.commands(queue),
            partition,
            &command.to_record(),
        );
    }

    pub fn flush(&self) {
        self.producer.flush(LONG).unwrap();
    }

    /// Reads a topic's only partition from its beginning.
    pub fn reader(&self, topic: &str) -> Reader {
        let consumer: BaseConsumer = config(&self.brokers).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning)
            .unwrap();
        consumer.assign(&list).unwrap();
        Reader(consumer)
    }

    /// What the group of `queue` has committed for `partition`.
    pub fn committed(&self, queue: &str, partition: i32) -> Offset {
        let group = format!("{}worker.{queue}", self.prefix);
        let consumer: BaseConsumer = config(&self.brokers)
            .set("group.id", group)
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topics.commands(queue), partition);
        consumer.committed_offsets(list, LONG).unwrap().elements()[0].offset()
    }
}

/// Reads records in order.
pub struct Reader(BaseConsumer);

impl Reader {
    /// The next record.
    pub fn next(&self) -> Record {
        let message = self.0.poll(LONG).expect("a record in time").unwrap();
        let headers = message.headers().map(|headers| {
            let header = |h: Header<'_, &[u8]>| {
                (
                    h.key.to_owned().into(),
                    Bytes::copy_from_slice(h.value.unwrap()),
                )
            };
            headers.iter().map(header).collect()
        });
        Record {
            key: message.key().map(Bytes::copy_from_slice),
            headers: headers.unwrap_or_default(),
            value: message.payload().map(Bytes::copy_from_slice),
        }
    }

    /// The next record as a completion.
    pub fn completion(&self) -> Completion {
        Completion::from_view(&self.next()).unwrap()
    }
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", "baton-worker-test")
        .set("enable.auto.commit", "false");
    config
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "1000000");
    config
}
