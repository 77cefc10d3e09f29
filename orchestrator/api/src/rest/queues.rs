//! Worker health over REST: queues and who consumes them; what an execution waits for.

use super::executions::execution_of;
use super::shapes::{Consumer, ConsumerGroup, Problem, Queue, QueueList, Reason, Reasons};
use super::{Segment, answer, segment};
use crate::app::error::ApiError;
use crate::app::workers::QueueHealth;
use crate::app::{App, waiting};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use baton_schemas::time::rfc3339;
use std::sync::Arc;

#[utoipa::path(
    get, path = "/v1/queues", tag = "workers",
    summary = "Task queues: who consumes them, with what lag and rate",
    responses(
        (status = 200, description = "All queues, by name", body = QueueList),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(State(app): State<Arc<App>>) -> Response {
    answer("ListQueues", listing(&app).await)
}

#[utoipa::path(
    get, path = "/v1/executions/{execution}/why", tag = "executions",
    summary = "What an execution that runs is waiting for, in words",
    params(("execution" = String, Path, description = "ARN of the execution, or MACHINE:NAME")),
    responses(
        (status = 200, description = "Nothing if it has closed", body = Reasons),
        (status = "4XX", description = "What is wrong with the request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "What is wrong here", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn why(State(app): State<Arc<App>>, path: Segment) -> Response {
    answer("ExplainExecution", reasons(&app, path).await)
}

async fn listing(app: &App) -> Result<Response, ApiError> {
    let queues = app.queues_health().await?;
    let queues = queues.iter().map(shown).collect();
    Ok(Json(QueueList { queues }).into_response())
}

fn shown(queue: &QueueHealth) -> Queue {
    let state = &queue.state;
    let groups = state.groups.iter().zip(&queue.groups);
    Queue {
        name: state.name.clone(),
        topic: state.topic.clone(),
        partitions: state.partitions,
        consumers: state.groups.iter().map(|group| group.members.len()).sum(),
        lag: state
            .groups
            .iter()
            .map(|group| group.lag)
            .max()
            .unwrap_or(state.end),
        groups: groups
            .map(|(group, (per_second, seen_ms))| ConsumerGroup {
                name: group.name.clone(),
                lag: group.lag,
                per_second: *per_second,
                last_seen: seen_ms.map(rfc3339),
                members: group
                    .members
                    .iter()
                    .map(|(client, host, partitions)| Consumer {
                        client: client.clone(),
                        host: host.clone(),
                        partitions: *partitions,
                    })
                    .collect(),
            })
            .collect(),
    }
}

async fn reasons(app: &App, path: Segment) -> Result<Response, ApiError> {
    let execution = execution_of(app, &segment(path)?);
    let found = app.waiting(&execution).await?;
    // What is known of the execution is worth telling even if the brokers don't answer.
    let queues = match found.is_empty() {
        true => Vec::new(),
        false => app.queues_health().await.unwrap_or_default(),
    };
    let waiting_for = found
        .iter()
        .map(|waiting| Reason {
            state: waiting.state.to_string(),
            since: rfc3339(waiting.since_ms),
            reason: waiting::in_words(waiting, &queues),
        })
        .collect();
    Ok(Json(Reasons { waiting_for }).into_response())
}
