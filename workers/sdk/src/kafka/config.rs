//! Settings of the Kafka clients. The reason for each that is not the client's default stands beside it.

use crate::limits::{
    GATHER_FOR, PREFETCH_KIB, PREFETCH_MESSAGES, PRODUCER_KIB_MAX, PRODUCER_RECORDS_MAX,
    SESSION_TIMEOUT, TOPIC_REFRESH,
};
use rdkafka::ClientConfig;

/// What the user said about Kafka.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Properties of every client.
    pub common: Vec<(String, String)>,
    /// Properties of consumers alone.
    pub consumer: Vec<(String, String)>,
    /// Properties of the producer alone.
    pub producer: Vec<(String, String)>,
}

/// Consumer of a task queue, member of `group`.
pub fn queue_consumer(options: &KafkaOptions, group: &str) -> ClientConfig {
    let mut config = consumer(options);
    config
        .set("group.id", group)
        // Commands sent before the first worker came are to be done too.
        .set("auto.offset.reset", "earliest")
        // A joining or leaving worker takes nothing from the others but what it gets.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set(
            "session.timeout.ms",
            SESSION_TIMEOUT.as_millis().to_string(),
        )
        .set("queued.min.messages", PREFETCH_MESSAGES.to_string())
        .set("queued.max.messages.kbytes", PREFETCH_KIB.to_string());
    extend(&mut config, &options.consumer);
    config
}

/// Consumer of the control topic: by hand, nothing committed. rdkafka gives no messages without a group's name, so it
/// has one, which nobody ever joins.
pub fn control_consumer(options: &KafkaOptions, group: &str) -> ClientConfig {
    let mut config = consumer(options);
    config.set("group.id", group);
    extend(&mut config, &options.consumer);
    config
}

/// The producer of completions.
pub fn producer(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // A batch is what gathers while the request before it is under way: at once when idle, deep when busy.
        .set("linger.ms", "0")
        .set("max.in.flight", "1")
        .set("batch.num.messages", "10000")
        .set("batch.size", "1000000")
        .set(
            "queue.buffering.max.messages",
            PRODUCER_RECORDS_MAX.to_string(),
        )
        .set("queue.buffering.max.kbytes", PRODUCER_KIB_MAX.to_string())
        // A completion is owed for as long as the task is open; the client itself never gives up.
        .set("message.timeout.ms", "0")
        // As Kafka's own client partitions by key (dead letters; completions name their partition).
        .set("partitioner", "murmur2_random");
    extend(&mut config, &options.producer);
    config
}

/// The producer of completions under load.
pub fn gathering_producer(options: &KafkaOptions) -> ClientConfig {
    let mut config = producer(options);
    config.set("linger.ms", GATHER_FOR.as_millis().to_string());
    extend(&mut config, &options.producer);
    config
}

fn consumer(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("fetch.wait.max.ms", "500")
        .set("fetch.min.bytes", "1")
        .set("fetch.error.backoff.ms", "1")
        .set("fetch.queue.backoff.ms", "1")
        // TCP and the broker check already.
        .set("check.crcs", "false")
        .set("allow.auto.create.topics", "false");
    config
}

fn common(options: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "baton-worker")
        .set("socket.nagle.disable", "true")
        // A queue's topic is made when a definition first names it: look for it often.
        .set(
            "topic.metadata.refresh.interval.ms",
            TOPIC_REFRESH.as_millis().to_string(),
        );
    extend(&mut config, &options.common);
    config
}

fn extend(config: &mut ClientConfig, properties: &[(String, String)]) {
    for (key, value) in properties {
        config.set(key, value);
    }
}
