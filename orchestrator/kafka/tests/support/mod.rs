//! One life of a runtime against the broker of the test, and plain clients beside it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use baton_engine::registry::Registry;
use baton_engine::views::{ListPage, ListQuery, Summary};
use baton_engine::{Applied, Change, Checkpoint, Checkpoints, ViewWriter, Views};
use baton_kafka::{Config, Runtime, RuntimeHandle, StartError};
use baton_schemas::cloudevents as ce;
use baton_schemas::partition::partition_of;
use baton_schemas::topics::Topics;
use baton_schemas::{Record, RecordView};
use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime that is ready.
pub struct Life {
    pub handle: RuntimeHandle,
    pub registry: Arc<Registry>,
    pub views: Seen,
    pub config: Config,
}

impl Life {
    /// The first life of a new prefix; `None` if there is no broker to test with.
    pub fn first(name: &str, partitions: i32) -> Option<Self> {
        let Some(brokers) = brokers() else {
            eprintln!("skipped: set BATON_TEST_KAFKA=host:port to run this");
            return None;
        };
        let unique = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_millis();
        let mut config = Config::new(&brokers, "node-1", "http://127.0.0.1:1");
        config.prefix = format!("test-{name}-{unique}.");
        config.partitions_default = partitions;
        config.replication = 1;
        Some(Self::of(config))
    }

    fn of(config: Config) -> Self {
        let (handle, registry, views) = start(config.clone()).expect("it starts");
        assert!(
            handle.wait_until_ready(PATIENCE),
            "{:?}",
            handle.readiness()
        );
        Self {
            handle,
            registry,
            views,
            config,
        }
    }

    /// Another node of the same cluster, which need not own anything yet.
    pub fn beside(&self, node: &str) -> Self {
        let mut config = self.config.clone();
        config.node = node.into();
        config.url = format!("http://{node}").into();
        Self::of(config)
    }

    /// Waits until this node has heard that `url` owns a partition.
    pub fn until_hinted(&self, partition: i32, url: &str) {
        let until = Instant::now() + PATIENCE;
        while self.handle.node_url(partition).as_deref() != Some(url) {
            assert!(
                Instant::now() < until,
                "{:?}",
                self.handle.node_url(partition)
            );
            std::thread::yield_now();
        }
    }

    /// Ends this life and begins the next.
    pub fn again(self) -> Self {
        let config = self.config.clone();
        self.end();
        Self::of(config)
    }

    pub fn end(self) {
        assert!(self.handle.drain(PATIENCE), "quiet");
        self.handle.stop();
    }

    pub fn topics(&self) -> Topics {
        self.config.topics()
    }
}

pub fn start(config: Config) -> Result<(RuntimeHandle, Arc<Registry>, Seen), StartError> {
    let (registry, views) = (Arc::<Registry>::default(), Seen::default());
    let none = Arc::new(Nothing);
    let handle = Runtime::start(
        config,
        registry.clone(),
        Box::new(views.clone()),
        none.clone(),
        none,
    )?;
    Ok((handle, registry, views))
}

/// Everything that became effective, in order of arrival.
#[derive(Clone, Default)]
pub struct Seen(Arc<(Mutex<Vec<Applied>>, Condvar)>, Arc<AtomicUsize>);

impl Seen {
    pub fn seen(&self) -> Vec<Applied> {
        self.0.0.lock().expect("no panic elsewhere").clone()
    }

    pub fn wait(&self, wanted: impl Fn(&[Applied]) -> bool) {
        let seen = self.0.0.lock().expect("no panic elsewhere");
        let (seen, late) = self
            .0
            .1
            .wait_timeout_while(seen, PATIENCE, |seen| !wanted(seen))
            .expect("no panic elsewhere");
        assert!(
            !late.timed_out(),
            "what became effective: {:?}",
            seen.iter().take(20).collect::<Vec<_>>()
        );
    }

    /// Waits until so many executions have closed.
    pub fn wait_closed(&self, count: usize) {
        self.wait(|_| self.1.load(Ordering::Relaxed) >= count);
    }

    /// The last epoch of each partition.
    pub fn epochs(&self) -> BTreeMap<i32, i64> {
        self.seen()
            .iter()
            .map(|applied| (applied.partition, applied.epoch))
            .collect()
    }
}

impl ViewWriter for Seen {
    fn apply(&mut self, batch: Vec<Applied>) {
        let closed = batch.iter().filter(closes).count();
        let mut seen = self.0.0.lock().expect("no panic elsewhere");
        seen.extend(batch);
        self.1.fetch_add(closed, Ordering::Relaxed);
        self.0.1.notify_all();
    }

    fn reset(&mut self, partition: i32) {
        let mut seen = self.0.0.lock().expect("no panic elsewhere");
        seen.retain(|applied| applied.partition != partition);
        self.1
            .store(seen.iter().filter(closes).count(), Ordering::Relaxed);
    }
}

