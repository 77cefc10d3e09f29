//! Tasks a second of an echo worker on the worker library, beside one on bare rdkafka that does no more than the contract
//! asks: `worker-bench KAFKA TASKS ROUNDS`. Both read the same queue, which this fills first, each in groups of its own.
//!
//! Each round measures both, in turns, from the start of the process's consumer to the last acknowledged completion.

use baton_worker::{Task, Worker};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// For both, as in Baton's own programs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const TOPIC: &str = "baton.commands.echo";
const REPLIES: &str = "baton.completions";
const PARTITIONS: usize = 4;
const INPUT_BYTES: usize = 256;
const FULL_WAIT: Duration = Duration::from_millis(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kafka, tasks, rounds] = arguments.as_slice() else {
        return Err("usage: worker-bench KAFKA TASKS ROUNDS".into());
    };
    let (tasks, rounds): (usize, usize) = (tasks.parse()?, rounds.parse()?);
    fill(kafka, tasks)?;
    let mut ratios = Vec::new();
    for round in 0..rounds {
        let bare = tokio::task::block_in_place(|| bare(kafka, tasks, round))?;
        let library = library(kafka, tasks, round).await?;
        let (bare, library) = (tasks as f64 / bare, tasks as f64 / library);
        println!(
            "round {round}: bare {bare:.0}/s, library {library:.0}/s, ratio {:.2}",
            library / bare
        );
        ratios.push(library / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios[ratios.len() / 2]);
    Ok(())
}

/// Counts deliveries.
#[derive(Clone, Default)]
struct Delivered(Arc<AtomicUsize>);

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok(), "a record was not delivered: {result:?}");
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn producer(
    kafka: &str,
    context: Delivered,
) -> Result<ThreadedProducer<Delivered>, Box<dyn Error>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "2");
    config
        .set("batch.num.messages", "10000")
        .set("queue.buffering.max.messages", "500000");
    Ok(config.create_with_context(context)?)
}

fn send(
    producer: &ThreadedProducer<Delivered>,
    topic: &str,
    partition: i32,
    key: &[u8],
    value: &[u8],
    headers: OwnedHeaders,
) {
    let mut record = BaseRecord::to(topic)
        .partition(partition)
        .key(key)
        .payload(value)
        .headers(headers);
    while let Err((_, back)) = producer.send(record) {
        std::thread::park_timeout(FULL_WAIT);
        record = back;
    }
}

fn header(headers: OwnedHeaders, key: &str, value: &[u8]) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

fn fill(kafka: &str, tasks: usize) -> Result<(), Box<dyn Error>> {
    let producer = producer(kafka, Delivered::default())?;
    let execution = "arn:aws:states:us-east-1:000000000000:execution:echo:echo";
    let input = format!("{{\"text\":\"{}\"}}", "x".repeat(INPUT_BYTES));
    for number in 0..tasks {
        let token = format!("{number:0>40}");
        let pairs: [(&str, &str); 9] = [
            ("ce_specversion", "1.0"),
            ("ce_type", "baton.task.command.v1"),
            ("ce_id", &token),
            ("ce_source", execution),
            ("ce_subject", "Echo"),
            ("ce_time", "2026-01-31T12:00:00.250Z"),
            ("ce_batonattempt", "0"),
            ("ce_batonreplytopic", REPLIES),
            ("ce_batonreplypartition", "0"),
        ];
        let headers = pairs
            .iter()
            .fold(OwnedHeaders::new(), |headers, (name, value)| {
                header(headers, name, value.as_bytes())
            });
        let partition = i32::try_from(number % PARTITIONS)?;
        send(
            &producer,
            TOPIC,
            partition,
            execution.as_bytes(),
            input.as_bytes(),
            headers,
        );
    }
    Ok(producer.flush(Duration::from_secs(120))?)
}

/// What a careful person writes without a library: one command after the other, the offset behind its completion.
fn bare(kafka: &str, tasks: usize, round: usize) -> Result<f64, Box<dyn Error>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka)
        .set("group.id", format!("bare-{round}"));
    config
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("check.crcs", "false");
    // With the client's default backoff of a second, a full queue of fetched messages would be all that is measured.
    config
        .set("queued.min.messages", "100000")
        .set("fetch.queue.backoff.ms", "1")
        .set("fetch.wait.max.ms", "100");
    let begin = Instant::now();
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[TOPIC])?;
    let delivered = Delivered::default();
    let producer = producer(kafka, delivered.clone())?;
    let mut done = 0;
    while done < tasks {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let (mut token, mut topic, mut partition, mut kind) = (&[][..], "", 0, &[][..]);
        for found in message.headers().into_iter().flat_map(Headers::iter) {
            let value = found.value.unwrap_or_default();
            match found.key {
                "ce_id" => token = value,
                "ce_type" => kind = value,
                "ce_batonreplytopic" => topic = std::str::from_utf8(value)?,
                "ce_batonreplypartition" => partition = std::str::from_utf8(value)?.parse()?,
                _ => {}
            }
        }
        assert_eq!(kind, b"baton.task.command.v1");
        let value: serde_json::Value =
            serde_json::from_slice(message.payload().unwrap_or_default())?;
        let mut headers = header(OwnedHeaders::new(), "ce_specversion", b"1.0");
        for (name, value) in [
            ("ce_type", &b"baton.task.succeeded.v1"[..]),
            ("ce_batontoken", token),
            ("content-type", b"application/json"),
        ] {
            headers = header(headers, name, value);
        }
        send(
            &producer,
            topic,
            partition,
            token,
            value.to_string().as_bytes(),
            headers,
        );
        done += 1;
    }
    producer.flush(Duration::from_secs(60))?;
    assert_eq!(delivered.0.load(Ordering::Relaxed), tasks);
    consumer.commit_consumer_state(CommitMode::Sync)?;
    Ok(begin.elapsed().as_secs_f64())
}

async fn library(kafka: &str, tasks: usize, round: usize) -> Result<f64, Box<dyn Error>> {
    let (count, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counted, told) = (Arc::clone(&count), Arc::clone(&last));
    let echo = move |task: Task| {
        if counted.fetch_add(1, Ordering::Relaxed) + 1 == tasks {
            told.notify_one();
        }
        async move { task.input::<serde_json::Value>() }
    };
    let begin = Instant::now();
    let worker = Worker::builder()
        .kafka(kafka)
        .queue("echo", echo)
        .group(format!("library-{round}"))
        .build()?;
    // The end waits for every acknowledgement, and commits.
    worker
        .run_until(async move { last.notified().await })
        .await?;
    assert_eq!(count.load(Ordering::Relaxed), tasks);
    Ok(begin.elapsed().as_secs_f64())
}
