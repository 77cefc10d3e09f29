//! Starts everything, in order: topics, registry, the number of partitions, threads, membership.

use crate::asker::Asker;
use crate::chores::Chores;
use crate::config::{Config, ConfigError};
use crate::driver::{Driver, TOPICS};
use crate::handle::{Inner, RuntimeHandle, Stops};
use crate::history_reader::HistoryReader;
use crate::inbox::Inbox;
use crate::limits::{
    APPEND_WAIT_MAX, HISTORY_READERS, MAILBOX_MAX, MAP_IO_THREADS, REGISTRY_REQUESTS_MAX,
    REGISTRY_TIMEOUT, RETRY_EVERY, SEND_WAIT_MAX,
};
use crate::lookout::Lookout;
use crate::mailbox::Mailbox;
use crate::map_io::{self, MapIo, MapIoServer};
use crate::membership::Membership;
use crate::metrics::Counters;
use crate::nodes::{Hints, Nodes, now_ms};
use crate::perform::{Performer, Ways};
use crate::producer::{Kind, Slot};
use crate::reader::Reader;
use crate::registry_io::{RegistryIo, Request};
use crate::rejects::Rejects;
use crate::status::SharedStatus;
use crate::topics::{Admin, TopicError, registry as registry_spec, specs};
use baton_engine::limits as engine;
use baton_engine::ports::{Settings, Without};
use baton_engine::registry::{CLUSTER_ARN, ENTRY_VERSION, Registry, RegistryError};
use baton_engine::{Checkpoints, Definitions, ViewWriter, Views};
use baton_schemas::registry::{RegistryBody, RegistryEntry};
use crossbeam_channel::{Sender, bounded};
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Why the engine can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The topics can't be used.
    #[error(transparent)]
    Topics(#[from] TopicError),
    /// The client can't be made, usually because of a setting in `[kafka]`.
    #[error("the Kafka client can't be made: {0}")]
    Kafka(#[from] KafkaError),
    /// The registry can't be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The configured number of partitions is not the recorded one.
    #[error(
        "`partitions` is {configured}, but {recorded} is recorded for these topics and can't change: remove the setting, or \
         use another `prefix`"
    )]
    Partitions {
        /// As configured.
        configured: i32,
        /// As recorded.
        recorded: i32,
    },
    /// No broker answered before the start was given up.
    #[error("no broker of {0} answered")]
    NoBroker(String),
    /// The operating system gives no thread.
    #[error("a thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// What the engine is connected to.
pub struct Ports {
    /// Filled by the engine, read by the API.
    pub registry: Arc<Registry>,
    /// Takes what became effective.
    pub views: Box<dyn ViewWriter>,
    /// Gives checkpoints.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// Answers queries of the views.
    pub queries: Arc<dyn Views>,
    /// Reads items and writes results of distributed Maps.
    pub map_io: Arc<MapIo>,
}

/// The engine on Kafka.
pub struct Runtime;

impl Runtime {
    /// Starts the engine. Blocks until topics and registry are in order, also for a broker that is not there yet; returns
    /// before partitions are assigned (see [`RuntimeHandle::readiness`]).
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start(
        config: Config,
        registry: Arc<Registry>,
        views: Box<dyn ViewWriter>,
        checkpoints: Arc<dyn Checkpoints>,
        queries: Arc<dyn Views>,
    ) -> Result<RuntimeHandle, StartError> {
        Self::start_unless(
            config,
            Ports {
                registry,
                views,
                checkpoints,
                queries,
                map_io: Arc::new(map_io::nothing),
            },
            &|| false,
        )
    }

    /// As [`Self::start`], but gives up waiting for a broker when `stop` says so (it is asked about once a second).
    ///
    /// # Errors
    /// Why it can't start.
    pub fn start_unless(
        config: Config,
        ports: Ports,
        stop: &dyn Fn() -> bool,
    ) -> Result<RuntimeHandle, StartError> {
        config.check()?;
        let admin = Arc::new(Admin::new(&config)?);
        if !admin.wait_for_broker(stop) {
            return Err(StartError::NoBroker(config.brokers));
        }
        tracing::debug!("a broker answers");
        admin.ensure(&[registry_spec(&config)])?;

        let inbox = Arc::new(Inbox::default());
        let producer = Slot::new(&config, inbox.clone())?;
        let counters = Arc::<Counters>::default();
        let mut threads = Vec::new();
        let (to_registry, requests) = bounded(REGISTRY_REQUESTS_MAX);
        let io = RegistryIo::new(
            &config,
            ports.registry.clone(),
            requests,
            producer.sender(Kind::Effects, SEND_WAIT_MAX),
            admin.clone(),
            counters.clone(),
        )?;
        threads.push(spawn("registry", move || io.run())?);
        let partitions = agree_on_partitions(&config, &admin, &ports.registry, &to_registry)?;
        tracing::debug!(partitions, "registry read");
        admin.ensure(&specs(&config, partitions))?;
        tracing::debug!("topics checked");
        let parts = Assembly {
            config,
            admin,
            inbox,
            producer,
            to_registry,
            partitions,
            counters,
        };
        parts.start(ports, threads)
    }
}

