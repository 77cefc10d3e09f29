//! Appending to the history and sending effects.
//!
//! Owns: the producer, what travels with a record through it, and what a delivery report means: effective, refused for
//! good, or to be sent again. Delivery callbacks do no more than push to the inbox.
//!
//! There is one producer for both kinds of records. It has one request under way for each broker, so whatever is sent
//! meanwhile gathers into the next; a second producer halves those batches, and a batch costs the broker far more than a
//! record does (docs/benchmarks.md).

use crate::client;
use crate::config::Config;
use crate::inbox::Inbox;
use crate::limits::{EFFECTS_BYTES_MAX, RECORD_OVERHEAD_BYTES};
use baton_schemas::record::Outgoing;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{
    BorrowedMessage, DeliveryResult, Header, Message, OwnedHeaders, OwnedMessage, Timestamp,
};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a record is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Appends to the history.
    History,
    /// Effects, and what this node says on its own account.
    Effects,
}

/// Who a record is sent for; travels with it as 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// For the owner of a partition, under an id of its own.
    Owner { partition: i32, id: u64 },
    /// For this crate, under an id of its own; 0 is not reported.
    Internal { id: u64 },
}

const INTERNAL: u64 = 0x7fff;
const ID_BITS: u32 = 48;
const HISTORY_BIT: u32 = 63;

impl Tag {
    fn pack(self, kind: Kind) -> usize {
        let (high, id) = match self {
            Self::Owner { partition, id } => (partition as u64, id),
            Self::Internal { id } => (INTERNAL, id),
        };
        assert!(
            high <= INTERNAL && id < 1 << ID_BITS,
            "ids and partitions fit the tag"
        );
        (u64::from(kind == Kind::History) << HISTORY_BIT | high << ID_BITS | id) as usize
    }

    fn unpack(packed: usize) -> (Kind, Self) {
        let packed = packed as u64;
        let kind = match packed >> HISTORY_BIT {
            0 => Kind::Effects,
            _ => Kind::History,
        };
        let id = packed & ((1 << ID_BITS) - 1);
        let tag = match packed >> ID_BITS & INTERNAL {
            INTERNAL => Self::Internal { id },
            partition => Self::Owner {
                partition: partition as i32,
                id,
            },
        };
        (kind, tag)
    }
}

/// What became of a produced record.
#[derive(Debug)]
pub struct Delivery {
    pub kind: Kind,
    pub tag: Tag,
    pub outcome: Outcome,
}

/// See [`Delivery`].
#[derive(Debug)]
pub enum Outcome {
    /// Acknowledged; the offset is negative if the client doesn't know it.
    Acknowledged { offset: i64, broker_ms: Option<i64> },
    /// Refused for good (effects), or not known (history).
    Failed(String),
    /// Not sent, through no fault of the record: send it again.
    Again(Box<OwnedMessage>),
}

/// Turns delivery reports into messages for the driver.
pub struct Context {
    inbox: Arc<Inbox>,
    /// Bytes of effects that the client holds.
    effects_bytes: Arc<AtomicUsize>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(ROLE, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::log_error(ROLE, &error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, packed: usize) {
        let (kind, tag) = Tag::unpack(packed);
        if kind == Kind::Effects {
            let message = match result {
                Ok(message) | Err((_, message)) => message,
            };
            let bytes = weight(message.key(), message.payload());
            self.effects_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        if tag == (Tag::Internal { id: 0 }) {
            return;
        }
        let outcome = match result {
            Ok(message) => acknowledged(message),
            Err((error, message)) if kind == Kind::Effects && !is_permanent(error) => {
                Outcome::Again(Box::new(message.detach()))
            }
            Err((error, _)) => Outcome::Failed(error.to_string()),
        };
        self.inbox.push_delivery(Delivery { kind, tag, outcome });
    }
}

fn acknowledged(message: &BorrowedMessage<'_>) -> Outcome {
    let broker_ms = match message.timestamp() {
        Timestamp::LogAppendTime(ms) if ms >= 0 => Some(ms),
        _ => None,
    };
    Outcome::Acknowledged {
        offset: message.offset(),
        broker_ms,
    }
}

/// Whether the record itself is at fault, or what it is addressed to, so that sending it again would fail again. All else
/// passes: time ran out, the client is broken or was stopped, the broker is in trouble.
fn is_permanent(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::MessageSizeTooLarge
                | Code::InvalidRecord
                // The client has asked for the topic for `topic.metadata.propagation.max.ms`.
                | Code::UnknownTopic
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
                // No topic can have that name.
                | Code::InvalidTopic
                | Code::InvalidArgument
                | Code::TopicAuthorizationFailed
        )
    )
}

fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}

/// What a record of that size takes in the client, bytes.
fn weight(key: Option<&[u8]>, value: Option<&[u8]>) -> usize {
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + RECORD_OVERHEAD_BYTES
}

/// The client's name in logs.
const ROLE: &str = "producer";

type Native = ThreadedProducer<Context>;
/// A record before the client has taken it.
type Unsent<'a> = BaseRecord<'a, [u8], [u8], usize>;

