//! A worker: the threads of its queues, its producer, and how they stop.

use crate::WorkerError;
use crate::builder::WorkerBuilder;
use crate::kafka::control::ControlLoop;
use crate::kafka::producer::KafkaOutlet;
use crate::kafka::queue::QueueLoop;
use crate::offsets::lock;
use crate::outlet::Outlet;
use crate::runner::Runner;
use baton_schemas::topics::{Topics, escape};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Consumes task queues and runs their handlers.
pub struct Worker {
    pub(crate) options: WorkerBuilder,
}

impl Worker {
    /// Begins a worker.
    pub fn builder() -> WorkerBuilder {
        WorkerBuilder::new()
    }

    pub(crate) fn new(options: WorkerBuilder) -> Self {
        Self { options }
    }

    /// Runs until SIGTERM or SIGINT, then finishes what runs. A second signal gives up what still runs.
    ///
    /// # Errors
    /// Wrong Kafka properties at the start; a Kafka client that can't go on, later.
    pub async fn run(self) -> Result<(), WorkerError> {
        let system = |source| WorkerError::System {
            what: "listening for SIGTERM and SIGINT",
            source,
        };
        let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
        let (stop, stops) = tokio::sync::watch::channel(0_u32);
        let listener = tokio::spawn(async move {
            loop {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                stop.send_modify(|count| *count += 1);
            }
        });
        let asked = |times| {
            let mut stops = stops.clone();
            async move { drop(stops.wait_for(|count| *count >= times).await) }
        };
        let ended = self.serve(asked(1), asked(2)).await;
        listener.abort();
        send_last_spans().await;
        ended
    }

    /// Runs until `stop` completes, then finishes what runs. For tests, and for workers within a larger program.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_until(self, stop: impl Future<Output = ()> + Send) -> Result<(), WorkerError> {
        let ended = self.serve(stop, std::future::pending()).await;
        send_last_spans().await;
        ended
    }

    async fn serve(
        self,
        stop: impl Future<Output = ()> + Send,
        give_up: impl Future<Output = ()> + Send,
    ) -> Result<(), WorkerError> {
        let drain_timeout = self.options.drain_timeout;
        let flag = Arc::new(Stop::default());
        // Whatever ends this future, the threads are told.
        let _told = StopOnDrop(Arc::clone(&flag));
        let mut threads = self.start(&flag)?;
        tokio::pin!(stop, give_up);
        let mut asked = false;
        loop {
            tokio::select! {
                () = &mut stop, if !asked => {
                    tracing::info!("stopping: no more commands are taken, running handlers finish");
                    asked = true;
                    flag.ask(drain_timeout);
                }
                () = &mut give_up, if asked => flag.ask(Duration::ZERO),
                ended = threads.join_next() => match ended {
                    None => return Ok(()),
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(error))) => return Err(error),
                    Some(Err(end)) => match end.try_into_panic() {
                        // A bug of this library, not of a handler: those are caught.
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(_) => return Ok(()),
                    },
                },
            }
        }
    }

    fn start(self, stop: &Arc<Stop>) -> Result<JoinSet<Result<(), WorkerError>>, WorkerError> {
        let options = self.options;
        let topics = Topics::new(&options.prefix);
        let outlet = Arc::new(KafkaOutlet::new(
            &options.kafka,
            Arc::clone(&topics.dead_letter),
        )?);
        let runtime = tokio::runtime::Handle::current();
        let (mut loops, mut runners) = (Vec::new(), Vec::new());
        for queue in options.queues {
            let runner = Runner::new(
                queue.name.as_str().into(),
                queue.handler,
                Arc::clone(&outlet) as Arc<dyn Outlet>,
                runtime.clone(),
                queue.concurrency.unwrap_or(options.concurrency),
                options.auto_heartbeat,
                &options.metrics,
            );
            runners.push(Arc::clone(&runner));
            let group = queue
                .group
                .unwrap_or_else(|| format!("{}worker.{}", options.prefix, escape(&queue.name)));
            let topic = topics.commands(&queue.name);
            tracing::info!(queue = queue.name, topic, group, "serving");
            let (outlet, stop) = (Arc::clone(&outlet), Arc::clone(stop));
            loops.push(QueueLoop::new(
                &queue.name,
                topic,
                &group,
                &options.kafka,
                runner,
                outlet,
                stop,
            )?);
        }
        let control = ControlLoop::new(&topics, &options.kafka, runners, Arc::clone(stop))?;
        let mut threads = JoinSet::new();
        threads.spawn_blocking(move || {
            control.run();
            Ok(())
        });
        for queue in loops {
            threads.spawn_blocking(move || queue.run());
        }
        Ok(threads)
    }
}

/// What has ended before the program does is in the trace, too.
async fn send_last_spans() {
    #[cfg(feature = "otel")]
    if let Err(error) = tokio::task::spawn_blocking(crate::otel::flush).await {
        tracing::warn!(%error, "the last spans were not exported");
    }
}

/// Tells the threads of a worker to stop, and until when.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    deadline: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl Stop {
    fn ask(&self, drain: Duration) {
        *lock(&self.deadline) = Some(Instant::now() + drain);
        self.asked.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    /// Whether to stop.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Whether running handlers have had their time.
    pub fn overdue(&self) -> bool {
        lock(&self.deadline).is_some_and(|at| Instant::now() >= at)
    }

    /// Waits, at most `timeout`, for the stop.
    pub fn wait(&self, timeout: Duration) {
        let guard = lock(&self.deadline);
        let wait = self
            .changed
            .wait_timeout_while(guard, timeout, |deadline| deadline.is_none());
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }
}

struct StopOnDrop(Arc<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if !self.0.asked() {
            self.0.ask(Duration::ZERO);
        }
    }
}