/// What is there before the threads are.
struct Assembly {
    config: Config,
    admin: Arc<Admin>,
    inbox: Arc<Inbox>,
    producer: Arc<Slot>,
    to_registry: Sender<Request>,
    partitions: i32,
    counters: Arc<Counters>,
}

impl Assembly {
    fn start(
        self,
        ports: Ports,
        mut threads: Vec<JoinHandle<()>>,
    ) -> Result<RuntimeHandle, StartError> {
        let Self {
            config,
            admin,
            inbox,
            producer,
            to_registry,
            partitions,
            counters,
        } = self;
        let status = SharedStatus::default();
        let hints = Arc::new(Hints::new(partitions));

        let mut readers = Vec::new();
        for topic in TOPICS {
            let (sender, commands) = bounded(MAILBOX_MAX);
            let reader = Reader::new(&config, topic, commands, inbox.clone())?;
            threads.push(spawn("inputs", move || reader.run())?);
            readers.push(sender);
        }
        let readers: [_; 2] = [readers[0].clone(), readers[1].clone()];
        let (histories, jobs) = bounded(MAILBOX_MAX);
        for _ in 0..HISTORY_READERS {
            let reader = HistoryReader::new(
                &config,
                admin.clone(),
                jobs.clone(),
                inbox.clone(),
                ports.checkpoints.clone(),
            )?;
            threads.push(spawn("history-reader", move || reader.run())?);
        }
        let (to_asker, jobs) = bounded(MAILBOX_MAX);
        let asker = Asker::new(&config, admin.clone(), jobs, inbox.clone());
        threads.push(spawn("asker", move || asker.run())?);
        let (to_chores, jobs) = bounded(MAILBOX_MAX);
        let chores = Chores {
            history: config.topics().history,
            admin: admin.clone(),
            effects: producer.sender(Kind::Effects, SEND_WAIT_MAX),
            jobs,
            inbox: inbox.clone(),
            views: ports.queries,
            unmade: BTreeMap::new(),
        };
        threads.push(spawn("chores", move || chores.run())?);
        let (to_map_io, jobs) = bounded(MAILBOX_MAX);
        for _ in 0..MAP_IO_THREADS {
            let server = MapIoServer {
                jobs: jobs.clone(),
                effects: producer.sender(Kind::Effects, SEND_WAIT_MAX),
                serve: ports.map_io.clone(),
                inbox: inbox.clone(),
            };
            threads.push(spawn("map-io", move || server.run())?);
        }
        let (to_rejects, jobs) = bounded(MAILBOX_MAX);
        let effects = producer.sender(Kind::Effects, SEND_WAIT_MAX);
        let rejects = Rejects::new(&config, admin.clone(), effects, jobs, inbox.clone())?;
        threads.push(spawn("rejects", move || rejects.run())?);
        let (to_nodes, nudges) = bounded(MAILBOX_MAX);
        let nodes = Nodes::new(
            &config,
            nudges,
            producer.sender(Kind::Effects, Duration::ZERO),
            status.clone(),
            hints.clone(),
            counters.clone(),
        )?;
        threads.push(spawn("nodes", move || nodes.run())?);

        let (to_lookout, stopped) = bounded(0);
        let lookout = Lookout::new(
            &config,
            admin.clone(),
            status.clone(),
            counters.clone(),
            stopped,
        );
        threads.push(spawn("lookout", move || lookout.run())?);

        let (to_member, commands) = bounded(MAILBOX_MAX);
        let ways = Ways {
            inbox: inbox.clone(),
            history: producer.sender(Kind::History, APPEND_WAIT_MAX),
            effects: producer.sender(Kind::Effects, Duration::ZERO),
            producer: producer.clone(),
            readers: readers.clone().map(Mailbox::new),
            histories: Mailbox::new(histories.clone()),
            asker: Mailbox::new(to_asker.clone()),
            chores: Mailbox::new(to_chores.clone()),
            rejects: Mailbox::new(to_rejects.clone()),
            registry: Mailbox::new(to_registry.clone()),
            nodes: Mailbox::new(to_nodes.clone()),
            map_io: Mailbox::new(to_map_io.clone()),
            views: ports.views,
            status: status.clone(),
            counters: counters.clone(),
        };
        let performer = Performer::new(
            ways,
            Mailbox::new(to_member.clone()),
            config.topics(),
            partitions,
        );
        let definitions: Arc<dyn Definitions> = ports.registry;
        let settings = (0..partitions).map(|partition| settings(&config, partition, partitions));
        let driver = Driver::new(
            inbox.clone(),
            settings,
            &definitions,
            performer,
            status.clone(),
        );
        threads.push(spawn("driver", move || driver.run())?);
        let member = Membership::new(&config, commands, inbox.clone());
        threads.push(spawn("member", move || member.run())?);

        let stops = Stops {
            readers,
            member: to_member,
            histories,
            asker: to_asker,
            chores: to_chores,
            rejects: to_rejects,
            nodes: to_nodes,
            map_io: to_map_io,
            lookout: Mutex::new(Some(to_lookout)),
        };
        let threads = Mutex::new(threads);
        let registry = to_registry;
        let inner = Inner {
            partitions,
            inbox,
            status,
            counters,
            hints,
            admin,
            producer,
            registry,
            stops,
            threads,
            config,
            activities: Arc::default(),
        };
        Ok(RuntimeHandle {
            inner: Arc::new(inner),
        })
    }
}