fn closes(applied: &&Applied) -> bool {
    let Change::Step { closed, .. } = &applied.change else {
        return false;
    };
    closed.is_some()
}

/// A worker as any Kafka client can be one: it answers each command with its input, where the headers say.
pub struct Worker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub fn start(topic: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, topic) = (stop.clone(), topic.to_owned());
        let thread = std::thread::spawn(move || work(&topic, &stopped));
        Self { stop, thread }
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the worker did not panic");
    }
}

fn work(topic: &str, stopped: &AtomicBool) {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers().expect("a broker"))
        .set("group.id", format!("workers-{topic}"))
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "1");
    let consumer: BaseConsumer = settings.create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("subscribed");
    let producer = producer();
    while !stopped.load(Ordering::Relaxed) {
        producer.poll(Duration::ZERO);
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(10)) else {
            continue;
        };
        let headers = message.headers().expect("a command has headers");
        let header = |name: &str| {
            let found = headers.iter().find(|h| h.key == name).and_then(|h| h.value);
            std::str::from_utf8(found.expect("present")).expect("text")
        };
        let token = header(ce::ID).as_bytes();
        let completion = Record {
            key: Some(Bytes::copy_from_slice(token)),
            headers: vec![
                (ce::TYPE.into(), ce::TYPE_SUCCEEDED.into()),
                (ce::TOKEN.into(), Bytes::copy_from_slice(token)),
            ],
            value: message.payload().map(Bytes::copy_from_slice),
        };
        let partition = header(ce::REPLY_PARTITION).parse().expect("a number");
        send(&producer, header(ce::REPLY_TOPIC), partition, &completion);
    }
}

/// A store that keeps nothing.
struct Nothing;

impl Checkpoints for Nothing {
    fn load(&self, _partition: i32) -> Option<Box<Checkpoint>> {
        None
    }
}

impl Views for Nothing {
    fn describe(&self, _execution: &str) -> Option<Summary> {
        None
    }

    fn history(&self, _execution: &str) -> Option<Vec<Bytes>> {
        None
    }

    fn list(&self, _query: &ListQuery) -> ListPage {
        ListPage::default()
    }
}

pub fn execution(i: usize) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:m:e{i}")
}

pub fn stop_request(arn: &str) -> Record {
    Record {
        key: Some(Bytes::copy_from_slice(arn.as_bytes())),
        headers: vec![(ce::TYPE.into(), ce::TYPE_STOP.into())],
        value: None,
    }
}

/// Produces one record and waits for its acknowledgement.
pub fn produce(topic: &str, partition: i32, record: &Record) {
    let producer = producer();
    send(&producer, topic, partition, record);
    producer.flush(PATIENCE).expect("acknowledged");
}

/// Produces stops of `many` executions to where they belong.
pub fn produce_stops(topic: &str, many: usize, partitions: i32) {
    let producer = producer();
    for i in 0..many {
        let arn = execution(i);
        send(
            &producer,
            topic,
            partition_of(arn.as_bytes(), partitions),
            &stop_request(&arn),
        );
    }
    producer.flush(PATIENCE).expect("acknowledged");
}

/// The first `count` records of a topic's only partition.
pub fn consume(topic: &str, count: usize) -> Vec<Record> {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers().expect("a broker"))
        .set("group.id", "test");
    let consumer: BaseConsumer = settings.create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)
        .expect("an offset");
    consumer.assign(&list).expect("assigned");
    let (mut records, until) = (Vec::new(), Instant::now() + PATIENCE);
    while records.len() < count {
        assert!(Instant::now() < until, "{topic} has only {records:?}");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let headers = message
            .headers()
            .into_iter()
            .flat_map(|headers| headers.iter());
        records.push(Record {
            key: message.key().map(Bytes::copy_from_slice),
            headers: headers
                .map(|h| {
                    (
                        h.key.to_owned().into(),
                        Bytes::copy_from_slice(h.value.unwrap_or_default()),
                    )
                })
                .collect(),
            value: message.payload().map(Bytes::copy_from_slice),
        });
    }
    records
}

fn producer() -> BaseProducer {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers().expect("a broker"))
        .set("queue.buffering.max.messages", "1000000")
        .set("linger.ms", "0");
    settings.create().expect("a producer")
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, record: &Record) {
    let headers = record
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(&value[..]),
            })
        });
    let mut message = BaseRecord::<[u8], [u8]>::to(topic)
        .partition(partition)
        .headers(headers);
    message.key = record.key();
    message.payload = record.value();
    producer
        .send(message)
        .map_err(|(e, _)| e)
        .expect("room in the queue");
}

fn brokers() -> Option<String> {
    std::env::var("BATON_TEST_KAFKA")
        .ok()
        .filter(|brokers| !brokers.is_empty())
}
