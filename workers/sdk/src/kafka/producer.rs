//! The producers of completions, heartbeats and dead letters.
//!
//! Owns: two lanes. A record goes at once while few are unacknowledged; under load it goes through a second client, made
//! when first needed, that waits a moment for others, since what a batch costs worker and broker hardly depends on its
//! size. Records of one task may so overtake each other, which the contract allows. A receipt is settled when the broker has acknowledged its completion, and only then. A record that the broker
//! can never take becomes a small failure; one that it can't take now is sent again.

use super::{config, config::KafkaOptions};
use crate::WorkerError;
use crate::error::{TOO_LARGE, TaskError};
use crate::limits::{GATHER_AFTERWARDS, GATHER_FROM, GATHER_READY, RESEND_AFTER};
use crate::offsets::lock;
use crate::outlet::{Outlet, Receipt, Reply};
use crate::signal::Signal;
use baton_schemas::record::Outgoing;
use baton_schemas::{Completion, DeadLetter, Outcome, TaskToken};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{
    BaseRecord, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Longest wait for a full producer before the next try.
const FULL_WAIT: Duration = Duration::from_millis(10);
/// Headers of a completion.
const HEADERS_USUAL: usize = 6;

/// In place of the time until which there is load: there is some.
const BUSY: u64 = u64::MAX;

type Opaque = Box<Option<Receipt>>;
/// A record before a client has taken it.
type Unsent<'a> = BaseRecord<'a, [u8], [u8], Opaque>;

/// Sends records; cheap to share.
pub struct KafkaOutlet {
    prompt: ThreadedProducer<Deliveries>,
    /// The lane under load.
    gathering: OnceLock<Gathering>,
    options: KafkaOptions,
    made: Instant,
    /// Until when there is load, milliseconds since `made`; [`BUSY`] while there is.
    busy_until_ms: AtomicU64,
    fate: Arc<Fate>,
    dead_letter: Arc<str>,
}

/// The lane under load.
struct Gathering {
    lane: ThreadedProducer<Deliveries>,
    /// Until then the client connects and gets its producer id, and nothing should wait for that.
    ready_ms: u64,
    is_ready: AtomicBool,
}

/// What becomes of sent records.
#[derive(Default)]
struct Fate {
    /// Bounded by the records whose receipt is not settled, which the queues bound.
    refused: Mutex<VecDeque<Refused>>,
    /// Records that a client has taken.
    sent: AtomicUsize,
    /// Records acknowledged or refused.
    reported: AtomicUsize,
    signal: Signal,
}

/// The producer's callbacks.
struct Deliveries(Arc<Fate>);

/// A record that the broker did not take.
struct Refused {
    message: OwnedMessage,
    receipt: Receipt,
    code: Option<RDKafkaErrorCode>,
    again_at: Instant,
}

impl KafkaOutlet {
    /// Connects lazily.
    ///
    /// # Errors
    /// A property that librdkafka doesn't take.
    pub fn new(options: &KafkaOptions, dead_letter: Arc<str>) -> Result<Self, WorkerError> {
        let fate = Arc::new(Fate::default());
        let prompt = config::producer(options)
            .create_with_context(Deliveries(Arc::clone(&fate)))
            .map_err(|source| WorkerError::Client {
                client: "producer",
                source,
            })?;
        Ok(Self {
            prompt,
            gathering: OnceLock::new(),
            options: options.clone(),
            made: Instant::now(),
            busy_until_ms: AtomicU64::new(0),
            fate,
            dead_letter,
        })
    }

    /// Sends a record that is no command to the dead-letter topic.
    pub fn bury(&self, letter: &DeadLetter, receipt: Receipt) {
        let record = letter.to_record();
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header {
                key: name,
                value: Some(&value[..]),
            });
        }
        let mut out =
            BaseRecord::with_opaque_to(&self.dead_letter, Box::new(Some(receipt))).headers(headers);
        out.key = record.key.as_deref();
        out.payload = record.value.as_deref();
        self.send(out);
    }

    /// Sends again what the broker refused long enough ago.
    pub fn resend_due(&self) {
        let now = Instant::now();
        loop {
            let mut refused = lock(&self.fate.refused);
            if refused.front().is_none_or(|first| first.again_at > now) {
                return;
            }
            let Some(next) = refused.pop_front() else {
                return;
            };
            drop(refused);
            self.resend(next);
        }
    }

    /// Waits until everything sent is acknowledged, at most `timeout`; whether it is.
    pub fn flush(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let left = || until.saturating_duration_since(Instant::now());
        let flushed = self.lanes().all(|lane| lane.flush(left()).is_ok());
        flushed && lock(&self.fate.refused).is_empty()
    }

    /// Why the producer can't go on, if so.
    pub fn fatal(&self) -> Option<String> {
        self.lanes()
            .find_map(|lane| lane.client().fatal_error())
            .map(|(code, reason)| format!("{code}: {reason}"))
    }

    fn lanes(&self) -> impl Iterator<Item = &ThreadedProducer<Deliveries>> {
        std::iter::once(&self.prompt).chain(self.gathering.get().map(|g| &g.lane))
    }

    /// The lane for the next record.
    fn lane(&self) -> &ThreadedProducer<Deliveries> {
        let sent = self.fate.sent.load(Ordering::Relaxed);
        let reported = self.fate.reported.load(Ordering::Relaxed);
        let until = self.busy_until_ms.load(Ordering::Relaxed);
        if sent.saturating_sub(reported) >= GATHER_FROM {
            if until != BUSY {
                self.busy_until_ms.store(BUSY, Ordering::Relaxed);
            }
        } else if until == BUSY {
            let until = self.now_ms() + GATHER_AFTERWARDS.as_millis() as u64;
            self.busy_until_ms.store(until, Ordering::Relaxed);
        } else if until == 0 || self.now_ms() >= until {
            return &self.prompt;
        }
        let gathering = self.gathering.get_or_init(|| self.make_gathering());
        if !gathering.is_ready.load(Ordering::Relaxed) {
            if self.now_ms() < gathering.ready_ms {
                return &self.prompt;
            }
            gathering.is_ready.store(true, Ordering::Relaxed);
        }
        &gathering.lane
    }

    fn make_gathering(&self) -> Gathering {
        let context = Deliveries(Arc::clone(&self.fate));
        let client = config::gathering_producer(&self.options).create_with_context(context);
        // The first lane was made of the same properties.
        let lane = client.unwrap_or_else(|error| {
            tracing::warn!(%error, "no second producer: records go one by one under load");
            self.prompt.clone()
        });
        Gathering {
            lane,
            ready_ms: self.now_ms() + GATHER_READY.as_millis() as u64,
            is_ready: AtomicBool::new(false),
        }
    }

    /// Milliseconds since this was made.
    fn now_ms(&self) -> u64 {
        self.made.elapsed().as_millis() as u64
    }

    fn resend(&self, refused: Refused) {
        let Refused {
            message,
            receipt,
            code,
            ..
        } = refused;
        if is_permanent(code) && message.topic() == &*self.dead_letter {
            // It stays where it was for as long as its topic keeps it; waiting for it would stop the queue for good.
            tracing::error!(
                ?code,
                "a record that is no command is too large for the dead-letter topic; passed over"
            );
            return receipt.settle();
        }
        if is_permanent(code) {
            return self.complete_small(&message, receipt, code);
        }
        let mut out = BaseRecord::with_opaque_to(message.topic(), Box::new(Some(receipt)));
        // A dead letter's partition was chosen by its key; the same key chooses the same again.
        out.partition = Some(message.partition()).filter(|p| *p >= 0);
        out.key = message.key();
        out.payload = message.payload();
        out.headers = message.headers().cloned();
        self.send(out);
    }

    /// Sends a failure instead of a completion that can never be taken.
    fn complete_small(
        &self,
        message: &OwnedMessage,
        receipt: Receipt,
        code: Option<RDKafkaErrorCode>,
    ) {
        let token = String::from_utf8_lossy(message.key().unwrap_or_default());
        let why = format!(
            "the broker can't take the completion of {} bytes ({}): return less, or a reference to it",
            message.payload().map_or(0, <[u8]>::len),
            code.map_or_else(String::new, |code| code.to_string()),
        );
        let failure = TaskError::new(TOO_LARGE, why).into_failure();
        let token = TaskToken::from_opaque(&token);
        let reply = Reply {
            topic: message.topic().into(),
            partition: message.partition(),
        };
        self.complete(
            &reply,
            &Completion {
                token,
                outcome: Outcome::Failed(failure),
                traceparent: None,
            },
            receipt,
        );
    }

    /// Hands `out` to the client, waiting while that is full.
    fn send(&self, mut out: BaseRecord<'_, [u8], [u8], Opaque>) {
        loop {
            let (error, back) = match self.give(out) {
                Ok(()) => return,
                Err(refused) => refused,
            };
            let code = error.rdkafka_error_code();
            if code != Some(RDKafkaErrorCode::QueueFull) {
                return self.refuse(back, code, &error);
            }
            let before = self.fate.reported.load(Ordering::SeqCst);
            self.fate.signal.wait(FULL_WAIT, || {
                self.fate.reported.load(Ordering::SeqCst) != before
            });
            out = back;
        }
    }

    #[expect(
        clippy::result_large_err,
        reason = "the record is given back, as the client does"
    )]
    fn give<'a>(&self, record: Unsent<'a>) -> Result<(), (KafkaError, Unsent<'a>)> {
        // Counted before it is sent: its report may come at once.
        let lane = self.lane();
        self.fate.sent.fetch_add(1, Ordering::Relaxed);
        let given = lane.send(record);
        if given.is_err() {
            self.fate.sent.fetch_sub(1, Ordering::Relaxed);
        }
        given
    }

    fn refuse(
        &self,
        record: BaseRecord<'_, [u8], [u8], Opaque>,
        code: Option<RDKafkaErrorCode>,
        error: &KafkaError,
    ) {
        tracing::warn!(%error, topic = record.topic, "record not taken by the client");
        let message = OwnedMessage::new(
            record.payload.map(<[u8]>::to_vec),
            record.key.map(<[u8]>::to_vec),
            record.topic.to_owned(),
            rdkafka::Timestamp::NotAvailable,
            record.partition.unwrap_or(-1),
            -1,
            record.headers,
        );
        if let Some(receipt) = *record.delivery_opaque {
            let again_at = Instant::now() + RESEND_AFTER;
            lock(&self.fate.refused).push_back(Refused {
                message,
                receipt,
                code,
                again_at,
            });
        }
    }
}

