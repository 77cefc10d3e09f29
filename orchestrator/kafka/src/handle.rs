//! What the rest of the process sees of the running engine.

use crate::activities::{Activities, TakeAnswer};
use crate::config::Config;
use crate::inbox::{Inbox, Message, QueuedCall};
use crate::measures::Measured;
use crate::metrics::{Counters, Snapshot, add};
use crate::nodes::{Hints, Nudge};
use crate::producer::Slot;
use crate::registry_io::{PutAnswer, ReadAnswer, Request};
use crate::status::{Readiness, SharedStatus};
use crate::survey::{Queue, survey};
use crate::topics::{Admin, TopicError};
use crate::{asker, chores, history_reader, map_io, membership, reader, rejects};
use baton_engine::registry::{RegistryError, RegistryWriter};
use baton_engine::{Call, CallError, Calls, Reply};
use baton_schemas::registry::RegistryEntry;
use crossbeam_channel::Sender;
use rdkafka::error::KafkaError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The running engine. Cloning is cheap; all clones are the same engine.
#[derive(Clone)]
pub struct RuntimeHandle {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub partitions: i32,
    pub inbox: Arc<Inbox>,
    pub status: SharedStatus,
    pub counters: Arc<Counters>,
    pub hints: Arc<Hints>,
    pub admin: Arc<Admin>,
    pub producer: Arc<Slot>,
    pub registry: Sender<Request>,
    pub stops: Stops,
    pub threads: Mutex<Vec<JoinHandle<()>>>,
    pub config: Config,
    pub activities: Arc<Activities>,
}

/// Ways to tell each thread to end.
pub(crate) struct Stops {
    pub readers: [Sender<reader::Command>; 2],
    pub member: Sender<membership::Command>,
    pub histories: Sender<history_reader::Job>,
    pub asker: Sender<asker::Job>,
    pub chores: Sender<chores::Job>,
    pub map_io: Sender<Option<map_io::Job>>,
    pub rejects: Sender<rejects::Job>,
    pub nodes: Sender<Nudge>,
    /// Dropped at the end.
    pub lookout: Mutex<Option<Sender<()>>>,
}

impl RuntimeHandle {
    /// Number of partitions N.
    #[must_use]
    pub fn partitions(&self) -> i32 {
        self.inner.partitions
    }

    /// Partitions that this node owns and serves.
    #[must_use]
    pub fn owned(&self) -> Vec<i32> {
        self.readiness().serving
    }

    /// Whether this node owns and serves this partition. Cheap: the API asks for each call.
    #[must_use]
    pub fn serves(&self, partition: i32) -> bool {
        self.inner.status.serves(partition)
    }

