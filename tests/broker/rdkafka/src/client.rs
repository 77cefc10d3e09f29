//! rdkafka's clients as the checks use them: topics, sending, reading, waiting.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::error::Error;
use std::time::{Duration, Instant};

/// What is waited for comes within this, or never.
pub const WAIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// A broker's address, and a topic for one check.
pub struct Client {
    address: String,
    pub topic: String,
}

impl Client {
    pub fn new(address: &str, name: &str) -> Self {
        Self {
            address: address.to_owned(),
            topic: format!("rdkafka-{name}-{}", std::process::id()),
        }
    }

    pub fn config(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config
    }

    pub fn admin(&self) -> Result<AdminClient<DefaultClientContext>, KafkaError> {
        self.config(&[]).create()
    }

    /// A consumer that begins at the beginning and commits only when it is told to.
    pub fn consumer(
        &self,
        group: &str,
        settings: &[(&str, &str)],
    ) -> Result<BaseConsumer, KafkaError> {
        self.config(settings)
            .set("group.id", group)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.commit", "false")
            .set("session.timeout.ms", "2000")
            .set("heartbeat.interval.ms", "200")
            .create()
    }

    pub async fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), Box<dyn Error>> {
        // Old timestamps must not be what retention looks at.
        let topic =
            NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        for made in self
            .admin()?
            .create_topics([&topic], &AdminOptions::new())
            .await?
        {
            made.map_err(|(name, code)| format!("{name}: {code}"))?;
        }
        Ok(())
    }

    /// Sends values to partition 0, all at once; answers their offsets in order.
    pub async fn send(
        &self,
        topic: &str,
        values: &[String],
        settings: &[(&str, &str)],
    ) -> Result<Vec<i64>, Box<dyn Error>> {
        let producer: FutureProducer = self.config(settings).create()?;
        let mut sent = Vec::new();
        for (value, at_ms) in values.iter().zip(1_700_000_000_000_i64..) {
            let record = FutureRecord::<(), _>::to(topic)
                .partition(0)
                .payload(value)
                .timestamp(at_ms);
            sent.push(producer.send_result(record).map_err(|(error, _)| error)?);
        }
        let mut offsets = Vec::new();
        for delivery in sent {
            offsets.push(delivery.await?.map_err(|(error, _)| error)?.offset);
        }
        Ok(offsets)
    }

    /// Reads partition 0 from an offset, so many records.
    pub fn read(
        &self,
        topic: &str,
        from: i64,
        count: usize,
    ) -> Result<Vec<OwnedMessage>, Box<dyn Error>> {
        let consumer = self.consumer("by-hand", &[])?;
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, 0, Offset::Offset(from))?;
        consumer.assign(&place)?;
        read_on(&consumer, count)
    }
}

/// Reads so many records of what a consumer is assigned to.
pub fn read_on(consumer: &BaseConsumer, count: usize) -> Result<Vec<OwnedMessage>, Box<dyn Error>> {
    let mut records = Vec::new();
    until(&format!("{count} records"), || {
        if let Some(polled) = consumer.poll(POLL) {
            records.push(polled?.detach());
        }
        Ok(records.len() >= count)
    })?;
    Ok(records)
}

/// The values of records as text.
pub fn texts(records: &[OwnedMessage]) -> Vec<String> {
    let text = |record: &OwnedMessage| {
        String::from_utf8_lossy(record.payload().unwrap_or_default()).into_owned()
    };
    records.iter().map(text).collect()
}

/// Looks until it is so; looking polls, so nothing sleeps.
pub fn until(
    what: &str,
    mut look: impl FnMut() -> Result<bool, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    while !look()? {
        if began.elapsed() > WAIT {
            return Err(format!("waited {WAIT:?} for {what}").into());
        }
    }
    Ok(())
}

/// Fails unless both are the same.
pub fn same<T: PartialEq + std::fmt::Debug>(seen: T, expected: T) -> Result<(), Box<dyn Error>> {
    if seen == expected {
        return Ok(());
    }
    let told: String = format!("{seen:?} instead of {expected:?}")
        .chars()
        .take(2_000)
        .collect();
    Err(told.into())
}