/// Makes the producer and replaces one that has failed for good. Shared by the threads that send.
pub struct Slot {
    config: Config,
    /// Bytes of effects that the client holds: bounded, so that effects nobody takes leave room for the history.
    effects_bytes: Arc<AtomicUsize>,
    inbox: Arc<Inbox>,
    current: Mutex<Arc<Native>>,
    stopping: AtomicBool,
}

impl Slot {
    /// Makes the first producer.
    pub fn new(config: &Config, inbox: Arc<Inbox>) -> KafkaResult<Arc<Self>> {
        let effects_bytes = Arc::default();
        let current = Mutex::new(Arc::new(make(config, &inbox, &effects_bytes)?));
        Ok(Arc::new(Self {
            config: config.clone(),
            effects_bytes,
            inbox,
            current,
            stopping: AtomicBool::new(false),
        }))
    }

    /// A sender for one thread, each of whose records may wait for room in the queue for so long.
    pub fn sender(self: &Arc<Self>, kind: Kind, patience: Duration) -> Sender {
        Sender {
            kind,
            native: self.lock().clone(),
            slot: self.clone(),
            patience,
        }
    }

    /// From now on nobody waits for room in the queue.
    pub fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the producer works: it has no fatal error.
    pub fn is_usable(&self) -> bool {
        self.lock().client().fatal_error().is_none()
    }

    /// Replaces `broken`, unless somebody has done so already.
    fn renew(&self, broken: &Arc<Native>) -> KafkaResult<Arc<Native>> {
        let mut current = self.lock();
        if Arc::ptr_eq(&current, broken) {
            let reason = broken
                .client()
                .fatal_error()
                .map_or_else(String::new, |(_, reason)| reason);
            tracing::warn!(
                kafka.client = ROLE,
                reason,
                "the producer failed for good: making a new one"
            );
            *current = Arc::new(make(&self.config, &self.inbox, &self.effects_bytes)?);
        }
        Ok(current.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<Native>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An effect that times out is sent again by the driver, so the append's timeout serves both.
fn make(
    config: &Config,
    inbox: &Arc<Inbox>,
    effects_bytes: &Arc<AtomicUsize>,
) -> KafkaResult<Native> {
    let context = Context {
        inbox: inbox.clone(),
        effects_bytes: effects_bytes.clone(),
    };
    let client = config.producer(ROLE, config.append_timeout_ms);
    ThreadedProducer::from_config_and_context(&client, context)
}

/// Sends records from one thread.
pub struct Sender {
    kind: Kind,
    native: Arc<Native>,
    slot: Arc<Slot>,
    /// How long one record may wait for room in the queue.
    patience: Duration,
}

/// Where a record goes.
#[derive(Clone, Copy, Debug)]
pub struct To<'a> {
    pub topic: &'a str,
    /// `None`: by the key.
    pub partition: Option<i32>,
}

impl Sender {
    /// Sends key and value.
    pub fn send(
        &mut self,
        to: To<'_>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Option<OwnedHeaders>,
        tag: Tag,
    ) {
        let record = BaseRecord {
            topic: to.topic,
            partition: to.partition,
            payload: value,
            key,
            timestamp: None,
            headers,
            delivery_opaque: tag.pack(self.kind),
        };
        if let Err((error, record)) = self.enqueue(record) {
            self.not_sent(&error, record, tag);
        }
    }

    /// Sends a typed record; its headers go straight into the client's form.
    pub fn send_outgoing(&mut self, to: To<'_>, outgoing: &dyn Outgoing, tag: Tag) {
        let mut headers = Some(OwnedHeaders::new_with_capacity(16));
        outgoing.for_each_header(&mut |key, value| {
            headers = headers.take().map(|headers| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        });
        self.send(
            to,
            outgoing.key(),
            outgoing.value().as_deref(),
            headers,
            tag,
        );
    }

    /// Sends a record again that came back; `false` if there is no room for it yet.
    pub fn send_again(&mut self, message: &OwnedMessage, tag: Tag) -> bool {
        let record = BaseRecord {
            topic: message.topic(),
            partition: Some(message.partition()).filter(|p| *p >= 0),
            payload: message.payload(),
            key: message.key(),
            timestamp: None,
            headers: message.headers().cloned(),
            delivery_opaque: tag.pack(self.kind),
        };
        match self.enqueue(record) {
            Ok(()) => true,
            Err((error, _)) if is_full(&error) => false,
            Err((error, record)) => {
                self.not_sent(&error, record, tag);
                true
            }
        }
    }

    /// Waits until everything is acknowledged, or for `timeout`.
    pub fn flush(&self, timeout: Duration) {
        if let Err(e) = self.native.flush(timeout) {
            tracing::warn!(kafka.client = ROLE, kafka.error = %e, "not everything could be sent");
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "the record is given back, as the client does"
    )]
    fn enqueue<'a>(&mut self, mut record: Unsent<'a>) -> Result<(), (KafkaError, Unsent<'a>)> {
        let mut renewed = false;
        let mut give_up = None;
        let bytes = weight(record.key, record.payload);
        loop {
            match self.give(record, bytes) {
                Ok(()) => return Ok(()),
                Err((error, back)) if is_full(&error) => {
                    let give_up = give_up.get_or_insert_with(|| Instant::now() + self.patience);
                    if Instant::now() >= *give_up || self.slot.stopping.load(Ordering::Relaxed) {
                        return Err((error, back));
                    }
                    record = back;
                    self.native.poll(Duration::from_millis(1));
                }
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::Fatal), back)) if !renewed => {
                    renewed = true;
                    match self.slot.renew(&self.native) {
                        Ok(native) => self.native = native,
                        Err(e) => return Err((e, back)),
                    }
                    record = back;
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// Hands a record to the client; effects only while those before it leave room.
    #[expect(
        clippy::result_large_err,
        reason = "the record is given back, as the client does"
    )]
    fn give<'a>(&self, record: Unsent<'a>, bytes: usize) -> Result<(), (KafkaError, Unsent<'a>)> {
        if self.kind == Kind::History {
            return self.native.send(record);
        }
        let held = &self.slot.effects_bytes;
        if held.load(Ordering::Relaxed) >= EFFECTS_BYTES_MAX {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            return Err((full, record));
        }
        // Counted before it is sent: its report may come at once.
        held.fetch_add(bytes, Ordering::Relaxed);
        let given = self.native.send(record);
        if given.is_err() {
            held.fetch_sub(bytes, Ordering::Relaxed);
        }
        given
    }