impl Outlet for KafkaOutlet {
    fn complete(&self, reply: &Reply, completion: &Completion, receipt: Receipt) {
        let value = completion.value();
        let mut out = BaseRecord::with_opaque_to(&reply.topic, Box::new(Some(receipt)))
            .partition(reply.partition)
            .headers(headers(completion));
        out.key = completion.key();
        out.payload = value.as_deref();
        self.send(out);
    }

    fn heartbeat(&self, reply: &Reply, heartbeat: &Completion) -> bool {
        let value = heartbeat.value();
        let mut out = BaseRecord::with_opaque_to(&reply.topic, Box::new(None))
            .partition(reply.partition)
            .headers(headers(heartbeat));
        out.key = heartbeat.key();
        out.payload = value.as_deref();
        self.give(out).is_ok()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        super::log_error(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = Opaque;

    fn delivery(&self, result: &DeliveryResult<'_>, mut opaque: Opaque) {
        self.0.reported.fetch_add(1, Ordering::SeqCst);
        self.0.signal.notify();
        match result {
            Ok(_) => {
                if let Some(receipt) = opaque.take() {
                    receipt.settle();
                }
            }
            Err((error, message)) => {
                let Some(receipt) = opaque.take() else {
                    return tracing::debug!(%error, "heartbeat lost");
                };
                tracing::warn!(%error, topic = message.topic(), "completion refused; it is sent again");
                let refused = Refused {
                    message: message.detach(),
                    receipt,
                    code: error.rdkafka_error_code(),
                    again_at: Instant::now() + RESEND_AFTER,
                };
                lock(&self.0.refused).push_back(refused);
            }
        }
    }
}

fn headers(completion: &Completion) -> OwnedHeaders {
    // `insert` takes and gives the list back; the closure can only borrow it.
    let mut headers = Some(OwnedHeaders::new_with_capacity(HEADERS_USUAL));
    completion.for_each_header(&mut |key, value| {
        headers = headers.take().map(|h| {
            h.insert(Header {
                key,
                value: Some(value),
            })
        });
    });
    headers.unwrap_or_default()
}

/// Whether the same record would be refused for ever.
fn is_permanent(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode::{InvalidRecord, MessageSizeTooLarge};
    matches!(code, Some(MessageSizeTooLarge | InvalidRecord))
}
