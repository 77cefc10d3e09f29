//! The operations, as both protocols call them.
//!
//! Owns: [`App`], what the operations share, and the operations themselves, one file for each group. Must not: know a
//! protocol. Operations take checked, typed arguments and return typed answers or an [`error::ApiError`].

pub mod activities;
pub mod aliases;
pub mod changes;
pub mod cursor;
pub mod doubt;
pub mod error;
pub mod executions;
pub mod filter;
pub mod history;
pub mod jobs;
pub mod list;
pub mod local;
pub mod machines;
pub mod map_runs;
pub mod names;
pub mod put;
pub mod queues;
pub mod redrive;
pub mod remote;
pub mod saved_views;
pub mod start;
pub mod sync;
pub mod tags;
pub mod tasks;
pub mod validate;
pub mod variables;
pub mod versions;
pub mod wait;
pub mod waiting;
pub mod workers;
pub mod write;

use crate::auth::AccessKeys;
use crate::limits;
use crate::metrics::Metrics;
use crate::ports::{Cluster, Queues};
use crate::watches::Watches;
use baton_engine::registry::{Registry, RegistryWriter};
use baton_engine::{Calls, Definition, Definitions, Views};
use baton_schemas::partition::partition_of;
use error::{ApiError, ErrorCode};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, oneshot, watch};

/// What the API works on.
#[derive(Clone)]
pub struct Parts {
    /// The owners of this node.
    pub calls: Arc<dyn Calls>,
    /// Writes to the registry.
    pub writer: Arc<dyn RegistryWriter>,
    /// Definitions, as far as they have been read.
    pub registry: Arc<Registry>,
    /// Effective state for queries.
    pub views: Arc<dyn Views>,
    /// Makes the topics of queues.
    pub queues: Arc<dyn Queues>,
    /// Who owns what.
    pub cluster: Arc<dyn Cluster>,
    /// Who waits for changes; to be fed with what the views are fed with ([`Watches::feed`]).
    pub watches: Arc<Watches>,
}

/// What can be configured of the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Region in the ARNs of machines that are created.
    pub region: Arc<str>,
    /// Account in them.
    pub account: Arc<str>,
    /// Base URL under which other nodes reach this one.
    pub url: Arc<str>,
    /// Most requests at a time; see [`limits::REQUESTS_MAX`].
    pub requests_max: usize,
    /// Keys that callers must show; nothing is asked for if there are none.
    pub access_keys: AccessKeys,
}

/// The operations and what they share.
pub struct App {
    pub(crate) parts: Parts,
    pub(crate) settings: Settings,
    pub(crate) client: reqwest::Client,
    pub(crate) metrics: Metrics,
    pub(crate) admission: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) surveys: workers::Surveys,
    /// Told when this node created a job.
    pub(crate) jobs_changed: Notify,
    draining: watch::Sender<bool>,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When no HTTP client for calls to other nodes can be made.
    pub fn new(parts: Parts, settings: Settings) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(limits::CALL_TIMEOUT + limits::ROUTE_PAUSE_MAX)
            .connect_timeout(Duration::from_secs(2))
            .build()?;
        Ok(Self {
            admission: Semaphore::new(settings.requests_max),
            parts,
            settings,
            client,
            metrics: Metrics::default(),
            streams: Arc::new(Semaphore::new(limits::STREAMS_MAX)),
            surveys: workers::Surveys::default(),
            jobs_changed: Notify::new(),
            draining: watch::Sender::new(false),
        })
    }

    /// From now on `/readyz` says no, so that nobody sends new requests; requests that wait are answered as things stand,
    /// and streams end.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Completes when the node is shutting down.
    pub(crate) async fn drained(&self) {
        // The sender lives as long as `self`.
        let _ = self
            .draining
            .subscribe()
            .wait_for(|draining| *draining)
            .await;
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Why this node is not ready; empty when it is.
    pub(crate) fn not_ready(&self) -> Vec<String> {
        let mut reasons = self.parts.cluster.not_ready();
        if self.is_draining() {
            reasons.insert(0, "the node is shutting down".to_owned());
        }
        reasons
    }

    /// The partition of an execution.
    pub(crate) fn partition(&self, execution: &str) -> i32 {
        partition_of(execution.as_bytes(), self.parts.cluster.partitions())
    }

    /// The current definition of a machine; reads the registry to its end before it says that there is none (R13).
    pub(crate) async fn machine(&self, arn: &str) -> Result<Option<Arc<Definition>>, ApiError> {
        if let Some(found) = self.parts.registry.current(arn) {
            return Ok(Some(found));
        }
        self.read_registry().await?;
        Ok(self.parts.registry.current(arn))
    }

    /// The same; an error if there is none.
    pub(crate) async fn existing_machine(&self, arn: &str) -> Result<Arc<Definition>, ApiError> {
        names::check_machine_arn(arn)?;
        self.machine(arn)
            .await?
            .ok_or_else(|| ApiError::no_machine(arn))
    }

    /// Reads the registry to its end.
    pub(crate) async fn read_registry(&self) -> Result<(), ApiError> {
        let (answer, answered) = oneshot::channel();
        self.parts
            .writer
            .read_to_end(Box::new(move |result| drop(answer.send(result))));
        in_time("reading the registry", answered, limits::CALL_TIMEOUT)
            .await?
            .map_err(ApiError::from)
    }
}

/// Waits for an answer of another thread, at most for `patience`.
pub(crate) async fn in_time<T>(
    what: &str,
    answered: impl Future<Output = Result<T, oneshot::error::RecvError>>,
    patience: Duration,
) -> Result<T, ApiError> {
    match tokio::time::timeout(patience, answered).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(ApiError::new(
            ErrorCode::ServiceUnavailable,
            format!("{what}: this node is stopping; try again"),
        )),
        Err(_) => Err(ApiError::new(
            ErrorCode::ServiceUnavailable,
            format!(
                "{what}: no answer within {} s; it may still happen, repeating the call is safe",
                patience.as_secs()
            ),
        )),
    }
}

/// Runs something that may block (views read files) off the threads that serve requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        ApiError::new(
            ErrorCode::InternalFailure,
            format!("the query did not end: {e}"),
        )
    })
}
