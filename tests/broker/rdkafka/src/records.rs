//! Records in and out: codecs, parts of a record, positions, sequences, deletion; transactions refused.

use super::Checked;
use super::client::{Client, WAIT, read_on, same, texts};
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseProducer, FutureProducer, FutureRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};

const T0: i64 = 1_700_000_000_000;

pub async fn every_codec(client: &Client) -> Checked {
    let values: Vec<String> = (0..500).map(|n| format!("{n} ").repeat(200)).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("{}-{codec}", client.topic);
        client.create_topic(&topic, 1).await?;
        client
            .send(&topic, &values, &[("compression.type", codec)])
            .await?;
        same(
            texts(&client.read(&topic, 0, values.len())?),
            values.clone(),
        )?;
    }
    Ok(())
}

pub async fn parts(client: &Client) -> Checked {
    let topic = client.topic.as_str();
    client.create_topic(topic, 1).await?;
    let producer: FutureProducer = client.config(&[]).create()?;
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "a",
            value: Some("1"),
        })
        .insert(Header::<&str> {
            key: "none",
            value: None,
        });
    let full = FutureRecord::to(topic)
        .key("k")
        .payload("v")
        .headers(headers)
        .timestamp(T0);
    producer
        .send(full, WAIT)
        .await
        .map_err(|(error, _)| error)?;
    let tombstone = FutureRecord::<_, str>::to(topic).key("k").timestamp(T0 + 1);
    producer
        .send(tombstone, WAIT)
        .await
        .map_err(|(error, _)| error)?;
    let read = client.read(topic, 0, 2)?;
    same(
        (read[0].key(), read[0].payload()),
        (Some(&b"k"[..]), Some(&b"v"[..])),
    )?;
    same(read[0].timestamp().to_millis(), Some(T0))?;
    let headers = read[0].headers().ok_or("no headers")?;
    let found: Vec<_> = headers
        .iter()
        .map(|header| (header.key, header.value))
        .collect();
    same(found, vec![("a", Some(&b"1"[..])), ("none", None)])?;
    same((read[1].key(), read[1].payload()), (Some(&b"k"[..]), None))
}

pub async fn seek_and_times(client: &Client) -> Checked {
    let topic = client.topic.as_str();
    client.create_topic(topic, 1).await?;
    client.send(topic, &numbers(100), &[]).await?;
    let consumer = client.consumer("by-hand", &[])?;
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, 0, Offset::Offset(90))?;
    consumer.assign(&place)?;
    same(read_on(&consumer, 10)?[0].offset(), 90)?;
    consumer.seek(topic, 0, Offset::Offset(5), WAIT)?;
    same(read_on(&consumer, 1)?[0].offset(), 5)?;
    same(consumer.fetch_watermarks(topic, 0, WAIT)?, (0, 100))?;
    let mut at = TopicPartitionList::new();
    at.add_partition_offset(topic, 0, Offset::Offset(T0 + 42))?;
    let found = consumer.offsets_for_times(at, WAIT)?;
    same(found.elements()[0].offset(), Offset::Offset(42))
}

pub async fn idempotent(client: &Client) -> Checked {
    let topic = client.topic.as_str();
    client.create_topic(topic, 1).await?;
    let settings = [
        ("enable.idempotence", "true"),
        ("batch.num.messages", "10"),
        ("linger.ms", "0"),
    ];
    same(
        client.send(topic, &numbers(5_000), &settings).await?,
        (0..5_000).collect(),
    )
}

pub async fn delete(client: &Client) -> Checked {
    let topic = client.topic.as_str();
    client.create_topic(topic, 1).await?;
    client.send(topic, &numbers(10), &[]).await?;
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(topic, 0, Offset::Offset(7))?;
    client
        .admin()?
        .delete_records(&before, &AdminOptions::new())
        .await?;
    same(
        client
            .consumer("by-hand", &[])?
            .fetch_watermarks(topic, 0, WAIT)?,
        (7, 10),
    )?;
    same(
        texts(&client.read(topic, 7, 3)?),
        vec!["7".to_owned(), "8".to_owned(), "9".to_owned()],
    )
}

pub async fn transactions(client: &Client) -> Checked {
    let producer: BaseProducer = client
        .config(&[("transactional.id", &client.topic)])
        .create()?;
    match producer.init_transactions(WAIT) {
        Err(KafkaError::Transaction(refused)) => same(
            refused.code(),
            RDKafkaErrorCode::TransactionalIdAuthorizationFailed,
        ),
        other => Err(format!("{other:?} instead of a refusal").into()),
    }
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}
