//! Bringing a request about an execution to the node that owns its partition.
//!
//! Owns: the requests that pass between nodes (JSON on `POST /internal/v1/calls`) and the decision where one goes. Who
//! owns what is a hint; a node that is asked and does not own says so, and the request is tried again until
//! [`limits::ROUTE_PATIENCE`] ends. A request is never passed on twice, so nodes that disagree can't send it in circles.

use super::changes::{ChangesPage, ChangesQuery};
use super::error::{ApiError, ErrorCode};
use super::history::{HistoryPage, HistoryQuery};
use super::list::{ListAnswer, ListRequest};
use super::map_runs::MapRunView;
use super::waiting::Waiting;
use super::{App, executions::ExecutionView, local};
use crate::limits;
use baton_machine::MapRunBounds;
use baton_schemas::Payload;
use baton_schemas::history::Failure;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// What one node asks of another. The execution's name is fixed before, so that a repeated start is one start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Start an execution of this revision.
    Start {
        /// ARN of the execution.
        execution: Arc<str>,
        /// Revision of the definition.
        revision: u64,
        /// Input.
        input: Payload,
        /// Trace context.
        traceparent: Arc<str>,
        /// Version, or alias and version, that was named.
        #[serde(default)]
        qualifier: Option<Arc<str>>,
    },
    /// Start an Express execution and answer when it has ended. Asked twice, it would be two executions.
    StartSync {
        /// ARN of the execution.
        execution: Arc<str>,
        /// Revision of the definition.
        revision: u64,
        /// Input.
        input: Payload,
        /// Trace context.
        traceparent: Arc<str>,
        /// Version, or alias and version, that was named.
        #[serde(default)]
        qualifier: Option<Arc<str>>,
    },
    /// Stop an execution.
    Stop {
        /// ARN.
        execution: Arc<str>,
        /// Error and cause.
        failure: Failure,
    },
    /// Redrive a closed execution.
    Redrive {
        /// ARN.
        execution: Arc<str>,
        /// Makes a repeated request one redrive.
        token: Arc<str>,
    },
    /// Pause an execution, or let it go on.
    Pause {
        /// ARN.
        execution: Arc<str>,
        /// Whether it is to be paused.
        paused: bool,
    },
    /// How a task stands.
    Complete {
        /// ARN of the execution that the token names.
        execution: Arc<str>,
        /// Token.
        token: Arc<str>,
        /// How it stands.
        outcome: TaskOutcome,
    },
    /// One execution.
    Describe {
        /// ARN.
        execution: Arc<str>,
    },
    /// The same, when it has closed or the time is over.
    Outcome {
        /// ARN.
        execution: Arc<str>,
        /// How long the answer may wait, milliseconds.
        wait_ms: u64,
    },
    /// What it waits for.
    Waiting {
        /// ARN.
        execution: Arc<str>,
    },
    /// A page of its history.
    History(HistoryQuery),
    /// The same, when there is a wanted event or the time is over.
    Events {
        /// Which events.
        query: HistoryQuery,
        /// How long the answer may wait, milliseconds.
        wait_ms: u64,
    },
    /// A page of the executions of this node's partitions.
    List(ListRequest),
    /// Changes of the executions of this node's partitions, when there are some or the time is over.
    Changes {
        /// Which changes.
        query: ChangesQuery,
        /// How long the answer may wait, milliseconds.
        wait_ms: u64,
    },
    /// The map runs of an execution.
    MapRuns {
        /// ARN.
        execution: Arc<str>,
    },
    /// New bounds of a map run.
    UpdateMapRun {
        /// ARN of the execution that runs the Map.
        execution: Arc<str>,
        /// ARN of the run.
        run: Arc<str>,
        /// The bounds.
        bounds: MapRunBounds,
    },
}

/// Serde form of [`baton_schemas::Outcome`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TaskOutcome {
    /// Output.
    Succeeded(Payload),
    /// Error and cause.
    Failed(Failure),
    /// Nothing.
    Heartbeat,
    /// The worker's name, if it said one.
    Started(Option<Arc<str>>),
}

/// What a node answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// When it was started, milliseconds since the epoch.
    Started(i64),
    /// When it was stopped, milliseconds since the epoch.
    Stopped(i64),
    /// When it was redriven, milliseconds since the epoch.
    Redriven(i64),
    /// Since when it is paused, if it is, milliseconds since the epoch.
    Paused(Option<i64>),
    /// The completion was taken.
    Completed,
    /// The execution.
    Execution(Box<ExecutionView>),
    /// What it waits for.
    Waiting(Vec<Waiting>),
    /// The page.
    History(HistoryPage),
    /// The page.
    List(ListAnswer),
    /// The changes.
    Changes(ChangesPage),
    /// The runs, newest first.
    MapRuns(Vec<MapRunView>),
}

/// What a node sends back.
pub type Result<T> = std::result::Result<T, ApiError>;

