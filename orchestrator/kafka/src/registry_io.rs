//! The registry topic: folds it, and writes to it (R13).
//!
//! Owns: the one reader of the registry in this process. A writer is answered when its own record has been read back;
//! "the end" is the topic's end at the moment of the question.

use crate::client::Tail;
use crate::config::Config;
use crate::limits::{POLL_EVERY, REGISTRY_TIMEOUT, RETRY_EVERY};
use crate::metrics::{Counters, add};
use crate::producer::{Sender, Tag, To};
use crate::topics::Admin;
use baton_engine::registry::{Folded, Registry, RegistryError};
use baton_schemas::registry::{RegistryBody, RegistryEntry};
use crossbeam_channel::{Receiver, select};
use rdkafka::error::KafkaResult;
use rdkafka::{Message as _, Offset};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Answers a write with the revision that it made.
pub type PutAnswer = Box<dyn FnOnce(Result<i64, RegistryError>) + Send>;
/// Answers once the topic has been read to its end.
pub type ReadAnswer = Box<dyn FnOnce(Result<(), RegistryError>) + Send>;

/// Told once the topic has been read to its end, however long that takes.
pub type ReadNotice = Box<dyn FnOnce() + Send>;

/// What is asked of the registry's thread.
pub enum Request {
    Put(Box<RegistryEntry>, PutAnswer),
    ReadToEnd(ReadAnswer),
    /// For the owner of this partition, which must not go on without. A later one takes its place.
    ReadSurely(i32, ReadNotice),
    Stop,
}

/// Somebody waits until all that is in the topic now is folded.
struct Waiting {
    /// The topic's end at the question or later, once the broker has said it.
    end: Option<i64>,
    who: Who,
}

enum Who {
    /// Is told at this time that it did not work.
    Until(Instant, ReadAnswer),
    /// Waits for as long as it takes.
    Owner(i32, ReadNotice),
}

/// See the module.
pub struct RegistryIo {
    topic: Arc<str>,
    tail: Tail,
    registry: Arc<Registry>,
    requests: Receiver<Request>,
    effects: Sender,
    admin: Arc<Admin>,
    counters: Arc<Counters>,
    /// The next offset to fold.
    next: i64,
    /// Writes that are not read back yet, by attempt.
    puts: Puts,
    reads: Vec<Waiting>,
    /// Not before this is the broker asked for the topic's end again.
    ask_at: Instant,
}

impl RegistryIo {
    pub fn new(
        config: &Config,
        registry: Arc<Registry>,
        requests: Receiver<Request>,
        effects: Sender,
        admin: Arc<Admin>,
        counters: Arc<Counters>,
    ) -> KafkaResult<Self> {
        let topic = config.topics().registry;
        let settings = config.consumer("registry", "read_uncommitted", "error");
        let tail = Tail::new(&settings, "registry")?;
        tail.begin(&topic, Offset::Beginning)?;
        let (puts, reads) = (BTreeMap::new(), Vec::new());
        Ok(Self {
            topic,
            tail,
            registry,
            requests,
            effects,
            admin,
            counters,
            next: 0,
            puts,
            reads,
            ask_at: Instant::now(),
        })
    }

    /// Folds and answers until told to stop.
    pub fn run(mut self) {
        loop {
            self.fold_all();
            self.answer();
            select! {
                recv(self.requests) -> request => match request {
                    Ok(request) => if !self.take(request) { return },
                    Err(_) => return,
                },
                recv(self.tail.woken) -> _ => {}
                default(POLL_EVERY) => {}
            }
            // All that wait share one question to the broker.
            while let Ok(request) = self.requests.try_recv() {
                if !self.take(request) {
                    return;
                }
            }
            self.ask_for_end();
        }
    }

    fn take(&mut self, request: Request) -> bool {
        let who = match request {
            Request::Put(entry, answer) => {
                self.put(&entry, answer);
                return true;
            }
            Request::ReadToEnd(answer) => Who::Until(Instant::now() + REGISTRY_TIMEOUT, answer),
            Request::ReadSurely(partition, notice) => {
                let other = |w: &Waiting| !matches!(w.who, Who::Owner(p, _) if p == partition);
                self.reads.retain(other);
                Who::Owner(partition, notice)
            }
            Request::Stop => return false,
        };
        self.reads.push(Waiting { end: None, who });
        true
    }