    /// Whether this node can serve what it owns.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let usable = self.inner.producer.is_usable();
        self.inner.status.get().readiness(usable)
    }

    /// Waits until the node is ready, up to `timeout`; says whether it is.
    #[must_use]
    pub fn wait_until_ready(&self, timeout: Duration) -> bool {
        self.wait_until(timeout, |readiness| readiness.ready)
    }

    /// Waits until the node stands as `wanted`, up to `timeout`; says whether it does.
    #[must_use]
    pub fn wait_until(&self, timeout: Duration, wanted: impl Fn(&Readiness) -> bool) -> bool {
        let usable = || self.inner.producer.is_usable();
        self.inner
            .status
            .wait(timeout, |state| wanted(&state.readiness(usable())))
    }

    /// Base URL of the node that owns a partition, as far as anybody has said: a hint.
    #[must_use]
    pub fn node_url(&self, partition: i32) -> Option<Arc<str>> {
        self.inner.hints.url(partition)
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> Snapshot {
        self.inner.counters.snapshot()
    }

    /// What was measured.
    #[must_use]
    pub fn measured(&self) -> Measured {
        self.inner.counters.measures.now()
    }

    /// Makes the topics of task queues where they are missing. Blocks for a round trip or two. Storing a definition does
    /// this by itself.
    ///
    /// # Errors
    /// The first that can't be made.
    pub fn ensure_queues(&self, queues: &[&str]) -> Result<(), TopicError> {
        self.inner.admin.ensure_queues(queues)
    }

    /// Who consumes which task queue. Blocks for some round trips.
    ///
    /// # Errors
    /// What the client or a broker says.
    pub fn survey(&self) -> Result<Vec<Queue>, KafkaError> {
        survey(&self.inner.config)
    }

    /// Takes the next task off a queue for a worker without Kafka, waiting for one up to `patience`.
    pub fn take_task(&self, queue: Arc<str>, patience: Duration, answer: TakeAnswer) {
        let Inner {
            activities, config, ..
        } = &*self.inner;
        activities.take(config, queue, patience, answer);
    }

    /// Takes no more inputs and calls, and waits until everything under way is acknowledged, effective and sent, up to
    /// `timeout`; says whether it is. Calls are answered [`CallError::NotOwner`] from now on.
    #[must_use]
    pub fn drain(&self, timeout: Duration) -> bool {
        if self.inner.inbox.push(Message::Drain).is_err() {
            return true;
        }
        self.inner.status.wait(timeout, |state| state.drained)
    }

    /// Ends all threads: the member closes without leaving (a static member's partitions stay its own until its session
    /// times out, so a restarted node has them back at once). Call [`Self::drain`] first.
    pub fn stop(&self) {
        let threads = std::mem::take(&mut *lock(&self.inner.threads));
        let stops = &self.inner.stops;
        // A send fails if the thread has ended already.
        let _ = stops.member.send(membership::Command::Stop);
        for reader in &stops.readers {
            let _ = reader.send(reader::Command::Stop);
        }
        let _ = self.inner.inbox.push(Message::Stop);
        for _ in 0..crate::limits::HISTORY_READERS {
            let _ = stops.histories.send(history_reader::Job::Stop);
        }
        let _ = stops.asker.send(asker::Job::Stop);
        let _ = stops.chores.send(chores::Job::Stop);
        for _ in 0..crate::limits::MAP_IO_THREADS {
            let _ = stops.map_io.try_send(None);
        }
        let _ = stops.rejects.send(rejects::Job::Stop);
        let _ = stops.nodes.send(Nudge::Stop);
        drop(lock(&stops.lookout).take());
        let _ = self.inner.registry.send(Request::Stop);
        for thread in threads {
            let name = thread.thread().name().unwrap_or("?").to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = name, "ended by a panic");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Calls for RuntimeHandle {
    fn call(
        &self,
        partition: i32,
        call: Call,
        answer: Box<dyn FnOnce(Result<Reply, CallError>) + Send>,
    ) {
        if let Err(refused) = self.inner.inbox.push_call(QueuedCall {
            partition,
            call,
            answer,
        }) {
            add(&self.inner.counters.calls_throttled, 1);
            (refused.answer)(Err(CallError::Throttled("too many calls wait: try again")));
        }
    }
}

impl RegistryWriter for RuntimeHandle {
    fn put(&self, entry: RegistryEntry, answer: PutAnswer) {
        self.ask_registry(Request::Put(Box::new(entry), answer));
    }

    fn read_to_end(&self, answer: ReadAnswer) {
        self.ask_registry(Request::ReadToEnd(answer));
    }
}

impl RuntimeHandle {
    fn ask_registry(&self, request: Request) {
        use crossbeam_channel::TrySendError::{Disconnected, Full};
        let (request, reason) = match self.inner.registry.try_send(request) {
            Ok(()) => return,
            Err(Full(request)) => (request, "too many requests wait: try again"),
            Err(Disconnected(request)) => (request, "the node is stopping"),
        };
        let error = RegistryError::Unavailable(reason.to_owned());
        match request {
            Request::Put(_, answer) => answer(Err(error)),
            Request::ReadToEnd(answer) => answer(Err(error)),
            Request::ReadSurely(..) | Request::Stop => {}
        }
    }
}