impl Request {
    /// The execution that decides the partition; `None` for what every node answers.
    pub fn execution(&self) -> Option<&str> {
        match self {
            Self::Start { execution, .. }
            | Self::StartSync { execution, .. }
            | Self::Stop { execution, .. }
            | Self::Redrive { execution, .. }
            | Self::Pause { execution, .. }
            | Self::Complete { execution, .. }
            | Self::Describe { execution }
            | Self::Waiting { execution }
            | Self::Outcome { execution, .. }
            | Self::MapRuns { execution }
            | Self::UpdateMapRun { execution, .. } => Some(execution),
            Self::History(query) | Self::Events { query, .. } => Some(&query.execution),
            Self::List(_) | Self::Changes { .. } => None,
        }
    }

    /// Whether it only asks what the views show.
    pub fn is_query(&self) -> bool {
        !matches!(
            self,
            Self::Start { .. }
                | Self::StartSync { .. }
                | Self::Stop { .. }
                | Self::Redrive { .. }
                | Self::Pause { .. }
                | Self::Complete { .. }
                | Self::UpdateMapRun { .. }
        )
    }
}

impl App {
    /// Brings `request` to the owner of its execution's partition and returns the answer.
    ///
    /// When an answer was lost, what was asked may be recorded: the request is asked again, and a refusal is believed only
    /// if the history does not say that the first try was taken.
    pub(crate) async fn at_owner(&self, request: &Request) -> Result<Answer> {
        let execution = request.execution().unwrap_or_default();
        let partition = self.partition(execution);
        let mut begun = Instant::now();
        let mut pause = limits::ROUTE_PAUSE;
        let mut in_doubt = false;
        loop {
            let refused = match self.try_owner(partition, request).await {
                Err(error) if error.code == ErrorCode::NotOwner => error,
                // At most once: nobody can tell whether it ran.
                Err(error)
                    if error.code == ErrorCode::InDoubt
                        && matches!(request, Request::StartSync { .. }) =>
                {
                    let message = format!(
                        "the answer of the node that runs the execution was lost ({error}); it may have run, and is not run again"
                    );
                    return Err(ApiError::new(ErrorCode::ServiceUnavailable, message));
                }
                Err(error) if error.code == ErrorCode::InDoubt => {
                    if !in_doubt {
                        // The lost answer may have taken long; what became of the call is worth waiting for anew.
                        (in_doubt, begun) = (true, Instant::now());
                    }
                    error
                }
                Err(error) if in_doubt => return self.what_became_of(request, error).await,
                answered => return answered,
            };
            if begun.elapsed() + pause > limits::ROUTE_PATIENCE {
                return Err(unavailable(partition, &refused));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(limits::ROUTE_PAUSE_MAX);
        }
    }

    /// One try: here if this node owns the partition, else at the node that is said to.
    async fn try_owner(&self, partition: i32, request: &Request) -> Result<Answer> {
        if self.parts.cluster.owns(partition) {
            return local::perform(self, request).await;
        }
        match self.parts.cluster.owner_url(partition) {
            Some(url) if url != self.settings.url => self.ask(&url, request).await,
            _ => Err(ApiError::new(
                ErrorCode::NotOwner,
                format!("nobody has said that it owns partition {partition}"),
            )),
        }
    }

    /// Asks the node at `url`. What surely did not happen comes back as [`ErrorCode::NotOwner`], what may have happened as
    /// [`ErrorCode::InDoubt`].
    pub(crate) async fn ask(&self, url: &str, request: &Request) -> Result<Answer> {
        let to = format!("{}/internal/v1/calls", url.trim_end_matches('/'));
        let lost = |error: reqwest::Error| {
            let code = if error.is_connect() {
                ErrorCode::NotOwner
            } else {
                ErrorCode::InDoubt
            };
            ApiError::new(code, format!("node {url} did not answer: {error}"))
        };
        let mut call = self.client.post(&to).json(request);
        if matches!(request, Request::StartSync { .. }) {
            call = call.timeout(limits::SYNC_ANSWER_MAX + limits::ROUTE_PAUSE_MAX);
        }
        // All nodes have the same keys.
        if let Some((id, secret)) = self.settings.access_keys.first() {
            call = call.basic_auth(id, Some(secret));
        }
        let answer = call.send().await;
        let answer = answer.map_err(lost)?;
        if !answer.status().is_success() && answer.headers().get(ERROR_HEADER).is_none() {
            let message = format!("node {url} answered {}", answer.status());
            return Err(ApiError::new(ErrorCode::ServiceUnavailable, message));
        }
        let bytes = answer.bytes().await.map_err(lost)?;
        serde_json::from_slice::<Result<Answer>>(&bytes).map_err(|e| {
            let message = format!(
                "node {url} answered something that this version can't read ({e}): run the same version on all nodes"
            );
            ApiError::new(ErrorCode::ServiceUnavailable, message)
        })?
    }
}

/// Says that an error status comes from the operation, not from something in between.
pub const ERROR_HEADER: &str = "x-baton-error";

fn unavailable(partition: i32, last: &ApiError) -> ApiError {
    ApiError::new(
        ErrorCode::ServiceUnavailable,
        format!(
            "partition {partition} has had no reachable owner for {} s ({last}); try again",
            limits::ROUTE_PATIENCE.as_secs()
        ),
    )
}