    fn not_sent(&self, error: &KafkaError, record: Unsent<'_>, tag: Tag) {
        if tag == (Tag::Internal { id: 0 }) {
            return;
        }
        let outcome = if self.kind == Kind::Effects && !is_permanent(error) {
            Outcome::Again(Box::new(OwnedMessage::new(
                record.payload.map(<[u8]>::to_vec),
                record.key.map(<[u8]>::to_vec),
                record.topic.to_owned(),
                Timestamp::NotAvailable,
                record.partition.unwrap_or(-1),
                -1,
                record.headers,
            )))
        } else {
            Outcome::Failed(error.to_string())
        };
        self.slot.inbox.push_delivery(Delivery {
            kind: self.kind,
            tag,
            outcome,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_the_way_through_the_client() {
        for tag in [
            Tag::Owner {
                partition: 0,
                id: 0,
            },
            Tag::Owner {
                partition: crate::limits::PARTITIONS_MAX,
                id: (1 << ID_BITS) - 1,
            },
            Tag::Internal { id: 7 },
        ] {
            for kind in [Kind::History, Kind::Effects] {
                assert_eq!(Tag::unpack(tag.pack(kind)), (kind, tag));
            }
        }
    }

    #[test]
    fn what_finds_no_room_comes_back_and_nobody_waits_for_it() {
        // Nobody listens there, so the queue stays full.
        let mut config = Config::new("127.0.0.1:1", "node", "http://node");
        let one = ("queue.buffering.max.messages".to_owned(), "1".to_owned());
        config.kafka.extend([one]);
        let inbox = Arc::new(Inbox::default());
        let slot = Slot::new(&config, inbox.clone()).expect("a client");
        let mut sender = slot.sender(Kind::Effects, Duration::ZERO);
        let to = To {
            topic: "t",
            partition: Some(0),
        };
        for id in 1..=2 {
            let tag = Tag::Owner { partition: 0, id };
            sender.send(to, Some(b"k"), Some(b"v"), None, tag);
        }
        let mut taken = crate::inbox::Taken::default();
        inbox.take(Duration::ZERO, &mut taken);
        let delivery = taken.deliveries.pop().expect("the second came back");
        assert!(taken.deliveries.is_empty(), "the first has the only place");
        assert_eq!(
            delivery.tag,
            Tag::Owner {
                partition: 0,
                id: 2
            }
        );
        let Outcome::Again(message) = delivery.outcome else {
            panic!("a full queue is not the record's fault: {delivery:?}")
        };
        assert_eq!(message.payload(), Some(&b"v"[..]));
        assert!(!sender.send_again(&message, delivery.tag), "still no room");
    }

    #[test]
    fn a_record_is_refused_only_for_its_own_fault() {
        let of = |code| is_permanent(&KafkaError::MessageProduction(code));
        for code in [
            RDKafkaErrorCode::MessageSizeTooLarge,
            RDKafkaErrorCode::UnknownTopicOrPartition,
            RDKafkaErrorCode::UnknownTopic,
            RDKafkaErrorCode::InvalidRecord,
            RDKafkaErrorCode::TopicAuthorizationFailed,
        ] {
            assert!(of(code), "{code:?}");
        }
        for code in [
            RDKafkaErrorCode::Fatal,
            RDKafkaErrorCode::PurgeQueue,
            RDKafkaErrorCode::QueueFull,
            RDKafkaErrorCode::KafkaStorageError,
            RDKafkaErrorCode::NotLeaderForPartition,
            RDKafkaErrorCode::ClusterAuthorizationFailed,
            RDKafkaErrorCode::Unknown,
        ] {
            assert!(!of(code), "{code:?}");
        }
    }
}