fn settings(config: &Config, partition: i32, partitions: i32) -> Settings {
    Settings {
        node: config.node.clone(),
        partition,
        partitions,
        topics: config.topics(),
        machine: config.machine,
        record_bytes_max: engine::RECORD_BYTES_MAX,
        in_flight_max: config.in_flight_max,
        open_executions_max: config.open_executions_max,
        restate_every_records: config.restate_every_records,
        closed_kept_ms: config.closed_kept_ms,
        names_kept_ms: config.names_kept_ms,
        command_resend_ms: engine::COMMAND_RESEND_MS,
        clock_skew_max_ms: config.clock_skew_max_ms,
        without: Without::default(),
    }
}

/// N: what is recorded; else what is configured, what the topics have, or the default, which is then recorded.
fn agree_on_partitions(
    config: &Config,
    admin: &Admin,
    registry: &Registry,
    requests: &Sender<Request>,
) -> Result<i32, StartError> {
    read_registry_patiently(requests)?;
    if registry.partitions().is_none() {
        let found = admin.partitions(&config.topics().history)?;
        let partitions = config
            .partitions
            .or(found)
            .unwrap_or(config.partitions_default);
        record_partitions(config, partitions, requests)?;
    }
    let recorded = registry.partitions().ok_or_else(|| {
        RegistryError::Unavailable(
            "the number of partitions was written, but can't be read back".to_owned(),
        )
    })?;
    match config.partitions {
        Some(configured) if configured != recorded => Err(StartError::Partitions {
            configured,
            recorded,
        }),
        _ => Ok(recorded),
    }
}

fn record_partitions(
    config: &Config,
    partitions: i32,
    requests: &Sender<Request>,
) -> Result<(), StartError> {
    let time_ms = now_ms();
    let entry = RegistryEntry {
        v: ENTRY_VERSION,
        arn: CLUSTER_ARN.into(),
        based_on: None,
        attempt: format!("{}-{time_ms}-{}", config.node, std::process::id()).into(),
        time_ms,
        body: RegistryBody::Cluster { partitions },
    };
    let (answer, answered) = bounded(1);
    let put = Request::Put(
        Box::new(entry),
        Box::new(move |result| drop(answer.send(result))),
    );
    match ask(requests, put, &answered)? {
        // Another node was first: what it recorded counts.
        Ok(_) | Err(RegistryError::Outdated { .. }) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// A topic that was just made has no leader for a moment, and a broker may be starting too.
fn read_registry_patiently(requests: &Sender<Request>) -> Result<(), StartError> {
    let give_up = Instant::now() + REGISTRY_TIMEOUT;
    loop {
        match read_registry(requests) {
            Err(StartError::Registry(RegistryError::Unavailable(reason)))
                if Instant::now() < give_up =>
            {
                tracing::debug!(reason, "the registry can't be read yet");
                std::thread::park_timeout(RETRY_EVERY);
            }
            read => return read,
        }
    }
}

fn read_registry(requests: &Sender<Request>) -> Result<(), StartError> {
    let (answer, answered) = bounded(1);
    let read = Request::ReadToEnd(Box::new(move |result| drop(answer.send(result))));
    Ok(ask(requests, read, &answered)??)
}

fn ask<T>(
    requests: &Sender<Request>,
    request: Request,
    answered: &crossbeam_channel::Receiver<T>,
) -> Result<T, RegistryError> {
    let unavailable = |what: &str| RegistryError::Unavailable(what.to_owned());
    requests
        .try_send(request)
        .map_err(|_| unavailable("its thread takes no requests"))?;
    answered
        .recv_timeout(2 * REGISTRY_TIMEOUT)
        .map_err(|_| unavailable("no answer in time"))
}

/// Starts a thread whose panic ends the process: what the others would go on with is no longer whole.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    struct Abort(String);
    impl Drop for Abort {
        fn drop(&mut self) {
            if std::thread::panicking() {
                tracing::error!(
                    thread = self.0,
                    "a bug ended a thread; the process ends so that another can take over"
                );
                std::process::abort();
            }
        }
    }
    let guard = Abort(name.to_owned());
    std::thread::Builder::new()
        .name(format!("baton-{name}"))
        .spawn(move || {
            let _guard = guard;
            run();
        })
}
