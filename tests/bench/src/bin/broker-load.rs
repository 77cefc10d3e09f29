//! Load on a broker alone: records in, records out, and one record at a time around. The same for every broker.
//!
//! Owns: the client's settings, which are librdkafka's defaults but for what is measured. Prints one JSON line. Must not:
//! make topics; whoever calls it has made them.

use clap::{Parser, ValueEnum};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use serde_json::{Value, json};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for one record.
const PATIENCE: Duration = Duration::from_secs(60);
/// Round trips before those that are measured.
const WARM_UP: usize = 100;

/// Options.
#[derive(Parser)]
#[command(
    name = "broker-load",
    about = "Produces to, consumes from, or goes around a topic"
)]
struct Arguments {
    /// What to measure.
    what: What,
    /// `host:port` of the broker.
    #[arg(long)]
    kafka: String,
    /// Topic, which exists.
    #[arg(long)]
    topic: String,
    /// Its partitions.
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// Records.
    #[arg(long)]
    count: usize,
    /// Bytes of each value.
    #[arg(long, default_value_t = 300)]
    bytes: usize,
}

/// What is measured.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Records a second until all are acknowledged.
    Produce,
    /// Records a second until all that are there have come.
    Consume,
    /// From sending a record until it has come back, one in flight.
    Around,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let measured = match arguments.what {
        What::Produce => produce(&arguments),
        What::Consume => consume(&arguments),
        What::Around => around(&arguments),
    };
    match measured {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("broker-load: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Counts what was acknowledged.
#[derive(Clone, Default)]
struct Counted {
    acknowledged: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl ClientContext for Counted {}

impl ProducerContext for Counted {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = match result {
            Ok(_) => &self.acknowledged,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn produce(arguments: &Arguments) -> Result<Value, Box<dyn Error>> {
    let counted = Counted::default();
    let producer: ThreadedProducer<Counted> = client(arguments)
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "200000")
        .create_with_context(counted.clone())?;
    let value = incompressible(arguments.bytes);
    let begun = Instant::now();
    for number in 0..arguments.count {
        let partition = (number % arguments.partitions as usize) as i32;
        send(&producer, &arguments.topic, partition, &value)?;
    }
    producer.flush(PATIENCE)?;
    let took = begun.elapsed().as_secs_f64();
    let failed = counted.failed.load(Ordering::Relaxed);
    if failed > 0 || counted.acknowledged.load(Ordering::Relaxed) != arguments.count as u64 {
        return Err(format!("{failed} records were not taken").into());
    }
    Ok(rate(arguments, took))
}

fn consume(arguments: &Arguments) -> Result<Value, Box<dyn Error>> {
    let consumer: BaseConsumer = client(arguments).create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..arguments.partitions {
        list.add_partition_offset(&arguments.topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let (mut begun, mut bytes) = (None, 0);
    for _ in 0..arguments.count {
        let message = consumer.poll(PATIENCE).ok_or("nothing comes")??;
        bytes += message.payload_len();
        begun.get_or_insert_with(Instant::now);
    }
    if bytes != arguments.count * arguments.bytes {
        return Err(format!("{bytes} bytes came").into());
    }
    let took = begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
    Ok(rate(arguments, took))
}

fn around(arguments: &Arguments) -> Result<Value, Box<dyn Error>> {
    let producer: ThreadedProducer<Counted> = client(arguments)
        .set("linger.ms", "0")
        .create_with_context(Counted::default())?;
    let consumer: BaseConsumer = client(arguments).create()?;
    let (_, end) = consumer.fetch_watermarks(&arguments.topic, 0, PATIENCE)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&arguments.topic, 0, Offset::Offset(end))?;
    consumer.assign(&list)?;
    let value = incompressible(arguments.bytes);
    let mut took = Vec::with_capacity(arguments.count);
    for number in 0..arguments.count + WARM_UP {
        let begun = Instant::now();
        send(&producer, &arguments.topic, 0, &value)?;
        let message = consumer.poll(PATIENCE).ok_or("nothing comes")??;
        if message.payload_len() != arguments.bytes {
            return Err("another record came".into());
        }
        if number >= WARM_UP {
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    Ok(json!({"p50_ms": at(0.5), "p99_ms": at(0.99), "count": took.len()}))
}

fn client(arguments: &Arguments) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &arguments.kafka)
        .set("socket.nagle.disable", "true")
        .set("enable.idempotence", "true")
        .set("group.id", "broker-load")
        .set("enable.auto.commit", "false")
        // A consumer that has caught up would otherwise pause before it asks again.
        .set("fetch.error.backoff.ms", "1")
        .set("fetch.queue.backoff.ms", "1")
        .set("log_level", "3");
    config
}

/// Produces one record; waits where the queue is full.
fn send(
    producer: &ThreadedProducer<Counted>,
    topic: &str,
    partition: i32,
    value: &[u8],
) -> Result<(), KafkaError> {
    let mut record: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(topic).partition(partition).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                std::thread::park_timeout(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Bytes without repetition that a codec or a file system could use.
fn incompressible(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(next).collect()
}

fn rate(arguments: &Arguments, took_s: f64) -> Value {
    let per_s = arguments.count as f64 / took_s;
    json!({
        "records_per_s": per_s,
        "mib_per_s": per_s * arguments.bytes as f64 / f64::from(1 << 20),
        "count": arguments.count,
    })
}
