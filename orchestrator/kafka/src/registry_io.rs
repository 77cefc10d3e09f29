//! The registry topic: folds it, and writes to it (R13).
//!
//! Owns: the one reader of the registry in this process. A writer is answered when its own record has been read back;
//! "the end" is the topic's end at the moment of the question.

use crate::client::{Logged, meet, waking_consumer};
use crate::config::Config;
use crate::limits::{POLL_EVERY, REGISTRY_TIMEOUT};
use crate::producer::{Sender, Tag, To};
use crate::topics::Admin;
use baton_engine::registry::{Folded, Registry, RegistryError};
use baton_schemas::registry::{RegistryBody, RegistryEntry};
use crossbeam_channel::{Receiver, select};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Answers a write with the revision that it made.
pub type PutAnswer = Box<dyn FnOnce(Result<i64, RegistryError>) + Send>;
/// Answers once the topic has been read to its end.
pub type ReadAnswer = Box<dyn FnOnce(Result<(), RegistryError>) + Send>;

/// What is asked of the registry's thread.
pub enum Request {
    Put(Box<RegistryEntry>, PutAnswer),
    ReadToEnd(ReadAnswer),
    Stop,
}

/// See the module.
pub struct RegistryIo {
    topic: Arc<str>,
    consumer: BaseConsumer<Logged>,
    woken: Receiver<()>,
    registry: Arc<Registry>,
    requests: Receiver<Request>,
    effects: Sender,
    admin: Arc<Admin>,
    /// The next offset to fold.
    next: i64,
    /// Writes that are not read back yet, by attempt.
    puts: BTreeMap<Arc<str>, (Instant, PutAnswer)>,
    /// Questions and the offset up to which must be folded.
    reads: Vec<(i64, Instant, ReadAnswer)>,
}

impl RegistryIo {
    pub fn new(
        config: &Config,
        registry: Arc<Registry>,
        requests: Receiver<Request>,
        effects: Sender,
        admin: Arc<Admin>,
    ) -> KafkaResult<Self> {
        let topic = config.topics().registry;
        let settings = config.consumer("registry", "read_uncommitted", "error");
        let (consumer, woken) = waking_consumer(&settings, Logged("registry"))?;
        meet(&consumer, &topic);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Beginning)?;
        consumer.assign(&list)?;
        let (puts, reads) = (BTreeMap::new(), Vec::new());
        Ok(Self {
            topic,
            consumer,
            woken,
            registry,
            requests,
            effects,
            admin,
            next: 0,
            puts,
            reads,
        })
    }

    /// Folds and answers until told to stop.
    pub fn run(mut self) {
        loop {
            self.fold_all();
            self.answer();
            select! {
                recv(self.requests) -> request => match request {
                    Ok(Request::Put(entry, answer)) => self.put(&entry, answer),
                    Ok(Request::ReadToEnd(answer)) => self.read_to_end(answer),
                    Ok(Request::Stop) | Err(_) => return,
                },
                recv(self.woken) -> _ => {}
                default(POLL_EVERY) => {}
            }
        }
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

    fn read_to_end(&mut self, answer: ReadAnswer) {
        match self.admin.offsets(&self.topic, 0) {
            Ok((_, end)) => self
                .reads
                .push((end, Instant::now() + REGISTRY_TIMEOUT, answer)),
            Err(e) => answer(Err(RegistryError::Unavailable(e.to_string()))),
        }
    }

    fn fold_all(&mut self) {
        let mut empty = 0;
        while empty < 3 {
            match self.consumer.poll(Duration::ZERO) {
                None => empty += 1,
                Some(Ok(message)) => {
                    empty = 0;
                    let (offset, value) = (message.offset(), message.payload().unwrap_or_default());
                    let folded = self.registry.fold(offset, value);
                    self.next = offset + 1;
                    let writer = serde_json::from_slice::<RegistryEntry>(value).ok();
                    self.folded(offset, folded, writer);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(e)) => tracing::debug!(kafka.error = %e, "reading the registry goes on"),
            }
        }
    }

    fn folded(&mut self, offset: i64, folded: Folded, entry: Option<RegistryEntry>) {
        if let Folded::Unreadable(reason) = &folded {
            tracing::error!(
                registry.offset = offset,
                reason,
                "a registry record can't be used by this build"
            );
        }
        let Some(entry) = entry else { return };
        let Some((_, answer)) = self.puts.remove(&entry.attempt) else {
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

    fn answer(&mut self) {
        let now = Instant::now();
        let late = || {
            RegistryError::Unavailable(
                "nothing was read back in time; it may yet appear".to_owned(),
            )
        };
        for (end, until, answer) in std::mem::take(&mut self.reads) {
            if self.next >= end {
                answer(Ok(()));
            } else if now >= until {
                answer(Err(late()));
            } else {
                self.reads.push((end, until, answer));
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