    fn put(&mut self, entry: &RegistryEntry, answer: PutAnswer) {
        if let RegistryBody::StateMachine(machine) = &entry.body
            && let Err(reason) = self.ensure_queues(&machine.definition)
        {
            answer(Err(RegistryError::Unavailable(reason)));
            return;
        }
        let value = serde_json::to_vec(entry).expect("registry entries serialise");
        self.puts.insert(
            entry.attempt.clone(),
            (Instant::now() + REGISTRY_TIMEOUT, answer),
        );
        let to = To {
            topic: &self.topic,
            partition: Some(0),
        };
        self.effects.send(
            to,
            Some(entry.arn.as_bytes()),
            Some(&value),
            None,
            Tag::Internal { id: 0 },
        );
    }

    /// The topics of the queues that a definition names are made before the definition counts.
    fn ensure_queues(&self, definition: &str) -> Result<(), String> {
        let queues = crate::topics::queues_of(definition);
        let queues: Vec<&str> = queues.iter().map(|queue| &**queue).collect();
        self.admin.ensure_queues(&queues).map_err(|e| e.to_string())
    }

    /// Asks where the topic ends, for those who wait and don't know it. Only an answer given after their question counts.
    fn ask_for_end(&mut self) {
        if Instant::now() < self.ask_at || self.reads.iter().all(|w| w.end.is_some()) {
            return;
        }
        match self.admin.offsets(&self.topic, 0) {
            Ok((_, end)) => self.reads.iter_mut().for_each(|w| {
                w.end.get_or_insert(end);
            }),
            Err(e) => {
                tracing::debug!(kafka.error = %e, "the registry's end is not known yet");
                self.ask_at = Instant::now() + RETRY_EVERY;
                for waiting in std::mem::take(&mut self.reads) {
                    match waiting {
                        Waiting {
                            end: None,
                            who: Who::Until(_, answer),
                        } => {
                            answer(Err(RegistryError::Unavailable(e.to_string())));
                        }
                        waiting => self.reads.push(waiting),
                    }
                }
            }
        }
    }

    fn fold_all(&mut self) {
        while let Some(message) = self.tail.next() {
            let (offset, value) = (message.offset(), message.payload().unwrap_or_default());
            let folded = self.registry.fold(offset, value);
            self.next = offset + 1;
            let unusable = matches!(folded, Folded::Unreadable(_));
            add(&self.counters.unusable, u64::from(unusable));
            if self.puts.is_empty() && !unusable {
                continue;
            }
            let entry = serde_json::from_slice::<RegistryEntry>(value).ok();
            folded_one(&mut self.puts, offset, folded, entry);
        }
    }

    fn answer(&mut self) {
        let now = Instant::now();
        let late = || {
            RegistryError::Unavailable(
                "nothing was read back in time; it may yet appear".to_owned(),
            )
        };
        for waiting in std::mem::take(&mut self.reads) {
            let done = waiting.end.is_some_and(|end| self.next >= end);
            match waiting.who {
                Who::Until(_, answer) if done => answer(Ok(())),
                Who::Owner(_, notice) if done => notice(),
                Who::Until(until, answer) if now >= until => answer(Err(late())),
                who => self.reads.push(Waiting { who, ..waiting }),
            }
        }
        let expired: Vec<Arc<str>> = self
            .puts
            .iter()
            .filter(|(_, (until, _))| now >= *until)
            .map(|(attempt, _)| attempt.clone())
            .collect();
        for attempt in expired {
            if let Some((_, answer)) = self.puts.remove(&attempt) {
                answer(Err(late()));
            }
        }
    }
}

type Puts = BTreeMap<Arc<str>, (Instant, PutAnswer)>;

/// Answers the writer of a record, if that is somebody here.
fn folded_one(puts: &mut Puts, offset: i64, folded: Folded, entry: Option<RegistryEntry>) {
    if let Folded::Unreadable(reason) = &folded {
        tracing::error!(
            registry.offset = offset,
            reason,
            "a registry record can't be used by this build"
        );
    }
    let Some(entry) = entry else { return };
    let Some((_, answer)) = puts.remove(&entry.attempt) else {
        return;
    };
    answer(match folded {
        Folded::Accepted => Ok(offset),
        Folded::Outdated { current } => Err(RegistryError::Outdated {
            arn: entry.arn,
            current,
        }),
        Folded::Unreadable(reason) => Err(RegistryError::Unavailable(reason)),
    });
}
