//! Kafka as the driver uses it: settings like those of the raw floor, so that both are measured alike.

use crate::Arguments;
use baton_schemas::record::Outgoing;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

fn config(arguments: &Arguments) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &arguments.kafka)
        .set("socket.nagle.disable", "true");
    config
}

/// A producer that sends at once and batches what gathers meanwhile; one that keeps many executions in flight gathers for
/// a moment, as any client would that has many to start.
pub fn producer(arguments: &Arguments) -> KafkaResult<ThreadedProducer<DefaultProducerContext>> {
    config(arguments)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set(
            "linger.ms",
            if arguments.in_flight < 100 { "0" } else { "1" },
        )
        .set("max.in.flight", "1")
        .set("batch.num.messages", "10000")
        .set("queue.buffering.max.messages", "1000000")
        .create()
}

/// A consumer of the results, from where the topic ends now.
pub fn consumer(arguments: &Arguments) -> KafkaResult<BaseConsumer> {
    let consumer: BaseConsumer = config(arguments)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("fetch.min.bytes", "1")
        .set("fetch.error.backoff.ms", "1")
        .set("fetch.queue.backoff.ms", "1")
        .set("check.crcs", "false")
        .create()?;
    let (_, end) = consumer.fetch_watermarks(&arguments.results, 0, Duration::from_secs(30))?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&arguments.results, 0, Offset::Offset(end))?;
    consumer.assign(&list)?;
    Ok(consumer)
}

/// Makes the results topic if it is not there.
pub fn ensure_results(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let admin: AdminClient<_> = config(arguments).create()?;
    let topic = NewTopic::new(&arguments.results, 1, TopicReplication::Fixed(-1));
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(30)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for result in runtime.block_on(admin.create_topics([&topic], &options))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(format!("topic {name} can't be made: {code}").into()),
        }
    }
    Ok(())
}

/// Produces one record; waits where the queue is full.
pub fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    partition: i32,
    record: &impl Outgoing,
) -> KafkaResult<()> {
    let mut headers = OwnedHeaders::new_with_capacity(8);
    record.for_each_header(&mut |key, value| {
        let whole = std::mem::take(&mut headers);
        headers = whole.insert(Header {
            key,
            value: Some(value),
        });
    });
    let value = record.value().unwrap_or_default();
    let mut base = BaseRecord::to(topic)
        .partition(partition)
        .key(record.key().unwrap_or_default())
        .payload(&*value)
        .headers(headers);
    loop {
        match producer.send(base) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                base = back;
                std::thread::yield_now();
            }
            Err((e, _)) => return Err(e),
        }
    }
}
